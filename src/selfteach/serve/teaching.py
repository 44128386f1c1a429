"""Teach a student while it is served.

Feedback becomes a job of the student (students/jobs.py), which a process at low priority works on.
A lesson that passed the gate is proven and served at once; a lesson that is taken back or switched
off is not served any more. Changes that other programs make to the student are served as well.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from selfteach.errors import SelfteachError, get_first_line
from selfteach.records import JsonObject
from selfteach.run.run_folder import STATE_FILE
from selfteach.serve.model_set import ServedStudent
from selfteach.serve.read_request import ChatTurn
from selfteach.students.check_rule import check_rule
from selfteach.students.folder import (
    StudentFolder,
    describe_student,
    find_student_owner,
    open_student,
    read_student,
)
from selfteach.students.job_origin import read_mark
from selfteach.students.job_runner import LINE_START, PROGRAM, JobRunner
from selfteach.students.jobs import (
    Job,
    JobBook,
    is_foreign,
    make_criticism_job,
    make_edit_job,
    make_rule_job,
    split_conversation,
)
from selfteach.students.take_back import remove_lesson, switch_lessons

WATCH_S = 1.0
FAULT_REST = 10
"""How many times as long as a look that found a fault the next one waits: the cure of a fault may
change nothing of the student, such as a file that is brought back, and a proof takes time.
"""
LOG_LINES = 20
RULE_CURE = (
    'Say in "rule" what an answer must do and where, for instance "End emails with a thank you."; '
    'or show it: send "messages" with an "edit" or a "criticism" of the answer.'
)
"""The cure in place of one that names options of the command line."""
SAID = ("rule", "edit", "criticism", "follow_up")


class FeedbackBody(BaseModel):
    """Hold what somebody says: a rule; or about the last answer of a conversation an edit, a
    criticism, or the user's own next turn.

    Attributes:
        cut: whether that answer stopped before its end, as at its token limit.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    rule: str | None = None
    edit: str | None = None
    criticism: str | None = None
    follow_up: str | None = None
    messages: list[ChatTurn] = Field(default_factory=list)
    cut: bool = False

    @model_validator(mode="after")
    def check_one(self) -> Self:
        """Refuse a body that says nothing, or several things."""
        said = [name for name in SAID if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(f"give exactly one of {', '.join(SAID)}")
        return self

    def make_job(self, settings: str) -> Job:
        """Return the job.

        Raises:
            DataError: a text is missing or too long, or there is no answer.
        """
        if self.rule is not None:
            return make_rule_job(self.rule, settings)
        prompt, answer = split_conversation([turn.to_message() for turn in self.messages])
        if self.edit is not None:
            return make_edit_job(prompt, answer, self.edit, cut=self.cut)
        criticism = self.criticism or self.follow_up or ""
        return make_criticism_job(prompt, answer, criticism, cut=self.cut)


class Teaching:
    """Hold a served student and its jobs.

    Args:
        settings: the preset or the file of settings of rules; empty for the defaults.
        program: the words before those of a job's command.

    Attributes:
        fault: why the newest change of the student is not served, or "".
        is_stopping: whether the server has begun to stop, so nobody follows a job further.
    """

    def __init__(
        self,
        student: ServedStudent,
        settings: str = "",
        say: Callable[[str], object] = lambda line: None,
        program: tuple[str, ...] = PROGRAM,
    ) -> None:
        self.student = student
        self.folder: Path = student.folder
        self.book = JobBook(student.folder)
        self.fault = ""
        self.is_stopping = False
        self._settings = settings
        self._say = say
        self._runner = JobRunner(self.book, self._report_end, program, say)
        self._closing = threading.Event()
        self._seen = 0  # so the first look finds a change that came while the models were loaded
        self._watcher = threading.Thread(target=self._watch, name="student", daemon=True)

    def start(self) -> None:
        """Begin to work on the jobs, and to watch the student."""
        self._runner.start()
        self._watcher.start()

    def close(self) -> None:
        """Stop; a running job resumes with the next server."""
        self._closing.set()
        self._runner.close()
        if self._watcher.is_alive():
            self._watcher.join()

    def add(self, body: FeedbackBody) -> Job:
        """Record feedback as a job."""
        return self.book.add(self.make_job(body))

    def make_job(self, body: FeedbackBody) -> Job:
        """Return feedback as a job that is not recorded.

        Raises:
            DataError: a text is missing or too long, there is no answer, or nothing decides
                whether an answer keeps the rule.
        """
        job = body.make_job(self._settings)
        if job.kind == "rule":
            check_rule(job.title, self._settings, RULE_CURE)
        return job

    def describe_job(self, job: Job) -> JsonObject:
        """Return what clients see of a job."""
        found = job.to_json()
        if job.lesson:
            served = self._serves(job.lesson)
            found |= {"model": f"{self.student.name}/{job.lesson}", "served": served}
            if job.state == "added" and not served:
                found["message"] = self.fault or "it is being proven"
        log = self.book.read_log(job)
        if job.state == "refused":  # the message says it, without the words of a command line
            log = [line for line in log if not line.startswith(LINE_START)]
            found["cure"] = describe_cure(job)
        found["log"] = log[-LOG_LINES:]
        return found

    def is_over(self, job: Job) -> bool:
        """Return whether nothing more happens to a job unless somebody wants it to, as with one
        that came with a copied folder and waits to be confirmed.
        """
        if job.state == "waiting" and is_foreign(job, read_mark(self.folder)):
            return True
        if job.state != "added":
            return not job.is_open
        return self._serves(job.lesson) or bool(self.fault)

    def _serves(self, lesson: str) -> bool:
        """Return whether clients can ask a lesson."""
        state = self.student.state
        return state is not None and any(own.name == lesson for own in state.lessons)

    def describe_lessons(self) -> JsonObject:
        """Return the student with the names of its models."""
        found = describe_student(self.folder, read_student(self.folder))
        for lesson in found["lessons"]:
            lesson["model"] = f"{self.student.name}/{lesson['name']}"
        return {"model": self.student.name, "fault": self.fault, **found}

    def count_jobs(self) -> Counter[str]:
        """Return the number of jobs by their state."""
        return Counter(job.state for job in self.book.list_jobs())

    def take_back(self, id: str) -> Job:
        """End a job that is open, or take the lesson back that it became."""
        job = self.book.find(id)
        if job.state == "added":
            self.remove_lesson(job.lesson)
            return self.book.find(id)
        return self.book.cancel(id)

    def remove_lesson(self, name: str) -> None:
        """Take a lesson back: the student is then as if it had never been taught.

        Raises:
            UsageError: there is no such lesson, or another process changes the student.
        """
        self._change(lambda student: remove_lesson(student, name))

    def switch_lesson(self, name: str, *, on: bool) -> None:
        """Switch a lesson on or off.

        Raises:
            UsageError: there is no such lesson, or another process changes the student.
        """
        self._change(lambda student: switch_lessons(student, [name], on=on))

    def _change(self, work: Callable[[StudentFolder], object]) -> None:
        with open_student(self.folder) as student:
            work(student)
        self.student.refresh()

    def _report_end(self, job: Job) -> None:
        words = f"the lesson {job.lesson} is added" if job.state == "added" else job.state
        message = f": {job.message}" if job.message else ""
        cure = f" {describe_cure(job)}" if job.state == "refused" else ""
        self._say(f'"{job.title[:60]}": {words}{message}{cure}')

    def _watch(self) -> None:
        next_s = 0.0
        while not self._closing.wait(WATCH_S):
            now = _read_change_time(self.folder)
            is_new = now != self._seen or (self.fault and time.monotonic() >= next_s)
            if is_new and find_student_owner(self.folder) is None:
                self._seen = now
                start_s = time.monotonic()
                self._refresh()
                end_s = time.monotonic()
                next_s = end_s + FAULT_REST * (end_s - start_s)

    def _refresh(self) -> None:
        try:
            for proof in self.student.refresh():
                self._say(proof.describe())
            self.fault = ""
        except SelfteachError as fault:
            self._report_fault(str(fault))
        except Exception as fault:  # what loading a lesson raises must not end the watching
            self._report_fault(f"{type(fault).__name__}: {get_first_line(fault)}")

    def _report_fault(self, fault: str) -> None:
        """Tell a fault once, however often it comes back before it is over."""
        if fault != self.fault:
            self._say(f"not served: {fault}")
        self.fault = fault


def describe_cure(job: Job) -> str:
    """Return what a client of the server can do about a refused job."""
    address = f"POST /v1/jobs/{job.id}/accept"
    instead = json.dumps({"instead_of": job.worse})
    counts = f" With {instead} the new lesson counts instead of what it weakens."
    return f"{address} adds it all the same.{counts if job.worse else ''}"


def _read_change_time(folder: Path) -> int:
    """Return when the copy of the state was written, which is the last step of a change."""
    try:
        return (folder / STATE_FILE).stat().st_mtime_ns
    except OSError:
        return 0
