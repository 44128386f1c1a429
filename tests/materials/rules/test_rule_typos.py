"""Tests of slips of the keyboard in rules (materials/rules/typos.py)."""

from __future__ import annotations

import pytest

from selfteach.errors import DataError
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.rule import read_rule
from selfteach.materials.rules.typos import correct_typos


@pytest.mark.parametrize(
    ("text", "as_meant"),
    [
        ("pls write evrything in lowercase", "Write everything in lowercase."),
        ("dont use emojs", "Don't use emojis."),
        ("Answer in exactly three sentnces.", "Answer in exactly three sentences."),
        ("dont talk abuot whales", "Don't talk about whales."),
    ],
)
def test_a_rule_with_slips_is_read_as_it_is_meant(text: str, as_meant: str) -> None:
    rule, meant = read_rule(text), read_rule(as_meant)
    assert (found := read_effect(rule.effect, rule.scope))
    assert found == read_effect(meant.effect, meant.scope)
    assert rule.text == text
    assert rule.id != meant.id
    assert rule.id == read_rule(text).id


@pytest.mark.parametrize(
    "text",
    [
        "Do not talk about sentience.",  # a slip away from "sentence"
        'Never say "evrything".',
        "Write to Emojs in lowercase.",
        "staring, massages and white ballets",
        "Answer in exactly three sentences.",
    ],
)
def test_what_is_no_slip_stays(text: str) -> None:
    assert correct_typos(text) == text


def test_a_refusal_is_that_of_the_rule_as_it_is_typed() -> None:
    with pytest.raises(DataError) as plain:
        read_rule("Answer in French and in German.")
    with pytest.raises(DataError) as slipped:
        read_rule("Answer in French and in German, alwys.")
    assert str(plain.value) == str(slipped.value)
