"""`--require "kept>=.95,near<=.03"`: numbers of the exam as a condition on the exit code."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfteach.errors import RequirementNotMet, UsageError
from selfteach.registry import did_you_mean

OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
EXAM_NUMBERS: dict[str, tuple[tuple[str, ...], str]] = {
    "kept": (
        ("kept", "taught", "greedy", "value"),
        "feedback: share of held-out target prompts whose greedy answer keeps the rule",
    ),
    "sampled": (
        ("kept", "taught", "sampled", "value"),
        "feedback: the same for answers sampled at temperature 1",
    ),
    "distance": (
        ("distance", "taught", "greedy", "value"),
        "corrections: share of the words of new answers that the teacher changes",
    ),
    "corrected": (
        ("corrected", "taught", "value"),
        "corrections: share of new answers that the teacher changes at all",
    ),
    "repeated": (
        ("repeated", "taught", "value"),
        "corrections: share of new answers that make a corrected error again",
    ),
    "preferred": (
        ("preferred", "taught", "value"),
        (
            "corrections: share of held-out corrections that are likelier than what they "
            "correct; train: of dev pairs, the chosen answer"
        ),
    ),
    "reduction": (
        ("reduction", "base", "value"),
        (
            "corrections: how much less of the words is changed than of the base's; train: "
            "nats a token by which the dev loss fell"
        ),
    ),
    "displaced": (
        ("displaced", "value"),
        "corrections: share of held-out corrections that became less likely than under the base",
    ),
    "contains": (
        ("contains", "taught", "value"),
        (
            "documents: share of held-out questions whose greedy answer holds a right one, "
            "without the document"
        ),
    ),
    "gain": (("gain", "value"), "documents: how much greater that share is than the base's"),
    "damage": (
        ("damage", "value"),
        "documents: of what the base answered rightly, the share that is answered wrongly now",
    ),
    "common_loss": (
        ("common_loss", "value"),
        "documents: how many fewer of the questions that many people can answer are right",
    ),
    "rouge_l": (
        ("rouge_l", "seed", "taught", "greedy", "value"),
        "tasks: ROUGE-L of greedy answers to held-out seeds",
    ),
    "win_rate": (
        ("pairwise", "taught", "win_rate", "value"),
        "documents, tasks: how often an answer is better than the base's; a tie counts one half",
    ),
    "near": (
        ("side_effects", "near", "value"),
        "feedback: change of behaviour on near prompts, where the rule must not fire",
    ),
    "general": (("side_effects", "general", "value"), "change of behaviour on general prompts"),
    "overapplied": (
        ("side_effects", "overapplied", "value"),
        "feedback: share of near and general prompts that got the rule's answer",
    ),
    "drift": (
        ("drift", "kl_nats", "value"),
        "KL(base || taught) in nats a token on the base's own general answers",
    ),
    "agreement": (
        ("drift", "top1_agreement", "value"),
        "share of tokens on which base and taught agree about the likeliest next one",
    ),
    "looping": (("sanity", "taught", "looping", "value"), "share of looping answers"),
    "empty": (("sanity", "taught", "empty", "value"), "share of empty answers"),
}
"""What can be required: where it stands in exam.json, and what it is, after the methods that
measure it where not all do.
"""
_METHOD_LIST = re.compile(r"(?:feedback|corrections|documents|tasks|train)(?:, \w+)*(?=: )")
_REQUIREMENT = re.compile(
    r"\s*(\w+)\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One comparison: `name operator bound`."""

    name: str
    operator: str
    bound: float

    def fault(self, exam: Mapping[str, Any]) -> str:
        """Why the exam does not meet it, or an empty text. A number that was not measured does not
        meet it, nor does NaN.
        """
        value: Any = exam
        for key in EXAM_NUMBERS[self.name][0]:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is None:
            return f"{self.name} was not measured"
        if not OPERATORS[self.operator](float(value), self.bound):
            return f"{self.name} is {float(value):.4g}, required is {self.operator} {self.bound:g}"
        return ""


def is_measured_by(name: str, method: str) -> bool:
    """Whether a method's exam may have a number."""
    named = {
        one
        for found in _METHOD_LIST.finditer(EXAM_NUMBERS[name][1])
        for one in found[0].split(", ")
    }
    return not named or method in named


def parse_requirements(text: str, method: str = "") -> list[Requirement]:
    """The comparisons of a comma-separated list.

    Args:
        method: whose exam is to meet them, where that is known.

    Raises:
        UsageError: another form, an unknown name, where the message offers the nearest one, or one
        that the method does not measure.
    """
    found = []
    for item in filter(str.strip, text.split(",")):
        match = _REQUIREMENT.fullmatch(item)
        if not match:
            raise UsageError(
                f"{item.strip()!r} is not a requirement.",
                where="--require",
                cure='Write it like "kept>=.95,near<=.03".',
            )
        name, sign, bound = match.groups()
        if name not in EXAM_NUMBERS:
            raise UsageError(
                f'the exam has no number "{name}".',
                where="--require",
                cure=did_you_mean(name, EXAM_NUMBERS),
            )
        if method and not is_measured_by(name, method):
            others = ", ".join(other for other in EXAM_NUMBERS if is_measured_by(other, method))
            raise UsageError(
                f'{method} does not measure "{name}".',
                where="--require",
                cure=f"It measures: {others}.",
            )
        found.append(Requirement(name, sign, float(bound)))
    return found


def check_requirements(requirements: Sequence[Requirement], exam: Mapping[str, Any]) -> None:
    """Compares the exam with what was required.

    Raises:
        RequirementNotMet: naming each comparison that fails, with the number found.
    """
    if missed := [fault for requirement in requirements if (fault := requirement.fault(exam))]:
        raise RequirementNotMet("; ".join(missed) + ".", where="--require")
