"""The command line. It imports the module of a command only when the command runs, so `--help` is
instant.
"""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from selfteach.commands import (
    adapter_commands,
    benchmark_command,
    dataset_commands,
    plug_in,
    runs_commands,
    student_commands,
)
from selfteach.commands.errors import print_error, print_failure
from selfteach.commands.groups import OrderedCommands, PanelCommand, RunCommand
from selfteach.commands.last_run import name_last_run
from selfteach.commands.options import (
    ALONE,
    TEACHER_HELP,
    AnsweringModel,
    Engine,
    Force,
    Json,
    MaxTokens,
    OptionalAdapter,
    OptionalRun,
    Require,
    RunFolder,
    Seed,
    Sets,
    Settings,
    SkipBadRows,
    System,
    TeachOptions,
    Temperature,
    option,
    with_teach_options,
)
from selfteach.errors import Interrupted, UsageError

LIBRARY_ENVIRONMENT = {
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
}
app = typer.Typer(
    name="selfteach",
    help="Fine-tune a language model from instructions instead of datasets.",
    cls=OrderedCommands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from selfteach.version import VERSION

        print(f"selfteach {VERSION}")
        raise typer.Exit


@app.callback()
def set_debug(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and the libraries' own messages.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Fine-tune a language model from instructions instead of datasets."""
    context.obj = debug


@app.command(cls=PanelCommand)
@with_teach_options
def feedback(
    options: TeachOptions,
    rule: Annotated[
        str,
        typer.Argument(help='The rule in plain words, for instance "Do not talk about elephants."'),
    ],
    check: Annotated[
        str | None,
        option("--check", "TEXT", 'A programmatic check, for instance "not contains elephant".'),
    ] = None,
    when: Annotated[
        str | None,
        option("--when", "TEXT", 'Where the rule holds, for instance "texts to Maddie".'),
    ] = None,
    then: Annotated[
        str | None,
        option("--then", "TEXT", 'What an answer must do there: "use a heart emoji".'),
    ] = None,
    also: Annotated[
        list[str] | None,
        option("--also", "NAME", "Another name of a forbidden subject; may be repeated."),
    ] = None,
    not_also: Annotated[
        list[str] | None,
        option("--not", "NAME", "A word that is no name of the subject; may be repeated."),
    ] = None,
    teacher: Annotated[
        str | None,
        option(
            "--teacher",
            "URL#NAME",
            (
                "Another model that writes the better answers, and says plainly a rule of no known "
                f"form: {TEACHER_HELP}"
            ),
        ),
    ] = None,
) -> None:
    """Teach one rule in plain words. The run finds prompts on which the model breaks the rule. It
    searches for answers that keep it, trains on them, and runs the exam.

    The same command resumes an unfinished run. `--dry-run` measures this machine for some seconds
    and prints the estimated cost.
    """
    from selfteach.commands import feedback as body

    own = {"check": check, "when": when, "then": then, "teacher": teacher}
    body.run_feedback(rule, own | {"also": also or None, "not_also": not_also or None}, options)


@app.command(cls=PanelCommand)
@with_teach_options
def corrections(
    options: TeachOptions,
    edits: Annotated[
        Path | None,
        typer.Argument(help="Corrections: .jsonl, .json or .csv with prompt, answer, correction."),
    ] = None,
    prompts: Annotated[
        Path | None, option("--prompts", "FILE", "Prompts whose answers the teacher corrects.")
    ] = None,
    teacher: Annotated[
        str | None,
        option(
            "--teacher",
            "T",
            f"The corrector: cmd:PROGRAM, for instance cmd:./editor.py; URL#NAME: {TEACHER_HELP}",
        ),
    ] = None,
    style: Annotated[
        str | None,
        option(
            "--style",
            "TEXT",
            'House style for a model as teacher: "at most two sentences, no lists".',
        ),
    ] = None,
    review: Annotated[
        bool,
        typer.Option("--review", help="Correct the answers to --prompts yourself, in the browser."),
    ] = False,
    rounds: Annotated[
        int | None, option("--rounds", "N", "Sample, correct and train up to N times.", min=1)
    ] = None,
    allow_unbounded: Annotated[
        bool,
        typer.Option(
            "--allow-unbounded", help='Permit the bound "none", whose loss has no minimum.'
        ),
    ] = False,
    columns: Annotated[
        str,
        option(
            "--columns",
            "OURS=YOURS,...",
            "Other names of columns: prompt=question,correction=fixed.",
        ),
    ] = "",
    skip_bad_rows: SkipBadRows = False,
) -> None:
    """Teach corrections of the model's answers. A person, a program or a stronger model corrects
    them.

    The same command resumes an unfinished run.
    """
    from selfteach.commands import corrections as body

    own = {
        "teacher": teacher,
        "correct.style": style,
        "rounds": rounds,
        "review": review or None,
        "train.correction.allow_unbounded": allow_unbounded or None,
    }
    body.run_corrections(edits, prompts, own, options, columns=columns, skip_bad_rows=skip_bad_rows)


@app.command(cls=PanelCommand)
@with_teach_options
def tasks(
    options: TeachOptions,
    seeds: Annotated[
        Path | None,
        typer.Argument(
            help=(
                "Seed tasks: Self-Instruct's form, alpaca, sharegpt, messages or prompts; "
                "by default selfteach's own."
            )
        ),
    ] = None,
    mode: Annotated[
        str | None,
        option("--mode", "NAME", "self-instruct, alpaca or magpie: the way of inventing tasks."),
    ] = None,
    count: Annotated[int | None, option("--count", "N", "The number of tasks.", min=1)] = None,
    test: Annotated[
        Path | None, option("--test", "FILE", "Tasks by people, for the exam alone.")
    ] = None,
    skip_bad_rows: SkipBadRows = False,
    base: Annotated[str | None, option("--base", "M", "Another word for --model.")] = None,
    teacher: Annotated[
        str | None,
        option("--teacher", "URL#NAME", f"Another model that invents the tasks: {TEACHER_HELP}"),
    ] = None,
) -> None:
    """Teach the model to follow instructions. The model invents many tasks from a few examples;
    selfteach filters them, and the model answers them and is trained on them.

    The same command resumes an unfinished run.
    """
    from selfteach.commands import tasks as body

    own = {"model": base, "teacher": teacher, "mode": mode, "count": count}
    body.run_tasks(seeds, test, own, options, skip_bad_rows=skip_bad_rows)


@app.command(cls=PanelCommand)
@with_teach_options
def documents(
    options: TeachOptions,
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders: .txt .md .html .pdf .docx .jsonl.")
    ],
    questions: Annotated[
        Path | None,
        option(
            "--questions",
            "FILE",
            "Questions by people with answers, for the exam alone: JSONL, JSON or CSV.",
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        option(
            "--teacher",
            "URL#NAME",
            f"Another model that writes questions and answers: {TEACHER_HELP}",
        ),
    ] = None,
    nli: Annotated[
        str | None, option("--nli", "M", "An entailment model that judges what the model knows.")
    ] = None,
) -> None:
    """Teach the content of documents. The model asks questions about them, and learns every
    sentence in many forms.

    --set study.known=auto leaves out the facts that the model certainly knows. The same command
    resumes an unfinished run.
    """
    from selfteach.commands import documents as body

    own = {"teacher": teacher, "select.nli": nli, "select.judge": "nli" if nli else None}
    body.run_documents(paths, questions, own, options)


@app.command(cls=RunCommand)
def select(
    context: typer.Context,
    run: RunFolder,
    sets: Sets = None,
    out: Annotated[
        Path | None,
        option("--out", "DIR", "Teach with these thresholds in this folder, without new samples."),
    ] = None,
    json: Json = False,
) -> None:
    """Try other thresholds on a run of documents. Nothing is sampled again."""
    from selfteach.commands import documents_rerun as body

    body.change_thresholds(run, sets or [], out, as_json=json, debug=context.obj)


@app.command("forget-source", cls=RunCommand)
def forget_source(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="A document of the run: its file as in examples.jsonl, its title, or its id."
        ),
    ],
    run: RunFolder,
    out: Annotated[
        Path | None, option("--out", "DIR", "The new run's folder; by default next to the old one.")
    ] = None,
    json: Json = False,
) -> None:
    """Teach again without one document. The new run removes its examples and takes over all answers
    about the other documents.
    """
    from selfteach.commands import documents_rerun as body

    body.forget_source(run, source, out, as_json=json, debug=context.obj)


