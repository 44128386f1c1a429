"""What the commands that teach have in common: how they run, how they stop, and the command that
goes on.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfteach import api
from selfteach.commands import require
from selfteach.commands.exam import print_exam
from selfteach.commands.options import TeachOptions
from selfteach.commands.screen import open_screen, print_json
from selfteach.config import ResolvedConfig
from selfteach.errors import Interrupted
from selfteach.methods.method import Material
from selfteach.run import finished
from selfteach.run.display import Display
from selfteach.run.run_folder import Run
from selfteach.run.signals import handle_interrupts
from selfteach.text import clean_text


def check_before_run(
    method: str, resolved: ResolvedConfig, options: TeachOptions
) -> list[require.Requirement]:
    """Return what is required of the exam; what cannot be is found before anything else is done.

    Raises:
        UsageError: `--require` cannot be read or asks for what this method does not measure, or
        there is no such model, teacher or run.
    """
    wanted = require.parse_requirements(options.require, method)
    api.refuse_unknown_models(resolved.config)
    if options.from_run:
        finished.find_adapter(options.from_run)
    return wanted


def teach(
    method: str,
    material: Material,
    resolved: ResolvedConfig,
    options: TeachOptions,
    before: Callable[[Run], object] = lambda run: None,
) -> None:
    """Open a run, teach in it, show its exam, and compare that with what was required.

    Args:
        method: its name in the registry.
        before: is called with the open run before the method.

    Raises:
        UsageError: as `check_before_run`.
        Interrupted: by the user or the system.
    """
    wanted = check_before_run(method, resolved, options)
    spec = api.RunSpec(
        method,
        material,
        resolved,
        options.out,
        options.from_run,
        options.new,
        before=before,
    )
    result = api.run_method(spec, attend_on_screen(debug=options.debug))
    exam = finished.read_exam(Path(result["run"]))
    if options.as_json:
        print_json(result)
    else:
        print_exam(exam, Path(result["report"]))
    require.check_requirements(wanted, exam)


def attend_on_screen(*, debug: bool) -> api.Attend:
    """Return what shows a run on the screen; Ctrl-C ends it with the command that goes on.

    Raises:
        Interrupted: by the user or the system, while the run works.
    """

    @contextmanager
    def attend(run: Run) -> Iterator[Display]:
        with (
            open_screen(run.path / "log.txt", debug=debug) as shown,
            handle_interrupts(shown.print_line),
        ):
            shown.print_line(f"{'going on with' if run.resumed else 'run folder'} {run.path}")
            try:
                yield shown.display
            except KeyboardInterrupt as stop:
                raise Interrupted(
                    "stopped; everything recorded is kept.",
                    cure=f"Go on with:\n  {make_resume_command(run)}",
                ) from stop

    return attend


def make_resume_command(run: Run) -> str:
    """The command that goes on with this run, as this person has to type it."""
    program = sys.argv[0]
    if not program.endswith("selfteach") or shutil.which("selfteach") == program:
        return run.command
    return shlex.quote(program) + run.command.removeprefix("selfteach")


def show_plan(stated: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what `--dry-run` found: one line for each fact, lists and longer texts below their
    name; or all as one JSON object.
    """
    if as_json:
        print_json(stated)
        return
    for key, value in stated.items():
        name = f"{key.replace('_', ' ')}:"
        if not isinstance(value, list) and "\n" not in str(value):
            print(name, value)
            continue
        print(name)
        for part in value if isinstance(value, list) else [value]:
            print(_indent_text(clean_text(str(part))))


def _indent_text(text: str) -> str:
    """A line as it is; a text of several lines behind a bar, so that it is seen where it ends."""
    return (
        "\n".join("  | " + line for line in text.splitlines()) + "\n"
        if "\n" in text
        else f"  {text}"
    )
