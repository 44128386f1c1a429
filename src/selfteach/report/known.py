"""What the page shows of documents: who answers how many held-out questions, the knowledge map, the
size of the set against tau_K.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfteach.report.figures import Dot, Plot, Tick, line, place
from selfteach.report.read import at, items, measure, number
from selfteach.report.words import short

ARMS = ("base", "prompted", "taught")
STATES = ("known", "unknown", "unsure")
Row = Mapping[str, Any]
ROWS = (
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


def result(exam: Row) -> list[Row]:
    """The rows of the result table; those that were not measured are left out."""
    rows: list[dict[str, Any]] = [
        {
            "label": label,
            "meaning": meaning,
            "measures": {arm: measure(at(exam, key, arm)) for arm in ARMS},
        }
        for label, meaning, key in ROWS
    ]
    return [row for row in rows if any(row["measures"].values())]


def lengths(exam: Row) -> dict[str, Any]:
    """Tokens of an answer by arm: whoever says more, contains more."""
    return {arm: found for arm in ARMS if (found := measure(at(exam, "length_tokens", arm)))}


def knowledge(exam: Row) -> list[dict[str, Any]]:
    """The map: documents, their chunks, their questions with state before and after; and how often
    each state is, by document.
    """
    found = []
    for document in items(exam.get("map")):
        chunks: list[dict[str, Any]] = [
            {
                "text": short(c.get("text"), 240),
                "questions": [_question(q) for q in items(c.get("questions"))],
            }
            for c in items(document.get("chunks"))
        ]
        asked = [q for c in chunks for q in c["questions"]]
        found.append(
            {
                "title": short(document.get("title"), 120),
                "file": short(document.get("file"), 120),
                "chunks": chunks,
                "count": len(asked),
                "before": _counts(asked, "before"),
                "after": _counts(asked, "after"),
            }
        )
    return found


def judges(exam: Row) -> list[dict[str, Any]]:
    """Each judge of knowledge: its name, what it decides by, how well it ranks, and whether it
    selected.
    """
    return [
        {
            "name": short(row.get("judge"), 40),
            "used": row.get("used") is True,
            "knowledge": measure(row.get("knowledge")),
            "label": measure(row.get("label")),
            "tau": number(row.get("tau_knowledge")),
        }
        for row in items(exam.get("judges"))
    ]


def _question(row: Row) -> dict[str, Any]:
    states = {
        when: row[when] if row.get(when) in STATES else "unsure" for when in ("before", "after")
    }
    texts = {
        key: short(row.get(key), 600) for key in ("question", "label", "answer", "base", "taught")
    }
    return {**texts, **states, "held_out": row.get("held_out") is True}


def _counts(asked: Sequence[Row], when: str) -> dict[str, int]:
    return {state: sum(q[when] == state for q in asked) for state in STATES}


def sizes(note: Any) -> Plot | None:
    """How many questions are learned (unknown) at each tau_K."""
    points = [
        (tau, int(n))
        for row in items(note)
        if (tau := number(row.get("tau"))) is not None
        and (n := number(row.get("unknown"))) is not None
    ]
    if len(points) < 2:
        return None
    most = max(n for _, n in points) or 1
    dots = [
        Dot(place(tau, 0, 1), 100 - place(n, 0, most), text=f"tau {tau:g}: {n} questions")
        for tau, n in points
    ]
    words = f"{points[0][1]} at {points[0][0]:g}, {points[-1][1]} at {points[-1][0]:g}"
    marks = [Tick(100 * x, f"{x:g}") for x in (0, 0.25, 0.5, 0.75, 1)]
    return Plot(
        "questions that are learned, against tau",
        [line("unknown", "taught", dots)],
        marks,
        [Tick(100, "0"), Tick(0, str(most))],
        words,
    )
