"""`--run last`: the newest run below runs/, in place of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selfteach.errors import UsageError

LAST = "last"
RUN_OPTIONS = ("--run", "--from")
LOOKING_COMMANDS = (
    "answer",
    "benchmark",
    "chat",
    "compare",
    "exam",
    "export",
    "inspect",
    "merge",
    "report",
    "review",
    "select",
    "soft-prompt",
    "status",
    "verify",
)
"""Commands whose first argument may be a run."""
NAMING_COMMANDS = {("runs", "compare"): 2, ("student", "add"): 3}
"""The place of the first run among the words of commands that name runs."""


def name_last_run(arguments: Sequence[str]) -> list[str]:
    """Return the words of a command line, with the folder of the newest run in place of `last`.

    Raises:
        UsageError: there is no run.
    """
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    for at, word in enumerate(words[:end]):
        before = words[at - 1] if at else ""
        option, _, value = word.partition("=")
        is_looked_at = at == 1 and before in LOOKING_COMMANDS
        command = (words[0], words[1]) if at >= 2 else ("", "")
        is_named = at >= NAMING_COMMANDS.get(command, end)
        if word == LAST and (before in RUN_OPTIONS or is_looked_at or is_named):
            words[at] = str(find_last_run())
        elif option in RUN_OPTIONS and value == LAST:
            words[at] = f"{option}={find_last_run()}"
    return words


def find_last_run() -> Path:
    """Return the folder below runs/ that a run has worked in last, or a folder called `last`.

    Raises:
        UsageError: there is none.
    """
    from selfteach.run.manifest import MANIFEST_FILE
    from selfteach.run.run_folder import RUNS_FOLDER

    if Path(LAST).is_dir():
        return Path(LAST)
    manifests = list(RUNS_FOLDER.glob(f"*/{MANIFEST_FILE}"))
    if not manifests:
        raise UsageError(
            f"there is no run below {RUNS_FOLDER}/.", where=LAST, cure="Give the folder of a run."
        )
    return max(manifests, key=lambda path: path.stat().st_mtime_ns).parent
