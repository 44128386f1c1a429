"""The jobs of a student, one after another, each in a process of its own at low priority.

  1  take the lock of the jobs: of several servers and chats on one student, one works
  2  let the jobs of a process that was killed wait again
  3  start the command of the oldest waiting job: it teaches, sits the exams, and the gate decides;
     jobs that came with a copied folder go on waiting, and a line says so
  4  read how it ended: added, refused, failed; or stopped, which resumes it later

The process ends with this one: it watches its standard input (commands/teach_job.py).
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from selfteach.errors import IntegrityError, SelfteachError, UsageError, get_first_line
from selfteach.records import JsonObject
from selfteach.run import lock
from selfteach.students.folder import describe_off
from selfteach.students.job_origin import describe_foreign_jobs
from selfteach.students.jobs import (
    LOG_FILE,
    RESULT_FILE,
    RUN_FOLDER,
    Job,
    JobBook,
    read_result_file,
)
from selfteach.students.state import JOBS_FOLDER

PROGRAM = (sys.executable, "-P", "-m", "selfteach.commands.teach_job")
PLANNER = (sys.executable, "-P", "-m", "selfteach")
POLL_S = 0.2
IDLE_S = 1.0
STOP_S = 60.0
"""How long a process has for its end before it is killed."""
MAX_ATTEMPTS = 3
"""Processes that may die on one job without a message."""
REFUSED_CODE = 1
STOPPED_CODES = (130, -signal.SIGTERM)
IN_USE = "in use by process"
LINE_START = "selfteach: "


class JobRunner:
    """Work on the jobs of a student on a thread, until it is closed.

    Args:
        program: the words before those of a job's command.
        on_change: called after a job has ended, from that thread.
        say: receives a fault that keeps all jobs waiting, such as a full disk, when it begins; and
            what jobs wait for that came with the folder.
    """

    def __init__(
        self,
        book: JobBook,
        on_change: Callable[[Job], object] = lambda job: None,
        program: Sequence[str] = PROGRAM,
        say: Callable[[str], object] = lambda line: None,
    ) -> None:
        self.book = book
        self._on_change = on_change
        self._program = program
        self._say = say
        self._fault = ""
        self._closing = threading.Event()
        self._lock: lock.RunLock | None = None
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """Stop the running job, which resumes with the next runner."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                worked = self._take_lock() and self._run_next()
                self._fault = ""
                if worked:
                    continue
            except (SelfteachError, OSError) as fault:  # a full disk: the jobs wait for room
                self._report(str(fault))
            except Exception as fault:  # whatever one job raises, the others are worked on
                self._report(f"{type(fault).__name__}: {get_first_line(fault)}")
            self._closing.wait(IDLE_S)
        if self._lock is not None:
            self._lock.release()

    def _run_next(self) -> bool:
        """Work on the oldest waiting job; return whether there was one.

        None runs at this moment: what is marked so was left by a process or a fault.
        """
        self.book.put_back_running()  # 2
        job = self.book.take_next()
        if job is not None:
            self.run(job)
        return job is not None

    def _report(self, fault: str) -> None:
        """Tell a fault once, however often it comes back before it is over."""
        if fault != self._fault:
            self._say(f"the jobs wait: {fault}")
        self._fault = fault

    def _take_lock(self) -> bool:
        """Return whether this process works on the jobs (step 1).

        Raises:
            UsageError: a link is among the files of the jobs.
        """
        if self._lock is not None:
            return True
        folder = self.book.student / JOBS_FOLDER
        folder.mkdir(exist_ok=True)
        lock.refuse_links(folder)
        try:
            self._lock = lock.RunLock(folder, "queue of jobs")
        except UsageError:
            return False
        self.book.mark_lost()
        if foreign := self.book.list_foreign():
            self._say(describe_foreign_jobs(self.book.student, len(foreign)))
        return True

    def run(self, job: Job) -> Job:
        """Work on one job, and return it as it ended (steps 3 and 4)."""
        try:
            ended = self._run_and_read_end(job)
        except IntegrityError as fault:  # of this job alone: the others are worked on
            ended = self.book.fail(job.id, str(fault))
        if ended.state == "waiting" and not self._closing.is_set():
            self._closing.wait(IDLE_S)
        self._on_change(ended)
        return ended

    def _run_and_read_end(self, job: Job) -> Job:
        folder = self.book.find_folder(job)
        refuse_links(folder)
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / LOG_FILE
        start = log.stat().st_size if log.exists() else 0
        code = self._run_process(job, folder)
        message = read_last_message(self.book.read_log(job, start))
        return self._read_end(job, folder, code, message)

    def _run_process(self, job: Job, folder: Path) -> int:
        words = [*self._program, *self.book.make_command(job)]
        with (folder / LOG_FILE).open("ab") as log, (folder / RESULT_FILE).open("wb") as out:
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, stderr=log)
            try:
                while process.poll() is None:
                    if self._closing.is_set() or self.book.find(job.id).cancel:
                        _stop(process)
                        break
                    self._closing.wait(POLL_S)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
                assert process.stdin is not None
                process.stdin.close()
        return process.returncode

    def _read_end(self, job: Job, folder: Path, code: int, message: str) -> Job:
        lesson = read_lesson_name(folder / RESULT_FILE)
        words = ""
        if job.teaches and not lesson:
            lesson = self.book.find_made_lesson(job)  # the process was stopped behind the change
            words = message if lesson else ""
        if job.teaches and lesson:
            words = words or describe_off(self.book.student, lesson)
            ended = self.book.update(job.id, state="added", lesson=lesson, message=words)
            shutil.rmtree(folder / RUN_FOLDER, ignore_errors=True)  # the lesson is a copy of it
            return ended
        if self.book.find(job.id).cancel:
            return self.book.update(job.id, state="cancelled", message="")
        if code == 0 and not job.teaches:
            return self.book.update(job.id, state="done", message="")
        refusal = read_refusal(folder / RESULT_FILE)
        if code == REFUSED_CODE and refusal.get("acceptable"):
            words, worse = str(refusal["what"]), list(refusal["worse"])
            return self.book.update(job.id, state="refused", message=words, worse=worse)
        resumable = code in STOPPED_CODES or (code == 2 and IN_USE in message)
        if resumable or (code < 0 and job.attempts < MAX_ATTEMPTS):
            attempts = job.attempts - resumable
            return self.book.update(job.id, state="waiting", attempts=attempts, message=message)
        words = message or f"its process ended with {code}; see {folder / LOG_FILE}"
        return self.book.fail(job.id, words)


