"""The commands that work on any dataset, whether or not a run made it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfteach.commands.groups import PanelCommand
from selfteach.commands.options import Force, Json, Model, OptionalRun, Seed, SkipBadRows, option


def add_commands(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (inspect, templates, overlap):
        app.command(cls=PanelCommand)(command)


def inspect(
    file: Annotated[
        Path | None,
        typer.Argument(help="A file of tasks, in any form that `tasks` reads; or a run's folder."),
    ] = None,
    run: OptionalRun = None,
    seeds: Annotated[
        Path | None,
        option("--seeds", "FILE", "The seeds to compare FILE with; by default selfteach's own."),
    ] = None,
    out: Annotated[Path | None, option("--out", "FILE", "The path of the page.")] = None,
    force: Force = False,
    skip_bad_rows: SkipBadRows = False,
    json: Json = False,
) -> None:
    """Describe invented tasks in a page. It shows similarity to the seeds, diversity, lengths,
    labels, and some of the tasks.
    """
    from selfteach.commands import inspect as body

    body.run_inspect(run, file, seeds, out, force=force, skip=skip_bad_rows, as_json=json)


def templates(
    data: Annotated[
        Path | None,
        typer.Argument(help="A dataset with named columns; by default selfteach's seed tasks."),
    ] = None,
    names: Annotated[
        list[str] | None,
        option("--template", "NAME", "A template of the library; may be repeated."),
    ] = None,
    prompt: Annotated[
        str, option("--prompt", "TEXT", 'A template of your own: "Translate: {german}".')
    ] = "",
    answer: Annotated[
        str, option("--answer", "TEXT", 'The text that is learned: "{english}".')
    ] = "",
    form: Annotated[
        str,
        option(
            "--form",
            "NAME",
            "chat or completion: the form of your own template, or a filter on the library.",
        ),
    ] = "",
    model: Model = None,
    out: Annotated[
        Path | None, option("--out", "FILE", "Write the whole dataset as prompt and completion.")
    ] = None,
    force: Force = False,
    seed: Seed = None,
    skip_bad_rows: SkipBadRows = False,
    json: Json = False,
) -> None:
    """List prompt templates, or convert a dataset. The list shows which part of each template is
    learned. A dataset becomes instruction data.
    """
    from selfteach.commands import templates as body

    options = body.TemplateOptions(
        names or (), prompt, answer, form, model, out, seed or 0, skip_bad_rows, force
    )
    body.run_templates(data, options, as_json=json)


def overlap(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="A", help="A dataset: .jsonl, .json or .csv.")],
    out: Annotated[Path, option("--out", "FILE", "The file for the kept rows.")],
    second: Annotated[
        Path | None,
        typer.Argument(metavar="B", help="Filter the rows of B, against A and against themselves."),
    ] = None,
    dropped: Annotated[
        Path | None,
        option("--dropped", "FILE", "The file for the dropped rows, each with the row it repeats."),
    ] = None,
    field: Annotated[
        str,
        option(
            "--field",
            "NAME",
            "The field whose texts are compared; messages count by their last user turn.",
        ),
    ] = "instruction",
    threshold: Annotated[
        float,
        option("--threshold", "X", "A row above this ROUGE-L F1 repeats another.", min=0, max=1),
    ] = 0.7,
    words: Annotated[
        str,
        option(
            "--words",
            "NAME",
            "rouge: words of a-z and 0-9, as rouge_score; unicode: words of every script.",
        ),
    ] = "rouge",
    workers: Annotated[
        int | None,
        option(
            "--workers", "N", "Threads; by default one per core. The result is the same.", min=1
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Drop the rows of a dataset that repeat another row. A row is kept if it overlaps with no kept
    row before it (exact ROUGE-L).
    """
    from selfteach.commands import overlap as body

    options = body.OverlapOptions(
        out, dropped, field, threshold, words, workers, context.obj, force
    )
    body.filter_overlap(first, second, options, as_json=json)
