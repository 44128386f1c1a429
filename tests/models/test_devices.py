"""What sampling gives on a device: the shares of the model's own distribution, and greedily the
tokens of transformers' `generate`.

The families have their tests for every device in tests/families.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from devices import every_device
from selfteach.models.decode import pick_next_tokens, sample_pending
from selfteach.models.hf import HfModel
from selfteach.models.pending import prepare_request
from selfteach.records import Request, SamplingParams, make_prompt

PROMPTS = ("Tell me about cars.", "No.", "What do you like to eat, and why?")
NUM_DRAWS = 4000
MIN_EXPECTED = 5.0
"""The draws that a cell of the test must expect; rarer tokens share one."""
NUM_TOKENS = 32
TIE_NATS = {"float32": 1e-3, "bfloat16": 0.05}
"""How near to each other two tokens are a tie."""


@pytest.mark.parametrize("sampling", [SamplingParams(1.0, 1.0, 1), SamplingParams(0.7, 0.9, 1)])
@every_device
def test_draws_have_the_shares_of_the_model(
    sampling: SamplingParams, device: str, tiny: Path
) -> None:
    hf = HfModel.load(tiny, dtype="float32", device=device)
    prompt = make_prompt(PROMPTS[0])
    rows = [prepare_request(hf, Request("t", prompt, sampling, n)) for n in range(NUM_DRAWS)]
    with torch.no_grad():
        ids = torch.tensor([rows[0].prompt_ids], device=device)
        logits = hf.module(input_ids=ids).logits[:, -1]
    drawn = pick_next_tokens(logits.expand(NUM_DRAWS, -1), rows)
    shares = compute_shares(logits[0].double().cpu().numpy(), sampling)
    assert set(drawn) <= set(np.flatnonzero(shares))
    counts = np.bincount(drawn, minlength=len(shares))
    often = NUM_DRAWS * shares >= MIN_EXPECTED
    found = np.append(counts[often], counts[~often].sum())
    wanted = NUM_DRAWS * np.append(shares[often], shares[~often].sum())
    used = wanted > 0
    assert often.sum() > 3
    assert chisquare(found[used], wanted[used]).pvalue > 1e-3


def compute_shares(logits: Any, sampling: SamplingParams) -> Any:
    """Return the probability of each token at a temperature, within the nucleus."""
    shares = np.exp((logits - logits.max()) / sampling.temperature)
    shares /= shares.sum()
    order = np.argsort(-shares)
    before = np.cumsum(shares[order]) - shares[order]
    shares[order[before >= sampling.top_p]] = 0
    return shares / shares.sum()


@pytest.mark.parametrize("dtype", TIE_NATS)
@every_device
def test_greedy_tokens_are_those_of_generate_up_to_ties(
    dtype: str, device: str, tiny: Path
) -> None:
    hf = HfModel.load(tiny, dtype=dtype, device=device)
    greedy = SamplingParams(0.0, 1.0, NUM_TOKENS)
    rows = [prepare_request(hf, Request("t", make_prompt(text), greedy)) for text in PROMPTS]
    for _ in sample_pending(hf, rows):
        pass
    module: Any = hf.module
    for row in rows:
        prompt = torch.tensor([row.prompt_ids], device=device)
        out = module.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=NUM_TOKENS,
            do_sample=False,
            eos_token_id=sorted(hf.end_ids),
        )
        theirs = out[0, prompt.shape[1] :].tolist()
        parted = find_first_difference(row.ids, theirs)
        if parted < 0:
            continue
        with torch.no_grad():
            logps = module(input_ids=out).logits[0].float().log_softmax(-1)
        place = logps[prompt.shape[1] + parted - 1]
        gap = float(place[theirs[parted]] - place[row.ids[parted]])
        assert abs(gap) < TIE_NATS[dtype], f"token {parted} parts by {gap:.2g} nats"


def find_first_difference(mine: Sequence[int], theirs: Sequence[int]) -> int:
    """Return the place of the first token that differs, or -1."""
    assert len(mine) == len(theirs) or mine[: len(theirs)] != theirs[: len(mine)]
    pairs = enumerate(zip(mine, theirs, strict=False))
    return next((i for i, (one, other) in pairs if one != other), -1)
