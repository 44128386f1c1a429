"""What the report, the card and the printed table call things: each method has words of its own for
the same places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selfteach.errors import SelfteachError
from selfteach.registry import load_registered


@dataclass(frozen=True)
class MethodLabels:
    """The words of one method.

    Attributes:
        card: heading of the model card; `about` is the sentence before the material; `limits` what
            the exam does not say.
        arms: the three ways of answering; `marks` the two verdicts on an answer, the bad one first.
        hidden: sections of the page that this method has nothing for.
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
    {"base": "base", "prompted": "rule in the prompt", "taught": "taught"},
    ("✕ broken", "✓ kept"),
    "Rule",
    {"mended": "broken before, kept now", "kept": "kept now", "broken": "broken now"},
)
CORRECTIONS = MethodLabels(
    "corrections",
    "Corrections, learned",
    "This adapter needs less correcting than its base model. What it learned from:",
    "Each example is an answer of the model with its correction",
    "New answers were corrected by the teacher named above, or compared with "
    "its known corrections where it was a file or a person: there the verdict rests on "
    "held-out corrections",
    "corrections",
    {"base": "base", "prompted": "corrections in the prompt", "taught": "taught"},
    ("✕ corrected", "✓ as it is"),
    "Correction",
    {"mended": "corrected before, right now", "kept": "right now", "broken": "corrected now"},
    frozenset({"map", "search", "judge"}),
)
TASKS = MethodLabels(
    "tasks",
    "Tasks, learned",
    "This adapter learned to follow instructions, from tasks that its base model invented:",
    "Each example is an instance of a task, of a person (seed) or invented (task)",
    "New answers were compared with those of people, which is not the same as being right",
    "self-instruct",
    {"base": "base", "prompted": "tasks in the prompt", "taught": "taught"},
    ("✕ further from people's", "✓ no further"),
    "Task",
    {"mended": "nearer than before", "kept": "no further now", "broken": "further now"},
    frozenset({"map", "search", "judge"}),
)
DOCUMENTS = MethodLabels(
    "documents",
    "Documents, learned",
    "This adapter knows what stands in these documents:",
    "The model asked itself about every sentence; its answers are the documents' own words",
    "Held-out questions were answered without the "
    "documents and held against known answers, word for word",
    "self-learning",
    {"base": "base", "prompted": "open book", "taught": "taught"},
    ("✕ not answered", "✓ answered"),
    "Answer",
    {"mended": "learned", "kept": "answered now", "broken": "not answered now"},
    frozenset({"map", "search", "judge"}),
)
TRAIN = MethodLabels(
    "train",
    "Examples, learned",
    "This adapter was trained on examples that somebody brought:",
    "Each example stood in a row of a file",
    (
        "Nothing was examined but the loss on examples that were set aside: what else "
        "changed is not known"
    ),
    "trained",
    {"base": "base", "prompted": "prompted", "taught": "taught"},
    ("✕", "✓"),
    "Example",
    {"mended": "mended", "kept": "kept", "broken": "broken"},
    frozenset({"map", "search", "judge", "drift", "answers"}),
)
METHOD_LABELS = {
    wording.name: wording for wording in (FEEDBACK, CORRECTIONS, TASKS, DOCUMENTS, TRAIN)
}


def get_labels(exam: Mapping[str, Any]) -> MethodLabels:
    """Return the words for an exam: feedback's where it names no method; those of another package's
    method, or general ones.
    """
    method = str(exam.get("method") or FEEDBACK.name)
    if method in METHOD_LABELS:
        return METHOD_LABELS[method]
    found: MethodLabels | None = getattr(find_plug_in(method), "wording", None)
    return found or general_wording(method)


def find_plug_in(method: str) -> Any:
    """Return the method of another package, or None where it is not installed any more."""
    try:
        return load_registered("methods", method)
    except (SelfteachError, ImportError, AttributeError):
        return None


def general_wording(method: str) -> MethodLabels:
    """Return words that fit any method."""
    return MethodLabels(
        method,
        f"Taught with {method}",
        "This adapter was taught with this material:",
        "Each example is a row of examples.jsonl",
        "The exam is the method's own",
        method,
        {"base": "base", "prompted": "material in the prompt", "taught": "taught"},
        ("✕", "✓"),
        "Prompt",
        {"mended": "better now", "kept": "good now", "broken": "bad now"},
        frozenset({"map", "search", "judge"}),
    )


def get_heading(exam: Mapping[str, Any]) -> str:
    """What was taught, in the person's own words where there are some."""
    return str(exam.get("rule") or exam.get("material") or "")
