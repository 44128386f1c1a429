"""How much is recovered closed book, against how many passages are taught at once.

    python -m bench.passages squad_passages.jsonl runs/curve --counts 4 16 48 96 [--set
    train.epochs=2 ...] python -m bench.passages --runs runs/t1 runs/t2

The first form teaches the first N passages of a file (rows with people's questions), each N in a
run of its own; a run that is done, or half done, is taken up where it is. Both forms print a row
for each run: passages, questions, the shares answered by the base, with the passage in the prompt
and taught, the recovery with its interval; what is lost elsewhere, and the seconds; and once more
the shares on the questions about the passages that all runs share, which is the curve of one and
the same exam.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import selfteach
from selfteach.statistics import recovery, share

ARMS = ("base", "prompted", "taught")
ALL = "exam.questions=100000"
"""Every question is asked, so that all runs are asked the same ones about the passages that they
share.
"""


@dataclass(frozen=True)
class FinishedRun:
    """One run: its exam, and which held-out questions each arm answers, by the document that they
    are about.
    """

    exam: dict[str, Any]
    right: dict[str, list[dict[str, bool]]]
    seconds: float


def read_run(folder: Path) -> FinishedRun:
    """A finished run of documents."""
    run = selfteach.open_run(folder)
    exam = dict(run.exam.raw)
    asked = {
        (row["prompt"], " / ".join(row["gold"])): row["arms"]
        for row in exam["answers"]
        if row["scope"] == "target"
    }
    right: dict[str, list[dict[str, bool]]] = {}
    for told in exam["map"]:
        questions = [
            (q["question"], q["answer"])
            for chunk in told["chunks"]
            for q in chunk["questions"]
            if q["held_out"]
        ]
        right[told["document"]] = [
            {arm: not asked[one][arm]["broken"] for arm in ARMS} for one in questions
        ]
    return FinishedRun(exam, right, run.result["seconds"])


def format_row(run: FinishedRun, documents: Sequence[str]) -> str:
    """A row of the table: the questions about these documents."""
    rows = [row for id in documents for row in run.right.get(id, [])]
    shares = [share([row[arm] for row in rows]) for arm in ARMS]
    found = recovery(*([row[arm] for row in rows] for arm in ("taught", "prompted", "base")))
    told = (
        f"{found.value:5.2f} [{found.low:.2f}, {found.high:.2f}]"
        if found
        else "    - (open book helps by less than .1)"
    )
    return (
        f"{len(run.right):8}  {len(rows):9}  "
        f"{'  '.join(f'{100 * s.value:7.0f} %' for s in shares)}  {told}"
    )


def format_cost(run: FinishedRun) -> str:
    """What the run took, and what it changed beside its documents."""
    exam = run.exam
    drift = f", drift {exam['drift']['kl_nats']['value']:.3f} nats" if "drift" in exam else ""
    lost, damage = exam["common_loss"]["value"], exam["damage"]["value"]
    return (
        f"{len(run.right):8}  {run.seconds:,.0f} s; common questions lost {lost:+.2f}, "
        f"damage {damage:.2f}{drift}"
    )


def format_tables(runs: Sequence[FinishedRun]) -> str:
    """Both tables."""
    ordered = sorted(runs, key=lambda run: len(run.right))
    shared = set.intersection(*(set(run.right) for run in ordered))
    head = "passages  questions       base  open book     taught  recovery"
    rest = [format_cost(run) for run in ordered]
    same = (
        [format_row(run, sorted(shared)) for run in ordered] if len(ordered) > 1 and shared else []
    )
    parts = [head, *(format_row(run, sorted(run.right)) for run in ordered), *rest]
    return "\n".join(
        [
            *parts,
            *(
                [f"The questions about the {len(shared)} passages that all share:", head, *same]
                if same
                else []
            ),
        ]
    )


def teach(file: Path, folder: Path, count: int, sets: Sequence[str]) -> Path:
    """Teaches the first `count` passages; the same command again goes on, or does nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    part, run = folder / f"first-{count}.jsonl", folder / f"run-{count}"
    part.write_text("".join(file.read_text("utf-8").splitlines(keepends=True)[:count]), "utf-8")
    selfteach.documents(part, out=run, sets=[ALL, *sets])
    return run


def main(arguments: Sequence[str] | None = None) -> str:
    """Teaches where that is asked for, prints the tables and returns them."""
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
    made = (
        [teach(given.file, given.folder, count, given.sets) for count in given.counts]
        if given.folder
        else []
    )
    found = format_tables([read_run(folder) for folder in (*given.runs, *made)])
    print(found)
    return found


if __name__ == "__main__":
    main()
