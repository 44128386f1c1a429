"""`selfteach serve`: a base and its lessons for OpenAI-compatible clients."""

from __future__ import annotations

from selfteach.commands.screen import open_screen
from selfteach.commands.student_option import check_student_option
from selfteach.students.folder import find_student_folder

LOADING = "loading the models; each lesson proves that it answers as it was trained"


def run_serve(
    runs: list[str],
    student: str | None,
    model: str | None,
    config: str,
    host: str,
    port: int,
    queue: int,
    timeout: float,
    *,
    debug: bool,
) -> None:
    """Serve until a signal."""
    check_student_option(student, config, "while serving", beside="--run" if runs else "")
    with open_screen(None, debug=debug) as screen:
        from selfteach.serve import server
        from selfteach.serve.lessons import read_lessons

        options = server.ServerOptions(host, port, queue, timeout, config)
        server.check_options(options)
        listener = server.open_socket(options)
        try:
            if student is not None:
                folder = find_student_folder(student)
                screen.print_line(LOADING)
                served = server.open_student_server(folder, model, options, screen.print_line)
            else:
                lessons = read_lessons(runs)
                base = server.find_base(model, lessons)
                screen.print_line(LOADING)
                served = server.open_runs(base, lessons, options, screen.print_line)
        except BaseException:
            listener.close()
            raise
        server.serve(served, options, listener, screen.print_line)
