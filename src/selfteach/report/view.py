"""What the page shows, section by section: each function takes the run and returns plain values for
a template, or None where the run recorded nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from selfteach.errors import DataError
from selfteach.models import embedded
from selfteach.records import Measure, messages, question
from selfteach.report import edits, following, known
from selfteach.report.figures import SCOPES
from selfteach.report.read import Run, at, items, measure
from selfteach.report.wording import find_plug_in, wording
from selfteach.report.words import differences, short

ARMS = ("base", "prompted", "taught")
GENERAL = "general answers"
"""Where drift is measured, unless the exam says where else."""
VERDICTS = {
    "taught": "good",
    "nothing to learn": "calm",
    "just prompt it": "warn",
    "not learned": "bad",
}
ORIGIN = re.compile(r"^(?P<line>.*?)\s+# (?P<origin>option|Python|--set|[\w.-]+\.ya?ml)$")
OPEN = {"target": 3, "near": 1, "general": 1}
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
SHOWN = {"target": 10, "near": 4, "general": 4}

Row = Mapping[str, Any]


def _row(label: str, meaning: str, measures: Mapping[str, Any]) -> Row:
    return {
        "label": label,
        "meaning": meaning,
        "measures": {arm: measure(measures.get(arm)) for arm in ARMS},
    }


def _arms(tree: Any, *path: str) -> dict[str, Any]:
    """{arm: value} from {arm: {...path: value}}."""
    return {arm: at(tree, arm, *path) for arm in ARMS}


def result(exam: Row) -> list[Row]:
    """The rows of the result table, for each method its own; only those that were measured."""
    if not exam:
        return []
    kinds = {
        "corrections": edits.result,
        "documents": known.result,
        "tasks": following.result,
        "train": _trained,
    }
    method = str(exam.get("method") or "feedback")
    find = kinds.get(method, _ruled if method == "feedback" else _general)
    return [row for row in find(exam) if any(row["measures"].values())]


def _general(exam: Row) -> list[Row]:
    """Rows for a method of another package: every measure of exam.json that the arms have."""
    labels = getattr(find_plug_in(str(exam["method"])), "labels", {})
    rows = []
    for path, tree in _walk(exam):
        name = ".".join(path)
        if path[0] != "sanity" and any(arm in tree for arm in ARMS):
            label = labels.get(name, name)
            rows.append(_row(label, name, tree))
            rows.append(_row(f"{label}, greedy", name, _arms(tree, "greedy")))
            rows.append(_row(f"{label}, T = 1", name, _arms(tree, "drawn")))
    return rows


def _walk(tree: Row, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Row]]:
    """Yield every mapping of nested mappings with its path."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield (*path, key), value
            yield from _walk(value, (*path, key))


def _trained(exam: Row) -> list[Row]:
    return [
        _row(
            "Chosen answer likelier",
            "dev pairs whose chosen answer is the likelier one, by token",
            exam.get("preferred") or {},
        ),
        _row(
            "Answer likelier than before",
            "dev examples whose answer became likelier than under the base",
            exam.get("risen") or {},
        ),
    ]


def _ruled(exam: Row) -> list[Row]:
    return [
        _row(
            "Rule kept, greedy",
            "held-out prompts on which the rule may be broken; the single most likely answer",
            _arms(exam.get("kept"), "greedy"),
        ),
        _row(
            "Rule kept, T = 1",
            "the same prompts; one answer drawn at temperature 1",
            _arms(exam.get("kept"), "drawn"),
        ),
        _row(
            "Near prompts unharmed",
            "prompts that look alike but leave the rule alone: still answered as the base would",
            _arms(exam.get("near")),
        ),
        _row(
            "General answers unharmed",
            "prompts about anything else: still answered as the base would",
            _arms(exam.get("general")),
        ),
    ]


def elsewhere(exam: Row) -> list[Row]:
    """The rule outside the form in which it was taught; only the rows that were measured."""
    rows = [
        _row(
            "Under another system prompt",
            "rule kept when the conversation opens with a system prompt that training never saw",
            _arms(exam.get("other_system")),
        ),
        _row(
            "In the second turn",
            "rule kept when an unrelated turn comes before the question",
            _arms(exam.get("second_turn")),
        ),
    ]
    return [row for row in rows if any(row["measures"].values())]


