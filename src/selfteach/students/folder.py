"""A student's folder, which can be copied: the database, the lessons, and what follows from them.

    students/anna/
      student.db      SQLite: the state, the record. One row, so that a change is whole or absent
      student.json    the same for people; read where the database is missing
      lessons/NAME/   a copy of the lesson's run folder
      beside/ID/      the adapter of a lesson that was trained beside others
      adapter/        a PEFT adapter: the exact sum of the lessons that are on
      config.yaml, manifest.json    the base, and the sums: `--run students/anna` takes the folder
      report.html     the matrix of lessons and time
      exams/NAME/     the answers of exams that were sat again; it may be deleted

The files of a lesson are there before the database names it, and are removed after it names it no
longer. What the database does not name is a leftover of a killed process, and is removed when the
folder is opened. Everything else follows from the state and is written again where it is not whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from selfteach.config import ResolvedConfig
from selfteach.config.methods import find_settings
from selfteach.disk import convert_disk_errors
from selfteach.errors import (
    IntegrityError,
    RequirementNotMet,
    ResourceError,
    SelfteachError,
    UsageError,
)
from selfteach.files import hash_file, make_folder, place_folder, read_own_json, write_text
from selfteach.models.check_safety import TENSORS_FILE
from selfteach.models.fetch_default_model import EMBEDDED
from selfteach.records import JsonMapping, JsonObject
from selfteach.run import finished
from selfteach.run.finished import ADAPTER_FOLDER, REPORT_FILE
from selfteach.run.ledger import Ledger
from selfteach.run.lock import LOCK_FILE, RunLock, find_lock_owner
from selfteach.run.manifest import MANIFEST_FILE, read_manifest, write_manifest
from selfteach.run.run_folder import CONFIG_FILE, DATABASE_FILE, EXPORTS, STATE_FILE
from selfteach.run.signals import delay_interrupts
from selfteach.run.student_adapter import PARTS, STATE_NOTE, quote_student
from selfteach.run.sums import check_files, list_broken
from selfteach.students.state import (
    BESIDE_FOLDER,
    CONSOLIDATED_FOLDER,
    JOBS_FOLDER,
    LESSONS_FOLDER,
    Lesson,
    Part,
    StudentState,
)

STUDENTS_FOLDER = Path("students")
EXAMS_FOLDER = "exams"
TRAINING_RUNS = "training"
"""The folder of the trainings of a change that is not committed yet."""
DAMAGED_CURE = f"Remove student.db: the state is then read from {STATE_FILE} beside it."
TEACH_CURE = 'Teach one: selfteach feedback "..." --student NAME'
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def find_student_folder(name: str | Path) -> Path:
    """Return the folder of a student: a name stands below students/, a path for itself.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(name, Path) or "/" in name:
        return Path(name)
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a student.",
            where="--student",
            cure="Use letters, digits, dots and hyphens, or give a path with a slash.",
        )
    return STUDENTS_FOLDER / name


def name_in_command(folder: Path) -> str:
    """Return a student as the commands of its page name it: by its name where it stands in a folder
    of students, else by its folder.
    """
    is_named = folder.parent.name == STUDENTS_FOLDER.name and NAME.fullmatch(folder.name)
    return folder.name if is_named else quote_student(folder)


def list_students(below: Path = STUDENTS_FOLDER) -> list[Path]:
    """Return the folders of all students below a folder, by name."""
    if not below.is_dir():
        return []
    return sorted(path for path in below.iterdir() if is_student(path))


def is_student(folder: Path) -> bool:
    """Return whether a folder holds a student. One whose state cannot be read is one, too: what
    reads it names the damage.
    """
    try:
        return _read_state(folder) is not None
    except SelfteachError:
        return True


def read_student(folder: Path) -> StudentState:
    """Return the state of a student; the folder is not changed.

    Raises:
        UsageError: there is no student.
        IntegrityError: its database is damaged.
    """
    found = _read_state(folder)
    if found is None:
        known = ", ".join(path.name for path in list_students())
        cure = f"Known: {known}." if known else TEACH_CURE
        raise UsageError("is no student.", where=folder, cure=cure)
    return found


