"""Measure the recovery closed book against the number of passages that one run learns.

    python -m bench.passages squad_passages.jsonl runs/curve --counts 4 16 48 96
        [--set train.epochs=2 ...]
    python -m bench.passages --runs runs/t1 runs/t2

The first form teaches the first N passages of a file (rows with people's questions), each N in a
run of its own. The same command continues unfinished runs and keeps finished ones.

Both forms print a row for each run: passages, questions, and the shares answered by the base, with
the passage in the prompt, and by the tuned model. The row ends with the recovery and its interval,
which resamples passages with all their questions where that is wider. Other rows have the common
questions lost and the seconds. A second table has the shares on the questions about the passages
that all runs share, so that its rows have the same exam.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import selfteach
from selfteach.statistics import recovery, share

ARMS = ("base", "prompted", "tuned")
ALL = "exam.questions=100000"
"""Every question is in the exam, so that all runs have the same ones about shared passages."""
HEAD = "passages  questions       base  open book     taught  recovery"


@dataclass(frozen=True)
class FinishedRun:
    """Hold the exam of one run, its seconds, and the right answers.

    Attributes:
        right: for each document and each held-out question about it, the arms that answer it.
    """

    exam: dict[str, Any]
    right: dict[str, list[dict[str, bool]]]
    seconds: float


def read_run(folder: Path) -> FinishedRun:
    """Read a finished run of documents."""
    run = selfteach.open_run(folder)
    exam = dict(run.exam.raw)
    answers = {}
    for row in exam["answers"]:
        if row["scope"] == "target":
            arms = {arm: row["arms"][arm]["ok"] for arm in ARMS}
            answers[row["prompt"], " / ".join(row["gold"])] = arms
    right: dict[str, list[dict[str, bool]]] = {}
    for document in exam["map"]:
        questions = [q for chunk in document["chunks"] for q in chunk["questions"]]
        right[document["document"]] = [
            answers[q["question"], q["answer"]] for q in questions if q["held_out"]
        ]
    return FinishedRun(exam, right, run.result["seconds"])


def format_row(run: FinishedRun, documents: Sequence[str]) -> str:
    """Return a row of the table: the questions about these documents."""
    asked = [(id, question) for id in documents for question in run.right.get(id, [])]
    places = [id for id, _ in asked]
    questions = [question for _, question in asked]
    flags: dict[str, list[bool]] = {arm: [] for arm in ARMS}
    for question in questions:
        for arm in ARMS:
            flags[arm].append(question[arm])
    shares = "  ".join(f"{100 * share(flags[arm]).value:7.0f} %" for arm in ARMS)
    found = recovery(flags["tuned"], flags["prompted"], flags["base"], places)
    cell = "    - (open book helps by less than .1)"
    if found:
        cell = f"{found.value:5.2f} [{found.low:.2f}, {found.high:.2f}]"
    return f"{len(run.right):8}  {len(questions):9}  {shares}  {cell}"


def format_cost(run: FinishedRun) -> str:
    """Return a row with the seconds of the run and its side effects."""
    exam = run.exam
    lost = exam["common_loss"]["value"]
    damage = exam["damage"]["value"]
    drift = f", drift {exam['drift']['kl_nats']['value']:.3f} nats" if "drift" in exam else ""
    return (
        f"{len(run.right):8}  {run.seconds:,.0f} s; common questions lost {lost:+.2f}, "
        f"damage {damage:.2f}{drift}"
    )


def format_tables(runs: Sequence[FinishedRun]) -> str:
    """Return both tables, the run with the fewest passages first."""
    ordered = sorted(runs, key=lambda run: len(run.right))
    lines = [HEAD]
    lines += [format_row(run, sorted(run.right)) for run in ordered]
    lines += [format_cost(run) for run in ordered]
    shared = sorted(set.intersection(*(set(run.right) for run in ordered)))
    if len(ordered) > 1 and shared:
        lines += [f"The questions about the {len(shared)} passages that all share:", HEAD]
        lines += [format_row(run, shared) for run in ordered]
    return "\n".join(lines)


def teach(file: Path, folder: Path, count: int, sets: Sequence[str]) -> Path:
    """Teach the first `count` passages of a file and return the run's folder.

    The same call continues an unfinished run and does nothing to a finished one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"first-{count}.jsonl"
    run = folder / f"run-{count}"
    with file.open(encoding="utf-8", newline="\n") as lines:
        part.write_text("".join(islice(lines, count)), "utf-8", newline="\n")
    selfteach.documents(part, out=run, sets=[ALL, *sets])
    return run


def main(arguments: Sequence[str] | None = None) -> str:
    """Teach the runs of the first form, print the tables and return them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--counts", nargs="+", type=int, default=[4, 16, 48, 96])
    parser.add_argument("--set", action="append", default=[], dest="sets")
    parser.add_argument("--runs", nargs="+", type=Path, default=[])
    given = parser.parse_args(arguments)
    if not given.runs and not given.folder:
        parser.error("give a file and a folder, or --runs")
    folders = list(given.runs)
    if given.folder:
        folders += [teach(given.file, given.folder, count, given.sets) for count in given.counts]
    tables = format_tables([read_run(folder) for folder in folders])
    print(tables)
    return tables


if __name__ == "__main__":
    main()
