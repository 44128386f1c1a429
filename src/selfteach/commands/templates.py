"""`selfteach templates`: what a row becomes in each template, and which part of it is learned; and
whole datasets written that way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach.commands.overlap import open_atomic
from selfteach.commands.screen import print_json
from selfteach.errors import DataError, UsageError
from selfteach.files import BadLine
from selfteach.materials.rows import Row, read_rows, refuse_bad_rows
from selfteach.materials.tasks import OWN_SEEDS, read_task
from selfteach.materials.templates import (
    LIBRARY,
    Template,
    get_templates,
    make_template,
    sample_template,
)
from selfteach.records import Prompt, digest, dump_canonical_json, prompt_to_json
from selfteach.run.display import replace_control_chars

TASK_COLUMNS = ("instances", "conversations", "messages")
Segment = tuple[str, bool]
"""A piece of text, and whether it is learned."""


@dataclass(frozen=True)
class TemplateOptions:
    """Which templates, and for which model they are shown."""

    names: Sequence[str] = ()
    prompt: str = ""
    answer: str = ""
    form: str = ""
    model: str | None = None
    out: Path | None = None
    seed: int = 0
    skip_bad_rows: bool = False

    def templates(self) -> tuple[Template, ...]:
        """A user's own (chat, unless it says otherwise), the named ones, or all of the library; of
        one form where one is asked for.
        """
        if self.form not in ("", "chat", "completion"):
            raise UsageError(
                f'there is no form "{self.form}".', where="--form", cure="Give chat or completion."
            )
        if bool(self.prompt) != bool(self.answer):
            raise UsageError(
                "a template has a prompt and an answer.",
                where="--prompt, --answer",
                cure="Give both.",
            )
        own = (
            (
                make_template(
                    self.prompt, self.answer, "completion" if self.form == "completion" else "chat"
                ),
            )
            if self.prompt
            else ()
        )
        named = get_templates(self.names) if self.names else () if own else LIBRARY
        return own + tuple(template for template in named if self.form in ("", template.form))


def run_templates(data: Path | None, options: TemplateOptions, *, as_json: bool) -> None:
    """Shows the templates on the first rows of a dataset (or on our own seeds), or writes the whole
    of it.
    """
    library = options.templates()
    if options.out:
        if data is None:
            raise UsageError(
                "there is no dataset to write.",
                where="--out",
                cure="Name one: selfteach templates DATA --out FILE.",
            )
        written, unfitting, bad = write_dataset(data, library, options)
        _report_bad_lines(bad)
        found = {
            "out": str(options.out),
            "written": written,
            "no_template_fits": unfitting,
            "bad_lines": len(bad),
        }
        print_json(found) if as_json else print(
            f"{options.out}: {written:,} examples, {unfitting:,} rows that no template fits"
        )
        return
    rows, bad = take_example_rows(data or OWN_SEEDS)
    _report_bad_lines(bad)
    if as_json:
        print_json([describe_template(template, rows) for template in library])
        return
    _print_preview(library, rows, options.model)


def iterate_rows(path: Path, bad: list[BadLine]) -> Iterator[tuple[str, dict[str, str]]]:
    """(place, columns as text) of each row; a task with several instances, or a conversation,
    becomes a row for each of its cases.
    """
    for where, row in read_rows(path, bad):
        if not any(key in row for key in TASK_COLUMNS):
            yield where, get_columns(row)
            continue
        try:
            task = read_task(row, where)
        except DataError as fault:
            bad.append(BadLine(where, fault.what.rstrip(".")))
            continue
        for number, case in enumerate(task.instances):
            yield (
                f"{where}#{number}",
                {"instruction": task.instruction, "input": case.input, "output": case.output},
            )


def get_columns(row: Row) -> dict[str, str]:
    """The cells of a row that are text or numbers."""
    return {
        key: str(value)
        for key, value in row.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def take_example_rows(path: Path) -> tuple[list[dict[str, str]], list[BadLine]]:
    """The first rows of either kind, with an input and without; and all rows that cannot be read.

    Raises:
        DataError: there is no row to show.
    """
    found, bad = dict[bool, dict[str, str]](), list[BadLine]()
    for _, row in iterate_rows(path, bad):
        found.setdefault(bool(row.get("input", "").strip()), row)
    if not found:
        raise DataError(f"holds no row that can be shown{_describe_first(bad)}.", where=str(path))
    return list(found.values()), bad


def _describe_first(bad: Sequence[BadLine]) -> str:
    return f"; the first: {bad[0].where}: {bad[0].fault}" if bad else ""


def _report_bad_lines(bad: Sequence[BadLine]) -> None:
    """Tells on stderr how many rows are left out, and what is wrong with the first."""
    if bad:
        print(
            f"selfteach: {replace_control_chars(f'{len(bad):,} rows cannot be read{_describe_first(bad)}.')}",
            file=sys.stderr,
        )


def choose_row(template: Template, rows: Sequence[dict[str, str]]) -> dict[str, str] | None:
    """Of some rows the one that a template leaves least of."""
    return min(
        filter(template.fits, rows),
        key=lambda row: sum(map(bool, row.values())) - len(template.columns),
        default=None,
    )


def describe_template(template: Template, rows: Sequence[dict[str, str]]) -> dict[str, Any]:
    """A template as JSON, with what it makes of a row that fits it."""
    filled = template.fill(row) if (row := choose_row(template, rows)) else None
    example = {"prompt": prompt_to_json(filled[0]), "completion": filled[1]} if filled else None
    return {
        "name": template.name,
        "form": template.form,
        "prompt": template.prompt,
        "answer": template.answer,
        "columns": list(template.columns),
        "example": example,
    }


def write_dataset(
    data: Path, library: Sequence[Template], options: TemplateOptions
) -> tuple[int, int, list[BadLine]]:
    """Writes each row as prompt and completion, in a template that is drawn for it; returns how
    many, how many fit none, and the bad rows.

    Raises:
        DataError: bad rows, or not one that a template fits.
    """
    assert options.out is not None
    if options.out.resolve() == data.resolve():
        raise UsageError("is the file that is read.", where="--out", cure="Give another path.")
    if len(forms := {t.form for t in library}) > 1:
        raise UsageError(
            "chat and completion templates cannot stand in one dataset.",
            where="--template",
            cure="Name some of one form: "
            + ", ".join(dict.fromkeys(t.name for t in library if t.form == min(forms)))
            + ".",
        )
    bad: list[BadLine] = []
    written = unfitting = 0
    with open_atomic(options.out) as out:
        for where, row in iterate_rows(data, bad):
            template = sample_template(library, row, options.seed, digest([where, row]))
            if template is None:
                unfitting += 1
                continue
            prompt, answer = template.fill(row)
            completion: Any = (
                answer if isinstance(prompt, str) else [{"role": "assistant", "content": answer}]
            )
            out.write(
                dump_canonical_json(
                    {
                        "prompt": prompt_to_json(prompt),
                        "completion": completion,
                        "template": template.name,
                    }
                )
                + "\n"
            )
            written += 1
        refuse_bad_rows(data, bad, written + unfitting + len(bad), options.skip_bad_rows, 0.1)
        if not written:
            needed = "; ".join(dict.fromkeys(", ".join(t.columns) for t in library))
            raise DataError(
                "has no row that a template fits.",
                where=str(data),
                cure=f"They need the columns {needed}; --prompt and --answer name others.",
            )
    return written, unfitting, bad


def split_segments(prompt: Prompt, answer: str, tokens: Any = None) -> list[Segment]:
    """What the model reads, and which of it is learned: the answer with the token that ends it.
    With `tokens` as that model reads it.
    """
    if tokens is None:
        asked = prompt if isinstance(prompt, str) else "\n".join(m.content for m in prompt) + "\n"
        return [(asked, False), (answer, True), ("⏎", True)]
    before, after = tokens.encode(prompt), tokens.encode_answer(answer)
    return [(tokens.tokenizer.decode(before), False), (tokens.tokenizer.decode(after), True)]


def _print_preview(
    library: Sequence[Template], rows: Sequence[dict[str, str]], model: str | None
) -> None:
    from rich.console import Console
    from rich.text import Text

    tokens = None
    if model:
        from selfteach.models.hf import load_chat_tokenizer

        tokens = load_chat_tokenizer(model)
    console = Console(file=sys.stdout, highlight=False)
    console.print(
        "What is learned is marked with > and coloured; everything before it is only read.",
        style="dim",
    )
    for template in library:
        console.print(
            Text(f"\n{template.name} ({template.form}): {', '.join(template.columns)}", "bold")
        )
        if (row := choose_row(template, rows)) is None:
            console.print(Text("  none of the rows has these columns", "yellow"))
            continue
        for text, learned in split_segments(*template.fill(row), tokens):
            for line in text.strip("\n").split("\n"):
                console.print(
                    Text(
                        f"  {'>' if learned else '|'} {replace_control_chars(line)}",
                        "bold green" if learned else "dim",
                    ),
                    soft_wrap=True,
                )
