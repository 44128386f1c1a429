"""Demands about the length of an answer: its number, its unit and its bound."""

from __future__ import annotations

import pytest

from selfteach.materials.counted_demand import say_counted_demand
from selfteach.materials.rule import read_rule, suggest_check


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Nothing over forty words if you'd be so kind.", "answer in at most forty words"),
        ("I can only take a couple of sentences at a time, please.", "answer in two sentences"),
        ("It has to fit into 160 letters.", "answer in 160 characters"),
        ("I'd like no fewer than three sentences.", "answer in at least three sentences"),
        ("Exactly 4 sentences, please.", "answer in exactly 4 sentences"),
        ("Under 30 words is what I want.", "answer in fewer than 30 words"),
        ("One short line is plenty.", "have at most One line"),
    ],
)
def test_the_plain_demand(text: str, plain: str) -> None:
    assert say_counted_demand(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "Never limit it to 50 words.",
        "At most 10 words per sentence.",
        "The first sentence must have at most 10 words.",
        "A summary of three sentences, please.",
        "Between 20 and 30 words.",
        "At most 20 words and one emoji.",
        "I have 30 sentences to read.",
        "Answer in 20 words unless I ask for more.",
        'Say "two words".',
        "Be brief, e.g. one sentence.",
        "Nothing over 20 words, talk about dogs.",
        "Use pictures, at most 20 words.",
    ],
)
def test_a_part_or_another_form_or_a_narrower_demand_is_not_read(text: str) -> None:
    assert say_counted_demand(text) == ""


def test_a_rule_gets_the_check() -> None:
    rule = read_rule("My eyes get tired, so nothing over forty words if you'd be so kind.")
    assert suggest_check(rule) == "max_words=40"
