"""A run may have several adapters: `selfteach answer --adapter NAME`, `/adapter NAME` in a chat."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from tiny import make_examples

from selfteach import cli, config
from selfteach.errors import UsageError
from selfteach.models.hf import HfModel
from selfteach.run import finished
from selfteach.train.train import train

pytestmark = pytest.mark.training

PROMPT = "tell me of number 3"


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a run with its own adapter, and with one of a comparison, which changes more."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    for name, rate in (("adapter", 1e-5), ("compare/adapters/reft-sft", 5e-2)):
        settings = config.TrainConfig(
            adapter="reft" if "reft" in name else "lora",
            learning_rate=rate,
            weights={"in_scope": {"sft": 1.0}},
            epochs=4,
        )
        made = train(
            HfModel.load(tiny, device="cpu"),
            make_examples(12),
            settings,
            folder / "work" / name,
            seed=0,
        ).adapter
        shutil.copytree(made, folder / name)
    shutil.rmtree(folder / "work")
    (folder / "config.yaml").write_text(f"model: {tiny}\n")
    return folder


def answer(run: Path, out: Path, *more: str) -> str:
    asked = out.with_suffix(".txt")
    asked.write_text(PROMPT)
    code = cli.run_command(
        [
            "answer",
            "--run",
            str(run),
            "--in",
            str(asked),
            "--out",
            str(out),
            "--engine",
            "hf",
            "--max-tokens",
            "12",
            *more,
        ]
    )
    assert code == 0
    return str(json.loads(out.read_text())["answers"][0])


def test_another_adapter_answers_otherwise(run: Path, tmp_path: Path) -> None:
    own = answer(run, tmp_path / "a.jsonl")
    other = answer(run, tmp_path / "b.jsonl", "--adapter", "reft-sft")
    assert own != other
    assert answer(run, tmp_path / "c.jsonl", "--adapter", "tuned") == own


def test_an_unknown_name_is_answered_with_those_that_there_are(run: Path) -> None:
    assert list(finished.list_adapters(run)) == ["tuned", "reft-sft"]
    with pytest.raises(UsageError, match=r'no adapter "reft-sfd".*Did you mean "reft-sft"\?'):
        finished.find_adapter(run, "reft-sfd")
    with pytest.raises(UsageError, match=r'no adapter "x".*Known: reft-sft, tuned'):
        finished.find_adapter(run, "x")


def test_an_adapter_without_a_run_is_refused(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "p.txt").write_text("Yes?")
    assert (
        cli.run_command(
            [
                "answer",
                "--model",
                "x",
                "--adapter",
                "y",
                "--in",
                str(tmp_path / "p.txt"),
                "--out",
                str(tmp_path / "o.jsonl"),
            ]
        )
        == 2
    )
    assert "Give --run DIR" in capfd.readouterr().err


def test_a_chat_changes_who_answers(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "sys.stdin",
        io.StringIO(f"{PROMPT}\n/reset\n/adapter reft\n/adapter reft-sft\n{PROMPT}\n/quit\n"),
    )
    assert cli.run_command(["chat", "--run", str(run), "--engine", "hf", "--max-tokens", "12"]) == 0
    output, failures = capfd.readouterr()
    parts = output.split(f"> {PROMPT}\n")[1:]
    first, second = (part.partition("\n\n> /")[0] for part in parts)
    assert first != second
    assert second.removesuffix("...") == answer(run, tmp_path / "b.jsonl", "--adapter", "reft-sft")
    assert 'there is no adapter "reft"' in failures
