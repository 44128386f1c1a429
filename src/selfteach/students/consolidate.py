"""Consolidate a student: one adapter, trained from the untouched base on the examples of all its
lessons.

  1  read the objectives of each lesson's kinds of examples from the record of its run
  2  rewrite the examples, so that none breaks a rule of another lesson that holds for every answer
     (rewrite_examples.py); a lesson of which that leaves less than half is refused
  3  count an example of several lessons once: lessons of equal settings have equal anchors
  4  choose at most EXAMPLES of them, evenly over the lessons, and join them breadth first: the
     first one of every lesson, then the second one, ...
  5  train one adapter from the base, with the settings of the first lesson, as many epochs as the
     lesson with the most had; where that gives each lesson too few steps, with more epochs, and at
     least half of each one anchors
  6  sit all exams with it; keep it only if no lesson becomes worse

Rank and size stay those of one lesson, and the time that of EXAMPLES, however many lessons there
are. The lessons keep their own adapters: when one is removed or switched off, the student is their
sum again.

Source: 2607.11020, where retraining from the base, breadth first, kept what one growing adapter
lost.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

from selfteach.errors import UsageError
from selfteach.records import Example, digest
from selfteach.run.display import Display
from selfteach.run.run_folder import Run
from selfteach.run.student_adapter import quote_student
from selfteach.select.evenly import choose_evenly, share_out
from selfteach.students.demands import read_demand
from selfteach.students.examine import Examine, load_base
from selfteach.students.folder import StudentFolder
from selfteach.students.gate import LessonRefused, list_objections
from selfteach.students.lessons import sit_missing_exams
from selfteach.students.rewrite_examples import Rewritten, rewrite_lessons
from selfteach.students.state import CONSOLIDATED_FOLDER, Cell, Consolidated, Lesson
from selfteach.students.training import (
    LessonExamples,
    join_breadth_first,
    open_training_run,
    read_lesson_examples,
    train_again,
)

MAX_LOST = 0.5
"""So large a share of a lesson's examples may be left out, because they break another's rule."""
EXAMPLES = 4096
"""Examples of all lessons together: those of about eight rules. The time does not grow further."""
HELD_SHARE = 0.5
"""The least share of anchors where there are more epochs than any lesson had: they drift."""
STEPS_PER_LESSON = 16
"""The least number of steps for each lesson. Twenty facts kept 81 % with 6, 97 % with 17."""


def consolidate(
    student: StudentFolder, examine: Examine, display: Display, *, accept: bool = False
) -> dict[str, Cell]:
    """Train one adapter on all lessons that are on, and keep it if no lesson becomes worse.

    The same command goes on after an interruption.

    Raises:
        UsageError: fewer than two lessons are on.
        LessonRefused: a lesson became worse, or contradicts another one; the student is as before.
        IntegrityError: the run of a lesson did not record how it was trained.
    """
    lessons = student.state.list_on()
    if len(lessons) < 2:
        raise UsageError(
            "fewer than two lessons are on, so there is nothing to join.",
            where=student.path,
            cure="Teach another one first.",
        )
    before = sit_missing_exams(student, examine)
    name = digest(
        ["consolidated", "rewritten", EXAMPLES, *(lesson.adapter_sum for lesson in lessons)]
    )[:16]
    command = f"selfteach student consolidate {quote_student(student.path)}"
    with open_training_run(student, "consolidate", name, lessons, command) as run:
        adapter = train_together(student, lessons, run, display, accept=accept)
        part = student.place_adapter(adapter, CONSOLIDATED_FOLDER)
    names = tuple(lesson.name for lesson in lessons)
    made = Consolidated(part.folder, part.adapter_sum, names)
    after = replace(student.state, consolidated=made)
    cells = examine(student, after)  # 6
    objections = list_objections(before, cells)
    if objections and not accept:
        raise LessonRefused(
            f"not consolidated: {'; '.join(objections)}.",
            where=student.path,
            cure="The student is as before. The same command with --accept keeps it all the same.",
            lesson="",
            cells=cells,
        )
    student.commit(after.record("consolidated", cells), "consolidated")
    student.remove_training_runs()
    return cells


def train_together(
    student: StudentFolder,
    lessons: Sequence[Lesson],
    run: Run,
    display: Display,
    *,
    accept: bool = False,
) -> Path:
    """Train one adapter on the examples of all lessons (steps 1 to 5), and return its folder.

    Raises:
        LessonRefused: a lesson contradicts another one, and that is not accepted.
    """
    base = load_base(student.state)
    own = []
    for lesson in lessons:
        own.append(read_lesson_examples(student, lesson))  # 1
    demands = [read_demand(student, lesson) for lesson in lessons]
    rewritten = rewrite_lessons(own, demands)  # 2
    for lesson, one in zip(lessons, rewritten, strict=True):
        if one.num_changed or one.num_left_out:
            display.print_line(describe_rewriting(lesson.name, one))
    if not accept:
        refuse_contradiction(student, lessons, rewritten)
    own = [replace(a, examples=b.examples) for a, b in zip(own, rewritten, strict=True)]
    fresh = drop_repeats(own)  # 3
    chosen = choose_examples(fresh, EXAMPLES)  # 4
    examples = list(join_breadth_first(chosen))
    objectives: dict[str, Mapping[str, float]] = {}
    for part in own:
        objectives |= part.objectives
    settings = merge_settings(own, examples)
    train = own[0].train.model_copy(update=settings)
    for part in own:
        for line in describe_missed_shares(part, examples, train.min_share):
            display.print_line(line)
    together = LessonExamples(examples, objectives, train)
    return train_again(run, student, base, together, display)  # 5


def describe_rewriting(name: str, found: Rewritten) -> str:
    """Return what became of the examples of a lesson, in one line."""
    return (
        f"{name}: {found.num_changed} of its examples are changed and {found.num_left_out} left "
        "out, because they break a rule of another lesson"
    )


def refuse_contradiction(
    student: StudentFolder, lessons: Sequence[Lesson], rewritten: Sequence[Rewritten]
) -> None:
    """Refuse lessons most of whose examples break a rule of another lesson, whatever is changed.

    Raises:
        LessonRefused: there is one.
    """
    for lesson, found in zip(lessons, rewritten, strict=True):
        if found.num_lost > MAX_LOST * found.num_taught:
            raise LessonRefused(
                f"not consolidated: {found.num_lost} of the {found.num_taught} examples of "
                f'"{lesson.name}" break a rule of another lesson, and no small change mends them.',
                where=student.path,
                cure="The student is as before. Teach both as one rule, or switch one off; with "
                "--accept it is trained on what is left.",
                lesson=lesson.name,
            )


def drop_repeats(lessons: Sequence[LessonExamples]) -> list[list[Example]]:
    """Return the examples of each lesson without those that an earlier one has with the same
    objectives.
    """
    objectives: dict[str, Mapping[str, float]] = {}
    for lesson in lessons:
        objectives |= {**lesson.objectives, **lesson.train.weights}
    known: set[Hashable] = set()
    fresh = []
    for lesson in lessons:
        keys = []
        for one in lesson.examples:
            weights = objectives[one.kind]
            keys.append((frozenset(weights.items()), one.turns, one.chosen, one.rejected))
        is_new = [key not in known for key in keys]
        fresh.append(list(compress(lesson.examples, is_new)))
        known.update(keys)
    return fresh


def choose_examples(lessons: Sequence[Sequence[Example]], count: int) -> list[list[Example]]:
    """Return at most `count` examples of all lessons together, in their order.

    Each lesson has the same share; what a small one cannot give, the larger ones share. Within a
    lesson each kind keeps its share.
    """
    chosen = []
    shares = share_out([len(examples) for examples in lessons], count)
    for examples, share in zip(lessons, shares, strict=True):
        by_kind = sorted(range(len(examples)), key=lambda place: examples[place].kind)
        chosen.append([examples[place] for place in sorted(choose_evenly(by_kind, share))])
    return chosen


def merge_settings(
    lessons: Sequence[LessonExamples], examples: Sequence[Example]
) -> dict[str, object]:
    """Return the settings that belong to kinds of examples, of all lessons, and the epochs.

    Args:
        examples: those that are trained on, of all lessons.

    There are as many epochs as the lesson with the most had: a rule with a condition wants more
    than others (docs/log/2026-11-rules.md). Lessons of few examples, which share their anchors,
    need more, and then HELD_SHARE anchors (docs/log/2026-11-students.md). Every epoch has all rows,
    because a kind that one lesson sees once another one may need more often.
    """
    weights: dict[str, object] = {}
    for lesson in lessons:
        weights |= lesson.train.weights
    epochs = max(map(count_epochs, lessons))
    shares: dict[str, float] = {}
    batch_size = lessons[0].train.batch_size
    wanted = STEPS_PER_LESSON * len(lessons)
    rows = len(examples)
    if epochs * rows < wanted * batch_size:
        held = Counter(example.kind for example in examples if example.role == "hold")
        num_held = held.total()
        if 0 < num_held < HELD_SHARE * rows:
            shares = {kind: HELD_SHARE * count / num_held for kind, count in held.items()}
            rows = math.ceil((rows - num_held) / (1 - HELD_SHARE))
        epochs = max(epochs, math.ceil(wanted / math.ceil(rows / batch_size)))
    return {
        "weights": weights,
        "min_share": shares,
        "once": [],
        "epochs": epochs,
        "max_steps": 0,
    }


def describe_missed_shares(
    lesson: LessonExamples, examples: Sequence[Example], shares: Mapping[str, float]
) -> list[str]:
    """Return a line for each kind of example of a lesson that has less than its own least share.

    A kind without examples is left out: those of another lesson are the same.

    Args:
        examples: those that are trained on, of all lessons.
        shares: the least shares in the training of all; with them anchors are half of each epoch.
    """
    if shares:
        return []
    own = {example.kind for example in lesson.examples}
    counts = Counter(example.kind for example in examples if example.kind in own)
    lines = []
    for kind, least in lesson.train.min_share.items():
        share = counts[kind] / max(counts.total(), 1)
        if 0 < share < least:
            lines.append(
                f"{kind}: {share:.0%} of the lesson's examples, which its own training repeated to "
                f"{least:.0%} (train.min_share); here each counts once"
            )
    return lines


def count_epochs(lesson: LessonExamples) -> int:
    """Return how often a lesson saw its examples; where it had `max_steps`, in so many steps."""
    train = lesson.train
    if not train.max_steps:
        return train.epochs
    return math.ceil(train.max_steps * train.batch_size / max(len(lesson.examples), 1))
