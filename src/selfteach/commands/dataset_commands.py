"""The commands that work on any dataset, whether or not a run made it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfteach.commands.options import Json, Model, OptionalRun, Seed, SkipBadRows, option


def add_commands(app: typer.Typer) -> None:
    """Enters them into the program."""
    for command in (inspect, templates, overlap):
        app.command()(command)


def inspect(
    file: Annotated[
        Path | None,
        typer.Argument(help="A file of tasks, in any form that `tasks` reads; or give --run."),
    ] = None,
    run: OptionalRun = None,
    seeds: Annotated[
        Path | None,
        option("--seeds", "FILE", "The seeds that FILE is compared with; by default our own."),
    ] = None,
    out: Annotated[Path | None, option("--out", "FILE", "Where the page goes.")] = None,
    skip_bad_rows: SkipBadRows = False,
    json: Json = False,
) -> None:
    """Show what invented tasks are like: nearness to the seeds, diversity, lengths, labels, and
    pages of them to read.
    """
    from selfteach.commands import inspect as body

    body.run_inspect(run, file, seeds, out, skip=skip_bad_rows, as_json=json)


def templates(
    data: Annotated[
        Path | None,
        typer.Argument(help="A dataset with named columns; by default our own seed tasks."),
    ] = None,
    names: Annotated[
        list[str] | None, option("--template", "NAME", "One of the library; may be repeated.")
    ] = None,
    prompt: Annotated[
        str, option("--prompt", "TEXT", 'A template of your own: "Translate: {german}".')
    ] = "",
    answer: Annotated[str, option("--answer", "TEXT", 'What is learned: "{english}".')] = "",
    form: Annotated[
        str,
        option(
            "--form",
            "NAME",
            "chat or completion: of your own template, or only these of the library.",
        ),
    ] = "",
    model: Model = None,
    out: Annotated[
        Path | None, option("--out", "FILE", "Writes the whole dataset as prompt and completion.")
    ] = None,
    seed: Seed = None,
    skip_bad_rows: SkipBadRows = False,
    json: Json = False,
) -> None:
    """List the prompt templates and show which part of each is learned; or turn a dataset into
    instruction data.
    """
    from selfteach.commands import templates as body

    options = body.TemplateOptions(
        names or (), prompt, answer, form, model, out, seed or 0, skip_bad_rows
    )
    body.run_templates(data, options, as_json=json)


def overlap(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="A", help="A dataset: .jsonl, .json or .csv.")],
    out: Annotated[Path, option("--out", "FILE", "Where the kept rows go.")],
    second: Annotated[
        Path | None,
        typer.Argument(metavar="B", help="Its rows are filtered, against FIRST and themselves."),
    ] = None,
    dropped: Annotated[
        Path | None,
        option("--dropped", "FILE", "Where the dropped rows go, each with what it is like."),
    ] = None,
    field: Annotated[
        str,
        option(
            "--field",
            "NAME",
            "The field whose texts are compared; of messages the last turn of the user.",
        ),
    ] = "instruction",
    threshold: Annotated[
        float,
        option("--threshold", "X", "Above this ROUGE-L F1 a row repeats another.", min=0, max=1),
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
        option("--workers", "N", "Threads; by default one a core. The result is the same.", min=1),
    ] = None,
    json: Json = False,
) -> None:
    """Keep the rows of a dataset that overlap with no kept row before them (ROUGE-L, exact)."""
    from selfteach.commands import overlap as body

    options = body.OverlapOptions(out, dropped, field, threshold, words, workers, context.obj)
    body.filter_overlap(first, second, options, as_json=json)
