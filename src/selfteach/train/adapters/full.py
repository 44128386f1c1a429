"""The base's own weights as parameters: all of them (`full`), or those of some layers (`layers`).

The optimizer changes float32 copies; the module computes with them in its own dtype, so that small
steps are not lost in bf16. The base's values are kept beside them: `off` needs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfteach import config
from selfteach.errors import IntegrityError, UsageError
from selfteach.models.wear import KIND
from selfteach.models.worn import decoder_layers, which_layers
from selfteach.train.adapters import Encode, LowRankLayer, write_folder
from selfteach.train.distributed import part_of, whole
from selfteach.train.l2 import Change
from selfteach.train.memory import size_of


class Full:
    """Every weight."""

    learning_rate = 2e-5
    kind = "full"
    worn = None
    solves = False
    joins = False
    low_rank_layers: Mapping[str, LowRankLayer] = {}

    def __init__(self, module: nn.Module, chosen: Mapping[str, nn.Parameter]) -> None:
        self._module = module
        self._chosen = dict(chosen)
        self._frozen = [p for p in module.parameters() if p.requires_grad]
        module.requires_grad_(False)
        self._base = {name: weight.detach().clone() for name, weight in self._chosen.items()}
        self._mine = {
            name: nn.Parameter(weight.detach().float().clone())
            for name, weight in self._chosen.items()
        }
        self._handles = []
        for name, weight in self._chosen.items():
            weight.requires_grad_(True)
            collect = partial(_collect, self._mine[name])
            self._handles.append(weight.register_post_accumulate_grad_hook(collect))  # type: ignore[no-untyped-call]

    @classmethod
    def weights(cls, module: nn.Module, config: config.Train) -> dict[str, nn.Parameter]:
        """The weights that will be trained: what `attach` copies can be counted before."""
        return dict(module.named_parameters())

    @classmethod
    def attach(
        cls, module: nn.Module, config: config.Train, *, seed: int, encode: Encode | None = None
    ) -> Full:
        """The weights start as they are."""
        return cls(module, cls.weights(module, config))

    @property
    def kept_bytes(self) -> int:
        """The base's values, beside the weights."""
        return size_of(self._base.values())

    def parameters(self) -> list[nn.Parameter]:
        """Float32 copies of the weights."""
        return list(self._mine.values())

    def begin_step(self) -> None:
        """The module takes over what the optimizer changed."""
        self._become(self._mine)

    @torch.no_grad()
    def _become(self, values: Mapping[str, Tensor]) -> None:
        """In place: shards of weights are found by where they lie."""
        for name, weight in self._chosen.items():
            weight.copy_(values[name])

    @contextmanager
    def off(self) -> Iterator[None]:
        """Inside, the weights are the base's."""
        self._become(self._base)
        try:
            yield
        finally:
            self._become(self._mine)

    def merged(self) -> AbstractContextManager[None]:
        """The weights are the module's own."""
        self.begin_step()
        return nullcontext()

    def changes(self) -> Iterator[Change]:
        """Each weight less the base's."""
        for name, weight in self._mine.items():
            yield (weight - self._base[name].float(),)

    def state(self) -> dict[str, Tensor]:
        """The float32 copies."""
        return {name: whole(weight.detach()).cpu().clone() for name, weight in self._mine.items()}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Takes over saved weights.

        Raises:
            IntegrityError: they are others than ours.
        """
        if {k: v.shape for k, v in self._mine.items()} != {k: v.shape for k, v in state.items()}:
            raise IntegrityError(
                "the saved weights are others.",
                cure="Use the configuration that they were trained with.",
            )
        for name, weight in self._mine.items():
            weight.copy_(part_of(state[name], weight))
        self.begin_step()

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """The changed weights in the dtype that they are computed with, and which they are."""
        self.begin_step()
        settings = {
            KIND: self.kind,
            "base_model_name_or_path": str(about.get("base") or ""),
            "tensors": sorted(self._chosen),
        }
        write_folder(
            folder,
            {name: whole(weight.detach()).cpu().clone() for name, weight in self._chosen.items()},
            settings,
            about,
        )

    def detach(self) -> None:
        """The base's weights, and its flags."""
        for handle in self._handles:
            handle.remove()
        self._become(self._base)
        for weight in self._chosen.values():
            weight.grad = None
        self._module.requires_grad_(False)
        for parameter in self._frozen:
            parameter.requires_grad_(True)

    def layers(self) -> Iterator[str]:
        """The weights' names."""
        yield from self._chosen


class Layers(Full):
    """The weights of some layers."""

    learning_rate = 1e-4
    kind = "layers"

    @classmethod
    def weights(cls, module: nn.Module, config: config.Train) -> dict[str, nn.Parameter]:
        """Those that `train.layers.which` names."""
        return chosen(module, config.layers.which)


def chosen(module: Any, which: str) -> dict[str, nn.Parameter]:
    """`last 4`, `3,7` (layers by number), or parts of names as `lm_head, model.layers.29.mlp`.

    Raises:
        UsageError: a name that no weight has.
    """
    named = dict(module.named_parameters())
    words = which.replace(",", " ").split()
    if words and (words[0] in ("all", "last") or all(word.isdecimal() for word in words)):
        every = decoder_layers(module)
        ours = {
            id(p)
            for n in which_layers(which, len(every), "train.layers.which")
            for p in every[n].parameters()
        }
        return {name: p for name, p in named.items() if id(p) in ours}
    if not words or (
        lost := [word for word in words if not any(_inside(name, word) for name in named)]
    ):
        what = f"no weight is named {lost[0]!r}." if words else "names no layers."
        raise UsageError(
            what,
            where="train.layers.which",
            cure=f'Write "last 4", or names such as "{next(iter(named))}".',
        )
    return {name: p for name, p in named.items() if any(_inside(name, word) for word in words)}


def _inside(name: str, part: str) -> bool:
    return f".{part}." in f".{name}."


def _collect(mine: nn.Parameter, weight: Tensor) -> None:
    """Moves a weight's gradient to its float32 copy; several micro-batches add up there."""
    assert weight.grad is not None
    found = weight.grad.float()
    mine.grad = found if mine.grad is None else mine.grad.add_(found)
    weight.grad = None