def headline(exam: Row) -> Row:
    """The few numbers that stand beside the verdict."""
    return {
        "before": measure(at(exam, "kept", "base", "greedy")),
        "after": measure(at(exam, "kept", "taught", "greedy")),
        "near": measure(at(exam, "near", "taught")),
        "general": measure(at(exam, "general", "taught")),
        "seconds": at(exam, "cost", "seconds"),
    }


def sanity(exam: Row) -> list[Row]:
    """Looping and empty answers as shares of each arm."""
    rows = [
        _row(
            "Looping answers", "the same words over and over", _arms(exam.get("sanity"), "looping")
        ),
        _row("Empty answers", "no word at all", _arms(exam.get("sanity"), "empty")),
    ]
    return [row for row in rows if any(row["measures"].values())]


def answers(exam: Row) -> Row | None:
    """Before and after, each answer with its word-level differences, and the counts for the
    filters.
    """
    rows = [_answer(row) for row in items(exam.get("answers"))]
    if not rows:
        return None
    rows = [
        row
        for scope in SCOPES
        for row in _mixed([row for row in rows if row["scope"] == scope], scope)
    ]
    states = wording(exam).states
    return {
        "rows": rows,
        "states": states,
        "left": sum(row["rest"] for row in rows),
        "scopes": {scope: sum(row["scope"] == scope for row in rows) for scope in SCOPES},
        "counts": {state: sum(row[state] for row in rows) for state in states},
        "empty": [
            (scope, state)
            for scope in ("all", *SCOPES)
            for state in ("all", *states)
            if not any(
                (scope in ("all", row["scope"])) and (state == "all" or row[state]) for row in rows
            )
        ],
    }


def _mixed(rows: list[dict[str, Any]], scope: str) -> list[dict[str, Any]]:
    """One of each sort in turn (mended, broken, changed, same), so that the first few show every
    sort; these are open or shown at once.
    """
    sorts: dict[str, list[dict[str, Any]]] = {"mended": [], "broken": [], "changed": [], "same": []}
    for row in rows:
        sorts[
            "mended"
            if row["mended"]
            else "broken"
            if row["broken"]
            else "same"
            if row["same"]
            else "changed"
        ].append(row)
    mixed = [row for turn in zip_longest(*sorts.values()) for row in turn if row]
    for place, row in enumerate(mixed):
        row["open"], row["rest"] = place < OPEN[scope], place >= SHOWN[scope]
    return mixed


def _answer(row: Row) -> dict[str, Any]:
    broken = {
        arm: (at(row, "arms", arm, "broken") is True, at(row, "arms", arm, "drawn_broken") is True)
        for arm in ARMS
    }
    before, after = (short(at(row, "arms", arm, "greedy")) for arm in ("base", "taught"))
    left, right = differences(before, after)
    return {
        "scope": row["scope"] if row.get("scope") in SCOPES else "general",
        "prompt": short(row.get("prompt"), 2000),
        "same": before == after,
        "greedy": {
            "base": left,
            "taught": right,
            "prompted": [(False, short(at(row, "arms", "prompted", "greedy")))],
        },
        "drawn": {arm: short(at(row, "arms", arm, "drawn")) for arm in ARMS},
        "marks": broken,
        "has": {arm: at(row, "arms", arm) is not None for arm in ARMS},
        "broken": any(broken["taught"]),
        "kept": not any(broken["taught"]),
        "mended": any(broken["base"]) and not any(broken["taught"]),
    }


def example(row: Row) -> Row:
    """One training record to read: prompt, chosen, rejected."""
    try:
        asked = question(messages(row.get("prompt")))
    except DataError:
        asked = ""
    return {
        "kind": str(row.get("kind", "")),
        "prompt": short(asked, 1000),
        "chosen": _last(row.get("chosen")),
        "rejected": _last(row.get("rejected")),
    }


def _last(turns: Any) -> str:
    """The words of an answer: of the last turn, or as they are where the example was plain text."""
    if isinstance(turns, str):
        return short(turns)
    return short(items(turns)[-1].get("content")) if items(turns) else ""


