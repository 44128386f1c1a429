"""Messages for faults: one line on stderr, and the exit code of each kind of fault."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import typer

from selfteach.errors import (
    ResourceError,
    SelfteachError,
    UsageError,
    is_out_of_memory,
    reword_library_fault,
)
from selfteach.registry import did_you_mean

EXAMPLES = {
    "feedback": 'selfteach feedback "Do not talk about elephants."',
    "documents": "selfteach documents my_folder/",
    "train": "selfteach train examples.jsonl",
    "answer": "selfteach answer --in prompts.txt --run last",
    "exam": "selfteach exam --run last",
    "report": "selfteach report --run last",
    "review": "selfteach review --run last",
    "verify": "selfteach verify last",
    "compare": "selfteach compare --run last --adapters lora,reft",
    "benchmark": "selfteach benchmark --run last --tasks arc_easy",
    "soft-prompt": "selfteach soft-prompt --run last",
    "select": "selfteach select --run last",
    "forget-source": "selfteach forget-source notes.md --run last",
    "merge": "selfteach merge --run last --out merged/",
    "export": "selfteach export --run last --to gguf",
    "mcp": "selfteach mcp --student NAME",
    "overlap": "selfteach overlap rows.jsonl --out kept.jsonl",
    "runs compare": "selfteach runs compare runs/A runs/B",
    "student show": "selfteach student show NAME",
    "student add": "selfteach student add NAME runs/A",
    "student remove": "selfteach student remove NAME LESSON",
    "student retrain": "selfteach student retrain NAME LESSON",
    "student off": "selfteach student off NAME LESSON",
    "student on": "selfteach student on NAME LESSON",
    "student exam": "selfteach student exam NAME",
    "student confirm": "selfteach student confirm NAME",
    "student consolidate": "selfteach student consolidate NAME",
}
"""A whole command for each command that needs an argument or an option."""
DEFECT = 70
MEMORY_CURE = (
    "Close other programs or use a smaller model, then run the same command again; nothing that "
    "was recorded is lost."
)


def print_error(fault: Exception) -> int:
    """Print the fault that ended a command, and return its exit code."""
    if isinstance(fault, typer.Exit):
        return fault.exit_code
    if isinstance(fault, SelfteachError):
        return print_failure(str(fault), fault.exit_code)
    if hasattr(fault, "format_message"):  # a fault of the parser, in any of its versions
        return print_failure(describe_parser_fault(fault), UsageError.exit_code)
    from selfteach.disk import DISK_ERRNOS, find_error_number, make_disk_error
    from selfteach.extras import find_extra, make_missing_error

    if isinstance(fault, ModuleNotFoundError) and find_extra(fault.name or ""):
        return print_failure(str(make_missing_error(fault.name or "")), UsageError.exit_code)
    if isinstance(fault, OSError) or find_error_number(fault) in DISK_ERRNOS:
        known = make_disk_error(fault)
        return print_failure(str(known), known.exit_code)
    if is_out_of_memory(fault):
        return print_failure(f"memory ran out. {MEMORY_CURE}", ResourceError.exit_code)
    return print_failure(
        f"{type(fault).__name__}: {fault}\n  This is a defect of selfteach. --debug "
        "shows where it happened.",
        DEFECT,
    )


def describe_parser_fault(fault: Any) -> str:
    """Return what the parser found, in our words, and the cure."""
    has_near = bool(getattr(fault, "possibilities", None))
    text = fault.message if has_near else fault.format_message()
    text = reword_library_fault(text).rstrip(".")
    stop = "" if text.endswith("?") else "."
    return f"{text}{stop} {find_cure(fault, text)}".rstrip()


def find_cure(fault: Any, text: str) -> str:
    """Return the cure of a fault of the parser; "" where it says the cure itself.

    A missing argument or option gets an example of the command, a rule without quotes another one,
    an unknown option or command the nearest one.
    """
    name = name_command(fault)
    example = EXAMPLES.get(name, "")
    if name == "feedback" and "extra argument" in text:
        return f"Put the rule in quotes: {example}"
    if type(fault).__name__ == "MissingParameter" and example:
        return f"For instance: {example}"
    if getattr(fault, "option_name", "") in ("--resume", "--continue"):
        return "The same command, without this option, continues an unfinished run."
    if near := getattr(fault, "possibilities", None):
        return did_you_mean(fault.option_name, near)
    command = f"selfteach {name} --help".replace("  ", " ")
    if type(fault).__name__ == "NoSuchOption":
        return f"`{command}` lists the options."
    if text.startswith("No such command") and not text.endswith("?"):
        return f"`{command}` lists the commands."
    return ""


def name_command(fault: Any) -> str:
    """Return the words of the command that a fault of the parser belongs to."""
    context = getattr(fault, "ctx", None)
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return " ".join(names)


def print_failure(text: str, code: int) -> int:
    """Print one line on stderr, and return the code."""
    from selfteach.run.display import replace_control_chars

    prefix = "" if text.startswith("Usage:") else "selfteach: "
    with suppress(OSError):  # the terminal may be closed; the exit code still tells
        print(prefix + replace_control_chars(text), file=sys.stderr)
    return code
