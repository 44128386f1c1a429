"""Demands about the length of an answer: its number, its unit and its bound."""

from __future__ import annotations

import pytest

from selfteach.materials.rules.effects.counted_demand import say_counted_demand
from selfteach.materials.rules.rule import read_rule, suggest_check


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


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("Keep answers under 40 words with no exceptions.", "max_words=39"),
        ("Use a maximum of 4 sentences on any topic.", "max_sentences=4"),
        ("Use at most 50 words for any request.", "max_words=50"),
        ("Use at most 50 words throughout this conversation.", "max_words=50"),
        ("Use at most 50 words during this conversation.", "max_words=50"),
        ("Use at most 50 words with everyone.", "max_words=50"),
        ("Answer in at most 50 words in one go.", "max_words=50"),
        ("Use at most 50 words for readability.", "max_words=50"),
        ("At most two sentences for anything I ask.", "max_sentences=2"),
        ("Max 30 words in our chat, please.", "max_words=30"),
    ],
)
def test_a_tail_that_limits_nothing_keeps_the_check(text: str, check: str) -> None:
    rule = read_rule(text)
    assert (rule.scope, suggest_check(rule)) == ("", check)


@pytest.mark.parametrize(
    "tail", ["with my boss", "on a bad day", "at the third step", "with no emojis", "for my boss"]
)
def test_a_tail_that_limits_a_number_leaves_it_unread(tail: str) -> None:
    assert say_counted_demand(f"Use at most 50 words {tail}.") == ""
