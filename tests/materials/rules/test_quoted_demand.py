"""Demands about quoted words: what stands where, and whether it is wanted."""

from __future__ import annotations

import pytest

from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.effects.quoted_demand import say_quoted_demand
from selfteach.materials.rules.effects.usual_words import QUOTED
from selfteach.materials.rules.phrases import hide_quotes, show_quotes


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('Every reply opens with "TL;DR:".', 'start with "TL;DR:"'),
        ('Never open an answer with the words "Sure thing".', 'do not start with "Sure thing"'),
        ('The last line of it should begin with "In short:".',
         'end with a line that starts with "In short:"'),
        ('The word "classic" is banned in this library.', 'never use the word "classic"'),
        ('No "e.g.", "i.e." or "etc."', 'never use the words "e.g." and "i.e." and "etc."'),
        ('We call our people "singers", never "choristers".',
         'say "singers" instead of "choristers"'),
        ('Never write "staff" or "employees", say "the crew".',
         'say "the crew" instead of "staff" or "employees"'),
        ("Add the phrase 'no rush' to it all.", "use the phrase 'no rush'"),
    ],
)  # fmt: skip
def test_the_plain_demand(text: str, plain: str) -> None:
    assert say_quoted_demand(text) == plain
    assert read_effect(plain)


@pytest.mark.parametrize(
    "text",
    [
        'It starts with "Sure".',
        'The letter must start with "Dear".',
        'Feel free to end with "Cheers".',
        'In France we say "bonjour".',
        'Never say "no", "maybe" but "yes", "sure".',
        'Start with "Hi" and a joke.',
        'Never use "very" when you praise me.',
        'Use "kg" and at most 20 words.',
        'Never start with "Sure" or an apology.',
        'Start with "A" or end with "B".',
        "No quotation at all.",
        'Start with "Hi", talk about dogs.',
        'Start with "Hi". Ask how they are.',
        'Never say "maybe", commit to an answer.',
    ],
)
def test_more_than_one_thing_or_no_demand_is_not_read(text: str) -> None:
    assert say_quoted_demand(text) == ""


def test_a_quotation_is_hidden_where_it_stands_alone():
    text = "never rock'n' but 'n'"
    hidden, quotes = hide_quotes(text, QUOTED)
    assert hidden.startswith("never rock'n' but ")
    assert quotes == ["'n'"]
    assert show_quotes(hidden, quotes) == text


@pytest.mark.parametrize(
    "text",
    [
        'Do not capitalize "internet".',
        'Never misspell "Anna".',
        'Do not confuse "affect" and "effect".',
        'Never italicize "Hamlet".',
        '"Yes" cannot be said alone.',
    ],
)
def test_a_word_that_is_only_treated_so_is_not_forbidden(text: str) -> None:
    assert read_effect(text) is None
