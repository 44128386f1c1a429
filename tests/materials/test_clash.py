"""Demands of checks that no answer can meet together, and pairs that only look so."""

from __future__ import annotations

import pytest

from selfteach.judge.check import parse_check
from selfteach.materials.clash import find_clash
from selfteach.materials.pictures import repeat_emoji

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
