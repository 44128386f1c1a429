"""The state of a student: what its database holds, and what follows from it.

lesson      one run: its adapter, examples, exam and card, copied into the student
beside      another adapter of a lesson, trained while other lessons were on
sitting     the exams of all lessons that are on, after one change of the student
part        an adapter that the student's own adapter is made of
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

from pydantic import TypeAdapter, ValidationError, with_config

from selfteach.errors import IntegrityError, UsageError
from selfteach.records import JsonMapping, JsonObject, Measure
from selfteach.registry import did_you_mean
from selfteach.run.student_adapter import PARTS
from selfteach.text import clean_text

CellState = Literal["kept", "weakened", "lost", "not examined"]
LESSONS_FOLDER = "lessons"
CONSOLIDATED_FOLDER = "consolidated"
BESIDE_FOLDER = "beside"
JOBS_FOLDER = "jobs"
FOLDER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
FORMAT = 2
"""The version of the form of a student's folder."""
READABLE = (1, FORMAT)
"""The versions that are read: a cell of the first one has no `needless` and `near`."""
SCORING = 2
"""How the cells of a sitting are scored. In the first way each wording of a rule's occasion counted
as a question; such a sitting is sat again before another one is compared with it.
"""


@with_config(extra="forbid")
@dataclass(frozen=True)
class Trace:
    """Name a lesson of which an adapter may carry traces."""

    name: str
    identity: str


@with_config(extra="forbid")
@dataclass(frozen=True)
class Beside:
    """Name the adapter of a lesson that was trained beside other lessons.

    Attributes:
        lessons: those that were on meanwhile, and those that they carried traces of.
    """

    folder: str
    adapter_sum: str
    lessons: tuple[Trace, ...]


@with_config(extra="forbid")
@dataclass(frozen=True)
class Lesson:
    """Hold one lesson of a student.

    Attributes:
        name: what a person types; also the lesson's folder.
        kind: the method that taught it.
        title: the rule, or the name of the material.
        identity: the hash of the run's settings and material.
        adapter_sum: the SHA-256 of the tensors of the adapter that was trained alone.
        source: the run folder that it was copied from.
        on: whether the student's adapter contains it.
        beside: the adapter that counts in its place among the others, if it was trained beside
            them.
    """

    name: str
    kind: str
    title: str
    identity: str
    adapter_sum: str
    source: str
    on: bool = True
    beside: Beside | None = None

    @property
    def alone(self) -> Part:
        """Return its adapter that was trained alone."""
        return Part(f"{LESSONS_FOLDER}/{self.name}/adapter", self.adapter_sum)

    @property
    def part(self) -> Part:
        """Return its adapter among the others."""
        if self.beside:
            return Part(self.beside.folder, self.beside.adapter_sum)
        return self.alone


@with_config(extra="forbid")
@dataclass(frozen=True)
class Cell:
    """Hold the exam of one lesson at one time.

    Attributes:
        score: the mean score of the held-out questions, in [0, 1].
        fall: the score of the lesson alone minus this one, paired by question.
        gain: this score minus the base's, paired by question.
        drift_nats: KL(base || student) on general answers; None where the exam has no such answers.
        needless: the share of answers that have the rule's effect where the rule does not ask for
            it; None where the exam does not measure it.
        needless_alone: the same of the lesson alone.
        near: the share of answers to near prompts that are not degraded.
        near_alone: the same of the lesson alone.
        verdict: the word of the verdict.
        reason: why the lesson was not examined, or "".
    """

    state: CellState
    score: Measure | None = None
    fall: Measure | None = None
    gain: Measure | None = None
    drift_nats: float | None = None
    verdict: str = ""
    reason: str = ""
    needless: Measure | None = None
    needless_alone: Measure | None = None
    near: Measure | None = None
    near_alone: Measure | None = None


