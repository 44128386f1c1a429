"""A lesson is taken back at once: what that costs, and what is not loaded for it."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from lesson_runs import hash_adapter, script, write_run
from selfteach import cli
from selfteach.errors import IntegrityError, ResourceError
from selfteach.run.finished import find_adapter
from selfteach.students.folder import (
    DATABASE_FILE,
    REPORT_FILE,
    StudentFolder,
    describe_student,
    open_student,
    read_student,
)
from selfteach.students.jobs import JobBook, make_rule_job
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.take_back import remove_lesson

MAX_CPU_S = 1.0
"""Some thirty times of what it takes here; retraining or a model would take far longer."""
COMMAND = """
import sys
from selfteach import cli
code = cli.run_command(sys.argv[1:])
print([name for name in ("torch", "transformers") if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


def teach(student: Path, folder: Path, names: str) -> None:
    for name in names:
        run = folder / name
        if not run.exists():
            write_run(run, f"Do not {name}.", seed=ord(name))
        with open_student(student, partial(begin_state, run)) as opened:
            add_lesson(opened, run, script())


def test_a_lesson_is_taken_back_within_a_second_and_leaves_no_bit(tmp_path: Path) -> None:
    """Two lessons are left, so their sum is written again: that of a student who never had b."""
    student, never = tmp_path / "anna", tmp_path / "never"
    teach(student, tmp_path, "abc")
    teach(never, tmp_path, "ac")
    assert hash_adapter(student) != hash_adapter(never)
    began = time.process_time()
    with open_student(student) as opened:
        remove_lesson(opened, "do-not-b")
    assert time.process_time() - began < MAX_CPU_S
    assert hash_adapter(student) == hash_adapter(never) != ""


def test_the_history_says_that_a_lesson_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student = tmp_path / "anna"
    teach(student, tmp_path, "ab")
    with open_student(student) as opened:
        remove_lesson(opened, "do-not-b")
    assert cli.run_command(["student", "show", f"{student}/"]) == 0
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "1  added do-not-a" in shown
    assert "2  added do-not-b (removed since: do-not-b)" in shown
    page = " ".join((student / REPORT_FILE).read_text().split())
    assert "2. added do-not-b<br><small>removed since: do-not-b</small></th>" in page
    found = describe_student(student, read_student(student))
    assert [column["removed"] for column in found["matrix"]] == [[], ["do-not-b"]]


def test_the_job_of_a_lesson_that_is_taken_back_is_over(tmp_path: Path) -> None:
    """Whoever takes it back: a server would else say that the lesson is being proven."""
    student = tmp_path / "anna"
    teach(student, tmp_path, "ab")
    book = JobBook(student)
    jobs = [book.add(make_rule_job(f"Do not {name}.")) for name in "ab"]
    for job, lesson in zip(jobs, ("do-not-a", "do-not-b"), strict=True):
        book.update(job.id, state="added", lesson=lesson)
    with open_student(student) as opened:
        remove_lesson(opened, "do-not-b")
    assert [job.state for job in book.list_jobs()] == ["added", "removed"]


def test_an_interruption_behind_the_change_says_that_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while adapter/ is written: the database holds the change already."""
    student = tmp_path / "anna"
    teach(student, tmp_path, "ab")
    book = JobBook(student)
    job = book.add(make_rule_job("Do not b."))
    book.update(job.id, state="added", lesson="do-not-b")
    write = StudentFolder._write_adapter

    def stop(opened: StudentFolder) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        write(opened)

    monkeypatch.setattr(StudentFolder, "_write_adapter", stop)
    assert cli.run_command(["student", "remove", str(student), "do-not-b"]) == 130
    said = " ".join(capfd.readouterr().err.split())
    assert "stopped behind the change: removed do-not-b. It stays." in said
    assert "as before" not in said
    assert [lesson.name for lesson in read_student(student).lessons] == ["do-not-a"]
    assert book.find(job.id).state == "removed"
    assert find_adapter(student) == student / "adapter", "it was written all the same"


def test_a_full_disk_behind_the_change_says_that_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = tmp_path / "anna"
    teach(student, tmp_path, "ab")

    def fail(opened: StudentFolder) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with open_student(student) as opened, monkeypatch.context() as patch:
        patch.setattr(StudentFolder, "_write_adapter", fail)
        with pytest.raises(ResourceError, match=r"the change is made \(removed do-not-b\)"):
            remove_lesson(opened, "do-not-b")
    assert [lesson.name for lesson in read_student(student).lessons] == ["do-not-a"]


def test_every_job_of_a_lesson_ends_with_it(tmp_path: Path) -> None:
    """A rule that is said again is known already: two jobs are one lesson."""
    student = tmp_path / "anna"
    teach(student, tmp_path, "ab")
    book = JobBook(student)
    for _ in range(2):
        job = book.add(make_rule_job("Do not b."))
        book.update(job.id, state="added", lesson="do-not-b")
    with open_student(student) as opened:
        remove_lesson(opened, "do-not-b")
    assert [job.state for job in book.list_jobs()] == ["removed", "removed"]


def test_jobs_that_cannot_be_read_remove_no_lesson(tmp_path: Path) -> None:
    student = tmp_path / "anna"
    teach(student, tmp_path, "ab")
    JobBook(student).add(make_rule_job("Do not b."))
    with closing(sqlite3.connect(student / DATABASE_FILE)) as db, db:
        db.execute("UPDATE jobs SET body = '{}'")
    before = hash_adapter(student)
    with (
        open_student(student) as opened,
        pytest.raises(IntegrityError, match="a job is not as it was written"),
    ):
        remove_lesson(opened, "do-not-b")
    assert [lesson.name for lesson in read_student(student).lessons] == ["do-not-a", "do-not-b"]
    assert hash_adapter(student) == before


@pytest.mark.slow
def test_the_command_loads_no_torch_where_one_lesson_is_left(tmp_path: Path) -> None:
    student = tmp_path / "anna"
    teach(student, tmp_path, "ab")
    words = [sys.executable, "-c", COMMAND, "student", "remove", f"{student}/", "do-not-b"]
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
    assert [lesson.name for lesson in read_student(student).lessons] == ["do-not-a"]
    assert hash_adapter(student) == hash_adapter(tmp_path / "a")
