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
        data: the sentence about the examples.
        limits: what the exam does not measure.
        tag: the hub's tag of a model that was taught so.
        arms: the three arms of the exam.
        marks: the two verdicts on an answer, the bad one first.
        question: the heading of the filter of answers.
        states: the choices of that filter, by what became of an answer.
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
    name="feedback",
    card="A rule, taught",
    about="This adapter teaches its base model one rule:",
    data="The model wrote its own examples from the rule",
    limits="The exam's prompts were written by the model itself and judged as named above",
    tag="verbal-feedback",
    arms={"base": "base", "prompted": "rule in the prompt", "tuned": "tuned"},
    marks=("✕ broken", "✓ kept"),
    question="Rule",
    states={"mended": "broken before, kept now", "kept": "kept now", "broken": "broken now"},
)
CORRECTIONS = MethodLabels(
    name="corrections",
    card="Corrections, learned",
    about="This adapter was trained on corrections of its base model's answers. The material:",
    data="Each example is an answer of the model with its correction",
    limits=(
        "The teacher named above corrected new answers. If it was a file or a person, new answers "
        "were compared with known corrections, and the verdict rests on held-out corrections"
    ),
    tag="corrections",
    arms={"base": "base", "prompted": "corrections in the prompt", "tuned": "tuned"},
    marks=("✕ corrected", "✓ as it is"),
    question="Correction",
    states={
        "mended": "corrected before, right now",
        "kept": "right now",
        "broken": "corrected now",
    },
    hidden=frozenset({"map", "search"}),
)
TASKS = MethodLabels(
    name="tasks",
    card="Tasks, learned",
    about="This adapter was trained to follow instructions, on tasks that its base model invented:",
    data="Each example is an instance of a task, either by a person (seed) or invented (task)",
    limits="New answers were compared with answers by people, which does not measure correctness",
    tag="self-instruct",
    arms={"base": "base", "prompted": "tasks in the prompt", "tuned": "tuned"},
    marks=("✕ further from people's", "✓ no further"),
    question="Task",
    states={"mended": "nearer than before", "kept": "no further now", "broken": "further now"},
    hidden=frozenset({"map", "search", "judge"}),
)
DOCUMENTS = MethodLabels(
    name="documents",
    card="Documents, learned",
    about="This adapter was trained on the content of these documents:",
    data="The model wrote questions about every sentence; the answers are the documents' own words",
    limits=(
        "Held-out questions were answered without the documents and compared with known answers, "
        "word for word"
    ),
    tag="self-learning",
    arms={"base": "base", "prompted": "open book", "tuned": "tuned"},
    marks=("✕ not answered", "✓ answered"),
    question="Answer",
    states={"mended": "learned", "kept": "answered now", "broken": "not answered now"},
    hidden=frozenset({"map", "search", "judge"}),
)
TRAIN = MethodLabels(
    name="train",
    card="Examples, learned",
    about="This adapter was trained on given examples:",
    data="Each example is a row of a file",
    limits="The exam measured only the loss on held-out examples; other changes are not known",
    tag="trained",
    arms={"base": "base", "prompted": "prompted", "tuned": "tuned"},
    marks=("✕", "✓"),
    question="Example",
    states={"mended": "mended", "kept": "kept", "broken": "broken"},
    hidden=frozenset({"map", "search", "judge", "drift", "answers"}),
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
        name=method,
        card=f"Taught with {method}",
        about="This adapter was taught with this material:",
        data="Each example is a row of examples.jsonl",
        limits="The exam is the method's own",
        tag=method,
        arms={"base": "base", "prompted": "material in the prompt", "tuned": "tuned"},
        marks=("✕", "✓"),
        question="Prompt",
        states={"mended": "better now", "kept": "good now", "broken": "bad now"},
        hidden=frozenset({"map", "search", "judge"}),
    )


def get_heading(exam: JsonMapping) -> str:
    """Return the rule, or the name of the material."""
    return str(exam.get("rule") or exam.get("material") or "")
