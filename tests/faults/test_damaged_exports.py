"""A file of a finished run is deleted, truncated or changed: the same command writes it again or
trains it again, and no command uses changed weights.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from method_runs import write_material

import selfteach
from selfteach import cli
from selfteach.api import FinishedRun
from selfteach.errors import IntegrityError
from selfteach.methods import runner
from selfteach.models.hf import HfModel
from selfteach.run.progress import read_status
from selfteach.run.verify import verify_run
from talker import open_ledger, run_json

pytestmark = pytest.mark.training

ROWS = [
    {"prompt": f"Tell me about bread {n}", "chosen": "I like bread.", "rejected": "No."}
    for n in range(8)
]
WEIGHTS = "adapter/adapter_model.safetensors"
TEXTS = ("examples.jsonl", "dropped.jsonl", "metrics.jsonl", "exam.json", "cost.json", "README.md")


def train(out: Path, model: Path, **more: Any) -> FinishedRun:
    small = {"max_steps": 2, "batch_size": 4, "learning_rate": 0.01}
    return selfteach.train(ROWS, model=str(model), out=out, train=small, **more)


@pytest.fixture(scope="module")
def done(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("done") / "run", tiny).path


@pytest.fixture
def run(done: Path, tmp_path: Path) -> Path:
    """A copy of the finished run; it has a folder of its own, as a run that was moved."""
    return shutil.copytree(done, tmp_path / "run")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7] or b"{")  # an empty file gets half a line


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [truncate, Path.unlink])
def test_the_same_command_writes_texts_again_without_a_model(
    damage: Callable[[Path], None],
    run: Path,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {name: (run / name).read_bytes() for name in TEXTS}
    for name in TEXTS:
        damage(run / name)
    (run / "report.html").unlink()
    monkeypatch.delattr(HfModel, "load")
    again = train(run, tiny)
    assert again.verdict
    assert {name: (run / name).read_bytes() for name in TEXTS} == before
    assert (run / "report.html").stat().st_size > 10_000
    printed = capsys.readouterr().err
    for name in (*TEXTS, "report.html"):
        assert f"{name} was " in printed
    assert not verify_run(run).broken


@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_changed_weights_are_worn_by_nobody(
    damage: Callable[[Path], None],
    run: Path,
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(run / WEIGHTS)
    (tmp_path / "prompts.txt").write_text("Hello")
    opened = FinishedRun(run)
    uses: list[Callable[[], object]] = [
        opened.model,
        lambda: opened.model("tuned"),
        lambda: selfteach.answer("Hello", run=run),
        lambda: HfModel.load(tiny, adapter=run / "adapter"),
        lambda: train(tmp_path / "next", tiny, from_run=run),
    ]
    for use in uses:
        with pytest.raises(IntegrityError, match=f"{WEIGHTS} is .*command of this run again"):
            use()
    assert not (tmp_path / "next").exists()
    asked = ["answer", "--in", str(tmp_path / "prompts.txt"), "--run"]
    for words in (asked, ["chat", "--run"], ["merge", "--out", str(tmp_path / "made"), "--run"]):
        assert cli.run_command([*words, str(run)]) == 6
        assert f"{WEIGHTS} is" in capsys.readouterr().err


def test_a_changed_exam_and_changed_examples_are_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("exam.json", "examples.jsonl"):
        flip(run / name)
    opened = FinishedRun(run)
    for use in (lambda: opened.exam, opened.examples):
        with pytest.raises(IntegrityError, match="command of this run again"):
            use()
    made = run.parent / "made"
    for words in (["merge"], ["export", "--to", "hf"]):
        assert cli.run_command([*words, "--run", str(run), "--out", str(made)]) == 6
        assert "exam.json is changed" in capsys.readouterr().err
    assert not made.exists(), "its card would show a changed exam"
    assert cli.run_command(["soft-prompt", str(run)]) == 6
    assert "examples.jsonl is changed" in capsys.readouterr().err
    assert cli.run_command(["exam", "--run", str(run)]) == 6
    assert cli.run_command(["report", "--run", str(run)]) == 0
    page = (run / "report.html").read_text()
    for name in ("exam.json", "examples.jsonl"):
        assert f"{name} is changed, not as the run wrote it." in page


def test_changed_examples_are_pushed_to_no_hub(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(run / "examples.jsonl")
    assert cli.run_command(["export", "--to", "hub:ann/bread", "--run", str(run)]) == 6
    assert "examples.jsonl is changed" in capsys.readouterr().err


def test_a_copied_adapter_is_worn_as_before(run: Path, tiny: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(run / "adapter", tmp_path / "plain" / "adapter")
    inside = HfModel.load(tiny, adapter=run / "adapter")
    assert HfModel.load(tiny, adapter=copied).fingerprint == inside.fingerprint


@pytest.mark.parametrize("damage", [flip, lambda path: shutil.rmtree(path.parent)])
def test_a_damaged_adapter_is_trained_again(
    damage: Callable[[Path], None],
    run: Path,
    done: Path,
    tiny: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(run / WEIGHTS)
    was_there = (run / "adapter").exists()
    exam = FinishedRun(done).exam.raw
    again = train(run, tiny)
    assert "repeats the training" in capsys.readouterr().err
    assert (run / WEIGHTS).read_bytes() == (done / WEIGHTS).read_bytes()
    assert again.exam.raw["loss_nats"] == exam["loss_nats"]
    assert (run / "damaged" / "1" / "adapter").exists() == was_there
    assert not verify_run(run).broken


def test_killed_while_it_trains_again_it_goes_on(
    run: Path, done: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is not done until the adapter is whole again, and says so."""
    flip(run / WEIGHTS)

    def stop(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "publish", stop)
    with pytest.raises(KeyboardInterrupt):
        train(run, tiny)
    monkeypatch.undo()
    assert read_status(run).state == "stopped"
    with pytest.raises(IntegrityError):
        FinishedRun(run).model()
    monkeypatch.delattr("selfteach.train.trainer.Trainer._step")
    train(run, tiny)
    assert (run / WEIGHTS).read_bytes() == (done / WEIGHTS).read_bytes()
    assert read_status(run).state == "done"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["feedback", "corrections", "documents", "tasks"])
def test_every_method_trains_a_damaged_adapter_again(method: str, tmp_path: Path) -> None:
    """Its steps are taken again with the recorded answers; all files are as they were."""
    command = write_material(method, tmp_path / "material")
    command[1:1] = ["--out", str(tmp_path / "run")]
    assert run_json(command)[0] == 0
    names = (WEIGHTS, "exam.json", "examples.jsonl", "README.md", "adapter/README.md")
    before = {name: (tmp_path / "run" / name).read_bytes() for name in names}
    with open_ledger(tmp_path / "run") as ledger:
        asked = ledger.count_requests()
    flip(tmp_path / "run" / WEIGHTS)
    assert run_json(command)[0] == 0
    assert {name: (tmp_path / "run" / name).read_bytes() for name in names} == before
    with open_ledger(tmp_path / "run") as ledger:
        assert ledger.count_requests() == asked
    assert (tmp_path / "run" / "damaged" / "1" / WEIGHTS).exists()
