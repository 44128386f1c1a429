"""What the commands that teach have in common: how they run, how they stop, and the command that
goes on.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach import registry
from selfteach.commands import past, require
from selfteach.commands.exam import show
from selfteach.commands.options import Options
from selfteach.commands.screen import print_json, screen
from selfteach.config import Resolved
from selfteach.errors import Interrupted
from selfteach.models.finding import refuse_unknown, refuse_unknown_teacher
from selfteach.records import BadLine, clean
from selfteach.run.display import Display
from selfteach.run.folder import Run, open_run
from selfteach.run.ledger import Fate
from selfteach.run.signals import interruptible

PATHS, MENDED = "paths", "mended"
"""The notes in which a run keeps where its files are, and what had to be mended in them."""


@dataclass(frozen=True)
class Brought:
    """What the person brings.

    Attributes:
        name: what the run folder is called after, unless the options say where.
        material: what the method is given.
        identity: what stands for the material in the run's identity: another one is another run.
        paths: where the files are, for commands that read them again later.
        mended: where unsafe characters were replaced, or an encoding guessed.
    """

    name: str
    material: Any
    identity: Mapping[str, Any]
    paths: Mapping[str, Any] | None = None
    mended: Sequence[BadLine] = ()


def ready(
    method: str, resolved: Resolved, options: Options
) -> tuple[list[require.Requirement], dict[str, str]]:
    """What is required of the exam, and the adapter that the run goes on from; what cannot be is
    found before anything else is done.

    Raises:
        UsageError: `--require` cannot be read or asks for what this method does not measure, or
        there is no such model, teacher or run.
    """
    wanted = require.parse(options.require, method)
    refuse_unknown(resolved.config.model)
    refuse_unknown_teacher(getattr(resolved.config, "teacher", ""))
    return wanted, {
        "from": str(past.adapter(options.from_run).resolve())
    } if options.from_run else {}


def teach(
    method: str,
    brought: Brought,
    resolved: Resolved,
    options: Options,
    prepare: Callable[[Run], object] = lambda run: None,
) -> None:
    """Opens a run, teaches in it, shows its exam, and compares that with what was required.

    Args:
        method: its name in the registry.
        prepare: is called with the open run before the method.

    Raises:
        UsageError: as `ready`.
        Interrupted: by the user or the system.
    """
    wanted, begun = ready(method, resolved, options)
    with open_run(
        options.out, brought.name, method, resolved, {**brought.identity, **begun}, new=options.new
    ) as run:
        if brought.paths:
            run.ledger.note(PATHS, brought.paths)
        if brought.mended:
            run.ledger.note(MENDED, told(brought.mended))
        prepare(run)
        result = past.located(guided(run, method, brought.material, options.debug), run.path)
    exam = past.exam(run.path)
    if options.as_json:
        print_json(result)
    else:
        show(exam, Path(result["report"]))
    require.check(wanted, exam)


def guided(run: Run, method: str, material: Any, debug: bool) -> dict[str, Any]:
    """Runs a method of the registry in an open run, as `attended` does."""

    def work(display: Display) -> dict[str, Any]:
        from selfteach.methods.method import Method
        from selfteach.methods.runner import teach

        found = registry.lookup("methods", method)
        if isinstance(found, Method):
            return teach(run, found, material, run.resolved.config, display)
        result: dict[str, Any] = found(run, material, run.resolved.config, display)
        return result

    return attended(run, work, debug)


def attended(run: Run, work: Callable[[Display], dict[str, Any]], debug: bool) -> dict[str, Any]:
    """Work in an open run, its progress on the screen; Ctrl-C ends it with the command that goes
    on.

    Raises:
        Interrupted: by the user or the system.
    """
    with screen(run.path / "log.txt", debug=debug) as shown, interruptible(shown.say):
        shown.say(f"{'going on with' if run.resumed else 'run folder'} {run.path}")
        try:
            return work(shown.display)
        except KeyboardInterrupt as stop:
            raise Interrupted(
                "stopped; everything recorded is kept.",
                cure=f"Go on with:\n  {resume_command(run)}",
            ) from stop


def resume_command(run: Run) -> str:
    """The command that goes on with this run, as this person has to type it."""
    program = sys.argv[0]
    if not program.endswith("selfteach") or shutil.which("selfteach") == program:
        return run.command
    return shlex.quote(program) + run.command.removeprefix("selfteach")


def sums(**files: Path | None) -> dict[str, str]:
    """Names and sums of the files that are given, for a run's identity: a changed file is another
    run.
    """
    return {key: f"{path.name} {_sum(path)[:16]}" for key, path in files.items() if path}


def _sum(path: Path) -> str:
    """SHA-256 of a file of any length, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def places(**files: Path | None) -> dict[str, str | None]:
    """Where the files are, for the note PATHS."""
    return {key: str(path.resolve()) if path else None for key, path in files.items()}


def place(row: Mapping[str, Any], key: str) -> Path | None:
    """One of them, read from the note."""
    return Path(row[key]) if row.get(key) else None


def told(lines: Sequence[BadLine]) -> list[str]:
    """What is said of rows that were mended or put aside."""
    return [f"{line.where}: {line.fault}" for line in lines]


def left_out(fates: Mapping[str, Fate]) -> list[str]:
    """What is said of rows that are not learned from: the fault that was found, or the reason in a
    word.
    """
    return [
        f"{fate.id}: {(fate.body or {}).get('fault') or fate.reason}"
        for fate in fates.values()
        if fate.state == "dropped"
    ]


def show_plan(stated: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints what `--dry-run` found: one line for each fact, lists and longer texts below their
    name; or all as one JSON object.
    """
    if as_json:
        print_json(stated)
        return
    for key, value in stated.items():
        name = f"{key.replace('_', ' ')}:"
        if not isinstance(value, list) and "\n" not in str(value):
            print(name, value)
            continue
        print(name)
        for part in value if isinstance(value, list) else [value]:
            print(_indented(clean(str(part))))


def _indented(text: str) -> str:
    """A line as it is; a text of several lines behind a bar, so that it is seen where it ends."""
    return (
        "\n".join("  | " + line for line in text.splitlines()) + "\n"
        if "\n" in text
        else f"  {text}"
    )
