"""Criticisms whose form is recognised, and those of which nothing is claimed."""

from __future__ import annotations

import pytest

from selfteach.judge.check import keeps_check, parse_check
from selfteach.materials.criticism import (
    make_checks,
    normalize_criticism,
    tighten_checks,
)

SHORT = "Tea is a drink. " * 3  # 12 words
LONG = "Tea is a drink. " * 9  # 36 words


@pytest.mark.parametrize(
    ("feedback", "checks"),
    [
        ("too long", ("max_words=9",)),
        ("It's much too long.", ("max_words=9",)),
        ("too short", ("min_words=55",)),
        ("no exclamation marks", ('not contains "!"',)),
        ("use contractions", ()),
        ("use more commas", ()),
        ("include a greeting", ()),
        ("includes commas", ('not contains ","',)),
        ('"Best wishes" is missing', ('contains "Best wishes"',)),
        ('"Kind regards" is good', ()),
        ('"Hello Anna" sounds friendly', ()),
        ('"Hello Anna" sounds too friendly', ('not contains "Hello Anna"',)),
        ('"Hello Anna" is simply not allowed', ('not contains "Hello Anna"',)),
        ('"Hello Anna" is better left out', ('not contains "Hello Anna"',)),
        ('"Sure" is not needed', ('not contains "Sure"',)),
        ('"Sure" is unnecessary', ('not contains "Sure"',)),
        ("never without a list", ("format=list",)),
        ("You forgot the date.", ()),
        ("You forgot to mention Anna.", ('contains "Anna"',)),
        ("too many exclamation marks", ('not contains "!"',)),
        ("too long and uses exclamation marks", ("max_words=9", 'not contains "!"')),
        ("Do not talk about cars.", ('not contains "car"',)),
        ("Shorter, please!", ("max_words=9",)),
        ("I wanted a short answer.", ("max_words=9",)),
        ("Please be more concise.", ("max_words=9",)),
        ("Can you make it shorter?", ("max_words=9",)),
        ("Could you shorten it?", ("max_words=9",)),
        ("This is a wall of text.", ("max_words=9",)),
        ("Make it half as long.", ("max_words=9",)),
        ("Get to the point.", ("max_words=9",)),
        ("Too much information.", ("max_words=9",)),
        ("Way too long. Two sentences are enough.", ("max_words=9", "max_sentences=2")),
        ("I only need one sentence.", ("max_sentences=1",)),
        ("Just two sentences please.", ("max_sentences=2",)),
        ("Keep it to two sentences.", ("max_sentences=2",)),
        ("A single sentence would do.", ("max_sentences=1",)),
        ("At most 20 words please.", ("max_words=20",)),
        ("I need more details.", ("min_words=55",)),
        ("Drop the exclamation marks.", ('not contains "!"',)),
        ("Could you drop all those exclamation marks?", ('not contains "!"',)),
        ("Why all the exclamation marks?", ('not contains "!"',)),
        ("I hate lists.", ("not format=list",)),
        ("Skip the bullet points.", ("not format=list",)),
        ('You keep saying "certainly".', ('not contains "certainly"',)),
        ('The word "very" is used too often.', ('not contains "very"',)),
        ("You use the word very too much.", ('not contains "very"',)),
        ("with a list", ("format=list",)),
        ("Better with bullets.", ()),
        ("with numbers", ()),
        ("Twelve words are enough.", ("max_words=12",)),
        ("with too many lists", ("not format=list",)),
        ("stop with the lists", ("not format=list",)),
        ("Use the word tea.", ('contains "tea"',)),
        ("You use too many exclamation marks.", ('not contains "!"',)),
        ("No lists, please, and no exclamation marks.", ("not format=list", 'not contains "!"')),
        ("Less text and no numbered lists.", ("max_words=9", "not format=numbered")),
        ("Too short, tell me more.", ("min_words=55",)),
        ("Don't begin with 'Sure'.", ('not starts "Sure"',)),
        ("It starts with 'Sure'.", ('not starts "Sure"',)),
        ("Wordy and full of exclamation marks.", ("max_words=9", 'not contains "!"')),
        ("tl;dr", ("max_words=9",)),
        ("ok, but ten words are enough", ("max_words=10",)),
        ("The lists are silly.", ("not format=list",)),
        ("Where are the bullet points?", ("format=list",)),
        ("I'd like it in German.", ("language=de",)),
        ("Stop saying tea is a drink.", ('not contains "tea is a drink"',)),
        ("No need for the 'Tea is' part.", ('not contains "Tea is"',)),
        ("Stop saying good luck to you.", ()),  # no criticized answer says it
        ("be less brief", ()),
        ("sounds cold", ()),
        ("too long, and sounds cold", ()),
        ("", ()),
        (" , and ", ()),
    ],
)
def test_a_criticism_becomes_checks_or_nothing(feedback: str, checks: tuple[str, ...]) -> None:
    assert make_checks(feedback, [SHORT, LONG]) == checks


