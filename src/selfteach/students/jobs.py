"""What somebody said to a student while it was used: each thing said is a job, which teaches it.

    rule        "Answer in one sentence."
    criticism   a comment on one given answer; a follow-up of the user ("shorter, please") is one
    edit        a better answer in place of a given one; edits are collected until they are enough
    edits       the collected edits, taught together

Other long work on a student is a job as well:

    exam        the exams of all lessons that are on, sat again
    export      the student for another program, whose answers are checked

The jobs are a table of the student's database, so they survive every process. What they need
and write is in jobs/ID/ of the student's folder: the material, the run, its output. Those that
came with a copied folder wait until a person confirms them (job_origin.py).
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from selfteach.config.find_preset import list_presets
from selfteach.errors import DataError, IntegrityError, ResourceError, UsageError
from selfteach.files import write_jsonl
from selfteach.records import JsonMapping, JsonObject, Message, Turns, prompt_to_json
from selfteach.run.ledger import DATABASE_FAULTS
from selfteach.run.run_folder import DATABASE_FILE, make_slug
from selfteach.run.student_adapter import quote_student
from selfteach.students.folder import TEACH_CURE, read_student
from selfteach.students.job_origin import describe_foreign_job, make_mark, read_mark
from selfteach.students.state import JOBS_FOLDER
from selfteach.text import clean_text, unify_line_ends

JOB_ID = re.compile(r"job-[0-9a-f]{12}")
EXPORT_WORDS = re.compile(r"--to [a-z][a-z-]* --quant [a-z][a-z0-9_]*( --exam)?")
"""The options of an export: one onto this disk, never to a hub."""
EXPORTS_FOLDER = "exports"
RUN_FOLDER = "run"
LOG_FILE = "log.txt"
RESULT_FILE = "result.json"
EDITS_PER_LESSON = 8
"""With fewer edits of different prompts there are none to learn from and others to be examined on.
"""
MAX_TEXT = 20_000
MAX_OPEN_JOBS = 64
NAME_LENGTH = 40
BUSY_S = 10.0
SCHEMA = """CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)"""
JobKind = Literal["rule", "criticism", "edit", "edits", "exam", "export"]
JobState = Literal[
    "collected", "waiting", "running", "added", "done", "refused", "failed", "cancelled", "removed"
]
OPEN_STATES: Sequence[JobState] = ("collected", "waiting", "running")
"""The states of jobs that something will still happen to, besides a person's wish."""


@dataclass(frozen=True)
class Job:
    """Hold one job.

    Attributes:
        title: what was said, for people.
        settings: the preset or the file of settings; empty for the defaults.
        accept: add the lesson whatever the gate says.
        instead_of: lessons that are then switched off.
        attempts: how many processes have worked on it.
        cancel: somebody wants it to end.
        lesson: the lesson that it became.
        message: why it ended as it did, or what it waits for.
        worse: the lessons that a refused one would have weakened.
        material: the rows of corrections; [] for other jobs.
        options: further words of the command.
        said_in: the mark of the folder in which it was said or confirmed.
    """

    id: str
    kind: JobKind
    title: str
    state: JobState
    settings: str = ""
    accept: bool = False
    attempts: int = 0
    cancel: bool = False
    lesson: str = ""
    message: str = ""
    material: Sequence[JsonMapping] = ()
    options: Sequence[str] = ()
    worse: Sequence[str] = ()
    instead_of: Sequence[str] = ()
    said_in: str = ""
    created_s: float = field(default_factory=time.time)
    changed_s: float = field(default_factory=time.time)

    @property
    def is_open(self) -> bool:
        """Return whether something will still happen to it."""
        return self.state in OPEN_STATES

    @property
    def teaches(self) -> bool:
        """Return whether it may become a lesson."""
        return self.kind not in ("exam", "export")

    def to_json(self) -> JsonObject:
        """Return what people see of it."""
        found = asdict(self)
        del found["material"], found["options"], found["said_in"]
        return found


_JOB = TypeAdapter(Job)
"""How a job is read back."""


def make_rule_job(rule: str, settings: str = "") -> Job:
    """Return a job that teaches a rule.

    Raises:
        DataError: there is no rule, or it is too long.
    """
    text = _read_text(rule, "rule")
    return Job(_make_id(), "rule", text, "waiting", _name_settings(settings))


def _name_settings(settings: str) -> str:
    """Return the name of a preset as it is, and a file by its whole path: the process that goes on
    with the job may begin in another folder.
    """
    is_file = settings and settings not in list_presets("feedback")
    return str(Path(settings).resolve()) if is_file else settings