def describe_off(student: Path, name: str) -> str:
    """Return what is to be said of a lesson that was there already and is off; "" if it is on."""
    if name not in [lesson.name for lesson in read_student(student).lessons if not lesson.on]:
        return ""
    command = f"selfteach student on {quote_student(student)} {name}"
    return f"{name} is a lesson already, and is off; `{command}` switches it on"


def choose_base(folder: Path, model: str | None) -> str:
    """Return the name of a student's base; of a new student the model, by default the embedded one.

    Raises:
        UsageError: the model is not the student's base.
    """
    if not is_student(folder):
        return name_base(model or EMBEDDED)
    base = read_student(folder).base
    if model is not None and name_base(model) != name_base(base):
        raise UsageError(
            f"the student's base is {base}, not {model}.",
            where=folder,
            cure=f"Leave --model out or give --model {base}; another base needs another student.",
        )
    return base


def name_base(model: str) -> str:
    """Return the name of a model for every working folder: of a local folder its whole path."""
    path = Path(os.path.expanduser(model))  # raises nothing for the home of nobody
    return str(path.resolve()) if model != EMBEDDED and path.is_dir() else model


def _read_state(folder: Path) -> StudentState | None:
    database = folder / DATABASE_FILE
    if database.exists():
        with closing(Ledger(database, readonly=True, cure=DAMAGED_CURE)) as ledger:
            row = ledger.get_note(STATE_NOTE)
        if row:
            return StudentState.from_json(row)
    if (folder / STATE_FILE).exists():
        cure = "Restore it from a copy, or teach a new student."
        return StudentState.from_json(read_own_json(folder / STATE_FILE, cure))
    return None


class StoppedAfterChange(KeyboardInterrupt):
    """Report an interruption behind a change of a student, which is made and stays.

    Attributes:
        change: what was done, for people: "added brief".
    """

    def __init__(self, change: str) -> None:
        self.change = change
        super().__init__(change)


