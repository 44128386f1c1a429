"""Judges say how surely an answer breaks a rule. They are calibrated first, and refused where they
are no better than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from selfteach.records import Prompt

PromptAnswer = tuple[Prompt, str]
"""A prompt and an answer to it."""


class Judge(Protocol):
    """Anything that values answers."""

    name: str

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        """One number for each answer; higher = more surely broken. Its zero and its unit are the
        judge's own.
        """
        ...


@dataclass(frozen=True)
class ThresholdJudge:
    """A judge with the threshold above which it says "broken"."""

    judge: Judge
    threshold: float

    @property
    def name(self) -> str:
        """The judge's name."""
        return self.judge.name

    def broken(self, pairs: Sequence[PromptAnswer]) -> list[bool]:
        """Whether each answer breaks the rule."""
        return [value > self.threshold for value in self.judge.values(pairs)]


@dataclass(frozen=True)
class AnyJudge:
    """Broken is what any of several verdicts calls broken. Each is asked only about the answers
    that those before it let pass.
    """

    verdicts: tuple[ThresholdJudge, ...]

    def broken(self, pairs: Sequence[PromptAnswer]) -> list[bool]:
        """Whether each answer breaks the rule."""
        found = [False] * len(pairs)
        for one in self.verdicts:
            left = [i for i, bad in enumerate(found) if not bad]
            for i, bad in zip(left, one.broken([pairs[i] for i in left]), strict=True):
                found[i] = bad
        return found


class ViolationJudge(Protocol):
    """Whatever says which answers break a rule."""

    def broken(self, pairs: Sequence[PromptAnswer]) -> list[bool]:
        """Whether each answer breaks the rule."""
        ...
