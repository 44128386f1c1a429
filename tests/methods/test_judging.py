"""Who decides: the threshold of the lessons' judge."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from selfteach.judge import Answered, Verdicts
from selfteach.methods.judging import tempered


class Length:
    name = "length"

    def values(self, pairs: Sequence[Answered]) -> list[float]:
        return [float(len(text)) for _, text in pairs]


@pytest.mark.parametrize(("threshold", "expected"), [(2.5, 19.0), (30.0, 30.0)])
def test_a_loose_threshold_is_raised_to_one_false_alarm_in_twenty_and_a_strict_one_stays(threshold: float, expected: float) -> None:
    elsewhere = [("", "x" * n) for n in range(1, 21)]
    found = tempered(Verdicts(Length(), threshold), elsewhere)
    assert found.threshold == expected
    assert sum(found.broken(elsewhere)) <= 1


def test_without_answers_elsewhere_it_stays() -> None:
    assert tempered(Verdicts(Length(), 2.5), []).threshold == 2.5
