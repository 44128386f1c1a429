"""The base's own weights as parameters: all of them (`full`), or those of some layers (`layers`).

The optimizer changes float32 copies; the module computes with them in its own dtype, so that small
steps are not lost in bf16. The base's values are kept beside them: `disable` needs them.
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
from selfteach.models.hooks import get_decoder_layers, parse_layers
from selfteach.models.load_adapter import KIND_KEY
from selfteach.train.adapters import EncodeText, LowRankLayer, write_adapter_folder
from selfteach.train.distributed import gather_shards, take_shard
from selfteach.train.l2 import WeightChange
from selfteach.train.memory import count_bytes


class FullAdapter:
    """Every weight."""

    learning_rate = 2e-5
    kind = "full"
    worn = None
    solves = False
    joins = False
    low_rank_layers: Mapping[str, LowRankLayer] = {}

    def __init__(self, module: nn.Module, chosen: Mapping[str, nn.Parameter]) -> None:
        self._module = module
        self._selected = dict(chosen)
        self._frozen = [p for p in module.parameters() if p.requires_grad]
        module.requires_grad_(False)
        self._base = {name: weight.detach().clone() for name, weight in self._selected.items()}
        self._trained = {
            name: nn.Parameter(weight.detach().float().clone())
            for name, weight in self._selected.items()
        }
        self._handles = []
        for name, weight in self._selected.items():
            weight.requires_grad_(True)
            collect = partial(_accumulate_gradient, self._trained[name])
            self._handles.append(weight.register_post_accumulate_grad_hook(collect))  # type: ignore[no-untyped-call]

    @classmethod
    def weights(cls, module: nn.Module, config: config.TrainConfig) -> dict[str, nn.Parameter]:
        """The weights that will be trained: what `attach` copies can be counted before."""
        return dict(module.named_parameters())

    @classmethod
    def attach(
        cls,
        module: nn.Module,
        config: config.TrainConfig,
        *,
        seed: int,
        encode: EncodeText | None = None,
    ) -> FullAdapter:
        """The weights start as they are."""
        return cls(module, cls.weights(module, config))

    @property
    def kept_bytes(self) -> int:
        """The base's values, beside the weights."""
        return count_bytes(self._base.values())

    def parameters(self) -> list[nn.Parameter]:
        """Float32 copies of the weights."""
        return list(self._trained.values())

    def begin_step(self) -> None:
        """The module takes over what the optimizer changed."""
        self._set_weights(self._trained)

    @torch.no_grad()
    def _set_weights(self, values: Mapping[str, Tensor]) -> None:
        """In place: shards of weights are found by where they lie."""
        for name, weight in self._selected.items():
            weight.copy_(values[name])

    @contextmanager
    def disable(self) -> Iterator[None]:
        """Inside, the weights are the base's."""
        self._set_weights(self._base)
        try:
            yield
        finally:
            self._set_weights(self._trained)

    def merged(self) -> AbstractContextManager[None]:
        """The weights are the module's own."""
        self.begin_step()
        return nullcontext()

    def iterate_weight_changes(self) -> Iterator[WeightChange]:
        """Each weight less the base's."""
        for name, weight in self._trained.items():
            yield (weight - self._base[name].float(),)

    def state(self) -> dict[str, Tensor]:
        """The float32 copies."""
        return {
            name: gather_shards(weight.detach()).cpu().clone()
            for name, weight in self._trained.items()
        }

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Takes over saved weights.

        Raises:
            IntegrityError: they are others than ours.
        """
        if {k: v.shape for k, v in self._trained.items()} != {k: v.shape for k, v in state.items()}:
            raise IntegrityError(
                "the saved weights are others.",
                cure="Use the configuration that they were trained with.",
            )
        for name, weight in self._trained.items():
            weight.copy_(take_shard(state[name], weight))
        self.begin_step()

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """The changed weights in the dtype that they are computed with, and which they are."""
        self.begin_step()
        settings = {
            KIND_KEY: self.kind,
            "base_model_name_or_path": str(about.get("base") or ""),
            "tensors": sorted(self._selected),
        }
        write_adapter_folder(
            folder,
            {
                name: gather_shards(weight.detach()).cpu().clone()
                for name, weight in self._selected.items()
            },
            settings,
            about,
        )

    def detach(self) -> None:
        """The base's weights, and its flags."""
        for handle in self._handles:
            handle.remove()
        self._set_weights(self._base)
        for weight in self._selected.values():
            weight.grad = None
        self._module.requires_grad_(False)
        for parameter in self._frozen:
            parameter.requires_grad_(True)

    def layers(self) -> Iterator[str]:
        """The weights' names."""
        yield from self._selected


class LayersAdapter(FullAdapter):
    """The weights of some layers."""

    learning_rate = 1e-4
    kind = "layers"

    @classmethod
    def weights(cls, module: nn.Module, config: config.TrainConfig) -> dict[str, nn.Parameter]:
        """Those that `train.layers.which` names."""
        return select_weights(module, config.layers.which)


def select_weights(module: Any, which: str) -> dict[str, nn.Parameter]:
    """`last 4`, `3,7` (layers by number), or parts of names as `lm_head, model.layers.29.mlp`.

    Raises:
        UsageError: a name that no weight has.
    """
    named = dict(module.named_parameters())
    words = which.replace(",", " ").split()
    if words and (words[0] in ("all", "last") or all(word.isdecimal() for word in words)):
        every = get_decoder_layers(module)
        ours = {
            id(p)
            for n in parse_layers(which, len(every), "train.layers.which")
            for p in every[n].parameters()
        }
        return {name: p for name, p in named.items() if id(p) in ours}
    if not words or (
        lost := [word for word in words if not any(_has_name_part(name, word) for name in named)]
    ):
        what = f"no weight is named {lost[0]!r}." if words else "names no layers."
        raise UsageError(
            what,
            where="train.layers.which",
            cure=f'Write "last 4", or names such as "{next(iter(named))}".',
        )
    return {
        name: p for name, p in named.items() if any(_has_name_part(name, word) for word in words)
    }


def _has_name_part(name: str, part: str) -> bool:
    return f".{part}." in f".{name}."


def _accumulate_gradient(mine: nn.Parameter, weight: Tensor) -> None:
    """Moves a weight's gradient to its float32 copy; several micro-batches add up there."""
    assert weight.grad is not None
    found = weight.grad.float()
    mine.grad = found if mine.grad is None else mine.grad.add_(found)
    weight.grad = None
