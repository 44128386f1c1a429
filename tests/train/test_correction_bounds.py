"""The bounds of `correction`: numbers worked out by hand, the signs of their gradients, and what
ten times the steps do to a toy.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from pairs import Toy, make_objective, make_pair_view, make_random_view

from margins import assert_at_least, assert_at_most
from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import UsageError
from selfteach.train.objectives.correction import (
    apo_zero,
    clip,
    desensitize_lengths,
    hinge,
    logistic,
    nll,
    unbounded,
)

pytestmark = pytest.mark.long

BOUNDED = ["clip", "hinge", "logistic", "apo_zero"]


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def test_unbounded_is_the_amount_of_correction() -> None:
    """r' = 2, r = -1: -(2 - -1) = -3; and a thousand nats further it is a thousand nats lower."""
    torch.testing.assert_close(
        unbounded(numbers(2.0, 2.0), numbers(-1.0, -1001.0)), numbers(-3.0, -1003.0)
    )


def test_clip_stops_at_its_floor() -> None:
    """c = 2 nats, 3 edited tokens: the floor is -6. r = -1 counts whole: -1 - 2 = -3; r = -10
    counts as -6: -6 - 2 = -8.
    """
    torch.testing.assert_close(
        clip(numbers(2.0, 2.0), numbers(-1.0, -10.0), numbers(-6.0, -6.0)), numbers(-3.0, -8.0)
    )


def test_hinge_is_zero_beyond_its_margin() -> None:
    """m = 1, beta = 1/2: D = 1 leaves 1 - 1/2 = 1/2; D >= 2 leaves nothing; D = -2 costs 2."""
    torch.testing.assert_close(
        hinge(numbers(1.0, 2.0, 5.0, -2.0), 0.5, 1.0), numbers(0.5, 0.0, 0.0, 2.0)
    )


def test_logistic_of_a_margin() -> None:
    """D = 0: ln 2 = 0.6931472. beta D = 1.5: ln(1 + e^-1.5) = 0.2014133. With m = 1.5 that is ln 2
    again.
    """
    torch.testing.assert_close(logistic(numbers(0.0, 3.0), 0.5), numbers(0.6931472, 0.2014133))
    torch.testing.assert_close(logistic(numbers(3.0), 0.5, 1.5), numbers(0.6931472))


def test_apo_zero_is_one_at_the_base_and_between_zero_and_two() -> None:
    """At r' = r = 0: 1 - 1/2 + 1/2 = 1. beta = 1, r' = ln 3, r = -ln 3: 1 - 3/4 + 1/4 = 1/2. Far
    off it is 0, or 2.
    """
    far = 1e4
    found = apo_zero(
        numbers(0.0, math.log(3), far, -far), numbers(0.0, -math.log(3), -far, far), 1.0
    )
    torch.testing.assert_close(found, numbers(1.0, 0.5, 0.0, 2.0))


def test_the_likelihood_is_a_mean_over_the_whole_correction() -> None:
    """p = 1/2, 1/8 in the first row: (ln 2 + 3 ln 2) / 2 = 2 ln 2 = 1.3862944; p = 1/4 in the
    second: the same.
    """
    logp = numbers(0.5, 0.125, 0.25).log()
    torch.testing.assert_close(nll(logp, torch.tensor([0, 0, 1]), 2), numbers(1.3862944, 1.3862944))


def test_tokens_beyond_the_shorter_answer_count_less() -> None:
    """Rows of 3 and 2 counted tokens (one is masked); the other answers have 2 and 5: so only the
    third of the first row counts for .25.
    """
    counted = torch.tensor([True, True, True, True, False, True])
    row = torch.tensor([0, 0, 0, 1, 1, 1])
    torch.testing.assert_close(
        desensitize_lengths(counted, row, torch.tensor([2, 2]), 0.25),
        numbers(1.0, 1.0, 0.25, 1.0, 0.0, 1.0),
    )


