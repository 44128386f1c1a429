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
from selfteach.records import Measure, get_user_text, parse_messages
from selfteach.report import corrections_page, documents_page, tasks_page
from selfteach.report.figures import SCOPES
from selfteach.report.format_text import diff_words, shorten
from selfteach.report.labels import find_plug_in, get_labels
from selfteach.report.read_run import RunData, get_path, list_objects, read_measure

ARMS = ("base", "prompted", "taught")
DRIFT_PROMPTS = "general answers"
"""Where drift is measured, unless the exam says where else."""
VERDICT_LOOKS = {
    "taught": "good",
    "nothing to learn": "calm",
    "just prompt it": "warn",
    "not learned": "bad",
}
CONFIG_LINE = re.compile(r"^(?P<line>.*?)\s+# (?P<origin>option|Python|--set|[\w.-]+\.ya?ml)$")
NUM_OPEN = {"target": 3, "near": 1, "general": 1}
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
NUM_SHOWN = {"target": 10, "near": 4, "general": 4}

JsonObject = Mapping[str, Any]


def _make_row(label: str, meaning: str, measures: Mapping[str, Any]) -> JsonObject:
    return {
        "label": label,
        "meaning": meaning,
        "measures": {arm: read_measure(measures.get(arm)) for arm in ARMS},
    }


def _get_arms(tree: Any, *path: str) -> dict[str, Any]:
    """{arm: value} from {arm: {...path: value}}."""
    return {arm: get_path(tree, arm, *path) for arm in ARMS}


def make_result_rows(exam: JsonObject) -> list[JsonObject]:
    """The rows of the result table, for each method its own; only those that were measured."""
    if not exam:
        return []
    kinds = {
        "corrections": corrections_page.make_result_rows,
        "documents": documents_page.make_result_rows,
        "tasks": tasks_page.make_result_rows,
        "train": _make_train_rows,
    }
    method = str(exam.get("method") or "feedback")
    find = kinds.get(method, _make_rule_rows if method == "feedback" else _general)
    return [row for row in find(exam) if any(row["measures"].values())]


def _general(exam: JsonObject) -> list[JsonObject]:
    """Rows for a method of another package: every measure of exam.json that the arms have."""
    labels = getattr(find_plug_in(str(exam["method"])), "labels", {})
    rows = []
    for path, tree in _walk(exam):
        name = ".".join(path)
        if path[0] != "sanity" and any(arm in tree for arm in ARMS):
            label = labels.get(name, name)
            rows.append(_make_row(label, name, tree))
            rows.append(_make_row(f"{label}, greedy", name, _get_arms(tree, "greedy")))
            rows.append(_make_row(f"{label}, T = 1", name, _get_arms(tree, "sampled")))
    return rows


