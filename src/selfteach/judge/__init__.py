"""Judges score how surely an answer breaks a rule.

They are calibrated first, and refused if they are no better than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from selfteach.records import Prompt

PromptAnswer = tuple[Prompt, str]
"""A prompt and an answer to it."""


class Judge(Protocol):
    """Score answers."""

    name: str

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        """Return one number for each answer; higher = more surely broken.

        Zero and unit are the judge's own.
        """
        ...


@dataclass(frozen=True)
class ThresholdJudge:
    """Hold a judge and the threshold above which an answer counts as broken."""

    judge: Judge
    threshold: float

    @property
    def name(self) -> str:
        """Return the judge's name."""
        return self.judge.name

    def broken(self, pairs: Sequence[PromptAnswer]) -> list[bool]:
        """Return whether each answer breaks the rule."""
        return [value > self.threshold for value in self.judge.values(pairs)]


@dataclass(frozen=True)
class AnyJudge:
    """Call an answer broken if one of several judges does.

    Each judge gets only the answers that those before it accepted.
    """

    verdicts: tuple[ThresholdJudge, ...]

    def broken(self, pairs: Sequence[PromptAnswer]) -> list[bool]:
        """Return whether each answer breaks the rule."""
        found = [False] * len(pairs)
        for one in self.verdicts:
            left = [i for i, bad in enumerate(found) if not bad]
            for i, bad in zip(left, one.broken([pairs[i] for i in left]), strict=True):
                found[i] = bad
        return found


class ViolationJudge(Protocol):
    """Decide which answers break a rule."""

    def broken(self, pairs: Sequence[PromptAnswer]) -> list[bool]:
        """Return whether each answer breaks the rule."""
        ...
