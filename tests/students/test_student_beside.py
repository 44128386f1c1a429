"""Lessons that are trained beside others: what they carry, and how that is taken back."""

from __future__ import annotations

import io
import json
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest

from lesson_runs import (
    hash_adapter,
    hash_file,
    make_cell,
    script,
    write_beside,
    write_lora,
    write_run,
)
from margins import assert_at_least
from selfteach import cli
from selfteach import open_student as open_from_python
from selfteach.errors import IntegrityError, UsageError
from selfteach.models.hf import HfModel
from selfteach.records import Example, make_prompt
from selfteach.run.display import SilentDisplay
from selfteach.run.run_folder import Run
from selfteach.students import beside
from selfteach.students.beside import (
    choose_anchors,
    list_seen,
    restore_alone,
    retrain_beside,
    train_beside,
)
from selfteach.students.folder import open_student, read_student
from selfteach.students.gate import LessonRefused
from selfteach.students.lessons import add_lesson, begin_state, sit_exams
from selfteach.students.state import Beside, Lesson, StudentState, Trace
from selfteach.students.take_back import remove_lesson, switch_lessons
from talker import feedback_command, run_json

pytestmark = pytest.mark.long

TENSORS = "adapter/adapter_model.safetensors"


@pytest.fixture
def anna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student of three lessons; the last one was trained beside the first two."""
    monkeypatch.setattr(beside, "train_beside", write_beside)
    student = tmp_path / "anna"
    for seed, name in enumerate("abc"):
        run = write_run(tmp_path / name, f"Do not {name}.", seed)
        with open_student(student, partial(begin_state, run)) as opened:
            train = write_beside if name == "c" else None
            add_lesson(opened, run, script(), beside=train)
    return student


def test_the_adapter_trained_beside_counts_and_the_one_trained_alone_stays(anna: Path) -> None:
    state = read_student(anna)
    lesson = state.find_lesson("do-not-c")
    assert lesson.beside is not None
    assert [trace.name for trace in lesson.beside.lessons] == ["do-not-a", "do-not-b"]
    assert state.list_part_sums()[-1] == lesson.beside.adapter_sum != lesson.adapter_sum
    assert hash_file(anna / "lessons/do-not-c" / TENSORS) == lesson.adapter_sum
    described = open_from_python(anna).describe()
    assert described["lessons"][2]["beside"] == ["do-not-a", "do-not-b"]
    assert "trained beside do-not-a, do-not-b" in (anna / "report.html").read_text()


def test_a_removed_lesson_leaves_traces_that_are_named(
    anna: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["student", "remove", str(anna), "do-not-a"]) == 0
    shown = capfd.readouterr()
    assert "do-not-c was trained beside do-not-a and carries traces of it" in shown.err
    assert "carries traces of do-not-a: selfteach student retrain" in shown.out
    found = open_from_python(anna).describe()
    assert [row["traces_of"] for row in found["lessons"]] == [[], ["do-not-a"]]
    assert "carries traces of do-not-a" in (anna / "report.html").read_text()


def test_nothing_is_named_where_nothing_was_trained_beside(
    anna: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["student", "remove", str(anna), "do-not-c"]) == 0
    assert "traces" not in capfd.readouterr().err
    assert not list((anna / "beside").iterdir()), "its adapter is gone with it"


def test_alone_again_is_the_same_bits_as_if_the_other_had_never_been_taught(
    anna: Path, tmp_path: Path
) -> None:
    never = tmp_path / "never"
    for name in "bc":
        with open_student(never, partial(begin_state, tmp_path / name)) as opened:
            add_lesson(opened, tmp_path / name, script())
    with open_student(anna) as opened:
        remove_lesson(opened, "do-not-a")
        assert hash_adapter(anna) != hash_adapter(never)
        restore_alone(opened, "do-not-c")
    assert hash_adapter(anna) == hash_adapter(never)
    assert not list((anna / "beside").iterdir())


@pytest.mark.parametrize(("typed", "left"), [("y\n", ["do-not-b"]), ("n\n", None)])
def test_a_person_is_offered_to_retrain(
    anna: Path, monkeypatch: pytest.MonkeyPatch, typed: str, left: list[str] | None
) -> None:
    """It is trained again beside what is left; the exams are scripted."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("selfteach.students.examine.examine_with", lambda display: script())
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    asked = Terminal()
    monkeypatch.setattr(sys, "stderr", asked)
    assert cli.run_command(["student", "remove", str(anna), "do-not-a"]) == 0
    assert "Retrain do-not-c now?" in asked.getvalue()
    state = read_student(anna)
    lesson = state.find_lesson("do-not-c")
    assert lesson.beside is not None
    if left is None:
        assert state.list_traces(lesson) == ["do-not-a"]
    else:
        assert [trace.name for trace in lesson.beside.lessons] == left