@with_config(extra="forbid")
@dataclass(frozen=True)
class MatrixColumn:
    """Hold the exams after one change: a column of the matrix of lessons and time.

    Attributes:
        change: what was done, for people: "added brief".
        parts: the sums of the parts that the student was made of.
        scoring: how the cells are scored, see `SCORING`; a sitting that names none is of the first
            way.
    """

    change: str
    parts: tuple[str, ...]
    cells: dict[str, Cell]
    scoring: int = 1


@with_config(extra="forbid")
@dataclass(frozen=True)
class Consolidated:
    """Name one adapter that was trained on the examples of several lessons."""

    folder: str
    adapter_sum: str
    lessons: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Name an adapter of the student's composition: its folder in the student, and its sum."""

    folder: str
    adapter_sum: str


@dataclass(frozen=True)
class StudentState:
    """Hold everything that the student's database holds.

    Attributes:
        base: the name of the base model.
        fingerprint: the base's fingerprint.
        sittings: in the order of time.
        consolidated: the adapter that stands for several lessons, if there is one.
    """

    base: str
    fingerprint: str
    lessons: tuple[Lesson, ...] = ()
    sittings: tuple[MatrixColumn, ...] = ()
    consolidated: Consolidated | None = None
    format: int = FORMAT

    def check_base(self, fingerprint: str, where: object = "") -> None:
        """Refuse a base that is not the one that the student began with.

        Raises:
            IntegrityError: its fingerprint is another one.
        """
        if fingerprint != self.fingerprint:
            raise IntegrityError(
                f"the base {self.base} has changed since the student began (fingerprint "
                f"{self.fingerprint[:12]}, now {fingerprint[:12]}).",
                where=where,
                cure="Bring the old base back; a new base needs a new student.",
            )

    def list_on(self) -> list[Lesson]:
        """Return the lessons that the student's adapter contains."""
        return [lesson for lesson in self.lessons if lesson.on]

    def list_parts(self) -> list[Part]:
        """Return the adapters whose sum the student is: the consolidated one, and then each other
        lesson that is on.
        """
        inside: Sequence[str] = ()
        parts = []
        if self.consolidated:
            inside = self.consolidated.lessons
            parts.append(Part(self.consolidated.folder, self.consolidated.adapter_sum))
        for lesson in self.list_on():
            if lesson.name not in inside:
                parts.append(lesson.part)
        return parts

    def list_part_sums(self) -> tuple[str, ...]:
        """Return the sums of the parts: two students with the same sums are the same model."""
        return tuple(part.adapter_sum for part in self.list_parts())

    def find_lesson(self, name: str) -> Lesson:
        """Return the lesson of this name.

        Raises:
            UsageError: there is none.
        """
        known = {lesson.name: lesson for lesson in self.lessons}
        if name not in known:
            cure = did_you_mean(name, known) if known else "It has no lessons yet."
            raise UsageError(f'there is no lesson "{name}".', cure=cure)
        return known[name]

    def find_sitting(self) -> MatrixColumn | None:
        """Return the newest exams of the student as it is now; None if they were not sat. A run
        that was added again has another name, and the exams of its earlier one do not count.
        """
        sums = self.list_part_sums()
        on = {lesson.name for lesson in self.list_on()}
        for sitting in reversed(self.sittings):
            if sitting.parts == sums and on.issuperset(sitting.cells):
                return sitting
        return None

    def add(self, lesson: Lesson) -> StudentState:
        """Return the state with one more lesson."""
        return replace(self, lessons=(*self.lessons, lesson))

    def remove(self, name: str) -> StudentState:
        """Return the state as if this lesson had never been taught, apart from the sittings."""
        gone = self.find_lesson(name)
        lessons = tuple(lesson for lesson in self.lessons if lesson is not gone)
        return self._keep_whole_consolidated(lessons)

    def replace_lesson(self, lesson: Lesson) -> StudentState:
        """Return the state with this lesson in place of the one of its name."""
        before = self.find_lesson(lesson.name)
        lessons = tuple(lesson if own is before else own for own in self.lessons)
        return replace(self, lessons=lessons)

    def list_carriers(self, name: str) -> list[Lesson]:
        """Return the lessons that were trained beside this one, so they carry traces of it."""
        identity = self.find_lesson(name).identity
        found = []
        for lesson in self.lessons:
            traces = lesson.beside.lessons if lesson.beside else ()
            if identity in [trace.identity for trace in traces]:
                found.append(lesson)
        return found

    def list_traces(self, lesson: Lesson) -> list[str]:
        """Return the names of lessons that are gone and of which this one carries traces."""
        known = {own.identity for own in self.lessons}
        traces = lesson.beside.lessons if lesson.beside else ()
        return [trace.name for trace in traces if trace.identity not in known]

    def switch(self, names: Iterable[str], *, on: bool) -> StudentState:
        """Return the state with these lessons on or off."""
        chosen = {self.find_lesson(name).name for name in names}
        lessons = []
        for lesson in self.lessons:
            lessons.append(replace(lesson, on=on) if lesson.name in chosen else lesson)
        return self._keep_whole_consolidated(tuple(lessons))

    def record(self, change: str, cells: dict[str, Cell]) -> StudentState:
        """Return the state with one more sitting of the student as it is in this state."""
        sitting = MatrixColumn(change, self.list_part_sums(), cells, SCORING)
        return replace(self, sittings=(*self.sittings, sitting))

    def _keep_whole_consolidated(self, lessons: tuple[Lesson, ...]) -> StudentState:
        """Return the state with these lessons. A consolidated adapter holds all of its lessons or
        does not count, because none of them can be taken out of it.
        """
        on = {lesson.name for lesson in lessons if lesson.on}
        kept = self.consolidated
        if kept and not on.issuperset(kept.lessons):
            kept = None
        return replace(self, lessons=lessons, consolidated=kept)

    def to_json(self) -> JsonObject:
        """Return what the database holds. The sums of the parts are for `check_student_adapter`,
        which knows no students; they are not read back.
        """
        return asdict(self) | {PARTS: list(self.list_part_sums())}

    @staticmethod
    def from_json(row: JsonMapping) -> StudentState:
        """Return the state of a row of `to_json`.

        Raises:
            UsageError: another version of selfteach made it.
            IntegrityError: a name in it is a path, or it has another form.
        """
        if row.get("format") not in READABLE:
            raise UsageError(
                "was made by another version of selfteach.",
                cure="Use that version, or teach a new student.",
            )
        absent = [part.name for part in fields(StudentState) if part.name not in row]
        if absent:  # without its lessons the folders of these would be removed
            raise _make_state_fault(absent[0])
        try:
            state = _STATE.validate_python({**row, "format": FORMAT})
        except ValidationError as fault:
            place = ".".join(map(str, fault.errors()[0]["loc"]))
            raise _make_state_fault(place) from fault
        state._refuse_paths()
        return state

    def _refuse_paths(self) -> None:
        """Refuse names that lead out of the student's folder, which may come from elsewhere.

        Raises:
            IntegrityError: there is one.
        """
        names = [lesson.name for lesson in self.lessons]
        names += [lesson.identity for lesson in self.lessons]
        folders = [(BESIDE_FOLDER, own.beside.folder) for own in self.lessons if own.beside]
        if self.consolidated:
            folders.append((CONSOLIDATED_FOLDER, self.consolidated.folder))
        for expected, folder in folders:
            top, _, rest = folder.partition("/")
            names.append(rest.removesuffix("/adapter") if top == expected else "")
        for name in names:
            if not FOLDER_NAME.fullmatch(name):
                raise IntegrityError(
                    f"{name[:80]!r} is no name of a lesson.", cure="Do not use this student."
                )


_STATE = TypeAdapter(StudentState)
"""How a state is read back."""


def _make_state_fault(place: str) -> IntegrityError:
    """Return the error of a row that is no state; `place` is the part at fault."""
    return IntegrityError(
        f"is not the state of a student ({clean_text(place)[:80]}).",
        cure="Restore it from a copy, or teach a new student.",
    )
