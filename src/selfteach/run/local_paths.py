"""Paths of this machine, which stay in the ledger: every other file of a run holds the last name.

A run folder is shared. Where a model or a program lies on somebody's disk is nobody else's concern.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Collection, Mapping
from typing import Any

PROGRAM = "cmd:"
"""The beginning of a teacher that is a program; its words may be paths."""
ABSOLUTE_PATH = re.compile(r"(?:(?:~[\w.-]*|[A-Za-z]:)?[/\\])[^\n]*")
PATH_SETTINGS = ("model", "teacher", "select.nli")
"""The settings that may hold a path. Any other text may begin with a slash: "/r/elephants"."""
ASSIGNMENT = re.compile(r"([\w.-]+=)(.+)")


def hide_path(text: str) -> str:
    """Return the last name of an absolute path; a text that is no path stays as it is."""
    if text.startswith(PROGRAM):
        words = text.removeprefix(PROGRAM).split(" ")
        return PROGRAM + " ".join(_hide_word(word, ()) for word in words)
    if not ABSOLUTE_PATH.fullmatch(text):
        return text
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1]


def hide_paths(value: Any) -> Any:
    """Return a value whose texts hold no absolute path, in lists too."""
    if isinstance(value, str):
        return hide_path(value)
    return [hide_paths(part) for part in value] if isinstance(value, list | tuple) else value


def hide_path_setting(key: str, value: Any) -> Any:
    """Return the value of a setting, without a path if it may hold one."""
    return hide_paths(value) if key in PATH_SETTINGS else value


def list_free_texts(settings: Mapping[str, Any]) -> list[str]:
    """Return the texts of settings that hold no path, those in lists too."""
    found = []
    for key, value in settings.items():
        if key not in PATH_SETTINGS:
            values = value if isinstance(value, list | tuple) else [value]
            found += [text for text in values if isinstance(text, str)]
    return found


def hide_paths_of_command(command: str, free_texts: Collection[str] = ()) -> str:
    """Return a command line, or a Python call, without absolute paths.

    Args:
        free_texts: texts that are no paths, whatever they begin with.
    """
    if not command.startswith("selfteach."):
        return shlex.join(_hide_word(word, free_texts) for word in shlex.split(command))
    try:
        call = ast.parse(command, mode="eval")
    except SyntaxError:  # a value without a literal form
        return command.partition("(")[0] + "(...)"
    for part in ast.walk(call):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            part.value = _hide_word(part.value, free_texts)
    return ast.unparse(call)


def _hide_word(word: str, free_texts: Collection[str]) -> str:
    """Return a word of a command line; in KEY=VALUE the value is hidden."""
    if word in free_texts:
        return word
    assigned = ASSIGNMENT.fullmatch(word)
    if assigned is None:
        return hide_path(word)
    value = assigned[2]
    return assigned[1] + (value if value in free_texts else hide_path(value))
