"""`selfteach verify`: whether every file of a run is as the run wrote it."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from selfteach.commands.screen import print_json
from selfteach.errors import IntegrityError
from selfteach.run.display import replace_control_chars
from selfteach.run.exports import RERUN_CURE
from selfteach.run.finished import REPORT_FILE
from selfteach.run.moved_run import move_command
from selfteach.run.sums import describe_states
from selfteach.run.verify import LOST_CURE, VerifiedRun, verify_run


def verify(folder: Path, *, as_json: bool) -> None:
    """Print the state of each file of a run.

    Raises:
        IntegrityError: a file is not whole.
    """
    found = verify_run(folder)
    with suppress(BrokenPipeError):  # it may be read in part
        _print_files(found, folder, as_json=as_json)
    if found.broken:
        what = " ".join([f"{describe_states(found.broken)}.", *found.faults])
        cure = LOST_CURE if found.lost else RERUN_CURE
        if [*found.broken] == [REPORT_FILE]:
            cure = f"`selfteach report --run {shlex.quote(str(folder))}` writes it."
        raise IntegrityError(what, where=folder, cure=cure)


def _print_files(found: VerifiedRun, folder: Path, *, as_json: bool) -> None:
    command = move_command(found.command, folder)
    if as_json:
        print_json(
            {
                "run": str(folder),
                "whole": not found.broken,
                "finished": found.finished,
                "files": dict(found.files),
                "faults": list(found.faults),
                "command": command,
            }
        )
    else:
        for name, state in found.files.items():
            print(f"{state:10}  {replace_control_chars(name)}")
        if not found.finished and not found.lost:
            typed = shlex.quote(str(folder))
            print(f"not finished: `selfteach status {typed}` shows how far it is")
        if found.broken and command:
            print(f"the command of this run: {replace_control_chars(command)}")
