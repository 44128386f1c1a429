"""The measurement of lessons that live together: its table, and a toy that takes every way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from bench import students
from talker import feedback_command, run_json


def make_row(how: str, lesson: str, score: float, **more: Any) -> students.Row:
    row = {"how": how, "lesson": lesson, "base": 0.5, "score": score, "verdict": "taught"}
    return row | {"needless": 0.1, "near": 1.0, "kl_nats": 0.01} | more


def test_the_table_compares_each_lesson_with_itself_alone() -> None:
    """a keeps .9 / .9 and b .4 / .8 = 50 %, below its base of .5; needless .15 - .1 = 5 points."""
    rows = [
        make_row("alone", "a", 0.9),
        make_row("stacked", "a", 0.9, needless=0.15, near=0.9),
        make_row("alone", "b", 0.8, near=None),
        make_row("stacked", "b", 0.4, near=None, kl_nats=0.02),
    ]
    table = list(students.iterate_table(rows))
    assert [(row["how"], row["lesson"]) for row in table] == [
        ("alone", "a"),
        ("alone", "b"),
        ("alone", "worst"),
        ("stacked", "a"),
        ("stacked", "b"),
        ("stacked", "worst"),
    ]
    assert table[3]["of alone"] == 1.0
    assert table[4]["less near"] is None
    worst = students.format_row(table[-1])
    assert worst == (
        "| stacked | worst |  | 40% | 50% | 15.0% | +5.0% | 90% | +10.0% | 0.0200 | "
        "1 below the base |"
    )


def test_the_arrangements_of_two_orders() -> None:
    orders = [[0, 1, 2], [2, 1, 0]]
    found = students.list_arrangements(orders, each_step=True, beside=True, consolidated=True)
    assert [(own.name, own.student, list(own.order)) for own in found] == [
        ("stacked, order 1, 2 lessons", "stacked", [0, 1]),
        ("stacked, order 1, 3 lessons", "stacked", [0, 1, 2]),
        ("stacked, order 2, 2 lessons", "stacked", [2, 1]),
        ("stacked, order 2, 3 lessons", "stacked", [2, 1, 0]),
        ("beside, order 1", "beside-1", [0, 1, 2]),
        ("beside, order 2", "beside-2", [2, 1, 0]),
        ("consolidated", "stacked", [0, 1, 2]),
    ]


def test_another_order_of_the_same_number_is_not_mixed_with_the_first(tmp_path: Path) -> None:
    runs = [Path("runs/a"), Path("runs/b")]

    def note(*orders: list[int]) -> None:
        ways = students.list_arrangements(orders, each_step=False, beside=True, consolidated=False)
        students.note_orders(runs, ways, tmp_path)

    note([0, 1])
    note([0, 1], [1, 0])
    with pytest.raises(SystemExit, match="'stacked, order 1, 2 lessons' of a, b; name another"):
        note([1, 0])


@pytest.mark.parametrize("text", ["1,2", "1,2,2", "0,1,2", "1,2,x"])
def test_an_order_names_each_run_once(text: str) -> None:
    with pytest.raises(ValueError, match=r"name each|invalid literal"):
        students.read_order(text, 3)
    assert students.read_order("3,1,2", 3) == [2, 0, 1]


@pytest.mark.slow
@pytest.mark.training
def test_two_toy_rules_in_every_way_and_again_without_work(
    talker: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = []
    for word in ("fox", "honey"):
        run = tmp_path / word
        rule = f"Do not mention {word}."
        command = feedback_command(talker, run, rule=rule, check=f'not contains "{word}"')
        assert run_json(command)[0] == 0
        runs.append(str(run))
    words = [*runs, "--out", str(tmp_path / "out"), "--order", "1,2", "--order", "2,1"]
    words += ["--beside", "--consolidate"]
    monkeypatch.setattr(sys, "argv", ["students", *words])
    students.main()
    table = capsys.readouterr().out.partition(students.HEAD)[2]
    ways = ["alone", "stacked, order 1, 2 lessons", "stacked, order 2, 2 lessons"]
    ways += ["beside, order 1", "beside, order 2", "consolidated"]
    lines = table.strip().splitlines()
    assert [line.split(" | ")[0] for line in lines] == [f"| {way}" for way in ways for _ in "abw"]

    def refuse(*given: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(students, "sit_exam_again", refuse)
    monkeypatch.setattr(students, "train_beside", refuse)
    monkeypatch.setattr(students, "consolidate", refuse)
    students.main()
    assert capsys.readouterr().out.partition(students.HEAD)[2] == table
