"""What an adapter does to forward passes where it is no change of weights: hooks on a module that
stays as it is.

A `HookAdapter` may need to know where each token stands (`needs_positions`), and may put tokens of its own
before every sequence (`lead`). Whoever runs the module then says so with `at`; nothing is guessed,
and a pass without `at` is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.errors import UsageError

PADDING_POSITION = -(1 << 20)
"""The position of a token that is none."""
Hook = Callable[[Tensor], Tensor]
"""What becomes of the output of a part of the module: (B, T, D) -> (B, T, D)."""


@dataclass(frozen=True, slots=True)
class TokenPositions:
    """Where the tokens of a forward pass stand.

    Shapes: position, prompt (B, T), as the tokens. `position` counts from 0 within the sequence's
    own tokens; tokens that an adapter put before them have -lead..-1. `prompt`: how many tokens the
    prompt of its sequence has.
    """

    position: Tensor
    prompt: Tensor
    made: dict[object, Any] = field(default_factory=dict)

    def once(self, key: object, make: Callable[[], Any]) -> Any:
        """All layers ask for the same."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]


class HookAdapter:
    """Hooks and the tensors that they use; made by `SoftPrompt`, `Reft` and `Bottleneck`."""

    kind = ""
    lead = 0
    num_edited_suffix_tokens = 1
    needs_positions = False

    def __init__(self, module: Any, tensors: Mapping[str, Tensor]) -> None:
        self.module, self.tensors, self.active = module, dict(tensors), True
        self._places: TokenPositions | None = None
        self._handles: list[Any] = []

    def iterate_hooks(self) -> Iterator[tuple[nn.Module, Hook]]:
        """The parts of the module that change, and how."""
        raise NotImplementedError

    def get_expected_shapes(self, width: int) -> dict[str, tuple[int, ...]]:
        """The tensors that it must have on a module of this hidden size."""
        raise NotImplementedError

    def attach(self) -> None:
        """From now on the module's passes are changed."""
        if get_active_hooks(self.module) is not None:
            raise UsageError("the model wears an adapter already.", cure="Take that one off first.")
        self._handles = [
            part.register_forward_hook(self._hooked(hook)) for part, hook in self.iterate_hooks()
        ]
        self.module.selfteach_hooks = self

    def detach(self) -> None:
        """The module is what it was."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        del self.module.selfteach_hooks

    def to(self, device: torch.device) -> None:
        """Moves the tensors."""
        self.tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}

    @contextmanager
    def disable(self) -> Iterator[None]:
        """Inside, nothing is changed."""
        self.active = False
        try:
            yield
        finally:
            self.active = True

    @contextmanager
    def at(self, places: TokenPositions) -> Iterator[None]:
        """Inside, the tokens of the module's next passes stand there."""
        self._places = places
        try:
            yield
        finally:
            self._places = None

    @property
    def places(self) -> TokenPositions:
        """Where the tokens of this pass stand."""
        assert self._places is not None, (
            f"a pass through a model that wears {self.kind} must say where its tokens stand"
        )
        return self._places

    def _hooked(self, change: Hook) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(part: nn.Module, given: Any, out: Any) -> Any:
            if not self.active:
                return None
            return (change(out[0]), *out[1:]) if isinstance(out, tuple) else change(out)

        return hook


def get_active_hooks(module: Any) -> HookAdapter | None:
    """What a module wears, or None."""
    return getattr(module, "selfteach_hooks", None)


def get_num_virtual_tokens(module: Any) -> int:
    """How many tokens must be put before every sequence."""
    mine = get_active_hooks(module)
    return mine.lead if mine and mine.active else 0


def needs_positions(module: Any) -> bool:
    """Whether passes must say where their tokens stand."""
    mine = get_active_hooks(module)
    return mine is not None and mine.active and mine.needs_positions


def at_positions(module: Any, position: Tensor, prompt: Tensor) -> AbstractContextManager[None]:
    """`at` for a module that may wear something. `position` is as the model counts: the lead's
    tokens come first, from 0.

    Shapes: position (B, T) or (1, T), prompt (B, 1): own tokens of the prompts.
    """
    mine = get_active_hooks(module)
    if mine is None or not mine.active or not mine.needs_positions:
        return nullcontext()
    own = torch.where(position < 0, position, position - mine.lead)
    shape = prompt.shape[0], position.shape[1]
    return mine.at(TokenPositions(own.expand(shape), prompt.expand(shape)))


def get_decoder_layers(module: Any) -> Sequence[nn.Module]:
    """The layers of a causal model.

    Raises:
        UsageError: the family keeps them where we do not know.
    """
    decoder = module.get_decoder() if hasattr(module, "get_decoder") else module
    layers = next(
        (
            found
            for name in ("layers", "h", "blocks")
            if isinstance(found := getattr(decoder, name, None), nn.ModuleList)
        ),
        None,
    )
    if layers is None:
        raise UsageError(
            "the layers of this family are not known.",
            where=type(module).__name__,
            cure="Use train.adapter=lora.",
        )
    return list(layers)


def parse_layers(text: str, count: int, where: str) -> list[int]:
    """`all`, `last 4`, or numbers `3,7,11`, as layers of a model that has `count`.

    Raises:
        UsageError: another form, or a layer that there is not.
    """
    words = text.replace(",", " ").split()
    if words == ["all"]:
        return list(range(count))
    numbers = words[1:] if words[:1] == ["last"] else words
    if (
        not numbers
        or not all(n.isdecimal() for n in numbers)
        or (words[0] == "last" and len(numbers) != 1)
    ):
        raise UsageError(
            f"{text!r} names no layers.", where=where, cure='Write "all", "last 4" or "3,7,11".'
        )
    found = [int(n) for n in numbers]
    if words[0] == "last":
        found = list(range(count - found[0], count)) if 0 < found[0] <= count else [-1]
    if any(not 0 <= n < count for n in found):
        raise UsageError(
            f"{text!r} names layers that there are not.",
            where=where,
            cure=f"The model has layers 0 to {count - 1}.",
        )
    return sorted(set(found))
