"""The time that is left of a run, with a simulated clock."""

from __future__ import annotations

import pytest

from selfteach.run.display import Display
from selfteach.run.workload import TRAINED_COST, PlannedStage, RemainingTime

PLAN = (
    PlannedStage("load"),
    PlannedStage("ask", requests=10, sampled_tokens=200),  # costs 500
    PlannedStage("train", trained_tokens=50, trained_rows=6),  # costs 600
)


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_said_before_anything_is_known() -> None:
    work = RemainingTime(PLAN, Clock())
    assert (work.position, work.estimate_left_s()) == ("", None)
    work.begin_stage("load")
    assert (work.position, work.estimate_left_s()) == ("1 of 3", None)


def test_the_speed_so_far_gives_the_seconds_that_are_left() -> None:
    clock = Clock()
    work = RemainingTime(PLAN, clock)
    work.begin_stage("ask")
    clock.now = 10.0
    work.count_sampled(5, 100)
    # 250 of 1100 in 10 s: 0.04 s each for the other 850.
    assert work.estimate_left_s() == pytest.approx(34.0)
    clock.now = 14.0
    work.count_sampled(0, 0)  # nothing more is done
    assert work.estimate_left_s() == pytest.approx(30.0), "waiting is a part of what was left"
    clock.now = 1000.0
    assert work.estimate_left_s() == pytest.approx(24.0), "what comes later does not shrink"
    clock.now = 20.0
    work.count_sampled(5, 100)
    work.end_stage("ask")
    assert work.estimate_left_s() == pytest.approx(24.0)
    work.begin_stage("train")
    assert work.position == "3 of 3"
    clock.now = 26.0
    work.count_done(1, 4)
    assert work.estimate_left_s() == pytest.approx((20 + 6) / (500 + 150) * 450)


def test_the_speed_is_that_of_the_requests_and_tokens_that_were_needed() -> None:
    """20 requests of 5 tokens are 20 * 30 + 100 = 700 in 14 s, whatever was planned."""
    clock = Clock()
    work = RemainingTime(PLAN, clock)
    work.begin_stage("ask")
    clock.now = 7.0
    work.count_sampled(10, 50)
    assert work.estimate_left_s() == pytest.approx(7 / 350 * 600), "none of the ten is left"
    clock.now = 14.0
    work.count_sampled(10, 50)
    work.end_stage("ask")
    assert work.estimate_left_s() == pytest.approx(14 / 700 * 600)


def test_a_stage_that_needed_no_request_says_nothing_about_the_speed() -> None:
    clock = Clock()
    plan = (PLAN[1], PlannedStage("search", 10, 200, scored_tokens=500), PLAN[2])
    work = RemainingTime(plan, clock)
    work.begin_stage("ask")
    clock.now = 10.0
    work.count_sampled(10, 200)
    work.end_stage("ask")
    work.begin_stage("search")
    clock.now = 11.0
    work.end_stage("search")
    assert work.estimate_left_s() == pytest.approx(10 / 500 * 600)


def test_answers_of_earlier_attempts_are_neither_work_nor_time() -> None:
    """Nine of ten answers come from the ledger; the tenth takes 2 s for 50 of the costs."""
    clock = Clock()
    work = RemainingTime(PLAN, clock)
    work.begin_stage("ask", spent_s=500.0)
    work.count_recorded(9)
    clock.now = 2.0
    work.count_sampled(1, 20)
    assert work.estimate_left_s() == pytest.approx(2 / 50 * 600), "no answer is left"
    work.end_stage("ask")
    assert work.estimate_left_s() == pytest.approx(2 / 50 * 600)


def test_a_stage_of_recorded_answers_says_nothing_about_the_speed() -> None:
    clock = Clock()
    work = RemainingTime(PLAN, clock)
    work.begin_stage("ask", spent_s=500.0)
    work.count_recorded(10)
    clock.now = 3.0
    work.end_stage("ask")
    assert work.estimate_left_s() is None


def test_a_resumed_training_counts_the_seconds_of_earlier_attempts() -> None:
    clock = Clock()
    work = RemainingTime((PLAN[2], PLAN[1]), clock)
    work.begin_stage("train", spent_s=18.0)
    clock.now = 2.0
    work.count_done(3, 4)
    assert work.estimate_left_s() is None, "it is not known what the earlier attempts did of it"
    clock.now = 6.0
    work.end_stage("train")
    assert work.estimate_left_s() == pytest.approx((18 + 6) / 600 * 500)


