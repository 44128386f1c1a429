"""Examine finished rules again after a training that changes nothing (A/A): is one "taught"?

    python -m bench.null_runs RUN ... --out .bench/null_runs.jsonl
    python -m bench.null_runs --table .bench/null_runs.jsonl

A run's command is given again, with one training step of a learning rate of 1e-9, in a folder of
its own that holds the base's recorded answers. So the tuned model is the base, and its exam has new
samples. A run of settings from a file has to be made with a preset, since a run's command names no
folders. Each run is a line of the file, so the same command goes on where it was stopped.

`--table` prints how many runs have which verdict. One "taught" in twenty is the limit.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.rules import ROOT, call, read_commit, read_rows

NOTHING = ("--set", "train.max_steps=1", "--set", "train.learning_rate=1e-9")
RECORDED = ("requests", "answers", "sqlite_sequence")
"""The tables of a ledger that say what models answered, and how its rows are numbered."""
Row = dict[str, Any]


def examine_again(run: Path) -> Row:
    """Give the command of a run again with a training that changes nothing; return its line.

    Raises:
        RunFailed: the command ended badly.
        SystemExit: the run was made from Python, so it has no command.
    """
    command = json.loads((run / "manifest.json").read_text("utf-8"))["command"]
    if command.startswith("selfteach."):
        raise SystemExit(
            f"{run}: was made from Python and has no command to give again; leave it out"
        )
    words = shlex.split(command)[1:]
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / run.name
        again.mkdir()
        copy_answers(run / "run.db", again / "run.db")
        words = ["-m", "selfteach", *replace_folder(words, again), *NOTHING]
        call(ROOT, words, must=True)
        exam = json.loads((again / "exam.json").read_text("utf-8"))
    return {
        "run": run.name,
        "of": run.parent.name,
        "commit": read_commit(ROOT),
        "verdict": exam["verdict"]["word"],
        "sentence": exam["verdict"]["sentence"],
        "kl_nats": (exam.get("drift") or {}).get("kl_nats", {}).get("value", 0.0),
    }


def copy_answers(ledger: Path, copy: Path) -> None:
    """Copy what models were asked and answered, and nothing else of a run."""
    shutil.copyfile(ledger, copy)
    with closing(sqlite3.connect(copy)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (name,) in tables.fetchall():
            if name not in RECORDED:
                connection.execute(f'DELETE FROM "{name}"')
        connection.commit()


def replace_folder(words: Sequence[str], folder: Path) -> list[str]:
    """Return the words of a command with another run folder."""
    kept = list(words)
    if "--out" in kept:
        place = kept.index("--out")
        del kept[place : place + 2]
    return [*kept, "--out", str(folder)]


def examine_all(runs: Sequence[Path], out: Path) -> None:
    """Examine what the file does not hold yet."""
    out.parent.mkdir(parents=True, exist_ok=True)
    done = {(row["of"], row["run"]) for row in read_rows(out)}
    for run in runs:
        if (run.resolve().parent.name, run.name) in done:
            continue
        row = examine_again(run.resolve())
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)


def print_table(path: Path) -> None:
    """Print how many runs have which verdict."""
    rows = read_rows(path)
    for verdict, count in Counter(row["verdict"] for row in rows).most_common():
        print(f"{verdict}: {count} of {len(rows)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN")
    parser.add_argument("--out", type=Path, default=Path(".bench/null_runs.jsonl"))
    parser.add_argument("--table", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.table:
        print_table(given.table)
    else:
        examine_all(given.runs, given.out)
