"""Measure what lessons keep of each other: added up, trained beside each other, consolidated.

    python -m bench.students RUN RUN ... --out DIR [--order 3,1,2 ...] [--each-step] [--beside]
                             [--consolidate] [--table-only]

1. Every run becomes a lesson of one student; no gate refuses it.
2. stacked: the adapters that were trained alone are added up, in each order. The sum does not
   depend on the order, apart from rounding; with `--each-step` the sums of the first two lessons,
   the first three, ... are examined too, which do.
3. beside: in each order every lesson is trained beside those before it, by a student of its own.
4. consolidated: one adapter is trained on the examples of all.
5. After each, the exams of all lessons are sat again. Every lesson is compared with itself alone:
   the share of its score that is kept, needless effects, near answers that are not degraded, and
   the general drift, KL(base || student), on answers that no lesson's rule asks to change. Lessons
   have the names of the runs' folders.

The exams are those that the runs recorded; alone, the run's own answers are graded again. The same
command goes on after a stop: every finished row and every answer is kept in DIR. Further orders may
be added; another order of the same number needs another DIR.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from selfteach.files import write_text
from selfteach.run.display import Display, open_display
from selfteach.students.beside import train_beside
from selfteach.students.consolidate import consolidate
from selfteach.students.demands import breaks_any, list_demands
from selfteach.students.examine import name_lesson_source, open_models
from selfteach.students.folder import StudentFolder, open_student
from selfteach.students.gate import read_exam_scores
from selfteach.students.lessons import begin_state, copy_run, find_lesson_of_run, make_lesson
from selfteach.students.sit_again import sit_exam_again
from selfteach.students.state import Cell, StudentState

HEAD = (
    "| how | lesson | base | score | of alone | needless | more than alone | near kept | "
    "less than alone | KL, nats | verdict |\n|---|---|---|---|---|---|---|---|---|---|---|"
)
ALONE = "alone"
CONSOLIDATED = "consolidated"
ROWS_FILE = "rows.json"
ORDERS_FILE = "orders.json"
"""The runs of each arrangement that DIR was measured with."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Arrangement:
    """Name a way to have several lessons at once.

    Attributes:
        name: the first column of the table.
        student: the folder of the student that has it, below DIR.
        order: the runs by number, from 0, in the order in which they are lessons.
    """

    name: str
    student: str
    order: Sequence[int]


