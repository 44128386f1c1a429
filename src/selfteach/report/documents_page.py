"""The page of documents: answer lengths, the knowledge map, the judges, the set size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from selfteach.records import JsonMapping, JsonObject
from selfteach.report.figures import Dot, Plot, Tick, make_line, to_percent
from selfteach.report.format_text import shorten
from selfteach.report.read_run import list_objects, read_measure, read_number
from selfteach.report.rows import read_arms
from selfteach.text import format_count

STATES = ("known", "unknown", "unsure")


def read_lengths(exam: JsonMapping) -> JsonObject:
    """Return the tokens of an answer by arm; longer answers contain more."""
    lengths = {
        arm: read_measure(value) for arm, value in read_arms(exam, "length_tokens.*").items()
    }
    return {arm: length for arm, length in lengths.items() if length}


def count_passages(exam: JsonMapping) -> int:
    """Return how many passages the held-out questions are about; 0 where the exam does not tell."""
    passages = (row.get("chunk") for row in list_objects(exam.get("answers")))
    return len({passage for passage in passages if isinstance(passage, str)})


def describe_knowledge(exam: JsonMapping) -> list[JsonObject]:
    """Return the documents of the map with their chunks, questions and counts of states."""
    return [_describe_document(document) for document in list_objects(exam.get("map"))]


def _describe_document(document: JsonMapping) -> JsonObject:
    chunks = []
    every: list[JsonObject] = []
    for chunk in list_objects(document.get("chunks")):
        questions = [_describe_question(row) for row in list_objects(chunk.get("questions"))]
        every += questions
        chunks.append({"text": shorten(chunk.get("text"), 240), "questions": questions})
    return {
        "title": shorten(document.get("title"), 120),
        "file": shorten(document.get("file"), 120),
        "chunks": chunks,
        "count": len(every),
        "before": _count_states(question["before"] for question in every),
        "after": _count_states(question["after"] for question in every),
    }


def _count_states(states: Iterable[str]) -> dict[str, int]:
    return {**dict.fromkeys(STATES, 0), **Counter(states)}


def list_judges(exam: JsonMapping) -> list[JsonObject]:
    """Return each judge of knowledge with its threshold, its AUROCs and whether it was used."""
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


def _describe_question(row: JsonMapping) -> JsonObject:
    states = {
        when: row[when] if row.get(when) in STATES else "unsure" for when in ("before", "after")
    }
    texts = {
        key: shorten(row.get(key), 600) for key in ("question", "label", "answer", "base", "tuned")
    }
    selected = row["selected"] if row.get("selected") in STATES else ""
    return {**texts, **states, "selected": selected, "held_out": row.get("held_out") is True}


def plot_sizes(note: Any) -> Plot | None:
    """Plot how many questions are learned (unknown) at each tau_K."""
    points = []
    for row in list_objects(note):
        tau = read_number(row.get("tau"))
        count = read_number(row.get("unknown"))
        if tau is not None and count is not None:
            points.append((tau, int(count)))
    if len(points) < 2:
        return None
    largest = max(count for _, count in points) or 1
    dots = [
        Dot(
            to_percent(tau, 0, 1),
            100 - to_percent(count, 0, largest),
            text=f"tau {tau:g}: {format_count(count, 'questions')}",
        )
        for tau, count in points
    ]
    first, first_count = points[0]
    last, last_count = points[-1]
    return Plot(
        "questions that are learned, against tau",
        [make_line("unknown", "tuned", dots)],
        [Tick(100 * x, f"{x:g}") for x in (0, 0.25, 0.5, 0.75, 1)],
        [Tick(100, "0"), Tick(0, str(largest))],
        f"{first_count} at {first:g}, {last_count} at {last:g}",
    )
