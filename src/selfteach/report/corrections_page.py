"""What the page shows of corrections: shares of words and of answers that a teacher changes, and
how they fall by round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfteach.report.figures import Dot, Plot, Tick, choose_ticks, make_line, to_percent
from selfteach.report.read_run import get_path, list_objects, read_measure, read_number

ARMS = ("base", "prompted", "taught")
JsonObject = Mapping[str, Any]
RESULT_ROWS = (
    (
        "Words that the teacher changes, greedy",
        "edit distance to the teacher's correction; the single most likely answer",
        ("distance",),
        ("greedy",),
    ),
    (
        "Words that the teacher changes, T = 1",
        "the same prompts; one answer sampled at temperature 1",
        ("distance",),
        ("sampled",),
    ),
    (
        "Answers that are corrected",
        "share of the greedy answers in which the teacher changes anything at all",
        ("corrected",),
        (),
    ),
    (
        "Answers with a repeated error",
        "a word or mark that corrections took out in training, and never left standing",
        ("repeated",),
        (),
    ),
    (
        "Held-out corrections preferred",
        "corrections that people wrote: likelier, by token, than what they correct",
        ("preferred",),
        (),
    ),
    (
        "Criticism met",
        "new answers to prompts like the criticised ones, to which the criticism no longer applies",
        ("met",),
        (),
    ),
    (
        "General answers unharmed",
        "prompts about anything else: still answered as the base would",
        ("general",),
        (),
    ),
)
"""Label, meaning, where it stands in exam.json before the arm's name, and after it."""
FILE_TEACHER_LABELS = {
    "distance": (
        "Words unlike the correction",
        "edit distance to the nearest known correction of the prompt; nobody corrected the answer",
    ),
    "corrected": (
        "Answers unlike the correction",
        "share of the greedy answers that are no known correction of their prompt",
    ),
}
"""The same where there was nobody to correct new answers."""
FILE_TEACHERS = ("the file", "a person")


def make_result_rows(exam: JsonObject) -> list[JsonObject]:
    """The rows of the result table; those that were not measured are left out."""
    rows: list[dict[str, Any]] = [
        {
            **_get_row_labels(exam, label, meaning, before[0]),
            "measures": {arm: read_measure(get_path(exam, *before, arm, *after)) for arm in ARMS},
        }
        for label, meaning, before, after in RESULT_ROWS
    ]
    return [row for row in rows if any(row["measures"].values())]


def _get_row_labels(exam: JsonObject, label: str, meaning: str, key: str) -> dict[str, str]:
    """A row's label and meaning, which depend on who corrected."""
    if exam.get("teacher") not in FILE_TEACHERS or key not in FILE_TEACHER_LABELS:
        return {"label": label, "meaning": meaning}
    name, known = FILE_TEACHER_LABELS[key]
    _, comma, way = label.partition(",")
    return {"label": name + comma + way, "meaning": known}


def make_headline(exam: JsonObject) -> list[tuple[str, Any, Any]]:
    """(name, before, after) for the figures beside the verdict."""
    alone = exam.get("teacher") in FILE_TEACHERS
    words, answers = (
        ("Words unlike the correction", "Answers unlike it")
        if alone
        else ("Words changed", "Answers corrected")
    )
    pairs = [
        ("Held-out corrections preferred", ("preferred", "{}")),
        (f"{words}, greedy", ("distance", "{}", "greedy")),
        (f"{words}, T = 1", ("distance", "{}", "sampled")),
        (answers, ("corrected", "{}")),
        ("Criticism met", ("met", "{}")),
    ]
    found = []
    for name, path in pairs:
        before, after = (
            read_measure(get_path(exam, *(part.format(arm) for part in path)))
            for arm in ("base", "taught")
        )
        if before and after:
            found.append((name, before, after))
    return found


def plot_rounds(exam: JsonObject) -> list[Plot]:
    """Edit distance and amount of correction on dev prompts, by round; round 0 is the base."""
    rows = [
        row for row in list_objects(exam.get("rounds")) if read_number(row.get("round")) is not None
    ]
    named = (("edit distance", "distance"), ("amount of correction, nats", "amount_nats"))
    return [plot for title, key in named if (plot := _plot_metric(title, key, rows))]


def _plot_metric(title: str, key: str, rows: list[dict[str, Any]]) -> Plot | None:
    known = [(int(row["round"]), found) for row in rows if (found := read_measure(row.get(key)))]
    if len(known) < 2:
        return None
    last = known[-1][0]
    kept = next(
        (found for row in rows if row.get("kept") and (found := read_measure(row.get(key)))),
        known[-1][1],
    )
    y = choose_ticks(min(m.low for _, m in known), max(m.high for _, m in known), 3)

    def up(value: float) -> float:
        return 100 - to_percent(value, y[0], y[-1])

    dots = [
        Dot(
            to_percent(turn, 0, last),
            up(m.value),
            up(m.low),
            up(m.high),
            f"round {turn}: {m.value:.3g} [{m.low:.3g}, {m.high:.3g}], n {m.n}",
        )
        for turn, m in known
    ]
    words = f"{known[0][1].value:.3g} → {kept.value:.3g}"
    marks = [Tick(to_percent(turn, 0, last), str(turn)) for turn, _ in known]
    return Plot(
        title, [make_line(title, "taught", dots)], marks, [Tick(up(v), f"{v:g}") for v in y], words
    )