def make_criticism_job(prompt: Turns, answer: str, criticism: str, *, cut: bool = False) -> Job:
    """Return a job that teaches what a criticism of one answer asks for.

    Args:
        cut: whether the answer stopped before its end.

    Raises:
        DataError: a text is missing or too long.
    """
    words = _read_text(criticism, "criticism")
    row = _make_row(prompt, answer, cut=cut) | {"feedback": words}
    return Job(_make_id(), "criticism", words, "waiting", "criticism", material=[row])


def make_edit_job(prompt: Turns, answer: str, edit: str, *, cut: bool = False) -> Job:
    """Return an edit of one answer, which waits for others.

    Args:
        cut: whether the answer stopped before its end.

    Raises:
        DataError: a text is missing or too long, or the edit changes nothing.
    """
    row = _make_row(prompt, answer, cut=cut) | {"correction": _read_text(edit, "edit")}
    if row["correction"] == row["answer"]:
        raise DataError("the edit changes nothing.", cure="Send an answer that differs.")
    return Job(_make_id(), "edit", row["correction"], "collected", material=[row])


def make_exam_job() -> Job:
    """Return a job that sits the exams of all lessons again."""
    return Job(_make_id(), "exam", "exams of all lessons", "waiting")


def make_export_job(form: str, quant: str, *, exam: bool) -> Job:
    """Return a job that exports the student; with `exam` the file sits the exams."""
    id = _make_id()
    options = ["--to", form, "--quant", quant]
    if exam:
        options.append("--exam")
    return Job(id, "export", f"export {form}", "waiting", options=options)


def _make_row(prompt: Turns, answer: str, *, cut: bool) -> JsonObject:
    if not prompt or prompt[-1].role != "user":
        raise DataError(
            "the last turn before the answer must be the user's.",
            cure="Send the conversation with the question that was answered.",
        )
    for turn in prompt:
        _read_text(turn.content, "prompt")
    row = {"prompt": prompt_to_json(prompt), "answer": _read_text(answer, "answer")}
    return row | ({"cut": True} if cut else {})


def _read_text(text: str, name: str) -> str:
    cleaned = clean_text(unify_line_ends(text)).strip()
    if not cleaned:
        raise DataError(f"{name} is empty.", cure="Send some text.")
    if len(cleaned) > MAX_TEXT:
        raise DataError(f"{name} is longer than {MAX_TEXT:,} characters.", cure="Shorten it.")
    return cleaned


def _make_id() -> str:
    """Return a new id: one that `JOB_ID` fits."""
    return f"job-{uuid.uuid4().hex[:12]}"


def split_conversation(turns: Sequence[Message]) -> tuple[Turns, str]:
    """Return the prompt and the answer of a conversation that ends with the assistant's turn.

    Raises:
        DataError: it does not.
    """
    if len(turns) < 2 or turns[-1].role != "assistant":
        raise DataError(
            "there is no answer yet.", cure="The last message must be the assistant's answer."
        )
    return tuple(turns[:-1]), turns[-1].content


