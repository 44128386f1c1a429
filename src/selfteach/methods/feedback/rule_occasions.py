"""The occasions that a rule about messages, or about another kind of text, needs (step 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfteach.generate.occasions import (
    Occasion,
    WorkedOccasions,
    list_occasions_of_topic,
    list_worked_occasions,
)
from selfteach.judge.occasion import has_content_word
from selfteach.judge.violation import list_forbidden_texts
from selfteach.materials.rules.scopes.situation import Situation, name_written_topic
from selfteach.methods.understood_rule import UnderstoodRule, get_check

PROMPTS_PER_OCCASION = 2
"""Requests in scope that are built of one occasion, on average."""
MIN_OCCASIONS = 12
"""Each part of the split gets two of them at least."""


@dataclass(frozen=True)
class OccasionPlan:
    """Hold what occasions are needed.

    Attributes:
        worked: those that come with the package.
        of_topic: those about the topic of the rule, if it names one.
        words: words that an occasion which the model writes must have: those of the topic, or those
            that the rule forbids.
        count: how many there should be. If there are more worked ones, all of these are taken.
    """

    worked: WorkedOccasions
    of_topic: Sequence[Occasion]
    words: Sequence[str]
    count: int

    @property
    def missing(self) -> int:
        """Return how many occasions the model has to write."""
        known = len(self.of_topic) + sum(map(len, self.worked.values()))
        return 0 if "text" in self.worked else max(self.count - known, 0)


def plan_rule_occasions(rule: UnderstoodRule, situation: Situation, target: int) -> OccasionPlan:
    """Return what occasions a rule needs.

    Those beside the topic of a rule are not counted, and where they must have a word that it
    forbids, the model writes half as many at least: no worked one has it.

    Args:
        target: how many requests in scope are wanted.
    """
    count = max(target // PROMPTS_PER_OCCASION, MIN_OCCASIONS)
    worked = list_worked_occasions(situation)
    topic = name_written_topic(situation)
    words = [topic, *rule.subject.words] if topic else list_words_to_avoid(rule)
    num_worked = sum(map(len, worked.values()))
    if topic:
        of_topic = list(list_occasions_of_topic([*worked], topic, rule.subject.words))
        return OccasionPlan(worked, of_topic, words, count + num_worked)
    if words:
        count = max(count, num_worked + count // 2)
    return OccasionPlan(worked, [], words, count)


def list_words_to_avoid(rule: UnderstoodRule) -> list[str]:
    """Return the words, not the marks, that the check of a rule forbids wherever they stand."""
    check = get_check(rule)
    texts = list_forbidden_texts(check) if check else []
    return [text.strip("*") for text in texts if has_content_word(text)]
