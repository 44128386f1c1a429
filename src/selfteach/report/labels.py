"""The words of each method in the report, the card and the printed table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selfteach.errors import SelfteachError
from selfteach.records import JsonMapping
from selfteach.registry import load_registered


@dataclass(frozen=True)
class MethodLabels:
    """Hold the words of one method.

    Attributes:
        card: the heading of the model card.
        about: the sentence before the material.
        limits: what the exam does not measure.
        arms: the three arms of the exam.
        marks: the two verdicts on an answer, the bad one first.
        hidden: sections of the page that this method does not have.
    """

    name: str
    card: str
    about: str
    data: str
    limits: str
    tag: str
    arms: Mapping[str, str]
    marks: tuple[str, str]
    question: str
    states: Mapping[str, str]
    hidden: frozenset[str] = frozenset()


FEEDBACK = MethodLabels(
    "feedback",
    "A rule, taught",
    "This adapter teaches its base model one rule:",
    "The model wrote its own examples from the rule",
    "The exam's prompts were written by the model itself and judged as named above",
    "verbal-feedback",
    {"base": "base", "prompted": "rule in the prompt", "tuned": "tuned"},
    ("✕ broken", "✓ kept"),
    "Rule",
    {"mended": "broken before, kept now", "kept": "kept now", "broken": "broken now"},
)
CORRECTIONS = MethodLabels(
    "corrections",
    "Corrections, learned",
    "This adapter was trained on corrections of its base model's answers. The material:",
    "Each example is an answer of the model with its correction",
    "The teacher named above corrected new answers. If it was a file or a person, new answers were "
    "compared with known corrections, and the verdict rests on held-out corrections",
    "corrections",
    {"base": "base", "prompted": "corrections in the prompt", "tuned": "tuned"},
    ("✕ corrected", "✓ as it is"),
    "Correction",
    {"mended": "corrected before, right now", "kept": "right now", "broken": "corrected now"},
    frozenset({"map", "search", "judge"}),
)
TASKS = MethodLabels(
    "tasks",
    "Tasks, learned",
    "This adapter was trained to follow instructions, on tasks that its base model invented:",
    "Each example is an instance of a task, either by a person (seed) or invented (task)",
    "New answers were compared with answers by people, which does not measure correctness",
    "self-instruct",
    {"base": "base", "prompted": "tasks in the prompt", "tuned": "tuned"},
    ("✕ further from people's", "✓ no further"),
    "Task",
    {"mended": "nearer than before", "kept": "no further now", "broken": "further now"},
    frozenset({"map", "search", "judge"}),
)
DOCUMENTS = MethodLabels(
    "documents",
    "Documents, learned",
    "This adapter was trained on the content of these documents:",
    "The model wrote questions about every sentence; the answers are the documents' own words",
    "Held-out questions were answered without the documents and compared with known answers, word "
    "for word",
    "self-learning",
    {"base": "base", "prompted": "open book", "tuned": "tuned"},
    ("✕ not answered", "✓ answered"),
    "Answer",
    {"mended": "learned", "kept": "answered now", "broken": "not answered now"},
    frozenset({"map", "search", "judge"}),
)
TRAIN = MethodLabels(
    "train",
    "Examples, learned",
    "This adapter was trained on given examples:",
    "Each example is a row of a file",
    "The exam measured only the loss on held-out examples; other changes are not known",
    "trained",
    {"base": "base", "prompted": "prompted", "tuned": "tuned"},
    ("✕", "✓"),
    "Example",
    {"mended": "mended", "kept": "kept", "broken": "broken"},
    frozenset({"map", "search", "judge", "drift", "answers"}),
)
METHOD_LABELS = {labels.name: labels for labels in (FEEDBACK, CORRECTIONS, TASKS, DOCUMENTS, TRAIN)}


def get_labels(exam: JsonMapping) -> MethodLabels:
    """Return the words of an exam's method; feedback is the default.

    A method of another package has its own words or general ones.
    """
    method = str(exam.get("method") or FEEDBACK.name)
    if method in METHOD_LABELS:
        return METHOD_LABELS[method]
    found: MethodLabels | None = getattr(find_plug_in(method), "wording", None)
    return found or make_general_labels(method)


def find_plug_in(method: str) -> Any:
    """Return the method of another package, or None if it is not installed any more."""
    try:
        return load_registered("methods", method)
    except (SelfteachError, ImportError, AttributeError):
        return None


def make_general_labels(method: str) -> MethodLabels:
    """Return words that fit any method."""
    return MethodLabels(
        method,
        f"Taught with {method}",
        "This adapter was taught with this material:",
        "Each example is a row of examples.jsonl",
        "The exam is the method's own",
        method,
        {"base": "base", "prompted": "material in the prompt", "tuned": "tuned"},
        ("✕", "✓"),
        "Prompt",
        {"mended": "better now", "kept": "good now", "broken": "bad now"},
        frozenset({"map", "search", "judge"}),
    )


def get_heading(exam: JsonMapping) -> str:
    """Return the rule, or the name of the material."""
    return str(exam.get("rule") or exam.get("material") or "")
