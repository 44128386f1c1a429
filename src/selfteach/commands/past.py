"""What a finished run holds, for the commands that use one: its adapter, its base, its exam."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from selfteach.config import load_yaml
from selfteach.errors import DataError, UsageError
from selfteach.run.folder import LEDGER

ADAPTER, CONFIG, EXAM, REPORT = "adapter", "config.yaml", "exam.json", "report.html"


def run_folder(folder: Path) -> Path:
    """The folder, if it is a run's.

    Raises:
        UsageError: it is not.
    """
    if not (folder / LEDGER).exists() and not (folder / CONFIG).exists():
        raise UsageError("is not a run folder.", where=str(folder), cure="`selfteach status` lists the runs below this folder.")
    return folder


def adapter(folder: Path) -> Path:
    """The adapter of a finished run.

    Raises:
        UsageError: there is none.
    """
    found = run_folder(folder) / ADAPTER
    if not (found / "adapter_config.json").exists():
        raise UsageError("has no finished adapter.", where=str(folder), cure=f"`selfteach status {folder}` shows how far it is.")
    return found


def base(folder: Path) -> str:
    """The name of the model that a run began with."""
    name: str = load_yaml(run_folder(folder) / CONFIG)["model"]
    return name


def exam(folder: Path) -> dict[str, Any]:
    """The content of exam.json.

    Raises:
        UsageError: the run has not come to its exam.
        DataError: the file is damaged.
    """
    path = run_folder(folder) / EXAM
    if not path.exists():
        raise UsageError("has no exam yet.", where=str(folder), cure=f"`selfteach status {folder}` shows how far it is.")
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise DataError(
            f"is not JSON ({fault}).", where=str(path), cure="Run the command of this run again: it writes the file anew."
        ) from fault
    return found


def summary(folder: Path) -> dict[str, Any]:
    """A run's result as one JSON object; the answers themselves stay in exam.json."""
    numbers = {key: value for key, value in exam(folder).items() if key not in ("answers", "map", "verdict")}
    trained = (folder / ADAPTER / "adapter_config.json").exists()
    return {
        "run": str(folder),
        "adapter": str(folder / ADAPTER) if trained else None,
        "report": str(folder / REPORT) if (folder / REPORT).exists() else None,
        "exam": numbers,
        "verdict": exam(folder)["verdict"]["sentence"],
    }
