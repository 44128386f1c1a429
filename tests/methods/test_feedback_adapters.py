"""`selfteach feedback` with adapters of other kinds than LoRA: the run ends, and the adapter that
leaves it answers.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfteach import cli
from talker import feedback_command, run_json, write_listener

pytestmark = [pytest.mark.training, pytest.mark.long]

LESS = (
    "ask.target=16",
    "ask.near=4",
    "ask.general=6",
    "probe.samples=1",
    "search.tries=2",
    "ask.more_outside=0",
    "balance.rounds=0",
    "exam.target=3",
    "exam.near=2",
    "exam.general=2",
    "train.max_steps=6",
    "train.batch_size=8",
)
OWN = {
    "closed_form": [
        "ask.target=60",
        "train.closed_form.layers=all",
        "train.closed_form.shots=1",
        "train.learning_rate=null",
        "train.epochs=null",
        "train.max_steps=0",
        "train.batch_size=16",
    ]
}


@pytest.fixture(scope="module")
def listener(talker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_listener(talker, tmp_path_factory.mktemp("listener"))


@pytest.mark.parametrize(
    "adapter", ["closed_form", pytest.param("prompt", marks=pytest.mark.slow), "reft"]
)
def test_a_run_ends_with_an_adapter_that_answers(
    adapter: str, listener: Path, tmp_path: Path
) -> None:
    sets = [f"train.adapter={adapter}", "train.learning_rate=null", *LESS, *OWN.get(adapter, [])]
    code, result = run_json(
        feedback_command(
            listener, tmp_path / "run", *(word for item in sets for word in ("--set", item))
        )
    )
    assert code == 0
    exam = json.loads((tmp_path / "run" / "exam.json").read_text())
    assert exam["kept"].keys() == {"base", "prompted", "tuned"}
    assert exam["base_proof"]["same"] is True
    assert (
        json.loads((tmp_path / "run" / "adapter" / "selfteach.json").read_text())["adapter"]
        == adapter
    )
    card = (tmp_path / "run" / "README.md").read_text()
    assert ("PeftModel" in card) is (adapter != "reft")
    (tmp_path / "p.txt").write_text("Can the red fox follow a bear?")
    asked = [
        "--in",
        str(tmp_path / "p.txt"),
        "--out",
        str(tmp_path / "o.jsonl"),
        "--engine",
        "hf",
        "--max-tokens",
        "5",
    ]
    assert cli.run_command(["answer", "--run", str(tmp_path / "run"), *asked]) == 0
    assert result["cost"]["adapter_mb"] > 0
