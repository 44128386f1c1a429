"""`selfteach templates`: show a row in each template, or write a whole dataset with templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from selfteach.commands.output_file import (
    open_atomic,
    refuse_existing,
    refuse_other_ending,
    refuse_shared_paths,
)
from selfteach.commands.screen import (
    open_console,
    print_json,
    print_notice,
    print_notices,
    print_result,
)
from selfteach.errors import DataError, UsageError
from selfteach.files import BadLine, set_aside
from selfteach.materials.row_forms import drop_unfilled
from selfteach.materials.rows import (
    Row,
    list_first_lines,
    read_rows,
    refuse_bad_rows,
    summarize_repaired,
)
from selfteach.materials.tasks import (
    ALPACA_NO_INPUT,
    OWN_SEEDS,
    SharedSystems,
    read_row,
)
from selfteach.materials.templates import (
    LIBRARY,
    OWN_TEMPLATE,
    Template,
    get_templates,
    make_template,
    sample_template,
)
from selfteach.records import JsonObject, Prompt, digest, dump_canonical_json, prompt_to_json
from selfteach.run.display import replace_control_chars
from selfteach.text import format_count

TASK_COLUMNS = ("instances", "conversations", "messages")
"""The columns of which a row of tasks has one."""
READ_COLUMNS = ("instruction", "input", "output")
"""What such a row is read as."""
MAX_BAD_SHARE = 1.0
"""With `--skip-bad-rows` every bad row is left out, and named."""
WIDTH = 80
MAX_COLUMNS = 20
"""How many columns of a dataset a message names."""
Segment = tuple[str, bool]
"""A piece of text, and whether it is learned."""


@dataclass(frozen=True)
class TemplateOptions:
    """Hold which templates are shown, and for which model."""

    names: Sequence[str] = ()
    prompt: str = ""
    answer: str = ""
    form: str = ""
    model: str | None = None
    out: Path | None = None
    seed: int = 0
    skip_bad_rows: bool = False
    force: bool = False

    def choose_templates(self) -> tuple[Template, ...]:
        """Return the user's own template, the named ones, or the whole library.

        The user's own template has the form chat by default. A given form filters the others.

        Raises:
            UsageError: the form is unknown, or that of no named template; or a template has no
                prompt or no answer.
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
        found: list[Template] = []
        if self.prompt:
            form: Literal["chat", "completion"] = (
                "completion" if self.form == "completion" else "chat"
            )
            found.append(make_template(self.prompt, self.answer, form))
        if self.names or not found:
            named = get_templates(self.names) if self.names else LIBRARY
            found += [template for template in named if self.form in ("", template.form)]
        if not found:
            raise UsageError(
                f"none of the named templates is of the form {self.form}.",
                where="--form",
                cure="Leave it out, or name others.",
            )
        return tuple(found)


def run_templates(data: Path | None, options: TemplateOptions, *, as_json: bool) -> None:
    """Show the templates on the first rows of a dataset (or of the seeds), or write all rows."""
    library = options.choose_templates()
    if options.out:
        if data is None:
            raise UsageError(
                "there is no dataset to write.",
                where="--out",
                cure="Name one: selfteach templates DATA --out FILE.",
            )
        written, unfitting, notes = write_dataset(data, library, options)
        _print_notes(notes)
        found = {
            "out": str(options.out),
            "written": written,
            "no_template_fits": unfitting,
            "bad_lines": len(notes.bad),
        }
        counts = format_count(written, "examples"), format_count(unfitting, "rows")
        text = f"{options.out}: {counts[0]}, {counts[1]} that no template fits"
        print_result(found, text, as_json=as_json)
        return
    rows, notes = take_example_rows(data or OWN_SEEDS, library)
    _print_notes(notes)
    if as_json:
        print_json([describe_template(template, rows) for template in library])
        return
    _print_preview(library, rows, options.model)


@dataclass
class RowNotes:
    """Hold the rows that cannot be read, and those that are not taken as they stand."""

    bad: list[BadLine] = field(default_factory=list)
    repaired: list[BadLine] = field(default_factory=list)


@dataclass
class Survey:
    """Hold what a first reading of a dataset finds.

    Attributes:
        columns: those of all rows.
        systems: the system messages that many conversations share, each with a note.
    """

    columns: dict[str, None] = field(default_factory=dict)
    systems: dict[str, BadLine] = field(default_factory=dict)


