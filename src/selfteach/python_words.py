"""Errors of the Python API name keywords where the same error names options on a command line."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

from selfteach.errors import SelfteachError

_OPTION = re.compile(r"(?<![\w/!-])--([a-z][a-z-]*)(?: (?:DIR|FILE|NAME|M)\b)?")
_KEYWORDS = {"from": "from_run", "not": "not_also", "icl": "shots", "set": "sets"}
"""Keywords that are not spelled as their option."""
_COMMAND = re.compile(r"\b(?:selfteach|python|pip|accelerate) ")
"""A text with a command line, whose options are right."""


def name_keywords(text: str) -> str:
    """Return a text with the keywords of the Python API in place of options: "--run DIR" is run."""
    if _COMMAND.search(text):
        return text
    return _OPTION.sub(lambda found: _KEYWORDS.get(found[1], found[1].replace("-", "_")), text)


C = TypeVar("C", bound=type)


def raise_with_keywords(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the Python API whose errors name keywords."""

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        try:
            return function(*args, **keywords)
        except SelfteachError as fault:
            fault.reword(name_keywords)
            raise

    return call


def raise_methods_with_keywords(owner: C) -> C:
    """Return a class of the Python API; the errors of its public methods name keywords."""
    for name, method in list(vars(owner).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(owner, name, raise_with_keywords(method))
    return owner
