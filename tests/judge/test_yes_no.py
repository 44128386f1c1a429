"""The `score_yes_no` judge."""

from __future__ import annotations

import math

import pytest

from scripted import Scripted
from selfteach.judge.yes_no import YesNoJudge
from selfteach.records import Prompt, get_user_text, make_prompt

RULE = "Do not talk about cats."


@pytest.mark.parametrize(("chat", "yes", "no"), [(False, " Yes", " No"), (True, "Yes", "No")])
def test_the_value_is_the_log_odds_of_yes(chat: bool, yes: str, no: str) -> None:
    """-0.5 - (-2.0) = 1.5 nats for the one, -3.0 - (-2.0) = -1.0 for the other."""
    model = Scripted(
        {},
        score=lambda prompt, text: {
            yes: -0.5 if "purr" in get_user_text(prompt) else -3.0,
            no: -2.0,
        }[text],
    )
    assert YesNoJudge(model, RULE, chat=chat).values(
        [(make_prompt("Pets?"), "Cats purr."), (make_prompt("Pets?"), "Dogs bark.")]
    ) == [1.5, -1.0]


def test_an_answer_whose_score_an_endpoint_lost_counts_as_broken() -> None:
    class Forgetful(Scripted):
        def stream_scores(self, items):
            return list(super().stream_scores(items))[1:]

    model = Forgetful({}, score=lambda prompt, text: -1.0)
    assert YesNoJudge(model, RULE).values(
        [(make_prompt("Pets?"), "Cats purr."), (make_prompt("Pets?"), "Dogs bark.")]
    ) == [math.inf, 0.0]


def test_both_forms_show_the_rule_and_the_reply() -> None:
    seen: list[Prompt] = []

    def score(prompt: Prompt, text: str) -> float:
        seen.append(prompt)
        return 0.0

    for chat in (False, True):
        YesNoJudge(Scripted({}, score=score), RULE, chat=chat).values(
            [(make_prompt("Which pets?"), "Cats\npurr.")]
        )
    text, _, turns, _ = seen
    assert str(text).endswith(f"Rule: {RULE}\nReply: Cats purr.\nDoes the reply break the rule?")
    assert not isinstance(turns, str)
    assert all(part in get_user_text(turns) for part in (RULE, "Which pets?", "Cats\npurr."))


def test_the_forms_have_names_of_their_own_and_no_answer_no_value() -> None:
    assert YesNoJudge(Scripted({}), RULE).name != YesNoJudge(Scripted({}), RULE, chat=True).name
    assert YesNoJudge(Scripted({}), RULE).values([]) == []
