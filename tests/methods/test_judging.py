"""Who decides: what a judge is calibrated on, and the threshold of the lessons' judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from selfteach.judge import Answered, Verdicts
from selfteach.methods.judging import tempered
from talker import lesson, opened, said


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


def test_no_judge_is_calibrated_on_a_prompt_of_the_exam(talker: Path, tmp_path: Path) -> None:
    few = ("--set", "judge.min_auroc=0", "--set", "train.max_steps=1", "--set", "exam.target=10")
    assert said(lesson(talker, tmp_path / "run", *few, check=""))[0] == 0
    with opened(tmp_path / "run") as ledger:
        bodies = [json.loads(body) for (body,) in ledger._db.execute("SELECT body FROM requests WHERE stage = 'calibrate'")]
    calibrated = {body["prompt"][-1]["content"] for body in bodies}
    exam = {row["prompt"] for row in json.loads((tmp_path / "run" / "exam.json").read_text())["answers"]}
    assert calibrated
    assert exam
    assert not calibrated & exam
