"""What the commands that teach have in common: how they run, how they stop, and the command that goes on."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach import registry
from selfteach.commands.screen import screen
from selfteach.errors import Interrupted
from selfteach.run.folder import Run
from selfteach.run.signals import interruptible


@dataclass(frozen=True)
class Options:
    """How the command runs, apart from what is configured."""

    from_run: Path | None = None
    out: Path | None = None
    file: Path | None = None
    sets: Sequence[str] = ()
    as_json: bool = False
    dry_run: bool = False
    require: str = ""
    new: bool = False
    debug: bool = False


def guided(run: Run, method: str, material: Any, debug: bool) -> dict[str, Any]:
    """Runs a method of the registry in an open run, its progress on the screen; Ctrl-C ends it with the command that goes on.

    Raises:
        Interrupted: by the user or the system.
    """
    with screen(run.path / "log.txt", debug=debug) as shown, interruptible(shown.say):
        shown.say(f"{'going on with' if run.resumed else 'run folder'} {run.path}")
        try:
            teach = registry.lookup("methods", method)
            result: dict[str, Any] = teach(run, material, run.resolved.config, shown.display)
        except KeyboardInterrupt as stop:
            raise Interrupted("stopped; everything recorded is kept.", cure=f"Go on with:\n  {resume_command(run)}") from stop
    return result


def resume_command(run: Run) -> str:
    """The command that goes on with this run, as this person has to type it."""
    program = sys.argv[0]
    if not program.endswith("selfteach") or shutil.which("selfteach") == program:
        return run.command
    return shlex.quote(program) + run.command.removeprefix("selfteach")
