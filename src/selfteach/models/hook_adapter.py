"""Adapters that are hooks on a module whose weights stay as they are.

A `HookAdapter` may need the position of each token (`needs_positions`), and may put tokens of its
own before every sequence (`num_virtual_tokens`). The caller of the module then gives the positions
with `at`. A pass without `at` is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.errors import UsageError

PADDING_POSITION = -(1 << 20)
"""The position of a token that is none."""


@dataclass(frozen=True, slots=True)
class TokenPositions:
    """Hold the positions of the tokens of a forward pass.

    Shapes: position, prompt (B, T), as the tokens. `position` counts from 0 within the sequence's
    own tokens; tokens that an adapter put before them have -num_virtual_tokens..-1. `prompt` is
    the number of prompt tokens of each token's sequence.
    """

    position: Tensor
    prompt: Tensor
    cached: dict[object, Any] = field(default_factory=dict)

    def compute_once(self, key: object, compute: Callable[[], Any]) -> Any:
        """Return the value of this key, which all layers share; compute it at the first call."""
        if key not in self.cached:
            self.cached[key] = compute()
        return self.cached[key]


Shapes = dict[str, tuple[int, ...]]
"""The shape of each tensor, by name."""


class HookAdapter:
    """Change the output of some parts of a module, with tensors of its own.

    Attributes:
        sites: the parts whose output changes, by number (of the layer).
    """

    kind = ""
    num_virtual_tokens = 0
    num_edited_suffix_tokens = 1
    needs_positions = False
    sites: Mapping[int, nn.Module]

    def __init__(self, module: Any, tensors: Mapping[str, Tensor]) -> None:
        self.module = module
        self.tensors = dict(tensors)
        self.active = True
        self._positions: TokenPositions | None = None
        self._handles: list[Any] = []

    def edit(self, site: int, h: Tensor) -> Tensor:
        """Return the changed output of a site: (B, T, D) -> (B, T, D)."""
        raise NotImplementedError

    def get_expected_shapes(self, width: int) -> Shapes:
        """Return the shapes of the tensors that a module of this hidden size needs, by name."""
        raise NotImplementedError

    def attach(self) -> None:
        """Change the module's passes from now on.

        Raises:
            UsageError: another adapter is attached.
        """
        if get_active_hooks(self.module) is not None:
            raise UsageError("the model has an adapter already.", cure="Detach that one first.")
        self._handles = [
            part.register_forward_hook(partial(self._edit_output, site))
            for site, part in self.sites.items()
        ]
        self.module.selfteach_hooks = self

    def detach(self) -> None:
        """Remove all changes from the module."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        del self.module.selfteach_hooks

    def to(self, device: torch.device) -> None:
        """Move the tensors to a device."""
        self.tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}

    @contextmanager
    def disable(self) -> Iterator[None]:
        """Change nothing inside the block."""
        self.active = False
        try:
            yield
        finally:
            self.active = True

    @contextmanager
    def at(self, positions: TokenPositions) -> Iterator[None]:
        """Give the positions of the tokens of all passes inside the block."""
        self._positions = positions
        try:
            yield
        finally:
            self._positions = None

    @property
    def positions(self) -> TokenPositions:
        """Return the positions of the tokens of this pass."""
        assert self._positions is not None, (
            f"a pass through a model with a {self.kind} adapter must give its tokens' positions"
        )
        return self._positions

    def _edit_output(self, site: int, part: nn.Module, inputs: Any, out: Any) -> Any:
        if not self.active:
            return None
        if isinstance(out, tuple):
            return (self.edit(site, out[0]), *out[1:])
        return self.edit(site, out)


def get_active_hooks(module: Any) -> HookAdapter | None:
    """Return the hook adapter that is attached to a module, or None."""
    return getattr(module, "selfteach_hooks", None)


def get_num_virtual_tokens(module: Any) -> int:
    """Return the number of tokens that a pass must have before every sequence."""
    mine = get_active_hooks(module)
    return mine.num_virtual_tokens if mine and mine.active else 0


def needs_positions(module: Any) -> bool:
    """Return whether passes must give the positions of their tokens."""
    mine = get_active_hooks(module)
    return mine is not None and mine.active and mine.needs_positions


def at_positions(module: Any, position: Tensor, prompt: Tensor) -> AbstractContextManager[None]:
    """Give positions to the hook adapter of a module, if it has one that needs them.

    `position` counts as the model does: virtual tokens come first, from 0.

    Shapes: position (B, T) or (1, T), prompt (B, 1): own tokens of the prompts.
    """
    mine = get_active_hooks(module)
    if mine is None or not needs_positions(module):
        return nullcontext()
    own = torch.where(position < 0, position, position - mine.num_virtual_tokens)
    shape = prompt.shape[0], position.shape[1]
    return mine.at(TokenPositions(own.expand(shape), prompt.expand(shape)))


def get_decoder(module: Any) -> Any:
    """Return the text layers of a causal model without its head, also under a PEFT wrapper."""
    if hasattr(module, "get_base_model"):
        module = module.get_base_model()
    decoder = module.get_decoder() if hasattr(module, "get_decoder") else module
    # transformers returns the whole model where it looks under another name (llama4)
    return getattr(module, "model", module) if decoder is module else decoder


def get_decoder_layers(module: Any) -> Sequence[nn.Module]:
    """Return the decoder layers of a causal model.

    Raises:
        UsageError: the family keeps them under an unknown name.
    """
    decoder = get_decoder(module)
    for name in ("layers", "h", "blocks"):
        layers = getattr(decoder, name, None)
        if isinstance(layers, nn.ModuleList):
            return list(layers)
    raise UsageError(
        "the layers of this family are not known.",
        where=type(module).__name__,
        cure="Use train.adapter=lora.",
    )
