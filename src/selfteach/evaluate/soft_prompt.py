"""Reading a soft prompt: the nearest words of each token, and whether those words do the same: in
the places where the soft tokens stood, before the template, and as text that a person could type,
before the question.

Source: Lester et al. 2021 (arXiv 2104.08691), section 6.2, for nearest words by cosine; Khashabi et
al. 2022 (arXiv 2112.08348), that words near a soft prompt need not mean what it does: hence the
read-back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selfteach.models.hf import HfModel
from selfteach.models.soft_prompt import TENSOR_NAME, SoftPromptHooks
from selfteach.records import Message, Prompt

SIMILARITIES = ("cosine", "dot")


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What words do in the place of a soft prompt, in nats a token of given answers.

    Attributes:
        words: the decoded words.
        effect: KL(soft prompt || base).
        left: KL(soft prompt || base with the words' embeddings where the soft tokens stood).
        left_as_text: KL(soft prompt || base with the words as text before the question).
    """

    words: str
    effect: float
    remaining: float
    remaining_as_text: float

    @property
    def share(self) -> float:
        """The part of the effect that the words have; below 0 they lead elsewhere, and without an
        effect there is nothing to share.
        """
        return 1 - self.remaining / self.effect if self.effect else 0.0

    @property
    def share_as_text(self) -> float:
        """The same of the words as text."""
        return 1 - self.remaining_as_text / self.effect if self.effect else 0.0


def find_nearest_words(
    soft: Tensor, words: Tensor, count: int = 5
) -> dict[str, tuple[Tensor, Tensor]]:
    """For each measure the ids and the values of the nearest words, best first: (n, count) each.

    Shapes: soft (n, D), words (V, D).
    """
    soft, words = soft.float(), words.float()
    dot = soft @ words.t()
    sizes = soft.norm(dim=1)[:, None] * words.norm(dim=1)[None]
    found = {"cosine": dot / sizes.clamp_min(1e-12), "dot": dot}
    best = {name: values.topk(min(count, words.shape[0]), dim=1) for name, values in found.items()}
    return {name: (top.indices, top.values) for name, top in best.items()}


def measure_read_back(
    base: HfModel,
    soft: Tensor,
    ids: Sequence[int],
    pairs: Sequence[tuple[Prompt, str]],
    cut: Sequence[bool] = (),
) -> ReadBack:
    """How much of a soft prompt's effect on given answers the words `ids` have.

    Shapes: soft (n, D).

    Args:
        cut: whether each answer stopped at its token limit, and so has no end of turn that counts.
    """
    words: Any = base.module.get_input_embeddings()  # type: ignore[operator]
    hard = words(torch.tensor(list(ids), device=base.device)).detach().float()
    said = base.tokenizer.decode(list(ids))
    typed = [(insert_words(prompt, said), answer) for prompt, answer in pairs]
    wanted = _compute_log_probs(base, soft.to(base.device), pairs)
    others = (
        _compute_log_probs(base, None, pairs),
        _compute_log_probs(base, hard, pairs),
        _compute_log_probs(base, None, typed),
    )
    counted = [len(rows) - (1 if cut and cut[i] else 0) for i, rows in enumerate(wanted)]
    return ReadBack(
        said,
        *(
            sum(
                float(_kl(p[:n], q[:n]).sum())
                for p, q, n in zip(wanted, other, counted, strict=True)
            )
            / sum(counted)
            for other in others
        ),
    )


def insert_words(prompt: Prompt, words: str) -> Prompt:
    """The prompt with words before its first question."""
    if isinstance(prompt, str):
        return f"{words} {prompt}"
    first = next((i for i, turn in enumerate(prompt) if turn.role == "user"), 0)
    return (
        *prompt[:first],
        Message(prompt[first].role, f"{words} {prompt[first].content}"),
        *prompt[first + 1 :],
    )


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (p.exp() * (p - q)).sum(-1).clamp_min(0)


def _compute_log_probs(
    base: HfModel, tokens: Tensor | None, pairs: Sequence[tuple[Prompt, str]]
) -> list[Tensor]:
    """(T, V) for each answer, with the given embeddings before its prompt."""
    worn = SoftPromptHooks(base.module, {TENSOR_NAME: tokens}) if tokens is not None else None
    if worn:
        worn.attach()
    try:
        found = {i: logits.log_softmax(-1) for i, logits in base.answer_logits(pairs)}
    finally:
        if worn:
            worn.detach()
    return [found[i] for i in range(len(pairs))]
