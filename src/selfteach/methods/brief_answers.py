"""Let the base answer briefly, where a rule or a criticism limits the length of answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from selfteach.generate.brief import add_instruction, choose_instructions, make_brief_turns
from selfteach.judge.check import (
    Check,
    Condition,
    JoinedChecks,
    NegatedCheck,
    WholeCheck,
    parse_check,
)
from selfteach.materials.criticism import tighten_checks
from selfteach.models.recorded import Recorded
from selfteach.records import GREEDY, Request, SamplingParams, Turns, add_worked_turns

STAGE = "answer briefly"
OTHER_SAMPLING = SamplingParams(0.7, 0.95)
"""The sampling of the answers to a prompt after the greedy ones."""


def limits_length(check: Check) -> bool:
    """Return whether a check limits the length of answers."""
    return has_bound(check, "max_")


def limits_words(check: Check) -> bool:
    """Return whether a check limits the words or the characters of answers."""
    return any(has_bound(check, "max_", unit) for unit in ("words", "characters"))


def has_bound(check: Check, kind: Literal["min_", "max_"], unit: str = "") -> bool:
    """Return whether a check has a condition of a kind, or its opposite negated.

    Args:
        unit: what the condition counts; anything if empty.
    """
    if isinstance(check, WholeCheck):
        return has_bound(check.check, kind, unit)
    if isinstance(check, NegatedCheck):
        return has_bound(check.check, "min_" if kind == "max_" else "max_", unit)
    if isinstance(check, JoinedChecks):
        return any(has_bound(part, kind, unit) for part in check.checks)
    return isinstance(check, Condition) and check.name.startswith(kind + unit)


def sample_brief_answers(
    base: Recorded,
    prompts: Sequence[Turns],
    checks: Sequence[str],
    max_tokens: int,
    count: int,
    seed: int,
    genre: str = "",
) -> dict[Turns, list[str]]:
    """Return those of `count` answers to each prompt that end by themselves and pass the checks;
    the greedy ones come first.

    There are none where the checks leave no form of a prompt that gets brief answers.

    Args:
        genre: what the prompts ask to write; "" where they ask a question.
    """
    found: dict[Turns, list[str]] = {prompt: [] for prompt in prompts}
    keeps = make_test(checks)
    forms = list_brief_forms(make_test(tighten_checks(checks)), genre)
    forms = forms or list_brief_forms(keeps, genre)
    if not forms:
        return found
    asked = [(prompt, k) for prompt in prompts for k in range(count)]
    requests = []
    for prompt, k in asked:
        sampling = replace(OTHER_SAMPLING if k >= len(forms) else GREEDY, max_tokens=max_tokens)
        requests.append(Request(STAGE, forms[k % len(forms)](prompt), sampling, k, seed))
    for (prompt, _), answer in zip(asked, base.sample(requests), strict=True):
        text = answer.text.strip()
        is_whole = text and answer.finish == "stop" and text not in found[prompt]
        if is_whole and keeps(text):
            found[prompt].append(text)
    return found


def list_brief_forms(
    keeps: Callable[[str], bool], genre: str = ""
) -> list[Callable[[Turns], Turns]]:
    """Return what makes a prompt of one that gets brief answers: an instruction before a question,
    or worked texts before a request to write one. All that they ask for or show passes the check.
    """
    if genre:
        worked = make_brief_turns(keeps, genre)
        return [partial(add_worked_turns, worked)] if worked else []
    return [partial(add_instruction, instruction=i) for i in choose_instructions(keeps)]


def make_test(checks: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a text passes all checks, as a function."""
    parsed = [parse_check(check) for check in checks]
    return lambda text: all(check.keeps(text) for check in parsed)
