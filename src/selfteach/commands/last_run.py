"""`--run last`: the newest run below runs/, in place of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selfteach.errors import UsageError

LAST = "last"
ANYWHERE = "--debug"
"""The option that may stand anywhere, also before the command."""
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
LAST_ARGUMENT_COMMANDS = ("forget-source",)
"""Commands whose second argument may be a run."""
NAMING_COMMANDS = {("runs", "compare"): 2, ("student", "add"): 3}
"""The place of the first run among the words of commands that name runs."""


def name_last_run(arguments: Sequence[str]) -> list[str]:
    """Return the words of a command line, with the folder of the newest run in place of `last`.

    Raises:
        UsageError: there is no run.
    """
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    places = [place for place in range(end) if words[place] != ANYWHERE]
    named = [words[place] for place in places]
    for at, (place, word) in enumerate(zip(places, named, strict=True)):
        start, equals, value = word.rpartition("=")
        if value == LAST and names_run(named, at, start):
            words[place] = f"{start}{equals}{find_last_run()}"
    return words


def names_run(words: Sequence[str], at: int, start: str) -> bool:
    """Tell whether a word of a command line is, or ends with, the folder of a run.

    Args:
        words: those of the command line without `--debug`.
        at: its place.
        start: what stands before its last "=": "" for a folder alone, `--run`, or a name.
    """
    before = words[at - 1] if at else ""
    if start:
        return start.partition("=")[0] in RUN_OPTIONS or before in RUN_OPTIONS
    command = (words[0], words[1]) if at >= 2 else ("", "")
    return (
        before in RUN_OPTIONS
        or (at == 1 and before in LOOKING_COMMANDS)
        or (at == 2 and words[0] in LAST_ARGUMENT_COMMANDS)
        or at >= NAMING_COMMANDS.get(command, len(words))
    )


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