def test_a_batch_is_at_work_before_its_first_answer_ends() -> None:
    """Ten answers of 10 to 30 tokens grow together. From the first one's end on the estimate is
    near the 25 s that the stage takes, though that answer, after 20 s, is but 40 of the costs of
    500.
    """
    clock = Clock()
    lengths = [10, 12, 15, 18, 20, 20, 22, 25, 28, 30]
    work = RemainingTime((PlannedStage("ask", requests=10, sampled_tokens=200),), clock)
    work.begin_stage("ask")
    shown = []
    for step in range(1, 31):
        growing = sum(length >= step for length in lengths)
        clock.now += (10 * 30 if step == 1 else 0) / 20 + growing / 20
        work.count_steps(10 if step == 1 else 0, growing)
        ended = [length for length in lengths if length == step]
        work.count_sampled(len(ended), sum(ended))
        if (left := work.estimate_left_s()) is not None:
            shown.append(clock.now + left)
    assert len(shown) == 21, "nothing is estimated before an answer has ended"
    assert clock.now == pytest.approx((300 + 200) / 20)
    assert all(total == pytest.approx(clock.now, rel=0.15) for total in shown), shown


def test_an_unplanned_stage_says_nothing_about_the_speed() -> None:
    clock = Clock()
    work = RemainingTime(PLAN, clock)
    work.begin_stage("ask")
    clock.now = 5.0
    work.count_sampled(10, 200)
    work.end_stage("ask")
    work.begin_stage("review")
    clock.now = 500.0
    work.count_sampled(3, 60)
    work.count_done(3, 4)
    work.end_stage("review")
    assert work.estimate_left_s() == pytest.approx(6.0)
    assert work.position == "2 of 3"


def test_a_plan_is_corrected_until_the_stage_begins() -> None:
    clock = Clock()
    work = RemainingTime(PLAN, clock)
    work.begin_stage("ask")
    clock.now = 5.0
    work.count_sampled(10, 200)
    work.end_stage("ask")
    work.correct_stage(PlannedStage("train", trained_tokens=50))
    assert work.estimate_left_s() == pytest.approx(5 / 500 * 50 * TRAINED_COST)
    work.begin_stage("train")
    work.correct_stage(PlannedStage("train", trained_tokens=100))
    work.correct_stage(PlannedStage("no stage", trained_tokens=100))
    assert work.estimate_left_s() == pytest.approx(5 / 500 * 50 * TRAINED_COST)


def test_the_line_tells_answers_stage_and_minutes(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    display = Display(clock=clock)
    display.work = RemainingTime((PlannedStage("search", requests=100), PLAN[2]), clock)
    display.work.begin_stage("search")
    display.start_stage("search", 8, "found")
    clock.now = 60.0
    display.count_answers(20, sampled=True, tokens=0)
    clock.now = 62.0
    display.count_answers(5, sampled=False)
    printed = capsys.readouterr().err.splitlines()
    assert printed == [
        "[search] 0/8 found; stage 1 of 2",
        "[search] 0/8 found, 20 answers, 60 s; stage 1 of 2, about 5 min left of the run",
    ]
    display.finish()


def test_a_batch_shows_its_tokens_before_its_first_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    display = Display(clock=clock)
    display.start_stage("probe", 40)
    for _ in range(2):
        clock.now += 6.0
        display.count_steps(20, 1000)
    display.advance(8)
    display.finish()
    assert capsys.readouterr().err.splitlines() == [
        "[probe] 0/40 sampled",
        "[probe] 0/40 sampled, 1,000 tokens, 6 s",
        "[probe] 0/40 sampled, 2,000 tokens, 12 s",
        "[probe] 8 sampled, 12 s",
    ]


def test_a_stage_without_a_total_shows_the_answers_that_are_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    display = Display(clock=clock)
    display.start_stage("judge")
    clock.now = 6.0
    display.count_answers(40, sampled=False)
    assert capsys.readouterr().err.splitlines() == ["[judge]", "[judge] 40 answers, 6 s"]
    display.finish()