GRADIENTS: list[tuple[dict[str, Any], float, float, float, float]] = [
    # settings, r', r, dL/dr', dL/dr
    ({"bound": "none", "allow_unbounded": True}, 0.0, 0.0, -1.0, 1.0),
    ({"bound": "none", "allow_unbounded": True}, 3.0, -100.0, -1.0, 1.0),  # never decays
    ({"bound": "clip", "clip_nats": 2.0}, 0.0, -1.0, -1.0, 1.0),
    ({"bound": "clip", "clip_nats": 2.0}, 0.0, -2.5, -1.0, 0.0),
    ({"bound": "hinge", "beta": 0.5}, 0.5, 0.0, -0.5, 0.5),
    ({"bound": "hinge", "beta": 0.5}, 2.0, -1.0, 0.0, 0.0),
    ({"bound": "logistic", "beta": 0.5}, 0.0, 0.0, -0.25, 0.25),
    ({"bound": "apo_zero", "beta": 0.5}, 0.0, 0.0, -0.125, 0.125),
    ({"bound": "apo_zero", "beta": 0.5}, 100.0, 0.0, 0.0, 0.125),  # each arm by itself
    (
        {"bound": "apo_zero", "beta": 0.5, "alpha": 0.25},
        100.0,
        100.0,
        -0.25,
        0.0,
    ),  # NLL pulls where the bound no longer does
]


@pytest.mark.parametrize(("settings", "r1", "r0", "expected", "expected_other"), GRADIENTS, ids=str)
def test_the_correction_rises_and_the_answer_sinks(
    settings: dict[str, Any], r1: float, r0: float, expected: float, expected_other: float
) -> None:
    view, chosen, rejected = make_pair_view(r1, r0)
    make_objective(**settings).compute_row_losses(view).sum().backward()
    torch.testing.assert_close(
        (chosen.grad, rejected.grad),
        (numbers(expected), numbers(expected_other)),
        atol=1e-6,
        rtol=1e-5,
    )


def by_hand(view: Any, i: int, s: dict[str, Any]) -> float:
    """One pair's loss in plain Python."""
    sides = []
    for logp, base, row, edited in (
        (view.logp, view.reference, view.row, view.edited),
        (view.rejected, view.rejected_reference, view.rejected_row, view.rejected_edited),
    ):
        places = [t for t in range(len(row)) if int(row[t]) == i]
        whole = [float(logp[t].detach()) for t in places]
        edits = [t for t in places if bool(edited[t])]
        used = edits if s.get("mask", True) else places
        sides.append(
            (
                whole,
                [
                    float(logp[t].detach()) - (float(base[t]) if s.get("reference", True) else 0.0)
                    for t in used
                ],
                len(edits),
            )
        )
    shared = min(len(values) for _, values, _ in sides)
    beyond = s.get("ld_alpha", 1.0)
    r1, r0 = (sum(v[:shared]) + beyond * sum(v[shared:]) for _, v, _ in sides)
    if s.get("per_token"):
        r1 = r1 / len(sides[0][1])
        r0 = r0 / len(sides[1][1])
    beta = s.get("beta", 0.5)
    lead = s.get("prior_weight", 1.0) * float(view.prior[i]) if s.get("prior") else 0.0
    lead = lead if s.get("prior_as", "factor") == "factor" else -lead
    if s.get("bound") in ("hinge", "logistic"):
        r1 = r1 + lead / 2
        r0 = r0 - lead / 2
    weight = 1.0 if s.get("bound") == "logistic" else 2 / (1 + math.exp(beta * lead))
    gap = r1 - r0
    floor = -s.get("clip_nats", 2.0) * (1 if s.get("per_token") else sides[1][2])
    loss = {
        "none": lambda: r0 - r1,
        "clip": lambda: max(r0, floor) - r1,
        "hinge": lambda: max(0.0, s.get("margin", 1.0) - beta * gap),
        "logistic": lambda: math.log1p(math.exp(s.get("margin", 0.0) - beta * gap)),
        "apo_zero": lambda: 1 - 1 / (1 + math.exp(-beta * r1)) + 1 / (1 + math.exp(-beta * r0)),
    }[s.get("bound", "apo_zero")]()
    return weight * loss - s.get("alpha", 0.0) * sum(sides[0][0]) / len(sides[0][0])


