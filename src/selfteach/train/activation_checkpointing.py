"""Activation checkpointing: a layer keeps its input only, and the backward pass runs it once more.

Source: Chen et al. 2016 (arXiv 1604.06174); torch.utils.checkpoint without re-entrance.
Departs: transformers' own switch works in training mode only, and dropout would then make base and
tuned model differ. This one works in any mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from selfteach.models.hook_adapter import get_active_hooks, get_decoder_layers

RunPiece = Callable[..., Any]
"""Does a piece of work, `run_piece(work, *args, **kwargs)`, that may be repeated."""


def run_directly(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Do the work and keep its activations for the backward pass."""
    return work(*args, **kwargs)


def make_checkpointed_runner(module: nn.Module) -> RunPiece:
    """Return a function that does a piece of work now, and again in the backward pass."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        hooks = get_active_hooks(module)
        if hooks is None or not hooks.active or not hooks.needs_positions:
            return nullcontext(), nullcontext()
        return nullcontext(), hooks.at(
            hooks.positions
        )  # the hooks forget the positions of this pass

    return partial(checkpoint, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)


@contextmanager
def run_layers_with(module: nn.Module, run_piece: RunPiece) -> Iterator[None]:
    """Run each layer of the module as a piece of work of `run_piece`.

    Raises:
        UsageError: the layers of this model family are not known.
    """
    layers = get_decoder_layers(module)
    for layer in layers:
        layer.forward = partial(run_piece, layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
