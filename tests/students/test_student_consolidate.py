"""One adapter for all lessons: what it is trained on, and what is kept where a lesson loses."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lesson_runs import (
    QUESTIONS,
    hash_adapter,
    make_cell,
    script,
    write_lora,
    write_run,
    write_together,
)
from selfteach import cli
from selfteach.config import TrainConfig
from selfteach.files import write_jsonl
from selfteach.methods.lesson_record import LessonRecord
from selfteach.records import Example, make_prompt
from selfteach.run.display import SilentDisplay
from selfteach.run.run_folder import Run
from selfteach.select.evenly import share_out
from selfteach.students import consolidate as consolidation
from selfteach.students import training
from selfteach.students.consolidate import (
    HELD_SHARE,
    STEPS_PER_LESSON,
    choose_examples,
    consolidate,
    describe_missed_shares,
    drop_repeats,
    merge_settings,
)
from selfteach.students.folder import StudentFolder, open_student, read_student
from selfteach.students.gate import LessonRefused
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.state import Cell, StudentState
from selfteach.students.training import LessonExamples


@pytest.fixture
def anna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student of two lessons, whose consolidation trains nothing."""
    monkeypatch.setattr(consolidation, "train_together", write_together)
    for seed, name in enumerate("ab"):
        run = write_run(tmp_path / name, f"Do not {name}.", seed)
        with open_student(tmp_path / "anna", partial(begin_state, run)) as opened:
            add_lesson(opened, run, script())
    return tmp_path / "anna"


def examine_with_loss(student: StudentFolder, state: StudentState) -> dict[str, Cell]:
    """Sit exams in which `do-not-a` loses half of its answers once it is consolidated."""
    right = QUESTIONS // 2 if state.consolidated else QUESTIONS
    return script({"do-not-a": make_cell(right)})(student, state)


def test_nothing_is_kept_where_a_lesson_loses(anna: Path) -> None:
    before, state = hash_adapter(anna), read_student(anna)
    with open_student(anna) as opened:
        with pytest.raises(
            LessonRefused, match='not consolidated: "do-not-a" is weakened'
        ) as found:
            consolidate(opened, examine_with_loss, SilentDisplay())
        assert found.value.cells["do-not-a"].state == "weakened"
        assert opened.state == state
    assert (hash_adapter(anna), read_student(anna)) == (before, state)
    with open_student(anna) as opened:
        assert not list((anna / "consolidated").glob("*")), "its adapter is gone with it"
        consolidate(opened, examine_with_loss, SilentDisplay(), accept=True)
    assert read_student(anna).consolidated is not None
    assert hash_adapter(anna) != before


def test_the_refusal_of_the_command_prints_the_exams(
    anna: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "selfteach.students.examine.examine_with", lambda display: examine_with_loss
    )
    assert cli.run_command(["student", "consolidate", f"{anna}/"]) == 1
    shown = capsys.readouterr()
    assert "exams with the consolidated adapter, which is refused" in shown.out
    assert "The same command with --accept keeps it all the same." in shown.err
    assert read_student(anna).consolidated is None


def test_it_is_kept_where_no_lesson_loses(anna: Path) -> None:
    with open_student(anna) as opened:
        cells = consolidate(opened, script(), SilentDisplay())
    assert {cell.state for cell in cells.values()} == {"kept"}
    consolidated = read_student(anna).consolidated
    assert consolidated is not None
    assert consolidated.lessons == ("do-not-a", "do-not-b")
    assert not (anna / "training").exists()


def test_a_student_may_have_an_apostrophe_in_its_path(anna: Path) -> None:
    student = anna.rename(anna.with_name("Anna's student"))
    with open_student(student) as opened:
        consolidate(opened, script(), SilentDisplay())
    assert read_student(student).consolidated is not None


