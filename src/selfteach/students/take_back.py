"""Take a lesson of a student back, or switch lessons off and on: nothing is trained, and no
model is loaded.

torch is loaded only where several adapters that are left have to be added up.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from selfteach.run.signals import delay_interrupts
from selfteach.students.folder import EXAMS_FOLDER, StudentFolder
from selfteach.students.jobs import JobBook


def remove_lesson(student: StudentFolder, name: str) -> list[str]:
    """Take a lesson back: the student's adapter is then the same, bit for bit, as if the lesson had
    never been taught. The job that became the lesson ends as removed.

    Returns:
        The lessons of a consolidated adapter that no longer counts.

    Raises:
        UsageError: there is no such lesson.
        IntegrityError: the jobs cannot be read. Nothing is removed.
    """
    lesson = student.state.find_lesson(name)
    before = student.state.consolidated
    after = student.state.remove(name)
    book = JobBook(student.path)
    book.find_lesson_job(name)  # reads every job
    with delay_interrupts():
        try:
            student.commit(after, f"removed {name}")
        finally:
            if student.state == after:  # also where the disk was full behind the change
                book.mark_removed(name)
    shutil.rmtree(student.path / EXAMS_FOLDER / lesson.identity, ignore_errors=True)
    return list(before.lessons) if before and not after.consolidated else []


def switch_lessons(student: StudentFolder, names: Sequence[str], *, on: bool) -> list[str]:
    """Switch lessons on or off without training. Return the lessons of a consolidated adapter that
    no longer counts.

    Raises:
        UsageError: there is no such lesson.
    """
    before = student.state.consolidated
    after = student.state.switch(names, on=on)
    if after != student.state:
        student.commit(after, f"{', '.join(names)} {'on' if on else 'off'}")
    return list(before.lessons) if before and not after.consolidated else []
