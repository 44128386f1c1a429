"""The panels of `selfteach --help` and of the commands that teach, as plain text."""

from __future__ import annotations

from itertools import chain
from typing import Any

from typer.core import TyperCommand, TyperGroup

from selfteach.commands.last_run import LAST, find_last_run
from selfteach.errors import UsageError

CORE = (
    "feedback",
    "corrections",
    "documents",
    "tasks",
    "train",
    "answer",
    "chat",
    "exam",
    "student",
    "status",
    "compare",
)
FIRST = "Commands"
PANELS = {
    "Look at a run": ("report", "verify", "runs", "inspect", "soft-prompt", "benchmark"),
    "Change a run": ("review", "select", "forget-source"),
    "Use and share": ("merge", "export", "serve", "mcp"),
    "Data": ("templates", "overlap"),
}
"""The headings above the commands that are not in CORE."""
MORE = "This machine"
MAY_BE_EMPTY = ("system", "icl")
"""Options whose empty text means what their default means."""
OWN_MESSAGE = ("rule", "check", "when", "then", "also", "not_also", "require", "sets", "student")
"""Parameters whose empty text is refused elsewhere, with a better cure."""


class OrderedCommands(TyperGroup):
    """List the commands in panels, as plain text."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the core commands in their order, then the others in the order of the program."""
        names = super().list_commands(ctx)
        placed = [*CORE, *chain.from_iterable(PANELS.values())]
        first = [name for name in placed if name in names]
        return first + [name for name in names if name not in first]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each panel with its commands and their summaries."""
        panels: dict[str, list[tuple[str, str]]] = {}
        names = self.list_commands(ctx)
        width = formatter.width - 6 - max(map(len, names))
        for name in names:
            command: Any = self.get_command(ctx, name)
            panel = find_panel(name, command)
            panels.setdefault(panel, []).append((name, command.get_short_help_str(width)))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


def find_panel(name: str, command: Any) -> str:
    """Return the heading above a command: its own `rich_help_panel`, if it has one."""
    own = getattr(command, "rich_help_panel", None)
    if isinstance(own, str):
        return own
    if name in CORE:
        return FIRST
    return next((panel for panel, names in PANELS.items() if name in names), MORE)


class PanelCommand(TyperCommand):
    """List the options of a command in the panels that they name; refuse empty values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line.

        An empty path would be the current folder, and an empty teacher none at all.

        Raises:
            UsageError: a value is empty.
        """
        given, _, _ = self.make_parser(ctx).parse_args(list(args))
        for parameter in self.params:
            value = given.get(str(parameter.name))
            values = value if isinstance(value, list | tuple) else [value]
            if parameter.name not in (*MAY_BE_EMPTY, *OWN_MESSAGE) and "" in values:
                is_option = parameter.param_type_name == "option"
                raise UsageError(
                    "is empty.",
                    where=max(parameter.opts, key=len) if is_option else name_argument(parameter),
                    cure="Give a value; a variable of the shell that is not set is empty.",
                )
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then each panel with its options."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                panels.setdefault(find_option_panel(parameter), []).append(record)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


class RunCommand(PanelCommand):
    """Take the run as `--run DIR`, or as an argument after those that the command has."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line, with a lone further argument as the run.

        It may be `last` behind options, too, where only the parser can tell it.
        """
        given, further, _ = self.make_parser(ctx).parse_args(list(args))
        if further and "run" not in given:
            folder = str(find_last_run()) if further[0] == LAST else further[0]
            args = ["--run", folder, *args]
            ctx.allow_extra_args = len(further) == 1
        return super().parse_args(ctx, args)


def name_argument(parameter: Any) -> str:
    """Return the name of an argument as its command's usage shows it."""
    return str(parameter.metavar or parameter.name)


def find_option_panel(parameter: Any) -> str:
    """Return the heading above a parameter: its own `rich_help_panel`, if it has one."""
    own = getattr(parameter, "rich_help_panel", None)
    if isinstance(own, str):
        return own
    return "Arguments" if parameter.param_type_name == "argument" else "Options"
