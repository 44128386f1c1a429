"""Tests that the reading of an effect, and its check, end soon whatever the text is."""

import time

import pytest

from selfteach.judge.check import parse_check
from selfteach.materials.rules.effects.effect import read_effect

MOST_SECONDS = 5.0


@pytest.mark.parametrize("word", ["the ", "no ", "my ", "words ", "at most "])
def test_a_long_effect_is_read_soon(word: str) -> None:
    began = time.perf_counter()
    read_effect(word * (2000 // len(word)))
    assert time.perf_counter() - began < MOST_SECONDS


@pytest.mark.parametrize("answer", ["a, " * 6600, "word " * 4000, "- x\n" * 5000])
@pytest.mark.parametrize(
    "effect",
    [
        "One item per line.",
        "No paragraph may be longer than 150 words.",
        "At most 20 words per bullet point.",
        "Höchstens acht Zeilen.",
    ],
)
def test_a_long_answer_is_judged_soon(effect: str, answer: str) -> None:
    found = read_effect(effect)
    assert found is not None
    check = parse_check(found.check)
    began = time.perf_counter()
    check.keeps(answer)
    assert time.perf_counter() - began < MOST_SECONDS
