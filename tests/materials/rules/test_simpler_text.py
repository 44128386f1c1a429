"""Rules with less around their demand: what is told goes, and what narrows the demand stays."""

from __future__ import annotations

import pytest

from selfteach.materials.rules.rule import read_rule, suggest_check
from selfteach.materials.rules.simpler_text import MAX_CHARS, list_simpler


@pytest.mark.parametrize(
    ("text", "simplest"),
    [
        ("no emojis omg", "no emojis"),
        ("My toddler has no telly, so television is off limits.", "television is off limits"),
        ("Ugh, no lists, they're cold", "no lists"),
        ("Answer in French cos I am learning it", "Answer in French"),
        ("Reply in German even though I write in English.", "Reply in German"),
        ("I read on a phone. No tables.", "No tables"),
    ],
)
def test_what_is_only_told_is_left_out(text: str, simplest: str) -> None:
    assert simplest in list(list_simpler(text))


@pytest.mark.parametrize(
    "text",
    [
        "No lists unless I ask.",
        "Use emojis, but only in texts to Zoe.",
        "Keep it short, so no lists.",
        'Say "so, friends" first.',
        "The budget is secret, so never mention it.",
        "Use few words. Emails are longer.",
        "Use few words. You can forget this in emails.",
        "x" * (MAX_CHARS + 1),
    ],
)
def test_what_narrows_a_demand_or_is_one_stays(text: str) -> None:
    assert all(simpler.rstrip(".") == text.rstrip(".") for simpler in list_simpler(text))


def test_a_rule_that_is_read_as_a_whole_is_not_cut() -> None:
    rule = read_rule("Use short words, and use an emoji, I like them.")
    assert "emoji" in rule.effect
    whole = read_rule("Say that we close at six, we are tired.")
    assert whole.effect == "Say that we close at six, we are tired."


def test_the_text_of_a_rule_stays_what_the_person_typed() -> None:
    rule = read_rule("I've been through a divorce, so weddings are off the table.")
    assert rule.text.startswith("I've been")
    assert suggest_check(rule) == 'not contains "wedding"'