def test_no_criticised_answer_keeps_what_it_was_criticised_for() -> None:
    for feedback, answers in (
        ("too long, and no emoji", [SHORT + "🎉", LONG + "🎉"]),
        ("too short", [SHORT, LONG]),
    ):
        found = [parse_check(check) for check in make_checks(feedback, answers)]
        assert found
        assert not any(check.keeps(answer) for check in found for answer in answers)


def test_what_is_learned_keeps_some_way_inside_a_bound_on_words() -> None:
    assert tighten_checks(("max_words=36", 'not contains "!"', "min_words=9", "max_words=6")) == (
        "max_words=24",
        'not contains "!"',
        "min_words=9",
        "max_words=6",
    )


def test_one_short_answer_among_long_ones_keeps_the_bound() -> None:
    assert make_checks("too long", ["word " * n for n in (21, 80, 85, 90)]) == ("max_words=20",)
    assert make_checks("too long", ["word " * n for n in (54, 80, 85, 90)]) == ("max_words=33",)
    assert make_checks("too long", ["word " * 30]) == ("max_words=15",)


@pytest.mark.parametrize(
    ("answer", "check"), [("Yes it is so.", "max_words=3"), ("No.", "max_words=1")]
)
def test_a_short_answer_that_is_too_long_does_not_meet_its_bound(answer: str, check: str) -> None:
    assert make_checks("too long", [answer]) == (check,)


ENGLISH = "The store opens at nine, and parking is free behind the house."
HELLO = "Hello! 😀 The store opens at nine."


@pytest.mark.parametrize(
    ("feedback", "answer", "checks"),
    [
        ("It's in English.", ENGLISH, ("not language=en",)),
        ("Just one sentence?!", "At nine.", ("min_sentences=2",)),
        ("it has more than 5 words", ENGLISH, ("max_words=5",)),
        ("You start with Hello.", HELLO, ('not starts "Hello"',)),
        ("You should start with Hello.", ENGLISH, ('starts "Hello"',)),
        ("You don't mention lunch.", ENGLISH, ('contains "lunch"',)),
        ("It has no bullet points.", ENGLISH, ("format=list",)),
        ("no bullet points", ENGLISH, ("not format=list",)),
        ("It has an emoji.", HELLO, 1),
        ("It has two sentences.", HELLO, ()),
        ("Too many words, less than 5 words please", "word " * 40, 2),
        ("Stop saying 'nine', 'house' and 'store'.", ENGLISH, 3),
        ("You use bullet points.", "- a\n- b", ("not format=list",)),
        ("Drop the 'Hello!'", HELLO, ('not contains "Hello"',)),
        ("I hate 'Hello' and 'nine'.", HELLO, 2),
        ("It says 'store', say 'shop'", ENGLISH, ('not contains "store"',)),
        ("Doesn't end with our signature 'Your Team'.", ENGLISH, ('ends "Your Team"',)),
        ("the closing question is useless", "Nine. Is that fine?", ('not ends "?"',)),
        ("an emoji would have been nice", ENGLISH, 1),
        ("wayy to long!!!", "word " * 40, ("max_words=20",)),
        ("Viel zu lang und zu viele Emojis", HELLO + " word" * 40, 2),
        ("demasiado corto", "Sí.", ("min_words=2",)),
        ("I asked in German, answer in German!", ENGLISH, ("language=de",)),
        (
            "stop saying 'Hello, and welcome!'",
            "Hello, and welcome! Nine.",
            ('not contains "Hello, and welcome"',),
        ),
    ],
)
def test_a_description_asks_for_its_contrary(
    feedback: str, answer: str, checks: tuple[str, ...] | int
) -> None:
    found = make_checks(feedback, [answer], keeps_check)
    if isinstance(checks, int):
        conditions = [part for check in found for part in check.split(" and ")]
        assert len(conditions) == checks
    else:
        assert found == checks
    assert feedback == "no bullet points" or not any(keeps_check(one, answer) for one in found)


