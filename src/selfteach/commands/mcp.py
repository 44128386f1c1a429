"""`selfteach mcp`: a student as the tools of an agent, over standard input and output."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from selfteach.config.find_preset import find_settings_file
from selfteach.extras import require_extra
from selfteach.run.display import replace_control_chars
from selfteach.students.folder import find_student_folder


def run_mcp(student: str, model: str | None, config: str) -> None:
    """Answer an agent until it closes the input.

    Raises:
        UsageError: a package or a file of settings is missing.
    """
    require_extra("cpu")
    require_extra("mcp")
    from selfteach.serve import server
    from selfteach.serve.agent_tools import AgentTools, make_server

    if config:
        find_settings_file(Path(config), "feedback")
    folder = find_student_folder(student)
    options = server.ServerOptions(settings=config)
    tools = AgentTools(partial(server.open_student_server, folder, model, options, print_line))
    try:
        make_server(tools).run("stdio")
    finally:
        tools.close()


def print_line(line: str) -> None:
    """Print a line for people; standard output belongs to the protocol."""
    print(f"selfteach: {replace_control_chars(line)}", file=sys.stderr, flush=True)
