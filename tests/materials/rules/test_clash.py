"""Demands of checks that no answer can meet together, and pairs that only look so."""

from __future__ import annotations

from itertools import product

import pytest

from selfteach.errors import UsageError
from selfteach.judge.check import keeps_check, parse_check
from selfteach.materials.rules.clash import find_clash, find_empty_bound
from selfteach.materials.rules.pictures import repeat_emoji
from selfteach.methods.feedback.read_rule import refuse_impossible_check

EMOJI = r'regex "[\\p{Emoji_Presentation}\\uFE0F\\u2764\\u2665\\u263A\\u2639]"'


@pytest.mark.parametrize(
    "check",
    [
        'ends "?" and not contains "?"',
        'ends "..." and not regex "…|\\\\.{3}"',
        'starts "Ahoy!" and not contains "ahoy"',
        'starts "Cats" and not contains "cat"',
        'contains "2 cats" and not regex "\\\\d"',
        'starts "Dear" and not contains "*ear"',
        'regex "([!][^!]*){3}" and not contains "!"',
        f'regex "{repeat_emoji(3)}" and not {EMOJI}',
        f'regex "{repeat_emoji(5)}" and not regex "{repeat_emoji(4)}"',
        'regex "\\\\.[\\\\s*]*$" and not regex "[.,;:!?…]"',
        "format=numbered and not format=list",
        "max_sentences=1 and min_sentences=2",
        "max_words=3 and min_paragraphs=4",
        "max_words=5 and min_characters=900",
        'starts "Hello there my dear friend" and max_words=2',
        'ends "and that is all" and max_words=3',
        'contains "extraordinary" and max_characters=8',
        'contains "cat" and max_words=0',
        "not max_words=10 and max_words=5",
        "not min_words=5 and min_words=9",
        "not max_sentences=3 and not min_sentences=2",
        'format=numbered and format="no list"',
        "format=json and format=list",
        "not format=list and format=list",
        'starts "Hello there" and not starts "hello"',
        'ends "see you soon" and not ends "soon"',
    ],
)
def test_no_answer_meets_both(check: str) -> None:
    parse_check(check)
    assert find_clash(check, check)


@pytest.mark.parametrize(
    "check",
    [
        'starts "I" and not contains "in"',
        'starts "Dear" and not contains "ear*"',
        'starts "Ahoy" and not regex "\\\\p{Lu}"',  # "ahoy" meets both
        'ends "so" and not regex "^so"',
        'contains "?" or not contains "?"',
        f'regex "{repeat_emoji(3)}" and not regex "{repeat_emoji(4)}"',
        'regex "a|!" and not contains "!"',
        'regex "!?x" and not contains "!"',
        'regex "(?!!)." and not contains "!"',
        "format=list and not format=numbered",
        "max_words=40 and min_sentences=2",
    ],
)
def test_some_answer_meets_both(check: str) -> None:
    parse_check(check)
    assert find_clash(check, check) is None


MET = [
    ("max_words=5 and min_characters=9", "A long enough answer."),
    ("max_words=1 and min_characters=100", f"https://example.org/{'a' * 90}"),
    ('max_words=0 and regex "\\p{Emoji_Presentation}"', "👍"),
    ('max_words=0 and contains "👍"', "👍"),
    ('regex "-{9}" and max_words=5 and min_characters=900', "-" * 900),
    ('starts "Hello there" and max_words=2', "Hello there!"),
    ('contains "well known" and max_words=1', "Well-known!"),
    ('contains "office" and max_characters=4', "o\ufb03ce"),  # a ligature
    ('contains "cat" and not regex "cat"', "Cats sleep."),
    ('starts "Dear boss" and not regex "\\p{Lu}"', "dear boss, hi"),
    ("not max_words=10 and max_words=11", "a " * 11),
    ("not max_words=3 and not min_words=5", "We close at six."),
    ("not min_words=5 and min_words=4", "We close at six."),
    ("format=numbered and format=list", "1. one\n2. two"),
    ('format=json and format="no list"', '{"a": 1}'),
    ("format=list and not format=numbered", "- one\n- two"),
    ("not format=json and not format=numbered", "Tea."),
    ('starts "Hello there" and not starts "Hell"', "Hello there."),
    ('starts "Hello" and not starts "Hello there"', "Hello you."),
    ('ends "soon" and not ends "see you soon"', "Come soon"),
    ('starts "Dear" and ends "Tom" and max_words=2', "Dear Tom"),
    ("max_words=0 or max_words=9", "Tea."),
    ("min_sentences=2 and max_words=2", "Yes. No."),
    ("min_words=9 and max_characters=17", "a b c d e f g h i"),
]


@pytest.mark.parametrize(("check", "answer"), MET)
def test_a_check_that_an_answer_meets_is_never_refused(check: str, answer: str) -> None:
    assert keeps_check(check, answer)
    assert find_clash(check, check) is None
    refuse_impossible_check(check)


PARTS = [
    *("max_words=0", "max_words=2", "not max_words=4", "min_words=3", "min_characters=300"),
    *("not min_words=2", "max_characters=9", "max_sentences=1", "not max_sentences=1"),
    *("format=list", "format=numbered", 'format="no list"', "format=json", "not format=list"),
    *('starts "Hello there you"', 'not starts "hello"', 'ends "so long"', 'not ends "long"'),
    *('contains "cat"', 'not contains "cat"', 'contains "black cat"', 'regex "[!]"'),
]
ANSWERS = [
    *("👍", "Yes.", "Hello there you", "So long", "cat", "1. cat", "- cat", "[]", '["cat"]', "!"),
    *("Hello there you black cat. So long", "Cats! And more cats. So long!", "a " * 200),
    *("- one\n- two\n- three black cats!", "1. a\n2. b\n3. c\n4. d!", f"{'x' * 90} {'y' * 90}"),
]


def test_what_is_refused_is_met_by_none_of_many_answers() -> None:
    for one, other in product(PARTS, PARTS):
        check = f"{one} and {other}"
        met = [answer for answer in ANSWERS if keeps_check(check, answer)]
        is_signs = met == ["👍"] or not any(map(str.isalnum, "".join(met)))
        if find_clash(check, check):
            assert not met, check
        elif find_empty_bound(check):
            assert is_signs, check


@pytest.mark.parametrize("check", ["max_words=0", "not min_words=1", "max_sentences=0 and regex x"])
def test_a_bound_that_leaves_no_words_is_refused_unless_signs_are_wanted(check: str) -> None:
    if "regex" in check:
        refuse_impossible_check(check)
        return
    with pytest.raises(UsageError, match="no answer in words can meet the check"):
        refuse_impossible_check(check)
