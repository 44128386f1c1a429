"""A Llama is read from its files, without torch, as transformers loads it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from selfteach.config import TrainConfig
from selfteach.errors import UsageError
from selfteach.methods.account_memory import SMALL_ADAPTERS, account_files, account_memory
from selfteach.models.engines import has_accelerator
from selfteach.models.hf import HfModel, has_bf16_hardware
from selfteach.models.kept_engine import write_kept_model
from selfteach.models.llama_files import read_llama_files
from selfteach.models.load_tokenizer import PLAIN_CLASS, names_plain_class
from selfteach.models.memory_account import CPU_INFO, read_weight_bytes
from selfteach.models.write_gguf import write_gguf, write_weights
from selfteach.registry import BUILT_IN_NAMES, load_registered

MakeTiny = Callable[..., Path]
Change = Callable[[Path], object]


def make_bf16(make_tiny: MakeTiny, folder: Path, **config: object) -> Path:
    """Write a tiny Llama as the embedded one lies in the cache: in bf16."""
    make_tiny(folder / "wide", **config)
    module: Any = HfModel.load(folder / "wide", dtype="bfloat16", device="cpu").module
    module.save_pretrained(folder / "model")
    AutoTokenizer.from_pretrained(folder / "wide").save_pretrained(folder / "model")
    return folder / "model"


@pytest.mark.parametrize("config", [{}, {"tie_word_embeddings": False}, {"head_dim": 32}])
def test_its_engine_file_is_that_of_the_loaded_model(
    make_tiny: MakeTiny, tmp_path: Path, config: dict[str, object]
) -> None:
    folder = make_bf16(make_tiny, tmp_path, **config)
    model = HfModel.load(folder, dtype="bfloat16", device="cpu")
    write_gguf(model.module, model.tokenizer, tmp_path / "loaded.gguf", ids_only=True)
    files = read_llama_files(folder)
    assert files is not None
    write_weights(files.config, files.iterate_weights(), files.num_weights, tmp_path / "read.gguf")
    assert (tmp_path / "read.gguf").read_bytes() == (tmp_path / "loaded.gguf").read_bytes()
    kept = write_kept_model(str(folder), tmp_path / "engine")
    assert kept is not None
    assert (kept.fingerprint, kept.context_tokens, kept.end_ids) == (
        model.fingerprint,
        model.context_tokens,
        model.end_ids,
    )


def test_its_memory_is_that_of_the_loaded_model(make_tiny: MakeTiny, tmp_path: Path) -> None:
    folder = make_bf16(make_tiny, tmp_path)
    files = read_llama_files(folder)
    assert files is not None
    for dtype, itemsize in (("bfloat16", 2), ("float32", 4)):
        model = HfModel.load(folder, dtype=dtype, device="cpu")
        for adapter in BUILT_IN_NAMES["adapters"]:
            train = TrainConfig.model_validate({"adapter": adapter, "layers": {"which": "last 1"}})
            config = type("Config", (), {"train": train})
            for has_engine in (True, False):
                found = account_files(files, itemsize, train, has_engine=has_engine)
                expected = account_memory(model, config, has_engine=has_engine)
                assert found == (expected if adapter in SMALL_ADAPTERS else None), adapter


def test_adapters_that_change_the_weights_need_the_model() -> None:
    changing = [
        name
        for name in BUILT_IN_NAMES["adapters"]
        if hasattr(load_registered("adapters", name), "weights")
    ]
    assert set(BUILT_IN_NAMES["adapters"]) - set(SMALL_ADAPTERS) == set(changing)


def change_config(**changes: object) -> Change:
    """Return what changes keys of config.json; None removes one."""

    def change(folder: Path) -> None:
        path = folder / "config.json"
        known = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({key: v for key, v in known.items() if v is not None}))

    return change


def change_weights(name: str, *, dtype: str = "") -> Change:
    """Return what removes a weight, or gives it another dtype."""

    def change(folder: Path) -> None:
        import torch

        weights = load_file(folder / "model.safetensors")
        weight = weights.pop(name)
        if dtype:
            weights[name] = weight.to(getattr(torch, dtype))
        save_file(weights, folder / "model.safetensors")

    return change


def cut_weights(folder: Path) -> None:
    """Cut the end of the weights."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


NORM = "model.norm.weight"


@pytest.mark.parametrize(
    "change",
    [
        change_config(model_type="granite"),
        change_config(rope_parameters=None),
        change_config(rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}),
        change_config(rope_scaling={"rope_type": "linear", "factor": 2.0}),
        change_config(num_hidden_layers=3),
        change_config(hidden_size="64"),
        change_config(rms_norm_eps=None),
        change_config(tie_word_embeddings=None),
        change_config(hidden_act=None),
        change_config(hidden_act="relu"),
        change_config(quantization_config={"bits": 4}),
        change_weights(NORM),
        change_weights(NORM, dtype="float32"),
        cut_weights,
        lambda folder: (folder / "more.safetensors").write_bytes(b"x"),
        lambda folder: (folder / "tokenizer_config.json").unlink(),
    ],
)
def test_what_wants_transformers_is_left_to_it(
    make_tiny: MakeTiny, tmp_path: Path, change: Change
) -> None:
    folder = make_bf16(make_tiny, tmp_path)
    assert write_kept_model(str(folder), tmp_path / "before")
    change(folder)
    assert write_kept_model(str(folder), tmp_path / "engine") is None
    assert not list((tmp_path / "engine").glob("*"))


def test_a_weight_beyond_float16_is_named(make_tiny: MakeTiny, tmp_path: Path) -> None:
    folder = make_bf16(make_tiny, tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights[NORM][0] = 1e6
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(UsageError, match=rf"{NORM} reaches 999424"):
        write_kept_model(str(folder), tmp_path / "engine")


def test_the_class_that_a_folder_names_is_the_one_that_transformers_takes(
    make_tiny: MakeTiny, tmp_path: Path
) -> None:
    folder = make_bf16(make_tiny, tmp_path)
    assert names_plain_class(folder)
    assert type(AutoTokenizer.from_pretrained(folder)).__name__ == PLAIN_CLASS


@pytest.mark.skipif(
    not CPU_INFO.is_file() or platform.machine() != "x86_64", reason="torch alone knows"
)
def test_the_size_of_a_weight_is_the_one_that_torch_would_choose() -> None:
    assert read_weight_bytes() == (2 if has_bf16_hardware() else 4)


FIRST_DRY_RUN = """
import sys
from selfteach import cli
code = cli.run_command(["feedback", "Do not talk about the fox.", "--dry-run", *sys.argv[1:]])
print(code, "torch" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.skipif(has_accelerator(), reason="torch says what the accelerator can do")
@pytest.mark.skipif(read_weight_bytes() is None, reason="torch is asked for the size of a weight")
def test_the_first_dry_run_does_not_load_torch(make_tiny: MakeTiny, tmp_path: Path) -> None:
    pytest.importorskip("openvino_genai")
    folder = make_bf16(make_tiny, tmp_path)
    environment = {**os.environ, "SELFTEACH_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", FIRST_DRY_RUN, "--model", str(folder)]
    told = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert told.stdout.splitlines()[-1:] == ["0 False"], told.stderr
    assert "memory mb: " in told.stdout