def test_retrain_of_the_last_one_left_takes_the_one_trained_alone(
    anna: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("selfteach.students.examine.examine_with", lambda display: script())
    command = ["student", "remove", str(anna)]
    assert cli.run_command([*command, "do-not-a"]) == 0
    assert cli.run_command([*command, "do-not-b", "--retrain"]) == 0
    assert hash_adapter(anna) == hash_file(tmp_path / "c" / TENSORS)


def test_traces_are_carried_on_by_what_is_trained_beside_a_carrier(
    anna: Path, tmp_path: Path
) -> None:
    with open_student(anna) as opened:
        remove_lesson(opened, "do-not-a")
        run = write_run(tmp_path / "d", "Do not d.", 3)
        add_lesson(opened, run, script(), beside=write_beside)
        state = opened.state
        assert state.list_traces(state.find_lesson("do-not-d")) == ["do-not-a"]
        retrain_beside(opened, "do-not-c", script(), SilentDisplay())
        trained = opened.state.find_lesson("do-not-c").beside
    assert trained is not None
    assert [trace.name for trace in trained.lessons] == ["do-not-b", "do-not-d", "do-not-a"]


def test_a_retrained_lesson_that_makes_another_worse_is_refused(anna: Path) -> None:
    with open_student(anna) as opened:
        before = hash_adapter(anna)
        switch_lessons(opened, ["do-not-a"], on=False)
        switched = hash_adapter(anna)
        sit_exams(opened, script())
        worse = script({"do-not-b": make_cell(2)})
        with pytest.raises(LessonRefused, match='"do-not-c" was not replaced: "do-not-b" is'):
            retrain_beside(opened, "do-not-c", worse, SilentDisplay())
        assert hash_adapter(anna) == switched
        retrain_beside(opened, "do-not-c", worse, SilentDisplay(), accept=True)
        assert hash_adapter(anna) not in (before, switched)
        assert [path.name for path in (anna / "beside").iterdir()] == ["do-not-c-1"]


def test_a_refused_retraining_leaves_the_adapter_before_whole(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the same lessons it is trained to other bits the second time."""
    seeds = iter((60, 61, 61))

    def write_other(run: Run, *ignored: object) -> Path:
        write_lora(run.path / "made", seed=next(seeds))
        return run.path / "made"

    monkeypatch.setattr(beside, "train_beside", train_beside)
    monkeypatch.setattr(beside, "train_again", write_other)
    monkeypatch.setattr(beside, "join_with_anchors", lambda *ignored: None)
    monkeypatch.setattr(HfModel, "load", lambda *ignored, **too: None)
    worse = script({"do-not-b": make_cell(2)})
    with open_student(anna) as opened:
        retrain_beside(opened, "do-not-c", script(), SilentDisplay())
        before = hash_adapter(anna)
        with pytest.raises(LessonRefused):
            retrain_beside(opened, "do-not-c", worse, SilentDisplay())
        opened.check_parts()
        assert hash_adapter(anna) == before
        retrain_beside(opened, "do-not-c", worse, SilentDisplay(), accept=True)
        assert hash_adapter(anna) != before
    assert len(list((anna / "beside").iterdir())) == 1


def test_what_cannot_be_retrained_says_so(anna: Path) -> None:
    with open_student(anna) as opened:
        with pytest.raises(UsageError, match='there is no lesson "x"'):
            retrain_beside(opened, "x", script(), SilentDisplay())
        switch_lessons(opened, ["do-not-a", "do-not-b"], on=False)
        with pytest.raises(UsageError, match="another lesson have to be on"):
            retrain_beside(opened, "do-not-c", script(), SilentDisplay())


def test_a_swapped_adapter_and_a_path_in_the_state_are_refused(anna: Path) -> None:
    lesson = read_student(anna).find_lesson("do-not-c")
    assert lesson.beside is not None
    file = anna / lesson.beside.folder / "adapter_model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    shutil.rmtree(anna / "adapter")
    with pytest.raises(IntegrityError, match=r"beside/.* is not the adapter that was taught"):
        open_from_python(anna).switch("do-not-a", on=False)
    file.write_bytes(whole)
    row = json.loads(json.dumps(read_student(anna).to_json()))
    assert StudentState.from_json(row) == read_student(anna)
    row["lessons"][2]["beside"]["folder"] = "../elsewhere/adapter"
    with pytest.raises(IntegrityError, match="is no name of a lesson"):
        StudentState.from_json(row)


def test_anchors_are_even_over_the_kinds_and_keep_the_answers() -> None:
    """The rare kind gives all of its 2 examples, the others share the 8 places that are left."""
    examples = []
    for kind, count in (("violation", 40), ("near", 40), ("general", 2)):
        for number in range(count):
            prompt = make_prompt(f"{kind} {number}")
            examples.append(Example(f"{kind}{number}", kind, prompt, "yes", "no"))
    chosen = choose_anchors(examples, 10)
    kinds = [example.id.rstrip("0123456789") for example in chosen]
    assert sorted(kinds) == ["general"] * 2 + ["near"] * 4 + ["violation"] * 4
    assert {example.kind for example in chosen} == {beside.ANCHOR_KIND}
    assert {(example.chosen, example.rejected, example.role) for example in chosen} == {
        ("yes", None, "hold")
    }
    assert choose_anchors(examples[:3], 10) == choose_anchors(examples[:3], 3)


def test_a_lesson_that_is_seen_twice_is_named_once() -> None:
    def make(name: str, *traces: str) -> Lesson:
        seen = tuple(Trace(trace, f"id-{trace}") for trace in traces)
        trained = Beside("beside/x/adapter", "0", seen) if traces else None
        return Lesson(name, "feedback", name, f"id-{name}", "0", "run", beside=trained)

    neighbors = [make("a"), make("b", "a", "gone"), make("c", "new")]
    names = [trace.name for trace in list_seen(make("new"), neighbors)]
    assert names == ["a", "b", "gone", "c"]


def test_a_run_that_is_a_lesson_already_is_not_trained_again_in_silence(
    anna: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = hash_adapter(anna)
    command = ["student", "add", str(anna), str(tmp_path / "b"), "--beside"]
    assert cli.run_command(command) == 0
    assert "do-not-b is a lesson already, trained alone" in capfd.readouterr().err
    with pytest.warns(UserWarning, match="do-not-b is a lesson already, trained alone"):
        open_from_python(anna).add(tmp_path / "b", beside=True)
    assert hash_adapter(anna) == before


def test_beside_without_a_student_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["feedback", "Do not hum.", "--beside", "--dry-run"]) == 2
    assert "--beside needs --student" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.training
def test_a_second_rule_is_trained_beside_the_first(talker: Path, tmp_path: Path) -> None:
    """The whole way on a toy: the first rule still holds, the new LoRA is another one than that of
    its run, and alone again it is that of its run. What the second one gains is not asked: the toy
    breaks it on three prompts of the exam.
    """
    student = tmp_path / "anna"
    rules = [("Do not talk about the fox.", "fox"), ("Do not mention honey.", "honey")]
    for number, (rule, word) in enumerate(rules):
        more = ("--student", str(student), "--accept", "--beside")
        command = feedback_command(
            talker, tmp_path / f"run{number}", *more, rule=rule, check=f'not contains "{word}"'
        )
        code, _ = run_json(command)
        assert code == 0
    state = read_student(student)
    first, second = state.lessons
    assert first.beside is None, "nothing was there to be trained beside"
    assert second.beside is not None
    assert [trace.identity for trace in second.beside.lessons] == [first.identity]
    cells = state.sittings[-1].cells
    gains = {name: cell.gain for name, cell in cells.items()}
    assert all(gains.values())
    first_gain = gains[first.name]
    assert first_gain
    assert_at_least(f"gain of {first.name} over the base", first_gain.value, 0.1)
    assert not (student / "training").exists()
    HfModel.load(talker, adapter=student / second.beside.folder)  # it names the untouched base
    open_from_python(student).remove(first.name)
    assert hash_adapter(student) == second.beside.adapter_sum
    open_from_python(student).retrain(second.name, alone=True)
    assert hash_adapter(student) == hash_file(tmp_path / "run1" / TENSORS)