def survey_rows(path: Path, library: Sequence[Template]) -> Survey:
    """Read a dataset once, before any row of it is shown or written.

    A system message is shared by the measure of `tasks`.

    Raises:
        DataError: a template of the user's own has a column that no row has.
    """
    found = Survey()
    systems = SharedSystems()
    for where, given in read_rows(path, []):
        row = drop_unfilled(given)
        found.columns |= dict.fromkeys(READ_COLUMNS if is_task(row) else get_columns(row))
        if is_task(row):
            with suppress(DataError):
                systems.add(read_row(row, where))
    found.systems = systems.find()
    for template in library:
        is_own = template.name == OWN_TEMPLATE
        if is_own and found.columns and not found.columns.keys() >= set(template.columns):
            raise make_unfit_error(path, [template], found.columns)
    return found


def is_task(row: Row) -> bool:
    """Return whether a row is read as a task: it has cases, or is a conversation."""
    return any(key in row for key in TASK_COLUMNS)


def iterate_rows(
    path: Path, survey: Survey, notes: RowNotes
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place and the columns of each row, as text.

    A task with several instances, or a conversation, becomes one row for each instance.
    """
    notes.repaired += survey.systems.values()
    for where, given in read_rows(path, notes.bad, notes.repaired):
        row = drop_unfilled(given)
        if not is_task(row):
            columns = get_columns(row)
            if "instruction" in columns and columns.get("input") == ALPACA_NO_INPUT:
                columns["input"] = ""
            yield where, columns
            continue
        try:
            read = read_row(row, where)
        except DataError as fault:
            set_aside(notes.bad, where, fault.what.rstrip("."))
            continue
        notes.repaired += read.describe_no_inputs()
        task = read.choose_task(survey.systems)
        for number, instance in enumerate(task.instances):
            columns = {"input": instance.input, "output": instance.output}
            yield f"{where}#{number}", {"instruction": task.instruction, **columns}


def get_columns(row: Row) -> dict[str, str]:
    """Return the cells of a row that are text or numbers."""
    return {
        key: str(value)
        for key, value in row.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def take_example_rows(
    path: Path, library: Sequence[Template]
) -> tuple[list[dict[str, str]], RowNotes]:
    """Return rows to show, and notes on all rows: the first row with an input, the first without
    one, and the first that fits a template which no row before it fits.

    Raises:
        DataError: there is no row to show, or no template fits any row.
    """
    found: list[dict[str, str]] = []
    kinds: set[bool] = set()
    unfitted = list(library)
    notes = RowNotes()
    survey = survey_rows(path, library)
    for _, row in iterate_rows(path, survey, notes):
        kind = bool(row.get("input", "").strip())
        left = [template for template in unfitted if not template.fits(row)]
        if kind not in kinds or len(left) < len(unfitted):
            found.append(row)
        kinds.add(kind)
        unfitted = left
    if not found:
        raise DataError(
            f"holds no row that can be shown{_describe_first(notes.bad)}.",
            where=path,
            cure="Give a dataset with named columns.",
        )
    if len(unfitted) == len(library):
        raise make_unfit_error(path, library, survey.columns)
    return found, notes


def make_unfit_error(path: Path, library: Sequence[Template], columns: Iterable[str]) -> DataError:
    """Return the error of a dataset whose rows no template fits.

    Args:
        columns: those of its rows.
    """
    needed = dict.fromkeys(", ".join(template.columns) for template in library)
    names = list(columns)
    more = f", and {len(names) - MAX_COLUMNS:,} more" if len(names) > MAX_COLUMNS else ""
    return DataError(
        "has no row that a template fits.",
        where=path,
        cure=(
            f"The templates need the columns {'; '.join(needed)}. The rows have the columns "
            f"{', '.join(names[:MAX_COLUMNS])}{more}. --prompt and --answer name others."
        ),
    )


def _describe_first(bad: Sequence[BadLine]) -> str:
    return f"; the first: {bad[0].where}: {bad[0].fault}" if bad else ""


def _print_notes(notes: RowNotes) -> None:
    """Print on stderr which rows are left out, and which are not taken as they stand."""
    if notes.bad:
        first, *others = list_first_lines(notes.bad)
        print_notice(f"{format_count(len(notes.bad), 'rows')} cannot be read; the first: {first}.")
        print_notices(others)
    print_notices(summarize_repaired(notes.repaired))


def choose_row(template: Template, rows: Sequence[dict[str, str]]) -> dict[str, str] | None:
    """Return the row of which a template uses most; None if it fits no row."""
    return min(
        filter(template.fits, rows),
        key=lambda row: sum(map(bool, row.values())) - len(template.columns),
        default=None,
    )


def describe_template(template: Template, rows: Sequence[dict[str, str]]) -> JsonObject:
    """Return a template as JSON, with an example from a row that fits it."""
    example = None
    row = choose_row(template, rows)
    if row:
        prompt, completion = template.fill(row)
        example = {"prompt": prompt_to_json(prompt), "completion": completion}
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
) -> tuple[int, int, RowNotes]:
    """Write each row as prompt and completion, in a template that is sampled for it.

    Returns:
        the number of written rows, the number of rows that no template fits, and notes on rows.

    Raises:
        UsageError: the dataset would overwrite itself or another file, or mix chat and completion.
        DataError: there are bad rows, or no template fits any row, or one of the user's own has a
            column that no row has.
    """
    assert options.out is not None
    refuse_other_ending(options.out)
    refuse_shared_paths([options.out], [data])
    refuse_existing(options.out, force=options.force)
    forms = {template.form for template in library}
    if len(forms) > 1:
        names = dict.fromkeys(t.name for t in library if t.form == min(forms))
        raise UsageError(
            "chat and completion templates cannot be mixed in one dataset.",
            where="--template",
            cure=f"Name some of one form: {', '.join(names)}.",
        )
    notes = RowNotes()
    survey = survey_rows(data, library)
    written = unfitting = 0
    with open_atomic(options.out) as out:
        for where, row in iterate_rows(data, survey, notes):
            template = sample_template(library, row, options.seed, digest([where, row]))
            if template is None:
                unfitting += 1
                continue
            prompt, answer = template.fill(row)
            completion: Any = answer
            if not isinstance(prompt, str):
                completion = [{"role": "assistant", "content": answer}]
            filled = {
                "prompt": prompt_to_json(prompt),
                "completion": completion,
                "template": template.name,
            }
            out.write(dump_canonical_json(filled) + "\n")
            written += 1
        rows = written + unfitting + len(notes.bad)
        refuse_bad_rows(data, notes.bad, rows, options.skip_bad_rows, MAX_BAD_SHARE)
        if not written and not survey.columns:
            raise DataError(
                f"holds no row that can be written{_describe_first(notes.bad)}.",
                where=data,
                cure="Give a dataset with named columns.",
            )
        if not written:
            raise make_unfit_error(data, library, survey.columns)
    return written, unfitting, notes


def split_segments(prompt: Prompt, answer: str, tokens: Any = None) -> list[Segment]:
    """Return the text that the model reads in segments, each with whether it is learned.

    The learned part is the answer with its end token.

    Args:
        tokens: the tokenizer of a model, for the text exactly as this model reads it.
    """
    if tokens is None:
        text = prompt
        if not isinstance(text, str):
            text = "".join(f"{message.content}\n" for message in text)
        return [(text, False), (answer, True), ("⏎", True)]
    decode = tokens.tokenizer.decode
    return [
        (decode(tokens.encode(prompt)), False),
        (decode(tokens.encode_answer(answer, after=prompt)), True),
    ]


def _print_preview(
    library: Sequence[Template], rows: Sequence[dict[str, str]], model: str | None
) -> None:
    from rich.text import Text

    tokens = None
    if model:
        from selfteach.models.load_tokenizer import load_chat_tokenizer

        tokens = load_chat_tokenizer(model)
    console = open_console(WIDTH)
    console.print(
        "The learned part is marked with > and colored; the model only reads the rest.",
        style="dim",
    )
    for template in library:
        console.print(
            Text(f"\n{template.name} ({template.form}): {', '.join(template.columns)}", "bold")
        )
        row = choose_row(template, rows)
        if row is None:
            console.print(Text("  none of the rows has these columns", "yellow"))
            continue
        for text, learned in split_segments(*template.fill(row), tokens):
            mark, style = (">", "bold green") if learned else ("|", "dim")
            for line in text.strip("\n").split("\n"):
                shown = Text(f"  {mark} {replace_control_chars(line)}", style)
                console.print(shown, soft_wrap=True)
