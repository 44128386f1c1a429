"""Repair an answer that breaks a check: the smallest changes that make it meet the check.

1. The check becomes a tree of goals: each condition is wanted or unwanted.
2. The answer is a draft. So is the answer with its replacements made, and with the statement in it.
3. Each goal changes the drafts, part after part (condition_repairs.py).
4. What the whole check keeps is returned, the least change first.

docs/reference/checks.md lists what is done for each condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rapidfuzz.distance import Levenshtein

from selfteach.judge.check import Check, Condition, JoinedChecks, NegatedCheck, WholeCheck
from selfteach.judge.condition_repairs import REPAIRS
from selfteach.judge.conditions import SlowSearch
from selfteach.judge.sentence_edits import (
    add_sentence,
    drop_cut_off_end,
    ends_well,
    replace_nearest_sentence,
)
from selfteach.judge.word_edits import replace_words

MAX_CHARS = 4000
"""A longer answer is not repaired: its repair takes seconds, and it is no training example."""
MAX_REPAIRS = 6
"""Texts that are returned for an answer."""
MAX_DRAFTS = 16
"""So many drafts, the nearest to the answer, go on to the next part of a check."""
MAX_PASSES = 3
"""The repair of one part can break another part, so all parts are repaired again."""
MAX_STEPS = 400
"""So many repairs by single conditions bound the time that a nested check takes."""


def repair_answer(
    check: Check, answer: str, replacements: Sequence[tuple[str, str]] = (), statement: str = ""
) -> list[str]:
    """Return texts that meet the check, made from the answer by small changes.

    An answer that meets the check returns itself. Where replaced words are enough, nothing else
    is changed: the rule asks for them. The result is empty where no repair is known,
    where the answer is longer than MAX_CHARS, or where a regular expression takes too long.

    Args:
        check: what an answer must do.
        answer: a text that may break it.
        replacements: words and what to write for them, for instance `("and", "&")`.
        statement: a sentence that the answer may say.

    Returns:
        At most MAX_REPAIRS texts with a letter, which hold something of the answer. The least
        change comes first (edit distance on words). Texts that stop within a sentence are
        returned only where all do, and those that stop at a colon where the check wants it.
    """
    goal = _make_goal(check, wanted=True)
    try:
        if goal.meets(answer):
            return [answer]
        if len(answer) > MAX_CHARS:
            return []
        if replaced := _replace_alone(goal, answer, replacements):
            return [replaced]
        for text in dict.fromkeys([drop_cut_off_end(answer), answer]):
            drafts = _list_drafts(text, replacements, statement)
            if found := _repair_drafts(check, goal, drafts, answer):
                return found
    except SlowSearch:
        return []
    return []


def _replace_alone(goal: Goal, answer: str, replacements: Sequence[tuple[str, str]]) -> str:
    """Return the answer with its words replaced, where that has a letter and meets the goal; else
    "".
    """
    replaced = replace_words(drop_cut_off_end(answer), replacements).strip()
    is_text = bool(replacements) and _has_letter(replaced)
    return replaced if is_text and goal.meets(replaced) else ""


def _list_drafts(answer: str, replacements: Sequence[tuple[str, str]], statement: str) -> list[str]:
    drafts = [answer, replace_words(answer, replacements)]
    if statement:
        for text in tuple(drafts):
            replaced = list(replace_nearest_sentence(text, statement))
            around = [add_sentence(statement, text), add_sentence(text, statement)]
            drafts += replaced or around
        drafts.append(statement)
    return list(dict.fromkeys(draft.strip() for draft in drafts))


def _repair_drafts(check: Check, goal: Goal, drafts: Iterable[str], answer: str) -> list[str]:
    budget = Budget(MAX_STEPS)
    demanded = _list_words(str(check))
    sound = []
    for draft in drafts:
        added = demanded - _list_words(draft)
        for text in goal.repair(draft, budget):
            is_own = not _list_words(text) <= added
            if is_own and _has_letter(text) and goal.meets(text):
                sound.append(text)
    sound = [text for text in sound if not _names_nothing(text, goal)]
    whole = [text for text in sound if ends_well(text)]
    return _choose_nearest(whole or sound, answer, MAX_REPAIRS)


def _names_nothing(text: str, goal: Goal) -> bool:
    """Return whether a text ends with a colon that no goal wants: what it names is gone."""
    bare = text[:-1]
    return text.endswith((":", "：")) and (goal.meets(bare) or goal.meets(f"{bare}."))


def _list_words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _has_letter(text: str) -> bool:
    return any(char.isalpha() for char in text)


def _choose_nearest(texts: Iterable[str], answer: str, count: int) -> list[str]:
    """Return the texts with the fewest changed words; of two equal ones the earlier one first."""
    words = answer.split()
    distances = {text: Levenshtein.distance(words, text.split()) for text in dict.fromkeys(texts)}
    return sorted(distances, key=lambda text: distances[text])[:count]


@dataclass(slots=True)
class Budget:
    """Count the repairs that are left for one answer."""

    steps: int

    def spend(self) -> bool:
        """Return whether one more repair is allowed, and count it."""
        self.steps -= 1
        return self.steps >= 0


class Goal(Protocol):
    """Want something of a text."""

    def meets(self, text: str) -> bool:
        """Return whether a text meets the goal."""
        ...

    def repair(self, text: str, budget: Budget) -> list[str]:
        """Return texts that are nearer to the goal; the text itself where it meets the goal."""
        ...


@dataclass(frozen=True, slots=True)
class ConditionGoal:
    """Want one condition to hold, or not to hold."""

    condition: Condition
    wanted: bool

    def meets(self, text: str) -> bool:
        """Return whether a text meets the goal."""
        return self.condition.keeps(text) == self.wanted

    def repair(self, text: str, budget: Budget) -> list[str]:
        """Return texts that meet the goal, by the repairs that the condition's name has."""
        if self.meets(text):
            return [text]
        if not budget.spend():
            return []
        make = REPAIRS[self.condition.name][0 if self.wanted else 1]
        changed = [new.strip() for new in make(self.condition.value, text, self.meets)]
        sound = [new for new in changed if _has_letter(new) and self.meets(new)]
        return _choose_nearest(sound, text, MAX_DRAFTS)


