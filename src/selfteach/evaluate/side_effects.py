"""Side effects: changes of answers that the training should not change.

Every arm answers near and general prompts. An answer is degraded if it is empty, loops, or repeats
a taught text as the base's own answer does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from selfteach import statistics
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.sanity import is_empty, is_looping
from selfteach.evaluate.scopes import TARGET
from selfteach.evaluate.verdict import MAX_DEGRADED, sort_harms
from selfteach.records import Completion, JsonObject, Measure

OVERAPPLIED = 0.6
"""An answer outside the scope counts as a taught answer from this ROUGE-L on."""


class ScopeAnswers(Protocol):
    """Represent one arm's answers to one scope, such as `evaluate.exam.Answers`."""

    @property
    def questions(self) -> Sequence[str]:
        """Return the texts of the questions."""
        ...

    @property
    def greedy(self) -> Sequence[Completion]:
        """Return the greedy answers."""
        ...


@dataclass(frozen=True)
class SideEffects:
    """Hold which answers outside the target are intact.

    Attributes:
        answers: answers[scope][arm], every scope but the target.
        intact: flags[scope][arm], in the order of the questions.
        overapplied: flags by arm over all scopes: answers that repeat a taught text; empty where
            there is no such text.
    """

    answers: Mapping[str, Mapping[str, ScopeAnswers]]
    intact: Mapping[str, Mapping[str, list[bool]]]
    overapplied: Mapping[str, list[bool]]

    def measure(self) -> JsonObject:
        """Return the shares of intact answers by scope and arm, and the loss by tuning.

        `side_effects` is base minus tuned, paired by prompt, with a 95 % interval.
        """
        found: JsonObject = {}
        lost: JsonObject = {}
        for scope, arms in self.intact.items():
            found[scope] = {arm: statistics.share(flags) for arm, flags in arms.items()}
            if "tuned" in arms:
                lost[scope] = statistics.compare_shares(arms["base"], arms["tuned"])
        if "tuned" in self.overapplied:
            lost["overapplied"] = statistics.share(self.overapplied["tuned"])
        return found | {"side_effects": lost} if lost else found

    def measure_harms(self, arm: str) -> list[tuple[str, Measure]]:
        """Return how many more answers of an arm than of the base are degraded, for each scope that
        it answered, as a share of the prompts: words for `sort_harms`, and the share.
        """
        return [
            (f"{scope} answers are degraded", statistics.compare_shares(arms["base"], arms[arm]))
            for scope, arms in self.intact.items()
            if arm in arms
        ]

    def find_harm(self, arm: str) -> tuple[str, str]:
        """Return what speaks against an arm, and what too few prompts leave open; "" for nothing.

        More than MAX_DEGRADED of the answers of a scope are degraded, and the base's are not.
        """
        certain, uncertain = sort_harms(self.measure_harms(arm), MAX_DEGRADED)
        return " and ".join(certain), " and ".join(uncertain)

    def count_intact(self, arm: str) -> str:
        """Return "44 of 46": intact answers of an arm over all scopes."""
        flags = [flag for arms in self.intact.values() for flag in arms.get(arm, [])]
        return f"{sum(flags)} of {len(flags)}"

    def rows(self) -> list[JsonObject]:
        """Return each question with every arm's answer; `ok`: it is not degraded."""
        rows = []
        for scope, flags in self.intact.items():
            arms = self.answers[scope]
            for i, text in enumerate(arms["base"].questions):
                cells = {
                    arm: {"greedy": own.greedy[i].text, "ok": flags[arm][i]}
                    for arm, own in arms.items()
                }
                rows.append({"scope": scope, "prompt": text, "arms": cells})
        return rows


def find_side_effects(
    answers: Mapping[str, Mapping[str, Any]],
    taught_texts: Sequence[str],
    find_allowed_repeats: Callable[[Any], Collection[int]],
) -> SideEffects:
    """Compare the answers outside the target with the base's own.

    Args:
        answers: answers[scope][arm]; a scope without questions is left out.
        find_allowed_repeats: returns the indices of the base's answers where a taught
            answer is right.
    """
    taught = OverlapIndex(dict.fromkeys(taught_texts))
    outside = {s: arms for s, arms in answers.items() if s != TARGET and arms["base"].questions}
    intact: dict[str, dict[str, list[bool]]] = {}
    overapplied: dict[str, list[bool]] = {}
    for scope, arms in outside.items():
        allowed_repeats = find_allowed_repeats(arms["base"])
        intact[scope] = {}
        for arm, own in arms.items():
            good, wrong = mark_intact(own.greedy, arms["base"].greedy, taught, allowed_repeats)
            intact[scope][arm] = good
            if len(taught):
                overapplied.setdefault(arm, []).extend(wrong)
    return SideEffects(outside, intact, overapplied)


def mark_intact(
    own: Sequence[Completion],
    base: Sequence[Completion],
    taught: OverlapIndex,
    allowed_repeats: Collection[int] = (),
) -> tuple[list[bool], list[bool]]:
    """Return (intact, overapplied) flags for each answer.

    The base's own answers can be empty or loop as well. Any change makes some answers loop and ends
    other loops, so what was harmed is the difference of two arms, paired by prompt.

    Args:
        own, base: answers to the same prompts, of an arm and of the base.
        allowed_repeats: the indices where a taught answer is right.
    """
    intact = []
    wrong = []
    for i, (mine, theirs) in enumerate(zip(own, base, strict=True)):
        repeats = taught.nearest(mine.text, OVERAPPLIED).index >= 0
        repeated_before = repeats and taught.nearest(theirs.text, OVERAPPLIED).index >= 0
        wrong.append(repeats and not repeated_before and i not in allowed_repeats)
        intact.append(not (wrong[-1] or is_empty(mine.text) or is_looping(mine.text)))
    return intact, wrong
