"""Modules that can be called, for a name that is a package and a function: `selfteach.train`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from inspect import Signature, signature
from types import ModuleType
from typing import Any


class CallableModule(ModuleType):
    """A module that passes a call on to the function of its name in `selfteach.api`.

    It has the documentation and the signature of that function, which are looked up when they are
    asked for.
    """

    __doc__ = property(lambda module: find_function(module).__doc__)  # type: ignore[assignment]

    @property
    def __signature__(self) -> Signature:
        """Return the signature of the function, which `inspect.signature` asks for."""
        return signature(find_function(self))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the function; see its documentation in `selfteach.api`."""
        from selfteach.python_words import raise_with_keywords

        return raise_with_keywords(find_function(self))(*args, **keywords)


def find_function(module: ModuleType) -> Callable[..., Any]:
    """Return the function of a module's name in `selfteach.api`."""
    api = importlib.import_module("selfteach.api")
    found: Callable[..., Any] = getattr(api, module.__name__.rpartition(".")[2])
    return found


def make_callable(module: str) -> None:
    """Let a module that is being imported be called."""
    sys.modules[module].__class__ = CallableModule
