"""The measurement of serving beside teaching: its rounds, and what it makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.kept_lines import open_lines

from bench import serve_while_teaching as bench
from job_programs import PROGRAM, let_go
from lesson_runs import write_student
from selfteach.serve.model_set import ModelSet, ServedStudent
from selfteach.serve.teaching import Teaching

RULE = "Do not mention bread."


@pytest.fixture
def teaching(tiny: Path, tmp_path: Path) -> Iterator[Teaching]:
    """A served student whose jobs end when they are let go."""
    anna = write_student(tiny, tmp_path)
    models = ModelSet.open(str(tiny), tiny, 4, lambda line: None)
    student = ServedStudent(anna, models)
    student.refresh()
    found = Teaching(student, program=PROGRAM)
    found.start()
    yield found
    found.close()
    models.engine.close()


@pytest.mark.slow
def test_rounds_before_while_and_after_a_lesson_is_taught(
    teaching: Teaching, tmp_path: Path
) -> None:
    """The first round warms up. The job ends within the sixth one, which does not count either."""
    file = tmp_path / "rounds.jsonl"
    open_lines(file, {})
    rates: list[float] = []

    def ask() -> dict[str, float]:
        rates.append(10.0 + len(rates))
        if len(rates) == 6:
            let_go(teaching.folder, "refused")
            (job,) = teaching.book.list_jobs()
            while teaching.book.find(job.id).state == "running":
                pass
        return {"tokens/s": rates[-1]}

    job = bench.measure(teaching, RULE, ask, 0.0, file)
    assert (job.state, job.title) == ("refused", RULE)
    rounds = bench.read_rounds(file)
    stages = [row["stage"] for row in rounds]
    assert stages[:2] == ["before"] * 2
    assert set(stages[2:4]) <= {"starting", "probe"}
    assert stages[4:] == ["after"] * 2
    assert [row["tokens/s"] for row in rounds] == [11.0, 12.0, 13.0, 14.0, 16.0, 17.0]
    again = bench.measure(teaching, RULE, pytest.fail, 0.0, file)
    assert (again.id, bench.read_rounds(file)) == (job.id, rounds), "nothing is measured twice"


def test_what_is_kept_is_a_share_of_the_rate_without_teaching() -> None:
    """Without: 20. While taught: 5 and 20, whose mean over equal rounds is 2 / (1/5 + 1/20) = 8."""
    rates = [("before", 20.0), ("probe", 5.0), ("train", 20.0), ("after", 20.0)]
    found = bench.summarize([{"stage": stage, "tokens/s": rate} for stage, rate in rates])
    assert found["kept"] == 0.4
    assert found["kept in the worst round"] == 0.25
    assert found["kept by stage"] == {"probe": 0.25, "train": 1.0}
    assert "kept" not in bench.summarize([])


def test_the_stage_is_that_of_the_newest_line_with_one() -> None:
    log = ["[probe] 4/4 sampled", "[train] 1/9 steps", "selfteach: a note"]
    assert bench.find_stage(log) == "train"
    assert bench.find_stage(["selfteach: a note"]) == "starting"