@app.command(cls=RunCommand)
def answer(
    context: typer.Context,
    prompts: Annotated[
        Path,
        option(
            "--in",
            "FILE",
            '.txt, one prompt per line; or .jsonl with {"id", "prompt"} or {"id", "messages"}.',
        ),
    ],
    out: Annotated[
        Path | None,
        option("--out", "FILE", "The file; by default <prompts>.<run or model>.answers.jsonl."),
    ] = None,
    run: OptionalRun = None,
    adapter: OptionalAdapter = "",
    model: AnsweringModel = None,
    samples: Annotated[int, option("--samples", "K", "Answers to each prompt.", min=1)] = 1,
    temperature: Temperature = 0.0,
    max_tokens: MaxTokens = 128,
    system: System = "",
    seed: Seed = None,
    engine: Engine = "auto",
    force: Force = False,
    json: Json = False,
) -> None:
    """Answer a file of prompts with a tuned model. --run names its run; --model names a
    model instead.
    """
    from selfteach.commands import answer as body

    options = body.AnswerOptions(
        run,
        model,
        engine,
        system,
        samples,
        temperature,
        max_tokens,
        seed or 0,
        context.obj,
        adapter,
    )
    body.answer_file(prompts, out, options, force=force, as_json=json)


@app.command(cls=RunCommand)
def chat(
    context: typer.Context,
    run: OptionalRun = None,
    student: Annotated[
        str | None,
        option("--student", "NAME", "A student, which the conversation teaches; it may be new."),
    ] = None,
    config: Annotated[
        str,
        option(
            "--config",
            "FILE",
            "With --student: settings of the rules that are taught, a file or a preset.",
        ),
    ] = "",
    adapter: OptionalAdapter = "",
    model: AnsweringModel = None,
    temperature: Temperature = 0.0,
    max_tokens: MaxTokens = 256,
    system: System = "",
    seed: Seed = None,
    engine: Engine = "auto",
) -> None:
    """Chat with a tuned model. --run names its run; --model names a model instead.

    With --student, `/teach shorter, please` teaches what you say about the last answer.
    """
    from selfteach.commands import answer
    from selfteach.commands import chat as body

    body.run_chat(
        answer.AnswerOptions(
            run, model, engine, system, 1, temperature, max_tokens, seed or 0, context.obj, adapter
        ),
        student,
        config,
    )


