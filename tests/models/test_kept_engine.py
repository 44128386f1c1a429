"""The second command answers from the engine's kept file, without the weights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import gguf
import pytest
import transformers

from selfteach import results
from selfteach.errors import UsageError
from selfteach.models.engines import AUTO, OPENVINO, has_accelerator
from selfteach.models.hf import HfModel
from selfteach.models.kept_engine import MAX_KEPT, find_kept_model, keep_engine_file
from selfteach.models.local_teacher import ScorerOnDemand, open_local_teacher
from selfteach.models.openvino import OpenVino
from selfteach.models.recorded import Recorded
from selfteach.models.write_gguf import ID_TOKENIZER
from selfteach.records import Continuations, Request, SamplingParams, make_prompt
from selfteach.results import FinishedRun, load_model
from selfteach.run.ledger import Ledger

pytest.importorskip("openvino_genai")


def test_a_second_command_loads_no_weights_and_answers_the_same(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_model(str(tiny), gguf=tmp_path)
    told = first.answer(["Hello", "Tell me about music."], max_tokens=8)
    with monkeypatch.context() as patch:
        patch.delattr(HfModel, "load")
        patch.delattr(transformers.AutoTokenizer, "from_pretrained")  # which loads torch
        second = load_model(str(tiny), gguf=tmp_path)
        assert second.answer(["Hello", "Tell me about music."], max_tokens=8) == told
    assert (second.name, second.sampler.fingerprint) == (first.name, first.sampler.fingerprint)
    assert "it has its own file, so no weights are loaded" in second.notes[-1]
    (file,) = tmp_path.glob("*.gguf")
    held = gguf.GGUFReader(file).fields["tokenizer.ggml.tokens"].contents()
    assert tuple(held) == ID_TOKENIZER[0], "the model's tokenizer takes 2 s to open"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert find_kept_model(str(tiny), None, tmp_path) is None, "a changed file is not used"


def test_a_folder_keeps_the_newest_files(tmp_path: Path) -> None:
    model = SimpleNamespace(context_tokens=64, end_ids={2}, tokenizer=None)
    for number in range(MAX_KEPT + 2):
        file = tmp_path / f"{number}.gguf"
        file.write_bytes(b"x")
        os.utime(file, (number, number))
        keep_engine_file(file, model)  # type: ignore[arg-type]
    kept = sorted(path.stem for path in tmp_path.glob("*.gguf"))
    assert kept == sorted(path.stem for path in tmp_path.glob("*.json"))
    assert kept == ["2", "3", "4"]


def test_a_file_that_is_used_again_is_not_the_next_to_go(tiny: Path, tmp_path: Path) -> None:
    """A run may have released its teacher and open it again after the training."""
    load_model(str(tiny), gguf=tmp_path)
    (used,) = tmp_path.glob("*.gguf")
    os.utime(used, (0, 0))
    assert find_kept_model(str(tiny), None, tmp_path) is not None
    model = SimpleNamespace(context_tokens=64, end_ids={2}, tokenizer=None)
    for number in range(1, MAX_KEPT + 1):
        file = tmp_path / f"{number}.gguf"
        file.write_bytes(b"x")
        os.utime(file, (number, number))
    keep_engine_file(file, model)  # type: ignore[arg-type]
    assert used.exists()


def test_a_file_that_another_command_removes_meanwhile_is_no_fault(tmp_path: Path) -> None:
    """It is listed and not there any more, as a link is that leads nowhere."""
    model = SimpleNamespace(context_tokens=64, end_ids={2}, tokenizer=None)
    (tmp_path / "gone.gguf").symlink_to(tmp_path / "nowhere")
    file = tmp_path / "new.gguf"
    file.write_bytes(b"x")
    keep_engine_file(file, model)  # type: ignore[arg-type]
    assert file.with_suffix(".json").is_file()


def test_the_file_of_a_run_is_in_the_cache_and_not_in_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []

    def load(model: str, adapter: Path | None, engine: str, folder: Path, *_: object) -> None:
        folders.append(folder)

    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(results, "load_model", load)
    monkeypatch.setattr(results.finished, "find_adapter", lambda run, adapter: run / "adapter")
    monkeypatch.setattr(results.finished, "read_base_name", lambda run: "owner/base")
    results.open_model(tmp_path / "run", None)
    results.open_model(None, "owner/base")
    FinishedRun(tmp_path / "run").model("owner/other")
    cache = tmp_path / "cache"
    assert folders == [cache / "tuned", cache / "engine", cache / "tuned"]


WITHOUT_TORCH = """
import sys
from pathlib import Path
from selfteach.results import load_model
model = load_model(sys.argv[1], gguf=Path(sys.argv[2]))
assert model.answer(["Hello"], max_tokens=4)
assert "it has its own file, so no weights are loaded" in model.notes[-1], model.notes
print("torch" in sys.modules)
"""


def test_to_answer_loads_no_method() -> None:
    lines = (
        "import sys, selfteach.commands.chat\n"
        "print('selfteach.materials.rules.rule' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n", "the expressions that read a rule take .3 s to compile"


@pytest.mark.slow
@pytest.mark.skipif(has_accelerator(), reason="torch says what the accelerator can do")
def test_a_second_command_does_not_load_torch(tiny: Path, tmp_path: Path) -> None:
    load_model(str(tiny), gguf=tmp_path)
    command = [sys.executable, "-c", WITHOUT_TORCH, str(tiny), str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.stdout.splitlines()[-1:] == ["False"], told.stderr


def test_a_local_teacher_has_its_weights_once_until_it_scores(
    make_tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path))
    model = make_tiny(
        tmp_path / "qwen", family="qwen2"
    )  # openvino's file is not written from the model's own files
    loaded = []
    load = HfModel.load

    def count_load(name: str) -> HfModel:
        loaded.append(name)
        return load(name)

    monkeypatch.setattr(HfModel, "load", count_load)
    sampler, scorer = open_local_teacher(str(model), AUTO)
    teacher = Recorded(Ledger(tmp_path / "run.db"), sampler, scorer)
    whole = load(model, device="cpu")
    prompt = make_prompt("Hello")
    teacher.sample([Request("t", prompt, SamplingParams(1.0, 1.0, 4))])
    assert (teacher.fingerprint, len(loaded)) == (whole.fingerprint, 1)
    assert teacher.room_tokens(prompt) == whole.room_tokens(prompt)
    assert isinstance(scorer, ScorerOnDemand)
    assert isinstance(sampler, OpenVino)
    assert (scorer.weights, sampler.unloaded.module) == (None, None)
    item = Continuations(prompt, ("one", "two"))
    ((_, expected),) = whole.stream_scores([item])
    assert [round(s.logp, 4) for s in teacher.score([item])[0]] == [
        round(s.logp, 4) for s in expected
    ]
    assert len(loaded) == 2
    teacher.release_memory()
    assert scorer.weights is None


def test_a_teacher_that_openvino_does_not_know_is_refused_in_one_line(
    make_tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "cache"))
    model = make_tiny(tmp_path / "gelu", hidden_act="gelu")
    with pytest.raises(UsageError, match="openvino cannot sample with"):
        open_local_teacher(str(model), OPENVINO)
