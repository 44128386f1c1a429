"""The second command answers from the engine's kept file, without the weights."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from selfteach.models.hf import HfModel
from selfteach.models.kept_engine import MAX_KEPT, find_kept_model, keep_engine_file
from selfteach.results import load_model

pytest.importorskip("openvino_genai")


def test_a_second_command_loads_no_weights_and_answers_the_same(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_model(str(tiny), gguf=tmp_path)
    told = first.answer(["Hello", "Tell me about music."], max_tokens=8)
    with monkeypatch.context() as patch:
        patch.delattr(HfModel, "load")
        second = load_model(str(tiny), gguf=tmp_path)
        assert second.answer(["Hello", "Tell me about music."], max_tokens=8) == told
    assert (second.name, second.sampler.fingerprint) == (first.name, first.sampler.fingerprint)
    assert "its file stood already" in second.notes[-1]
    (file,) = tmp_path.glob("*.gguf")
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert find_kept_model(str(tiny), None, tmp_path) is None, "a changed file is not used"


def test_a_folder_keeps_the_newest_files(tmp_path: Path) -> None:
    for number in range(MAX_KEPT + 2):
        file = tmp_path / f"{number}.gguf"
        file.write_bytes(b"x")
        os.utime(file, (number, number))
        keep_engine_file(file, 64, {2})
    kept = sorted(path.stem for path in tmp_path.glob("*.gguf"))
    assert kept == sorted(path.stem for path in tmp_path.glob("*.json"))
    assert kept == ["2", "3", "4"]
