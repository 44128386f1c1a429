"""The page of corrections: the headline, and the plots by round."""

from __future__ import annotations

from selfteach.records import JsonMapping, JsonObject, Measure
from selfteach.report.figures import (
    Dot,
    Plot,
    Tick,
    choose_ticks,
    label_ticks,
    make_line,
    place_value,
    to_percent,
)
from selfteach.report.format_text import NO_INTERVAL
from selfteach.report.read_run import get_path, list_objects, read_measure, read_number
from selfteach.report.rows import FILE_TEACHERS, read_arms

HEADLINE = (
    ("Held-out corrections preferred", "preferred.*"),
    ("Words changed, greedy", "distance.*.greedy"),
    ("Words changed, T = 1", "distance.*.sampled"),
    ("Answers corrected", "corrected.*"),
    ("Criticism met", "met.*"),
)
FILE_HEADLINE = (
    HEADLINE[0],
    ("Words unlike the correction, greedy", "distance.*.greedy"),
    ("Words unlike the correction, T = 1", "distance.*.sampled"),
    ("Answers unlike it", "corrected.*"),
    HEADLINE[-1],
)
"""The headline if nobody could correct new answers."""


def make_headline(exam: JsonMapping) -> list[tuple[str, Measure, Measure]]:
    """Return (name, before, after) for the figures next to the verdict."""
    found = []
    for name, path in FILE_HEADLINE if exam.get("teacher") in FILE_TEACHERS else HEADLINE:
        arms = read_arms(exam, path)
        before = read_measure(arms["base"])
        after = read_measure(arms["tuned"])
        if before and after:
            found.append((name, before, after))
    return found


def plot_rounds(exam: JsonMapping) -> list[Plot]:
    """Plot edit distance and amount of correction on dev prompts by round, of greedy and of sampled
    answers apart; round 0 is the base.
    """
    rows = [
        row for row in list_objects(exam.get("rounds")) if read_number(row.get("round")) is not None
    ]
    plots = [
        _plot_metric(f"{title}, {words}", key, way, rows)
        for title, key in (
            ("edit distance", "distance"),
            ("amount of correction in nats", "amount_nats"),
        )
        for way, words in (("greedy", "greedy"), ("sampled", "T = 1"))
    ]
    return [plot for plot in plots if plot]


def list_earlier_rounds(exam: JsonMapping) -> list[JsonMapping]:
    """Return a row for each earlier round and each later one: how many of its corrections are
    preferred then, and the change since they were learned.
    """
    rows: list[JsonMapping] = []
    for point in list_objects(exam.get("rounds")):
        after = read_number(point.get("round"))
        for row in list_objects(point.get("earlier")):
            number = read_number(row.get("round"))
            measures = [read_measure(row.get(key)) for key in ("preferred", "change")]
            if after is not None and number is not None and number < after and all(measures):
                preferred, change = measures
                found = {"round": int(number), "after": int(after)}
                rows.append(found | {"preferred": preferred, "change": change})
    return rows


def _plot_metric(title: str, key: str, way: str, rows: list[JsonObject]) -> Plot | None:
    known = {}
    kept = None
    for row in rows:
        measure = read_measure(get_path(row, key, way))
        if measure:
            known[int(row["round"])] = measure
            kept = kept or (measure if row.get("kept") else None)
    if len(known) < 2:
        return None
    rounds = list(known)
    measures = list(known.values())
    kept = kept or measures[-1]
    ticks = choose_ticks(min(m.low for m in measures), max(m.high for m in measures))
    dots = [
        Dot(
            to_percent(number, 0, rounds[-1]),
            place_value(m.value, ticks),
            place_value(m.low, ticks),
            place_value(m.high, ticks),
            f"round {number}: {m.value:.3g} {_format_ends(m)}, n {m.n}",
        )
        for number, m in known.items()
    ]
    return Plot(
        title,
        [make_line(title, "tuned", dots)],
        [Tick(dot.x, str(number)) for dot, number in zip(dots, rounds, strict=True)],
        label_ticks(ticks),
        f"{measures[0].value:.3g} → {kept.value:.3g}",
    )


def _format_ends(found: Measure) -> str:
    if not found.has_interval:
        return f"({NO_INTERVAL})"
    return f"[{found.low:.3g}, {found.high:.3g}]"
