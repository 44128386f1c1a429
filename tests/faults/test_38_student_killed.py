"""Row 38: a process that is killed while a lesson is added, trained beside others, removed or
switched, or while lessons are consolidated, leaves the student as it was, or as it was to be; the
next command brings its folder in order.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lesson_runs import hash_adapter, script, write_beside, write_run, write_together
from selfteach import cli
from selfteach.run import finished
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger
from selfteach.students import consolidate as consolidation
from selfteach.students.beside import restore_alone
from selfteach.students.consolidate import consolidate
from selfteach.students.folder import StudentFolder, open_student, read_student
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.take_back import remove_lesson, switch_lessons
from switches import skip_with_threads

POINTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
MIN_POINTS = 40
STRIDE = 23
Work = Callable[[StudentFolder], object]


def die_at(point: int, folder: Path) -> list[int]:
    """Kill this process at a point: a system call on the student's files, or a side of a commit."""
    passed = [0]
    inside = str(folder)

    def pass_one() -> None:
        passed[0] += 1
        if passed[0] == point:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(
        lambda event, args: pass_one() if event in POINTS and inside in str(args[0]) else None
    )
    group = Ledger._transaction

    @contextmanager
    def counted(self: Ledger) -> Any:
        with group(self) as db:
            yield db
            pass_one()
        pass_one()

    Ledger._transaction = counted  # type: ignore[method-assign]
    return passed


def run_child(student: Path, work: Work, point: int) -> tuple[int, int]:
    """Change a student in a forked process that dies at a point (0: never); return its wait status
    and the number of points.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        passed = die_at(point, student)
        with open_student(student) as opened:
            work(opened)
        os.write(write, str(passed[0]).encode())
        os._exit(0)
    os.close(write)
    status = os.waitpid(pid, 0)[1]
    with os.fdopen(read) as handle:
        return status, int(handle.read() or 0)


def describe(student: Path) -> tuple[list[tuple[str, bool]], str]:
    """Return the lessons of a student, and its adapter; no adapter but theirs is there."""
    state = read_student(student)
    folders = [Path(state.consolidated.folder).parent.name] if state.consolidated else []
    assert [path.name for path in (student / "consolidated").glob("*")] == folders
    beside = {Path(own.beside.folder).parent.name for own in state.lessons if own.beside}
    assert {path.name for path in (student / "beside").glob("*")} == beside
    return [(lesson.name, lesson.on) for lesson in state.lessons], hash_adapter(student)


@pytest.fixture(scope="module")
def students(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A student of two lessons, the second one trained beside the first, and a run for a third."""
    folder = tmp_path_factory.mktemp("killed")
    runs = [write_run(folder / name, f"Do not {name}.", i) for i, name in enumerate("abc")]
    for run in runs[:2]:
        with open_student(folder / "anna", partial(begin_state, run)) as opened:
            add_lesson(opened, run, script(), beside=write_beside if run is runs[1] else None)
    return folder / "anna", runs[2]


def sweep(student: Path, work: Work, root: Path, stride: int) -> int:
    """Kill the work at every stride-th point; return the number of points.

    After each kill the folder is brought in order, and the same work again ends as it does without
    a fault.
    """
    shutil.copytree(student, root / "straight")
    status, points = run_child(root / "straight", work, 0)
    assert status == 0
    allowed = [describe(student), describe(root / "straight")]
    assert allowed[0] != allowed[1]
    for point in range(1, points + 1, stride):
        folder = root / f"at-{point}"
        shutil.copytree(student, folder)
        assert os.WIFSIGNALED(run_child(folder, work, point)[0])
        with open_student(folder) as opened:
            found = describe(folder)
            assert found in allowed, point
            names = {path.name for path in (folder / "lessons").iterdir()}
            assert names == {name for name, _ in found[0]}, point
            assert not list(folder.glob(".*")), point
            if found == allowed[0]:
                work(opened)
        assert describe(folder) == allowed[1], point
    return points


WORKS: dict[str, Callable[[Path], Work]] = {
    "add": lambda run: lambda student: add_lesson(student, run, script()),
    "add beside": lambda run: (
        lambda student: add_lesson(student, run, script(), beside=write_beside)
    ),
    "alone again": lambda run: lambda student: restore_alone(student, "do-not-b"),
    "remove": lambda run: lambda student: remove_lesson(student, "do-not-a"),
    "off": lambda run: lambda student: switch_lessons(student, ["do-not-b"], on=False),
    "on": lambda run: lambda student: switch_lessons(student, ["do-not-b"], on=True),
    "consolidate": lambda run: lambda student: consolidate(student, script(), SilentDisplay()),
}


def test_a_killed_lesson_is_whole_or_absent(tmp_path: Path, students: tuple[Path, Path]) -> None:
    skip_with_threads()
    points = sweep(students[0], WORKS["add"](students[1]), tmp_path, STRIDE)
    assert points > MIN_POINTS, "the sweep no longer sees the system calls"


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKS)
def test_a_change_killed_at_any_point_is_whole_or_absent(
    tmp_path: Path, students: tuple[Path, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_with_threads()
    monkeypatch.setattr(consolidation, "train_together", write_together)
    student = shutil.copytree(students[0], tmp_path / "begin")
    if name == "on":
        with open_student(student) as opened:
            switch_lessons(opened, ["do-not-b"], on=False)
    points = sweep(student, WORKS[name](students[1]), tmp_path, 1)
    assert points, "the sweep no longer sees the system calls"


def test_the_adapter_of_a_change_that_was_killed_before_it_was_written_is_refused(
    tmp_path: Path,
    students: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The state says that b is gone, and adapter/ still holds it."""
    skip_with_threads()
    student = shutil.copytree(students[0], tmp_path / "anna")
    pid = os.fork()
    if pid == 0:
        StudentFolder._write_adapter = lambda self: os.kill(os.getpid(), 9)  # type: ignore[method-assign]
        with open_student(student) as opened:
            remove_lesson(opened, "do-not-b")
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    (tmp_path / "prompts.txt").write_text("Hum.\n")
    command = ["answer", "--run", str(student), "--in", str(tmp_path / "prompts.txt")]
    assert cli.run_command(command) == 6
    said = " ".join(capsys.readouterr().err.split())
    assert "its adapter is not that of its lessons" in said
    assert f"selfteach student exam {student}" in said
    with open_student(student):
        pass
    assert finished.find_adapter(student) == student / "adapter"
