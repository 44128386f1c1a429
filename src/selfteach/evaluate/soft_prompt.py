"""Reading a soft prompt: the nearest words of each token, and whether those words do the same as a plain prompt.

Source: Lester et al. 2021 (arXiv 2104.08691), section 6.2, for nearest words by cosine; Khashabi et al. 2022 (arXiv 2112.08348), that words
near a soft prompt need not mean what it does: hence the read-back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selfteach.models.hf import Hf
from selfteach.models.soft_prompt import NAME, SoftPrompt
from selfteach.records import Prompt

MEASURES = ("cosine", "dot")


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What words do where the soft tokens stood, in nats a token of given answers.

    Attributes:
        effect: KL(soft prompt || base).
        left: KL(soft prompt || base with the words before the prompt).
    """

    effect: float
    left: float

    @property
    def share(self) -> float:
        """The part of the effect that the words have; below 0 they lead elsewhere, and without an effect there is nothing to share."""
        return 1 - self.left / self.effect if self.effect else 0.0


def nearest(soft: Tensor, words: Tensor, count: int = 5) -> dict[str, tuple[Tensor, Tensor]]:
    """For each measure the ids and the values of the nearest words, best first: (n, count) each.

    Shapes: soft (n, D), words (V, D).
    """
    soft, words = soft.float(), words.float()
    dot = soft @ words.t()
    sizes = soft.norm(dim=1)[:, None] * words.norm(dim=1)[None]
    found = {"cosine": dot / sizes.clamp_min(1e-12), "dot": dot}
    best = {name: values.topk(min(count, words.shape[0]), dim=1) for name, values in found.items()}
    return {name: (top.indices, top.values) for name, top in best.items()}


def read_back(base: Hf, soft: Tensor, ids: Sequence[int], pairs: Sequence[tuple[Prompt, str]]) -> ReadBack:
    """How much of a soft prompt's effect on given answers the words `ids` have, in the places where the soft tokens stood.

    Shapes: soft (n, D).
    """
    words: Any = base.module.get_input_embeddings()  # type: ignore[operator]
    hard = words(torch.tensor(list(ids), device=base.device)).detach().float()
    plain = _log_probabilities(base, None, pairs)
    wanted, instead = (_log_probabilities(base, tokens.to(base.device), pairs) for tokens in (soft, hard))
    tokens = sum(len(rows) for rows in wanted)
    effect, left = (sum(float(_kl(p, q).sum()) for p, q in zip(wanted, other, strict=True)) / tokens for other in (plain, instead))
    return ReadBack(effect, left)


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (p.exp() * (p - q)).sum(-1).clamp_min(0)


def _log_probabilities(base: Hf, tokens: Tensor | None, pairs: Sequence[tuple[Prompt, str]]) -> list[Tensor]:
    """(T, V) for each answer, with the given embeddings before its prompt."""
    worn = SoftPrompt(base.module, {NAME: tokens}) if tokens is not None else None
    if worn:
        worn.put_on()
    try:
        found = {i: logits.log_softmax(-1) for i, logits in base.answer_logits(pairs)}
    finally:
        if worn:
            worn.take_off()
    return [found[i] for i in range(len(pairs))]