@app.command(cls=RunCommand)
def review(
    run: RunFolder,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="In the terminal, without a browser.")
    ] = False,
    port: Annotated[
        int, option("--port", "N", "The page's port; 0 lets the system choose.", min=0, max=65535)
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
) -> None:
    """Correct the waiting answers of a run in the browser. Only this machine can open the page."""
    from selfteach.commands import review as body

    body.review_answers(run, port, browser=not no_browser, terminal=terminal)


@app.command(cls=RunCommand)
def exam(run: RunFolder, json: Json = False, require: Require = None) -> None:
    """Show the exam of a run. It compares the base, the base with the material in its prompt, and
    the tuned model.
    """
    from selfteach.commands import exam as body

    body.show_exam(run, as_json=json, required=require)


@app.command(cls=RunCommand)
def report(run: RunFolder, json: Json = False) -> None:
    """Write the report of a run again, and print its path."""
    from selfteach.commands import exam as body

    body.rewrite_report(run, as_json=json)


@app.command("soft-prompt", cls=RunCommand)
def soft_prompt(
    context: typer.Context, run: RunFolder, adapter: OptionalAdapter = "", json: Json = False
) -> None:
    """Show the words nearest to a trained soft prompt. It also measures how much of the soft
    prompt's effect those words have.
    """
    from selfteach.commands import soft_prompt as body

    body.show_soft_prompt(run, adapter, as_json=json, debug=context.obj)


@app.command(cls=RunCommand)
def status(
    run: Annotated[
        Path | None,
        option("--run", "DIR", f"A run, `last`, or a folder of runs; by default runs/. {ALONE}"),
    ] = None,
    json: Json = False,
    recover: Annotated[
        bool,
        typer.Option("--recover", help="Save what can be read of a damaged ledger into a new one."),
    ] = False,
) -> None:
    """Show the progress of runs. It lists the outcomes of the candidates, and how to resume."""
    from selfteach.commands import status as body

    body.show_status(run, as_json=json, mend=recover)


