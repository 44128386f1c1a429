"""The group of commands `selfteach student`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from selfteach.commands.options import InsteadOf, Json
from selfteach.errors import UsageError
from selfteach.registry import did_you_mean

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A student below students/, or the path of its folder."),
]
LessonName = Annotated[
    str, typer.Argument(metavar="LESSON", help="A lesson, as `student show` names it.")
]
LessonNames = Annotated[
    list[str], typer.Argument(metavar="LESSON...", help="Lessons, as `student show` names them.")
]


class StudentCommands(TyperGroup):
    """Take the name of a student alone for `show NAME`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the words of a command line name, and the words behind it.

        Raises:
            UsageError: one word alone is neither a command nor a student.
        """
        if len(args) == 1 and self.get_command(ctx, args[0]) is None:
            from selfteach.students.folder import find_student_folder, is_student

            name = args[0]
            if not is_student(find_student_folder(name)):
                near = did_you_mean(name, self.list_commands(ctx))
                begin = f'Begin one: selfteach feedback "..." --student {name}'
                raise UsageError(
                    f'"student {name}" is no command, and no student has this name.',
                    cure=near if near.startswith("Did") else begin,
                )
            args = ["show", name]
        return super().resolve_command(ctx, args)


group = typer.Typer(
    name="student",
    cls=StudentCommands,
    help=(
        "Keep many lessons on one base. `--student NAME` of feedback, corrections, documents and "
        "tasks teaches one."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)


def add_commands(app: typer.Typer) -> None:
    """Add the group to the program."""
    app.add_typer(group)


@group.command("list")
def list_students(json: Json = False) -> None:
    """List the students below students/."""
    from selfteach.commands import student as body

    body.list_all(as_json=json)


@group.command()
def show(name: Name, json: Json = False) -> None:
    """Show the lessons of a student. It prints how each one does after each change."""
    from selfteach.commands import student as body

    body.show(name, as_json=json)


@group.command()
def add(
    context: typer.Context,
    name: Name,
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a finished run, or `last`.")
    ],
    accept: Annotated[
        bool, typer.Option("--accept", help="Add it also where it weakens another lesson.")
    ] = False,
    beside: Annotated[
        bool, typer.Option("--beside", help="Train it once more, beside the other lessons.")
    ] = False,
    instead_of: InsteadOf = None,
    json: Json = False,
) -> None:
    """Make a finished run the next lesson of a student. A new student begins with it.

    Nothing is trained without `--beside`: the exams are sat again, and the gate decides as after
    `--student NAME`.
    """
    from selfteach.commands import student as body

    body.add(
        name,
        run,
        accept=accept,
        beside=beside,
        instead_of=instead_of or (),
        as_json=json,
        debug=context.obj,
    )


@group.command()
def remove(
    context: typer.Context,
    name: Name,
    lesson: LessonName,
    exam: Annotated[
        bool, typer.Option("--exam", help="Sit the exams of the other lessons again.")
    ] = False,
    retrain: Annotated[
        bool,
        typer.Option("--retrain", help="Train those again that were trained beside it."),
    ] = False,
    json: Json = False,
) -> None:
    """Take a lesson back. The student is then the same, bit for bit, as if it had never been
    taught. A lesson that was trained beside it carries traces of it, and is named.
    """
    from selfteach.commands import student as body

    body.remove(name, lesson, exam=exam, retrain=retrain, as_json=json, debug=context.obj)


@group.command()
def retrain(
    context: typer.Context,
    name: Name,
    lesson: LessonName,
    alone: Annotated[
        bool,
        typer.Option("--alone", help="Take the adapter that was trained alone; train nothing."),
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Keep it also where a lesson becomes worse.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a lesson again, beside the others that are on. It is kept only if no lesson becomes
    worse.

    The same command resumes an unfinished one.
    """
    from selfteach.commands import student as body

    body.retrain(name, lesson, alone=alone, accept=accept, as_json=json, debug=context.obj)


@group.command()
def off(context: typer.Context, name: Name, lessons: LessonNames, json: Json = False) -> None:
    """Switch lessons off, without training."""
    from selfteach.commands import student as body

    body.switch(name, lessons, on=False, as_json=json, debug=context.obj)


@group.command()
def on(context: typer.Context, name: Name, lessons: LessonNames, json: Json = False) -> None:
    """Switch lessons on again, without training."""
    from selfteach.commands import student as body

    body.switch(name, lessons, on=True, as_json=json, debug=context.obj)


@group.command()
def exam(context: typer.Context, name: Name, json: Json = False) -> None:
    """Sit the exams of all lessons that are on again."""
    from selfteach.commands import student as body

    body.sit_exams(name, as_json=json, debug=context.obj)


@group.command()
def confirm(
    name: Name,
    jobs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[JOB...]", help="Jobs, as `student show` names them; or all."),
    ] = None,
    json: Json = False,
) -> None:
    """Let jobs begin that came with the folder of a student. They wait until then, because whoever
    made the folder has said them. The next server or chat teaches them.
    """
    from selfteach.commands import student as body

    body.confirm(name, jobs or [], as_json=json)


@group.command()
def consolidate(
    context: typer.Context,
    name: Name,
    accept: Annotated[
        bool, typer.Option("--accept", help="Keep it also where a lesson becomes worse.")
    ] = False,
    json: Json = False,
) -> None:
    """Train one adapter on the examples of all lessons. It starts from the untouched base, and is
    kept only if no lesson becomes worse.

    The same command resumes an unfinished one.
    """
    from selfteach.commands import student as body

    body.consolidate(name, accept=accept, as_json=json, debug=context.obj)
