"""The shared part of all commands that teach: the run, its interruption, and its result."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from selfteach import api
from selfteach.commands import require
from selfteach.commands.exam import print_exam
from selfteach.commands.options import TeachOptions
from selfteach.commands.screen import open_screen, print_json
from selfteach.commands.student import add_lesson
from selfteach.config import ResolvedConfig, list_unread
from selfteach.disk import require_writable
from selfteach.errors import Interrupted, UsageError
from selfteach.export.track import check_tracker, track_run
from selfteach.methods.method import Material
from selfteach.models.resolve_model_path import is_model_here
from selfteach.run import finished
from selfteach.run.display import Display
from selfteach.run.processes import refuse_several_processes
from selfteach.run.run_folder import (
    FINISHED,
    RUNS_FOLDER,
    Run,
    check_named_folder,
    find_standing_run,
    make_identity,
    read_notes,
)
from selfteach.run.signals import handle_interrupts
from selfteach.students.folder import find_student_folder, read_student
from selfteach.students.gate import LessonRefused
from selfteach.text import clean_text, format_count

MINUTES_WITHOUT_HOURS = 100
"""From here on a plan shows hours."""


def check_before_run(
    method: str, resolved: ResolvedConfig, options: TeachOptions
) -> list[require.Requirement]:
    """Return the requirements on the exam; refuse wrong options before anything else is done.

    Raises:
        UsageError: `--require` cannot be read or names a number that this method does not measure,
            or there is no such model, teacher or run, or several processes were launched.
    """
    if method != "train":
        refuse_several_processes(method)
    wanted = require.parse_requirements(options.require, method)
    if options.track:
        check_tracker(options.track)
    refuse_unknown_lessons(options.student, options.instead_of or ())
    api.refuse_unknown_models(resolved.config)
    if options.from_run:
        finished.find_adapter(options.from_run)
    api.refuse_no_lesson(options.student, method, resolved.config, options.from_run)
    api.refuse_no_student(options.student, accept=options.accept, beside=options.beside)
    return wanted


def refuse_unknown_lessons(student: str | None, names: Sequence[str]) -> None:
    """Refuse lessons of `--instead-of` that the student does not have.

    Raises:
        UsageError: there is such a lesson, or no student.
    """
    if names and student is None:
        raise UsageError("--instead-of needs --student NAME.", cure="It is about its lessons.")
    for name in names:
        read_student(find_student_folder(str(student))).find_lesson(name)


def teach(
    method: str,
    material: Material,
    resolved: ResolvedConfig,
    options: TeachOptions,
    *,
    plan: Callable[[], Mapping[str, Any]] = dict,
    before: Callable[[Run], object] = lambda run: None,
) -> None:
    """Open a run, teach in it, print its exam, and compare the exam with the requirements.

    Args:
        method: its name in the registry.
        plan: describes the material; `--dry-run` prints this and the expected cost, and stops.
        before: called with the open run before the method.

    Raises:
        UsageError: as `check_before_run`.
        Interrupted: the user or the system stopped the run.
    """
    wanted = check_before_run(method, resolved, options)
    if options.dry_run:
        print_dry_run(method, material, resolved, options, plan())
        return
    spec = api.RunSpec(
        method,
        material,
        resolved,
        options.out,
        options.from_run,
        options.new,
        before=before,
    )
    result = api.run_method(spec, show_on_screen(debug=options.debug))
    exam = finished.read_exam(Path(result["run"]))
    if not options.as_json:
        with suppress(BrokenPipeError):  # it may be read in part; what follows is done anyway
            print_exam(exam, Path(result["report"]))
    if options.student is not None:
        try:
            result["student"] = add_lesson(
                options.student,
                Path(result["run"]),
                material.name,
                accept=options.accept,
                beside=options.beside,
                instead_of=options.instead_of or (),
                as_json=options.as_json,
                debug=options.debug,
            )
        except LessonRefused as refusal:
            if options.as_json:
                with suppress(BrokenPipeError):
                    print_json(result | {"refused": refusal.describe()})
            raise
    if options.as_json:
        with suppress(BrokenPipeError):
            print_json(result)
    if options.track:
        print_tracked(Path(result["run"]), options.track)
    require.check_requirements(wanted, exam)


def print_tracked(folder: Path, tracker: str) -> None:
    """Send the numbers of a run to a tracker, and say so."""
    is_new = track_run(folder, tracker)
    name = folder.resolve().name  # that of "." is empty
    line = f"{tracker} has the numbers of {name}" if is_new else f"{tracker} had them already"
    print(line, file=sys.stderr)


def show_on_screen(*, debug: bool) -> api.ShowProgress:
    """Return a context that shows a run on the screen; Ctrl-C ends it with the command to resume.

    Raises:
        Interrupted: the user or the system stopped the run.
    """

    @contextmanager
    def show(run: Run) -> Iterator[Display]:
        with (
            open_screen(run.path / "log.txt", debug=debug) as screen,
            handle_interrupts(screen.print_line),
        ):
            screen.print_line(f"{describe_start(run)} {run.path}")
            try:
                yield screen.display
            except KeyboardInterrupt as stop:
                raise Interrupted(
                    "stopped; everything recorded is kept.",
                    cure=f"Resume with:\n  {make_resume_command(run)}",
                ) from stop

    return show


def describe_start(run: Run) -> str:
    """Return what a command does with a run folder."""
    if run.ledger.get_note(FINISHED):
        return "finished run"
    return "resuming" if run.resumed else "run folder"


def make_resume_command(run: Run) -> str:
    """Return the command that resumes this run, spelled as the user has to type it."""
    program = sys.argv[0]
    found = shutil.which("selfteach")
    typed = "selfteach"
    if Path(program).name == "__main__.py" and found is None:  # python -m selfteach
        typed = f"{shlex.quote(sys.executable)} -m selfteach"
    elif program.endswith("selfteach") and found != program:
        typed = shlex.quote(program)
    return typed + run.command.removeprefix("selfteach")


def print_dry_run(
    method: str,
    material: Material,
    resolved: ResolvedConfig,
    options: TeachOptions,
    described: Mapping[str, Any],
) -> None:
    """Print how the material was read, which run has these settings already, and what a new one
    would cost.

    Raises:
        UsageError: the run could not be in the folder of `--out`, or below runs/.
        Interrupted: the user or the system stopped it.
    """
    identity = api.identify_material(material, options.from_run)
    if options.out:
        wanted = make_identity(method, resolved, identity)
        check_named_folder(options.out, wanted, resolved, new=options.new)
    standing: Mapping[str, Any] = {}
    if not options.new:
        standing = describe_standing_run(options.out, material.name, method, resolved, identity)
    if options.out or not standing:
        require_writable(options.out or RUNS_FOLDER)
    try:
        cost = estimate(method, material, resolved.config, options)
    except KeyboardInterrupt as stop:
        raise Interrupted("stopped; a dry run writes no run, so nothing is left.") from stop
    unread = list_unread(resolved)
    known = {"unread_settings": unread} if unread else {}
    print_plan({**described, **known, **cost, **standing}, as_json=options.as_json)


def describe_standing_run(
    out: Path | None,
    name: str,
    method: str,
    resolved: ResolvedConfig,
    identity: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Return where a run with these settings stands, if there is one."""
    folder = find_standing_run(out, name, method, resolved, identity)
    if folder is None:
        return {}
    done = read_notes(folder, FINISHED)[0]
    state = "finished; the command shows its result" if done else "the command continues it"
    return {"this_run_stands": f"{folder}: {state}"}


