"""The sections of the page: each function returns plain values for a template.

It returns None if the run recorded nothing for the section.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, product, zip_longest
from typing import Any

from selfteach.errors import DataError
from selfteach.evaluate.describe_change import describe_change
from selfteach.models.resolve_model_path import find_hub_name
from selfteach.records import JsonMapping, JsonObject, Measure, get_user_text, parse_messages
from selfteach.report.figures import SCOPES
from selfteach.report.format_text import diff_words, shorten
from selfteach.report.labels import FEEDBACK, get_labels
from selfteach.report.read_run import RunData, get_path, list_objects, list_values, read_measure
from selfteach.report.rows import ARMS

MENDED = "was mended"
NEARER = "came nearer to a person's"
STILL_WRONG = "is still wrong"
HARMED = "got worse"
"""Why an answer is among the first ones."""
DRIFT_PROMPTS = "general answers"
"""The answers on which drift is measured, unless the exam names others."""
VERDICT_LOOKS = {
    "taught": "good",
    "nothing to learn": "calm",
    "just prompt it": "warn",
    "partly taught": "warn",
    "not enough prompts": "warn",
    "not learned": "bad",
}
ORIGIN = r"[^'\"#]+"
"""An option, or the name of any file of settings. A value with such a sign ends with a quote."""
CONFIG_LINE = re.compile(rf"^(?P<line>.*?)\s+# (?P<origin>{ORIGIN})$")
NUM_OPEN = {"target": 3, "near": 1, "general": 1}
NUM_SHOWN = {"target": 10, "near": 4, "general": 4}
MAX_REPAIRED_SHOWN = 50


def make_headline(exam: JsonMapping) -> JsonMapping:
    """Return the few numbers next to the verdict."""
    return {
        "before": read_measure(get_path(exam, "kept", "base", "greedy")),
        "after": read_measure(get_path(exam, "kept", "tuned", "greedy")),
        "near": read_measure(get_path(exam, "near", "tuned")),
        "general": read_measure(get_path(exam, "general", "tuned")),
        "seconds": get_path(exam, "cost", "seconds"),
    }


def choose_sections(exam: JsonMapping, recorded: Mapping[str, object]) -> set[str]:
    """Return the optional sections of the page: in a finished run those that it recorded."""
    hidden = get_labels(exam).hidden
    finished = bool(exam.get("verdict"))
    return {
        name for name, found in recorded.items() if name not in hidden and (found or not finished)
    }


def was_nothing_trained(exam: JsonMapping) -> bool:
    """Return whether the run is finished and made no adapter."""
    return bool(exam.get("verdict")) and get_path(exam, "cost", "adapter_mb") == 0


def pick_answers(rows: Sequence[JsonObject]) -> list[JsonObject]:
    """Return one mended answer, one that came nearer, one that is still wrong and one that got
    worse, each with the reason why it is shown. What there is none of is left out.
    """
    tests: dict[str, Callable[[JsonObject], Any]] = {
        MENDED: lambda row: row["scope"] == "target" and row["marks"]["base"][0] and row["mended"],
        NEARER: lambda row: row["nearer"],
        STILL_WRONG: lambda row: all(row["marks"][arm][0] for arm in ("base", "tuned")),
        HARMED: lambda row: not any(row["marks"]["base"]) and row["marks"]["tuned"][0],
    }
    picked = []
    for why, fits in tests.items():
        found = next((row for row in rows if row["has"]["tuned"] and fits(row)), None)
        if found:
            found["why"] = why
            picked.append(found)
    return picked


def pick_card_answers(exam: JsonMapping) -> list[tuple[str, JsonObject]]:
    """Return the same answers as the page shows first, as exam.json has them, with the reason.

    Where no answer is one of these, the first three to target prompts come without a reason.
    """
    answers = list_objects(exam.get("answers"))
    compared = [_compare_answer(row) | {"place": place} for place, row in enumerate(answers)]
    rows = [row for scope in SCOPES for row in compared if row["scope"] == scope]
    picked = [(row["why"], answers[row["place"]]) for row in pick_answers(rows)]
    target = [("", row) for row in answers if row.get("scope") == "target"]
    return picked or target[: len((MENDED, STILL_WRONG, HARMED))]


def compare_answers(exam: JsonMapping) -> JsonMapping | None:
    """Return the answers before and after with their differences, and counts for filters."""
    compared = [_compare_answer(row) for row in list_objects(exam.get("answers"))]
    if not compared:
        return None
    rows: list[JsonObject] = []
    for scope in SCOPES:
        own = [row for row in compared if row["scope"] == scope]
        rows += _mix_kinds(own, NUM_OPEN[scope], NUM_SHOWN[scope])
    picked = pick_answers(rows)
    if picked:
        for row in rows:
            row["open"] = bool(row["why"])
            row["rest"] = row["rest"] and not row["why"]
        rows = picked + [row for row in rows if not row["why"]]
    has_tuned = any(row["has"]["tuned"] for row in rows)
    states = get_labels(exam).states if has_tuned else {}
    scope_counts = Counter(row["scope"] for row in rows)
    state_counts = Counter(state for state in states for row in rows if row[state])
    return {
        "rows": rows,
        "picked": [f"one that {row['why']}" for row in picked],
        "states": states,
        "left": sum(row["rest"] for row in rows),
        "scopes": scope_counts,
        "counts": state_counts,
        "empty": _list_empty_choices(rows, states),
    }


def _list_empty_choices(
    rows: Sequence[JsonMapping], states: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return the choices of scope and state that no answer fits."""
    full = set()
    for row in rows:
        own = ["all", *(state for state in states if row[state])]
        full |= {*product(("all", row["scope"]), own)}
    choices = product(("all", *SCOPES), ("all", *states))
    return [choice for choice in choices if choice not in full]


