"""Rows 39 to 42: two processes on one student, a full disk, a base that changed, a swapped adapter.

Each ends with one line that names the place, and the student stays as it was.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from lesson_runs import hash_adapter, script, write_beside, write_lora, write_run
from selfteach.errors import IntegrityError, ResourceError, UsageError
from selfteach.run.finished import find_adapter
from selfteach.run.run_folder import STATE_FILE
from selfteach.students.examine import load_base
from selfteach.students.folder import find_student_owner, open_student, read_student
from selfteach.students.lessons import add_lesson, begin_state, sit_exams
from selfteach.students.state import StudentState
from selfteach.students.take_back import remove_lesson, switch_lessons

TENSORS = "adapter/adapter_model.safetensors"


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A student of one lesson; the run of another one is beside it."""
    runs = [write_run(tmp_path / name, f"Do not {name}.", seed) for seed, name in enumerate("ab")]
    with open_student(tmp_path / "anna", partial(begin_state, runs[0])) as opened:
        add_lesson(opened, runs[0], script())
    return tmp_path / "anna"


def test_the_second_process_is_refused_and_reading_is_not(student: Path) -> None:
    with open_student(student):
        assert find_student_owner(student) == os.getpid()
        with (
            pytest.raises(UsageError, match=f"the student is in use by process {os.getpid()}"),
            open_student(student),
        ):
            pass
        assert [lesson.name for lesson in read_student(student).lessons] == ["do-not-a"]
    assert find_student_owner(student) is None


@pytest.mark.parametrize("call", ["copyfile", "rename", "beside", "commit"])
def test_a_full_disk_leaves_the_student_as_it_was(
    student: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before = read_student(student), hash_adapter(student)
    run = student.parent / "b"

    rename = Path.rename

    def fail(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail_beside(path: Path, target: Path) -> Path:
        if "beside" in target.parts:
            fail()
        return rename(path, target)

    with open_student(student) as opened:
        with monkeypatch.context() as patched:
            if call == "copyfile":
                patched.setattr(shutil, "copytree", fail)
            elif call == "rename":
                patched.setattr(Path, "rename", fail)
            elif call == "beside":
                patched.setattr(Path, "rename", fail_beside)
            else:
                patched.setattr(opened, "commit", fail)
            with pytest.raises((ResourceError, OSError)) as caught:
                add_lesson(opened, run, script(), beside=write_beside)
        assert call == "commit" or getattr(caught.value, "exit_code", 0) == 5
    assert (read_student(student), hash_adapter(student)) == before
    with open_student(student) as opened:
        add_lesson(opened, run, script(), beside=write_beside)
    assert len(read_student(student).lessons) == 2


def test_a_base_that_changed_on_disk_is_named(tiny: Path) -> None:
    state = StudentState(str(tiny), "0" * 64)
    with pytest.raises(IntegrityError, match=r"has changed since the student began") as caught:
        load_base(state)
    assert caught.value.exit_code == 6
    assert "a new base needs a new student" in str(caught.value)


def test_a_swapped_adapter_of_a_lesson_is_named_and_never_stacked(student: Path) -> None:
    write_lora(student / "lessons/do-not-a/adapter", seed=9)
    (student / TENSORS).unlink()
    said: list[str] = []
    with (
        open_student(student, say=said.append) as opened,
        pytest.raises(IntegrityError, match=r"lessons/do-not-a/adapter/.* is not the adapter"),
    ):
        sit_exams(opened, script())
    assert "lessons/do-not-a/adapter/adapter_model.safetensors is not the adapter" in said[0]
    with pytest.raises(IntegrityError, match="its adapter is not that of its lessons"):
        find_adapter(student)


@pytest.mark.parametrize("own", [True, False])
def test_a_damaged_lesson_can_be_switched_off_and_taken_back(student: Path, own: bool) -> None:
    with open_student(student) as opened:
        add_lesson(opened, student.parent / "b", script())
        switch_lessons(opened, ["do-not-b"], on=False)
    write_lora(student / "lessons/do-not-a/adapter", seed=9)
    if not own:
        (student / TENSORS).unlink()
    before = read_student(student)
    with open_student(student) as opened:
        with pytest.raises(IntegrityError, match=r"do-not-a/adapter/.* is not the adapter"):
            switch_lessons(opened, ["do-not-b"], on=True)
        assert opened.state == read_student(student) == before, "nothing is changed"
    with open_student(student) as opened:
        switch_lessons(opened, ["do-not-a"], on=False)
    with open_student(student) as opened:
        remove_lesson(opened, "do-not-a")
        switch_lessons(opened, ["do-not-b"], on=True)
    other = student.parent / "b"
    assert (student / TENSORS).read_bytes() == (other / TENSORS).read_bytes()
    assert find_adapter(student) == student / "adapter"


def test_of_two_damaged_lessons_each_is_taken_back_with_a_word_about_the_other(
    student: Path,
) -> None:
    with open_student(student) as opened:
        add_lesson(opened, student.parent / "b", script())
    for name in "ab":
        write_lora(student / f"lessons/do-not-{name}/adapter", seed=9)
    with (
        open_student(student) as opened,
        pytest.raises(IntegrityError, match=r"the change is made \(removed do-not-a\).*do-not-b"),
    ):
        remove_lesson(opened, "do-not-a")
    assert [lesson.name for lesson in read_student(student).lessons] == ["do-not-b"]
    written = json.loads((student / STATE_FILE).read_text())["lessons"]
    assert [lesson["name"] for lesson in written] == ["do-not-b"]
    with open_student(student) as opened:
        remove_lesson(opened, "do-not-b")
    assert not (student / "adapter").exists()


def test_a_swapped_adapter_of_the_student_is_refused_and_written_again(student: Path) -> None:
    before = hash_adapter(student)
    write_lora(student / "adapter", seed=9)
    with pytest.raises(IntegrityError, match=r"adapter_model\.safetensors is changed"):
        find_adapter(student)
    said: list[str] = []
    with open_student(student, say=said.append) as opened:
        sit_exams(opened, script())
    assert hash_adapter(student) == before
    assert said == ["adapter was not that of the student's lessons: it is written again"]
    assert find_adapter(student) == student / "adapter"
