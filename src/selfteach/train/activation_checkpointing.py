"""Activations that are computed again instead of kept: a layer keeps what goes into it, and
backward runs it once more.

Source: Chen et al. 2016 (arXiv 1604.06174); torch.utils.checkpoint in its form without re-entrance.
Departs: transformers' own switch works in training mode alone, where dropout would make base and
student differ; this one in any mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from selfteach.models.hooks import get_active_hooks, get_decoder_layers

RunPiece = Callable[..., Any]
"""Does a piece of work, `apart(work, *args, **kwargs)`, that may be done again."""


def run_directly(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Do the work and keep what it left for the backward pass."""
    return work(*args, **kwargs)


def make_checkpointed_runner(module: nn.Module) -> RunPiece:
    """Return what does a piece of work of this module now, and again in the backward pass."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        mine = get_active_hooks(module)  # the places of this pass are forgotten by then
        return nullcontext(), mine.at(
            mine.positions
        ) if mine and mine.active and mine.needs_positions else nullcontext()

    return partial(checkpoint, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)


@contextmanager
def run_layers_with(module: nn.Module, apart: RunPiece) -> Iterator[None]:
    """Make each layer of the module, inside, a piece of work for `run_piece`.

    Raises:
        UsageError: the family keeps its layers where we do not know.
    """
    layers = get_decoder_layers(module)
    for layer in layers:
        layer.forward = partial(apart, layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
