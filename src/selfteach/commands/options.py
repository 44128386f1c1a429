"""The options that several commands share."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

if TYPE_CHECKING:
    from selfteach.config import ResolvedConfig


def option(flag: str, metavar: str, help: str, **more: Any) -> Any:
    """Return an option with the word that stands for its value."""
    return typer.Option(flag, metavar=metavar, help=help, **more)


REQUIRE_EXAMPLES = {
    "feedback": "kept>=.95,needless_excess<=.05",
    "corrections": "distance<=.02,general<=.03",
    "documents": "contains>=.3,common_loss<=.05",
    "tasks": "rouge_l>=.15,general<=.03",
    "train": "reduction>=.1",
}
REQUIRE_EXAMPLE = "drift<=.05"
"""An example for the other methods."""
DEFAULT_QUANT = "f16"
"""The number format of an export by default."""
DEFAULT_PROMPTS = 100
"""Prompts of the exam that another program answers with an export by default."""
OPTION_PANELS = {
    **dict.fromkeys(("model", "engine", "file", "sets", "seed", "num_seeds"), "Model and settings"),
    **dict.fromkeys(("student", "accept", "beside", "instead_of"), "Student"),
}
"""The headings above the shared options of commands that teach; the others are about the run."""
LEFT_OUT = {
    "corrections": ("verbose",),
    "documents": ("verbose",),
    "train": ("engine", "num_seeds", "student", "accept", "beside", "instead_of", "verbose"),
}
"""The shared options that a command does not have: `train` samples nothing, trains once and gives
no lesson. Only rules and tasks have whole prompts to print."""
QUICK = "quick (a first result in minutes)"
PRESETS = {
    "feedback": f"{QUICK}, tiny",
    "corrections": f"{QUICK}, criticism",
    "documents": QUICK,
    "tasks": QUICK,
    "train": "",
}
"""The presets of each method, for the help; a test compares them with the files."""
ENGINE_HELP = "What samples the answers: auto, openvino, hf, paged, ray, or URL#NAME of a server."
MODEL_HELP = "A hub name or a folder; the default is embedded, the built-in SmolLM2-135M-Instruct."
TEACHER_HELP = (
    "the URL of an OpenAI-compatible server and the model's name there; or a hub name, or a folder."
)
Model = Annotated[str | None, option("--model", "M", MODEL_HELP)]
AnsweringModel = Annotated[
    str | None,
    option("--model", "M", "A model instead of a run: embedded, a hub name, or a folder."),
]
ALONE = "The word --run may be left out: `selfteach exam DIR`."
RunFolder = Annotated[Path, option("--run", "DIR", f"The folder of a run, or `last`. {ALONE}")]
OptionalRun = Annotated[
    Path | None,
    option("--run", "DIR", f"The folder of a run, or `last`, for its tuned model. {ALONE}"),
]
OptionalAdapter = Annotated[
    str, option("--adapter", "NAME", "Another adapter of the run than its final one.")
]
Seed = Annotated[
    int | None, option("--seed", "N", "The seed of all sampling.", min=0, max=(1 << 32) - 1)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")]
Force = Annotated[bool, typer.Option("--force", help="Write over files that exist.")]
Engine = Annotated[str, option("--engine", "NAME", ENGINE_HELP)]
System = Annotated[str, option("--system", "TEXT", "A system message before every prompt.")]
Temperature = Annotated[float, option("--temperature", "T", "0 is greedy.", min=0)]
MaxTokens = Annotated[int, option("--max-tokens", "N", "The maximum length of an answer.", min=1)]
Settings = Annotated[
    Path | None,
    option(
        "--config",
        "FILE",
        (
            "A YAML file of settings, or a preset: quick (a first result in minutes; not train), "
            "tiny (rules), criticism (corrections)."
        ),
    ),
]
Sets = Annotated[list[str] | None, option("--set", "A.B=C", "One setting; may be repeated.")]
Require = Annotated[
    str | None,
    option(
        "--require",
        "EXPR",
        (
            f'Exit with 1 unless met, for instance "{REQUIRE_EXAMPLE}". The names depend on the '
            "method."
        ),
    ),
]
FromRun = Annotated[
    Path | None, option("--from", "RUN", "Start from the adapter of this run, or of `last`.")
]
SkipBadRows = Annotated[
    bool,
    typer.Option("--skip-bad-rows", help="Leave unusable rows out, and name them."),
]
New = Annotated[
    bool,
    typer.Option(
        "--new", help="Start a new run even if this one exists already; the old one is kept."
    ),
]


InsteadOf = Annotated[
    list[str] | None,
    option(
        "--instead-of",
        "LESSON",
        "A lesson that the new one counts instead of: it is switched off. May be repeated.",
    ),
]


@dataclass(frozen=True)
class TeachOptions:
    """Hold the options of every command that teaches, without those of one method."""

    model: Model = None
    from_run: FromRun = None
    out: Annotated[
        Path | None,
        option("--out", "DIR", "The run folder; by default runs/<date>-<material>."),
    ] = None
    engine: Annotated[str | None, option("--engine", "NAME", ENGINE_HELP)] = None
    file: Settings = None
    sets: Sets = None
    seed: Seed = None
    num_seeds: Annotated[
        int | None,
        option(
            "--seeds",
            "N",
            "Train with N seeds, keep the best on dev (or the first), report all.",
            min=1,
        ),
    ] = None
    as_json: Json = False
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what was read and what a run would cost, and stop."),
    ] = False
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="With --dry-run: print whole prompts too.")
    ] = False
    require: Require = None
    new: New = False
    student: Annotated[
        str | None,
        option("--student", "NAME", "Add the run as a lesson to this student; it may be new."),
    ] = None
    accept: Annotated[
        bool,
        typer.Option(
            "--accept", help="With --student: add the lesson also where it weakens another one."
        ),
    ] = False
    beside: Annotated[
        bool,
        typer.Option(
            "--beside",
            help="With --student: train the lesson once more, beside the student's others.",
        ),
    ] = False
    instead_of: InsteadOf = None
    track: Annotated[
        str,
        option("--track", "NAME", "Send the run's numbers to a tracker: trackio, wandb or mlflow."),
    ] = ""
    debug: bool = False

    def resolve(self, schema: Any, own: Mapping[str, Any]) -> ResolvedConfig:
        """Return the configuration that the options give; the command's `own` settings win."""
        from selfteach.config import resolve

        given = {key: value for key, value in own.items() if value is not None}
        settings = {
            "model": self.model,
            "engine": self.engine,
            "seed": self.seed,
            "seeds": self.num_seeds,
        } | given
        resolved = resolve(schema, self.file, self.sets or (), settings)
        if self.student is None:
            return resolved
        from selfteach.api import use_student_base

        return use_student_base(self.student, resolved)


