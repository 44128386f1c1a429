"""Of several answers to one task the one that agrees most with the others is the output, or none is."""

from __future__ import annotations

from typing import Literal

import pytest

from selfteach.materials.tasks import Instance
from selfteach.methods.instancing import LOOPS, UNSURE, Written, agreed
from selfteach.records import Draw
from selfteach.select.tasks import CUT


def draws(*texts: str, finish: Literal["stop", "length"] = "stop") -> list[Draw]:
    return [Draw(str(n), text, finish) for n, text in enumerate(texts)]


def test_what_most_answers_say_is_the_output() -> None:
    """ "a b c d" shares 3 of 4 words with "a b c e" and nothing with the third: .375, as has "a b c e"; the first of both is taken."""
    assert agreed(draws("x y z", " a b c d\n", "a b c e"), 0.3) == ("a b c d", "")


def test_answers_that_have_nothing_in_common_are_no_knowledge() -> None:
    assert agreed(draws("red apple", "old house", "deep sea"), 0.2) == ("red apple", UNSURE)
    assert agreed(draws("red apple"), 0.9) == ("red apple", ""), "one answer alone has nobody to disagree with"


def test_an_answer_that_was_cut_speaks_for_others_but_is_not_taken() -> None:
    both = [*draws("a b c d", finish="length"), *draws("a b x y")]
    assert agreed(both, 0.5) == ("a b x y", "")
    assert agreed(draws("a b c d", "a b c e", finish="length"), 0.2)[1] == CUT


def test_an_answer_that_goes_round_in_circles_is_not_taken() -> None:
    circle = "a cat " * 12
    assert agreed(draws(circle, circle, "a cat sat"), 0.1) == ("a cat sat", "")
    assert agreed(draws(circle, circle), 0.1)[1] == LOOPS


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (Written(lost="no answer came"), "no answer came"),
        (Written(refused=((Instance("", "a"), CUT),)), CUT),
        (Written((Instance("", "b"),), ((Instance("", "a"), CUT),)), "no usable instance"),
    ],
)
def test_why_a_task_without_instances_is_dropped(written: Written, reason: str) -> None:
    assert written.reason == reason
