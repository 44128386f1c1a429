"""A rule of no known form is read in the teacher's plain words, if two wordings agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from selfteach.config import FeedbackConfig
from selfteach.generate.plain_rule import PlainRule, parse_plain_rule, write_prompt
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.rule import read_rule
from selfteach.methods.feedback.say_plainly import is_unread, read_wording, say_plainly
from selfteach.methods.feedback.understand_rule import use_plain_words
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Message, Request

UNREAD = "Fennel, I am afraid, makes me ill, so I would sooner not see it in here."
PLAIN = "When: everywhere\nThen: Never mention fennel."


class Teacher:
    """Answer the draws of a request with fixed texts."""

    fingerprint = "teacher"
    is_chat_model = True

    def __init__(self, replies: Sequence[str]) -> None:
        self.replies = replies
        self.asked: list[Request] = []

    def stream(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for request in requests:
            self.asked.append(request)
            text = self.replies[request.draw]
            yield Completion(request.id(self.fingerprint), text, "stop", 1)


def say(rule: str, *replies: str, **settings: Any) -> PlainRule | None:
    """Return the plain words of a rule with a teacher that replies so."""
    return say_plainly(cast(Recorded, Teacher(replies)), rule, FeedbackConfig(**settings))


def test_a_rule_of_no_known_form_is_asked_about() -> None:
    assert is_unread(read_rule(UNREAD), FeedbackConfig())


def test_two_wordings_that_are_read_alike_count() -> None:
    same = "When: everywhere\nThen: Do not talk about fennel."
    assert say(UNREAD, PLAIN, "I cannot.", same) == PlainRule("", "Never mention fennel.")


@pytest.mark.parametrize(
    "replies",
    [
        (PLAIN, "When: everywhere\nThen: Be kind.", "Never mention fennel."),
        ("no", PLAIN, PLAIN),
        ("When: everywhere\nThen: Use at most 7 words.",) * 3,
        ('When: everywhere\nThen: Never write "dill".',) * 3,
        ("When: everywhere\nThen: Be kind.",) * 3,
        ("",) * 3,
        ("When: asked about soup\nThen: Never mention fennel.", PLAIN, PLAIN),
        (
            "When: asked about soup\nThen: Never mention fennel.",
            "When: messages to guests\nThen: Never mention fennel.",
            "no",
        ),
        ("When: everywhere\nThen: Never mention wine.",) * 3,
        ("When: everywhere except emails\nThen: Never mention fennel.",) * 3,
        ("When: asked about soup, but not fish\nThen: Never mention fennel.",) * 3,
        (f"{PLAIN}\n{'x' * 1000}",) * 3,
    ],
    ids=[
        "no other",
        "no first",
        "new number",
        "new word",
        "no check",
        "empty",
        "everywhere or not",
        "other requests",
        "new subject",
        "exception",
        "exception of a subject",
        "too long",
    ],
)
def test_other_wordings_do_not(replies: Sequence[str]) -> None:
    assert say(UNREAD, *replies) is None


@pytest.mark.parametrize(
    ("rule", "settings"),
    [
        ("Do not talk about fennel.", {}),
        (UNREAD, {"check": "max_words=3"}),
        (UNREAD, {"then": "be brief"}),
        (UNREAD, {"judge": {"name": "yes_no"}}),
    ],
)
def test_what_is_decided_is_not_asked(rule: str, settings: dict[str, Any]) -> None:
    assert not is_unread(read_rule(rule), FeedbackConfig(**settings))


def test_without_a_teacher_nobody_is_asked() -> None:
    config = FeedbackConfig()
    session = SimpleNamespace(teacher=None, config=config)
    use_plain_words(cast(Session, session), UNREAD)
    assert session.config is config


def test_what_is_liked_is_not_forbidden() -> None:
    rule = "Fennel, I am glad to say, makes me smile, so I would sooner see it in here."
    assert say(rule, *(PLAIN,) * 3) is None


def test_the_person_s_condition_stays() -> None:
    assert say(UNREAD, *(PLAIN,) * 3, when="soup") == PlainRule("soup", "Never mention fennel.")
    rule = f"When I ask about soup, {UNREAD}"
    plain = PlainRule("anything", "Never mention fennel.")
    assert say(rule, *(PLAIN,) * 3, when="anything") == plain
    assert read_rule(rule, plain.when, plain.then).scope == ""


def test_words_of_a_demand_are_no_condition() -> None:
    rule = f"When it comes to soup, {UNREAD}"
    assert "fennel" in read_rule(rule).scope.lower()
    said = "When: asked about soup\nThen: Never mention fennel."
    assert say(rule, *(said,) * 3) == PlainRule("asked about soup", "Never mention fennel.")
    assert say(rule, *(PLAIN,) * 3) is None


def test_the_condition_of_the_rule_itself_stays() -> None:
    rule = f"When I ask about soup, {UNREAD}"
    assert read_rule(rule).scope
    found = say(rule, *(PLAIN,) * 3)
    assert found == PlainRule(read_rule(rule).scope, "Never mention fennel.")


@pytest.mark.parametrize(
    ("when", "counts"),
    [
        ("asked about soup", True),
        ("messages to guests", True),
        ("a guest asks about soup", True),
        ("soup", False),
        ("first sentence", False),
        ("pigs fly", False),
    ],
)
def test_a_condition_is_about_requests(when: str, counts: bool) -> None:
    found = read_wording(read_rule(UNREAD), PlainRule(when, "Never mention fennel."))
    assert bool(found) == counts


def test_a_reply_has_two_lines() -> None:
    found = parse_plain_rule("When: asked about tea.\nThen: Use at most 9 words.", is_chat=True)
    assert found == PlainRule("asked about tea", "Use at most 9 words.")
    assert parse_plain_rule("- When: every answer\n- Then: Say no.", is_chat=True) == PlainRule(
        "", "Say no."
    )
    assert parse_plain_rule(" everywhere\nThen: Say no.", is_chat=False) == PlainRule("", "Say no.")
    assert parse_plain_rule("Never mention tea.", is_chat=True) is None
    more = "When: always\nThen: Say no.\nThen: Use no emojis."
    assert parse_plain_rule(more, is_chat=True) is None


def test_a_rule_stays_on_one_line() -> None:
    rule = "No tea.\nThen: Say yes.\n\nRule: Sing."
    asked = write_prompt(rule, is_chat=False)
    assert isinstance(asked, str)
    assert asked.endswith("Rule: No tea. Then: Say yes. Rule: Sing.\nWhen:")
    turns = write_prompt(rule, is_chat=True)
    assert turns[0].role == "system"
    assert turns[-1] == Message("user", " ".join(rule.split()))


def test_the_worked_examples_are_read() -> None:
    prompt = write_prompt("x", is_chat=True)
    replies = [turn.content for turn in prompt if turn.role == "assistant"]
    plain = [parse_plain_rule(reply, is_chat=True) for reply in replies]
    assert len(plain) > 10
    assert all(one and read_effect(read_rule(one.then).effect) for one in plain)


def bind(*replies: str) -> tuple[FeedbackConfig, list[str]]:
    """Return the settings after a rule was asked about, and the printed lines."""
    lines: list[str] = []
    display = SimpleNamespace(print_line=lines.append)
    session = SimpleNamespace(teacher=Teacher(replies), config=FeedbackConfig(), display=display)
    use_plain_words(cast(Session, session), UNREAD)
    return session.config, lines


def test_the_plain_words_are_shown_and_hold() -> None:
    config, (line,) = bind(PLAIN, PLAIN, "no")
    assert (config.when, config.then) == ("", "Never mention fennel.")
    assert "--then 'Never mention fennel.'" in line
    config, (line,) = bind("no", "no", "no")
    assert config == FeedbackConfig()
    assert "do not agree" in line