MORE: list[dict[str, Any]] = [
    {},
    {"alpha": 0.7},
    {"mask": False},
    {"per_token": True},
    {"ld_alpha": 0.3},
    {"ld_alpha": 0.0, "mask": False, "beta": 0.7},
]
SHAPES = [{**more, "bound": bound} for bound in ["none", *BOUNDED] for more in MORE]
SHAPES += [
    {"bound": bound, "reference": False, "per_token": True, "beta": 2.0} for bound in BOUNDED[:-1]
]
SHAPES += [{"bound": bound, "margin": 0.4, "beta": 1.3} for bound in ("hinge", "logistic")]
SHAPES += [
    {"bound": bound, "prior": "length", "prior_as": use, "prior_weight": 0.8, "beta": 0.6}
    for bound in BOUNDED
    for use in ("factor", "margin")
]
SHAPES += [
    {"bound": "clip", "clip_nats": 0.2},
    {"bound": "clip", "clip_nats": 0.2, "per_token": True},
]


@pytest.mark.parametrize("settings", SHAPES, ids=str)
def test_every_form_equals_plain_python(settings: dict[str, Any]) -> None:
    view = make_random_view(
        prior=torch.tensor([-3.0, 2.0, 0.0, 1.0, -0.5, 4.0]) if "prior" in settings else None
    )
    found = make_objective(
        **settings, allow_unbounded=settings["bound"] == "none"
    ).compute_row_losses(view)
    assert found.tolist() == pytest.approx(
        [by_hand(view, i, settings) for i in range(view.rows)], rel=1e-5, abs=1e-6
    )


def test_the_prior_is_a_factor_of_the_corrected_probability() -> None:
    """P = pi l with log l(y') - log l(y) = 2 nats and w = 1/2: D = 0 counts as 1 nat, as the
    margin -1 nat. beta = 1, logistic: ln(1 + e^-1) = 0.3132617 and ln(1 + e) = 1.3132617. apo_zero
    is 1 there and weighs the pair by 2 sigmoid(-1) = .5378828 and 2 sigmoid(1) = 1.4621172; hinge
    (m = 1) is 0 and 2, with the same weights.
    """
    expected = {
        "logistic": (0.3132617, 1.3132617),
        "apo_zero": (0.5378828, 1.4621172),
        "hinge": (0.0, 2.9242343),
    }
    for bound, values in expected.items():
        for use, value in zip(("factor", "margin"), values, strict=True):
            view, _, _ = make_pair_view(0.0, 0.0)
            view = replace(view, prior=numbers(2.0))
            settings = {"bound": bound, "prior": "length", "prior_as": use, "prior_weight": 0.5}
            found = make_objective(**settings, beta=1.0).compute_row_losses(view)
            torch.testing.assert_close(found.detach(), numbers(value))


def measure_balanced_pull(bound: str, lead: float, use: str) -> tuple[float, float]:
    """Return by how much a step raises a's and b's log-probability at the base, where l prefers a
    by `lead` nats, and each answer is once the correction of the other.
    """
    pulls = [0.0, 0.0]
    for sign, places in ((1, (0, 1)), (-1, (1, 0))):
        view, chosen, rejected = make_pair_view(0.0, 0.0)
        view = replace(view, prior=numbers(sign * lead))
        settings = {"bound": bound, "prior": "length", "prior_as": use}
        make_objective(**settings).compute_row_losses(view).sum().backward()
        pulls[places[0]] -= float(chosen.grad)
        pulls[places[1]] -= float(rejected.grad)
    return pulls[0], pulls[1]


