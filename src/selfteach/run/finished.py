"""The contents of a finished run, for later use: its adapter, its base, its exam."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from selfteach.config import ResolvedConfig, flatten_keys, list_settings, load_yaml, resolve
from selfteach.config.sections import MethodConfig, Section
from selfteach.errors import IntegrityError, UsageError
from selfteach.files import read_own_json
from selfteach.records import JsonMapping, JsonObject
from selfteach.registry import did_you_mean
from selfteach.run.exports import RERUN_CURE, check_adapter_sums, check_export
from selfteach.run.ledger import Ledger
from selfteach.run.local_paths import hide_paths
from selfteach.run.run_folder import (
    ADAPTERS_FOLDER,
    CONFIG_FILE,
    EARLIER_VALUES,
    IDENTITY,
    LEDGER_FILE,
    MODELS,
    RUNS_FOLDER,
    check_run_format,
    holds_student,
    read_identity,
    read_notes,
)
from selfteach.run.student_adapter import check_student_adapter, quote_student

Settings = TypeVar("Settings", bound=Section)
ADAPTER_FOLDER = "adapter"
EXAM_FILE = "exam.json"
EXAMPLES_FILE = "examples.jsonl"
COST_FILE = "cost.json"
"""What a run took on its machine: times, memory, reused tokens. Other files of two runs with the
same command are the same, except for the times in metrics.jsonl and in the report."""
LESSON_FILE = "lesson.json"
"""What a run needs to be a lesson: its exam, to be sat again, and its objectives."""
REPORT_FILE = "report.html"
COMPARISON_FOLDER = "compare"
"""The folder of a run's comparison."""
RUN_ADAPTER = "tuned"
"""The name of the adapter that a run ended with."""
RESULT = "result"
"""The note with the result of a finished run."""
CALIBRATION = "calibration"
"""The note with how the judges of a rule, or of each criticism, were calibrated."""
PATHS = "paths"
"""The note with the places of a run's material."""
REPAIRED = "repaired"
"""The note with the repairs of a run's material."""


def check_run_folder(folder: Path) -> Path:
    """Return the folder, if it is a run's, of this or of an earlier version.

    Raises:
        UsageError: it is not.
    """
    if not (folder / LEDGER_FILE).exists() and not (folder / CONFIG_FILE).exists():
        raise UsageError(
            "is not a run folder.",
            where=folder,
            cure=f"`selfteach status` lists the runs below {RUNS_FOLDER}/.",
        )
    return folder


def check_own_run(folder: Path) -> Path:
    """Return the folder, if it is a run's and no student's, which has adapters as a run has.

    Raises:
        UsageError: it is not.
    """
    check_run_folder(folder)
    if holds_student(folder):
        raise UsageError(
            "is a student, not a run.",
            where=folder,
            cure=(
                f"`selfteach student show {quote_student(folder)}` shows it; lessons/NAME in it is "
                "a run."
            ),
        )
    return folder


def check_readable(folder: Path) -> Path:
    """Return the folder, if it is a run's and this version reads its settings and keys.

    Everything that reads more of a run than its adapters and its progress begins here.

    Raises:
        UsageError: it is no run, or one of an earlier version.
    """
    check_run_format(check_own_run(folder))
    return folder


def check_ledger(folder: Path) -> Path:
    """Return the folder of a run, if its ledger is there.

    Whatever takes the lock of a run begins here: it makes no file in a folder that it refuses.

    Raises:
        UsageError: it is no run, or its ledger is missing.
    """
    if not (check_own_run(folder) / LEDGER_FILE).exists():
        raise UsageError(
            f"has no {LEDGER_FILE}, the record of a run.",
            where=folder,
            cure="Restore it from a copy, or give the folder of another run.",
        )
    return folder


def find_adapter(folder: Path, name: str = "") -> Path:
    """Return the adapter of a finished run; `name` chooses another one than the final one.

    Raises:
        UsageError: there is none, or none of that name.
        IntegrityError: it is not as the run wrote it, or not that of the student's lessons.
    """
    known = list_adapters(folder)
    check_student_adapter(folder)
    wanted = name or RUN_ADAPTER
    check_adapter_sums(known.get(wanted, folder / ADAPTER_FOLDER))
    if not known:
        raise _make_unfinished_error("has no finished adapter.", folder)
    if not name and wanted not in known:
        cure = f"--adapter names one: {', '.join(known)}."
        raise UsageError("has no finished adapter.", where=folder, cure=cure)
    if wanted not in known:
        raise UsageError(
            f'there is no adapter "{name}" in this run.',
            where=folder,
            cure=did_you_mean(name, known),
        )
    return known[wanted]


def list_adapters(folder: Path) -> dict[str, Path]:
    """Return every adapter of a run by its name: its own, `tuned`, and those of comparisons."""
    places = {RUN_ADAPTER: check_run_folder(folder) / ADAPTER_FOLDER}
    for many in (folder / ADAPTERS_FOLDER, folder / COMPARISON_FOLDER / ADAPTERS_FOLDER):
        places |= {place.name: place for place in sorted(many.glob("[!.]*"))}
    return {
        name: place for name, place in places.items() if (place / "adapter_config.json").exists()
    }


