"""The order of `selfteach --help`: the commands that most people need, then the others."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

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
MORE = "More"


class OrderedCommands(TyperGroup):
    """List the commands in panels, as plain text."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the core commands in their order, then the others in the order of the program."""
        names = super().list_commands(ctx)
        core = [name for name in CORE if name in names]
        return core + [name for name in names if name not in core]

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
    return FIRST if name in CORE else MORE
