"""The layers below the first trained one. What they make of a row never changes, so it is computed
once for the whole training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.errors import UsageError
from selfteach.models.hook_adapter import get_decoder_layers
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.packing import PackedBatch
from selfteach.train.forward_hooks import register_hooks

MAX_STATES_BYTES = 500_000_000
"""The limit for all kept states. A training with more computes the layers at every step."""
RowKey = tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]


class FrozenLayers:
    """Keep the states of rows after the frozen layers, and run packed rows through the others.

    Attributes:
        count: the number of frozen layers, from the first one on.
    """

    def __init__(self, module: Any, count: int) -> None:
        self.count = count
        self._layers: Sequence[nn.Module] = get_decoder_layers(module) if count else ()
        self._states: dict[RowKey, Tensor] = {}

    @contextmanager
    def record(self, batch: PackedBatch) -> Iterator[None]:
        """Run only the frozen layers inside the block, and keep what the one pass over the batch
        makes of its rows.
        """
        found: list[Tensor] = []

        def keep(hidden: Tensor, *_: Any, **__: Any) -> Tensor:
            found.append(hidden)
            return hidden

        last = len(self._layers) - self.count - 1
        with _replace_forwards(self._layers[self.count :], [keep, *[_pass_on] * last]):
            yield
        self._keep_rows(batch, found[0][0])

    def _keep_rows(self, batch: PackedBatch, states: Tensor) -> None:
        """Keep the states of a packed batch, (T, D), as those of its rows."""
        shared = batch.num_shared_tokens
        beginning = states[:shared]
        start = shared
        for row in batch.rows:
            stop = start + row.length - shared
            self._states[_get_key(row)] = torch.cat([beginning, states[start:stop]])
            start = stop

    def skip(self, batch: PackedBatch) -> AbstractContextManager[None]:
        """Return a context in which a pass over the batch takes the kept states and runs the other
        layers alone; if a row of the batch has none, it runs all layers.
        """
        found = [self._states.get(_get_key(row)) for row in batch.rows] if self._states else []
        known = [states for states in found if states is not None]
        if not known or len(known) < len(found):
            return nullcontext()
        shared = batch.num_shared_tokens
        states = torch.cat([known[0][:shared], *(own[shared:] for own in known)])[None]
        give = partial(_pass_on, states)  # in place of what the layers before have made
        return _replace_forwards(self._layers[: self.count], [*[_pass_on] * (self.count - 1), give])

    def forget(self) -> None:
        """Forget all states."""
        self._states.clear()


def list_layers(module: Any) -> Sequence[nn.Module]:
    """Return the decoder layers, or nothing for a family that keeps them under an unknown name."""
    try:
        return get_decoder_layers(module)
    except UsageError:
        return ()


@contextmanager
def watch_gradients(layers: Sequence[nn.Module]) -> Iterator[list[bool]]:
    """Yield a list that receives, for each layer of the passes inside the block, whether its output
    depends on what is trained.
    """
    found: list[bool] = []

    def note(layer: nn.Module, inputs: Any, out: Any) -> None:
        found.append(not isinstance(out, Tensor) or out.requires_grad)

    hooks = [(layer.register_forward_hook, note) for layer in layers]
    with torch.enable_grad(), register_hooks(hooks):
        yield found


@contextmanager
def _replace_forwards(layers: Sequence[nn.Module], forwards: Sequence[Any]) -> Iterator[None]:
    before = [vars(layer).get("forward") for layer in layers]
    for layer, forward in zip(layers, forwards, strict=True):
        layer.forward = forward
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            if own is None:
                del layer.forward
            else:
                layer.forward = own


def _pass_on(hidden: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden


def _get_key(row: TrainingRow) -> RowKey:
    return row.prompt, row.answers
