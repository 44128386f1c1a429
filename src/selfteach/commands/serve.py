"""`selfteach serve`: a base and its lessons for OpenAI-compatible clients."""

from __future__ import annotations

from pathlib import Path

from selfteach.commands.screen import open_screen


def run_serve(
    runs: list[str],
    model: str | None,
    host: str,
    port: int,
    queue: int,
    timeout: float,
    *,
    log: Path | None = None,
    debug: bool,
) -> None:
    """Serve until a signal."""
    with open_screen(log, debug=debug) as screen:
        from selfteach.serve import server
        from selfteach.serve.lessons import read_lessons

        options = server.ServerOptions(host, port, queue, timeout)
        server.check_options(options)
        lessons = read_lessons(runs)
        base = server.find_base(model, lessons)
        listener = server.open_socket(options)
        try:
            served, proofs = server.open_models(base, lessons, options, screen.print_line)
        except BaseException:
            listener.close()
            raise
        for proof in proofs:
            screen.print_line(
                f"lesson {proof.name}: {proof.prompts} answers equal those of PEFT, and a logit "
                f"changes by up to {proof.change:.3g}"
            )
        server.serve(served, options, listener, screen.print_line)
