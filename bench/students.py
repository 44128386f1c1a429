"""Measure what lessons keep of each other when their adapters are added up.

    python -m bench.students RUN RUN ... [--out build/student] [--only-last]

1. Every run becomes a lesson of one student; no gate refuses it.
2. After the second lesson, and after each further one, the exams of all lessons are sat again.
3. For each exam: the score and the share of the score alone that is kept, needless effects, near
   answers that are not degraded, and the general drift; alone, and in the student.

The exams are those that the runs recorded. The sum does not depend on the order of the lessons,
apart from rounding. The same command goes on after a stop.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from selfteach.run.display import Display, open_display
from selfteach.students.examine import name_lesson_source, open_models
from selfteach.students.folder import StudentFolder, open_student
from selfteach.students.gate import read_exam_scores
from selfteach.students.lessons import begin_state, copy_run, find_lesson_of_run, make_lesson
from selfteach.students.sit_again import sit_exam_again
from selfteach.students.state import StudentState

HEAD = (
    "| lessons | lesson | base | alone | in the student | kept | needless | near | KL, nats |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def add_runs(student: StudentFolder, runs: Sequence[Path]) -> None:
    """Make runs lessons of a student, whatever a gate would say (step 1)."""
    for run in runs:
        if find_lesson_of_run(student.state, run) is None:
            lesson = make_lesson(student.state, run, "")
            copy_run(student, run, lesson)
            student.commit(student.state.add(lesson), f"added {lesson.name}")


def list_states(student: StudentFolder, only_last: bool) -> Iterator[StudentState]:
    """Yield the states of the student with its first two lessons, its first three, ..."""
    names = [lesson.name for lesson in student.state.lessons]
    first = len(names) if only_last else 2
    for count in range(first, len(names) + 1):
        yield student.state.switch(names[count:], on=False)


def measure(student: StudentFolder, state: StudentState, display: Display) -> list[dict[str, Any]]:
    """Return a row for each lesson that is on (steps 2 and 3)."""
    lessons = state.list_on()
    rows = []
    with student.compose(state) as adapter:
        models = open_models(student, state, lessons, adapter)
        for lesson in lessons:
            source = name_lesson_source(student, lesson)
            alone, now = sit_exam_again(source, models, display)
            row = {"lessons": len(lessons), "lesson": lesson.name}
            row |= compare(lesson.kind, alone, now)
            rows.append(row)
            print(format_row(row), flush=True)
    return rows


def compare(kind: str, alone: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of an exam, alone and in the student."""
    scores = [read_exam_scores(kind, exam) for exam in (alone, now)]
    before, after = (sum(own.tuned) / len(own.tuned) for own in scores)
    return {
        "base": sum(scores[0].base) / len(scores[0].base),
        "alone": before,
        "in the student": after,
        "kept": after / before if before else None,
        "verdict": [own.verdict for own in scores],
        "needless": [read_share(exam, "needless") for exam in (alone, now)],
        "near": [read_share(exam, "near") for exam in (alone, now)],
        "kl_nats": [own.drift_nats for own in scores],
    }


def read_share(exam: Mapping[str, Any], name: str) -> float | None:
    """Return a share of the tuned model's answers; None where the exam has no such answers."""
    measure = (exam.get(name) or {}).get("tuned")
    return measure["value"] if isinstance(measure, Mapping) and "value" in measure else None


def format_row(row: Mapping[str, Any]) -> str:
    """Return a row of the table for people; pairs are "alone -> in the student"."""
    cells = [str(row["lessons"]), row["lesson"]]
    cells += [f"{row[key]:.0%}" for key in ("base", "alone", "in the student")]
    cells.append("-" if row["kept"] is None else f"{row['kept']:.0%}")
    for key, form in (("needless", ".1%"), ("near", ".0%"), ("kl_nats", ".4f")):
        pair = ["-" if value is None else format(value, form) for value in row[key]]
        cells.append(" -> ".join(pair))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, print a table, and at the end one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, help="keep the student here; a stopped command goes on")
    parser.add_argument(
        "--only-last", action="store_true", help="sit the exams once, with all lessons"
    )
    given = parser.parse_args()
    if len(given.runs) < 2:
        parser.error("one lesson alone is its run; give two runs or more")
    display = open_display()
    scratch = tempfile.TemporaryDirectory() if given.out is None else nullcontext(given.out)
    with scratch as folder:
        create = partial(begin_state, given.runs[0])
        with open_student(Path(folder), create) as student:
            add_runs(student, given.runs)
            print(HEAD, flush=True)
            rows = []
            for state in list_states(student, given.only_last):
                rows += measure(student, state, display)
    print(json.dumps(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
