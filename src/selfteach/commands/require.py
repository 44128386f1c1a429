"""`--require "kept>=.95,near<=.03"`: conditions on numbers of the exam, for the exit code."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass

from selfteach.commands.options import REQUIRE_EXAMPLE, REQUIRE_EXAMPLES
from selfteach.errors import RequirementNotMet, UsageError
from selfteach.records import JsonMapping
from selfteach.registry import did_you_mean
from selfteach.report.read_run import get_path, read_number

OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


@dataclass(frozen=True, slots=True)
class ExamNumber:
    """Hold a number of the exam that can be required; docs/reference/exam.md says what it means.

    Attributes:
        path: its keys in exam.json, joined by dots.
        methods: whose exams have it. None of them stands for all but `train`, which asks a model
            nothing; methods of other packages do.
        instead: the keys of the number that stands for it where an exam lacks it, or "".
    """

    path: str
    methods: tuple[str, ...] = ()
    instead: str = ""

    def is_measured_by(self, method: str) -> bool:
        """Return whether a method's exam may have the number."""
        return method in self.methods if self.methods else method != "train"


FEEDBACK = ("feedback",)
CORRECTIONS = ("corrections",)
DOCUMENTS = ("documents",)
EXAM_NUMBERS = {
    "kept": ExamNumber("kept.tuned.greedy.value", FEEDBACK),
    "sampled": ExamNumber("kept.tuned.sampled.value", FEEDBACK),
    "distance": ExamNumber("distance.tuned.greedy.value", CORRECTIONS),
    "corrected": ExamNumber("corrected.tuned.value", CORRECTIONS),
    "repeated": ExamNumber("repeated.tuned.value", CORRECTIONS),
    "preferred": ExamNumber("preferred.tuned.value", ("corrections", "train")),
    "reduction": ExamNumber("reduction.base.value", ("corrections", "train")),
    "displaced": ExamNumber("displaced.value", CORRECTIONS),
    "contains": ExamNumber("contains.tuned.value", DOCUMENTS),
    "gain": ExamNumber("gain.value", DOCUMENTS),
    "damage": ExamNumber("damage.value", DOCUMENTS),
    "common_loss": ExamNumber("common_loss.value", DOCUMENTS),
    "rouge_l": ExamNumber(
        "rouge_l.seed.tuned.greedy.value",
        ("tasks",),
        instead="rouge_l.human.tuned.greedy.value",
    ),
    "win_rate": ExamNumber("pairwise.tuned.win_rate.value", ("documents", "tasks")),
    "near": ExamNumber("side_effects.near.value", FEEDBACK),
    "general": ExamNumber("side_effects.general.value"),
    "overapplied": ExamNumber(
        "side_effects.overapplied.value", ("feedback", "corrections", "documents")
    ),
    "needless": ExamNumber("needless.tuned.value", FEEDBACK),
    "needless_excess": ExamNumber("needless.excess.value", FEEDBACK),
    "drift": ExamNumber("drift.kl_nats.value"),
    "agreement": ExamNumber("drift.top1_agreement.value"),
    "looping": ExamNumber("sanity.tuned.looping.value"),
    "empty": ExamNumber("sanity.tuned.empty.value"),
}
"""The numbers that can be required."""
IN_NATS = ("drift", "reduction")
"""Those that may be above 1. All others are shares, or differences of shares."""
_REQUIREMENT = re.compile(
    r"\s*(\w+)\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """Hold one comparison: `name operator bound`."""

    name: str
    operator: str
    bound: float

    def find_fault(self, exam: JsonMapping) -> str:
        """Return why the exam does not meet the requirement, or an empty text.

        A number that was not measured does not meet it, nor does NaN.
        """
        value = find_number(exam, self.name)
        if value is None:
            return f"{self.name} was not measured"
        if not OPERATORS[self.operator](value, self.bound):
            return f"{self.name} is {value:.4g}, required is {self.operator} {self.bound:g}"
        return ""


def find_number(exam: JsonMapping, name: str) -> float | None:
    """Return a number of an exam, which may be NaN, or None if it was not measured."""
    number = EXAM_NUMBERS[name]
    value = get_path(exam, *number.path.split("."))
    if value is None and number.instead:
        value = get_path(exam, *number.instead.split("."))
    return value if isinstance(value, float) else read_number(value)


def list_numbers(method: str) -> list[str]:
    """Return the names of the numbers that a method's exam may have; without a method all."""
    return [
        name for name, number in EXAM_NUMBERS.items() if not method or number.is_measured_by(method)
    ]


def parse_requirements(
    text: str | None, method: str = "", measured: Sequence[str] = ()
) -> list[Requirement]:
    """Return the comparisons of a comma-separated list; none without a list.

    Args:
        text: the list, or None. An empty one is refused: it may be a variable that is not set.
        method: the method of the exam, before there is one.
        measured: the names of the numbers that the exam has, if there is one.

    Raises:
        UsageError: there is none, or an item has another form or an unknown name, or the method
            does not measure it. The message offers names that are measured. Or a share is compared
            with a percentage, which it always or never reaches.
    """
    if text is None:
        return []
    found = []
    for item in filter(str.strip, text.split(",")):
        match = _REQUIREMENT.fullmatch(item)
        if not match:
            raise _make_form_error(item, method)
        name, sign, bound = match.groups()
        if name not in EXAM_NUMBERS:
            raise UsageError(
                f'the exam has no number "{name}".',
                where="--require",
                cure=did_you_mean(name, measured or list_numbers(method)),
            )
        if method and not EXAM_NUMBERS[name].is_measured_by(method):
            raise UsageError(
                f'{method} does not measure "{name}".',
                where="--require",
                cure=f"It measures: {', '.join(list_numbers(method))}.",
            )
        if name not in IN_NATS and abs(float(bound)) > 1:
            raise UsageError(
                f"{name} is a share, so it is compared with a number up to 1, not with {bound}.",
                where="--require",
                cure="Write 95 % as .95.",
            )
        found.append(Requirement(name, sign, float(bound)))
    if not found:
        raise _make_form_error(text, method)
    return found


def _make_form_error(item: str, method: str) -> UsageError:
    return UsageError(
        f"{item.strip()!r} is not a requirement.",
        where="--require",
        cure=f'Write it like "{REQUIRE_EXAMPLES.get(method, REQUIRE_EXAMPLE)}".',
    )


def check_requirements(requirements: Sequence[Requirement], exam: JsonMapping) -> None:
    """Compare the exam with the requirements.

    Raises:
        RequirementNotMet: names each comparison that fails, with the number found.
    """
    faults = [requirement.find_fault(exam) for requirement in requirements]
    missed = list(filter(None, faults))
    if not missed:
        return
    measured = list_measured(exam)
    absent = measured and any(requirement.name not in measured for requirement in requirements)
    raise RequirementNotMet(
        "; ".join(missed) + ".",
        where="--require",
        cure=f"This run has: {', '.join(measured)}." if absent else "",
    )


def list_measured(exam: JsonMapping) -> list[str]:
    """Return the names of the numbers that an exam has."""
    return [name for name in EXAM_NUMBERS if find_number(exam, name) is not None]