def _mix_kinds(rows: list[JsonObject], num_open: int, num_shown: int) -> list[JsonObject]:
    """Return rows with one of each kind in turn, so that the first ones show every kind.

    The kinds are mended, broken, changed and same. The first rows are open, further ones are shown,
    and the rest is hidden at first.
    """
    kinds: dict[str, list[JsonObject]] = {"mended": [], "broken": [], "changed": [], "same": []}
    for row in rows:
        kind = next((kind for kind in ("mended", "broken", "same") if row[kind]), "changed")
        kinds[kind].append(row)
    turns = zip_longest(*kinds.values())
    mixed = [row for row in chain.from_iterable(turns) if row]
    for place, row in enumerate(mixed):
        row["open"] = place < num_open
        row["rest"] = place >= num_shown
    return mixed


def _compare_answer(row: JsonMapping) -> JsonObject:
    arms = {arm: get_path(row, "arms", arm) for arm in ARMS}
    greedy = {arm: shorten(get_path(found, "greedy")) for arm, found in arms.items()}
    broken = {
        arm: (get_path(found, "ok") is False, get_path(found, "sampled_ok") is False)
        for arm, found in arms.items()
    }
    has = {arm: found is not None for arm, found in arms.items()}
    left, right = diff_words(greedy["base"], greedy["tuned"])
    if not has["tuned"]:
        left = [(False, greedy["base"])]
    is_broken = any(broken["tuned"])
    is_nearer = get_path(arms["tuned"], "nearer") is True
    return {
        "scope": row["scope"] if row.get("scope") in SCOPES else "general",
        "prompt": shorten(row.get("prompt"), 2000),
        "same": has["tuned"] and greedy["base"] == greedy["tuned"],
        "greedy": {"base": left, "tuned": right, "prompted": [(False, greedy["prompted"])]},
        "sampled": {arm: shorten(get_path(found, "sampled")) for arm, found in arms.items()},
        "marks": broken,
        "has": has,
        "broken": is_broken,
        "kept": has["tuned"] and not is_broken,
        "why": "",
        "nearer": is_nearer,
        "mended": is_nearer or (has["tuned"] and any(broken["base"]) and not is_broken),
    }


def describe_example(row: JsonMapping) -> JsonMapping:
    """Return one training record to read: prompt, chosen, rejected."""
    try:
        prompt = get_user_text(parse_messages(row.get("prompt")))
    except DataError:
        prompt = ""
    return {
        "kind": str(row.get("kind", "")),
        "prompt": shorten(prompt, 1000),
        "chosen": _get_last_turn(row.get("chosen")),
        "rejected": _get_last_turn(row.get("rejected")),
    }


def _get_last_turn(turns: Any) -> str:
    """Return the text of the last turn, or the whole text of a plain example."""
    if isinstance(turns, str):
        return shorten(turns)
    messages = list_objects(turns)
    return shorten(messages[-1].get("content")) if messages else ""


def list_dropped(run: RunData) -> list[JsonMapping]:
    """Return each stage's reasons with their counts, and some of the candidates to read."""
    counts = {
        (part.stage, reason): count for part in run.funnel for reason, count in part.reasons.items()
    }
    groups: list[JsonMapping] = []
    for key, count in {**run.dropped_counts, **counts}.items():
        stage, reason = key
        rows = [_list_body(row) for row in run.dropped.get(key, [])]
        groups.append({"stage": stage, "reason": reason, "count": count, "rows": rows})
    return groups


def list_repaired(note: Any) -> JsonMapping | None:
    """Return how many rows were repaired, and the first of them to read; None for none."""
    lines = list_texts(note)
    shown = [shorten(line, 300) for line in lines[:MAX_REPAIRED_SHOWN]]
    return {"count": len(lines), "lines": shown} if lines else None


