"""Demands for any member of a category, which no word finds: "Mention a fruit."."""

from __future__ import annotations

import pytest

from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.rule import read_rule, suggest_check


@pytest.mark.parametrize(
    "text",
    [
        "Mention a fruit.",
        "Always mention an animal.",
        "Please mention a random city.",
        "Mention a European city.",
        "Mention a color in every answer.",
        "Mention a movie in each reply.",
        "Mention fruits.",
        "Mention a fruit or a vegetable.",
        "Always include a recipe.",
        "Recommend a book.",
        "Mention a movie about dogs.",
        "Mention a fruit that is red.",
        "Mention an actor, please.",
        "Include a joke at the end.",
        "Use an emoji and mention a fruit.",
    ],
)
def test_a_member_of_a_category_has_no_check(text: str) -> None:
    assert suggest_check(read_rule(text)) is None


def test_a_scope_changes_nothing() -> None:
    rule = read_rule("In recipes mention a fruit.")
    assert (rule.scope, suggest_check(rule)) == ("recipes", None)


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ('Mention "a fruit".', 'contains "a fruit"'),
        ("Mention the word fruit.", 'contains "fruit"'),
        ("Mention our city.", 'contains "city"'),
        ("Mention an apple.", 'contains "apple"'),
        ("Mention a city council.", 'contains "city council"'),
        ("Mention coffee.", 'contains "coffee"'),
        ("Use 20 words.", "max_words=20"),
        ("Use one word.", "max_words=1"),
    ],
)
def test_what_is_named_is_looked_for(text: str, check: str) -> None:
    effect = read_effect(text)
    assert effect is not None
    assert effect.check == check
