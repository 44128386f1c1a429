"""Modules that can be called, for a name that is a package and a function: `selfteach.train`."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class CallableModule(ModuleType):
    """A module that passes a call on to the function of its name in `selfteach.api`."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the function; see its documentation in `selfteach.api`."""
        api = importlib.import_module("selfteach.api")
        return getattr(api, self.__name__.rpartition(".")[2])(*args, **keywords)


def make_callable(module: str) -> None:
    """Let a module that is being imported be called."""
    sys.modules[module].__class__ = CallableModule