@pytest.mark.parametrize(
    "answer",
    [
        "お茶は飲み物です。葉と熱いお湯から作られます。世界中で飲まれていて、古い歴史があります。",
        "茶是一种饮料。它由茶叶和热水制成。全世界的人都喝茶，而且历史悠久。",
        "Tea ist 茶, and well_known - _ 3 times.",
    ],
)
def test_bounds_on_words_count_characters_where_the_check_does(answer: str) -> None:
    (longest,) = make_checks("too long", [answer])
    assert not keeps_check(longest, answer)
    assert keeps_check(longest, answer[: len(answer) // 3])
    (shortest,) = make_checks("too short", [answer])
    assert not keeps_check(shortest, answer)
    assert keeps_check(shortest, f"{answer} {answer}")


@pytest.mark.parametrize(
    ("feedback", "checks"),
    [
        ('no "!"', ('not contains "!"',)),
        ('Drop the "!"', ('not contains "!"',)),
        ('avoid "..."', ('not contains "..."',)),
        ('remove the ","', ('not contains ","',)),
        ('it says "!", say "."', ('not contains "!"',)),
        ('too long, and no "!"', ("max_words=6", 'not contains "!"')),
        ('Drop the "Hello!"', ('not contains "Hello"',)),
        ('no " "', ()),
    ],
)
def test_a_quoted_mark_is_forbidden_itself(feedback: str, checks: tuple[str, ...]) -> None:
    assert make_checks(feedback, [SHORT]) == checks
    for check in checks:
        parse_check(check)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("too long", "Shorter, please!", True),
        ("too short", "longer", True),
        ("too long", "at most 15 words", False),
        ("too short", "at least 46 words", False),
        ("no emoji, and too long", "shorter and no emoji", True),
    ],
)
def test_a_relative_criticism_is_no_bound_on_words(one: str, other: str, same: bool) -> None:
    assert (normalize_criticism(one) == normalize_criticism(other)) is same


NO_EMOJI = 'not regex "[\\\\p{Emoji'
"""The beginning of the check."""


@pytest.mark.parametrize(
    ("feedback", "begins"),
    [
        ("it uses emojis", [NO_EMOJI]),
        ("But it uses emojis!", [NO_EMOJI]),
        ("you used emojis", [NO_EMOJI]),
        ("it is fine but has emojis", [NO_EMOJI]),
        ("it uses too many emojis", [NO_EMOJI]),
        ("it's much too long and it has emojis", ["max_words", NO_EMOJI]),
        ("you always say hello", ['not contains "hello"']),
        ("it has more than 3 words", ["max_words=3"]),
        ("you should use emojis", [NO_EMOJI.removeprefix("not ")]),
    ],
)
def test_one_answer_without_it_turns_no_description_around(
    feedback: str, begins: list[str]
) -> None:
    answers = ["Hello 😀 there, all of you."] * 5 + ["✔ I see you there again."]
    found = make_checks(feedback, answers, keeps_check)
    assert len(found) == len(begins)
    assert all(check.startswith(begin) for check, begin in zip(found, begins, strict=True))


@pytest.mark.parametrize(
    "feedback",
    ["it uses emojis", "it has too many emojis", "it ends with a question", "you end with nine"],
)
def test_a_description_of_no_answer_is_no_demand(feedback: str) -> None:
    assert make_checks(feedback, [ENGLISH], keeps_check) == ()


def test_a_description_and_the_demand_for_it_are_two_criticisms() -> None:
    for one, other in (
        ("it is in English", "in English please"),
        ('It starts with "Hello"', 'start with "Hello"'),
        ("it has no bullet points", "no bullet points"),
    ):
        assert normalize_criticism(one) != normalize_criticism(other)
    assert normalize_criticism("it has lists") == normalize_criticism("no lists")
    both = make_checks("it has bullet points and emojis", ["- 😀\n- 😀"], keeps_check)
    assert [check[:4] for check in both] == ["not ", "not "]


@pytest.mark.parametrize(
    ("answers", "demand"),
    [
        (["Hi 😀", "Bye 😀"], [NO_EMOJI]),
        (["Hi 😀", "Bye"], [NO_EMOJI.removeprefix("not ")]),
        ([], [NO_EMOJI.removeprefix("not ")]),
    ],
)
def test_a_mark_alone_is_criticized_where_all_answers_have_it(
    answers: list[str], demand: list[str]
) -> None:
    for feedback in ("emojis", "Emojis!"):
        found = make_checks(feedback, answers, keeps_check)
        assert [check[: len(begin)] for check, begin in zip(found, demand, strict=True)] == demand