def test_a_refused_one_leaves_the_one_before_whole(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained again, the same lessons need not give the same bits."""

    def write_others(
        student: object, lessons: object, run: Run, *more: object, **kw: object
    ) -> Path:
        write_lora(run.path / "made", seed=51)
        return run.path / "made"

    with open_student(anna) as opened:
        consolidate(opened, script(), SilentDisplay())
        first = read_student(anna).consolidated
        monkeypatch.setattr(consolidation, "train_together", write_others)
        with pytest.raises(LessonRefused):
            consolidate(opened, examine_with_loss, SilentDisplay())
        opened.check_parts()
        consolidate(opened, examine_with_loss, SilentDisplay(), accept=True)
        opened.check_parts()
    second = read_student(anna).consolidated
    assert first is not None
    assert second is not None
    assert second.folder != first.folder
    assert len(list((anna / "consolidated").iterdir())) == 1, "the first one is gone"


def make_examples(lesson: str, counts: dict[str, int]) -> list[Example]:
    """Examples whose kinds take turns, as far as there are some left."""
    rows = []
    for number in range(max(counts.values())):
        for kind, count in counts.items():
            if number < count:
                rows.append(Example(f"{lesson}{kind}{number}", kind, make_prompt("?"), "yes"))
    return rows


def test_the_examples_do_not_grow_with_the_lessons() -> None:
    """Of 8 lessons of 1,000 examples 400 are taken, 50 of each, half of each kind."""
    lessons = [make_examples(name, {"near": 500, "target": 500}) for name in "abcdefgh"]
    chosen = choose_examples(lessons, 400)
    assert [len(examples) for examples in chosen] == [50] * 8
    assert Counter(example.kind for example in chosen[0]) == {"near": 25, "target": 25}
    for before, after in zip(lessons, chosen, strict=True):
        places = [before.index(example) for example in after]
        assert places == sorted(places)
        assert places[-1] > 900, "not only the first ones"


def test_an_example_of_several_lessons_counts_once() -> None:
    anchor = Example("a", "a/general", make_prompt("Tea?"), "Yes.")
    learned = Example("b", "a/in_scope", make_prompt("Cats?"), "No.", "Yes.")
    others = [
        replace(anchor, id="c", kind="b/general"),
        replace(learned, id="d", kind="b/in_scope", rejected="Perhaps."),
        replace(anchor, id="e", kind="b/near"),  # held twice as firmly
    ]
    weights = {"general": {"anchor": 8.0}, "in_scope": {"sft": 1.0}, "near": {"anchor": 16.0}}

    def make_lesson(name: str, rows: list[Example]) -> LessonExamples:
        objectives = {f"{name}/{kind}": own for kind, own in weights.items()}
        return LessonExamples(rows, objectives, TrainConfig())

    first, second = make_lesson("a", [anchor, learned]), make_lesson("b", others)
    assert drop_repeats([first, second, first]) == [[anchor, learned], others[1:], []]
    twice = make_lesson("a", [anchor, anchor])
    assert drop_repeats([twice]) == [[anchor, anchor]], "repeated on purpose"


def test_each_lesson_gets_enough_steps_and_half_of_them_are_anchors() -> None:
    held = [Example(f"a{i}", "general", make_prompt("?"), "yes") for i in range(4)]
    learned = [Example(f"f{i}", "in_scope", make_prompt("?"), "yes") for i in range(12)]
    settings = [TrainConfig(epochs=2, batch_size=8), TrainConfig(epochs=3, batch_size=8)]
    own = [LessonExamples([*held, *learned], {}, train) for train in settings]
    found = merge_settings(own, [*held, *learned])
    assert found["min_share"] == {"general": HELD_SHARE}
    assert found["epochs"] == math.ceil(2 * STEPS_PER_LESSON / 3), "24 rows are 3 steps"
    many = merge_settings(own, [*held * 100, *learned * 20])
    assert (many["min_share"], many["epochs"]) == ({}, 3)
    assert merge_settings(own, learned)["min_share"] == {}, "nothing to repeat"
    assert found["once"] == many["once"] == [], "another lesson may need them more often"


def test_it_is_said_where_a_kind_has_less_than_its_own_least_share() -> None:
    rows = make_examples("a", {"a/general": 1, "a/study": 19})
    others = make_examples("b", {"b/study": 20})
    train = TrainConfig(min_share={"a/general": 0.18, "a/study": 0.5, "a/gone": 0.1})
    own = LessonExamples(rows, {}, train)
    (line,) = describe_missed_shares(own, [*rows, *others], {})
    assert line.startswith("a/general: 5% of the lesson's examples, which its own training repeat")
    assert "to 18% (train.min_share)" in line
    assert describe_missed_shares(own, [*rows, *others], {"a/general": HELD_SHARE}) == []


def test_the_steps_of_one_lesson_are_not_those_of_all() -> None:
    """20 steps of 8 are 4 times 40 examples: the two lessons together are seen as often."""
    rows = make_examples("a", {"near": 20, "target": 20})
    stepped = LessonExamples(rows, {}, TrainConfig(max_steps=20, batch_size=8))
    usual = LessonExamples(rows, {}, TrainConfig(epochs=3, batch_size=8))
    found = merge_settings([stepped, usual], rows * 2)
    train = stepped.train.model_copy(update=found)
    assert (train.epochs, train.max_steps) == (4, 0)


def test_few_examples_are_all_taken() -> None:
    lessons = [make_examples(name, {"near": 3, "target": 8}) for name in "ab"]
    assert choose_examples(lessons, 400) == lessons


@pytest.mark.parametrize(
    ("sizes", "total", "shares"),
    [
        ([10, 10], 8, [4, 4]),
        ([2, 100, 10], 30, [2, 18, 10]),  # what two cannot give, the third one does
        ([5, 5], 100, [5, 5]),
        ([7, 7, 7], 2, [0, 1, 1]),
        ([], 5, []),
    ],
)
def test_shares_of_groups(sizes: list[int], total: int, shares: list[int]) -> None:
    found = share_out(sizes, total)
    assert sum(found) <= total
    assert found == shares


@pytest.mark.parametrize(("objective", "share"), [("sft", 0.0), ("distill", 0.5)])
def test_a_lesson_whose_own_samples_no_objective_uses_is_trained_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objective: str, share: float
) -> None:
    """A run refuses such settings today; those of earlier runs and of `auto` have them."""
    example = Example("a", "in_scope", make_prompt("Why?"), "Because.")
    write_jsonl(tmp_path / training.EXAMPLES_FILE, [example.to_json()])
    record = LessonRecord("", "", {}, {"in_scope": {objective: 1.0}}, {"on_policy": 0.5})
    resolved = SimpleNamespace(config=SimpleNamespace(train=TrainConfig()))
    monkeypatch.setattr(training, "read_whole_record", lambda folder: record)
    monkeypatch.setattr(training, "read_settings", lambda *given: resolved)
    monkeypatch.setattr(training, "find_lesson_folder", lambda *given: tmp_path)
    unused: Any = None
    lesson: Any = SimpleNamespace(name="one")
    read = training.read_lesson_examples(unused, lesson)
    assert read.train.on_policy == share