class RowFile:
    """Keep finished rows in a file, by the name of the arrangement and the lesson."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = json.loads(path.read_text()) if path.exists() else []

    def find(self, how: str, lesson: str) -> Row | None:
        """Return a finished row, or None."""
        for row in self.rows:
            if (row["how"], row["lesson"]) == (how, lesson):
                return row
        return None

    def add(self, row: Row) -> None:
        """Keep a row, and print it."""
        self.rows.append(row)
        write_text(self.path, json.dumps(self.rows, indent=1))
        print(format_row(row), flush=True)


def list_arrangements(
    orders: Sequence[Sequence[int]], *, each_step: bool, beside: bool, consolidated: bool
) -> list[Arrangement]:
    """Return what is measured, in the order of the table."""
    found = []
    for number, order in enumerate(orders, start=1):
        steps = range(2, len(order)) if each_step else ()
        for count in (*steps, len(order)):
            name = f"stacked, order {number}, {count} lessons"
            found.append(Arrangement(name, "stacked", order[:count]))
    if beside:
        for number, order in enumerate(orders, start=1):
            found.append(Arrangement(f"beside, order {number}", f"beside-{number}", order))
    if consolidated:
        found.append(Arrangement(CONSOLIDATED, "stacked", orders[0]))
    return found


def add_runs(
    student: StudentFolder, runs: Sequence[Path], display: Display, *, beside: bool
) -> None:
    """Make runs lessons of a student, whatever a gate would say (steps 1 and 3)."""
    for run in runs:
        if find_lesson_of_run(student.state, run) is None:
            lesson = make_lesson(student.state, run, run.name)
            copy_run(student, run, lesson)
            if beside:
                lesson = train_beside(student, student.state, lesson, display=display)
            student.commit(student.state.add(lesson), f"added {lesson.name}")


def choose_state(student: StudentFolder, runs: Sequence[Path]) -> StudentState:
    """Return the state of a student with these runs alone, in this order, as the sum of them."""
    lessons = []
    for run in runs:
        lesson = find_lesson_of_run(student.state, run)
        assert lesson is not None, f"{run} is a lesson"
        lessons.append(lesson)
    return replace(student.state, lessons=tuple(lessons), consolidated=None)


def ensure_consolidated(student: StudentFolder, display: Display) -> StudentState:
    """Return the state with one adapter for all lessons, which is trained if need be (step 4)."""
    if student.state.consolidated is None:
        consolidate(student, _examine_nothing, display, accept=True)
    return student.state


def _examine_nothing(student: StudentFolder, state: StudentState) -> dict[str, Cell]:
    return {}


def measure(
    student: StudentFolder, state: StudentState, how: str, kept: RowFile, display: Display
) -> None:
    """Sit the exams of all lessons of a state that are not measured yet (step 5)."""
    missing = [own for own in state.list_on() if kept.find(how, own.name) is None]
    if not missing:
        return
    with student.compose(state) as adapter:
        models = open_models(student, state, missing, adapter)
        demands = list_demands(student, state.list_on())
        for lesson in missing:
            source = name_lesson_source(student, lesson)
            alone, now = sit_exam_again(source, models, display, partial(breaks_any, demands))
            if kept.find(ALONE, lesson.name) is None:
                kept.add(describe_exam(ALONE, lesson.name, lesson.kind, alone))
            kept.add(describe_exam(how, lesson.name, lesson.kind, now))


def describe_exam(how: str, lesson: str, kind: str, exam: Mapping[str, Any]) -> Row:
    """Return the numbers of one exam. Shares are in [0, 1]; None stands for "not examined"."""
    scores = read_exam_scores(kind, exam)
    return {
        "how": how,
        "lesson": lesson,
        "base": sum(scores.base) / len(scores.base),
        "score": sum(scores.tuned) / len(scores.tuned),
        "needless": read_share(exam, "needless"),
        "near": read_share(exam, "near"),
        "kl_nats": scores.drift_nats,
        "verdict": scores.verdict,
    }


def read_share(exam: Mapping[str, Any], name: str) -> float | None:
    """Return a share of the tuned model's answers; None where the exam has no such answers."""
    measure = (exam.get(name) or {}).get("tuned")
    return measure["value"] if isinstance(measure, Mapping) and "value" in measure else None


def compare_with_alone(row: Row, alone: Row) -> Row:
    """Return the row with what it has of the lesson alone: a share, and differences of shares."""

    def subtract(name: str, sign: int) -> float | None:
        if row[name] is None or alone[name] is None:
            return None
        return sign * (float(row[name]) - float(alone[name]))

    return row | {
        "of alone": row["score"] / alone["score"] if alone["score"] else None,
        "more needless": subtract("needless", 1),
        "less near": subtract("near", -1),
    }


def find_worst(how: str, rows: Sequence[Row]) -> Row:
    """Return a row with the worst number of each column among the lessons of an arrangement, and
    how many of them are below the base.
    """

    def choose(name: str, best: Any) -> Any:
        values = [row[name] for row in rows if row.get(name) is not None]
        return best(values) if values else None

    below = sum(row["score"] < row["base"] for row in rows)
    return {
        "how": how,
        "lesson": "worst",
        "base": None,
        "score": choose("score", min),
        "of alone": choose("of alone", min),
        "needless": choose("needless", max),
        "more needless": choose("more needless", max),
        "near": choose("near", min),
        "less near": choose("less near", max),
        "kl_nats": choose("kl_nats", max),
        "verdict": f"{below} below the base",
    }