@pytest.mark.parametrize("bound", BOUNDED)
def test_a_prior_acts_on_balanced_pairs_in_every_bound(bound: str) -> None:
    """The pairs cancel without a prior. As a margin it raises the answer that l prefers and lowers
    the other; as a factor it does the opposite; twice as many nats do more.
    """
    assert measure_balanced_pull(bound, 0.0, "margin") == pytest.approx((0.0, 0.0), abs=1e-7)
    weak, strong = (measure_balanced_pull(bound, lead, "margin") for lead in (0.5, 1.0))
    assert strong[0] > weak[0] > 1e-3
    assert strong[1] < weak[1] < -1e-3
    turned = measure_balanced_pull(bound, 1.0, "factor")
    assert turned == pytest.approx((-strong[0], -strong[1]), abs=1e-6)


@pytest.mark.parametrize("bound", BOUNDED)
def test_a_pair_that_the_prior_decides_needs_less_of_the_model(bound: str) -> None:
    """The gradient on y' shrinks where l already prefers y', and grows with the reversed margin.

    The pair starts at D = 1, within the margin of the hinge.
    """
    pulls = []
    for use, lead in (("factor", 8.0), ("factor", 0.0), ("margin", 8.0)):
        view, chosen, _ = make_pair_view(1.0, 0.0)
        view = replace(view, prior=numbers(lead))
        settings = {"bound": bound, "prior": "length", "prior_as": use, "beta": 0.5}
        make_objective(**settings).compute_row_losses(view).sum().backward()
        pulls.append(-float(chosen.grad))
    with_factor, without, with_margin = pulls
    assert with_factor < without < with_margin


@pytest.mark.training
@pytest.mark.parametrize("bound", BOUNDED)
def test_ten_times_the_steps_do_not_break_a_bounded_loss(bound: str) -> None:
    """What is taught stays above the base, and the weights have all but stopped: four times the
    way at most, not ten.
    """
    once, long = (Toy().teach(make_objective(bound=bound, beta=1.0), steps) for steps in (50, 500))
    assert_at_most("norm", long["norm"], 4 * once["norm"])
    assert_at_least("chosen, nats", long["chosen_nats"], 0)
    assert_at_most("drift, nats", long["drift_nats"], 30)


@pytest.mark.training
def test_the_unbounded_loss_diverges() -> None:
    """Ten times the steps: ten times as far, the other contexts ruined, and the corrections
    themselves far below the base.
    """
    once, long = (
        Toy().teach(make_objective(bound="none", allow_unbounded=True), steps)
        for steps in (100, 1000)
    )
    assert_at_most("loss at first", once["loss"], 0)
    assert_at_most("loss", long["loss"], 5 * once["loss"])
    assert_at_least("norm", long["norm"], 5 * once["norm"])
    assert_at_least("drift, nats", long["drift_nats"], 40)
    assert_at_least("chosen at first, nats", once["chosen_nats"], 0)
    assert_at_most("chosen, nats", long["chosen_nats"], -5)


def test_none_is_refused_without_the_word_for_it() -> None:
    with pytest.raises(UsageError, match=r"set train\.correction\.allow_unbounded=true"):
        resolve(FeedbackConfig, sets=["train.correction.bound=none"])
    allowed = resolve(
        FeedbackConfig,
        sets=["train.correction.bound=none"],
        options={"train.correction.allow_unbounded": True},
    )
    assert allowed.config.train.correction.bound == "none"


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["bound=apo_zero", "reference=false"], "needs reference=true"),
        (["bound=clip", "margin=1"], "has no margin"),
        (["bound=none", "allow_unbounded=true", "prior=length"], "adds a constant"),
        (["prior=start"], "needs the first words"),
        (["prior=length", "prior_start=Yes"], "no other prior reads them"),
        (["prior=classifier", 'prior_for=["a"]'], "at least 8 texts"),
        (["prior=length", 'prior_for=["a"]'], "only the prior classifier"),
        (["bound=bounded"], "bound"),
    ],
)
def test_settings_without_effect_are_refused(sets: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve(FeedbackConfig, sets=[f"train.correction.{item}" for item in sets])
