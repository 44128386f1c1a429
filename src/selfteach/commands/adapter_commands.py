"""The commands about adapters: training alone, comparing, merging, exporting, serving."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfteach.commands.groups import PanelCommand, RunCommand
from selfteach.commands.options import (
    DEFAULT_PROMPTS,
    DEFAULT_QUANT,
    Json,
    Model,
    New,
    OptionalAdapter,
    OptionalRun,
    RunFolder,
    Sets,
    SkipBadRows,
    TeachOptions,
    option,
    with_teach_options,
)

ADAPTER_HELP = "lora, full, layers, bottleneck, prompt, reft or closed_form: what is trained."
OBJECTIVE_HELP = (
    "sft, dpo, distill, unlikelihood, correction, one of a plug-in, or several joined by +; by "
    "default sft+dpo if every example has a rejected answer, else sft."
)


def add_commands(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(cls=PanelCommand)(train)
    for command in (compare, merge, export):
        app.command(cls=RunCommand)(command)
    app.command(cls=PanelCommand)(serve)
    app.command(cls=PanelCommand)(mcp)


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
            "The examples for measuring the loss; by default a tenth of the prompts.",
        ),
    ] = None,
    skip_bad_rows: SkipBadRows = False,
) -> None:
    """Train an adapter on your own examples. The loss on held-out examples (the dev part) is
    measured before and after.

    The same command resumes an unfinished run. `accelerate launch -m selfteach train ... --out
    DIR` uses several processes.
    """
    from selfteach.commands import train as body

    own = {"train.adapter": adapter, "train.objective": objective}
    body.run_train(examples, dev, own, options, skip_bad_rows=skip_bad_rows)


def compare(
    context: typer.Context,
    run: RunFolder,
    adapters: Annotated[
        str, option("--adapters", "A,B", "Names of adapters; by default all.")
    ] = "",
    objectives: Annotated[
        str,
        option(
            "--objectives",
            "O,P",
            (
                "Losses: own (what the run was trained with), sft, dpo, sft+dpo, distill, "
                "on_policy (distill, partly on answers that the model samples in training), "
                "correction."
            ),
        ),
    ] = "own",
    icl: Annotated[
        str,
        option(
            "--icl",
            "0,1,4",
            (
                "In-context learning: also compare the base with this many examples in its prompt, "
                "without training."
            ),
        ),
    ] = "",
    rates: Annotated[
        str,
        option(
            "--rates",
            "F,G",
            (
                "Factors of each adapter's default learning rate. The best one on the dev part "
                "(held out from training) is used."
            ),
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
    """Compare adapters and objectives on a run's examples. Each one is trained and takes the run's
    exam. The command prints a table and writes compare.svg.

    The same command resumes an unfinished comparison.
    """
    from selfteach.commands import compare as body

    cells = body.parse_cells(adapters, objectives, icl, rates)
    body.run_compare(run, cells, sets or [], out, new=new, as_json=json, debug=context.obj)


def merge(
    context: typer.Context,
    run: RunFolder,
    out: Annotated[
        Path, option("--out", "FOLDER", "The folder for the model: a new or an empty one.")
    ],
    adapter: OptionalAdapter = "",
    form: Annotated[
        str,
        option(
            "--as",
            "FORM",
            "model; or lora: an ordinary LoRA that computes exactly what a reft adapter does.",
        ),
    ] = "model",
    json: Json = False,
) -> None:
    """Write the tuned model as one transformers folder. The adapter is merged into the weights."""
    from selfteach.commands import merge as body

    body.run_merge(run, adapter, out, form, as_json=json, debug=context.obj)


def export(
    context: typer.Context,
    to: Annotated[
        str,
        option(
            "--to",
            "FORM",
            "hf (merged weights), gguf, lora-gguf, ollama, vllm, hub:OWNER/NAME, inspect (exam).",
        ),
    ],
    run: OptionalRun = None,
    student: Annotated[
        str | None,
        option("--student", "NAME", "A student: the sum of its lessons that are on."),
    ] = None,
    quant: Annotated[
        str, option("--quant", "Q", "f16 or q8_0: the number format of gguf and ollama.")
    ] = DEFAULT_QUANT,
    out: Annotated[
        Path | None,
        option("--out", "FOLDER", "A new or an empty folder; by default exports/ in the run's."),
    ] = None,
    prompts: Annotated[
        int,
        option(
            "--prompts",
            "N",
            "How many prompts of the exam another program answers with the export; 0 is none.",
            min=0,
        ),
    ] = DEFAULT_PROMPTS,
    exam: Annotated[
        bool,
        typer.Option(
            "--exam",
            help="Sit the exams again with the export, in the other program; it takes minutes.",
        ),
    ] = False,
    public: Annotated[
        bool,
        typer.Option("--public", help="Make the repositories of a hub public, not private."),
    ] = False,
    adapter: OptionalAdapter = "",
    json: Json = False,
) -> None:
    """Write the tuned model for another program. That program answers the exam's prompts again.

    llama.cpp answers with GGUF files (pip install 'selfteach[export]'), plain transformers and
    PEFT with the others. An export that answers otherwise, or with --exam one that gets another
    verdict, is marked as failed, with exit code 1.
    """
    from selfteach.commands import export as body

    body.run_export(
        run,
        student,
        adapter,
        to,
        quant,
        out,
        prompts,
        exam=exam,
        public=public,
        as_json=json,
        debug=context.obj,
    )


def serve(
    context: typer.Context,
    run: Annotated[
        list[str] | None,
        option(
            "--run",
            "DIR",
            "The folder of a run with a LoRA; may be repeated. NAME=DIR gives it another name.",
        ),
    ] = None,
    student: Annotated[
        str | None,
        option(
            "--student",
            "NAME",
            "A student with its lessons, which can be taught while it is served; it may be new.",
        ),
    ] = None,
    model: Model = None,
    config: Annotated[
        str,
        option(
            "--config",
            "FILE",
            "With --student: settings of the rules that are taught: a YAML file, or a preset.",
        ),
    ] = "",
    host: Annotated[
        str,
        option(
            "--host",
            "ADDRESS",
            "The address to listen on. Others than 127.0.0.1 need SELFTEACH_API_KEY.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, option("--port", "N", "0 lets the system choose.", min=0, max=65535)
    ] = 8000,
    queue: Annotated[
        int,
        option("--queue", "N", "Answers that may wait; further ones are refused (429).", min=1),
    ] = 64,
    timeout: Annotated[
        float, option("--timeout", "SECONDS", "The longest time of one answer.", min=1)
    ] = 600.0,
) -> None:
    """Serve a base and its lessons to OpenAI-compatible clients.

    The name of the model chooses the lesson; `base` is the model without one. At start every
    lesson must answer as PEFT does. Several runs are also one model, A+B: the exact sum of their
    adapters. SELFTEACH_API_KEY holds the key that clients must send. The address of the server is a
    page for people. With --student that page teaches, and so does POST /v1/feedback.
    """
    from selfteach.commands import serve as body

    body.run_serve(run or [], student, model, config, host, port, queue, timeout, debug=context.obj)


def mcp(
    student: Annotated[
        str,
        option("--student", "NAME", "The student that the agent teaches and asks; it may be new."),
    ],
    model: Model = None,
    config: Annotated[
        str,
        option("--config", "FILE", "Settings of the rules that are taught: a file, or a preset."),
    ] = "",
) -> None:
    """Let an agent teach a student (Model Context Protocol).

    The agent starts this command and speaks with it over standard input and output. Its tools are
    teach, status, lessons, exam, answer and export. Nothing is taught without `confirm`. It needs
    `pip install "selfteach[mcp]"`.
    """
    from selfteach.commands import mcp as body

    body.run_mcp(student, model, config)
