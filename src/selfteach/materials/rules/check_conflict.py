"""Find where the check that a person gives contradicts the rule's own words."""

from __future__ import annotations

import re
from collections.abc import Callable

from selfteach.materials.rules.check_text import CheckDemand, list_conditions, quote_value
from selfteach.materials.rules.clash import find_clash
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.effects.effect_checks import Effect
from selfteach.materials.rules.rule import Rule
from selfteach.number_words import NUMBER, parse_number
from selfteach.text import shorten_text


def find_conflict(check: str, rule: Rule, keeps: Callable[[str, str], bool]) -> str:
    """Return where a person's check contradicts the rule's own words, in one line; or "".

    The check decides, so the line is for the person to read.

    Args:
        keeps: tells whether an answer meets a check: `selfteach.judge.check.keeps_check`.
    """
    effect = read_effect(rule.effect or rule.text, rule.scope)
    if effect is None:
        return ""
    if pair := find_clash(effect.check, check):
        return f"the rule says {pair[0]}, the check {pair[1]}: the check decides"
    if effect.is_answer and (demand := find_contrary_demand(check, effect, keeps)):
        said = shorten_text(effect.statement.rstrip("."))
        return f'the rule says "{said}", the check {demand}: the check decides'
    return ""


def find_contrary_demand(
    check: str, effect: Effect, keeps: Callable[[str, str], bool]
) -> CheckDemand | None:
    """Return what a check demands against the answer that a rule gives; or None.

    It forbids words that the answer needs: without them it does not meet the rule's own check. Or
    it wants a number, a day or a month where the answer has another one.
    """
    answer = effect.statement
    for demand in list_conditions(check):
        if demand.name == "contains" and not demand.negated:
            if _names_another_value(demand.value, answer):
                return demand
        elif demand.negated and demand.name in ("contains", "regex"):
            wanted = f"{demand.name} {quote_value(demand.value)}"
            words = [word for word in answer.split() if not keeps(wanted, word.strip(".,;:!?"))]
            phrase = re.escape(demand.value.strip("*"))
            left = re.sub(phrase, "", " ".join(words), flags=re.I) if phrase else answer
            is_said = keeps(wanted, answer) and keeps(effect.check, answer)
            if is_said and not keeps(effect.check, left):
                return demand
    return None


_VALUES = (
    re.compile(rf"\b(?:{NUMBER})\b", re.I),
    re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b", re.I),
    re.compile(
        r"\b(?:january|february|march|april|may|june|july|august|september|october|november|"
        r"december)\b",
        re.I,
    ),
)
"""What an answer names one of: a number, a day, a month."""
_UNIT = re.compile(
    r"\b(?:at|by|until|till|on|in|from)\b|\b(?:[ap]\.?m\b\.?|o['’]clock|euros?|dollars?|pounds?|"
    r"minutes?|hours?|days?|weeks?|months?|years?|percent)|[€$£%]",
    re.I,
)


def _names_another_value(phrase: str, answer: str) -> bool:
    """Return whether a phrase is a number, a day or a month, and an answer names others alone."""
    bare = _UNIT.sub("", phrase).strip(" *")
    for values in _VALUES:
        if values.fullmatch(bare):
            named = {_fold_value(value) for value in values.findall(answer)}
            is_named = _fold_value(bare) in named or _is_hour(bare, answer)
            return bool(named) and not is_named
    return False


_HOUR = re.compile(
    rf"\b(?P<clock>\d{{1,2}})[:.h]\d\d\b|\b(?P<marked>{NUMBER}) ?(?:[ap]\.?m\b|o['’]clock|h\b)|"
    rf"\b(?:at|by|until|till|from|to|between|before|after|and|past) (?P<bare>{NUMBER})\b"
    r"(?![:.]?\d| ?(?:euros?|dollars?|pounds?|minutes?|hours?|days?|weeks?|months?|years?|percent|"
    r"[€$£%]))|\b(?P<named>noon|midday|midnight)\b",
    re.I,
)
"""An hour of the day that an answer names."""
HOURS = 12


def _is_hour(value: str, answer: str) -> bool:
    """Return whether an answer names an hour that a number may stand for: 17:30 has the hour 5."""
    hours = [found["clock"] or found["marked"] or found["bare"] for found in _HOUR.finditer(answer)]
    named = {int(_fold_value(hour)) % HOURS if hour else 0 for hour in hours}
    number = _fold_value(value)
    return number.isdigit() and int(number) <= 2 * HOURS and int(number) % HOURS in named


def _fold_value(value: str) -> str:
    """Return the same text for a number in digits and in words, and for a day and its plural."""
    is_number = _VALUES[0].fullmatch(value) is not None
    return str(parse_number(value)) if is_number else value.lower().removesuffix("s")
