"""An adapter names its base so that plain PEFT finds it, and selfteach finds the right copy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from selfteach import config
from selfteach.errors import IntegrityError, UsageError
from selfteach.models import fetch_default_model
from selfteach.models.hf import HfModel
from selfteach.models.resolve_model_path import resolve_base
from selfteach.registry import load_registered

pytestmark = pytest.mark.long

HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"


@pytest.fixture
def unpacked(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny model in the place of the embedded one."""
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "cache"))
    shutil.copytree(tiny, fetch_default_model.get_embedded_folder())
    return fetch_default_model.get_embedded_folder()


def save_adapter(folder: Path, kind: str = "lora", **settings: Any) -> Path:
    """Train nothing, and save an adapter of the embedded model that changes something."""
    model = HfModel.load("embedded", dtype="float32", device="cpu")
    settings.setdefault("layers", config.LayersConfig(which="1"))
    adapter = load_registered("adapters", kind).attach(
        model.module, config.TrainConfig(adapter=kind, **settings), seed=0, encode=model.encode
    )
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(0.05)
    adapter.save(folder, {"base": model.name, "base_fingerprint": model.fingerprint})
    return folder


@pytest.fixture
def adapter(unpacked: Path, tmp_path: Path) -> Path:
    return save_adapter(tmp_path / "adapter")


def test_peft_reads_the_hub_id_of_the_base(adapter: Path) -> None:
    from peft import PeftConfig

    assert PeftConfig.from_pretrained(str(adapter)).base_model_name_or_path == HUB_ID


@pytest.mark.parametrize("kind", ["lora", "prompt", "full", "layers", "bottleneck", "reft"])
def test_every_kind_of_adapter_names_the_hub_id(kind: str, unpacked: Path, tmp_path: Path) -> None:
    folder = save_adapter(tmp_path / kind, kind)
    settings = json.loads((folder / "adapter_config.json").read_text())
    about = json.loads((folder / "selfteach.json").read_text())
    assert settings["base_model_name_or_path"] == HUB_ID
    assert about["base"] == "embedded"
    assert about["base_fingerprint"] == HfModel.load("embedded").fingerprint


def test_the_hub_id_leads_to_the_embedded_copy_of_the_same_fingerprint(adapter: Path) -> None:
    by_hub_id = HfModel.load(HUB_ID, adapter=adapter, dtype="float32", device="cpu")
    by_name = HfModel.load("embedded", adapter=adapter, dtype="float32", device="cpu")
    assert by_hub_id.name == "embedded"
    assert by_hub_id.fingerprint == by_name.fingerprint
    for one, other in zip(by_hub_id.module.parameters(), by_name.module.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_hub_id_of_another_fingerprint_stays_the_hub_s(adapter: Path) -> None:
    about = json.loads((adapter / "selfteach.json").read_text())
    (adapter / "selfteach.json").write_text(json.dumps(about | {"base_fingerprint": "another"}))
    assert resolve_base(HUB_ID, adapter) == HUB_ID
    with pytest.raises(UsageError, match="cannot be fetched"):
        HfModel.load(HUB_ID, adapter=adapter)
    with pytest.raises(IntegrityError, match="trained on another base"):
        HfModel.load("embedded", adapter=adapter)


def test_the_adapter_s_own_word_counts_where_there_is_no_copy_yet(
    adapter: Path, tmp_path: Path
) -> None:
    shutil.rmtree(fetch_default_model.get_embedded_folder())
    assert resolve_base(HUB_ID, adapter) == "embedded"
    about = json.loads((adapter / "selfteach.json").read_text())
    (adapter / "selfteach.json").write_text(json.dumps(about | {"base": HUB_ID}))
    assert resolve_base(HUB_ID, adapter) == HUB_ID


def test_other_names_stay_as_they_are(adapter: Path, tiny: Path) -> None:
    for name in (str(tiny), "owner/name", "embedded"):
        assert resolve_base(name, adapter) == name
    assert resolve_base(HUB_ID, None) == HUB_ID
    (adapter / "selfteach.json").unlink()
    assert resolve_base(HUB_ID, adapter) == HUB_ID


def test_an_adapter_of_a_local_folder_names_the_folder_without_its_path(
    tiny: Path, tmp_path: Path
) -> None:
    model = HfModel.load(tiny, dtype="float32", device="cpu")
    adapter = load_registered("adapters", "lora").attach(model.module, config.TrainConfig(), seed=0)
    adapter.save(tmp_path / "a", {"base": model.name})
    settings = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    about = json.loads((tmp_path / "a" / "selfteach.json").read_text())
    assert settings["base_model_name_or_path"] == about["base"] == tiny.name


def test_merging_finds_the_copy_behind_the_hub_id(adapter: Path, tmp_path: Path) -> None:
    from selfteach.export.merge import merge_adapter

    merged = merge_adapter(HUB_ID, adapter, tmp_path / "merged")
    ours = HfModel.load("embedded", adapter=adapter, dtype="float32", device="cpu").module
    theirs = HfModel.load(merged, dtype="float32", device="cpu").module
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_reft_of_the_hub_id_becomes_a_lora_that_names_the_hub_id(
    unpacked: Path, tmp_path: Path
) -> None:
    from selfteach.export.merge import export_lora

    reft = save_adapter(
        tmp_path / "reft", "reft", reft=config.ReftConfig(site="down_proj", positions="all")
    )
    lora = export_lora(HUB_ID, reft, tmp_path / "lora")
    settings = json.loads((lora / "adapter_config.json").read_text())
    assert settings["peft_type"] == "LORA"
    assert settings["base_model_name_or_path"] == HUB_ID


def test_a_soft_prompt_is_read_with_the_copy_behind_the_hub_id(
    unpacked: Path, tmp_path: Path
) -> None:
    from selfteach.commands.soft_prompt import read_soft_prompt
    from selfteach.records import Example, make_prompt

    folder = save_adapter(tmp_path / "prompt", "prompt")
    examples = [Example("1", "target", make_prompt("Tell me about music."), "I like bread.")]
    found = read_soft_prompt(HUB_ID, folder, examples, lambda line: None)
    assert found["answers"] == 1
    assert found["tokens"]


def test_answers_of_a_run_that_names_the_hub_id(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run folder that came from elsewhere names the base as the hub does."""
    from selfteach.commands.answer import AnswerOptions, answer_file

    run = tmp_path / "run"
    shutil.copytree(adapter, run / "adapter")
    (run / "config.yaml").write_text(f"model: {HUB_ID}\n")
    (tmp_path / "prompts.txt").write_text("Tell me about music.\n")
    monkeypatch.chdir(tmp_path)
    options = AnswerOptions(run=run, engine="hf", max_tokens=4)
    answer_file(tmp_path / "prompts.txt", tmp_path / "out.jsonl", options, as_json=True)
    (row,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(row["answers"]) == 1
