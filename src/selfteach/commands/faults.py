"""How a fault is shown: one line on stderr, and the exit code of its kind."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from selfteach.errors import SelfteachError

USAGE, DEFECT = 2, 70


def explain_fault(fault: Exception) -> int:
    """Shows what ended a command; returns its exit code."""
    if isinstance(fault, typer.Exit):
        return fault.exit_code
    if isinstance(fault, SelfteachError):
        return fail(str(fault), fault.exit_code)
    if hasattr(
        fault, "format_message"
    ):  # the parser's own faults, whichever class its version gives them
        return fail(fault.format_message(), USAGE)
    if isinstance(fault, OSError):
        from selfteach.run.disk import explain

        known = explain(fault, Path(fault.filename or "."))
        return fail(str(known), known.exit_code)
    return fail(
        (
            f"{type(fault).__name__}: {fault}\n  This is a defect of selfteach. --debug "
            "shows where it happened."
        ),
        DEFECT,
    )


def fail(text: str, code: int) -> int:
    """Shows one line; returns the code."""
    from selfteach.run.display import printable

    print(
        printable(text) if text.startswith("Usage:") else f"selfteach: {printable(text)}",
        file=sys.stderr,
    )
    return code
