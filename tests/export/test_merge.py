"""Merging: what plain transformers makes of the folder answers as the tuned model does; what no
weights can do is refused.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from tiny import make_examples

from selfteach import cli, config
from selfteach.errors import UsageError
from selfteach.export.merge import explain_why_not_merged, export_lora, merge_adapter
from selfteach.export.output_folder import check_unused, open_atomic_folder
from selfteach.models.hf import HfModel
from selfteach.records import make_prompt
from selfteach.train.train import train

pytestmark = pytest.mark.training

WEIGHTS = {"in_scope": {"sft": 1.0}}
REFT = {"adapter": "reft", "reft": {"site": "down_proj", "positions": "all"}}
MERGED: dict[str, dict[str, Any]] = {
    "lora": {"adapter": "lora"},
    "full": {"adapter": "full"},
    "layers": {"adapter": "layers", "layers": {"which": "1"}},
    "reft": REFT,
    "closed_form": {
        "adapter": "closed_form",
        "learning_rate": None,
        "closed_form": {"shots": 1, "layers": "all", "sweeps": 1},
    },
}


TrainAdapter = Callable[[Path, Path, dict[str, Any]], Path]


@pytest.fixture(scope="module")
def train_adapter(tmp_path_factory: pytest.TempPathFactory) -> TrainAdapter:
    """Return a function that copies a trained adapter of some settings on a base into a folder, and
    trains each only once.
    """
    made: dict[str, Path] = {}

    def copy(base: Path, folder: Path, settings: dict[str, Any]) -> Path:
        key = json.dumps([str(base), settings])
        if key not in made:
            made[key] = train_once(base, tmp_path_factory.mktemp("trained"), settings)
        shutil.copytree(made[key].parent, folder)
        return folder / made[key].name

    return copy


def train_once(base: Path, folder: Path, settings: dict[str, Any]) -> Path:
    examples = [*make_examples(16), *(e for e in make_examples(10, "general"))]
    wanted = config.TrainConfig.model_validate(
        {"weights": WEIGHTS, "learning_rate": 5e-3, "epochs": 2, "batch_size": 8, **settings}
    )
    return train(
        HfModel.load(base, dtype="float32", device="cpu"), examples, wanted, folder, seed=0
    ).adapter


@pytest.mark.parametrize("kind", MERGED)
def test_plain_transformers_gives_the_logits_of_the_tuned_model(
    train_adapter: TrainAdapter, kind: str, tiny: Path, tmp_path: Path
) -> None:
    adapter = train_adapter(tiny, tmp_path / "training", MERGED[kind])
    out = merge_adapter(str(tiny), adapter, tmp_path / "merged")
    mine, base = (
        HfModel.load(tiny, adapter=a, dtype="float32", device="cpu") for a in (adapter, None)
    )
    plain = AutoModelForCausalLM.from_pretrained(out, dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(out)
    ids = torch.tensor([mine.encode(make_prompt("Tell me about music."))])
    assert tokenizer.apply_chat_template(
        [{"role": "user", "content": "Tell me about music."}], add_generation_prompt=True
    )["input_ids"] == (ids[0].tolist())
    with torch.inference_mode():
        theirs, ours, before = (m(ids).logits for m in (plain, mine.module, base.module))
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=1e-5)
    assert (ours - before).abs().max() > 1e-2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merged", "training"], (
        "nothing half-written is left"
    )


def test_a_reft_that_other_weights_do_becomes_a_lora_that_peft_loads(
    train_adapter: TrainAdapter, tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    out = tmp_path / "lora"
    adapter = train_adapter(tiny, run, REFT)
    (run / "config.yaml").write_text(f"model: {tiny}\n")
    assert (
        cli.run_command(["merge", "--run", str(run), "--as", "lora", "--out", str(out), "--json"])
        == 0
    )
    assert json.loads(capfd.readouterr().out)["lora"] == str(out)
    plain = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny, dtype="float32"), out
    )
    mine, base = (
        HfModel.load(tiny, adapter=a, dtype="float32", device="cpu") for a in (adapter, None)
    )
    ids = torch.tensor([mine.encode(make_prompt("Tell me about music."))])
    with torch.inference_mode():
        theirs, ours, before = (m(ids).logits for m in (plain, mine.module, base.module))
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=1e-5)
    assert (ours - before).abs().max() > 1e-2
    assert (
        cli.run_command(["merge", "--run", str(run), "--as", "lore", "--out", str(tmp_path / "x")])
        == 2
    )
    assert 'Did you mean "lora"' in capfd.readouterr().err


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"adapter": "lora"}, "it is one already"),
        ({"adapter": "full"}, "whole weights"),
        ({"adapter": "reft"}, "no change of weights"),
    ],
    ids=["lora", "full", "reft"],
)
def test_what_no_lora_does_exactly_is_refused(
    train_adapter: TrainAdapter, settings: dict[str, Any], why: str, tiny: Path, tmp_path: Path
) -> None:
    adapter = train_adapter(tiny, tmp_path / "run", settings)
    with pytest.raises(UsageError, match=why):
        export_lora(str(tiny), adapter, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"adapter": "prompt"}, "a soft prompt comes before every prompt"),
        ({"adapter": "bottleneck"}, "bottleneck layers come between"),
        ({"adapter": "reft"}, "reft edits stream at f1"),
    ],
    ids=["prompt", "bottleneck", "reft"],
)
def test_what_is_no_change_of_weights_is_refused_with_what_to_do(
    train_adapter: TrainAdapter,
    settings: dict[str, Any],
    words: str,
    tiny: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    adapter = train_adapter(tiny, run, settings)
    (run / "config.yaml").write_text(f"model: {tiny}\n")
    assert words in explain_why_not_merged(adapter)
    assert cli.run_command(["merge", "--run", str(run), "--out", str(tmp_path / "merged")]) == 2
    printed = capfd.readouterr().err
    assert words in printed
    assert "selfteach answer --run" in printed
    assert not (tmp_path / "merged").exists()


def test_a_family_without_a_place_for_the_bias_is_refused(
    train_adapter: TrainAdapter, make_tiny: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    base = make_tiny(tmp_path / "qwen", family="qwen2")
    run = tmp_path / "run"
    train_adapter(base, run, REFT)
    (run / "config.yaml").write_text(f"model: {base}\n")
    assert cli.run_command(["merge", "--run", str(run), "--out", str(tmp_path / "merged")]) == 2
    assert "has no place for model.layers.0.mlp.down_proj.bias" in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["qwen", "run"]


def test_the_current_folder_is_no_place_for_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (Path(), tmp_path):
        with pytest.raises(UsageError, match="is the current folder"):
            check_unused(place)
    (tmp_path / "a").mkdir()
    with open_atomic_folder(Path("a/..") / "b") as fresh:
        fresh.mkdir()
    assert (tmp_path / "b").is_dir()


def test_a_written_folder_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    before: list[int] = []
    sync = os.fsync
    rename = Path.rename

    def note_sync(number: int) -> None:
        synced.append(os.fstat(number).st_ino)
        sync(number)

    def note_rename(self: Path, target: Path) -> Path:
        before.extend(synced)
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)
    out = tmp_path / "new" / "out"
    with open_atomic_folder(out) as fresh:
        (fresh / "inner").mkdir(parents=True)
        (fresh / "inner" / "weights").write_text("1")
    written = (out, out / "inner", out / "inner" / "weights")
    assert {path.stat().st_ino for path in written} <= set(before)
    assert synced[-1] == out.parent.stat().st_ino, "with the new name"
    assert tmp_path.stat().st_ino in before, "with that of the folder around it"


def test_what_a_killed_process_of_the_same_number_left_is_not_written_along(
    tmp_path: Path,
) -> None:
    with pytest.raises(AssertionError), open_atomic_folder(tmp_path / "out") as place:
        raise AssertionError
    place.mkdir()
    (place / "half_written").touch()
    with open_atomic_folder(tmp_path / "out") as fresh:
        assert fresh == place
        fresh.mkdir()
    assert list(tmp_path.rglob("*")) == [tmp_path / "out"]


def test_a_folder_that_holds_something_is_left_alone(
    train_adapter: TrainAdapter, tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    out = tmp_path / "out"
    train_adapter(tiny, run, {"adapter": "lora"})
    (run / "config.yaml").write_text(f"model: {tiny}\n")
    out.mkdir()
    (out / "mine").write_text("mine")
    assert cli.run_command(["merge", "--run", str(run), "--out", str(out)]) == 2
    assert "exists already" in capfd.readouterr().err
    assert [path.name for path in out.iterdir()] == ["mine"]
    (out / "mine").unlink()
    assert cli.run_command(["merge", "--run", str(run), "--out", str(out), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["model"] == str(out)