class JobBook:
    """Represent the jobs of one student. Any thread and process may use it at any time."""

    def __init__(self, student: Path) -> None:
        self.student = student
        with self._open() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        path = self.student / DATABASE_FILE
        if not path.exists():
            raise UsageError("is no student.", where=self.student, cure=TEACH_CURE)
        try:
            with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous=FULL")
                yield db
        except DATABASE_FAULTS as fault:
            raise ResourceError(
                f"the jobs cannot be used ({fault}).",
                where=path,
                cure="Check the disk's free space and the permissions of the folder.",
            ) from fault

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def list_jobs(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        with self._open() as db:
            return self._read_jobs(db)

    def _read_jobs(self, db: sqlite3.Connection) -> list[Job]:
        rows = db.execute("SELECT body FROM jobs ORDER BY seq").fetchall()
        return [_read_job(body, self.student) for (body,) in rows]

    def find(self, id: str) -> Job:
        """Return a job.

        Raises:
            UsageError: there is none of this id.
        """
        with self._open() as db:
            row = db.execute("SELECT body FROM jobs WHERE id = ?", (id,)).fetchone()
        return self._read_row(id, row)

    def _read_row(self, id: str, row: tuple[str] | None) -> Job:
        if row is None:
            raise UsageError(
                f"there is no job {id[:80]!r}.",
                cure=f"`selfteach student show {quote_student(self.student)}` names the open ones.",
            )
        return _read_job(row[0], self.student)

    def add(self, job: Job) -> Job:
        """Record a job. The last edit that was missing makes all collected ones a job of their own,
        which is returned.

        Raises:
            ResourceError: too many jobs are open, or the disk is full.
        """
        job = replace(job, said_in=make_mark(self.student))
        with self._change() as db:  # nobody else adds one between the count and the record
            known = self._read_jobs(db)
            if sum(other.state in ("waiting", "running") for other in known) >= MAX_OPEN_JOBS:
                raise ResourceError(
                    f"{MAX_OPEN_JOBS} jobs are open already.", cure="Wait until some have ended."
                )
            if job.kind == "edit":
                own = [other for other in known if other.said_in == job.said_in]
                collected = [other for other in own if other.state == "collected"] + [job]
                prompts = {json.dumps(edit.material[0]["prompt"]) for edit in collected}
                if len(prompts) >= EDITS_PER_LESSON:
                    return self._join_edits(db, job, collected)
                words = f"{len(prompts)} of {EDITS_PER_LESSON} edits; then they are taught together"
                job = replace(job, message=words)
            self.write_material(job)
            _insert(db, job)
        return job

    def _join_edits(self, db: sqlite3.Connection, last: Job, collected: Sequence[Job]) -> Job:
        rows = [edit.material[0] for edit in collected]
        title = f"{len(rows)} edits, the last one: {last.title}"
        joined = Job(
            _make_id(),
            "edits",
            title[:MAX_TEXT],
            "waiting",
            material=rows,
            said_in=last.said_in,
        )
        self.write_material(joined)
        _insert(db, last)
        for edit in collected:
            _write(db, replace(edit, state="cancelled", message=_name_teacher(joined.id)))
        _insert(db, joined)
        return joined

    def fail(self, id: str, message: str) -> Job:
        """Mark a job as failed, and return it. Edits that it should have taught are collected
        again, so the next edit makes a new job of all of them.
        """
        with self._change() as db:
            job = self._change_job(db, id, state="failed", message=message)
            if job.kind == "edits":
                words = f"{id} failed; the next edit begins anew with all of them"
                for edit in self._read_jobs(db):
                    if edit.kind == "edit" and edit.message == _name_teacher(id):
                        self._change_job(db, edit.id, state="collected", message=words)
        return job

    def update(self, id: str, **values: object) -> Job:
        """Change some values of a job, and return it."""
        with self._change() as db:
            return self._change_job(db, id, **values)

    def _change_job(self, db: sqlite3.Connection, id: str, **values: object) -> Job:
        row = db.execute("SELECT body FROM jobs WHERE id = ?", (id,)).fetchone()
        before = self._read_row(id, row)
        job = replace(before, changed_s=time.time(), **values)  # type: ignore[arg-type]
        _write(db, job)
        return job

    def take_next(self) -> Job | None:
        """Mark the oldest waiting job as running, and return it; None if there is none. A job that
        came with the folder goes on waiting, and says so.
        """
        mark = read_mark(self.student)
        for job in self.list_jobs():
            if job.state == "waiting" and is_foreign(job, mark):
                words = describe_foreign_job(self.student)
                if job.message != words:
                    self.update(job.id, message=words)
            elif job.state == "waiting":
                attempts = job.attempts + 1
                return self.update(job.id, state="running", attempts=attempts, message="")
        return None

    def put_back_running(self) -> None:
        """Let the jobs of a process that has ended wait again."""
        for job in self.list_jobs():
            if job.state == "running" and (lesson := self.find_made_lesson(job)):
                self.update(job.id, state="added", lesson=lesson)
            elif job.state == "running":
                state = "cancelled" if job.cancel else "waiting"
                self.update(job.id, state=state)

    def list_foreign(self) -> list[Job]:
        """Return the open jobs that came with the folder, which nobody has confirmed here."""
        mark = read_mark(self.student)
        return [job for job in self.list_jobs() if job.is_open and is_foreign(job, mark)]

    def confirm(self, ids: Sequence[str] = ()) -> list[Job]:
        """Let jobs that came with the folder begin as if they had been said here; return them.

        Args:
            ids: of which jobs; by default of all.

        Raises:
            UsageError: one of them is no such job.
        """
        foreign = {job.id: job for job in self.list_foreign()}
        for id in ids:
            if id not in foreign:
                raise UsageError(
                    f"{id[:80]!r} is no job that waits to be confirmed.",
                    where=self.student,
                    cure=f"`selfteach student show {quote_student(self.student)}` names them.",
                )
        mark = make_mark(self.student)
        confirmed = []
        for id in ids or foreign:
            message = "" if foreign[id].state == "waiting" else foreign[id].message
            confirmed.append(self.update(id, said_in=mark, message=message))
        return confirmed

    def cancel(self, id: str) -> Job:
        """End an open job; what a running one has recorded is kept."""
        job = self.find(id)
        if job.state in ("collected", "waiting"):
            return self.update(id, state="cancelled", cancel=True, message="")
        if job.state == "running":
            return self.update(id, cancel=True)
        return job

    def accept(self, id: str, instead_of: Sequence[str] = ()) -> Job:
        """Add the lesson of a refused job all the same; nothing is trained again.

        Args:
            instead_of: lessons that it weakens, which are switched off: the new one counts. The
                gate then decides about all others; without them it is not asked again.

        Raises:
            UsageError: it was not refused, or does not weaken such a lesson, which may have been
                taken back since.
        """
        job = self.find(id)
        if job.state != "refused":
            raise UsageError(
                f"{id} was not refused: it is {job.state}.",
                cure="Accept a job whose state is refused.",
            )
        lessons = {lesson.name for lesson in read_student(self.student).lessons}
        worse = [name for name in job.worse if name in lessons]
        for name in instead_of:
            if name not in worse:
                known = ", ".join(worse) or "none"
                raise UsageError(
                    f"{id} does not weaken {name[:80]!r}; it weakens: {known}.",
                    cure="Name one of these, or accept it without a name.",
                )
        before = [name for name in job.instead_of if name in lessons]
        return self.update(
            id,
            state="waiting",
            accept=not instead_of,
            instead_of=[*before, *instead_of],
            cancel=False,
            message="",
            said_in=make_mark(self.student),
        )

    def find_refused(self) -> Job | None:
        """Return the newest job that was refused, which can be accepted; None if there is none."""
        return next((job for job in reversed(self.list_jobs()) if job.state == "refused"), None)

    def find_folder(self, job: Job) -> Path:
        """Return the folder of a job."""
        return self.student / JOBS_FOLDER / job.id

    def find_material(self, job: Job) -> Path:
        """Return the file of a job's corrections. Its name becomes that of the lesson."""
        name = make_slug(job.title)[:NAME_LENGTH].strip("-") or job.kind
        return self.find_folder(job) / f"{name}.jsonl"

    def write_material(self, job: Job) -> None:
        """Write the file of corrections of a job that is to be taught."""
        if job.material and job.state == "waiting":
            folder = self.find_folder(job)
            folder.mkdir(parents=True, exist_ok=True)
            write_jsonl(self.find_material(job), job.material)

    def make_command(self, job: Job) -> list[str]:
        """Return the words of the command that does a job. The same words resume it."""
        student = str(self.student.resolve())
        if job.kind == "exam":
            return ["student", "exam", student, "--json"]
        shared = ["--student", student]
        if job.kind == "export":
            out = self.student.resolve() / EXPORTS_FOLDER / job.id
            return ["export", *shared, *job.options, "--out", str(out), "--json"]
        shared += ["--out", str((self.find_folder(job) / RUN_FOLDER).resolve()), "--json"]
        if job.settings:
            self._check_settings(job)
            shared += ["--config", job.settings]
        if job.accept:
            shared.append("--accept")
        for name in job.instead_of:
            shared += ["--instead-of", name]
        if job.kind == "rule":
            return ["feedback", *shared, "--", job.title]
        return ["corrections", str(self.find_material(job).resolve()), *shared]

    def _check_settings(self, job: Job) -> None:
        """Refuse a file of settings that came with the student: it may name a teacher to whom the
        prompts go, or a program.

        Raises:
            IntegrityError: the file is in the student's folder, or has no whole path.
        """
        if job.kind != "rule" or job.settings in list_presets("feedback"):
            return
        path = Path(job.settings)
        if not path.is_absolute() or path.resolve().is_relative_to(self.student.resolve()):
            raise IntegrityError(
                f"{job.id} names settings of the student's own folder ({job.settings[:200]!r}).",
                where=self.student,
                cure="Keep the file elsewhere, and start with it again; or cancel the job.",
            )

    def read_log(self, job: Job, start: int = 0) -> list[str]:
        """Return the lines that the job's processes have printed.

        Args:
            start: how many bytes to leave out: what earlier processes have printed.
        """
        try:
            printed = (self.find_folder(job) / LOG_FILE).read_bytes()[start:]
        except OSError:
            return []
        return [clean_text(line) for line in printed.decode("utf-8", "replace").splitlines()]

    def read_result(self, job: Job) -> JsonObject:
        """Return what the command of a job has printed as JSON; {} where there is nothing yet."""
        return read_result_file(self.find_folder(job) / RESULT_FILE)

    def mark_removed(self, lesson: str) -> None:
        """Let the jobs that became a lesson end as removed: several, if a rule was said twice.

        Refused jobs no longer name the lesson among those that they weaken: nothing can count
        instead of it.
        """
        for job in self.list_jobs():
            if job.state == "added" and job.lesson == lesson:
                self.update(job.id, state="removed")
            if lesson in job.worse:
                self.update(job.id, worse=[name for name in job.worse if name != lesson])

    def mark_lost(self) -> None:
        """Let the jobs end as removed whose lesson is not there: a process was killed between the
        removal and its mark.
        """
        known = {lesson.name for lesson in read_student(self.student).lessons}
        for job in self.list_jobs():
            if job.state == "added" and job.lesson not in known:
                self.update(job.id, state="removed")

    def find_made_lesson(self, job: Job) -> str:
        """Return the lesson that the run of a job has become, or "". A process may be stopped
        between this change and the line that says so.
        """
        run = (self.find_folder(job) / RUN_FOLDER).resolve()
        lessons = read_student(self.student).lessons
        return next((own.name for own in lessons if Path(own.source) == run), "")

    def find_lesson_job(self, lesson: str) -> Job | None:
        """Return the job that became a lesson, or None."""
        for job in reversed(self.list_jobs()):
            if job.state == "added" and job.lesson == lesson:
                return job
        return None


def _read_job(body: str, student: Path) -> Job:
    """Return a job from its row.

    Raises:
        IntegrityError: the row has changed since it was written, or selfteach writes no such row.
    """
    try:
        job = _JOB.validate_json(body)
        place = find_foreign_value(job)
    except ValidationError as fault:
        place = ".".join(map(str, fault.errors()[0]["loc"])) or "its text"
    if place:
        raise IntegrityError(
            f"a job is not as it was written ({place}).",
            where=student / DATABASE_FILE,
            cure="Restore it from a copy; use no student of a stranger with it.",
        )
    return job


def is_foreign(job: Job, mark: str) -> bool:
    """Return whether a job was said elsewhere than in the folder of this mark."""
    return not mark or job.said_in != mark


def find_foreign_value(job: Job) -> str:
    """Return the name of a value that selfteach never gives a job of this kind; "" if there is
    none. A student may come from elsewhere, and its jobs become command lines.
    """
    known = {"criticism": ("", "criticism"), "rule": (job.settings,)}  # of a rule: its own choice
    words = " ".join(job.options)
    if not JOB_ID.fullmatch(job.id):
        return "id"
    if job.settings not in known.get(job.kind, ("",)):
        return "settings"
    if not (EXPORT_WORDS.fullmatch(words) if job.kind == "export" else words == ""):
        return "options"
    return ""


def read_result_file(path: Path) -> JsonObject:
    """Return what a command has printed as JSON; {} where there is nothing to read."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, RecursionError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def list_open_jobs(student: Path) -> list[Job]:
    """Return the jobs of a student that are not over, the oldest first; nothing is written.

    A damaged job is left out: whoever works on the jobs names it.
    """
    path = student / DATABASE_FILE
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT body FROM jobs ORDER BY seq").fetchall()
    except DATABASE_FAULTS:  # nothing was said to it yet, or its database is damaged
        return []
    jobs = []
    for (body,) in rows:
        with suppress(IntegrityError):
            jobs.append(_read_job(body, student))
    return [job for job in jobs if job.is_open]


def _name_teacher(id: str) -> str:
    """Return the message of an edit that is in a job of several edits, however that job ends."""
    return f"in {id}, with other edits"


def _insert(db: sqlite3.Connection, job: Job) -> None:
    db.execute("INSERT INTO jobs (id, body) VALUES (?, ?)", (job.id, json.dumps(asdict(job))))


def _write(db: sqlite3.Connection, job: Job) -> None:
    db.execute("UPDATE jobs SET body = ? WHERE id = ?", (json.dumps(asdict(job)), job.id))
