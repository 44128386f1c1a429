"""Calibration: which judge is taken, and that none is taken where none is good enough."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from selfteach.errors import DataError, EndpointError, TooManyFailures
from selfteach.judge import AnyJudge, PromptAnswer, ThresholdJudge
from selfteach.judge.calibrate import (
    CalibratedJudge,
    _choose_spaced_indices,
    _describe_candidate,
    calibrate_judges,
)
from selfteach.models.remote.retry import NoLogprobs
from selfteach.records import Measure

N = 20
LABELLED: list[tuple[PromptAnswer, bool]] = [((f"p{i}", f"a{i}"), i < N) for i in range(2 * N)]
"""The first twenty are broken."""


class Fixed:
    """A judge that is right about all but `wrong` of the broken answers, which it takes for kept
    ones.
    """

    def __init__(self, name: str, wrong: int, sign: float = 1.0) -> None:
        self.name = name
        self.wrong = wrong
        self.sign = sign
        self.asked = 0

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        self.asked += len(pairs)
        return [self.sign * float(self.wrong <= int(text[1:]) < N) for _, text in pairs]


def test_what_people_can_read_decides_where_it_is_good_enough() -> None:
    """14 of 20 found is AUROC .85."""
    verdicts, best, report = calibrate_judges(
        [Fixed("check", 6), Fixed("perfect", 0)], LABELLED, 0.75, "check"
    )
    assert verdicts is not None
    assert best is not None
    assert verdicts.name == report["chosen"] == "check"
    assert best.name == report["best"] == "perfect"
    assert [c["auroc"]["value"] for c in report["candidates"]] == [pytest.approx(0.85), 1.0]


@pytest.mark.parametrize(("readable", "wrong"), [("check", 12), ("", 1)])
def test_otherwise_the_best_one_decides(readable: str, wrong: int) -> None:
    verdicts, _, report = calibrate_judges(
        [Fixed("check", wrong), Fixed("perfect", 0)], LABELLED, 0.75, readable
    )
    assert verdicts is not None
    assert verdicts.name == report["chosen"] == "perfect"


def test_the_threshold_is_where_the_labels_part() -> None:
    verdicts, *_ = calibrate_judges([Fixed("perfect", 0)], LABELLED, 0.75)
    assert verdicts is not None
    assert verdicts.threshold == 0.5
    assert verdicts.broken([pair for pair, _ in LABELLED]) == [label for _, label in LABELLED]


@pytest.mark.parametrize(
    "judge", [Fixed("blind", N), Fixed("wrong way round", 0, -1.0), Fixed("weak", 14)]
)
def test_where_none_is_good_enough_none_is_taken(judge: Fixed) -> None:
    verdicts, best, report = calibrate_judges([judge], LABELLED, 0.75)
    assert verdicts is None
    assert best is None
    assert report["chosen"] == ""
    assert judge.name in report["reason"]
    assert not report["candidates"][0]["usable"]


class Lost(Fixed):
    """Right about all, but for the last answers it lost its scores."""

    def __init__(self, name: str, wrong: int, count: int) -> None:
        super().__init__(name, wrong)
        self.count = count

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        return [*super().values(pairs)[: -self.count], *[math.inf] * self.count]


class Mute(Fixed):
    """A server that can be asked, and gives nothing to judge by."""

    def __init__(self, name: str, fault: Exception) -> None:
        super().__init__(name, 0)
        self.fault = fault

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        raise self.fault


def test_a_candidate_that_cannot_judge_is_left_out_with_its_reason() -> None:
    others = [
        Lost("lost", 0, count=5),
        Mute("mute", NoLogprobs("gives none.")),
        Mute("deaf", TooManyFailures("9 of 9 requests failed.")),
    ]
    verdicts, _, report = calibrate_judges([*others, Fixed("weaker", 4)], LABELLED, 0.75)
    assert verdicts is not None
    assert verdicts.name == "weaker"
    assert [(row["name"], row["reason"]) for row in report["left_out"]] == [
        ("lost", "it gave no verdict on 5 of 40 answers"),
        ("mute", "gives none"),
        ("deaf", "9 of 9 requests failed"),
    ]
    verdicts, best, report = calibrate_judges(others, LABELLED, 0.75)
    assert (verdicts, best, report["candidates"]) == (None, None, [])
    assert "mute: gives none" in report["reason"]


def test_any_other_fault_of_an_endpoint_is_raised() -> None:
    with pytest.raises(EndpointError, match="refuses the key"):
        calibrate_judges(
            [Mute("teacher", EndpointError("refuses the key")), Fixed("perfect", 0)], LABELLED, 0.75
        )


def test_a_judge_at_chance_is_marked() -> None:
    *_, report = calibrate_judges([Fixed("blind", N), Fixed("perfect", 0)], LABELLED, 0.75)
    assert [c["note"] for c in report["candidates"]] == ["at chance", ""]


@pytest.mark.parametrize("labelled", [LABELLED[:N], LABELLED[N:], []])
def test_labels_of_one_kind_are_refused(labelled: list[tuple[PromptAnswer, bool]]) -> None:
    with pytest.raises(DataError, match="--check"):
        calibrate_judges([Fixed("perfect", 0)], labelled, 0.75)


def test_the_report_shows_examples_with_every_judges_value() -> None:
    *_, report = calibrate_judges([Fixed("a", 0), Fixed("b", 3)], LABELLED, 0.75)
    assert {e["label"] for e in report["examples"]} == {True, False}
    assert all(set(e["values"]) == {"a", "b"} for e in report["examples"])


def test_one_of_several_verdicts_is_enough() -> None:
    check = Fixed("check", 18)
    judge = Fixed("judge", 0)
    union = AnyJudge((ThresholdJudge(check, 0.5), ThresholdJudge(judge, 0.5)))
    assert union.broken([pair for pair, _ in LABELLED]) == [label for _, label in LABELLED]
    assert (check.asked, judge.asked) == (2 * N, 2 * N - 2)


def test_a_verdict_is_strictly_above_the_threshold() -> None:
    assert ThresholdJudge(Fixed("j", 0), 1.0).broken([("", "a0")]) == [False]
    assert ThresholdJudge(Fixed("j", 0), 0.99).broken([("", "a0"), ("", "a30")]) == [True, False]


def test_the_readable_one_decides_from_the_least_auroc_on() -> None:
    """14 of 20 found is AUROC .85: at least .85 it decides; above that the best one does."""
    for least, name in ((0.85, "check"), (0.8500001, "perfect")):
        judges = [Fixed("check", 6), Fixed("perfect", 0)]
        verdicts, _, report = calibrate_judges(judges, LABELLED, least, "check")
        assert verdicts is not None
        assert verdicts.name == name
        assert [row["usable"] for row in report["candidates"]] == [name == "check", True]


def test_exactly_the_least_auroc_is_enough() -> None:
    verdicts, best, report = calibrate_judges([Fixed("check", 6)], LABELLED, 0.85)
    assert verdicts is not None
    assert best is not None
    assert report["reason"] == "the best of 1 candidates: AUROC 0.85"
    verdicts, best, report = calibrate_judges([Fixed("check", 6)], LABELLED, 0.86)
    assert (verdicts, best) == (None, None)
    assert report["reason"] == ("no candidate reaches an AUROC of 0.86; the best, check, has 0.85")
    assert (report["chosen"], report["best"]) == ("", "check")


def test_the_reason_names_who_decides_and_who_is_best() -> None:
    judges = [Fixed("check", 6), Fixed("perfect", 0), Fixed("weak", 10)]
    *_, report = calibrate_judges(judges, LABELLED, 0.75, "check")
    assert report["reason"] == ("which people can read: AUROC 0.85; the best, perfect, has 1.00")
    *_, report = calibrate_judges(judges, LABELLED, 0.75)
    assert report["reason"] == "the best of 3 candidates: AUROC 1.00"


def test_the_report_holds_the_numbers_of_each_candidate() -> None:
    *_, report = calibrate_judges([Fixed("check", 6), Fixed("perfect", 0)], LABELLED, 0.75)
    first, second = report["candidates"]
    assert (first["name"], second["name"]) == ("check", "perfect")
    assert first["auroc"]["value"] == pytest.approx(0.85)
    assert 0.6 < first["auroc"]["low"] < 0.85 < first["auroc"]["high"] < 1
    assert first["auroc"]["n"] == second["auroc"]["n"] == 2 * N
    assert (first["threshold"], second["threshold"]) == (0.5, 0.5)
    assert report["left_out"] == []


class Graded(Fixed):
    """A judge whose values are known to many digits."""

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        return [1 / (3 + int(text[1:])) for _, text in pairs]


def test_ten_examples_are_spread_over_all_answers() -> None:
    *_, report = calibrate_judges([Graded("graded", 0)], LABELLED, 0.75)
    places = [0, 4, 9, 13, 17, 22, 26, 30, 35, 39]
    assert [row["text"] for row in report["examples"]] == [f"a{place}" for place in places]
    assert [row["label"] for row in report["examples"]] == [place < N for place in places]
    values = [row["values"]["graded"] for row in report["examples"]]
    assert values == [round(1 / (3 + place), 3) for place in places]


@pytest.mark.parametrize(
    ("length", "count", "places"),
    [
        (10, 10, list(range(10))),
        (11, 10, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]),
        (5, 1, [0]),
        (5, 2, [0, 4]),
        (1, 10, [0]),
        (3, 10, [0, 1, 2]),
        (0, 10, []),
    ],
)
def test_examples_are_spread_from_the_first_to_the_last(
    length: int, count: int, places: list[int]
) -> None:
    assert _choose_spaced_indices(length, count) == places


def test_a_judge_without_any_verdict_counts_its_losses() -> None:
    class Blank(Fixed):
        def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
            return [math.nan, -math.inf] * 3 + super().values(pairs)[6:]

    *_, report = calibrate_judges([Blank("blank", 0), Lost("lost", 0, 5)], LABELLED, 0.75)
    assert [row["reason"] for row in report["left_out"]] == [
        "it gave no verdict on 6 of 40 answers",
        "it gave no verdict on 5 of 40 answers",
    ]
    assert report["reason"] == (
        "blank: it gave no verdict on 6 of 40 answers; lost: it gave no verdict on 5 of 40 answers"
    )
    assert (report["chosen"], report["best"], report["examples"]) == ("", "", [])


def test_a_few_lost_verdicts_do_not_cost_a_judge() -> None:
    """4 of 40 are the most; the answer without a verdict is not shown with a value."""
    verdicts, _, report = calibrate_judges([Lost("lost", 0, count=4)], LABELLED, 0.75)
    assert verdicts is not None
    (candidate,) = report["candidates"]
    assert (candidate["auroc"]["value"], candidate["auroc"]["n"]) == (1.0, 36)
    assert [row["values"] for row in report["examples"]][-1] == {}
    assert all(math.isfinite(v) for row in report["examples"] for v in row["values"].values())


def test_a_judge_is_at_chance_where_its_interval_holds_one_half() -> None:
    """One of 20 found is AUROC .525 with an interval from .5 on; six are clearly above chance."""
    *_, report = calibrate_judges([Fixed("hardly", N - 1), Fixed("some", N - 6)], LABELLED, 0.75)
    assert [row["note"] for row in report["candidates"]] == ["at chance", ""]
    *_, report = calibrate_judges([Fixed("wrong way round", 0, -1.0)], LABELLED, 0.75)
    assert report["candidates"][0]["note"] == ""


@pytest.mark.parametrize(
    ("low", "high", "note"),
    [
        (0.4, 0.6, "at chance"),
        (0.5, 0.7, "at chance"),
        (0.3, 0.5, "at chance"),
        (0.51, 0.7, ""),
        (0.3, 0.49, ""),
    ],
)
def test_the_bounds_of_an_interval_belong_to_it(low: float, high: float, note: str) -> None:
    measure = Measure((low + high) / 2, low, high, 40)
    row = _describe_candidate(CalibratedJudge(Fixed("judge", 0), measure, 0.5, ()), 0.75)
    assert (row["note"], row["usable"]) == (note, False)
