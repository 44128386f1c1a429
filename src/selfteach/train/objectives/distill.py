"""Self-distillation: the tuned model learns the answers' distributions from the base, whose prompt
holds more.

Source: ELVF (IV). The teacher is the base with the adapter off, frozen, with the rule in its prompt
and never the answer.
Departs: ELVF's code had no shift, let gradients flow through the teacher, misaligned its batches
and put the gold answer into the teacher's prompt; a test pins each.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from selfteach.config import TrainConfig
from selfteach.models.divergence import compute_kl
from selfteach.train.objectives.objective import (
    Distribution,
    Objective,
    ObjectiveInputs,
    sum_by_row,
)

DivergenceForm = Literal["forward", "reverse", "jsd"]


def jsd(p: Tensor, q: Tensor, beta: float) -> Tensor:
    """Return JSD_beta = beta KL(p || m) + (1-beta) KL(q || m) with m = beta p + (1-beta) q. The
    teacher is p, the tuned model q.

    Source: Agarwal et al. 2023, GKD (arXiv 2306.13649), equation 1.
    Shapes: log-probabilities (N, V), (N, V) -> (N,).
    """
    if beta in (0.0, 1.0):  # the limits of JSD/(beta (1-beta)), as GKD takes them
        return compute_kl(p, q) if beta == 0.0 else compute_kl(q, p)
    impossible = p.isneginf() & q.isneginf()  # in m alone: `compute_kl` does not count these tokens
    shared_p, shared_q = p.masked_fill(impossible, 0.0), q.masked_fill(impossible, 0.0)
    m = torch.logaddexp(
        shared_p + torch.tensor(beta).log(), shared_q + torch.tensor(1 - beta).log()
    )
    return beta * compute_kl(p, m) + (1 - beta) * compute_kl(q, m)


def add_tail(top: Tensor) -> Tensor:
    """Return the log-probabilities of the K likeliest tokens, and of all others together: (N, K) ->
    (N, K+1), nats.

    The tail bucket makes the divergence of the two coarse distributions a lower bound of the full
    one (data processing inequality); renormalising the K tokens alone would be biased.
    """
    return torch.cat([top, log_tail_mass(top)], -1)


def log_tail_mass(top: Tensor) -> Tensor:
    """Return log(1 - sum exp(top)): (N, K) -> (N, 1), with a floor in case rounding leaves
    nothing.
    """
    rest = -torch.expm1(torch.logsumexp(top, -1, keepdim=True).clamp(max=-1e-7))
    return rest.log()


def divergence(
    teacher: Distribution,
    logits: Tensor,
    form: DivergenceForm,
    beta: float = 0.5,
    temperature: float = 1.0,
) -> Tensor:
    """Return D(teacher || model) at each position, nats; no gradient reaches the teacher.

    Shapes: teacher (N, K), logits (N, V) -> (N,).
    """
    q = torch.log_softmax(logits.float() / temperature, -1)
    return compare(teacher, q if teacher.full else q.gather(1, teacher.ids), form, beta)


def compare(teacher: Distribution, q: Tensor, form: DivergenceForm, beta: float) -> Tensor:
    """Return D(teacher || model) from the model's log-probabilities of the teacher's tokens.

    Shapes: teacher (N, K), q (N, K) -> (N,).
    """
    p = teacher.logp.detach()
    if not teacher.full:
        p, q = add_tail(p), add_tail(q)
    if form == "forward":
        return compute_kl(p, q)
    return compute_kl(q, p) if form == "reverse" else jsd(p, q, beta)


def compute_divergence(
    inputs: ObjectiveInputs, form: DivergenceForm, beta: float, temperature: float
) -> Tensor:
    """Return D(teacher || model) at each chosen position, nats: (N,)."""
    teacher = inputs.teacher
    assert teacher is not None
    if inputs.token_logps and not teacher.full and temperature == 1:
        return compare(teacher, inputs.token_logps(teacher.ids), form, beta)
    assert inputs.apply_to_logits is not None
    return inputs.apply_to_logits(
        lambda logits, part: divergence(teacher.at(part), logits, form, beta, temperature)
    )


class DistillObjective(Objective):
    """Train `distill`: (1-lam) CE + lam D a token, lam = `train.distill_mix`. On sampled answers it
    is lam D alone, because they are no evidence.
    """

    teacher = "prompted"
    supports_on_policy = True

    def __init__(self, settings: TrainConfig) -> None:
        super().__init__(settings)
        self.skip = settings.skip_tokens

    def compute_row_losses(self, inputs: ObjectiveInputs) -> Tensor:
        """Return the sums over tokens, nats: (R,)."""
        s = self.settings
        d = compute_divergence(inputs, s.divergence, s.jsd_beta, s.temperature)
        likelihood = inputs.logp
        if inputs.sampled is not None:
            likelihood = likelihood.masked_fill(inputs.sampled[inputs.row], 0.0)
        return sum_by_row(
            s.distill_mix * d - (1 - s.distill_mix) * likelihood, inputs.row, inputs.rows
        )