def add_presets(parameter: Parameter, method: str) -> Parameter:
    """Return the parameter; `--config` gets the presets of the method in its help."""
    if parameter.name != "file" or method not in PRESETS:
        return parameter
    text = "A YAML file of settings."
    if presets := PRESETS[method]:
        text = f"A YAML file of settings, or a preset: {presets}."
    return parameter.replace(annotation=Annotated[Path | None, option("--config", "FILE", text)])


def add_example(parameter: Parameter, method: str) -> Parameter:
    """Return the parameter; `--require` gets an example of the method in its help."""
    example = REQUIRE_EXAMPLES.get(method)
    if parameter.name != "require" or not example:
        return parameter
    loss = "; general means what training loses." if "general" in example else "."
    text = f'Exit with 1 unless met, for instance "{example}"{loss}'
    return parameter.replace(annotation=Annotated[str | None, option("--require", "EXPR", text)])


def add_panel(parameter: Parameter) -> Parameter:
    """Return the parameter of a shared option with the heading above it in `--help`."""
    kind, info = get_args(parameter.annotation)
    info = copy.copy(info)  # other commands share it
    info.rich_help_panel = OPTION_PANELS.get(parameter.name, "Run")
    return parameter.replace(annotation=Annotated[kind, info])


def with_teach_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of all commands that teach, without those of `LEFT_OUT`.

    The command's first parameter receives them as one `TeachOptions`.
    """
    own = list(signature(command, eval_str=True).parameters.values())[1:]
    *shared, _ = signature(TeachOptions, eval_str=True).parameters.values()
    method = command.__name__
    left_out = LEFT_OUT.get(method, ())
    kept = [parameter for parameter in shared if parameter.name not in left_out]
    shared = [add_panel(add_presets(add_example(parameter, method), method)) for parameter in kept]

    @functools.wraps(command)
    def run(context: typer.Context, **given: Any) -> None:
        options = {p.name: given.pop(p.name) for p in shared}
        command(TeachOptions(**options, debug=context.obj), **given)

    context = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own, context, *shared)]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what the parser reads
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