def dropped(run: Run) -> list[Row]:
    """Each stage's reasons with their counts, and some of the candidates to read."""
    counts = {
        (part.stage, reason): count for part in run.funnel for reason, count in part.reasons.items()
    }
    keys = [*counts, *(key for key in run.dropped if key not in counts)]
    return [
        {
            "stage": stage,
            "reason": reason,
            "count": counts.get((stage, reason), run.dropped_counts.get((stage, reason), 0)),
            "rows": [_body(row) for row in run.dropped.get((stage, reason), [])],
        }
        for stage, reason in keys
    ]


def _body(row: Row) -> list[tuple[str, str]]:
    body = row.get("body")
    pairs = list(body.items())[:8] if isinstance(body, Mapping) else [("body", body)]
    return [
        (
            key,
            short(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 800),
        )
        for key, value in pairs
    ]


def judge(note: Any, exam: Row) -> Row | None:
    """The candidates with their AUROC, the choice and its reason, labelled answers to read."""
    candidates = [
        {**row, "auroc": measure(row.get("auroc"))} for row in items(at(note, "candidates"))
    ]
    named = exam.get("judge") if isinstance(exam.get("judge"), Mapping) else None
    if not candidates and not named:
        return None
    names = [str(row.get("name", "")) for row in candidates]
    examples = [
        {
            "text": short(row.get("text"), 600),
            "label": label(row.get("label")),
            "values": [at(row, "values", name) for name in names],
        }
        for row in items(at(note, "examples"))[:10]
    ]
    return {
        "named": named,
        "auroc": measure(at(named, "auroc")),
        "chosen": str(at(note, "chosen") or at(named, "name") or ""),
        "reason": at(note, "reason"),
        "candidates": candidates,
        "left_out": items(at(note, "left_out")),
        "names": names,
        "examples": examples,
    }


def label(value: Any) -> str:
    """The word for a label by construction: true means that the answer breaks the rule."""
    return "broken" if value is True else "kept" if value is False else str(value)


def settings(text: str) -> list[Row]:
    """The lines of config.yaml as key, value and origin."""
    rows: list[Row] = []
    for line in text.splitlines():
        found = ORIGIN.match(line)
        key, colon, value = (found["line"] if found else line).partition(":")
        if colon and not line.startswith("#"):
            rows.append(
                {
                    "key": key.strip(),
                    "value": value.strip(),
                    "origin": found["origin"] if found else "default",
                }
            )
    return rows


def stages(run: Run) -> list[Row]:
    """Each stage with its state and its seconds, from the manifest; from the exam's cost where the
    manifest has none.
    """
    listed = run.manifest.get("stages")
    if isinstance(listed, Mapping) and listed:
        return [
            {"name": name, "state": str(at(stage, "state") or ""), "seconds": at(stage, "seconds")}
            for name, stage in listed.items()
        ]
    costs = at(run.exam, "cost", "stages")
    return (
        [{"name": name, "state": "", "seconds": value} for name, value in costs.items()]
        if isinstance(costs, Mapping)
        else []
    )


def made(run: Run) -> Row:
    """What made the run, from its manifest: the base, its name on a hub if it has one ("hub"; a
    folder's path is nobody else's business) and its fingerprint, the day, the seed, the versions
    that numbers may depend on."""
    packages = run.manifest.get("packages")
    versions = {name: run.manifest.get(name) for name in ("selfteach", "python")} | (
        packages if isinstance(packages, dict) else {}
    )
    base = run.manifest.get("base_model")
    hub = embedded.HUB_NAME if base == embedded.NAME else base
    return {
        "base": base,
        "hub": hub if isinstance(hub, str) and HUB_NAME.fullmatch(hub) else "",
        "fingerprint": at(run.manifest, "models", "student"),
        "day": run.manifest.get("created"),
        "seed": run.manifest.get("seed"),
        "platform": run.manifest.get("platform"),
        "versions": {
            name: version for name, version in versions.items() if isinstance(version, str)
        },
    }


def texts(value: Any) -> Sequence[str]:
    """The texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def noise(exam: Row) -> list[tuple[str, Measure]]:
    """The base against itself: what differs by chance alone."""
    names = {"kept": "rule kept"}
    floor: Any = exam.get("noise_floor")
    known = floor.items() if isinstance(floor, Mapping) else ()
    return [
        (names.get(str(key), str(key)), found) for key, value in known if (found := measure(value))
    ]
