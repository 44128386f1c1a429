"""Each objective on a view of a few tokens, against plain Python; and what each says it needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from selfteach import config
from selfteach.models.divergence import compute_kl
from selfteach.train.objectives.anchor import AnchorObjective, HoldObjective
from selfteach.train.objectives.correction import (
    CorrectionObjective,
    compute_pair_ratios,
    desensitize_lengths,
)
from selfteach.train.objectives.distill import (
    DistillObjective,
    add_tail,
    divergence,
    jsd,
    log_tail_mass,
)
from selfteach.train.objectives.dpo import DpoObjective, dpo
from selfteach.train.objectives.objective import (
    Distribution,
    Objective,
    ObjectiveInputs,
    sum_by_row,
)
from selfteach.train.objectives.sft import SftObjective, sft


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def flags(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.bool)


P = [0.5, 0.3, 0.2]
Q = [0.1, 0.6, 0.3]


def divergence_by_hand(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a)


def test_kl_by_hand() -> None:
    expected = divergence_by_hand(P, Q)
    assert compute_kl(numbers(*P).log(), numbers(*Q).log()).item() == pytest.approx(expected)
    sure = numbers(0.0, 1.0, 0.0).log()
    assert compute_kl(sure, numbers(*Q).log()).item() == pytest.approx(-math.log(0.6))


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_jsd_by_hand(beta: float) -> None:
    """Its limits are KL(p || q) at 0 and KL(q || p) at 1."""
    mixture = [beta * a + (1 - beta) * b for a, b in zip(P, Q, strict=True)]
    expected = beta * divergence_by_hand(P, mixture) + (1 - beta) * divergence_by_hand(Q, mixture)
    if beta == 0.0:
        expected = divergence_by_hand(P, Q)
    if beta == 1.0:
        expected = divergence_by_hand(Q, P)
    found = jsd(numbers(*P).log()[None], numbers(*Q).log()[None], beta)
    assert found.tolist() == pytest.approx([expected])


def test_the_tail_is_what_the_likeliest_leave() -> None:
    logp = numbers(0.5, 0.3, 0.15, 0.05).log()[None]
    assert log_tail_mass(logp[:, :2]).exp().tolist() == [[pytest.approx(0.2)]]
    found = add_tail(logp[:, [2, 0]]).exp()
    assert found.tolist() == [pytest.approx([0.15, 0.5, 0.35])]
    floor = log_tail_mass(torch.zeros(1, 1, dtype=torch.float64))
    assert floor.exp().item() == pytest.approx(1e-7, rel=1e-3)


@pytest.mark.parametrize("form", ["forward", "reverse", "jsd"])
def test_a_divergence_knows_its_direction_its_temperature_and_its_bucket(form: Any) -> None:
    logits = numbers(2.0, 0.0, -1.0)[None]
    for temperature in (1.0, 2.0):
        tuned = [math.exp(v / temperature) for v in (2.0, 0.0, -1.0)]
        tuned = [v / sum(tuned) for v in tuned]
        cases = [
            (Distribution(torch.empty(0), numbers(*P).log()[None], True), P, tuned),
            (
                Distribution(torch.tensor([[1]]), numbers(0.3).log()[None], False),
                [0.3, 0.7],
                [tuned[1], 1 - tuned[1]],
            ),
        ]
        for teacher, p, q in cases:
            middle = [0.3 * a + 0.7 * b for a, b in zip(p, q, strict=True)]
            mixed = 0.3 * divergence_by_hand(p, middle) + 0.7 * divergence_by_hand(q, middle)
            expected = {
                "forward": divergence_by_hand(p, q),
                "reverse": divergence_by_hand(q, p),
                "jsd": mixed,
            }[form]
            found = divergence(teacher, logits, form, 0.3, temperature)
            assert found.tolist() == pytest.approx([expected], rel=1e-5)


def test_a_part_of_a_distribution_is_of_its_positions() -> None:
    ids = torch.arange(6).reshape(3, 2)
    logp = torch.arange(6.0).reshape(3, 2)
    part = Distribution(ids, logp, False).at(slice(1, 3))
    assert (part.ids.tolist(), part.logp.tolist()) == ([[2, 3], [4, 5]], [[2.0, 3.0], [4.0, 5.0]])
    whole = Distribution(torch.empty(0), logp, True).at(slice(1, 3))
    assert (whole.ids.shape, whole.logp.shape, whole.full) == ((0,), (2, 2), True)


LOGITS = torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.0, 0.5], [1.0, 1.5]])
ROW = torch.tensor([0, 0, 1, 2])
BASE = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.4, 0.6]])


def view(**changes: Any) -> ObjectiveInputs:
    """Three rows of 2, 1 and 1 tokens; each answer token is token 0."""

    def at_logits(part_of: Callable[[Tensor, slice], Tensor]) -> Tensor:
        parts = [slice(0, 1), slice(1, 4)]
        return torch.cat([part_of(LOGITS[part], part) for part in parts])

    return ObjectiveInputs(
        3,
        LOGITS.log_softmax(-1)[:, 0],
        ROW,
        teacher=Distribution(torch.empty(0), BASE.log(), True),
        apply_to_logits=at_logits,
        **changes,
    )


def token_divergences(temperature: float = 1.0) -> list[float]:
    found = []
    for base, logits in zip(BASE.tolist(), LOGITS.tolist(), strict=True):
        powers = [math.exp(value / temperature) for value in logits]
        found.append(divergence_by_hand(base, [v / sum(powers) for v in powers]))
    return found


def by_row(values: list[float]) -> list[float]:
    return [values[0] + values[1], values[2], values[3]]


def test_row_sums() -> None:
    found = sum_by_row(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([2, 0, 2]), 4)
    assert found.tolist() == [2.0, 0.0, 5.0, 0.0]


def test_sft_is_the_negative_log_likelihood_of_a_row() -> None:
    logp = view().logp
    expected = by_row([-value for value in logp.tolist()])
    assert sft(logp, ROW, 3).tolist() == pytest.approx(expected)
    assert SftObjective(config.TrainConfig()).compute_row_losses(view()).tolist() == pytest.approx(
        expected
    )


@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sampled", [None, flags(1, 0, 1)])
def test_distill_mixes_likelihood_and_divergence(mix: float, sampled: Tensor | None) -> None:
    settings = config.TrainConfig(distill_mix=mix, temperature=2.0, skip_tokens=4)
    objective = DistillObjective(settings)
    own = [sampled is not None and bool(sampled[int(row)]) for row in ROW]
    likelihood = [0.0 if o else v for o, v in zip(own, view().logp.tolist(), strict=True)]
    terms = [
        mix * d - (1 - mix) * p
        for d, p in zip(token_divergences(settings.temperature), likelihood, strict=True)
    ]
    found = objective.compute_row_losses(view(sampled=sampled))
    assert found.tolist() == pytest.approx(by_row(terms), rel=1e-5, abs=1e-6)
    assert objective.skip == 4


def test_the_anchor_is_forward_kl_from_the_base_or_the_likelihood() -> None:
    expected = by_row(token_divergences())
    found = AnchorObjective(config.TrainConfig(anchor="kl")).compute_row_losses(view())
    assert found.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    found = AnchorObjective(config.TrainConfig(anchor="nll")).compute_row_losses(view())
    assert found.tolist() == pytest.approx(by_row((-view().logp).tolist()))


def test_dpo_by_hand() -> None:
    """A margin of ((-1 - -2) - (-3 - -2)) = 2 nats: -log sigmoid(2 beta)."""
    loss = dpo(numbers(-1.0), numbers(-3.0), numbers(-2.0), numbers(-2.0), 0.5)
    assert loss.tolist() == pytest.approx([math.log(1 + math.exp(-1.0))])
    pairs = replace(
        view(),
        rejected=numbers(-1.0, -2.0, -3.0, -4.0),
        rejected_row=torch.tensor([0, 1, 1, 2]),
        reference=numbers(-0.5, -0.25, -1.0, -3.0),
        rejected_reference=numbers(-2.0, -1.0, -1.0, -1.0),
    )
    rises = [a - b for a, b in zip(by_row(view().logp.tolist()), (-0.75, -1.0, -3.0), strict=True)]
    margins = [a - b for a, b in zip(rises, (1.0, -3.0, -3.0), strict=True)]
    expected = [math.log(1 + math.exp(-0.7 * margin)) for margin in margins]
    assert DpoObjective(config.TrainConfig(beta=0.7)).compute_row_losses(
        pairs
    ).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("objective", "unit", "pairs", "reference", "teacher", "own_samples", "edits"),
    [
        (SftObjective(config.TrainConfig()), "token", False, False, "", False, False),
        (DpoObjective(config.TrainConfig()), "pair", True, True, "", False, False),
        (DistillObjective(config.TrainConfig()), "token", False, False, "prompted", True, False),
        (
            AnchorObjective(config.TrainConfig(anchor="kl")),
            "token",
            False,
            False,
            "base",
            False,
            False,
        ),
        (
            AnchorObjective(config.TrainConfig(anchor="nll")),
            "token",
            False,
            False,
            "",
            False,
            False,
        ),
        (HoldObjective(config.TrainConfig(anchor="kl")), "token", True, False, "base", False, True),
        (CorrectionObjective(config.TrainConfig()), "pair", True, True, "", False, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Objective) else str(value),
)
def test_an_objective_says_what_it_needs(
    objective: Objective,
    unit: str,
    pairs: bool,
    reference: bool,
    teacher: str,
    own_samples: bool,
    edits: bool,
) -> None:
    found = (
        objective.unit,
        objective.pairs,
        objective.reference,
        objective.teacher,
        objective.supports_on_policy,
        objective.edits,
    )
    assert found == (unit, pairs, reference, teacher, own_samples, edits)
    assert objective.prior is None


@pytest.mark.parametrize(
    "kind",
    [
        SftObjective,
        DpoObjective,
        DistillObjective,
        AnchorObjective,
        HoldObjective,
        CorrectionObjective,
    ],
)
def test_an_objective_keeps_its_settings(kind: type[Objective]) -> None:
    settings = config.TrainConfig()
    assert kind(settings).settings is settings


def test_an_objective_without_memory_has_nothing_to_say() -> None:
    objective = SftObjective(config.TrainConfig())
    assert objective.observe(view()) == {}
    assert objective.after_step(1, {}, 3) == ({}, ())
    assert objective.state() == {}
    objective.restore({})
    assert objective.skip == 0


def correction(**settings: Any) -> CorrectionObjective:
    return CorrectionObjective(
        config.TrainConfig(correction=config.CorrectionLossConfig(**settings))
    )


PAIRS = ObjectiveInputs(
    2,
    numbers(-1.0, -2.0, -0.5),
    torch.tensor([0, 0, 1]),
    numbers(-3.0, -1.0, -2.0, -4.0),
    torch.tensor([0, 1, 1, 1]),
    numbers(-1.5, -2.5, -0.25),
    numbers(-2.0, -1.0, -1.0, -1.0),
    edited=flags(1, 1, 0),
    rejected_edited=flags(1, 0, 1, 1),
    numbers=(7, 3),
)


def test_a_side_without_an_edit_has_a_mean_of_zero() -> None:
    """The second correction only deletes: it has no token that counts, and no division by zero."""
    found = compute_pair_ratios(PAIRS, config.CorrectionLossConfig(per_token=True, reference=True))
    assert found.chosen.tolist() == pytest.approx([0.5, 0.0])
    assert found.rejected.tolist() == pytest.approx([-1.0, -2.0])
    assert found.edits.tolist() == [1.0, 2.0]
    found = compute_pair_ratios(PAIRS, config.CorrectionLossConfig(bound="clip", reference=False))
    assert found.chosen.tolist() == pytest.approx([-3.0, 0.0])
    assert found.rejected.tolist() == pytest.approx([-3.0, -6.0])


def test_without_a_mask_every_token_counts() -> None:
    found = compute_pair_ratios(PAIRS, config.CorrectionLossConfig(mask=False, reference=True))
    assert found.chosen.tolist() == pytest.approx([1.0, -0.25])
    assert found.rejected.tolist() == pytest.approx([-1.0, -4.0])
    assert found.edits.tolist() == [1.0, 2.0]


def test_places_are_counted_from_the_beginning_of_each_row() -> None:
    weights = desensitize_lengths(
        flags(1, 1, 1, 1, 1, 1, 1),
        torch.tensor([0, 0, 0, 1, 1, 2, 2]),
        torch.tensor([1, 2, 0]),
        0.25,
    )
    assert weights.tolist() == [1.0, 0.25, 0.25, 1.0, 1.0, 0.25, 0.25]


def test_what_is_watched_is_the_rise_and_the_amount_of_correction() -> None:
    """Row 7: rises by (0.5 + 0.5) / 2 a token; -3 - (-3) nats are left. Row 3: by -0.25; -6.5."""
    assert correction().observe(PAIRS) == {
        7: {"chosen_nats": pytest.approx(0.5), "correction_nats": pytest.approx(0.0)},
        3: {"chosen_nats": pytest.approx(-0.25), "correction_nats": pytest.approx(-6.5)},
    }
    without = correction(reference=False, watchdog=1.0, bound="logistic").observe(
        replace(PAIRS, reference=None)
    )
    assert [facts["chosen_nats"] for facts in without.values()] == [0.0, 0.0]


def seen(*nats: float) -> dict[int, dict[str, float]]:
    return {n: {"chosen_nats": v, "correction_nats": 2 * v} for n, v in enumerate(nats)}


def test_the_watchdog_is_heard_once_and_guards_while_too_many_are_below() -> None:
    objective = correction(watchdog=0.25, alpha=0.5, anchor_alpha=2.0)
    means, events = objective.after_step(1, seen(-1.0, 1.0), 4)
    assert means == {"chosen_nats": 0.0, "correction_nats": 0.0, "displaced_share": 0.25}
    assert list(events) == []
    assert objective._get_alpha() == 0.5
    means, events = objective.after_step(2, seen(-1.0, -3.0), 4)
    assert means == {"chosen_nats": -2.0, "correction_nats": -4.0, "displaced_share": 0.5}
    ((kind, facts),) = events
    assert (kind, facts) == (
        "displaced",
        {"step": 2, "displaced_share": 0.5, "pairs": 4, "alpha": 2.5},
    )
    assert objective._get_alpha() == 2.5
    assert list(objective.after_step(3, seen(-1.0, -3.0), 4)[1]) == []
    assert objective._get_alpha() == 2.5
    again = correction(watchdog=0.25, alpha=0.5, anchor_alpha=2.0)
    again.restore(objective.state())
    assert objective.state()["below"] == [0, 1]
    assert again.state() == objective.state()
    assert again._get_alpha() == 2.5
    objective.after_step(4, seen(1.0, 1.0), 4)
    assert objective._get_alpha() == 0.5


def test_the_whole_loss_is_the_bound_and_the_likelihood_of_the_correction() -> None:
    """apo_zero with beta 0.5 on r' = 1, 0 and r = -1, -4, and 0.5 of 1.5 and 0.5 nats a token."""
    found = correction(bound="apo_zero", beta=0.5, alpha=0.5).compute_row_losses(PAIRS)

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    expected = [
        1 - sigmoid(0.5) + sigmoid(-0.5) + 0.5 * 1.5,
        1 - sigmoid(0.0) + sigmoid(-2.0) + 0.5 * 0.5,
    ]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_watchdog_needs_the_reference_even_where_the_loss_does_not() -> None:
    base = {"bound": "logistic", "reference": False}
    assert correction(**base, watchdog=0.5).reference is True
    assert correction(**base, watchdog=1.0).reference is False
    assert correction(bound="logistic", reference=True, watchdog=1.0).reference is True
    assert correction(bound="logistic", prior="length").prior is not None
