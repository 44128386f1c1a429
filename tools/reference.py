"""Documentation generated from the program: docs/cli.md, docs/api.md and configs/<method>.yaml.
`make docs` writes them, a test compares them.

python tools/reference.py [ROOT]
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import typer
import yaml

import selfteach
from selfteach import api, errors, results
from selfteach.cli import app
from selfteach.commands.groups import CORE
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
    """docs/cli.md. Only what this project says of itself: the layout of `--help` belongs to the
    parser and its version.
    """
    group: Any = typer.main.get_command(app)
    parts = [
        "# The command line",
        "Written by `make docs` from the program itself.",
        *_describe(group, "selfteach [OPTIONS] COMMAND"),
        "`selfteach --install-completion` lets the Tab key complete commands and options (bash, "
        "zsh, fish, PowerShell); `--show-completion` prints what it would install.",
    ]
    ordered = [*CORE, *(name for name in group.commands if name not in CORE)]
    for name in ordered:
        command = group.commands[name]
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


def api_page() -> str:
    """docs/api.md: every public function and class, from its signature and its docstring."""
    head, _, more = inspect.cleandoc(str(api.__doc__)).partition("\n\n")
    parts = ["# The Python API", "Written by `make docs` from the program itself.", head, more]
    functions = [name for name in selfteach.__all__ if inspect.isfunction(getattr(api, name, None))]
    for name in functions:
        parts += _document(f"selfteach.{name}", getattr(api, name), "##")
    for name in ("FinishedRun", "ExamResult", "AnsweringModel", "ComparisonResult"):
        parts += _document_class(name, getattr(results, name))
    parts += _document_class("ArmScores", results.ArmScores)
    parts += _document_class("Scores", results.Scores)
    parts += ["## selfteach.errors", str(errors.__doc__).strip()]
    for kind in (errors.SelfteachError, *errors.SelfteachError.__subclasses__()):
        parts.append(f"- `{kind.__name__}` (exit code {kind.exit_code}): {_one_line(kind)}")
    return "\n\n".join(parts) + "\n"


def _document(title: str, function: Any, heading: str) -> list[str]:
    """A function with its signature, one parameter a line, and its docstring."""
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    rows = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and "    *," not in rows:
            rows.append("    *,")
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = f" = {parameter.default!r}" if parameter.default is not parameter.empty else ""
        rows.append(f"    {stars}{parameter.name}: {parameter.annotation}{default},")
    inner = "\n" + "\n".join(rows) + "\n" if rows else ""
    call = f"{title}({inner}) -> {signature.return_annotation}"
    text = inspect.cleandoc(str(function.__doc__))
    return [f"{heading} {title}", f"```text\n{call}\n```", _sections(text)]


def _sections(text: str) -> str:
    """A docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    for line in text.splitlines():
        if line in ("Args:", "Attributes:", "Raises:", "Returns:"):
            lines += [f"**{line.removesuffix(':')}**", ""]
        elif line.startswith("    ") and not line.startswith("     "):
            name, colon, meaning = line.strip().partition(": ")
            named = colon and name.isidentifier()
            lines.append(f"- `{name}`: {meaning}" if named else f"- {line.strip()}")
        else:
            lines.append("  " + line.strip() if line.startswith("     ") else line)
    return "\n".join(lines)


def _document_class(name: str, kind: Any) -> list[str]:
    """A class with its docstring, its attributes and its methods."""
    parts = [f"## {name}", _sections(inspect.cleandoc(str(kind.__doc__)))]
    rows = []
    for key, value in vars(kind).items():
        if key.startswith("_"):
            continue
        if isinstance(value, property | cached_property):
            rows.append(f"- `.{key}`: {_one_line(value)}")
    if rows:
        parts.append("\n".join(rows))
    for key, value in vars(kind).items():
        if inspect.isfunction(value) and not key.startswith("_"):
            parts += _document(f".{key}", value, "###")
    return parts


def _one_line(value: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(str(value.__doc__)).partition("\n\n")[0].split())


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
    (root / "docs").mkdir(exist_ok=True)
    write_text(root / "docs" / "cli.md", cli_page())
    write_text(root / "docs" / "api.md", api_page())
    for method in METHODS:
        write_text(root / "configs" / f"{method}.yaml", settings_page(method))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1])
