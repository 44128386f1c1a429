"""The command of a run whose folder was moved or copied: it goes on where the folder is now."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from selfteach.run.run_folder import DATE_PATTERN, RUNS_FOLDER

OUT = "--out"


def move_command(command: str, folder: Path) -> str:
    """Return the command that goes on with a run in a folder.

    It is the one that was typed, with another `--out` where that names another folder. Without one
    a run is looked for below `runs/`, by a name that begins with a date. A call of the Python API
    stays as it is.
    """
    if not command.startswith("selfteach "):
        return command
    try:
        words = shlex.split(command)
    except ValueError:  # of a run from elsewhere, in which anything may stand
        return command
    end = words.index("--") if "--" in words else len(words)
    for place, word in enumerate(words[:end]):
        name, _, value = word.partition("=")
        if name != OUT:
            continue
        if value:
            words[place] = f"{OUT}={folder}"
        elif place + 1 < end:
            value = words[place + 1]
            words[place + 1] = str(folder)
        return command if Path(value).resolve() == folder.resolve() else shlex.join(words)
    is_found = re.match(f"{DATE_PATTERN}-", folder.resolve().name)
    if folder.resolve().parent == RUNS_FOLDER.resolve() and is_found:
        return command
    return shlex.join([*words[:end], OUT, str(folder), *words[end:]])
