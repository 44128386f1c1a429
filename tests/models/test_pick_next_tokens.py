"""The choice of the next token, with numbers worked out by hand."""

import numpy as np
import pytest
import torch

from selfteach.models import decode
from selfteach.models.decode import filter_top_p, pick_next_tokens
from selfteach.models.pending import PendingCompletion
from selfteach.records import SamplingParams

SHARES = torch.tensor([[0.5, 0.2, 0.0, 0.3]])


def row(uniform, **sampling):
    drawn = np.array([uniform])
    return PendingCompletion("id", SamplingParams(**sampling), [1], 1, seed=0, drawn=drawn)


def test_the_uniform_number_picks_the_token_it_falls_on():
    # the ladder of shares is .5, .7, .7, 1: the third token, of share 0, is never picked
    for uniform, token in [(0.0, 0), (0.49, 0), (0.51, 1), (0.69, 1), (0.71, 3), (0.999999, 3)]:
        assert pick_next_tokens(SHARES.log(), [row(uniform)]) == [token]


def test_temperature_sharpens():
    # at temperature 1/2 shares are squared: .25, .04, 0, .09 of .38, so the ladder is .658, .763,
    # .763, 1
    for uniform, token in [(0.65, 0), (0.67, 1), (0.75, 1), (0.77, 3)]:
        assert pick_next_tokens(SHARES.log(), [row(uniform, temperature=0.5)]) == [token]


def test_a_temperature_near_zero_picks_the_best_token():
    for temperature in (1e-3, 1e-37, 1e-42):
        assert pick_next_tokens(SHARES.log(), [row(0.999, temperature=temperature)]) == [0]


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


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_the_nucleus_is_that_of_all_tokens_sorted(top_p, monkeypatch):
    """Rows from sharp to flat, with many equal shares; few of them need all tokens sorted."""
    monkeypatch.setattr(decode, "NUCLEUS_TOKENS", 64)
    scale = torch.tensor([[8.0], [4.0], [2.0], [1.0], [0.1], [0.0]])
    logits = scale * torch.randn(6, 1000, generator=torch.Generator().manual_seed(0))
    share = logits.to(torch.bfloat16).float().softmax(-1)
    ranked, order = share.sort(dim=-1, descending=True, stable=True)
    kept = ranked * (ranked.cumsum(-1) - ranked < top_p)
    wanted = torch.zeros_like(share).scatter(-1, order, kept)
    assert torch.equal(filter_top_p(share, torch.full((6,), top_p)), wanted)


def test_all_tokens_are_sorted_only_where_a_few_do_not_hold_the_nucleus(monkeypatch):
    widths = []
    keep = decode._keep_nucleus

    def watch(share, tokens, top_p):
        widths.append(tuple(tokens.shape))
        return keep(share, tokens, top_p)

    monkeypatch.setattr(decode, "_keep_nucleus", watch)
    monkeypatch.setattr(decode, "NUCLEUS_TOKENS", 4)
    flat = torch.full((1, 100), 0.01)
    sharp = torch.tensor([[0.7, 0.2] + [0.1 / 98] * 98])
    filter_top_p(torch.cat([sharp, flat]), torch.tensor([0.8, 0.8]))
    assert widths == [(2, 4), (1, 100)]


def test_many_numbers_give_the_shares():
    rows = [row(u) for u in (np.arange(1000) + 0.5) / 1000]
    counts = np.bincount(pick_next_tokens(SHARES.log().repeat(1000, 1), rows), minlength=4)
    assert counts.tolist() == [500, 200, 0, 300]
