"""A student in a conversation: what is said about its answers is taught meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from selfteach.commands.answer import AnswerOptions, open_model
from selfteach.commands.screen import Screen
from selfteach.errors import SelfteachError, UsageError
from selfteach.models import Sampler
from selfteach.records import Message
from selfteach.students.check_rule import check_rule
from selfteach.students.folder import (
    choose_base,
    find_student_folder,
    find_student_owner,
    is_student,
    open_student,
    read_student,
)
from selfteach.students.job_runner import JobRunner
from selfteach.students.jobs import (
    Job,
    JobBook,
    JobState,
    make_criticism_job,
    make_edit_job,
    make_rule_job,
    split_conversation,
)
from selfteach.students.state import StudentState
from selfteach.students.take_back import remove_lesson

TEACHING_COMMANDS = {
    "/teach TEXT": "teaches what you say about the last answer: /teach shorter, please",
    "/edit TEXT": "gives a better answer in place of the last one",
    "/rule TEXT": "teaches a rule",
    "/accept": "adds the lesson that was refused last all the same",
    "/accept instead": "adds it, and switches off what it weakens: the new one counts",
    "/lessons": "lists the lessons, and what is being taught",
    "/undo": "ends what is being taught, or takes the last lesson back",
}
"""The commands that teach, and what each does."""
INSTEAD = "instead"
RULE_CURE = (
    'Say what an answer must do and where, for instance "/rule End emails with a thank you."; or '
    "show it: /edit or /teach after an answer."
)
"""The cure in place of one that names options of the command line."""


@contextmanager
def open_taught_student(
    name: str, options: AnswerOptions, screen: Screen, settings: str = ""
) -> Iterator[TaughtStudent]:
    """Open a student for a conversation; a new one begins here. Its jobs run inside the block.

    Args:
        settings: the preset or the file of settings of rules; empty for the defaults.

    Raises:
        UsageError: the model is not the student's base.
    """
    folder = find_student_folder(name)
    base = choose_base(folder, options.model)
    sampler = None
    if not is_student(folder):
        sampler = open_model(replace(options, model=base), screen)
        screen.display.finish()
        with open_student(folder, partial(StudentState, base, sampler.fingerprint)):
            pass  # the student begins
    book = JobBook(folder)
    runner = JobRunner(book, say=screen.print_line)
    taught = TaughtStudent(folder, options, screen, book, settings, sampler)
    del sampler  # it would stay in memory for as long as the conversation
    runner.start()
    try:
        yield taught
    finally:
        if any(job.state == "running" for job in book.list_jobs()):
            screen.print_line("what is being taught stops; the next chat or server goes on with it")
        runner.close()


class TaughtStudent:
    """Represent the student of a conversation.

    Args:
        sampler: answers as the base alone, where it is open already.

    Attributes:
        sampler: answers as the student does with the lessons that are on now.
        commands: the commands that teach, and what each does.
        words: the first word of each.
    """

    def __init__(
        self,
        folder: Path,
        options: AnswerOptions,
        screen: Screen,
        book: JobBook,
        settings: str = "",
        sampler: Sampler | None = None,
    ) -> None:
        self.commands = TEACHING_COMMANDS
        self.words = {command.split()[0] for command in TEACHING_COMMANDS}
        self._folder = folder
        self._settings = settings
        self._options = options
        self._screen = screen
        self._book = book
        self._parts: Sequence[str] = ()
        self._told: dict[str, JobState] = {job.id: job.state for job in book.list_jobs()}
        self.sampler = sampler or self._open()

    def _open(self) -> Sampler:
        if find_student_owner(self._folder) is None:
            with open_student(self._folder, say=self._screen.print_line):
                pass  # the folder is in order, whatever ended behind a change
        state = read_student(self._folder)
        self._parts = state.list_part_sums()
        options = replace(self._options, run=self._folder, model=None)
        if not self._parts:
            options = replace(self._options, run=None, model=state.base)
        sampler = open_model(options, self._screen)
        self._screen.display.finish()
        return sampler

    def follow_jobs(self) -> Sampler:
        """Tell how jobs ended, and return what answers now."""
        for job in self._book.list_jobs():
            if job.state != self._told.get(job.id):
                self._told[job.id] = job.state
                if not job.is_open:
                    self._screen.print_line(describe_job(job))
        is_free = find_student_owner(self._folder) is None
        if is_free and read_student(self._folder).list_part_sums() != self._parts:
            self.sampler = self._open()
        return self.sampler

    def run_command(
        self, word: str, text: str, turns: Sequence[Message], *, cut: bool = False
    ) -> Sampler:
        """Run one command, and return what answers now. A fault is printed, and changes nothing.

        Args:
            cut: whether the last answer stopped at its token limit.
        """
        try:
            if word == "/lessons":
                self._list_lessons()
            elif word == "/accept":
                self._accept(text)
            elif word == "/undo":
                self._undo()
            else:
                self._add(word, text, turns, cut=cut)
        except SelfteachError as fault:
            self._screen.print_line(str(fault))
        return self.follow_jobs()

    def _add(self, word: str, text: str, turns: Sequence[Message], *, cut: bool) -> None:
        if word == "/rule":
            job = make_rule_job(text, self._settings)
            check_rule(job.title, self._settings, RULE_CURE)
        else:
            prompt, answer = split_conversation(turns)
            make = make_edit_job if word == "/edit" else make_criticism_job
            job = make(prompt, answer, text, cut=cut)
        self._tell(self._book.add(job))

    def _tell(self, job: Job) -> None:
        self._told[job.id] = job.state
        self._screen.print_line(describe_job(job))

    def _accept(self, text: str) -> None:
        if text not in ("", INSTEAD):
            raise UsageError(
                f"/accept {text[:40]!r} is not understood.",
                cure=f"Type /accept, or /accept {INSTEAD}.",
            )
        job = self._book.find_refused()
        if job is None:
            raise UsageError("no lesson was refused.", cure="/lessons lists what is taught.")
        if text and not job.worse:
            raise UsageError(
                f'"{job.title[:60]}" weakens no lesson, so there is none to switch off.',
                cure="Type /accept.",
            )
        self._tell(self._book.accept(job.id, job.worse if text else ()))

    def _list_lessons(self) -> None:
        lines = []
        for lesson in read_student(self._folder).lessons:
            lines.append(f"{'on ' if lesson.on else 'off'} {lesson.name}: {lesson.title[:60]}")
        lines += [describe_job(job) for job in self._book.list_jobs() if job.is_open]
        if refused := self._book.find_refused():
            lines.append(describe_job(refused))
        for line in lines or ["no lessons yet"]:
            self._screen.print_line(line)

    def _undo(self) -> None:
        jobs = self._book.list_jobs()
        open_jobs = [job for job in jobs if job.is_open]
        if open_jobs:
            self._book.cancel(open_jobs[-1].id)
            self._screen.print_line(f'"{open_jobs[-1].title[:60]}" is taken back')
            return
        lessons = read_student(self._folder).lessons
        if not lessons:
            raise UsageError(
                "there is nothing to take back.", cure="/rule, /teach and /edit teach something."
            )
        name = lessons[-1].name
        job = self._book.find_lesson_job(name)
        with open_student(self._folder) as student:
            remove_lesson(student, name)
        if job:
            self._told[job.id] = "removed"
        self._screen.print_line(f'"{name}" is taken back')


def describe_job(job: Job) -> str:
    """Return a job as a line for people, with what they can type about a refused one."""
    work = "added" if job.accept or job.instead_of else "taught"
    words = {"waiting": f"will be {work}", "running": f"is being {work}", "collected": "is kept"}
    line = f'"{job.title[:60]}" {words.get(job.state, job.state)}'
    if job.message:
        line += f": {job.message}"
    if job.state == "refused":
        line += " /accept adds it all the same."
        if job.worse:
            off = ", ".join(job.worse)
            line += f" /accept {INSTEAD} switches {off} off: the new one counts then."
    return line