def iterate_table(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the rows of the table: the lessons of each arrangement, and then the worst numbers."""
    alone = {row["lesson"]: row for row in rows if row["how"] == ALONE}
    for how in dict.fromkeys([ALONE, *(row["how"] for row in rows)]):
        own = [row for row in rows if row["how"] == how]
        if how != ALONE:
            own = [compare_with_alone(row, alone[row["lesson"]]) for row in own]
        yield from own
        yield find_worst(how, own)


def format_row(row: Row) -> str:
    """Return a row of the table for people."""
    forms = (
        ("base", ".0%"),
        ("score", ".0%"),
        ("of alone", ".0%"),
        ("needless", ".1%"),
        ("more needless", "+.1%"),
        ("near", ".0%"),
        ("less near", "+.1%"),
        ("kl_nats", ".4f"),
    )
    cells = [row["how"], row["lesson"]]
    for key, form in forms:
        value = row.get(key)
        cells.append("" if value is None else format(value, form))
    return f"| {' | '.join([*cells, row['verdict']])} |"


def read_order(text: str, count: int) -> list[int]:
    """Return the numbers of runs, from 0, of an order such as "3,1,2".

    Raises:
        ValueError: it does not name every run once.
    """
    numbers = [int(word) - 1 for word in text.split(",")]
    if sorted(numbers) != list(range(count)):
        raise ValueError(f"{text}: name each of the {count} runs once, from 1 to {count}")
    return numbers


def note_orders(runs: Sequence[Path], arrangements: Sequence[Arrangement], folder: Path) -> None:
    """Note the runs of each arrangement.

    Raises:
        SystemExit: the folder has one of them with other runs, or in another order.
    """
    path = folder / ORDERS_FILE
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    asked = {own.name: [runs[number].name for number in own.order] for own in arrangements}
    for name, order in asked.items():
        if (earlier := known.get(name, order)) != order:
            raise SystemExit(f"{folder} has {name!r} of {', '.join(earlier)}; name another folder")
    write_text(path, json.dumps(known | asked, indent=1))


def measure_all(
    runs: Sequence[Path], arrangements: Sequence[Arrangement], folder: Path, display: Display
) -> list[Row]:
    """Measure what is not measured yet, and return all rows."""
    note_orders(runs, arrangements, folder)
    kept = RowFile(folder / ROWS_FILE)
    for arrangement in arrangements:
        chosen = [runs[number] for number in arrangement.order]
        create = partial(begin_state, runs[0])
        with open_student(folder / arrangement.student, create) as student:
            beside = arrangement.student != "stacked"
            add_runs(student, chosen if beside else runs, display, beside=beside)
            if arrangement.name == CONSOLIDATED:
                state = ensure_consolidated(student, display)
            else:
                state = choose_state(student, chosen)
            measure(student, state, arrangement.name, kept, display)
    return kept.rows


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, help="keep everything here, and go on")
    parser.add_argument(
        "--order", action="append", metavar="N,N", help="an order of the runs, from 1; as given"
    )
    parser.add_argument("--each-step", action="store_true", help="examine the first lessons too")
    parser.add_argument("--beside", action="store_true", help="train each beside those before it")
    parser.add_argument("--consolidate", action="store_true", help="train one adapter for all")
    parser.add_argument("--table-only", action="store_true", help="print what is measured already")
    given = parser.parse_args()
    if len(given.runs) < 2:
        parser.error("one lesson alone is its run; give two runs or more")
    try:
        orders = [read_order(text, len(given.runs)) for text in given.order or ()]
    except ValueError as fault:
        parser.error(str(fault))
    arrangements = list_arrangements(
        orders or [list(range(len(given.runs)))],
        each_step=given.each_step,
        beside=given.beside,
        consolidated=given.consolidate,
    )
    given.out.mkdir(parents=True, exist_ok=True)
    rows = RowFile(given.out / ROWS_FILE).rows
    if not given.table_only:
        rows = measure_all(given.runs, arrangements, given.out, open_display())
    print(f"\n{HEAD}")
    for row in iterate_table(rows):
        print(format_row(row))
    print(json.dumps(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
