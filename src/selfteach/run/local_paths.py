"""Paths of this machine, which stay in the ledger: every other file of a run holds the last name.

A run folder is shared. Where a model or a program lies on somebody's disk is nobody else's concern.
"""

from __future__ import annotations

import ast
import re
import shlex
from typing import Any

PROGRAM = "cmd:"
"""The beginning of a teacher that is a program; its words may be paths."""
ABSOLUTE_PATH = re.compile(r"(?:(?:~[\w.-]*|[A-Za-z]:)?[/\\])[^\n]*")
ASSIGNMENT = re.compile(r"([\w.-]+=)(.+)")


def hide_path(text: str) -> str:
    """Return the last name of an absolute path; a text that is no path stays as it is."""
    if text.startswith(PROGRAM):
        words = text.removeprefix(PROGRAM).split(" ")
        return PROGRAM + " ".join(map(hide_path, words))
    if not ABSOLUTE_PATH.fullmatch(text):
        return text
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1]


def hide_paths(value: Any) -> Any:
    """Return a value whose texts hold no absolute path, in lists too."""
    if isinstance(value, str):
        return hide_path(value)
    return [hide_paths(part) for part in value] if isinstance(value, list | tuple) else value


def hide_paths_of_command(command: str) -> str:
    """Return a command line, or a Python call, without absolute paths."""
    if not command.startswith("selfteach."):
        return shlex.join(map(_hide_word, shlex.split(command)))
    try:
        call = ast.parse(command, mode="eval")
    except SyntaxError:  # a value without a literal form
        return command.partition("(")[0] + "(...)"
    for part in ast.walk(call):
        if isinstance(part, ast.Constant):
            part.value = hide_paths(part.value)
    return ast.unparse(call)


def _hide_word(word: str) -> str:
    """Return a word of a command line; in KEY=VALUE the value is hidden."""
    assigned = ASSIGNMENT.fullmatch(word)
    if assigned is None:
        return hide_path(word)
    return assigned[1] + hide_path(assigned[2])
