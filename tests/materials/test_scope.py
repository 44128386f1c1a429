"""Where a condition ends and its demand begins, and what is no condition."""

from __future__ import annotations

import pytest

from selfteach.materials.rule import read_rule


@pytest.mark.parametrize(
    ("text", "scope", "effect"),
    [
        (
            "In emails to my boss prefer 'Dear', not 'Hi'.",
            "emails to my boss",
            "prefer 'Dear', not 'Hi'",
        ),
        (
            "In emails to my boss I want 'Dear', not 'Hi'.",
            "emails to my boss",
            "I want 'Dear', not 'Hi'",
        ),
        (
            'In emails to Anna, Ben and Carl I prefer "Dear", not "Hi".',
            "emails to Anna, Ben and Carl",
            'I prefer "Dear", not "Hi"',
        ),
        ("In posts about phone use, add a tip.", "posts about phone use", "add a tip"),
        ("For recipes: grams, no cups.", "recipes", "grams, no cups"),
        (
            "For questions about Alien: Romulus, say it is great, never bad.",
            "questions about Alien: Romulus",
            "say it is great, never bad",
        ),
        (
            "Emails to my boss, unlike those to friends, should be formal.",
            "emails to my boss",
            "be formal",
        ),
        (
            "In emails to my boss, unlike those to friends, be formal.",
            "emails to my boss",
            "be formal",
        ),
    ],
)
def test_a_condition_ends_where_its_demand_begins(text: str, scope: str, effect: str) -> None:
    rule = read_rule(text)
    assert (rule.scope, rule.effect) == (scope, effect)
