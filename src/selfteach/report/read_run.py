"""Reads a run folder for its report. Whatever is missing stays empty; whatever is damaged is named,
and the rest is shown.

All text passes `records.clean` here, once: what reaches the page, the card and the terminal has no
control characters in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selfteach.errors import SelfteachError
from selfteach.files import BadLine, read_jsonl
from selfteach.records import Measure
from selfteach.run.ledger import Funnel, Ledger
from selfteach.text import clean_text

NOTE_KEYS = ("calibration", "sizes", "clusters", "search", "curve", "inspection", "classification")
MAX_DROPPED_SHOWN = 6
MAX_EXAMPLES_SHOWN = 12


@dataclass
class RunData:
    """What a run folder holds. `faults` says which of its files could not be read, and why."""

    name: str
    exam: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    config: str = ""
    metrics: list[dict[str, Any]] = field(default_factory=list)
    examples: list[dict[str, Any]] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    dropped: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    dropped_counts: dict[tuple[str, str], int] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    funnel: list[Funnel] = field(default_factory=list)
    asked_again: int = 0
    events: list[tuple[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_run(folder: Path) -> RunData:
    """Everything in the folder that a report can show."""
    run = RunData(name=clean_text(folder.resolve().name))
    run.exam = _read_object(folder / "exam.json", run.faults)
    run.manifest = _read_object(folder / "manifest.json", run.faults)
    run.config = _read_text(folder / "config.yaml", run.faults)
    run.metrics = list(_read_rows(folder / "metrics.jsonl", run.faults))
    _read_examples(folder / "examples.jsonl", run)
    _read_dropped(folder / "dropped.jsonl", run)
    _read_ledger(folder / "run.db", run)
    return run


def get_path(tree: Any, *keys: str) -> Any:
    """The value under a path of keys, or None where the path ends early."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def read_measure(value: Any) -> Measure | None:
    """A Measure from its JSON, or None where there is none, or one that is not a number."""
    mean, low, high, count = (
        read_number(get_path(value, key)) for key in ("value", "low", "high", "n")
    )
    if mean is None or low is None or high is None or count is None:
        return None
    return Measure(mean, low, high, int(count))


def read_number(value: Any) -> float | None:
    """A finite number, or None. True is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e300 and math.isfinite(value) else None


def list_objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; nothing where there is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def clean_json(value: Any) -> Any:
    """A JSON value with every text in it cleaned, keys too."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {clean_text(str(key)): clean_json(part) for key, part in value.items()}
    if isinstance(value, Sequence):
        return [clean_json(part) for part in value]
    return value


def _read_text(path: Path, faults: list[str]) -> str:
    try:
        return clean_text(path.read_text("utf-8", errors="replace"))
    except FileNotFoundError:
        return ""
    except OSError as fault:
        faults.append(f"{path.name} cannot be read ({fault.strerror}).")
        return ""


def _read_object(path: Path, faults: list[str]) -> dict[str, Any]:
    text = _read_text(path, faults)
    if not text:
        return {}
    try:
        value = clean_json(json.loads(text))
    except (ValueError, RecursionError) as fault:
        faults.append(f"{path.name} is not JSON ({clean_text(str(fault))[:80]}).")
        return {}
    if not isinstance(value, dict):
        faults.append(f"{path.name} is not a JSON object.")
        return {}
    return value


def _read_rows(path: Path, faults: list[str]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    bad: list[BadLine] = []
    try:
        rows = [clean_json(row) for _, row in read_jsonl(path, bad)]
    except SelfteachError as fault:
        faults.append(f"{path.name} {fault.what}")
        return []
    if bad:
        faults.append(
            f"{clean_text(bad[0].where)}: {clean_text(bad[0].fault)}; {len(bad)} such line(s) are left out."
        )
    return rows


def _read_examples(path: Path, run: RunData) -> None:
    for row in _read_rows(path, run.faults):
        kind = str(row.get("kind", ""))
        run.kinds[kind] = run.kinds.get(kind, 0) + 1
        if run.kinds[kind] <= MAX_EXAMPLES_SHOWN:
            run.examples.append(row)


def _read_dropped(path: Path, run: RunData) -> None:
    for row in _read_rows(path, run.faults):
        key = str(row.get("stage", "")), str(row.get("reason", ""))
        run.dropped_counts[key] = run.dropped_counts.get(key, 0) + 1
        shown = run.dropped.setdefault(key, [])
        if len(shown) < MAX_DROPPED_SHOWN:
            shown.append(row)


def _read_ledger(path: Path, run: RunData) -> None:
    if not path.exists():
        return
    try:
        ledger = Ledger(path)
        try:
            run.notes = {key: clean_json(ledger.get_note(key)) for key in NOTE_KEYS}
            run.funnel = [_clean_funnel(part) for part in ledger.funnel()]
            run.events = [
                (clean_text(kind), clean_json(body)) for kind, body in ledger.get_events()
            ]
            failed = sum(kind == "endpoint attempt failed" for kind, _ in run.events)
            run.asked_again = failed + sum(
                again for _, _, again in ledger.count_requests().values()
            )
        finally:
            ledger.close()
    except SelfteachError as fault:
        run.faults.append(f"{path.name}: {fault.what}")


def _clean_funnel(part: Funnel) -> Funnel:
    return replace(
        part,
        stage=clean_text(part.stage),
        reasons={clean_text(reason): count for reason, count in part.reasons.items()},
    )
