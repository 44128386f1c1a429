"""Row 49: the disk is full while jobs of a student wait, or while one teaches."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from job_programs import PROGRAM, let_go, wait_until
from lesson_runs import write_student
from selfteach.students.folder import open_student, read_student
from selfteach.students.job_runner import JobRunner
from selfteach.students.jobs import JobBook, make_rule_job
from selfteach.students.state import StudentState


def test_a_full_disk_is_told_once_and_the_job_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    """The folder of the job cannot be made; afterwards it can."""
    with open_student(tmp_path / "anna", lambda: StudentState("tiny", "0" * 64)):
        pass
    book = JobBook(tmp_path / "anna")
    job = book.add(make_rule_job("Do not b."))
    folder = book.find_folder(job)
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("in the way")
    said: list[str] = []
    let_go(book.student, "added")
    runner = JobRunner(book, program=PROGRAM, say=said.append)
    runner.start()
    wait_until(lambda: said)
    folder.unlink()
    wait_until(lambda: book.find(job.id).state == "added")
    runner.close()
    (told,) = said
    assert told.startswith("the jobs wait: ")
    assert job.id in told


FULL = """
import errno, json, os, pathlib, sys
sys.path[:0] = sys.argv.pop(1).split(os.pathsep)
from file_layer import FileLayer
import scripted_run
from selfteach.students import lessons
student = pathlib.Path(sys.argv[sys.argv.index("--student") + 1])
def fill(call):
    if call.number >= 120 and call.name in scripted_run.KINDS["full"]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
if (student / "go").exists():
    sys.exit(print(json.dumps({"student": {"lesson": "do-not-b"}})))
FileLayer(student, fill).install()
scripted_run.install()
lessons.find_method = lambda kind: None  # its own is no real one
sys.argv[0] = "selfteach"
scripted_run.cli.main()
"""
"""A run without room from its 120th change of a file on; with the file `go` it is scripted."""


@pytest.mark.slow
def test_a_disk_that_fills_while_a_job_teaches_fails_it_and_not_the_student(
    tiny: Path, tmp_path: Path
) -> None:
    """The job says what was missing; the student is as before, and there is no half lesson."""
    anna = write_student(tiny, tmp_path)
    before = read_student(anna)
    book = JobBook(anna)
    tests = Path(__file__).parents[1]
    words = (sys.executable, "-c", FULL, f"{tests}{os.pathsep}{tests / 'faults'}")
    runner = JobRunner(book, program=words)
    ended = runner.run(book.add(make_rule_job("Do not b.")))
    assert ended.state == "failed"
    assert "the disk is full" in ended.message
    assert read_student(anna) == before
    assert [path.name for path in (anna / "lessons").iterdir()] == ["do-not-a"]
    let_go(book.student, "")
    assert runner.run(book.add(make_rule_job("Do not b."))).state == "added"
