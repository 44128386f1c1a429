"""Row 49: the disk is full while jobs of a student wait."""

from __future__ import annotations

from pathlib import Path

from job_programs import PROGRAM, wait_until
from selfteach.students.folder import open_student
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
    (book.student / "go").write_text("added")
    runner = JobRunner(book, program=PROGRAM, say=said.append)
    runner.start()
    wait_until(lambda: said)
    folder.unlink()
    wait_until(lambda: book.find(job.id).state == "added")
    runner.close()
    (told,) = said
    assert told.startswith("the jobs wait: ")
    assert job.id in told
