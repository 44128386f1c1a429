"""Temporary hooks on the parts of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

HookRegistration = tuple[Callable[..., Any], Callable[..., Any]]
"""The function that registers a hook, and the hook."""


@contextmanager
def register_hooks(hooks: Sequence[HookRegistration]) -> Iterator[None]:
    """Register hooks and remove them afterwards."""
    with ExitStack() as stack:
        for register, hook in hooks:
            stack.callback(register(hook).remove)
        yield
