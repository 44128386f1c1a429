"""The numbers of a finished run for an experiment tracker: trackio, wandb or mlflow.

metrics.jsonl gives one point a training step, exam.json the results, config.yaml the settings. No
prompt, no answer and no material is sent. The ledger notes who has the numbers, so that the same
command does not send them twice.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selfteach.config import flatten_keys, load_yaml
from selfteach.errors import EndpointError, UsageError, get_first_line
from selfteach.extras import make_missing_error
from selfteach.files import read_jsonl
from selfteach.records import JsonMapping
from selfteach.registry import did_you_mean
from selfteach.run.finished import read_exam
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import CONFIG_FILE, LEDGER_FILE

PROJECT = "selfteach"
"""The project in the tracker, unless SELFTEACH_TRACK_PROJECT names another one."""
METRICS_FILE = "metrics.jsonl"
TRACKED = "tracked"
"""The note with the trackers that have the numbers of a run."""
NAMED_SETTINGS = (
    "model",
    "engine",
    "mode",
    "judge.name",
    "select.judge",
    "train.adapter",
    "train.anchor",
    "train.correction.bound",
    "train.correction.prior_as",
    "train.distill_from",
    "train.divergence",
    "train.objective",
    "train.overlong",
    "train.prompt.start",
    "train.reft.site",
    "train.schedule",
)
"""Settings whose text is a name of selfteach or of a model. Another text may be the user's own."""
SEPARATOR = "/"


@dataclass(frozen=True)
class TrackedRun:
    """Hold what a tracker receives.

    Attributes:
        steps: the numbers of each training step, by step.
        results: the numbers of the exam, by their place in exam.json.
    """

    project: str
    name: str
    settings: Mapping[str, Any]
    steps: Mapping[int, Mapping[str, float]]
    results: Mapping[str, float]

    @property
    def last_step(self) -> int:
        """Return the step at which the results stand."""
        return max(self.steps, default=0)


def check_tracker(name: str) -> None:
    """Check that a tracker is known and installed, before anything else is done.

    Raises:
        UsageError: it is not.
    """
    if name not in TRACKERS:
        raise UsageError(
            f'there is no tracker "{name}".', where="--track", cure=did_you_mean(name, TRACKERS)
        )
    if find_spec(name) is None:
        raise make_missing_error(name)


def track_run(folder: Path, tracker: str) -> bool:
    """Send the numbers of a finished run to a tracker; return False if it has them already.

    Raises:
        UsageError: the tracker is unknown or not installed, or the run has no exam.
        EndpointError: the tracker failed; the run itself is whole.
    """
    check_tracker(tracker)
    run = read_tracked_run(folder)
    with closing(Ledger(folder / LEDGER_FILE)) as ledger:
        done = ledger.get_note(TRACKED) or []
        if tracker in done:
            return False
        try:
            with redirect_stdout(sys.stderr):  # stdout may be JSON
                TRACKERS[tracker](importlib.import_module(tracker), run)
        except Exception as fault:  # each tracker has errors of its own
            raise EndpointError(
                f"{tracker} did not take the numbers ({get_first_line(fault)}).",
                where=folder,
                cure="The run is finished and whole; the same command sends them again.",
            ) from fault
        ledger.set_note(TRACKED, [*done, tracker])
    return True


def read_tracked_run(folder: Path) -> TrackedRun:
    """Read what a tracker receives from the files of a run."""
    exam = read_exam(folder)
    curve = folder / METRICS_FILE
    rows = [row for _, row in read_jsonl(curve)] if curve.exists() else []
    settings = flatten_keys(load_yaml(folder / CONFIG_FILE))
    return TrackedRun(
        os.environ.get("SELFTEACH_TRACK_PROJECT") or PROJECT,
        folder.resolve().name,
        {key: value for key, value in settings.items() if can_be_sent(key, value)},
        {int(row["step"]): list_step_numbers(row) for row in rows},
        {f"exam{SEPARATOR}{name}": value for name, value in find_measures(exam)},
    )


def can_be_sent(key: str, value: Any) -> bool:
    """Return whether a setting holds no text of the user: a number, yes or no, or a known name."""
    return isinstance(value, int | float) or key in NAMED_SETTINGS


def list_step_numbers(row: JsonMapping) -> dict[str, float]:
    """Return the numbers of a training step by name; those of a mapping stand below its name."""
    found: dict[str, float] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            for part, number in list_step_numbers(value).items():
                found[f"{name}{SEPARATOR}{part}"] = number
        elif name != "step" and isinstance(value, int | float):
            found[name] = float(value)
    return found


def find_measures(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    """Yield each measure of an exam with its place; lists, which hold answers, are left out."""
    if not isinstance(value, Mapping):
        return
    number = value.get("value")
    if isinstance(number, int | float) and "n" in value:
        yield place, float(number)
        return
    for name, part in value.items():
        yield from find_measures(part, f"{place}{SEPARATOR}{name}" if place else str(name))


def send_to_trackio(trackio: Any, run: TrackedRun) -> None:
    """Send to trackio, whose store is a file of this machine unless its own settings differ."""
    trackio.init(
        project=run.project,
        name=run.name,
        config=dict(run.settings),
        embed=False,
        auto_log_cpu=False,
        auto_log_gpu=False,
    )
    for step, numbers in run.steps.items():
        trackio.log(dict(numbers), step=step)
    trackio.log(dict(run.results), step=run.last_step)
    trackio.finish()


def send_to_wandb(wandb: Any, run: TrackedRun) -> None:
    """Send to wandb; its own environment decides between its server and an offline folder."""
    with wandb.init(project=run.project, name=run.name, config=dict(run.settings)) as open_run:
        for step, numbers in run.steps.items():
            open_run.log(dict(numbers), step=step)
        open_run.summary.update(dict(run.results))


def send_to_mlflow(mlflow: Any, run: TrackedRun) -> None:
    """Send to mlflow; MLFLOW_TRACKING_URI names its store."""
    mlflow.set_experiment(run.project)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params(dict(run.settings))
        for step, numbers in run.steps.items():
            mlflow.log_metrics(dict(numbers), step=step)
        mlflow.log_metrics(dict(run.results), step=run.last_step)


TRACKERS: Mapping[str, Callable[[Any, TrackedRun], None]] = {
    "trackio": send_to_trackio,
    "wandb": send_to_wandb,
    "mlflow": send_to_mlflow,
}
"""How each tracker receives a run. The module has the tracker's name."""
