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
NAMES = {
    "kept": "share of in-scope test answers of the taught model that keep the rule",
    "near": "share of near prompts whose answers the rule changed although it should not",
    "general": "the same on general prompts",
    "drift": "KL(base || taught) in nats a token on the base's own general answers",
    "agreement": "share of tokens on which base and taught agree about the most probable next one",
    "looping": "share of looping answers of the taught model",
    "empty": "share of empty answers of the taught model",
}
_ITEM = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One comparison: `name operator bound`."""

    name: str
    operator: str
    bound: float

    def met(self, value: float) -> bool:
        """Whether the value satisfies the comparison; a value that is not a number never does."""
        return bool(OPERATORS[self.operator](value, self.bound))


def parse(text: str) -> list[Requirement]:
    """The comparisons of a comma-separated list.

    Raises:
        UsageError: another form, or an unknown name; the message offers the nearest one.
    """
    found = []
    for item in filter(str.strip, text.split(",")):
        match = _ITEM.fullmatch(item)
        if not match:
            raise UsageError(f"{item.strip()!r} is not a requirement.", where="--require", cure='Write it like "kept>=.95,near<=.03".')
        name, sign, bound = match.groups()
        if name not in NAMES:
            raise UsageError(f'the exam has no number "{name}".', where="--require", cure=did_you_mean(name, NAMES))
        found.append(Requirement(name, sign, float(bound)))
    return found


def check(requirements: Sequence[Requirement], numbers: Mapping[str, Any]) -> None:
    """Compares the exam's numbers, by the names of NAMES, with what was asked.

    Raises:
        RequirementNotMet: naming each comparison that fails, with the number found; a number that was not measured fails.
    """
    missed = []
    for wanted in requirements:
        value = numbers.get(wanted.name)
        if value is None:
            missed.append(f"{wanted.name} was not measured")
        elif not wanted.met(float(value)):
            missed.append(f"{wanted.name} is {float(value):.4g}, asked for {wanted.operator} {wanted.bound:g}")
    if missed:
        raise RequirementNotMet("; ".join(missed) + ".", where="--require")
