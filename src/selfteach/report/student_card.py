"""The model card of an exported student: its lessons with their exams, and how to load it.

Text by people or models is in fenced blocks that it cannot close.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfteach.models.resolve_model_path import find_hub_name
from selfteach.report.card import escape_markdown, fence_text, make_front_matter, name_base
from selfteach.text import format_count


def make_student_card(student: Mapping[str, Any], usage: str, library: str) -> str:
    """Return the card as Markdown.

    Args:
        student: what `selfteach student show --json` prints.
        usage: the section on loading.
        library: the hub's name of the library that loads it.
    """
    taught = [lesson for lesson in student["lessons"] if lesson["on"]]
    parts = [
        make_front_matter(library or "peft", ["selfteach", "lora"], find_hub_name(student["base"])),
        f"# A model with {format_count(len(taught), 'lessons')}",
        describe_training(taught),
        f"## Base\n\n{name_base(student['base'])}.",
    ]
    exams = student["exams"]
    cells = exams["cells"] if exams else {}
    for number, lesson in enumerate(taught, start=1):
        parts.append(f"## Lesson {number}: {escape_markdown(lesson['name'])}")
        parts.append(fence_text(lesson["title"]))
        parts.append(describe_cell(cells.get(lesson["name"])))
    parts += [
        usage,
        "## Limits\n\nA lesson changes what a model tends to say. It is not a safety measure. The "
        "license of the base applies.",
    ]
    return "\n\n".join(parts) + "\n"


def describe_training(taught: Sequence[Mapping[str, Any]]) -> str:
    """Return how the lessons were trained as a sentence."""
    beside = [lesson["name"] for lesson in taught if lesson["beside"]]
    if not beside:
        return "It is the base with the sum of these lessons, each of which was taught alone."
    names = ", ".join(map(escape_markdown, beside))
    return f"It is the base with the sum of these lessons. Trained beside others: {names}."


def describe_cell(cell: Mapping[str, Any] | None) -> str:
    """Return the exam of a lesson among the others as a sentence."""
    if not cell or not cell["score"]:
        return "Its exam was not sat among the others."
    score = cell["score"]
    low, high = (f"{100 * score[key]:.0f}" for key in ("low", "high"))
    return (
        f"Exam among the others: {cell['state']}, verdict *{escape_markdown(cell['verdict'])}*, "
        f"score {100 * score['value']:.0f} % [{low}, {high}] on "
        f"{format_count(score['n'], 'held-out questions')}."
    )
