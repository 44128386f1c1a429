"""Generate docs/reference/cli.md and configs/<method>.yaml from the program. `make docs` writes
them, a test compares them.

python tools/reference.py [ROOT]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import yaml

from selfteach.cli import app
from selfteach.commands.require import NUMBERS
from selfteach.config import METHODS, Section
from selfteach.records import write_text

EXIT_CODES = {
    0: "done",
    1: "done, but `--require` is not met",
    2: "usage or configuration",
    3: "data",
    4: "endpoint",
    5: "resources: disk, memory",
    6: "integrity: a damaged file, an adapter of another base",
    7: "too many requests failed",
    70: "a defect of selfteach",
    130: "interrupted; the same command goes on",
}


def cli_page() -> str:
    """Return docs/reference/cli.md. It holds only what this project says of itself: the layout of
    `--help` belongs to the parser and its version.
    """
    group: Any = typer.main.get_command(app)
    parts = [
        "# The command line",
        "Written by `make docs` from the program itself.",
        *_describe(group, "selfteach [OPTIONS] COMMAND"),
    ]
    for name, command in group.commands.items():
        words = [
            f"selfteach {name}",
            *(p.name.upper() if p.required else f"[{p.name.upper()}]" for p in _arguments(command)),
            "[OPTIONS]",
        ]
        parts += [f"## selfteach {name}", *_describe(command, " ".join(words))]
    parts += [
        "## What --require knows",
        "\n".join(f"- `{name}`: {meaning}" for name, (_, meaning) in NUMBERS.items()),
    ]
    parts += [
        'Comparisons are `>=`, `<=`, `>`, `<`, joined by commas: `--require "kept>=.95,near<=.03"`.'
    ]
    parts += [
        "## Exit codes",
        "\n".join(f"- {code}: {meaning}" for code, meaning in EXIT_CODES.items()),
    ]
    return "\n\n".join(parts) + "\n"


def settings_page(method: str) -> str:
    """configs/<method>.yaml: every key with its default, each section under its description."""
    head = (
        f"# Every setting of `selfteach {method}`, with its default. Written by `make docs` "
        "from the program.\n"
    )
    head += (
        "# Keep what you change in a file of your own (--config FILE), or give single "
        "values: --set train.epochs=2\n"
    )
    return head + "\n".join(_section(METHODS[method]())) + "\n"


def _describe(command: Any, usage: str) -> list[str]:
    lines = [f"- `{p.name.upper()}`: {p.help}" for p in _arguments(command)]
    lines += [
        f"- `{_flag(p)}`: {p.help}{_default(p)}"
        for p in command.params
        if p.param_type_name == "option" and p.name != "help"
    ]
    return [" ".join(str(command.help).split()), f"    {usage}", "\n".join(lines)]


def _arguments(command: Any) -> list[Any]:
    return [p for p in command.params if p.param_type_name == "argument"]


def _flag(option: Any) -> str:
    return option.opts[0] if option.is_flag else f"{option.opts[0]} {option.metavar}"


def _default(option: Any) -> str:
    return "" if option.is_flag or option.default in (None, "") else f" Default: {option.default}."


def _section(section: Section, indent: str = "") -> Iterator[str]:
    for key in type(section).model_fields:
        value = getattr(section, key)
        if isinstance(value, Section):
            yield ""
            yield from (
                f"{indent}# {line.strip()}"
                for line in (type(value).__doc__ or "").strip().splitlines()
                if line.strip()
            )
            yield f"{indent}{key}:"
            yield from _section(value, indent + "  ")
        else:
            text = (
                yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
                .removesuffix("...\n")
                .strip()
            )
            yield f"{indent}{key}: {text}"


def main(root: Path) -> None:
    """Writes all of it below the root of the project."""
    (root / "docs" / "reference").mkdir(parents=True, exist_ok=True)
    write_text(root / "docs" / "reference" / "cli.md", cli_page())
    for method in METHODS:
        write_text(root / "configs" / f"{method}.yaml", settings_page(method))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1])
