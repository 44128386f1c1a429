"""The command that measures a tuned model on public benchmarks."""

from __future__ import annotations

from typing import Annotated

import typer

from selfteach.commands.groups import RunCommand
from selfteach.commands.options import Json, OptionalAdapter, RunFolder, option


def add_commands(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(cls=RunCommand)(benchmark)


def benchmark(
    context: typer.Context,
    run: RunFolder,
    tasks: Annotated[
        str,
        option(
            "--tasks",
            "A,B",
            (
                "glue, superglue, mmlu, bbh, helm-lite, any task or group of lm-eval, or a "
                "task's .yaml file."
            ),
        ),
    ],
    limit: Annotated[
        int | None,
        option("--limit", "N", "At most N rows of each task, for a quick trial.", min=1),
    ] = None,
    shots: Annotated[
        int | None,
        option(
            "--shots",
            "N",
            "Worked examples in each prompt; by default the task's own number.",
            min=0,
        ),
    ] = None,
    adapter: OptionalAdapter = "",
    json: Json = False,
) -> None:
    """Run public benchmarks on the base and the tuned model. This needs the extra bench:
    pip install "selfteach[bench]".
    """
    from selfteach.commands import benchmark as body

    names = tuple(filter(None, map(str.strip, tasks.split(","))))
    body.run_benchmark(run, body.BenchmarkOptions(names, limit, shots, json, context.obj, adapter))
