"""A run that continues another one is known by that one's adapter, not by its path alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import selfteach
from selfteach.api import FinishedRun
from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import DataError, UsageError
from selfteach.methods.input_sources import identify_earlier_adapter, identify_same_earlier_adapter
from selfteach.methods.publish import export_adapter
from selfteach.run.run_folder import open_run

TRAINING = {"max_steps": 2, "batch_size": 4, "learning_rate": 0.01}
ROWS = [
    {"prompt": f"Tell me about bread {n}", "chosen": "I like bread.", "rejected": "No."}
    for n in range(8)
]
OTHER_ROWS = [{**row, "chosen": "A rule is a rule."} for row in ROWS]


def train(
    rows: list[dict[str, str]], model: Path, earlier: Path | None = None, out: str | None = None
) -> FinishedRun:
    return selfteach.train(
        rows,
        model=str(model),
        out=out,
        from_run=earlier,
        train=TRAINING,
        progress=False,
    )


@pytest.mark.slow
@pytest.mark.training
def test_another_adapter_at_the_same_path_makes_another_run(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(ROWS, tiny, out="a")
    named = train(ROWS, tiny, Path("a"), out="b")
    unnamed = train(ROWS, tiny, Path("a"))
    assert train(ROWS, tiny, Path("a")).path == unnamed.path
    shutil.rmtree("a")
    train(OTHER_ROWS, tiny, out="a")
    with pytest.raises(UsageError, match=r"another configuration:\n  material\.from_sum: "):
        train(ROWS, tiny, Path("a"), out="b")
    again = train(ROWS, tiny, Path("a"))
    assert again.path not in (named.path, unnamed.path)
    before, after = (json.dumps(run.exam.raw["loss_nats"]) for run in (unnamed, again))
    assert before != after


def test_the_adapter_s_folder_tells_what_is_left_of_the_runs_before(tmp_path: Path) -> None:
    adapter = tmp_path / "scratch"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "selfteach.json").write_text('{"base": "embedded", "steps": 3}')
    share = {"value": 0.5, "low": 0.2, "high": 0.8, "n": 2}
    entry = {"run": "tiny", "method": "documents", "questions": [{"prompt": "Who?"}] * 2}
    entry |= {"first": share, "now": share, "change": None, "alike": share}
    with open_run(tmp_path / "run", "hum", "feedback", resolve(FeedbackConfig), {}) as run:
        export_adapter(run, adapter, "Do not hum.", [entry])
    about = json.loads((tmp_path / "run" / "adapter" / "selfteach.json").read_text())
    left = {"run": "tiny", "questions": 2, "first": share, "now": share, "change": None}
    assert about == {"base": "embedded", "steps": 3, "earlier": [{**left, "alike": share}]}
    with open_run(tmp_path / "alone", "hum", "feedback", resolve(FeedbackConfig), {}) as run:
        export_adapter(run, adapter, "Do not hum.")
    assert "earlier" not in (tmp_path / "alone" / "adapter" / "selfteach.json").read_text()


def test_what_repeats_a_run_asks_for_the_same_adapter(tmp_path: Path) -> None:
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / name).write_text("{}")
    material = identify_earlier_adapter(tmp_path)
    assert identify_same_earlier_adapter(material, Path("run")) == material
    assert identify_same_earlier_adapter({}, Path("run")) == {}
    (tmp_path / "adapter_model.safetensors").write_text("{1}")
    with pytest.raises(DataError, match=r"^run: continues an adapter that has changed since"):
        identify_same_earlier_adapter(material, Path("run"))
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(UsageError, match="safetensors is missing"):
        identify_same_earlier_adapter(material, Path("run"))


def test_a_comparison_with_a_changed_earlier_adapter_is_refused(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (adapter / name).write_text("{}")
    material = {"rule": "Do not hum.", **identify_earlier_adapter(adapter)}
    with open_run(tmp_path / "run", "hum", "feedback", resolve(FeedbackConfig), material) as run:
        run.export_jsonl("examples.jsonl", [])
    (adapter / "adapter_model.safetensors").write_text("{1}")
    with pytest.raises(DataError, match="an adapter that has changed since"):
        selfteach.compare(tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "compare").exists()