def _list_body(row: JsonMapping) -> list[tuple[str, str]]:
    body = row.get("body")
    pairs = list(body.items())[:8] if isinstance(body, Mapping) else [("body", body)]
    found = []
    for key, value in pairs:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        found.append((key, shorten(text, 800)))
    return found


def describe_judges(notes: Any, exam: JsonMapping) -> list[JsonMapping]:
    """Return the judges of a rule, or those of each criticism."""
    found = [describe_judge(note, exam) for note in list_objects(notes) or [{}]]
    return [judge for judge in found if judge is not None]


def describe_judge(note: JsonMapping, exam: JsonMapping) -> JsonMapping | None:
    """Return the candidates with their AUROC, the choice with its reason, and labeled answers."""
    candidates = [
        {**row, "auroc": read_measure(row.get("auroc"))}
        for row in list_objects(get_path(note, "candidates"))
    ]
    named = exam.get("judge") if isinstance(exam.get("judge"), Mapping) else None
    if not candidates and not named:
        return None
    names = [str(row.get("name", "")) for row in candidates]
    examples = []
    for row in list_objects(get_path(note, "examples"))[:10]:
        values = [get_path(row, "values", name) for name in names]
        label = name_label(row.get("label"))
        examples.append({"text": shorten(row.get("text"), 600), "label": label, "values": values})
    return {
        "words": shorten(get_path(note, "words"), 200),
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
    """Return the word for a label by construction: true means that the answer breaks the rule."""
    if isinstance(value, bool):
        return "broken" if value else "kept"
    return str(value)


def list_settings(text: str) -> list[JsonMapping]:
    """Return the lines of config.yaml as key, value and origin."""
    rows: list[JsonMapping] = []
    for line in text.splitlines():
        found = CONFIG_LINE.match(line)
        key, colon, value = (found["line"] if found else line).partition(":")
        if colon and not line.startswith("#"):
            origin = found["origin"] if found else "default"
            rows.append({"key": key.strip(), "value": value.strip(), "origin": origin})
    return rows


def list_stages(run: RunData) -> list[JsonMapping]:
    """Return each stage with its state and its seconds.

    They come from the manifest, or from the exam's cost if the manifest has none.
    """
    stages = run.manifest.get("stages")
    if not isinstance(stages, Mapping) or not stages:
        costs = get_path(run.exam, "cost", "stages")
        known = costs.items() if isinstance(costs, Mapping) else ()
        stages = {name: {"seconds": value} for name, value in known}
    return [
        {
            "name": name,
            "state": str(get_path(stage, "state") or ""),
            "seconds": get_path(stage, "seconds"),
        }
        for name, stage in stages.items()
    ]


def describe_origin(run: RunData) -> JsonMapping:
    """Return the origin of a run from its manifest.

    It holds the base with its fingerprint and its hub name, the day, the seed and the versions. A
    base in a local folder has no hub name, because its path is private.
    """
    packages = run.manifest.get("packages")
    versions = {name: run.manifest.get(name) for name in ("selfteach", "python")} | (
        packages if isinstance(packages, dict) else {}
    )
    base = run.manifest.get("base_model")
    return {
        "base": base,
        "hub": find_hub_name(base),
        "fingerprint": get_path(run.manifest, "models", "base"),
        "day": run.manifest.get("created"),
        "seed": run.manifest.get("seed"),
        "platform": run.manifest.get("platform"),
        "versions": {
            name: version for name, version in versions.items() if isinstance(version, str)
        },
    }


def list_texts(value: Any) -> Sequence[str]:
    """Return the texts of a list."""
    return [item for item in list_values(value) if isinstance(item, str)]


def list_noise(exam: JsonMapping) -> list[tuple[str, Measure]]:
    """Return the differences of the base from itself, in two samples.

    They are due to chance alone, but for a rule, where the second sample also chose the prompts.
    """
    floor: Any = exam.get("noise_floor")
    found = []
    for key, value in floor.items() if isinstance(floor, Mapping) else ():
        measure = read_measure(value)
        if measure:
            found.append(("rule kept" if key == "kept" else str(key), measure))
    return found


def list_checked_scopes(exam: JsonMapping) -> Sequence[str]:
    """Return the scopes whose answers are checked for loops and empty ones.

    An older exam does not tell: a rule's are near and general, those of others the target.
    """
    method = str(exam.get("method") or FEEDBACK.name)
    older = ["near", "general"] if method == FEEDBACK.name else ["target"]
    return list_texts(exam.get("sanity_scopes")) or older


def list_changes(exam: JsonMapping) -> list[str]:
    """Return a line for each run that this one continues: what is left of it."""
    lines = []
    for entry in list_objects(exam.get("earlier")):
        try:
            lines.append(describe_change(entry))
        except (KeyError, TypeError, ValueError):  # a shared exam may hold anything
            continue
    return lines
