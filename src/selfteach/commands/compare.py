"""`selfteach compare`: the options become a call of the API, its table is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach import api, registry
from selfteach.commands.screen import print_json
from selfteach.commands.teach import attend_on_screen
from selfteach.errors import UsageError


@dataclass(frozen=True)
class CompareOptions:
    """How the command runs; the lists are as they were typed."""

    adapters: str = ""
    objectives: str = "own"
    icl: str = ""
    rates: str = "0.3,1,3"
    sets: Sequence[str] = ()
    out: Path | None = None
    as_json: bool = False
    new: bool = False
    debug: bool = False


def run_compare(folder: Path, options: CompareOptions) -> None:
    """Compare, or go on with a comparison, and print its table."""
    wanted = api.choose_cells(
        words(options.adapters) if options.adapters else list(registry.list_names("adapters")),
        words(options.objectives),
        parse_numbers(options.icl, int, "--icl"),
        parse_numbers(options.rates, float, "--rates"),
    )
    attend = attend_on_screen(debug=options.debug)
    found = api.compare_run(folder, wanted, options.sets, options.out, options.new, "", attend)
    print_json(found) if options.as_json else print_table(found)


def words(text: str) -> list[str]:
    """Return the words of a comma-separated list."""
    return [word.strip() for word in text.split(",") if word.strip()]


def parse_numbers(text: str, form: Callable[[str], Any], where: str) -> list[Any]:
    """Return the numbers of a comma-separated list.

    Raises:
        UsageError: something else.
    """
    try:
        found = [form(word) for word in text.split(",") if word.strip()]
    except ValueError:
        found = [-1]
    if any(value < 0 or (form is float and not 0 < value < 1e6) for value in found) or (
        form is float and not found
    ):
        raise UsageError(
            f"{text!r} is no list of numbers.", where=where, cure='Write it like "0,1,4".'
        )
    return found


def print_table(found: Mapping[str, Any]) -> None:
    """Print the table and where the picture is."""
    from rich.console import Console

    from selfteach.report.comparison import make_comparison_table

    Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 200).print(
        make_comparison_table(found)
    )
    print(found["plot"])
