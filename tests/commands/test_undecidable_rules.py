"""Rules that nothing here can decide are refused before a model's libraries are loaded."""

from __future__ import annotations

import pytest

from selfteach import cli
from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import DataError, UsageError
from selfteach.methods.feedback.read_rule import check_settings


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("Answer.", "asks for nothing"),
        ("Please always answer the question.", "asks for nothing"),
        ("Reply to all messages as usual.", "asks for nothing"),
        ("Be kind.", "names a manner"),
        ("Always be kind and patient.", "names a manner"),
        ("Sei freundlich.", "names a manner"),
        ("Soyez gentil.", "names a manner"),
        ("Gib den Kunden immer einen Rat.", "is not in English"),
        ("Не говори о погоде", "is not in English"),
    ],
)
def test_it_is_refused_with_what_to_do(
    rule: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["feedback", rule, "--dry-run"]) == 3
    error = capfd.readouterr().err
    assert told in error
    assert "--check" in error


@pytest.mark.parametrize(
    "rule",
    [
        "Be brief.",
        "Sprich nicht über Elefanten.",
        "Ne parle pas des éléphants.",
        "No hables de elefantes.",
        "Antworte kurz.",
        "Do not talk about medicine.",
        "Write like a pirate.",
    ],
)
def test_a_rule_with_a_form_or_a_subject_passes(rule: str) -> None:
    check_settings(FeedbackConfig(), rule)


@pytest.mark.parametrize(
    "decides",
    ["check=not contains fool", "teacher=http://localhost:1/v1#m", "judge.name=yes_no"],
)
def test_whoever_says_what_decides_may_teach_it(decides: str) -> None:
    with pytest.raises(DataError):
        check_settings(FeedbackConfig(), "Be kind.")
    check_settings(resolve(FeedbackConfig, sets=[decides]).config, "Be kind.")


def test_a_judge_by_name_beside_a_check_is_refused() -> None:
    sets = ["check=max_words=9", "judge.name=yes_no"]
    with pytest.raises(UsageError, match="--check decides alone") as caught:
        check_settings(resolve(FeedbackConfig, sets=sets).config, "Be kind.")
    assert caught.value.cure
    check_settings(resolve(FeedbackConfig, sets=[sets[0], "judge.name=check"]).config, "Be kind.")


def test_a_judge_that_there_is_not_is_refused_before_any_work() -> None:
    for name in ("yesno", "preference", "contrast"):
        config = FeedbackConfig(judge={"name": name})
        with pytest.raises(UsageError, match=f'there is no judge "{name}"'):
            check_settings(config, "Do not talk about cats.")
    config = FeedbackConfig(judge={"name": "teacher"})
    with pytest.raises(UsageError, match="there is no teacher to be the judge"):
        check_settings(config, "Do not talk about cats.")


def test_a_rule_that_no_request_would_teach_is_refused_before_any_work() -> None:
    config = resolve(FeedbackConfig, sets=["ask.train_share=0", "ask.dev_share=0"]).config
    with pytest.raises(UsageError, match="leaves no request to learn from"):
        check_settings(config, "Do not talk about cats.")