def refuse_links(folder: Path) -> None:
    """Refuse a job whose files are links, as those of a student from elsewhere may be: it would
    write where they lead.

    Raises:
        IntegrityError: one of them is a link.
    """
    for path in (folder, *(folder / name for name in (LOG_FILE, RESULT_FILE, RUN_FOLDER))):
        if path.is_symlink():
            raise IntegrityError("is a link.", where=path, cure="Remove it.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C does: everything recorded is kept."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def read_last_message(lines: Sequence[str]) -> str:
    """Return the last line that the program itself has printed, without its name."""
    for line in reversed(lines):
        if line.startswith(LINE_START):
            return line.removeprefix(LINE_START)
    return ""


def read_lesson_name(result: Path) -> str:
    """Return the name of the lesson in the output of a command; "" where there is none."""
    student = read_result_file(result).get("student")
    return str(student.get("lesson") or "") if isinstance(student, dict) else ""


def read_refusal(result: Path) -> JsonObject:
    """Return why the gate refused a lesson, from the output of a command; {} if it did not."""
    refusal = read_result_file(result).get("refused")
    return refusal if isinstance(refusal, dict) else {}


def plan_job(book: JobBook, job: Job, program: Sequence[str] = PLANNER) -> JsonObject:
    """Return what the command of a job would do and cost, in its own words (`--dry-run`). Nothing
    is recorded.

    Raises:
        UsageError: the command refuses it.
    """
    folder = book.find_folder(job)
    try:
        book.write_material(job)
        command, *words = book.make_command(job)
        asked = [*program, command, "--dry-run", *words]
        done = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode:
        words = done.stderr.splitlines()
        raise UsageError(read_last_message(words) or f"the dry run ended with {done.returncode}.")
    found: JsonObject = json.loads(done.stdout)
    return found