class StudentFolder:
    """Represent the open folder of a student, which one process at a time changes.

    Attributes:
        state: what the database holds.
        change: the newest change since it was opened, or "".
    """

    def __init__(self, path: Path, state: StudentState, ledger: Ledger) -> None:
        self.path = path
        self.state = state
        self.change = ""
        self._ledger = ledger

    def commit(self, state: StudentState, change: str) -> None:
        """Make a state the student's, in one transaction, and write what follows from it.

        Raises:
            ResourceError: the disk is full. Where the change is made already, the message says so.
            IntegrityError: as ResourceError, for an adapter that is not the one that was taught. A
                change that brings an adapter in is not made then; one that takes some away is.
        """
        with delay_interrupts():
            if not set(state.list_parts()) <= set(self.state.list_parts()):
                self.check_parts(state)
            self.write_state(state, change)
            try:
                self.restore()
            except (IntegrityError, ResourceError) as fault:
                raise type(fault)(
                    f"the change is made ({change}), but what follows from it is not written: "
                    f"{fault.what}",
                    where=fault.where,
                    cure=f"{fault.cure} The next command that changes the student writes it.",
                ) from fault

    def write_state(self, state: StudentState, change: str) -> None:
        """Make a state the student's, and write nothing that follows from it."""
        self._ledger.record_event("change", {"what": change})
        self._ledger.set_note(STATE_NOTE, state.to_json())
        self.state = state
        self.change = change

    def restore(self) -> list[str]:
        """Remove what the state does not name, and write what is not whole; return what was written
        again, for people.

        Raises:
            IntegrityError: an adapter of a lesson is not the one that was taught. The student's
                own is then not written and counts as stale; everything else is written.
        """
        with convert_disk_errors(self.path):
            self._remove_leftovers()
            return self._write_derived()

    def check_parts(self, state: StudentState | None = None) -> list[Part]:
        """Return the parts of a state, by default the student's own.

        Raises:
            IntegrityError: the adapter of one is not the one that was taught.
        """
        parts = (state or self.state).list_parts()
        for part in parts:
            find_part(self.path, part)
        return parts

    @contextmanager
    def compose(self, state: StudentState) -> Iterator[Path]:
        """Yield a folder with the adapter of a state of this student, for the time of the block."""
        with self._make_scratch("compose") as folder:
            with convert_disk_errors(folder):
                write_sum(self.path, self.check_parts(state), folder)
            yield folder

    @contextmanager
    def place_folder(self, name: str) -> Iterator[Path]:
        """Yield an empty folder; it becomes the folder `name` at the end of the block.

        It is a leftover until a committed state names it.
        """
        path = self.path / name
        with convert_disk_errors(path), self._make_scratch("place") as fresh:
            yield fresh
            shutil.rmtree(path, ignore_errors=True)
            make_folder(path.parent)
            place_folder(fresh, path)

    def place_adapter(
        self, adapter: Path, below: str, prepare: Callable[[Path], object] = lambda folder: None
    ) -> Part:
        """Copy a trained adapter into the student, and return it as a part. Its place has the name
        of its sum, so it never takes that of an adapter that the state names.

        Args:
            below: the folder of such adapters.
            prepare: called with the copy before it gets its place.
        """
        adapter_sum = hash_file(adapter / TENSORS_FILE)
        part = Part(f"{below}/{adapter_sum[:16]}/adapter", adapter_sum)
        if not has_part(self.path, part):
            with self.place_folder(part.folder) as folder:
                shutil.copytree(adapter, folder, dirs_exist_ok=True)
                prepare(folder)
        return part

    @contextmanager
    def _make_scratch(self, name: str) -> Iterator[Path]:
        folder = self.path / f".{name}.new"
        with convert_disk_errors(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def remove_training_runs(self) -> None:
        """Remove the trainings of a change that is committed."""
        shutil.rmtree(self.path / TRAINING_RUNS, ignore_errors=True)

    def _remove_leftovers(self) -> None:
        """Remove half-written files, and folders that the state does not name. A single file among
        them is another program's, as .DS_Store is, and stays.
        """
        for path in [*self.path.glob(".*.tmp"), *self.path.glob(".*.new")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        named = {f"{LESSONS_FOLDER}/{lesson.name}" for lesson in self.state.lessons}
        if self.state.consolidated:
            named.add(str(Path(self.state.consolidated.folder).parent))
        beside = [lesson.beside for lesson in self.state.lessons if lesson.beside]
        named |= {str(Path(trained.folder).parent) for trained in beside}
        for below in (LESSONS_FOLDER, CONSOLIDATED_FOLDER, BESIDE_FOLDER):
            for path in (self.path / below).glob("*"):
                if path.is_dir() and f"{below}/{path.name}" not in named:
                    shutil.rmtree(path)

    def _write_derived(self) -> list[str]:
        """Write adapter/, config.yaml, manifest.json, student.json and report.html where they are
        not those of the state.
        """
        state = self.state
        written = []
        fault = None
        if not self._has_own_adapter():
            # Without the manifest first: a killed process leaves an adapter that counts as stale.
            (self.path / MANIFEST_FILE).unlink(missing_ok=True)
            try:
                self._write_adapter()
                written.append(ADAPTER_FOLDER)
            except IntegrityError as found:
                fault = found
        config = f"model: {json.dumps(state.base)}\n"
        if _read_text(self.path / CONFIG_FILE) != config:
            write_text(self.path / CONFIG_FILE, config)
            written.append(CONFIG_FILE)
        text = json.dumps(state.to_json(), ensure_ascii=False, indent=2) + "\n"
        is_new = _read_text(self.path / STATE_FILE) != text
        if is_new or written or not (self.path / REPORT_FILE).exists():
            from selfteach.report.student_page import write_student_page

            # The page before the state's copy: a killed process leaves one that counts as stale.
            typed = name_in_command(self.path)
            write_student_page(self.path, describe_student(self.path, state), typed)
            write_text(self.path / STATE_FILE, text)
            if not fault:
                self._write_manifest()
        if fault:
            raise fault
        return written

    def _has_own_adapter(self) -> bool:
        """Return whether adapter/ is whole, and the sum of the state's parts."""
        facts = _read_manifest(self.path)
        if facts.get(PARTS) != list(self.state.list_part_sums()):
            return False
        states = check_files(self.path, facts.get(EXPORTS) or {}, ADAPTER_FOLDER)
        return not list_broken(states)

    def _write_adapter(self) -> None:
        target = self.path / ADAPTER_FOLDER
        parts = self.check_parts()
        if not parts:
            shutil.rmtree(target, ignore_errors=True)
            return
        with self.place_folder(ADAPTER_FOLDER) as fresh:
            write_sum(self.path, parts, fresh)

    def _write_manifest(self) -> None:
        files = [path for path in (self.path / ADAPTER_FOLDER).rglob("*") if path.is_file()]
        files.append(self.path / CONFIG_FILE)
        sums: JsonObject = {}
        for file in sorted(files):
            entry = {"bytes": file.stat().st_size, "sha256": hash_file(file)}
            sums[str(file.relative_to(self.path))] = entry
        facts = {
            "kind": "student",
            "base_model": self.state.base,
            "models": {"base": self.state.fingerprint},
            PARTS: list(self.state.list_part_sums()),
            EXPORTS: sums,
        }
        write_manifest(self.path / MANIFEST_FILE, facts)


def find_lesson_folder(student: StudentFolder, lesson: Lesson) -> Path:
    """Return the folder of a lesson."""
    return student.path / LESSONS_FOLDER / lesson.name


def read_settings(student: StudentFolder, lesson: Lesson) -> ResolvedConfig:
    """Return the settings of the run of a lesson."""
    return finished.resolve_settings(
        find_lesson_folder(student, lesson), find_settings(lesson.kind)
    )


def find_part(student: Path, part: Part) -> Path:
    """Return the folder of an adapter of a student.

    Raises:
        IntegrityError: it is not the one that was taught.
    """
    if not has_part(student, part):
        raise IntegrityError(
            f"{part.folder}/{TENSORS_FILE} is not the adapter that was taught.",
            where=student,
            cure="Bring the file back, or remove the lesson and teach it again.",
        )
    return student / part.folder


def has_part(student: Path, part: Part) -> bool:
    """Return whether a student has an adapter, as it was taught."""
    file = student / part.folder / TENSORS_FILE
    return file.is_file() and hash_file(file) == part.adapter_sum


def write_sum(student: Path, parts: list[Part], folder: Path) -> Path:
    """Write the exact sum of adapters into an empty folder, and return it.

    One part is copied as it is, so that a student of one lesson is that lesson, bit for bit.
    """
    places = [student / part.folder for part in parts]
    if len(places) == 1:
        shutil.copytree(places[0], folder, dirs_exist_ok=True)
        return folder
    from selfteach.train.adapters.join_loras import join_loras

    return join_loras(places, folder)


@contextmanager
def open_student(
    path: Path,
    create: Callable[[], StudentState] | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Iterator[StudentFolder]:
    """Open a student for changes, alone, and bring its folder in order.

    Args:
        create: returns the state of a new student, where there is none; without it, one is needed.
            A new student whose first lesson the block refuses is removed with the folder, if that
            is new, too.
        say: receives a line where a file was written again, and one about a damaged adapter of a
            lesson: the student opens all the same, so that the lesson can be taken back.

    Raises:
        UsageError: there is no student, or another process changes it.
        IntegrityError: the database is damaged.
        ResourceError: the disk is full.
        StoppedAfterChange: an interruption of the block behind a change.
    """
    if create is None:
        read_student(path)
    elif not is_student(path) and path.exists() and (not path.is_dir() or _list_strangers(path)):
        raise UsageError(
            "holds other files and no student.", where=path, cure="Give another --student."
        )
    with ExitStack() as stack:
        with convert_disk_errors(path):
            is_new_folder = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
            lock = RunLock(path, "student")
        stack.callback(lock.release)
        state = _read_state(path)
        is_new = state is None
        if state is None:
            assert create is not None
            if is_new_folder:
                stack.push(lambda kind, fault, trace: _remove_refused(path, fault))
            state = create()
        ledger = Ledger(path / DATABASE_FILE, cure=DAMAGED_CURE)
        stack.callback(ledger.close)
        student = StudentFolder(path, state, ledger)
        if ledger.get_note(STATE_NOTE) is None:
            student.write_state(state, "began")
        _restore(student, (lambda line: None) if is_new else say)
        student.change = ""
        try:
            yield student
        except KeyboardInterrupt as stop:
            if not student.change:
                raise
            raise StoppedAfterChange(student.change) from stop


def _restore(student: StudentFolder, say: Callable[[str], object]) -> None:
    """Bring the folder of a student in order, and say what was not."""
    try:
        for name in student.restore():
            say(f"{name} was not that of the student's lessons: it is written again")
    except IntegrityError as fault:
        say(f"the student's adapter cannot be written: {fault}")


def _remove_refused(path: Path, fault: BaseException | None) -> None:
    """Remove a new student whose first lesson was refused.

    Behind another fault the same command goes on with it: exams may have been sat. A student for
    which somebody has begun jobs meanwhile stays.
    """
    if not isinstance(fault, RequirementNotMet | UsageError) or (path / JOBS_FOLDER).exists():
        return
    state = _read_state(path)
    if state is None or not state.lessons:
        shutil.rmtree(path, ignore_errors=True)


def _list_strangers(folder: Path) -> list[str]:
    """Return what a folder holds beside the first files of a student."""
    own = (LOCK_FILE, DATABASE_FILE)
    return [path.name for path in folder.iterdir() if not path.name.startswith(own)]


def find_student_owner(folder: Path) -> int | None:
    """Return the pid of the process that changes this student now, or None."""
    return find_lock_owner(folder)


def describe_student(folder: Path, state: StudentState) -> JsonObject:
    """Return what `--json` prints of a student, and what its page shows.

    `exams` is the column of `matrix` for the lessons that are on now; None if none is. `removed`
    names the lessons of a column that were taken back since.
    """
    sitting = state.find_sitting()
    lessons = []
    for lesson in state.lessons:
        row: dict[str, Any] = {
            "name": lesson.name,
            "kind": lesson.kind,
            "title": lesson.title,
            "on": lesson.on,
            "folder": str(folder / LESSONS_FOLDER / lesson.name),
            "source": lesson.source,
            "beside": [trace.name for trace in lesson.beside.lessons] if lesson.beside else [],
            "traces_of": state.list_traces(lesson),
        }
        lessons.append(row)
    columns = []
    exams = None
    kept = {lesson.name for lesson in state.lessons}
    for number, past in enumerate(state.sittings, start=1):
        cells = {name: asdict(cell) for name, cell in past.cells.items()}
        removed = [name for name in cells if name not in kept]
        columns.append({"change": past.change, "cells": cells, "removed": removed})
        if past is sitting:
            exams = {"number": number, **columns[-1]}
    has_parts = bool(state.list_parts())
    return {
        "student": str(folder),
        "base": state.base,
        "adapter": str(folder / ADAPTER_FOLDER) if has_parts else None,
        "lessons": lessons,
        "consolidated": list(state.consolidated.lessons) if state.consolidated else [],
        "examined": exams is not None,
        "exams": exams,
        "matrix": columns,
        "report": str(folder / REPORT_FILE),
    }


def _read_manifest(folder: Path) -> JsonMapping:
    try:
        return read_manifest(folder)
    except IntegrityError:
        return {}


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
