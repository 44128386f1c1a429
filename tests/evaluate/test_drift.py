"""Drift and the proof of the base, with logits worked out by hand and with a real (tiny) model."""

import math

import numpy as np
import pytest
import torch

from selfteach.errors import IntegrityError
from selfteach.evaluate.drift import (
    _compare_logits,
    check_base_logits,
    compute_drift,
    compute_probe_logits,
)
from selfteach.records import make_prompt


class Table:
    """Logits by answer: words "0", "1", ... are the tokens; the end of turn is token 0."""

    def __init__(self, rows, order=None):
        self.rows = rows
        self.order = order

    def answer_logits(self, pairs):
        for i in self.order or range(len(pairs)):
            yield i, torch.tensor(self.rows[i], dtype=torch.float32)

    def encode_answer(self, text, end=True):
        return [int(word) for word in text.split()] + [0] * end


def log(*probabilities):
    return [math.log(p) for p in probabilities]


def test_by_hand():
    # token 1 then the end: base (.25 .75), (.5 .5); tuned (.5 .5), (.5 .5)
    # KL of the first = .25 ln .5 + .75 ln 1.5 = .13081, of the second 0
    base = Table([[log(0.25, 0.75), log(0.5, 0.5)]])
    tuned = Table([[log(0.5, 0.5), log(0.5, 0.5)]])
    found = compute_drift(base, tuned, [(make_prompt("?"), "1")])
    assert found.tokens == 2
    assert found.kl_nats.value == pytest.approx(0.13081 / 2, abs=1e-5)
    assert found.kl_p95_nats == pytest.approx(0.95 * 0.13081, abs=1e-5)
    assert found.top1_agreement.value == 0.5  # (.5 .5) has its top at 0, the first base row at 1
    assert found.base_token_logp.value == pytest.approx((math.log(0.75) + math.log(0.5)) / 2)
    assert found.tuned_token_logp.value == pytest.approx(math.log(0.5))


def test_direction_is_from_the_base():
    one = Table([[log(0.9, 0.1)]])
    other = Table([[log(0.5, 0.5)]])
    assert compute_drift(one, other, [(make_prompt("?"), "")]).kl_nats.value == pytest.approx(
        0.9 * math.log(1.8) + 0.1 * math.log(0.2)
    )
    assert compute_drift(other, one, [(make_prompt("?"), "")]).kl_nats.value == pytest.approx(
        0.5 * math.log(5 / 9) + 0.5 * math.log(5)
    )


def test_a_cut_answer_has_no_end_of_turn():
    base = Table([[log(0.25, 0.75), log(0.5, 0.5)]])
    tuned = Table([[log(0.5, 0.5), log(0.9, 0.1)]])
    found = compute_drift(base, tuned, [(make_prompt("?"), "1")], cut=[True])
    assert found.tokens == 1
    assert found.kl_nats.value == pytest.approx(0.13081, abs=1e-5)


def test_tokens_weigh_alike_and_rows_join_by_index():
    rows = [[log(0.25, 0.75)] * 3, [log(0.5, 0.5)]]
    flat = [[log(0.5, 0.5)] * 3, [log(0.5, 0.5)]]
    pairs = [(make_prompt("a"), "1 1"), (make_prompt("b"), "")]
    found = compute_drift(Table(rows, order=[1, 0]), Table(flat, order=[1, 0]), pairs)
    assert found.kl_nats.value == pytest.approx(0.13081 * 3 / 4, abs=1e-5)
    assert found.kl_nats.n == 2
    with pytest.raises(ValueError, match="answer 1"):
        compute_drift(Table(rows, order=[1, 0]), Table(flat), pairs)


def test_nothing():
    assert compute_drift(Table([]), Table([]), []).tokens == 0


def test_the_proof_of_the_base():
    pairs = [(make_prompt("?"), "1")]
    base = Table([[[1.0, 2.0], [3.0, 4.0]]])
    kept = compute_probe_logits(base, pairs)
    assert check_base_logits(base, pairs, kept) == 0.0
    near = Table([[[1.0, 2.0], [3.0, 4.0005]]])
    assert check_base_logits(near, pairs, kept) == pytest.approx(5e-4, abs=1e-5)
    for other in ([[1.0, 2.0], [3.0, 4.1]], [[1.0, 2.0]], [[1.0, 2.0], [3.0, float("nan")]]):
        with pytest.raises(IntegrityError, match="the exam's base is not the base"):
            check_base_logits(Table([other]), pairs, kept)
    with pytest.raises(IntegrityError):
        check_base_logits(Table([]), [], [])


def test_with_a_model(tiny_hf):
    pairs = [
        (make_prompt("Tell me about cars."), "I like cars."),
        (make_prompt("What?"), "No."),
        (make_prompt("Say a rule."), "A rule is a rule; keep it."),
    ]
    same = compute_drift(tiny_hf, tiny_hf, pairs)
    assert same.kl_nats.value == 0
    assert same.top1_agreement.value == 1
    assert same.tokens == sum(len(tiny_hf.encode_answer(answer, end=True)) for _, answer in pairs)
    assert same.base_token_logp == same.tuned_token_logp
    logps = [p.logp for _, (p,) in sorted(tiny_hf.stream_scores(continuations(pairs)))]
    assert same.base_token_logp.value * same.tokens == pytest.approx(sum(logps), rel=1e-4)
    other = compute_drift(tiny_hf, Shifted(tiny_hf), pairs)
    assert other.kl_nats.value > 0.001
    assert check_base_logits(tiny_hf, pairs, compute_probe_logits(tiny_hf, pairs)) == 0


def continuations(pairs):
    from selfteach.records import Continuations

    return [Continuations(prompt, (answer,), end=True) for prompt, answer in pairs]


class Shifted:
    """The same model with one logit raised."""

    def __init__(self, model):
        self.model = model

    def answer_logits(self, pairs):
        for i, logits in self.model.answer_logits(pairs):
            logits = logits.clone()
            logits[:, 5] += 3
            yield i, logits


def test_tokens_left_out_are_not_counted():
    rows = (
        [[log(0.25, 0.75), log(0.9, 0.1), log(0.5, 0.5)]],
        [[log(0.5, 0.5), log(0.1, 0.9), log(0.5, 0.5)]],
    )
    base, tuned = map(Table, rows)
    found = compute_drift(base, tuned, [(make_prompt("?"), "1 1")], left_out=[[False, True]])
    assert found.tokens == 2
    assert found.kl_nats.value == pytest.approx(0.13081 / 2, abs=1e-5)
    assert compute_drift(base, tuned, [(make_prompt("?"), "1 1")], left_out=[[]]).tokens == 3


def test_a_token_that_no_model_can_say_is_no_drift() -> None:
    """Some models mask a part of their vocabulary: 0 * (-inf - -inf) would be nan."""
    logits = torch.tensor([[1.0, 2.0, -torch.inf], [0.0, 1.0, 2.0]])
    found = _compare_logits(logits, logits + torch.tensor([0.5, 0.0, 0.0]), torch.tensor([1, 1]))
    assert np.isfinite(found).all()
    assert (found[0] > 0).all()
