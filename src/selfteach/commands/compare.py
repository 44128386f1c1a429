"""`selfteach compare`: the options become a call of the API, and its table is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfteach import api
from selfteach.commands.screen import open_console, print_json
from selfteach.commands.teach import show_on_screen
from selfteach.errors import UsageError
from selfteach.records import JsonMapping

if TYPE_CHECKING:
    from selfteach.methods.compare.cells import Comparison


def run_compare(
    folder: Path,
    cells: Comparison,
    sets: Sequence[str],
    out: Path | None,
    *,
    new: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Start or resume a comparison, and print its table.

    Args:
        cells: the result of `parse_cells`.
    """
    found = api.compare_run(folder, cells, sets, out, new, "", show_on_screen(debug=debug))
    if as_json:
        print_json(found)
    else:
        print_table(found)


def parse_cells(adapters: str, objectives: str, icl: str, rates: str) -> Comparison:
    """Return the cells of a comparison from comma-separated lists.

    Raises:
        UsageError: a name is unknown, or a number cannot be used.
    """
    return api.choose_cells(
        split_words(adapters),
        split_words(objectives),
        parse_numbers(icl, int, "--icl"),
        parse_numbers(rates, float, "--rates"),
    )


def split_words(text: str) -> list[str]:
    """Return the words of a comma-separated list."""
    return [word.strip() for word in text.split(",") if word.strip()]


def parse_numbers(text: str, convert: Callable[[str], Any], where: str) -> list[Any]:
    """Return the numbers of a comma-separated list.

    Raises:
        UsageError: one of them is not a number.
    """
    try:
        return [convert(word) for word in split_words(text)]
    except ValueError as fault:
        raise UsageError(
            f"{text!r} is no list of numbers.", where=where, cure='Write it like "0,1,4".'
        ) from fault


def print_table(found: JsonMapping) -> None:
    """Print the table and the path of the picture."""
    from selfteach.report.comparison import make_comparison_table

    open_console(200).print(make_comparison_table(found))
    print(found["plot"])
