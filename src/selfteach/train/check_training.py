"""A check before anything is paid for: an adapter can be trained on a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from selfteach import registry
from selfteach.config import TrainConfig
from selfteach.models.check_family import PAIRS, describe_difference, get_limits, report_fault
from selfteach.models.hook_adapter import get_decoder, get_num_virtual_tokens
from selfteach.train.adapters.adapter import Adapter, is_solved
from selfteach.train.distributed import get_requested_sharding
from selfteach.train.encode_and_batch import TrainingRow
from selfteach.train.fast.norm import use_fast_norms
from selfteach.train.fast.packed_model import PackedModel


def check_training(hf: Any, config: TrainConfig, known: Sequence[float], seed: int) -> None:
    """Attach each adapter of the settings, and take a forward and a backward pass over two rows.
    The model and the random state stay as they are.

    Args:
        known: the log-probability of each answer of PAIRS, in nats.

    Raises:
        UsageError: what does not work with this family.
    """
    if get_requested_sharding():
        return  # the weights are split later, and single passes would need all processes
    for name in dict.fromkeys(filter(None, (config.distill_from, config.adapter))):
        kind = registry.load_registered("adapters", name)
        if is_solved(name):
            check = partial(kind.check, hf, config)
        else:
            settings = config.model_copy(update={"adapter": name})
            check = partial(_check_steps, hf, kind, settings, known, seed)
        report_fault(hf.module, hf.name, f"trained ({name})", check)


def _check_steps(hf: Any, kind: Any, config: TrainConfig, known: Sequence[float], seed: int) -> str:
    """Return what is wrong with a step, or an empty text."""
    with torch.random.fork_rng(devices=[hf.device] if hf.device.type == "cuda" else []):
        adapter = _attach(hf, kind, config, seed)
        try:
            with use_fast_norms(hf.module):
                return _take_step(hf, adapter, known)
        finally:
            adapter.detach()


def _attach(hf: Any, kind: Any, config: TrainConfig, seed: int) -> Adapter:
    """Attach the adapter. Of one that copies the base's weights, copy the smallest alone."""
    if not hasattr(kind, "weights"):
        found: Adapter = kind.attach(
            hf.module, config, seed=seed, encode=partial(hf.encode_answer, end=False)
        )
        return found
    weights: Mapping[str, nn.Parameter] = kind.weights(hf.module, config)
    used = set(map(id, get_decoder(hf.module).parameters()))
    inner = {name: weight for name, weight in weights.items() if id(weight) in used} or weights
    smallest = min(inner, key=lambda name: inner[name].numel())
    copied: Adapter = kind(hf.module, {smallest: inner[smallest]})
    return copied


def _take_step(hf: Any, adapter: Adapter, known: Sequence[float]) -> str:
    model = PackedModel(hf.module, adapter)
    rows = [
        TrainingRow(i, "", "", tuple(hf.encode(prompt)), (tuple(hf.encode_answer(answer)),), {})
        for i, (prompt, answer) in enumerate(PAIRS)
    ]
    batch = model.pack(rows)
    adapter.begin_step()
    with model.use_attention():
        logp = model.token_logp(model.states(batch), batch.targets)
        logp.sum().backward()  # type: ignore[no-untyped-call]
    # A soft prompt changes the answers from the beginning.
    for row, wanted in zip(rows, () if get_num_virtual_tokens(hf.module) else known, strict=False):
        found = float(logp.detach()[batch.row == row.number].sum())
        if wrong := describe_difference(found - wanted, row.tokens, get_limits(hf)):
            return wrong
    grads = [p.grad for p in adapter.parameters() if p.grad is not None]
    if not all(bool(grad.isfinite().all()) for grad in grads):
        return "its gradients are not finite"
    return "" if any(bool(grad.any()) for grad in grads) else "no gradient reaches the adapter"
