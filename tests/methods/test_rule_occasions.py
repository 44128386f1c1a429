"""How many occasions of a rule come with the package, and how many the model writes."""

from __future__ import annotations

import pytest

from selfteach.config import FeedbackConfig
from selfteach.methods.feedback.plan_work import plan_work
from selfteach.methods.feedback.rule_occasions import plan_rule_occasions
from selfteach.methods.feedback.understand_rule import read_words

LETTERS = 'Say "guests" instead of "customers" in letters to partners.'


@pytest.mark.parametrize(
    ("text", "words", "worked", "missing"),
    [
        ("In emails to my boss stay under 40 words.", [], 32, 123),
        (LETTERS, ["customer"], 32, 123),
        ("In texts to my husband about groceries be brief.", ["groceries"], 32, 143),
        ("In poems avoid rhymes.", [], 24, 131),
        ("In summaries be brief.", [], 40, 0),
    ],
)
def test_the_model_writes_what_must_have_a_word_or_is_missing(
    text: str, words: list[str], worked: int, missing: int
) -> None:
    rule = read_words(text, FeedbackConfig())
    assert rule.situation is not None
    plan = plan_rule_occasions(rule, rule.situation, 310)
    assert list(plan.words) == words
    assert (sum(map(len, plan.worked.values())), plan.missing) == (worked, missing)


def test_few_requests_leave_room_for_occasions_with_the_word() -> None:
    rule = read_words(LETTERS, FeedbackConfig())
    assert rule.situation is not None
    plan = plan_rule_occasions(rule, rule.situation, 40)
    assert plan.missing == 10


def test_the_plan_counts_what_the_model_writes() -> None:
    stages = [
        next(stage for stage in plan_work(text, FeedbackConfig()) if stage.name == "ask")
        for text in (LETTERS, "In summaries be brief.")
    ]
    asked = [stage.requests for stage in stages]
    assert asked[0] - asked[1] == pytest.approx(1.5 * 123, abs=1), "summaries miss none"
