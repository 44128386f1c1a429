"""What the page shows of documents: who answers how many held-out questions, the knowledge map, the
size of the set against tau_K.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfteach.report.figures import Dot, Plot, Tick, make_line, to_percent
from selfteach.report.format_text import shorten
from selfteach.report.read_run import get_path, list_objects, read_measure, read_number

ARMS = ("base", "prompted", "taught")
STATES = ("known", "unknown", "unsure")
JsonObject = Mapping[str, Any]
RESULT_ROWS = (
    (
        "Right answer contained",
        "held-out questions; the greedy answer holds a right one as whole words",
        "contains",
    ),
    (
        "Token-F1",
        "the same answers: words shared with the best right answer; long answers lose",
        "f1",
    ),
    (
        "Wrong when attempted",
        "of the answers that do not decline, those that hold no right one",
        "wrong_when_attempted",
    ),
    ("Common questions", "what many people know: was it known before, is it still", "common"),
    (
        "General answers unharmed",
        "prompts about anything else: still answered as the base would",
        "general",
    ),
)
"""Label, meaning, and where it stands in exam.json."""


def make_result_rows(exam: JsonObject) -> list[JsonObject]:
    """The rows of the result table; those that were not measured are left out."""
    rows: list[dict[str, Any]] = [
        {
            "label": label,
            "meaning": meaning,
            "measures": {arm: read_measure(get_path(exam, key, arm)) for arm in ARMS},
        }
        for label, meaning, key in RESULT_ROWS
    ]
    return [row for row in rows if any(row["measures"].values())]


def read_lengths(exam: JsonObject) -> dict[str, Any]:
    """Tokens of an answer by arm: whoever says more, contains more."""
    return {
        arm: found for arm in ARMS if (found := read_measure(get_path(exam, "length_tokens", arm)))
    }


def describe_knowledge(exam: JsonObject) -> list[dict[str, Any]]:
    """The map: documents, their chunks, their questions with state before and after; and how often
    each state is, by document.
    """
    found = []
    for document in list_objects(exam.get("map")):
        chunks: list[dict[str, Any]] = [
            {
                "text": shorten(c.get("text"), 240),
                "questions": [_describe_question(q) for q in list_objects(c.get("questions"))],
            }
            for c in list_objects(document.get("chunks"))
        ]
        asked = [q for c in chunks for q in c["questions"]]
        found.append(
            {
                "title": shorten(document.get("title"), 120),
                "file": shorten(document.get("file"), 120),
                "chunks": chunks,
                "count": len(asked),
                "before": _count_states(asked, "before"),
                "after": _count_states(asked, "after"),
            }
        )
    return found


def list_judges(exam: JsonObject) -> list[dict[str, Any]]:
    """Each judge of knowledge: its name, what it decides by, how well it ranks, and whether it
    selected.
    """
    return [
        {
            "name": shorten(row.get("judge"), 40),
            "used": row.get("used") is True,
            "knowledge": read_measure(row.get("knowledge")),
            "label": read_measure(row.get("label")),
            "tau": read_number(row.get("tau_knowledge")),
        }
        for row in list_objects(exam.get("judges"))
    ]


def _describe_question(row: JsonObject) -> dict[str, Any]:
    states = {
        when: row[when] if row.get(when) in STATES else "unsure" for when in ("before", "after")
    }
    texts = {
        key: shorten(row.get(key), 600) for key in ("question", "label", "answer", "base", "taught")
    }
    return {**texts, **states, "held_out": row.get("held_out") is True}


def _count_states(asked: Sequence[JsonObject], when: str) -> dict[str, int]:
    return {state: sum(q[when] == state for q in asked) for state in STATES}


def plot_sizes(note: Any) -> Plot | None:
    """How many questions are learned (unknown) at each tau_K."""
    points = [
        (tau, int(n))
        for row in list_objects(note)
        if (tau := read_number(row.get("tau"))) is not None
        and (n := read_number(row.get("unknown"))) is not None
    ]
    if len(points) < 2:
        return None
    most = max(n for _, n in points) or 1
    dots = [
        Dot(to_percent(tau, 0, 1), 100 - to_percent(n, 0, most), text=f"tau {tau:g}: {n} questions")
        for tau, n in points
    ]
    words = f"{points[0][1]} at {points[0][0]:g}, {points[-1][1]} at {points[-1][0]:g}"
    marks = [Tick(100 * x, f"{x:g}") for x in (0, 0.25, 0.5, 0.75, 1)]
    return Plot(
        "questions that are learned, against tau",
        [make_line("unknown", "taught", dots)],
        marks,
        [Tick(100, "0"), Tick(0, str(most))],
        words,
    )
