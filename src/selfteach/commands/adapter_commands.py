"""The commands about what may change: training alone, comparing, merging."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfteach.commands.options import (
    Json,
    New,
    OptionalAdapter,
    RunFolder,
    Sets,
    SkipBadRows,
    TeachOptions,
    option,
    with_teach_options,
)

ADAPTER_HELP = "lora, full, layers, bottleneck, prompt, reft or closed_form: what may change."
OBJECTIVE_HELP = (
    "sft, dpo, sft+dpo, distill, correction; by default sft+dpo where every example has a "
    "rejected answer, else sft."
)


def add_commands(app: typer.Typer) -> None:
    """Enters them into the program."""
    for command in (train, compare, merge):
        app.command()(command)


@with_teach_options
def train(
    options: TeachOptions,
    examples: Annotated[
        list[Path],
        typer.Argument(
            help=(
                "Datasets (.jsonl, .json, .csv): messages, prompt with chosen or "
                "completion, alpaca, sharegpt."
            )
        ),
    ],
    adapter: Annotated[str | None, option("--adapter", "A", ADAPTER_HELP)] = None,
    objective: Annotated[str | None, option("--objective", "O", OBJECTIVE_HELP)] = None,
    dev: Annotated[
        str | None,
        option(
            "--dev",
            "FILE|SHARE",
            "What the loss is measured on; by default a tenth of the prompts.",
        ),
    ] = None,
    skip_bad_rows: SkipBadRows = False,
) -> None:
    """Train an adapter on examples that you have, with the loss on a dev part before and after.

    The same command again goes on where it stopped. `accelerate launch -m selfteach train ... --out
    DIR` uses several processes.
    """
    from selfteach.commands import train as body

    own = {"train.adapter": adapter, "train.objective": objective}
    body.run_train(examples, dev, own, options, skip_bad_rows=skip_bad_rows)


def compare(
    context: typer.Context,
    run: RunFolder,
    adapters: Annotated[
        str, option("--adapters", "A,B", "Which adapters; by default all that there are.")
    ] = "",
    objectives: Annotated[
        str,
        option(
            "--objectives",
            "O,P",
            "own (as the run was trained), sft, dpo, sft+dpo, distill, on_policy, correction.",
        ),
    ] = "own",
    icl: Annotated[
        str, option("--icl", "0,1,4", "Also the base with so many worked examples in its prompt.")
    ] = "",
    rates: Annotated[
        str,
        option(
            "--rates",
            "F,G",
            "Factors of each adapter's own learning rate; the best on dev is taken.",
        ),
    ] = "0.3,1,3",
    sets: Sets = None,
    out: Annotated[
        Path | None,
        option("--out", "DIR", "The comparison's folder; by default compare/ in the run's."),
    ] = None,
    json: Json = False,
    new: New = False,
) -> None:
    """Train other adapters and objectives on a run's examples, let each sit its exam, and show one
    table and one plot.

    The same command again goes on with the cells that are missing.
    """
    from selfteach.commands import compare as body

    options = body.CompareOptions(
        adapters, objectives, icl, rates, sets or [], out, json, new, context.obj
    )
    body.run_compare(run, options)


def merge(
    context: typer.Context,
    run: RunFolder,
    out: Annotated[
        Path, option("--out", "FOLDER", "Where the model goes: a new or an empty folder.")
    ],
    adapter: OptionalAdapter = "",
    form: Annotated[
        str,
        option(
            "--as",
            "FORM",
            "model; or lora: a reft that other weights do exactly, as an ordinary LoRA.",
        ),
    ] = "model",
    json: Json = False,
) -> None:
    """Write the taught model of a run as one ordinary transformers folder, the adapter's change in
    its weights.
    """
    from selfteach.commands import merge as body

    body.run_merge(run, adapter, out, form, as_json=json, debug=context.obj)
