"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def option(flag: str, metavar: str, help: str, **more: Any) -> Any:
    """An option with the word that stands for its value."""
    return typer.Option(flag, metavar=metavar, help=help, **more)


Model = Annotated[str | None, option("--model", "M", "embedded, a hub name, or a folder.")]
RunFolder = Annotated[Path, option("--run", "DIR", "The folder of a run.")]
MaybeRun = Annotated[Path | None, option("--run", "DIR", "The folder of a run: its taught model.")]
MaybeAdapter = Annotated[str, option("--adapter", "NAME", "Another adapter of the run than the one it ended with.")]
Seed = Annotated[int | None, option("--seed", "N", "Seed of everything drawn.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
Engine = Annotated[str, option("--engine", "NAME", "auto, openvino or hf: what draws the answers.")]
System = Annotated[str, option("--system", "TEXT", "A system message before every prompt.")]
Temperature = Annotated[float, option("--temperature", "T", "0 is greedy.", min=0)]
MaxTokens = Annotated[int, option("--max-tokens", "N", "An answer's greatest length.", min=1)]
Settings = Annotated[Path | None, option("--config", "FILE", "A YAML file of settings.")]
Sets = Annotated[list[str] | None, option("--set", "A.B=C", "One setting; may be repeated.")]
Require = Annotated[str, option("--require", "EXPR", 'Exit with 1 unless met, for instance "kept>=.95,near<=.03".')]
FromRun = Annotated[Path | None, option("--from", "RUN", "Go on from the adapter of this run.")]
SkipBadRows = Annotated[bool, typer.Option("--skip-bad-rows", help="Leave rows out that cannot be used; they are named.")]
New = Annotated[bool, typer.Option("--new", help="Begin afresh, even where this run stands already; the old one is kept.")]
