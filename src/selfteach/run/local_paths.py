"""Paths of this machine, which stay in the ledger: every other file of a run holds the last name.

A run folder is shared. Where a model or a program lies on somebody's disk is nobody else's concern.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Collection, Mapping
from typing import Any

from selfteach.config.sections import PROGRAM

ABSOLUTE_PATH = re.compile(r"(?:(?:~[\w.-]*|[A-Za-z]:)?[/\\])[^\n]*")
PATH_SETTINGS = ("model", "teacher", "select.nli")
"""The settings that may hold a path. Any other text may begin with a slash: "/r/elephants"."""
ASSIGNMENT = re.compile(r"([\w.-]+=)(.+)")
SPLITS = re.compile(r"[\s'\"]+")
"""What a word in a program's call is quoted for."""
WINDOWS_PATH = re.compile(r"(?:^|[\s'\"=])(?:[A-Za-z]:)?\\\w")


def hide_path(text: str) -> str:
    """Return the last name of an absolute path; a text that is no path stays as it is."""
    if text.startswith(PROGRAM):
        return PROGRAM + _hide_words(text.removeprefix(PROGRAM))
    if not ABSOLUTE_PATH.fullmatch(text):
        return text
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1]


def hide_paths(value: Any) -> Any:
    """Return a value whose texts hold no absolute path, in lists too."""
    if isinstance(value, str):
        return hide_path(value)
    return [hide_paths(part) for part in value] if isinstance(value, list | tuple) else value


def hide_folder(name: Any) -> Any:
    """Return the last name of a model's folder, also of a relative one, which would look like a
    model of a hub; any other value stays as it is.
    """
    if isinstance(name, str) and os.path.isdir(os.path.expanduser(name)):
        return hide_path(os.path.abspath(os.path.expanduser(name)))
    return hide_paths(name)


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
    """Return a word of a command line; in KEY=VALUE, and --set=KEY=VALUE, the value is hidden."""
    if word in free_texts:
        return word
    assigned = ASSIGNMENT.fullmatch(word)
    if assigned is None:
        return hide_path(word)
    return assigned[1] + _hide_word(assigned[2], free_texts)


def _hide_words(command: str) -> str:
    """Return the words of a program's call; where none is hidden, as they are written."""
    words = _split_words(command)
    hidden = [_hide_program_word(word) for word in words]
    if hidden == words:
        return command
    return " ".join(shlex.quote(word) if SPLITS.search(word) else word for word in hidden)


def _hide_program_word(word: str) -> str:
    """Return a word of a program's call; one of several words, as of `sh -c`, is a call, too."""
    assigned = ASSIGNMENT.fullmatch(word)
    if assigned:
        return assigned[1] + _hide_program_word(assigned[2])
    hidden = hide_path(word)
    return _hide_words(word) if hidden == word and SPLITS.search(word) else hidden


def _split_words(command: str) -> list[str]:
    """Return the words of a call as a shell does, or between blanks and quotation marks where one
    is never closed. A backslash of a path of Windows stays.
    """
    lexer = shlex.shlex(command, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = "" if WINDOWS_PATH.search(command) else lexer.escape
    try:
        return list(lexer)
    except ValueError:
        return [word for word in SPLITS.split(command) if word]
