"""The commands that measure a taught model by what others measure with."""

from __future__ import annotations

from typing import Annotated

import typer

from selfteach.commands.options import Json, OptionalAdapter, RunFolder, option


def add_commands(app: typer.Typer) -> None:
    """Enters them into the program."""
    app.command()(benchmark)


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
        option("--limit", "N", "At most so many rows of each task: for trying out.", min=1),
    ] = None,
    shots: Annotated[
        int | None,
        option(
            "--shots", "N", "Worked examples in each prompt; by default what the task says.", min=0
        ),
    ] = None,
    adapter: OptionalAdapter = "",
    json: Json = False,
) -> None:
    """Run public benchmarks on base and taught, side by side, with lm-eval (pip install lm-eval)."""
    from selfteach.commands import benchmark as body

    body.run_benchmark(
        run,
        body.BenchmarkOptions(
            tuple(filter(None, map(str.strip, tasks.split(",")))),
            limit,
            shots,
            json,
            context.obj,
            adapter,
        ),
    )
