"""The command line. It parses first and imports later: a body's module is loaded only when its command runs, so `--help` is instant."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from selfteach.errors import SelfteachError

PATIENT = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}
USAGE, INTERRUPTED, DEFECT = 2, 130, 70
app = typer.Typer(
    name="selfteach", help="Turn what a person can say to a language model into weights.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip

Model = Annotated[str | None, typer.Option("--model", metavar="M", help="embedded (the default), a hub name, or a folder.")]
RunFolder = Annotated[Path | None, typer.Option("--run", metavar="DIR", help="The folder of a run.")]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Seed of everything drawn.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
Engine = Annotated[str, typer.Option("--engine", metavar="NAME", help="auto, openvino or hf: what draws the answers.")]
System = Annotated[str, typer.Option("--system", metavar="TEXT", help="A system message before every prompt.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="A YAML file of settings.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="One setting; may be repeated.")]


def _version(wanted: bool) -> None:
    if wanted:
        from selfteach import __version__

        print(f"selfteach {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and the libraries' own messages.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Turn what a person can say to a language model into weights."""
    context.obj = debug


@app.command()
def feedback(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(metavar="RULE", help='The rule in plain words, for instance "Do not talk about elephants."')],
    check: Annotated[str | None, typer.Option(metavar="TEXT", help='A programmatic check, for instance "not contains elephant".')] = None,
    model: Model = None,
    teacher: Annotated[str | None, typer.Option(metavar="URL#NAME", help="Another model that writes the better answers.")] = None,
    from_run: Annotated[Path | None, typer.Option("--from", metavar="RUN", help="Go on from the adapter of this run.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The run folder; by default runs/<date>-<rule>.")] = None,
    config: Config = None,
    set_: Sets = None,
    seed: Seed = None,
    json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure this machine, state the cost, show three prompts; teach nothing.")
    ] = False,
    require: Annotated[str, typer.Option(metavar="EXPR", help='Exit with 1 unless met, for instance "kept>=.95,near<=.03".')] = "",
    new: Annotated[bool, typer.Option("--new", help="Begin afresh, even where the same run stands already.")] = False,
) -> None:
    """Teach a rule: find where the model breaks it, search for answers that keep it, train, and examine."""
    from selfteach.commands import feedback as body

    settings = {"check": check, "model": model, "teacher": teacher, "seed": seed}
    body.feedback(
        rule,
        settings,
        from_run=from_run,
        out=out,
        file=config,
        sets=set_ or [],
        as_json=json,
        dry_run=dry_run,
        require_=require,
        new=new,
        debug=context.obj,
    )


def main() -> None:
    """The program: runs a command, shows a fault in one line, and ends with its exit code. `--debug` may stand anywhere."""
    for name, value in PATIENT.items():
        os.environ.setdefault(name, value)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit code."""
    given, rest = _partition(arguments)
    debug = "--debug" in given
    arguments = [a for a in given if a != "--debug"] + rest
    try:
        code = app(["--debug", *arguments] if debug else arguments, prog_name="selfteach", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return _fail("stopped.", INTERRUPTED)
    except Exception as fault:
        if debug:
            traceback.print_exc()
        return _explain(fault)


def _explain(fault: Exception) -> int:
    if isinstance(fault, typer.Exit):
        return fault.exit_code
    if isinstance(fault, SelfteachError):
        return _fail(str(fault), fault.exit_code)
    if hasattr(fault, "format_message"):  # the parser's own faults, whichever class its version gives them
        return _fail(fault.format_message(), USAGE)
    if isinstance(fault, OSError):
        from selfteach.run.disk import explain

        known = explain(fault, Path(fault.filename or "."))
        return _fail(str(known), known.exit_code)
    return _fail(f"{type(fault).__name__}: {fault}\n  This is a defect of selfteach. --debug shows where it happened.", DEFECT)


def _fail(text: str, code: int) -> int:
    from selfteach.run.display import printable

    print(printable(text) if text.startswith("Usage:") else f"selfteach: {printable(text)}", file=sys.stderr)
    return code


def _partition(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Splits before "--": what follows it is text, whatever it looks like."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at:]