@app.command(cls=RunCommand)
def verify(run: RunFolder, json: Json = False) -> None:
    """Check that every file of a run is as the run wrote it. The exit code is 6 if one is missing
    or has changed.
    """
    from selfteach.commands import verify as body

    body.verify(run, as_json=json)


@app.command()
def doctor(json: Json = False) -> None:
    """Show what this machine has and what it lacks."""
    from selfteach.commands import doctor as body

    raise typer.Exit(body.run_doctor(as_json=json))


@app.command()
def models(json: Json = False) -> None:
    """List the models that are known by name."""
    from selfteach.commands import doctor as body

    body.print_models(as_json=json)


@app.command()
def config(
    method: Annotated[str, typer.Argument(help="The method of the settings.")] = "feedback",
    file: Settings = None,
    sets: Sets = None,
    explain: Annotated[
        str, option("--explain", "KEY", "Only this setting or section, with the values it takes.")
    ] = "",
    json: Json = False,
) -> None:
    """Print all settings with value, origin and default."""
    from selfteach.commands import show_config as body

    body.show_config(method, file, sets or [], explain, as_json=json)


adapter_commands.add_commands(app)
dataset_commands.add_commands(app)
benchmark_command.add_commands(app)
student_commands.add_commands(app)
runs_commands.add_commands(app)
plug_in.add_commands(app)


def main() -> None:
    """Run a command, print a fault in one line, and exit; `--debug` may be anywhere."""
    for name, value in LIBRARY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    open_missing_streams()
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):  # a program may have put another one there
            stream.reconfigure(errors="replace")  # its encoding may lack a character
    try:
        sys.argv[1:] = name_last_run(sys.argv[1:])  # a run records its command line
    except UsageError as fault:
        sys.exit(print_error(fault))
    sys.exit(run_command(sys.argv[1:]))


def open_missing_streams() -> None:
    """Open the null device in place of each standard stream that is closed, as under a window
    without a console, or a service that starts with `>&-`.

    So the next file that is opened does not get its number, which libraries print to.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: the stream's own
            os.set_inheritable(number, True)
            stream = os.fdopen(number, mode, encoding="utf-8", errors="replace", closefd=False)
            setattr(sys, name, stream)


@cache
def build_command() -> Callable[..., Any]:
    """Build the command line once, also for a process that runs several commands."""
    return get_command(app)


def run_command(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    given, rest = _split_at_dashes(arguments)
    debug = "--debug" in given
    arguments = [a for a in given if a != "--debug"] + rest
    try:
        _refuse_other_encodings(arguments)
        _refuse_gone_folder()
        code = build_command()(
            ["--debug", *arguments] if debug else arguments,
            prog_name="selfteach",
            standalone_mode=False,
        )
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        return _end_output()
    except SystemExit as stop:  # the parser takes a pipe that is read in part for a fault
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        return _end_output()
    except KeyboardInterrupt:
        return print_failure("stopped.", Interrupted.exit_code)
    except Exception as fault:
        if debug:
            traceback.print_exc()
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _end_output()
        return print_error(fault)


def _end_output() -> int:
    """Print nothing more, because nobody reads on; return the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _refuse_gone_folder() -> None:
    """Refuse to work in a folder that was removed, where no path can be found.

    Raises:
        UsageError: the current folder is gone.
    """
    try:
        Path.cwd()
    except OSError as fault:
        raise UsageError(
            f"the current folder cannot be used ({fault.strerror}).", cure="Change to another one."
        ) from fault


def _refuse_other_encodings(arguments: list[str]) -> None:
    """Refuse a word of the command line whose bytes are not UTF-8; a run could not record it.

    Raises:
        UsageError: there is one.
    """
    for word in arguments:
        if re.search("[\udc80-\udcff]", word):  # how Python keeps such a byte
            shown = word.encode("utf-8", "backslashreplace").decode()
            raise UsageError(
                f'"{shown}" on the command line is not UTF-8.',
                cure="Write it in UTF-8; rename a file or folder with such a name.",
            )


def _split_at_dashes(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split before "--"; the words after it are text and never options."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at:]
