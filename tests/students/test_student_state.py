"""The state of a student: parts, sittings, and what removing and switching do to them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from selfteach.errors import IntegrityError, UsageError
from selfteach.records import Measure
from selfteach.students.lessons import find_current_cells
from selfteach.students.state import Cell, Consolidated, Lesson, StudentState


def make_lesson(name: str) -> Lesson:
    return Lesson(name, "feedback", f"Rule {name}.", f"id-{name}", f"sum-{name}", f"runs/{name}")


@pytest.fixture
def three() -> StudentState:
    state = StudentState("tiny", "0" * 64)
    for name in "abc":
        state = state.add(make_lesson(name))
    return state


def test_removing_a_lesson_leaves_the_parts_as_if_it_had_never_been_taught(
    three: StudentState,
) -> None:
    never = StudentState("tiny", "0" * 64).add(make_lesson("a")).add(make_lesson("c"))
    assert three.remove("b") == never
    assert three.remove("b").list_part_sums() == ("sum-a", "sum-c")


def test_off_and_on_restores_the_parts_in_their_order(three: StudentState) -> None:
    off = three.switch(["a"], on=False)
    assert off.list_part_sums() == ("sum-b", "sum-c")
    assert off.switch(["a"], on=True) == three


def test_a_lesson_that_is_not_there_is_named_with_the_nearest_one(three: StudentState) -> None:
    with pytest.raises(UsageError, match='no lesson "d"'):
        three.switch(["a", "d"], on=False)


def test_a_consolidated_adapter_stands_for_its_lessons(
    three: StudentState,
) -> None:
    together = Consolidated("consolidated/x/adapter", "sum-x", ("a", "b"))
    state = replace(three, consolidated=together)
    assert state.list_part_sums() == ("sum-x", "sum-c")
    assert state.remove("c").consolidated == together
    for changed in (state.remove("a"), state.switch(["b"], on=False)):
        assert changed.consolidated is None, "no lesson can be taken out of it"
    assert state.remove("a").list_part_sums() == ("sum-b", "sum-c")


def test_exams_count_for_the_student_with_the_same_parts(three: StudentState) -> None:
    cells = {"a": Cell("kept")}
    two = three.remove("c").record("exams", cells)
    assert two.find_sitting() is not None
    more = two.add(make_lesson("c"))
    assert more.find_sitting() is None
    again = more.remove("c").find_sitting()
    assert again is not None
    assert again.cells == cells


def test_exams_that_an_earlier_version_scored_are_sat_again(three: StudentState) -> None:
    state = three.record("exams", {"a": Cell("kept")})
    assert find_current_cells(StudentState.from_json(state.to_json())) == {"a": Cell("kept")}
    row = json.loads(json.dumps(state.to_json()))
    del row["sittings"][-1]["scoring"]
    assert find_current_cells(StudentState.from_json(row)) == {}


def test_exams_of_a_lesson_that_was_taken_back_are_not_those_of_the_same_run_added_again(
    three: StudentState,
) -> None:
    """It has another name then, and the exams of the other one stay in the history."""
    alone = three.switch("bc", on=False).record("exams", {"a": Cell("kept")})
    assert alone.find_sitting() is not None
    again = alone.remove("a").add(replace(make_lesson("a"), name="a-2"))
    assert again.list_part_sums() == alone.list_part_sums()
    assert again.find_sitting() is None


def test_the_state_survives_json(three: StudentState) -> None:
    score = Measure(0.5, 0.25, 0.75, 4)
    weak = Cell("weakened", score, score, None, 0.02, "taught", needless=score, near_alone=score)
    cells = {"a": weak, "b": Cell("not examined")}
    state = replace(
        three, consolidated=Consolidated("consolidated/f/adapter", "s", ("a", "b"))
    ).record("x", cells)
    assert StudentState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_a_student_of_the_first_format_still_opens(three: StudentState) -> None:
    """Its cells have no needless effects and no near answers."""
    score = Measure(0.5, 0.25, 0.75, 4)
    state = three.record("x", {"a": Cell("kept", score, score, score, 0.02, "taught")})
    row = json.loads(json.dumps(state.to_json()))
    row["format"] = 1
    for name in ("needless", "needless_alone", "near", "near_alone"):
        del row["sittings"][0]["cells"]["a"][name]
    assert StudentState.from_json(row) == state


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", "../x"), ("name", ""), ("identity", "/tmp/x"), ("identity", "..")],
)
def test_a_name_that_is_a_path_is_refused(three: StudentState, key: str, value: str) -> None:
    """The folder may come from elsewhere, and what these name is removed with the lesson."""
    row = json.loads(json.dumps(three.to_json()))
    row["lessons"][1][key] = value
    with pytest.raises(IntegrityError, match="is no name of a lesson"):
        StudentState.from_json(row)


@pytest.mark.parametrize("folder", ["consolidated/../../x/adapter", "/x/adapter", "lessons/a"])
def test_a_consolidated_adapter_is_inside_the_student(three: StudentState, folder: str) -> None:
    row = json.loads(json.dumps(three.to_json()))
    row["consolidated"] = {"folder": folder, "adapter_sum": "s", "lessons": ["a", "b"]}
    with pytest.raises(IntegrityError, match="is no name of a lesson"):
        StudentState.from_json(row)


def test_a_state_of_an_exam_is_one_of_the_known_words(three: StudentState) -> None:
    """It is shown as it is, in the terminal and in the model card."""
    row = json.loads(json.dumps(three.record("exams", {"a": Cell("kept")}).to_json()))
    row["sittings"][0]["cells"]["a"]["state"] = "<b>kept</b>\x1b[2J"
    with pytest.raises(IntegrityError, match=r"\(sittings.0.cells.a.state\)") as found:
        StudentState.from_json(row)
    assert "\x1b" not in str(found.value)


def test_the_state_of_another_version_is_refused(three: StudentState) -> None:
    with pytest.raises(UsageError, match="another version"):
        StudentState.from_json({**three.to_json(), "format": 99})


@pytest.mark.parametrize("part", ["lessons", "sittings", "consolidated"])
def test_a_state_without_a_part_is_not_an_empty_student(three: StudentState, part: str) -> None:
    """The folders of lessons that the state does not name would be removed."""
    row = three.to_json()
    del row[part]
    with pytest.raises(IntegrityError, match=rf"state of a student \({part}\)"):
        StudentState.from_json(row)
