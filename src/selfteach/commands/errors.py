"""How a fault is shown: one line on stderr, and the exit code of its kind."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from selfteach.errors import SelfteachError

USAGE, DEFECT = 2, 70


def print_error(fault: Exception) -> int:
    """Shows what ended a command; returns its exit code."""
    if isinstance(fault, typer.Exit):
        return fault.exit_code
    if isinstance(fault, SelfteachError):
        return print_failure(str(fault), fault.exit_code)
    if hasattr(
        fault, "format_message"
    ):  # the parser's own faults, whichever class its version gives them
        return print_failure(fault.format_message(), USAGE)
    if isinstance(fault, OSError):
        from selfteach.disk import make_disk_error

        known = make_disk_error(fault, Path(fault.filename or "."))
        return print_failure(str(known), known.exit_code)
    return print_failure(
        (
            f"{type(fault).__name__}: {fault}\n  This is a defect of selfteach. --debug "
            "shows where it happened."
        ),
        DEFECT,
    )


def print_failure(text: str, code: int) -> int:
    """Shows one line; returns the code."""
    from selfteach.run.display import replace_control_chars

    print(
        replace_control_chars(text)
        if text.startswith("Usage:")
        else f"selfteach: {replace_control_chars(text)}",
        file=sys.stderr,
    )
    return code
