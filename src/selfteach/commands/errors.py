"""Messages for faults: one line on stderr, and the exit code of each kind of fault."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from selfteach.errors import SelfteachError

USAGE = 2
DEFECT = 70


def print_error(fault: Exception) -> int:
    """Print the fault that ended a command, and return its exit code."""
    if isinstance(fault, typer.Exit):
        return fault.exit_code
    if isinstance(fault, SelfteachError):
        return print_failure(str(fault), fault.exit_code)
    if hasattr(fault, "format_message"):  # a fault of the parser, in any of its versions
        return print_failure(fault.format_message(), USAGE)
    if isinstance(fault, OSError):
        from selfteach.disk import make_disk_error

        known = make_disk_error(fault, Path(fault.filename or "."))
        return print_failure(str(known), known.exit_code)
    return print_failure(
        f"{type(fault).__name__}: {fault}\n  This is a defect of selfteach. --debug "
        "shows where it happened.",
        DEFECT,
    )


def print_failure(text: str, code: int) -> int:
    """Print one line on stderr, and return the code."""
    from selfteach.run.display import replace_control_chars

    prefix = "" if text.startswith("Usage:") else "selfteach: "
    print(prefix + replace_control_chars(text), file=sys.stderr)
    return code
