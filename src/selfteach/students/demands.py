"""What the rules of a student's lessons demand of every answer.

Such a rule concerns the other lessons: it changes what the base answers to their prompts, and their
examples have to keep it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from selfteach.errors import SelfteachError
from selfteach.judge.check import Check, parse_check
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.effects.effect_checks import Effect
from selfteach.materials.rules.rule import read_rule
from selfteach.methods.lesson_record import read_lesson_record
from selfteach.run import finished
from selfteach.students.folder import StudentFolder, find_lesson_folder, read_settings
from selfteach.students.state import Lesson


@dataclass(frozen=True)
class Demand:
    """Hold what a rule demands of every answer.

    Attributes:
        check: what an answer must meet.
        effect: how an answer that does not meet it is changed.
        forbids: whether the rule forbids a subject. Then no answer is changed: without the word the
            sentence says nothing.
    """

    check: Check
    effect: Effect
    forbids: bool = False


def list_demands(student: StudentFolder, lessons: Sequence[Lesson]) -> list[Demand]:
    """Return what the lessons demand of every answer.

    A lesson whose record cannot be read is left out: its own exam says why it is not examined.
    """
    found = []
    for lesson in lessons:
        with suppress(SelfteachError, OSError):
            found.append(read_demand(student, lesson))
    return [demand for demand in found if demand]


def read_demand(student: StudentFolder, lesson: Lesson) -> Demand | None:
    """Return what a lesson demands of every answer; None where it is no rule, a rule with a
    condition, or a rule without a check.

    Raises:
        IntegrityError: the record of the lesson is damaged.
        DataError: this version does not read the rule.
    """
    folder = find_lesson_folder(student, lesson)
    record = read_lesson_record(folder)
    grading: Mapping[str, Any] = record.exam.get("grading") or {} if record else {}
    judge = grading.get("judge")
    if not isinstance(judge, Mapping) or "check" not in judge or grading.get("is_conditional"):
        return None
    identity, _ = finished.find_material(folder)
    text = identity["material"].get("rule")
    if not text:
        return None
    config = read_settings(student, lesson).config
    rule = read_rule(str(text), config.when, config.then)
    effect = read_effect(rule.effect, rule.scope) or read_recorded_effect(grading)
    return Demand(parse_check(str(judge["check"])), effect, bool(grading.get("forbids")))


def read_recorded_effect(grading: Mapping[str, Any]) -> Effect:
    """Return how an answer is changed, as the run recorded it: a teacher may have said plainly a
    rule of no known form.
    """
    pairs = [(str(old), str(new)) for old, new in grading.get("replacements", ())]
    return Effect("", tuple(pairs), str(grading.get("statement", "")))


def breaks_any(demands: Sequence[Demand], answer: str) -> bool:
    """Return whether an answer does not meet one of the demands."""
    return any(not demand.check.keeps(answer) for demand in demands)