def estimate(
    method: str, material: Material, config: Any, options: TeachOptions
) -> Mapping[str, Any]:
    """Return the expected cost of a run; a model that is not here is not fetched for it."""
    if not is_model_here(config.model):
        from selfteach.methods.estimate_cost import describe_work, find_plan

        cost = f"not measured: the model {config.model} is fetched by the first run"
        return {**describe_work(find_plan(method), material.value, config), "cost": cost}
    earlier = finished.find_adapter(options.from_run) if options.from_run else None
    with open_screen(None, debug=options.debug) as screen, handle_interrupts(screen.print_line):
        screen.display.print_line("loading the model, to measure the speed of this machine")
        from selfteach.methods.estimate_cost import estimate_cost, find_plan

        plan = find_plan(method)
        display = screen.display
        return estimate_cost(
            plan, material.value, config, display, earlier, verbose=options.verbose
        )


def print_plan(plan: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the findings of `--dry-run`: one line for each fact, or all as one JSON object.

    Lists and longer texts stand below their name.
    """
    if as_json:
        print_json(plan)
        return
    for key, value in plan.items():
        name = f"{key.replace('_', ' ')}:"
        if key == "minutes":
            print("time:", format_minutes(value))
        elif value in ([], ""):
            print(name, "none")
        elif not isinstance(value, list) and "\n" not in str(value):
            print(name, value)
        else:
            print(name)
            for part in value if isinstance(value, list) else [value]:
                text = describe_stage(part) if isinstance(part, Mapping) else str(part)
                print(_indent_text(clean_text(text)))


def describe_stage(stage: Mapping[str, Any]) -> str:
    """Return one line about a planned stage, without what it does not do."""
    parts = []
    if stage["requests"]:
        parts.append(format_count(stage["requests"], "requests"))
    if stage["sampled_tokens"]:
        parts.append(f"{format_count(stage['sampled_tokens'], 'tokens')} sampled")
    if stage["trained_tokens"]:
        parts.append(f"{format_count(stage['trained_tokens'], 'tokens')} trained")
    if "minutes" in stage:
        parts.insert(0, format_minutes(stage["minutes"]))
    return f"{stage['stage']}: {', '.join(parts) or 'only reads'}"


def format_minutes(minutes: float) -> str:
    """Format 8.3 as "8.3 min" and 205 as "3 h 25 min"."""
    if minutes < MINUTES_WITHOUT_HOURS:
        return f"{minutes} min"
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest} min"


def _indent_text(text: str) -> str:
    """Return one line indented, or several lines behind a bar that shows where the text ends."""
    if "\n" not in text:
        return f"  {text}"
    return "\n".join("  | " + line for line in text.splitlines()) + "\n"
