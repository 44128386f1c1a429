"""The commands of methods that other packages bring (entry point group `selfteach.methods`).

A plug-in's code is loaded when its command runs; `--help` reads its package's metadata alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from selfteach import registry
from selfteach.commands.groups import PanelCommand
from selfteach.commands.options import TeachOptions, with_teach_options

PANEL = "Methods of other packages"


def add_commands(app: typer.Typer) -> None:
    """Add a command for each installed method that is not of this package."""
    for name, summary in registry.plug_ins("methods").items():
        shape = app.command(name, cls=PanelCommand, help=summary, rich_help_panel=PANEL)
        shape(build_command(name))


def build_command(method: str) -> Any:
    """Return the command of one method: its material, and the options of all that teach."""

    @with_teach_options
    def command(
        options: TeachOptions,
        material: Annotated[str, typer.Argument(help="A file or a text that the method reads.")],
    ) -> None:
        teach_material(method, material, options)

    return command


def teach_material(method: str, material: str, options: TeachOptions) -> None:
    """Teach with a method; with `dry_run` describe the material instead."""
    from selfteach.commands.teach import teach
    from selfteach.config import flatten_keys
    from selfteach.config.methods import find_settings
    from selfteach.methods.input_sources import describe_repaired
    from selfteach.methods.read_again import read_plug_in

    resolved = options.resolve(find_settings(method), {})
    read = read_plug_in(method, material, resolved.config)

    def describe() -> Mapping[str, Any]:
        settings = flatten_keys(resolved.config.model_dump())
        return {
            "method": method,
            "material": read.name,
            "identity": [f"{key}: {value}" for key, value in read.identity.items()],
            "repaired_rows": describe_repaired(read.repaired),
            "settings": [
                f"{key}: {value}"
                for key, value in settings.items()
                if resolved.origins[key] != "default"
            ],
        }

    teach(method, read, resolved, options, plan=describe)
