"""Judge by reading whether the tasks of a run are valid: draw some, fill in five answers, sum up.

    python -m bench.validity draw RUN drawn.jsonl [--tasks 100] [--seed 0]
    python -m bench.validity sum drawn.jsonl

`draw` writes tasks at random, one instance each, with the five questions as empty fields. Write
"yes" or "no" into each and change nothing else. `sum` prints one JSON object: the share of yes for
each question, and of tasks whose instruction, input and output are all valid, with Wilson's 95 %
intervals.

Source: Self-Instruct (arXiv 2212.10560), section 3.3 and table 2: `valid_task` (there 92 %),
`fitting_input` (79 %), `right_output` (58 %), all three (54 %), of 200 tasks by GPT-3. The other
two are from its remark that most wrong outputs have the right form or are right in part; it has no
figure for them.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfteach.errors import DataError, UsageError
from selfteach.files import write_jsonl
from selfteach.materials.tasks import Task, read_tasks
from selfteach.records import JsonMapping, JsonObject, measures_to_json
from selfteach.statistics import share

QUESTIONS = {
    "valid_task": "Is the instruction a task that can be done?",
    "fitting_input": "Does the input fit the instruction? An empty one fits where none is needed.",
    "right_output": "Is the output a right and acceptable answer to instruction and input?",
    "right_form": "Has the output at least the form that is asked for?",
    "partly_right": "Is the output right at least in part?",
}
ALL_VALID = ("valid_task", "fitting_input", "right_output")
"""The questions that must all be answered with yes for a valid task, as in the paper."""
WORDS = {"yes": True, "y": True, "no": False, "n": False}


def draw_tasks(tasks: Sequence[Task], count: int, seed: int) -> list[JsonObject]:
    """Return rows for tasks at random, each with one of its instances and empty answers.

    Raises:
        UsageError: there are too few tasks with an instance.
    """
    whole = [task for task in tasks if task.instances]
    if len(whole) < count:
        raise UsageError(
            f"the run has {len(whole)} tasks with an instance, fewer than {count}.",
            cure=f"Give --tasks {len(whole)}." if whole else "Give a run that invented tasks.",
        )
    dice = random.Random(seed)
    rows: list[JsonObject] = []
    for task in dice.sample(whole, count):
        case = dice.choice(task.instances)
        text = {"instruction": task.instruction, "input": case.input, "output": case.output}
        rows.append({"id": task.id, **text, **dict.fromkeys(QUESTIONS, "")})
    return rows


def read_answers(row: JsonMapping, where: str) -> dict[str, bool]:
    """Return the five answers of a row.

    Raises:
        DataError: one is missing, or is neither yes nor no.
    """
    found = {}
    for name, question in QUESTIONS.items():
        word = str(row.get(name, "")).strip().lower()
        if word not in WORDS:
            raise DataError(
                f'"{name}" is "{word}". {question}',
                where=where,
                cure='Write "yes" or "no".',
            )
        found[name] = WORDS[word]
    return found


def sum_up(rows: Sequence[JsonMapping], file: str = "") -> dict[str, Any]:
    """Return the share of yes for each question, and of tasks that are valid in all their fields.

    Raises:
        DataError: an answer is missing, or there is no row.
    """
    if not rows:
        raise DataError("has no rows.", where=file, cure="Draw some tasks first.")
    answers = [read_answers(row, f"{file}:{number}") for number, row in enumerate(rows, 1)]
    found: dict[str, Any] = {"tasks": len(answers)}
    for name in QUESTIONS:
        found[name] = share([own[name] for own in answers])
    found["all_valid"] = share([all(own[name] for name in ALL_VALID) for own in answers])
    return found


def main(arguments: Sequence[str] | None = None) -> JsonObject:
    """Draw tasks, or sum up a filled file; print and return what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    draw = commands.add_parser("draw")
    draw.add_argument("run", type=Path)
    draw.add_argument("out", type=Path)
    draw.add_argument("--tasks", type=int, default=100)
    draw.add_argument("--seed", type=int, default=0)
    filled = commands.add_parser("sum")
    filled.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "sum":
        found: JsonObject = measures_to_json(sum_up(read_rows(given.file), str(given.file)))
        print(json.dumps(found))
        return found
    if given.out.exists():
        raise UsageError(f"{given.out} is there already.", cure="Name another file.")
    tasks = read_tasks(given.run / "tasks.jsonl").seeds
    rows = draw_tasks(tasks, given.tasks, given.seed)
    write_jsonl(given.out, rows)
    for name, question in QUESTIONS.items():
        print(f"{name}: {question}")
    return {"tasks": len(rows), "of": len(tasks)}


def read_rows(file: Path) -> list[JsonObject]:
    """Return the rows of a filled file."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]


if __name__ == "__main__":
    main()
