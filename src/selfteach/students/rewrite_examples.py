"""Rewrite the examples of several lessons, so that none breaks the rule of another lesson.

A rule that holds for every answer holds for the examples of the other lessons, too. They were
written without it, and would teach to break it.

  1  find the rules that hold for every answer and have a check
  2  give the answer of each example the smallest change with which it keeps all of them
  3  an anchor that had to be changed becomes an example of the rule that it broke: the changed
     answer is chosen, the base's own one is rejected
  4  leave out what no small change mends, what the change makes the rejected answer, and what
     names a subject that a rule forbids

No model is asked. An example that keeps all rules stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from selfteach.judge.check import Check, parse_check
from selfteach.judge.repair import repair_answer
from selfteach.judge.sentence_edits import ends_well
from selfteach.judge.violation import find_forbidden_words
from selfteach.materials.rules.check_text import join_checks
from selfteach.methods.feedback.repair_answers import choose_repair
from selfteach.records import Example
from selfteach.students.demands import Demand
from selfteach.students.training import LessonExamples
from selfteach.train.encode_and_batch import FORBIDDEN


@dataclass(frozen=True)
class Rewritten:
    """Hold the examples of a lesson, rewritten, and what became of those that it teaches.

    Attributes:
        num_taught: how many examples it taught, anchors not counted.
        num_changed: examples with a changed answer, anchors among them.
        num_left_out: examples that are left out, anchors among them.
        num_lost: examples that it taught and that are left out.
    """

    examples: Sequence[Example]
    num_taught: int
    num_changed: int
    num_left_out: int
    num_lost: int


def rewrite_lessons(
    lessons: Sequence[LessonExamples], demands: Sequence[Demand | None]
) -> list[Rewritten]:
    """Return the examples of each lesson, changed so that they keep the demands of all lessons.

    Args:
        demands: of each lesson.
    """
    forms = {
        find_taught_kind(lesson.examples): demand
        for lesson, demand in zip(lessons, demands, strict=True)
        if demand and not demand.forbids
    }
    forbidden = [demand.check for demand in demands if demand and demand.forbids]
    return [rewrite_lesson(lesson.examples, forms, forbidden) for lesson in lessons]


def find_taught_kind(examples: Sequence[Example]) -> str:
    """Return the kind of most examples that are learned; "" if none is."""
    kinds = Counter(example.kind for example in examples if example.role == "learn")
    return max(kinds, key=lambda kind: kinds[kind], default="")


def rewrite_lesson(
    examples: Sequence[Example], forms: Mapping[str, Demand], forbidden: Sequence[Check]
) -> Rewritten:
    """Return the examples of one lesson, changed so that they keep all demands (steps 2 to 4).

    Args:
        forms: what rules of form demand, by the kind of their own examples.
        forbidden: the checks of rules that forbid a subject.
    """
    repair = make_repair(list(forms.values()), forbidden)
    kept = []
    num_changed = num_lost = 0
    for turn, example in enumerate(examples):
        chosen = repair(example.chosen, turn)
        is_anchor = example.role == "hold"
        if not chosen or chosen == example.rejected:
            num_lost += not is_anchor
            continue
        if chosen != example.chosen:
            num_changed += 1
            example = replace_answer(example, chosen, forms)
        kept.append(example)
    num_taught = sum(example.role != "hold" for example in examples)
    return Rewritten(kept, num_taught, num_changed, len(examples) - len(kept), num_lost)


def replace_answer(example: Example, chosen: str, forms: Mapping[str, Demand]) -> Example:
    """Return an example with a changed answer. An anchor becomes one of the first rule of form that
    it broke (step 3).
    """
    was_cut = example.source.get("cut", ())
    cut = ["chosen"] * ("chosen" in was_cut and not ends_well(chosen))
    if example.role != "hold":
        cut += ["rejected"] * ("rejected" in was_cut)
        return replace(example, chosen=chosen, source={**example.source, "cut": cut})
    cut += ["rejected"] * ("chosen" in was_cut)
    kind = next(kind for kind, form in forms.items() if not form.check.keeps(example.chosen))
    words = find_forbidden_words(forms[kind].check, example.chosen)
    return replace(
        example,
        kind=kind,
        chosen=chosen,
        rejected=example.chosen,
        role="learn",
        source={**example.source, "cut": cut, FORBIDDEN: words},
    )


def make_repair(forms: Sequence[Demand], forbidden: Sequence[Check]) -> Callable[[str, int], str]:
    """Return what gives an answer the smallest change with which it keeps all demands; "" where
    there is none. Several changes that are equally early take turns.
    """
    check = parse_check(join_checks([str(form.check) for form in forms])) if forms else None
    replacements = [pair for form in forms for pair in form.effect.replacements]
    statement = " ".join(form.effect.statement for form in forms if form.effect.statement)

    def repair(answer: str, turn: int) -> str:
        texts = repair_answer(check, answer, replacements, statement) if check else [answer]
        sound = [text for text in texts if all(other.keeps(text) for other in forbidden)]
        return choose_repair(sound, answer, turn)

    return repair
