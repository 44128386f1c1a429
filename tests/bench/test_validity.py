"""Tasks that a person judges by reading: what is drawn, and what is summed up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench.validity import QUESTIONS, draw_tasks, main, sum_up

from selfteach.errors import DataError, UsageError
from selfteach.materials.tasks import Instance, Task


def make_tasks(count: int) -> list[Task]:
    return [
        Task(f"t:{n}", f"Add {n} and one.", (Instance("", f"{n + 1}"), Instance("x", f"{n}")))
        for n in range(count)
    ]


def make_filled(*yes: str) -> dict[str, Any]:
    return {name: "yes" if name in yes else "no" for name in QUESTIONS}


def test_tasks_are_drawn_at_random_with_empty_answers() -> None:
    rows = draw_tasks([*make_tasks(40), Task("t:x", "No instance.")], 20, seed=0)
    assert len({row["id"] for row in rows}) == 20
    assert all(row[name] == "" for row in rows for name in QUESTIONS)
    assert [row["id"] for row in rows] != [task.id for task in make_tasks(20)]
    assert {row["input"] for row in rows} == {"", "x"}
    assert rows == draw_tasks(make_tasks(40), 20, seed=0)
    assert rows != draw_tasks(make_tasks(40), 20, seed=1)
    with pytest.raises(UsageError, match="40 tasks with an instance, fewer than 41"):
        draw_tasks(make_tasks(40), 41, seed=0)


def test_shares_have_the_intervals_of_wilson() -> None:
    """Of four tasks three are tasks, and one is valid in all three fields: .25 [.046, .699]. The
    form and the part do not count for that.
    """
    rows = [
        make_filled("valid_task", "fitting_input", "right_output"),
        make_filled("valid_task", "fitting_input", "right_form", "partly_right"),
        make_filled("valid_task", "right_output"),
        make_filled("fitting_input"),
    ]
    found = sum_up(rows)
    assert [found[name].value for name in QUESTIONS] == [0.75, 0.75, 0.5, 0.25, 0.25]
    whole = found["all_valid"]
    assert (whole.value, whole.n) == (0.25, 4)
    assert (whole.low, whole.high) == pytest.approx((0.0456, 0.6994), abs=1e-3)


@pytest.mark.parametrize("word", ["", "perhaps"])
def test_a_field_that_is_not_filled_in_is_named(word: str) -> None:
    rows = [make_filled(), make_filled() | {"right_form": word}]
    with pytest.raises(DataError, match=r'drawn:2: "right_form" is'):
        sum_up(rows, "drawn")
    with pytest.raises(DataError, match="no rows"):
        sum_up([])


def test_from_a_run_to_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    lines = [json.dumps(task.to_json()) for task in make_tasks(12)]
    (run / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    out = tmp_path / "drawn.jsonl"
    assert main(["draw", str(run), str(out), "--tasks", "10"]) == {"tasks": 10, "of": 12}
    assert capsys.readouterr().out.startswith("valid_task: ")
    with pytest.raises(UsageError, match="is there already"):
        main(["draw", str(run), str(out), "--tasks", "10"])
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    filled = [row | dict.fromkeys(QUESTIONS, " Yes ") for row in rows]
    out.write_text("".join(json.dumps(row) + "\n" for row in filled))
    assert main(["sum", str(out)])["all_valid"]["value"] == 1.0