def _walk(
    tree: JsonObject, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], JsonObject]]:
    """Yield every mapping of nested mappings with its path."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield (*path, key), value
            yield from _walk(value, (*path, key))


def _make_train_rows(exam: JsonObject) -> list[JsonObject]:
    return [
        _make_row(
            "Chosen answer likelier",
            "dev pairs whose chosen answer is the likelier one, by token",
            exam.get("preferred") or {},
        ),
        _make_row(
            "Answer likelier than before",
            "dev examples whose answer became likelier than under the base",
            exam.get("risen") or {},
        ),
    ]


def _make_rule_rows(exam: JsonObject) -> list[JsonObject]:
    return [
        _make_row(
            "Rule kept, greedy",
            "held-out prompts on which the rule may be broken; the single most likely answer",
            _get_arms(exam.get("kept"), "greedy"),
        ),
        _make_row(
            "Rule kept, T = 1",
            "the same prompts; one answer sampled at temperature 1",
            _get_arms(exam.get("kept"), "sampled"),
        ),
        _make_row(
            "Near prompts unharmed",
            "prompts that look alike but leave the rule alone: still answered as the base would",
            _get_arms(exam.get("near")),
        ),
        _make_row(
            "General answers unharmed",
            "prompts about anything else: still answered as the base would",
            _get_arms(exam.get("general")),
        ),
    ]


def make_elsewhere_rows(exam: JsonObject) -> list[JsonObject]:
    """The rule outside the form in which it was taught; only the rows that were measured."""
    rows = [
        _make_row(
            "Under another system prompt",
            "rule kept when the conversation opens with a system prompt that training never saw",
            _get_arms(exam.get("other_system")),
        ),
        _make_row(
            "In the second turn",
            "rule kept when an unrelated turn comes before the question",
            _get_arms(exam.get("second_turn")),
        ),
    ]
    return [row for row in rows if any(row["measures"].values())]


def make_headline(exam: JsonObject) -> JsonObject:
    """The few numbers that stand beside the verdict."""
    return {
        "before": read_measure(get_path(exam, "kept", "base", "greedy")),
        "after": read_measure(get_path(exam, "kept", "taught", "greedy")),
        "near": read_measure(get_path(exam, "near", "taught")),
        "general": read_measure(get_path(exam, "general", "taught")),
        "seconds": get_path(exam, "cost", "seconds"),
    }


def make_sanity_rows(exam: JsonObject) -> list[JsonObject]:
    """Looping and empty answers as shares of each arm."""
    rows = [
        _make_row(
            "Looping answers",
            "the same words over and over",
            _get_arms(exam.get("sanity"), "looping"),
        ),
        _make_row("Empty answers", "no word at all", _get_arms(exam.get("sanity"), "empty")),
    ]
    return [row for row in rows if any(row["measures"].values())]


def compare_answers(exam: JsonObject) -> JsonObject | None:
    """Before and after, each answer with its word-level differences, and the counts for the
    filters.
    """
    rows = [_compare_answer(row) for row in list_objects(exam.get("answers"))]
    if not rows:
        return None
    rows = [
        row
        for scope in SCOPES
        for row in _mix_sorts([row for row in rows if row["scope"] == scope], scope)
    ]
    states = get_labels(exam).states
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


def _mix_sorts(rows: list[dict[str, Any]], scope: str) -> list[dict[str, Any]]:
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
        row["open"], row["rest"] = place < NUM_OPEN[scope], place >= NUM_SHOWN[scope]
    return mixed


def _compare_answer(row: JsonObject) -> dict[str, Any]:
    broken = {
        arm: (
            get_path(row, "arms", arm, "broken") is True,
            get_path(row, "arms", arm, "sampled_broken") is True,
        )
        for arm in ARMS
    }
    before, after = (shorten(get_path(row, "arms", arm, "greedy")) for arm in ("base", "taught"))
    left, right = diff_words(before, after)
    return {
        "scope": row["scope"] if row.get("scope") in SCOPES else "general",
        "prompt": shorten(row.get("prompt"), 2000),
        "same": before == after,
        "greedy": {
            "base": left,
            "taught": right,
            "prompted": [(False, shorten(get_path(row, "arms", "prompted", "greedy")))],
        },
        "sampled": {arm: shorten(get_path(row, "arms", arm, "sampled")) for arm in ARMS},
        "marks": broken,
        "has": {arm: get_path(row, "arms", arm) is not None for arm in ARMS},
        "broken": any(broken["taught"]),
        "kept": not any(broken["taught"]),
        "mended": any(broken["base"]) and not any(broken["taught"]),
    }


def describe_example(row: JsonObject) -> JsonObject:
    """One training record to read: prompt, chosen, rejected."""
    try:
        asked = get_user_text(parse_messages(row.get("prompt")))
    except DataError:
        asked = ""
    return {
        "kind": str(row.get("kind", "")),
        "prompt": shorten(asked, 1000),
        "chosen": _get_last_turn(row.get("chosen")),
        "rejected": _get_last_turn(row.get("rejected")),
    }


def _get_last_turn(turns: Any) -> str:
    """The words of an answer: of the last turn, or as they are where the example was plain text."""
    if isinstance(turns, str):
        return shorten(turns)
    return shorten(list_objects(turns)[-1].get("content")) if list_objects(turns) else ""


def list_dropped(run: RunData) -> list[JsonObject]:
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
            "rows": [_list_body(row) for row in run.dropped.get((stage, reason), [])],
        }
        for stage, reason in keys
    ]


def _list_body(row: JsonObject) -> list[tuple[str, str]]:
    body = row.get("body")
    pairs = list(body.items())[:8] if isinstance(body, Mapping) else [("body", body)]
    return [
        (
            key,
            shorten(
                value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 800
            ),
        )
        for key, value in pairs
    ]


def describe_judge(note: Any, exam: JsonObject) -> JsonObject | None:
    """The candidates with their AUROC, the choice and its reason, labelled answers to read."""
    candidates = [
        {**row, "auroc": read_measure(row.get("auroc"))}
        for row in list_objects(get_path(note, "candidates"))
    ]
    named = exam.get("judge") if isinstance(exam.get("judge"), Mapping) else None
    if not candidates and not named:
        return None
    names = [str(row.get("name", "")) for row in candidates]
    examples = [
        {
            "text": shorten(row.get("text"), 600),
            "label": name_label(row.get("label")),
            "values": [get_path(row, "values", name) for name in names],
        }
        for row in list_objects(get_path(note, "examples"))[:10]
    ]
    return {
        "named": named,
        "auroc": read_measure(get_path(named, "auroc")),
        "chosen": str(get_path(note, "chosen") or get_path(named, "name") or ""),
        "reason": get_path(note, "reason"),
        "candidates": candidates,
        "left_out": list_objects(get_path(note, "left_out")),
        "names": names,
        "examples": examples,
    }


def name_label(value: Any) -> str:
    """The word for a label by construction: true means that the answer breaks the rule."""
    return "broken" if value is True else "kept" if value is False else str(value)


def list_settings(text: str) -> list[JsonObject]:
    """The lines of config.yaml as key, value and origin."""
    rows: list[JsonObject] = []
    for line in text.splitlines():
        found = CONFIG_LINE.match(line)
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


def list_stages(run: RunData) -> list[JsonObject]:
    """Each stage with its state and its seconds, from the manifest; from the exam's cost where the
    manifest has none.
    """
    listed = run.manifest.get("stages")
    if isinstance(listed, Mapping) and listed:
        return [
            {
                "name": name,
                "state": str(get_path(stage, "state") or ""),
                "seconds": get_path(stage, "seconds"),
            }
            for name, stage in listed.items()
        ]
    costs = get_path(run.exam, "cost", "stages")
    return (
        [{"name": name, "state": "", "seconds": value} for name, value in costs.items()]
        if isinstance(costs, Mapping)
        else []
    )


def describe_origin(run: RunData) -> JsonObject:
    """What made the run, from its manifest: the base, its name on a hub if it has one ("hub"; a
    folder's path is nobody else's business) and its fingerprint, the day, the seed, the versions
    that numbers may depend on."""
    packages = run.manifest.get("packages")
    versions = {name: run.manifest.get(name) for name in ("selfteach", "python")} | (
        packages if isinstance(packages, dict) else {}
    )
    base = run.manifest.get("base_model")
    hub = embedded.HUB_NAME if base == embedded.EMBEDDED else base
    return {
        "base": base,
        "hub": hub if isinstance(hub, str) and HUB_NAME.fullmatch(hub) else "",
        "fingerprint": get_path(run.manifest, "models", "student"),
        "day": run.manifest.get("created"),
        "seed": run.manifest.get("seed"),
        "platform": run.manifest.get("platform"),
        "versions": {
            name: version for name, version in versions.items() if isinstance(version, str)
        },
    }


def list_texts(value: Any) -> Sequence[str]:
    """The texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def list_noise(exam: JsonObject) -> list[tuple[str, Measure]]:
    """The base against itself: what differs by chance alone."""
    names = {"kept": "rule kept"}
    floor: Any = exam.get("noise_floor")
    known = floor.items() if isinstance(floor, Mapping) else ()
    return [
        (names.get(str(key), str(key)), found)
        for key, value in known
        if (found := read_measure(value))
    ]
