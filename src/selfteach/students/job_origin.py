"""Whether a job was said to a student in its folder, or came with a folder that was copied.

A copied folder is material of whoever made it: nobody here has said what waits in it. So its jobs
wait until a person confirms them (`selfteach student confirm NAME`).

Every job keeps the mark of the folder. It is made of the number and the time of an empty file: a
copy of that file has others, which nobody can choose or know before. A folder that is moved keeps
them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from selfteach.disk import convert_disk_errors
from selfteach.records import digest
from selfteach.run.student_adapter import quote_student
from selfteach.text import format_count

MARK_FILE = "jobs/mark"


def read_mark(student: Path) -> str:
    """Return the mark of a student's folder; "" where nothing was said to it yet."""
    try:
        found = (student / MARK_FILE).lstat()
    except OSError:
        return ""
    return digest(["folder", found.st_ino, found.st_ctime_ns])


def make_mark(student: Path) -> str:
    """Return the mark of a student's folder, which gets one where it has none."""
    file = student / MARK_FILE
    with convert_disk_errors(file):
        file.parent.mkdir(exist_ok=True)
        with suppress(FileExistsError):
            file.open("x").close()
    return read_mark(student)


def describe_foreign_job(student: Path) -> str:
    """Return what a job waits for that came with the folder."""
    path = quote_student(student)
    return f"it came with the folder; `selfteach student confirm {path}` lets it begin"


def describe_foreign_jobs(student: Path, count: int) -> str:
    """Return what several such jobs wait for."""
    jobs = format_count(count, "jobs")
    return (
        f"{jobs} came with the folder and not from here; `selfteach student confirm "
        f"{quote_student(student)}` lets them begin"
    )
