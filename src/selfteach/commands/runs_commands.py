"""The group of commands `selfteach runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfteach.commands.options import Force, Json, option

FirstRun = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, or `last`.")]
SecondRun = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of another run, or `last`.")
]
Page = Annotated[Path | None, option("--out", "FILE", "Also write the page, one HTML file.")]
group = typer.Typer(
    name="runs", help="Look at several runs.", no_args_is_help=True, rich_markup_mode=None
)


def add_commands(app: typer.Typer) -> None:
    """Add the group to the program."""
    app.add_typer(group)


@group.callback()
def keep_names() -> None:
    """Look at several runs."""


@group.command()
def compare(
    first: FirstRun, second: SecondRun, out: Page = None, force: Force = False, json: Json = False
) -> None:
    """Show two runs side by side: settings, exams, shared prompts.

    Only settings that differ are shown. Prompts that both runs have are compared in pairs.
    """
    from selfteach.commands import runs as body

    body.compare(first, second, out, force=force, as_json=json)