def resolve_settings(
    folder: Path, schema: type[Settings], sets: Sequence[str] = ()
) -> ResolvedConfig:
    """Return the settings of a run; `sets` change some of them. Those that are newer than the run
    have the values of `EARLIER_VALUES`, or their defaults.

    Raises:
        UsageError: a change does not fit.
        IntegrityError: config.yaml is not as the run wrote it.
    """
    check_export(folder, CONFIG_FILE)
    paths = []
    for key, value in read_hidden_paths(folder).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        paths.append(f"{key}={text}")
    written = flatten_keys(load_yaml(folder / CONFIG_FILE, RERUN_CURE))
    unknown = (list_settings(schema()).keys() & EARLIER_VALUES.keys()) - written.keys()
    earlier = [f"{key}={EARLIER_VALUES[key]}" for key in sorted(unknown)]
    # What a closed form ignores may be meant for the adapters that it is compared with.
    changes = [*earlier, *paths, *sets]
    return resolve(schema, folder / CONFIG_FILE, changes, refuses_ignored=False)


def read_hidden_paths(folder: Path) -> JsonObject:
    """Return the settings that look like a path of this machine; config.yaml may lack it."""
    config = (read_identity(folder) or {}).get("config", {})
    return {key: value for key, value in config.items() if hide_paths(value) != value}


def read_base_name(folder: Path) -> str:
    """Return the name of the model that a run began with; a local one's path is in the ledger.

    Raises:
        UsageError: the folder is not a run's, or its settings are damaged.
        IntegrityError: they name no model.
    """
    path = check_run_folder(folder) / CONFIG_FILE
    name = load_yaml(path, RERUN_CURE).get("model")
    if not isinstance(name, str):
        raise IntegrityError("names no model.", where=path, cure=RERUN_CURE)
    if "/" in name or name == MethodConfig.model_fields["model"].default:
        return name
    return str(read_hidden_paths(folder).get("model", name))


def read_models(folder: Path) -> JsonObject:
    """Return the fingerprint of each model of a run by its role; the base is "base"."""
    (found,) = read_notes(check_run_folder(folder), MODELS)
    return found or {}


def read_exam(folder: Path) -> JsonObject:
    """Return the content of exam.json, with that of cost.json under `cost`.

    Raises:
        UsageError: the run has no exam yet, or is one of an earlier version.
        IntegrityError: a file is not as the run wrote it, or damaged.
    """
    path = check_readable(folder) / EXAM_FILE
    check_export(folder, EXAM_FILE)
    check_export(folder, COST_FILE)
    if not path.exists():
        raise _make_unfinished_error("has no exam yet.", folder)
    cure = "Restore it from a copy, or run the command of this run again with --new."
    exam = read_own_json(path, cure)
    cost = folder / COST_FILE
    return add_cost(exam, read_own_json(cost, cure)) if cost.exists() else exam


def check_shown_numbers(folder: Path) -> None:
    """Refuse to show the numbers of a run, as in a card, if they are not as the run wrote them. A
    folder without an exam passes.

    Raises:
        IntegrityError: exam.json has changed, or cost.json has changed or is missing.
    """
    if (folder / EXAM_FILE).exists():
        check_export(folder, EXAM_FILE)
        check_export(folder, COST_FILE)


def add_cost(exam: JsonMapping, cost: JsonMapping) -> JsonObject:
    """Return an exam with what cost.json holds under `cost`, beside the tokens that it counted.

    A run of an earlier version has no cost.json, and all of it in exam.json.
    """
    counted = exam.get("cost")
    if not cost or not isinstance(counted, dict):
        return dict(exam)
    return {**exam, "cost": {**counted, **cost}}


def read_result(folder: Path) -> JsonObject:
    """Return the output of the run's own command with --json.

    Raises:
        UsageError: the run is not finished, or is one of an earlier version.
        IntegrityError: its ledger is damaged.
    """
    (found,) = read_notes(check_readable(folder), RESULT)
    if found is None:
        raise _make_unfinished_error("has no result yet.", folder)
    return relocate_result(found, folder)


def relocate_result(found: JsonMapping, folder: Path) -> JsonObject:
    """Return a result with paths of the present run folder, which may have been moved."""
    return {
        **found,
        "run": str(folder),
        "adapter": found["adapter"] and str(folder / ADAPTER_FOLDER),
        "report": str(folder / REPORT_FILE),
    }


def open_ledger(folder: Path) -> Ledger:
    """Return the ledger of a run, for reading.

    Raises:
        UsageError: the folder is not a run's, or is one of an earlier version.
    """
    return Ledger(check_readable(folder) / LEDGER_FILE, readonly=True)


def find_material(folder: Path) -> tuple[JsonObject, JsonObject | None]:
    """Return the identity of a run, and the note of the places of its material.

    Raises:
        UsageError: it has not begun, or is one of an earlier version.
    """
    identity, sources = read_notes(check_readable(folder), IDENTITY, PATHS)
    if identity is None:
        raise _make_unfinished_error("has not begun.", folder)
    return identity, sources


def _make_unfinished_error(what: str, folder: Path) -> UsageError:
    cure = f"`selfteach status {shlex.quote(str(folder))}` shows how far it is."
    return UsageError(what, where=folder, cure=cure)
