"""Reading of a run folder for its report. Missing files stay empty; damaged files are named.

All text passes `clean_text` here, once. No control character reaches the page, the card or the
terminal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selfteach.errors import SelfteachError
from selfteach.files import BadLine, read_jsonl
from selfteach.records import JsonMapping, JsonObject, Measure
from selfteach.run.exports import read_sums
from selfteach.run.finished import CALIBRATION, COST_FILE, EXAM_FILE, REPAIRED, add_cost
from selfteach.run.ledger import Funnel, Ledger
from selfteach.run.manifest import MANIFEST_FILE
from selfteach.run.run_folder import CONFIG_FILE, LEDGER_FILE
from selfteach.run.sums import check_files, list_broken
from selfteach.text import clean_text

NOTE_KEYS = (
    CALIBRATION,
    REPAIRED,
    "sizes",
    "clusters",
    "search",
    "curve",
    "inspection",
    "classification",
)
MAX_DROPPED_SHOWN = 6
MAX_EXAMPLES_SHOWN = 12


@dataclass
class RunData:
    """Hold the content of a run folder; `faults` names the unreadable files with the reason."""

    name: str
    exam: JsonObject = field(default_factory=dict)
    manifest: JsonObject = field(default_factory=dict)
    config: str = ""
    metrics: list[JsonObject] = field(default_factory=list)
    examples: list[JsonObject] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    dropped: dict[tuple[str, str], list[JsonObject]] = field(default_factory=dict)
    dropped_counts: dict[tuple[str, str], int] = field(default_factory=dict)
    notes: JsonObject = field(default_factory=dict)
    funnel: list[Funnel] = field(default_factory=list)
    sent_again: int = 0
    events: list[tuple[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_run(folder: Path) -> RunData:
    """Read everything in the folder that a report can show."""
    run = RunData(name=clean_text(folder.resolve().name))
    cost = _read_object(folder / COST_FILE, run.faults)
    run.exam = add_cost(_read_object(folder / EXAM_FILE, run.faults), cost)
    run.manifest = _read_object(folder / MANIFEST_FILE, run.faults)
    run.config = _read_text(folder / CONFIG_FILE, run.faults)
    run.metrics = _read_rows(folder / "metrics.jsonl", run.faults)
    _read_examples(folder / "examples.jsonl", run)
    _read_dropped(folder / "dropped.jsonl", run)
    _read_ledger(folder / LEDGER_FILE, run)
    run.faults += _list_changed_files(folder)
    return run


def get_path(tree: Any, *keys: str) -> Any:
    """Return the value under a path of keys, or None if the path ends early."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def iterate_mappings(
    tree: JsonMapping, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], JsonMapping]]:
    """Yield every mapping of nested mappings with its path; skip lists."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield (*path, key), value
            yield from iterate_mappings(value, (*path, key))


def read_measure(value: Any) -> Measure | None:
    """Return a Measure from its JSON, or None if it is absent, of nothing (n is 0), or holds
    something else.
    """
    mean, low, high, count = (
        read_number(get_path(value, key)) for key in ("value", "low", "high", "n")
    )
    if mean is None or low is None or high is None or not count:
        return None
    return Measure(mean, low, high, int(count))


def read_number(value: Any) -> float | None:
    """Return a finite number, or None; True is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e300 and math.isfinite(value) else None


def list_values(value: Any) -> list[Any]:
    """Return the values of a list; nothing if there is no list."""
    return value if isinstance(value, list) else []


def list_objects(value: Any) -> list[JsonObject]:
    """Return the objects of a list; nothing if there is no list."""
    return [item for item in list_values(value) if isinstance(item, dict)]


def clean_json(value: Any) -> Any:
    """Return a JSON value with every text and key in it cleaned."""
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


def _read_object(path: Path, faults: list[str]) -> JsonObject:
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


def _read_rows(path: Path, faults: list[str]) -> list[JsonObject]:
    if not path.exists():
        return []
    bad: list[BadLine] = []
    try:
        rows = [clean_json(row) for _, row in read_jsonl(path, bad)]
    except SelfteachError as fault:
        faults.append(f"{path.name} {fault.what}")
        return []
    if bad:
        first = f"{clean_text(bad[0].where)}: {clean_text(bad[0].fault)}"
        faults.append(f"{first}; {len(bad)} such line(s) are left out.")
    return rows


def _read_examples(path: Path, run: RunData) -> None:
    for row in _read_rows(path, run.faults):
        kind = str(row.get("kind", ""))
        run.kinds[kind] = run.kinds.get(kind, 0) + 1
        if run.kinds[kind] <= MAX_EXAMPLES_SHOWN:
            run.examples.append(row)


def _read_dropped(path: Path, run: RunData) -> None:
    for row in _read_rows(path, run.faults):
        key = (str(row.get("stage", "")), str(row.get("reason", "")))
        run.dropped_counts[key] = run.dropped_counts.get(key, 0) + 1
        shown = run.dropped.setdefault(key, [])
        if len(shown) < MAX_DROPPED_SHOWN:
            shown.append(row)


def _read_ledger(path: Path, run: RunData) -> None:
    if not path.exists():
        return
    try:
        with closing(Ledger(path, readonly=True)) as ledger:
            run.notes = {key: clean_json(ledger.get_note(key)) for key in NOTE_KEYS}
            run.funnel = [_clean_funnel(part) for part in ledger.funnel()]
            run.events = [
                (clean_text(kind), clean_json(body)) for kind, body in ledger.get_events()
            ]
            failed = sum(kind == "endpoint attempt failed" for kind, _ in run.events)
            repeated = sum(again for _, _, again in ledger.count_requests().values())
            run.sent_again = failed + repeated
    except SelfteachError as fault:
        run.faults.append(f"{path.name}: {fault.what}")


def _list_changed_files(folder: Path) -> list[str]:
    """Return a line for each file that is not as the run wrote it."""
    try:
        broken = list_broken(check_files(folder, read_sums(folder)))
    except SelfteachError:  # of the ledger, which has its own line
        return []
    return [
        f"{clean_text(name)} is {state}, not as the run wrote it." for name, state in broken.items()
    ]


def _clean_funnel(part: Funnel) -> Funnel:
    return replace(
        part,
        stage=clean_text(part.stage),
        reasons={clean_text(reason): count for reason, count in part.reasons.items()},
    )
