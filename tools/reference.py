"""Generate documentation from the program: the pages of docs/reference/ and configs/<method>.yaml.

`make docs` writes them, a test compares them.

python tools/reference.py [ROOT]
"""

from __future__ import annotations

import argparse
import inspect
import textwrap
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
from selfteach.commands.require import EXAM_NUMBERS, ExamNumber
from selfteach.config import METHOD_CONFIGS, Section, describe_key
from selfteach.files import write_text

CLI_PAGE = "docs/reference/cli.md"
API_PAGE = "docs/reference/api.md"
CONFIGURATION_PAGE = "docs/reference/settings.md"
COMMENT_COLUMNS = 100

EXIT_CODES = {
    0: "done",
    1: (
        "done, but `--require` is not met, the run is not added to the student, or an export is "
        "marked as failed"
    ),
    2: "usage or configuration",
    3: "data",
    4: "endpoint",
    5: "resources: disk, memory",
    6: "integrity: a damaged file, an adapter of another base",
    7: "too many requests failed",
    70: "a defect of selfteach",
    130: "interrupted; the same command goes on",
}


def make_cli_page() -> str:
    """Return docs/reference/cli.md, without the layout of `--help`, which belongs to the parser."""
    group: Any = typer.main.get_command(app)
    parts = [
        "# The command line",
        "Written by `make docs` from the program itself.",
        *_describe_command(group, "selfteach [OPTIONS] COMMAND"),
        "`selfteach --install-completion` lets the Tab key complete commands and options (bash, "
        "zsh, fish, PowerShell); `--show-completion` prints what it would install.",
        "Wherever the folder of a run is given, `last` is the run below runs/ that worked last: "
        "`selfteach exam last`, `--run last`, `--from last`. A folder of that name comes first.",
    ]
    ordered = [*CORE, *(name for name in group.commands if name not in CORE)]
    for name in ordered:
        parts += _document_command(f"selfteach {name}", group.commands[name], "##")
    parts += [
        "## What --require knows",
        "Each name stands for a key of exam.json. [The numbers of exam.json](exam.md) explains "
        "what the keys mean.",
        "\n".join(_describe_number(name, number) for name, number in EXAM_NUMBERS.items()),
    ]
    parts += [
        "Comparisons are `>=`, `<=`, `>`, `<`, joined by commas: "
        '`--require "kept>=.95,needless_excess<=.05"`.'
    ]
    parts += [
        "## Exit codes",
        "\n".join(f"- {code}: {meaning}" for code, meaning in EXIT_CODES.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _describe_number(name: str, number: ExamNumber) -> str:
    """Return a number that can be required as a line: name, methods and key."""
    methods = ", ".join(number.methods) or "all but train"
    instead = f"; where an exam lacks it, `{number.instead}`" if number.instead else ""
    return f"- `{name}` ({methods}): `{number.path}`{instead}"


def _document_command(name: str, command: Any, heading: str) -> list[str]:
    """Return a command with its arguments and options, and the commands of a group after it."""
    words = [name, "COMMAND"] if hasattr(command, "commands") else [name]
    for argument in _list_arguments(command):
        shown = argument.name.upper()
        words.append(shown if argument.required else f"[{shown}]")
    words.append("[OPTIONS]")
    parts = [f"{heading} {name}", *_describe_command(command, " ".join(words))]
    for inner, part in getattr(command, "commands", {}).items():
        parts += _document_command(f"{name} {inner}", part, f"{heading}#")
    return parts


def make_api_page() -> str:
    """Return docs/reference/api.md: every public function and class with its docstring."""
    head, _, more = inspect.cleandoc(str(api.__doc__)).partition("\n\n")
    parts = ["# The Python API", "Written by `make docs` from the program itself.", head, more]
    functions = [name for name in selfteach.__all__ if inspect.isfunction(getattr(api, name, None))]
    for name in functions:
        parts += _document_function(f"selfteach.{name}", getattr(api, name), "##")
    for name in ("FinishedRun", "ExamResult", "AnsweringModel", "ComparisonResult", "Student"):
        parts += _document_class(name, getattr(results, name))
    parts += _document_class("ArmScores", results.ArmScores)
    parts += _document_class("Scores", results.Scores)
    parts += ["## selfteach.errors", str(errors.__doc__).strip()]
    kinds: list[type[errors.SelfteachError]] = [errors.SelfteachError]
    for kind in kinds + errors.SelfteachError.__subclasses__():
        parts.append(f"- `{kind.__name__}` (exit code {kind.exit_code}): {_get_summary(kind)}")
    return "\n\n".join(parts) + "\n"


def _document_function(title: str, function: Any, heading: str) -> list[str]:
    """Return a function with its signature, one parameter a line, and its docstring."""
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
    return [f"{heading} {title}", f"```text\n{call}\n```", _format_sections(text)]


def _format_sections(text: str) -> str:
    """Return a docstring as Markdown: its sections become lists."""
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
    """Return a class with its docstring, its attributes and its methods."""
    parts = [f"## {name}", _format_sections(inspect.cleandoc(str(kind.__doc__)))]
    rows = []
    for key, value in vars(kind).items():
        if key.startswith("_"):
            continue
        if isinstance(value, property | cached_property):
            rows.append(f"- `.{key}`: {_get_summary(value)}")
    if rows:
        parts.append("\n".join(rows))
    for key, value in vars(kind).items():
        if inspect.isfunction(value) and not key.startswith("_"):
            parts += _document_function(f".{key}", value, "###")
    return parts


def _get_summary(value: Any) -> str:
    """Return the first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(str(value.__doc__)).partition("\n\n")[0].split())


def make_settings_page(method: str) -> str:
    """Return configs/<method>.yaml: every key with its default, below its description."""
    head = (
        f"# Every setting of `selfteach {method}`, with its default.\n"
        "# `make docs` writes this file from the program.\n"
        "# Keep what you change in a file of your own (--config FILE), or give single values:\n"
        "# --set train.epochs=2\n\n"
    )
    return head + "\n".join(_write_yaml(METHOD_CONFIGS[method], METHOD_CONFIGS[method]())) + "\n"


def make_configuration_page() -> str:
    """Return CONFIGURATION_PAGE: every key of every method.

    A section that an earlier method has with the same defaults is named and not repeated.
    """
    parts = [
        "# Settings",
        "Written by `make docs` from the program itself. [Configuration](configuration.md) says "
        "how settings are given, and which ones are used most.",
        "Give settings in a file (`--config FILE`) or one by one (`--set train.epochs=2`). "
        "`selfteach config METHOD` prints the values that a run would take. "
        "The files in `configs/` hold every key with its default.",
    ]
    printed: dict[tuple[str, ...], str] = {}
    for method, schema in METHOD_CONFIGS.items():
        parts += [f"## selfteach {method}", *_write_tables(schema, schema(), method, printed)]
    return "\n\n".join(parts) + "\n"


def _describe_command(command: Any, usage: str) -> list[str]:
    lines = [f"- `{p.name.upper()}`: {p.help}" for p in _list_arguments(command)]
    lines += [
        f"- `{_format_flag(p)}`: {p.help}{_format_default(p)}"
        for p in command.params
        if p.param_type_name == "option" and p.name != "help"
    ]
    return [" ".join(str(command.help).split()), f"    {usage}", "\n".join(lines)]


def _list_arguments(command: Any) -> list[Any]:
    return [p for p in command.params if p.param_type_name == "argument"]


def _format_flag(option: Any) -> str:
    return option.opts[0] if option.is_flag else f"{option.opts[0]} {option.metavar}"


def _format_default(option: Any) -> str:
    return "" if option.is_flag or option.default in (None, "") else f" Default: {option.default}."


def _format_value(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()


def _write_yaml(schema: type[Section], section: Section, path: str = "") -> Iterator[str]:
    """Yield the lines of a section: each key below its description."""
    indent = "  " * path.count(".")
    for number, key in enumerate(type(section).model_fields):
        value = getattr(section, key)
        if number:
            yield ""
        description = describe_key(schema, path + key)
        yield from (
            f"{indent}# {line}"
            for line in textwrap.wrap(description, COMMENT_COLUMNS - len(indent) - 2)
        )
        if isinstance(value, Section):
            yield f"{indent}{key}:"
            yield from _write_yaml(schema, value, f"{path}{key}.")
        else:
            yield f"{indent}{key}: {_format_value(value)}"


def _format_cell(schema: type[Section], key: str) -> str:
    return describe_key(schema, key).replace("|", "\\|")


def _write_tables(
    schema: type[Section],
    section: Section,
    method: str,
    printed: dict[tuple[str, ...], str],
    path: str = "",
) -> Iterator[str]:
    """Yield a table of a section's own keys, then its sections.

    `printed` holds the tables so far, each with the name of its section.
    """
    fields = {key: getattr(section, key) for key in type(section).model_fields}
    rows = [
        f"| `{path}{key}` | `{_format_value(value)}` | {_format_cell(schema, path + key)} |"
        for key, value in fields.items()
        if not isinstance(value, Section)
    ]
    if path:
        name = path.removesuffix(".")
        yield f"### {method}: {name}"
        yield describe_key(schema, name)
    first = printed.setdefault(tuple(rows), f"{method}: {path.removesuffix('.')}")
    if first == f"{method}: {path.removesuffix('.')}":
        yield "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])
    else:
        yield f"The keys and defaults are those of *{first}*."
    for key, value in fields.items():
        if isinstance(value, Section):
            yield from _write_tables(schema, value, method, printed, f"{path}{key}.")


def main(root: Path) -> None:
    """Write all pages below the root of the project."""
    pages = {
        CLI_PAGE: make_cli_page(),
        API_PAGE: make_api_page(),
        CONFIGURATION_PAGE: make_configuration_page(),
    }
    for page, text in pages.items():
        (root / page).parent.mkdir(parents=True, exist_ok=True)
        write_text(root / page, text)
    for method in METHOD_CONFIGS:
        write_text(root / "configs" / f"{method}.yaml", make_settings_page(method))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=Path, nargs="?", default=Path(__file__).parents[1])
    main(parser.parse_args().root)
