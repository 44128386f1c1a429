"""Drift: the distance of the tuned model from the base, on the base's own answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from selfteach.errors import IntegrityError
from selfteach.judge import PromptAnswer
from selfteach.models.divergence import compute_kl
from selfteach.records import Measure
from selfteach.statistics import ratio

PROOF_TOLERANCE = 1e-3
"""The largest difference of a logit by which the base may differ from its checkpoint."""


class LogitsModel(Protocol):
    """Represent a model that gives its logits over given answers, such as `models.hf.HfModel`."""

    def answer_logits(self, pairs: Sequence[PromptAnswer]) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield (index, float32 logits (T, V)) for each answer.

        Row t predicts its token t; the last token is the end of turn.
        """
        ...

    def encode_answer(self, text: str, end: bool = True) -> list[int]:
        """Return the answer's T tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Drift:
    """Hold the drift over the tokens of the base's own answers, with intervals by answer.

    Attributes:
        kl_nats: KL(base || tuned), the mean over tokens.
        kl_p95_nats: the 95th percentile of the same over tokens.
        top1_agreement: share of tokens with the same most likely token in both models.
        base_token_logp, tuned_token_logp: mean log-probability of the answers, nats a token.
        tokens: the number of tokens.
    """

    kl_nats: Measure
    kl_p95_nats: float
    top1_agreement: Measure
    base_token_logp: Measure
    tuned_token_logp: Measure
    tokens: int


@torch.inference_mode()
def compute_drift(
    base: LogitsModel,
    tuned: LogitsModel,
    pairs: Sequence[PromptAnswer],
    *,
    cut: Sequence[bool] = (),
    seed: int = 0,
    left_out: Sequence[Sequence[bool]] = (),
) -> Drift:
    """Compute KL(pi0 || pi) per token over the full vocabulary, and the other measures of drift.

    One answer of each model is in memory at a time. KL on general prompts correlates with
    forgetting (docs/explanation/forgetting.md).

    Args:
        pairs: (prompt, the base's own answer).
        cut: whether each answer stopped at its token limit. The end of turn of such an answer is
            not the base's own and is left out.
        left_out: for each answer the tokens that do not count, such as those that should change.

    Raises:
        ValueError: the two models give their answers in another order or shape.
    """
    sums = np.zeros((len(pairs), 4))  # per answer: KL, same top, base logp, tuned logp
    lengths = np.zeros(len(pairs))
    kls: list[np.ndarray] = []
    for (i, left), (j, right) in zip(
        base.answer_logits(pairs), tuned.answer_logits(pairs), strict=True
    ):
        if i != j or left.shape != right.shape:
            raise ValueError(
                f"answer {i} {tuple(left.shape)} of the base against answer {j} "
                f"{tuple(right.shape)} of the tuned model"
            )
        rows = left.shape[0] - (1 if cut and cut[i] else 0)
        ids = torch.tensor(base.encode_answer(pairs[i][1], end=True), device=left.device)[:rows]
        per_token = _compare_logits(left[:rows], right[:rows].to(left.device), ids)  # (4, T)
        if left_out and left_out[i]:
            skipped = np.flatnonzero(left_out[i][:rows])
            per_token = np.delete(per_token, skipped, 1)
        sums[i] = per_token.sum(1)
        lengths[i] = per_token.shape[1]
        kls.append(per_token[0])
    kl, base_logp, tuned_logp = (
        ratio(sums[:, column], lengths, seed=seed, limits=None) for column in (0, 2, 3)
    )
    same = ratio(sums[:, 1], lengths, seed=seed, limits=(0.0, 1.0))
    p95 = float(np.quantile(np.concatenate(kls), 0.95)) if lengths.any() else 0.0
    return Drift(kl, p95, same, base_logp, tuned_logp, int(lengths.sum()))


def _compare_logits(left: torch.Tensor, right: torch.Tensor, ids: torch.Tensor) -> np.ndarray:
    """Return KL, same top, and the token's logp under base and tuned model, for each token.

    Shapes: left, right (T, V); ids (T,); result (4, T).
    """
    base = left.log_softmax(-1)
    tuned = right.log_softmax(-1)
    kl = compute_kl(base, tuned).clamp_min(0)  # rounding can make it negative
    same = left.argmax(-1) == right.argmax(-1)
    token_logps = [logp.gather(1, ids[:, None])[:, 0] for logp in (base, tuned)]
    return torch.stack([kl, same.float(), *token_logps]).double().cpu().numpy()


@torch.inference_mode()
def compute_probe_logits(model: LogitsModel, pairs: Sequence[PromptAnswer]) -> list[torch.Tensor]:
    """Return the logits over a few probe answers, in their order, for `check_base_logits`.

    Shapes: each (T, V), float32.
    """
    found = {i: logits.float().cpu().clone() for i, logits in model.answer_logits(pairs)}
    return [found[i] for i in range(len(pairs))]


def check_base_logits(
    base: LogitsModel,
    pairs: Sequence[PromptAnswer],
    checkpoint_logits: Sequence[torch.Tensor],
) -> float:
    """Prove that the base arm of the exam is the base; return the largest difference of a logit.

    Its logits on a probe must equal those of the untouched checkpoint.

    Args:
        checkpoint_logits: `compute_probe_logits` of the checkpoint on the same pairs, before the
            training.

    Raises:
        IntegrityError: they differ by more than PROOF_TOLERANCE, or there is nothing to compare.
    """
    found = compute_probe_logits(base, pairs)
    difference = float("inf")
    if found and [x.shape for x in found] == [x.shape for x in checkpoint_logits]:
        both = zip(found, checkpoint_logits, strict=True)
        difference = max(float((x - y).abs().max()) for x, y in both)
    if not difference <= PROOF_TOLERANCE:
        what = (
            "the exam's base is not the base: its logits differ from the checkpoint's by "
            f"{difference:.3g}."
        )
        raise IntegrityError(
            what,
            where="exam",
            cure="Run the same command again. If the error remains, report it with the run folder.",
        )
    return difference
