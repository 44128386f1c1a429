"""`selfteach compare`: a run's examples once more, with other adapters and objectives, and with
examples in the prompt instead.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach import registry
from selfteach.commands import corrections, documents, past, tasks
from selfteach.commands.again import opened
from selfteach.commands.lesson import PATHS, attended
from selfteach.commands.screen import print_json
from selfteach.config import METHODS, resolve
from selfteach.errors import DataError, UsageError
from selfteach.records import Example, read_jsonl
from selfteach.registry import did_you_mean
from selfteach.run.folder import IDENTITY, open_run
from selfteach.run.ledger import Ledger

EXAMPLES = "examples.jsonl"
NOTES = ("objective",)


@dataclass(frozen=True)
class Options:
    """How the command runs; the lists are as they were typed."""

    adapters: str = ""
    objectives: str = "own"
    icl: str = ""
    rates: str = "0.3,1,3"
    sets: Sequence[str] = ()
    out: Path | None = None
    as_json: bool = False
    new: bool = False
    debug: bool = False


def compare(folder: Path, options: Options) -> None:
    """Compares, or goes on with a comparison, and prints its table."""
    from selfteach.methods.compare.method import OBJECTIVES, Wanted
    from selfteach.methods.compare.method import compare as work

    every = registry.names("adapters")
    wanted = Wanted(
        chosen(options.adapters or ",".join(every), every, "--adapters"),
        chosen(options.objectives, OBJECTIVES, "--objectives"),
        numbers(options.rates, float, "--rates"),
        numbers(options.icl, int, "--icl"),
    )
    before = opened(folder)
    try:
        identity = before.noted(IDENTITY)
        if identity is None:
            raise UsageError(
                "has not begun.",
                where=str(folder),
                cure=f"`selfteach status {folder}` shows how far it is.",
            )
        kind = str(identity["kind"])
        if kind not in METHODS or kind == "train":
            raise UsageError(
                f"a run of `{kind}` has no exam to compare by.",
                where=str(folder),
                cure="Compare a run of a method.",
            )
        resolved = resolve(
            METHODS[kind], folder / past.CONFIG, known_sets(kind, folder, options.sets)
        )
        known = material(kind, folder, before, identity, resolved.config)
        brought = {"run": str(folder.resolve()), "kind": kind, EXAMPLES: _sum(folder / EXAMPLES)}
        brought |= {
            key: identity["material"][key] for key in ("from",) if key in identity["material"]
        }
        with open_run(
            options.out or folder / past.COMPARED,
            "compare",
            "compare",
            resolved,
            brought,
            new=options.new,
        ) as run:
            if not run.resumed:
                run.ledger.adopt(before, list(before.counts()))
            notes = {key: before.noted(key) for key in NOTES}
            found = attended(
                run,
                lambda display: work(run, _past(folder, kind, known, notes), wanted, display),
                options.debug,
            )
    finally:
        before.close()
    print_json(found) if options.as_json else show(found)


def known_sets(kind: str, folder: Path, sets: Sequence[str]) -> list[str]:
    """The run's settings with the changes; what the exam is asked may not grow, for its prompts are
    those of the run.

    Raises:
        UsageError: something else than the training and the exam is changed.
    """
    if wrong := [
        item for item in sets if not item.strip().startswith(("train.", "exam.", "engine="))
    ]:
        raise UsageError(
            f'"{wrong[0]}" is neither of training nor of the exam.',
            where="--set",
            cure="Everything else is the run's own.",
        )
    return list(sets)


def chosen(text: str, known: Iterable[str], where: str) -> list[str]:
    """The names of a comma-separated list.

    Raises:
        UsageError: one that is unknown, or none.
    """
    known = list(known)
    found = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if wrong := [word for word in found if word not in known]:
        raise UsageError(
            f'there is no "{wrong[0]}".', where=where, cure=did_you_mean(wrong[0], known)
        )
    if not found:
        raise UsageError("names nothing.", where=where, cure=f"Known: {', '.join(known)}.")
    return found


def numbers(text: str, form: Callable[[str], Any], where: str) -> list[Any]:
    """The numbers of a comma-separated list.

    Raises:
        UsageError: something else.
    """
    try:
        found = [form(word) for word in text.split(",") if word.strip()]
    except ValueError:
        found = [-1]
    if any(value < 0 or (form is float and not 0 < value < 1e6) for value in found) or (
        form is float and not found
    ):
        raise UsageError(
            f"{text!r} is no list of numbers.", where=where, cure='Write it like "0,1,4".'
        )
    return found


def material(
    kind: str, folder: Path, ledger: Ledger, identity: Mapping[str, Any], config: Any
) -> Any:
    """What the run was given, read again.

    Raises:
        UsageError: the run does not say where its files are.
        DataError: a file has changed since.
    """
    if kind == "feedback":
        return identity["material"]["rule"]
    noted = ledger.noted(PATHS)
    if noted is None:
        raise UsageError(
            "does not say where its files are.",
            where=str(folder),
            cure="It was made with an older version: teach it again.",
        )
    if kind == "documents":
        files = documents.Files.from_noted(noted)
        read: Any = files.read()
        now: dict[str, Any] = files.json(read)
    else:
        mine: Any = (tasks if kind == "tasks" else corrections).Files.from_noted(noted)
        read, now = mine.read(config.max_bad_rows), mine.sums()
    if changed := [key for key, value in now.items() if identity["material"].get(key) != value]:
        raise DataError(
            f"its {changed[0]} have changed since.",
            where=str(folder),
            cure="Bring the old files back, or teach them anew.",
        )
    return read


def _past(folder: Path, kind: str, known: Any, notes: Mapping[str, Any]) -> Any:
    from selfteach.methods.compare.method import Past

    examples = [Example.from_json(row, where) for where, row in read_jsonl(folder / EXAMPLES)]
    asked = frozenset(row["prompt"] for row in past.exam(folder)["answers"])
    return Past(kind, known, examples, notes, asked)


def _sum(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as fault:
        raise UsageError(
            "has no examples yet.",
            where=str(path.parent),
            cure=f"`selfteach status {path.parent}` shows how far it is.",
        ) from fault


def show(found: Mapping[str, Any]) -> None:
    """Prints the table and where the picture is."""
    from rich.console import Console

    from selfteach.report.comparison import comparison_table

    Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 200).print(
        comparison_table(found)
    )
    print(found["plot"])
