"""A run's numbers in an experiment tracker."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach import cli
from selfteach.commands.teach import print_tracked
from selfteach.errors import EndpointError, UsageError
from selfteach.export.track import check_tracker, find_measures, read_tracked_run, track_run
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import IDENTITY, LEDGER_FILE, RUN_FORMAT

TEXT_SETTINGS = (
    "check",
    "when",
    "correct.style",
    "exam.system",
    "train.prompt.text",
    "train.correction.prior_start",
    "plug_in.words",
)
SETTINGS = {"model": "embedded", "seed": 3, "smoke_test": False, "train.adapter": "lora"}
MEASURE = {"value": 0.5, "low": 0.2, "high": 0.8, "n": 4}
EXAM = {
    "rule": "Do not hum.",
    "kept": {"tuned": {"greedy": MEASURE}},
    "answers": [{"prompt": "SECRET", "value": 1.0, "n": 1}],
}
STEPS = [
    {"step": 1, "loss": 2.0, "losses": {"dpo": 0.7}, "seconds": 0.5},
    {"step": 2, "loss": 1.0, "losses": {"dpo": 0.1}, "seconds": 0.5},
]
SENT = {"loss": 2.0, "losses/dpo": 0.7, "seconds": 0.5}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the folder of a finished run, as far as a tracker reads it."""
    folder = tmp_path / "hum"
    folder.mkdir()
    ledger = Ledger(folder / LEDGER_FILE)
    ledger.set_note(IDENTITY, {"format": RUN_FORMAT, "kind": "feedback"})
    ledger.close()
    secrets = "".join(f"{key}: SECRET\n" for key in TEXT_SETTINGS)
    lists = "train.correction.prior_for: [SECRET]\nalso: [SECRET]\n"
    named = "model: embedded\nseed: 3\nsmoke_test: false\ntrain.adapter: lora\n"
    (folder / "config.yaml").write_text(named + secrets + lists)
    (folder / "exam.json").write_text(json.dumps(EXAM))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in STEPS))
    return folder


def test_no_text_of_the_user_is_sent(run: Path) -> None:
    found = read_tracked_run(run)
    assert found.settings == SETTINGS
    assert found.steps[1] == SENT
    assert found.results == {"exam/kept/tuned/greedy": 0.5}
    assert found.last_step == 2
    assert "SECRET" not in str(found)


def test_numbers_of_an_objective_stand_below_its_name(run: Path) -> None:
    """As the trainer writes them where corrections are learned."""
    row = {"step": 1, "loss": 2.0, "watched": {"correction": {"displaced_share": 0.25}}}
    (run / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    found = read_tracked_run(run).steps[1]
    assert found == {"loss": 2.0, "watched/correction/displaced_share": 0.25}


def test_a_measure_has_a_value_and_a_number_of_items() -> None:
    assert list(find_measures({"value": 1.0, "cost": {"minutes": 3}})) == []


def test_trackio_s_own_store_holds_each_step_once(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trackio")
    store = tmp_path / "store"
    monkeypatch.setenv("TRACKIO_DIR", str(store))
    for name in [name for name in sys.modules if name.split(".")[0] == "trackio"]:
        monkeypatch.delitem(sys.modules, name)  # it reads the environment when it is imported
    assert track_run(run, "trackio")
    assert not track_run(run, "trackio"), "the same command sends nothing twice"
    assert capfd.readouterr().out == ""
    with sqlite3.connect(store / "selfteach.db") as base:
        rows = base.execute("select run_name, step, metrics from metrics order by id").fetchall()
    told = [(name, step, json.loads(metrics)) for name, step, metrics in rows]
    assert told[0] == ("hum", 1, SENT)
    assert told[-1] == ("hum", 2, {"exam/kept/tuned/greedy": 0.5})
    assert len(told) == 3


class FakeWandb:
    """Stand in for wandb, and for the run that it opens."""

    def __init__(self) -> None:
        self.logged: list[tuple[Any, ...]] = []
        self.summary: dict[str, float] = {}

    def init(self, **given: Any) -> FakeWandb:
        self.logged.append((given["project"], given["name"]))
        return self

    def __enter__(self) -> FakeWandb:
        return self

    def __exit__(self, *fault: object) -> None:
        self.logged.append(("finished",))

    def log(self, numbers: dict[str, float], step: int) -> None:
        self.logged.append((step, numbers["loss"]))


def test_wandb_gets_steps_and_a_summary(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandb()
    install(monkeypatch, "wandb", fake)
    monkeypatch.setenv("SELFTEACH_TRACK_PROJECT", "mine")
    assert track_run(run, "wandb")
    assert fake.logged == [("mine", "hum"), (1, 2.0), (2, 1.0), ("finished",)]
    assert fake.summary == {"exam/kept/tuned/greedy": 0.5}


def test_mlflow_gets_parameters_and_metrics(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    fake = SimpleNamespace(
        set_experiment=told.append,
        start_run=lambda run_name: FakeWandb(),
        log_params=told.append,
        log_metrics=lambda numbers, step: told.append((step, sorted(numbers))),
    )
    install(monkeypatch, "mlflow", fake)
    assert track_run(run, "mlflow")
    names = sorted(SENT)
    parameters = SETTINGS
    assert told == [
        "selfteach",
        parameters,
        (1, names),
        (2, names),
        (2, ["exam/kept/tuned/greedy"]),
    ]


def test_a_tracker_that_fails_costs_no_run_and_is_asked_again(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "wandb", SimpleNamespace())
    with pytest.raises(EndpointError, match=r"finished and whole; the same command sends"):
        track_run(run, "wandb")
    install(monkeypatch, "wandb", FakeWandb())
    assert track_run(run, "wandb")


def test_an_unknown_or_missing_tracker_is_refused_before_anything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UsageError, match=r'no tracker "wandbb".*"wandb"'):
        check_tracker("wandbb")
    monkeypatch.setattr("selfteach.export.track.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "selfteach\[track\]"'):
        check_tracker("trackio")
    with pytest.raises(UsageError, match=r"pip install wandb$"):
        check_tracker("wandb")


def install(monkeypatch: pytest.MonkeyPatch, name: str, module: Any) -> None:
    """Let a module be importable."""
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("selfteach.export.track.find_spec", lambda wanted: shutil)


def test_the_commands_refuse_an_unknown_tracker_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run_command(["feedback", "Do not hum.", "--track", "trakio"]) == 2
    assert 'Did you mean "trackio"?' in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_says_who_has_the_numbers(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, "wandb", FakeWandb())
    monkeypatch.chdir(run)
    for said in ("wandb has the numbers of hum\n", "wandb had them already\n"):
        print_tracked(Path(), "wandb")
        printed = capfd.readouterr()
        assert (printed.out, printed.err) == ("", said)
