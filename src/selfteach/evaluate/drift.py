"""How far the taught model has moved from the base where it should not have: on the base's own
answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from selfteach.errors import IntegrityError
from selfteach.records import Measure, Prompt
from selfteach.statistics import ratio

PROOF_TOLERANCE = 1e-3


class LogitsModel(Protocol):
    """A model that gives its logits over given answers; `models.hf.Hf` is one."""

    def answer_logits(
        self, pairs: Sequence[tuple[Prompt, str]]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yields (index, float32 logits (T, V)) for each answer; row t predicts its token t, the
        end of turn being the last.
        """
        ...

    def encode_answer(self, text: str, end: bool = True) -> list[int]:
        """The answer's T tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Drift:
    """Everything by token of the base's own answers; intervals by answer.

    Attributes:
        kl_nats: KL(base || taught), the mean over tokens.
        kl_p95_nats: the 95th percentile of the same over tokens.
        same_top: share of tokens where both have the same likeliest token.
        base_token_logp, taught_token_logp: mean log-probability of the answers, nats a token.
        tokens: how many.
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
    pairs: Sequence[tuple[Prompt, str]],
    *,
    cut: Sequence[bool] = (),
    seed: int = 0,
    left_out: Sequence[Sequence[bool]] = (),
) -> Drift:
    """Per-token KL(pi0 || pi) over the full vocabulary, and what goes with it. One answer of each
    model is in memory at a time.

    Why KL: on general prompts it goes with what is forgotten (docs/explanation/forgetting.md).

    Args:
        pairs: (prompt, the base's own answer).
        cut: whether each answer stopped at its token limit. Its end of turn is not the base's own
            and is left out.
        left_out: for each answer the tokens that are not counted, such as those that were meant to
            change; none where it is empty.

    Raises:
        ValueError: the two models give their answers in another order or shape.
    """
    sums = np.zeros((len(pairs), 4))  # per answer: KL, same top, base logp, taught logp
    lengths = np.zeros(len(pairs))
    kls: list[np.ndarray] = []
    for (i, left), (j, right) in zip(
        base.answer_logits(pairs), tuned.answer_logits(pairs), strict=True
    ):
        if i != j or left.shape != right.shape:
            raise ValueError(
                f"answer {i} {tuple(left.shape)} of the base against answer {j} "
                f"{tuple(right.shape)} of the taught model"
            )
        rows = left.shape[0] - (1 if cut and cut[i] else 0)
        ids = torch.tensor(base.encode_answer(pairs[i][1], end=True), device=left.device)[:rows]
        per_token = _compare_logits(left[:rows], right[:rows].to(left.device), ids)  # (4, T)
        if left_out and left_out[i]:
            skipped = np.flatnonzero(left_out[i][:rows])
            per_token = np.delete(per_token, skipped, 1)
        sums[i], lengths[i] = per_token.sum(1), per_token.shape[1]
        kls.append(per_token[0])
    kl, same, base_logp, taught_logp = (
        ratio(sums[:, column], lengths, seed=seed, limits=(0.0, 1.0) if column == 1 else None)
        for column in range(4)
    )
    together = np.concatenate(kls) if kls else np.zeros(0)
    return Drift(
        kl,
        float(np.quantile(together, 0.95)) if together.size else 0.0,
        same,
        base_logp,
        taught_logp,
        int(lengths.sum()),
    )


def _compare_logits(left: torch.Tensor, right: torch.Tensor, ids: torch.Tensor) -> np.ndarray:
    """(4, T): KL, same top, logp of the token under the base, under the taught model. Shapes: left,
    right (T, V); ids (T,).
    """
    base, taught = left.log_softmax(-1), right.log_softmax(-1)
    kl = (base.exp() * (base - taught)).sum(-1).clamp_min(0)  # rounding alone makes it negative
    same = left.argmax(-1) == right.argmax(-1)
    of_token = [logp.gather(1, ids[:, None])[:, 0] for logp in (base, taught)]
    return torch.stack([kl, same.float(), *of_token]).double().cpu().numpy()


@torch.inference_mode()
def compute_probe_logits(
    model: LogitsModel, pairs: Sequence[tuple[Prompt, str]]
) -> list[torch.Tensor]:
    """The logits over a few probe answers, in their order, to be kept for `check_base_logits`. Shapes:
    each (T, V), float32.
    """
    found = {i: logits.float().cpu().clone() for i, logits in model.answer_logits(pairs)}
    return [found[i] for i in range(len(pairs))]


@dataclass(frozen=True, slots=True)
class BaseProof:
    """The greatest difference of a logit between the exam's base and the untouched checkpoint, over
    so many tokens.
    """

    max_difference: float
    tokens: int


def check_base_logits(
    base: LogitsModel,
    pairs: Sequence[tuple[Prompt, str]],
    checkpoint_logits: Sequence[torch.Tensor],
) -> BaseProof:
    """Proof that the base arm of the exam is the base: its logits on a probe equal those of the
    untouched checkpoint.

    Args:
        checkpoint_logits: `compute_probe_logits` of the checkpoint on the same pairs, taken before anything
            was trained.

    Raises:
        IntegrityError: they differ by more than PROOF_TOLERANCE, or there is nothing to compare.
    """
    found = compute_probe_logits(base, pairs)
    alike = bool(found) and [tuple(x.shape) for x in found] == [
        tuple(x.shape) for x in checkpoint_logits
    ]
    difference = (
        max(float((x - y).abs().max()) for x, y in zip(found, checkpoint_logits, strict=True))
        if alike
        else float("inf")
    )
    if not difference <= PROOF_TOLERANCE:
        what = (
            "the exam's base is not the base: its logits differ from the checkpoint's by "
            f"{difference:.3g}."
        )
        raise IntegrityError(
            what,
            where="exam",
            cure="Run the same command again; if it stays, report it with the run folder.",
        )
    return BaseProof(difference, sum(x.shape[0] for x in found))
