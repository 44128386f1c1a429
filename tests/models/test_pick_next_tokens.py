"""The choice of the next token, with numbers worked out by hand."""

import numpy as np
import torch

from selfteach.models.decode import filter_top_p, pick_next_tokens
from selfteach.models.pending import PendingCompletion
from selfteach.records import SamplingParams

SHARES = torch.tensor([[0.5, 0.2, 0.0, 0.3]])


def row(uniform, **sampling):
    return PendingCompletion("id", SamplingParams(**sampling), [1], 1, np.array([uniform]))


def test_the_uniform_number_picks_the_token_it_falls_on():
    # the ladder of shares is .5, .7, .7, 1: the third token, of share 0, is never picked
    for uniform, token in [(0.0, 0), (0.49, 0), (0.51, 1), (0.69, 1), (0.71, 3), (0.999999, 3)]:
        assert pick_next_tokens(SHARES.log(), [row(uniform)]) == [token]


def test_temperature_sharpens():
    # at temperature 1/2 shares are squared: .25, .04, 0, .09 of .38, so the ladder is .658, .763,
    # .763, 1
    for uniform, token in [(0.65, 0), (0.67, 1), (0.75, 1), (0.77, 3)]:
        assert pick_next_tokens(SHARES.log(), [row(uniform, temperature=0.5)]) == [token]


def test_greedy_rows_ignore_their_number_beside_warm_ones():
    assert pick_next_tokens(SHARES.log().repeat(2, 1), [row(0.99, temperature=0.0), row(0.99)]) == [
        0,
        3,
    ]


def test_the_nucleus_is_the_smallest_set_that_reaches_top_p():
    assert filter_top_p(SHARES, torch.tensor([0.4])).tolist() == [[0.5, 0.0, 0.0, 0.0]]
    assert torch.allclose(
        filter_top_p(SHARES, torch.tensor([0.6])), torch.tensor([[0.5, 0.0, 0.0, 0.3]])
    )
    assert torch.allclose(filter_top_p(SHARES, torch.tensor([0.9])), SHARES)


def test_many_numbers_give_the_shares():
    rows = [row(u) for u in (np.arange(1000) + 0.5) / 1000]
    counts = np.bincount(pick_next_tokens(SHARES.log().repeat(1000, 1), rows), minlength=4)
    assert counts.tolist() == [500, 200, 0, 300]