@dataclass(frozen=True, slots=True)
class AnyGoal:
    """Want one of several goals."""

    parts: tuple[Goal, ...]

    def meets(self, text: str) -> bool:
        """Return whether a text meets one of the goals."""
        return any(part.meets(text) for part in self.parts)

    def repair(self, text: str, budget: Budget) -> list[str]:
        """Return the repairs of all parts that are nearest to the text."""
        if self.meets(text):
            return [text]
        found = [new for part in self.parts for new in part.repair(text, budget)]
        return _choose_nearest(found, text, MAX_DRAFTS)


@dataclass(frozen=True, slots=True)
class AllGoals:
    """Want several goals at once."""

    parts: tuple[Goal, ...]

    def meets(self, text: str) -> bool:
        """Return whether a text meets all goals."""
        return all(part.meets(text) for part in self.parts)

    def repair(self, text: str, budget: Budget) -> list[str]:
        """Return texts that meet all goals: each part repairs what the parts before it made.

        A draft that a part cannot repair stays: the change of another part may be enough.
        """
        drafts = [text]
        for _ in range(MAX_PASSES):
            for part in self.parts:
                changed = [new for draft in drafts for new in part.repair(draft, budget) or [draft]]
                drafts = _choose_nearest(changed, text, MAX_DRAFTS)
            if found := [draft for draft in drafts if self.meets(draft)]:
                return found
        return []


@dataclass(frozen=True, slots=True)
class FixedGoal:
    """Want a check that has no repair."""

    check: Check
    wanted: bool

    def meets(self, text: str) -> bool:
        """Return whether a text meets the goal."""
        return self.check.keeps(text) == self.wanted

    def repair(self, text: str, budget: Budget) -> list[str]:
        """Return the text if it meets the goal."""
        return [text] if self.meets(text) else []


_YES_OR_NO = ({"yes", "no"}, {"ja", "nein"}, {"oui", "non"}, {"sí", "no"}, {"true", "false"})


def _says_yes_or_no(parts: Sequence[Goal]) -> bool:
    """Return whether goals want an answer to begin with yes or with no: a repair would guess."""
    values = {
        part.condition.value.strip(" .,!").casefold()
        for part in parts
        if isinstance(part, ConditionGoal) and part.wanted and part.condition.name == "starts"
    }
    return any(answers <= values for answers in _YES_OR_NO)


def _make_goal(check: Check, wanted: bool) -> Goal:
    """Return the goal of a check: "not (a or b)" wants that a does not hold and b does not."""
    match check:
        case WholeCheck():
            return _make_goal(check.check, wanted)
        case NegatedCheck():
            return _make_goal(check.check, not wanted)
        case JoinedChecks():
            parts = tuple(_make_goal(part, wanted) for part in check.checks)
            if (check.word == "and") == wanted:
                return AllGoals(parts)
            return FixedGoal(check, wanted) if _says_yes_or_no(parts) else AnyGoal(parts)
        case Condition():
            return ConditionGoal(check, wanted)
        case _:
            return FixedGoal(check, wanted)
