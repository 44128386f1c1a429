"""`selfteach mcp`: a student as the tools of an agent, over standard input and output."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from selfteach.commands.screen import print_notice
from selfteach.config.find_preset import find_settings_file
from selfteach.extras import require_extra
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
    # Standard output belongs to the protocol.
    tools = AgentTools(partial(server.open_student_server, folder, model, options, print_notice))
    try:
        make_server(tools).run("stdio")
    finally:
        tools.close()
