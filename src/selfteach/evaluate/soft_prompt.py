"""Reading of a soft prompt: the words nearest to each token, and how much of its effect they have.

The words are measured in the places of the soft tokens, before the template, and as plain text
before the question.

Source: Lester et al. 2021 (arXiv 2104.08691), section 6.2, for nearest words by cosine. Khashabi et
al. 2022 (arXiv 2112.08348) show that words near a soft prompt need not have its effect; the
read-back measures this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selfteach.judge import PromptAnswer
from selfteach.models.divergence import compute_kl
from selfteach.models.hf import HfModel
from selfteach.models.soft_prompt import TENSOR_NAME, SoftPromptHooks
from selfteach.records import Message, Prompt


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Hold the effect of words in the place of a soft prompt, in nats a token of given answers.

    Attributes:
        words: the decoded words.
        effect: KL(soft prompt || base).
        remaining: KL(soft prompt || base with the words' embeddings in place of the soft tokens).
        remaining_as_text: KL(soft prompt || base with the words as text before the question).
    """

    words: str
    effect: float
    remaining: float
    remaining_as_text: float

    @property
    def share(self) -> float:
        """Return the share of the effect that the words have; 0 if there is no effect.

        It is below 0 if the words increase the distance.
        """
        return 1 - self.remaining / self.effect if self.effect else 0.0

    @property
    def share_as_text(self) -> float:
        """Return the same share of the words as text."""
        return 1 - self.remaining_as_text / self.effect if self.effect else 0.0


def find_nearest_words(
    soft: Tensor, words: Tensor, count: int = 5
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the ids and the values of the nearest words for each measure, best first.

    Shapes: soft (n, D), words (V, D); ids and values (n, count).
    """
    soft = soft.float()
    words = words.float()
    dot = soft @ words.t()
    sizes = soft.norm(dim=1)[:, None] * words.norm(dim=1)[None]
    found = {"cosine": dot / sizes.clamp_min(1e-12), "dot": dot}
    best = {name: values.topk(min(count, words.shape[0]), dim=1) for name, values in found.items()}
    return {name: (top.indices, top.values) for name, top in best.items()}


def measure_read_back(
    base: HfModel,
    soft: Tensor,
    ids: Sequence[int],
    pairs: Sequence[PromptAnswer],
    cut: Sequence[bool] = (),
) -> ReadBack:
    """Measure how much of a soft prompt's effect on given answers the words `ids` have.

    Shapes: soft (n, D).

    Args:
        cut: whether each answer stopped at its token limit; its end of turn does not count.
    """
    words: Any = base.module.get_input_embeddings()  # type: ignore[operator]
    hard = words(torch.tensor(list(ids), device=base.device)).detach().float()
    text = base.tokenizer.decode(list(ids))
    typed = [(insert_words(prompt, text), answer) for prompt, answer in pairs]
    wanted = _compute_log_probs(base, soft.to(base.device), pairs)
    counted = [len(rows) - (1 if cut and cut[i] else 0) for i, rows in enumerate(wanted)]

    def measure_kl(others: list[Tensor]) -> float:
        rows = zip(wanted, others, counted, strict=True)
        return sum(float(compute_kl(p[:n], q[:n]).clamp_min(0).sum()) for p, q, n in rows) / sum(
            counted
        )

    return ReadBack(
        text,
        measure_kl(_compute_log_probs(base, None, pairs)),
        measure_kl(_compute_log_probs(base, hard, pairs)),
        measure_kl(_compute_log_probs(base, None, typed)),
    )


def insert_words(prompt: Prompt, words: str) -> Prompt:
    """Return the prompt with words before its first question."""
    if isinstance(prompt, str):
        return f"{words} {prompt}"
    turns = list(prompt)
    first = next((i for i, turn in enumerate(turns) if turn.role == "user"), 0)
    turns[first] = Message(turns[first].role, f"{words} {turns[first].content}")
    return tuple(turns)


def _compute_log_probs(
    base: HfModel, tokens: Tensor | None, pairs: Sequence[PromptAnswer]
) -> list[Tensor]:
    """Return log-probabilities (T, V) for each answer, with given embeddings before its prompt."""
    hooks = SoftPromptHooks(base.module, {TENSOR_NAME: tokens}) if tokens is not None else None
    if hooks:
        hooks.attach()
    try:
        found = {i: logits.log_softmax(-1) for i, logits in base.answer_logits(pairs)}
    finally:
        if hooks:
            hooks.detach()
    return [found[i] for i in range(len(pairs))]
