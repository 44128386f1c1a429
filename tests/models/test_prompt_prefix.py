"""A prefix that was computed before gives the same tokens as the whole prompt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from selfteach.models.decode import DecodingBatch, PromptPrefix, read_prefix
from selfteach.models.hf import HfModel
from selfteach.models.pending import PendingCompletion, prepare_request
from selfteach.records import GREEDY, Request, make_prompt

PROMPTS = ("Rain?", "Tell me about the music of the old town.", "A rule is a rule?")
STEPS = 8


def prepare(hf: Any, *prompts: str) -> list[PendingCompletion]:
    sampling = replace(GREEDY, max_tokens=64)
    return [prepare_request(hf, Request("x", make_prompt(prompt), sampling)) for prompt in prompts]


def find_prefix(hf: Any) -> PromptPrefix:
    rows = [row.prompt_ids for row in prepare(hf, *PROMPTS)]
    count = next(i for i, ids in enumerate(zip(*rows, strict=False)) if len(set(ids)) > 1)
    assert count >= 2
    with torch.inference_mode():
        prefix = read_prefix(hf, rows[0][:count])
    assert prefix is not None
    return prefix


@torch.inference_mode()
def follow(batch: DecodingBatch) -> torch.Tensor:
    """Return the logits of some steps (STEPS, B, V)."""
    found = []
    for _ in range(STEPS):
        found.append(batch.logits)
        batch.take_tokens()
        batch.advance()
    return torch.stack(found)


def start(hf: Any, prompts: tuple[str, ...], prefix: PromptPrefix | None) -> DecodingBatch:
    with torch.inference_mode():
        return DecodingBatch.start(hf, prepare(hf, *prompts), prefix)


def test_rows_of_different_lengths_go_on_as_without_a_prefix(tiny_hf: Any) -> None:
    expected = follow(start(tiny_hf, PROMPTS, None))
    found = follow(start(tiny_hf, PROMPTS, find_prefix(tiny_hf)))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_rows_with_and_without_a_prefix_join_and_leave(tiny_hf: Any) -> None:
    expected = follow(start(tiny_hf, PROMPTS, None))
    batch = start(tiny_hf, PROMPTS[1:], find_prefix(tiny_hf))
    with torch.inference_mode():
        batch.join(start(tiny_hf, PROMPTS[:1], None))
        batch.keep([2, 0])
    found = follow(batch)
    torch.testing.assert_close(found, expected[:, [0, 1]], rtol=1e-3, atol=1e-3)


def test_a_prompt_that_begins_otherwise_or_ends_there_has_no_such_prefix(tiny_hf: Any) -> None:
    prefix = find_prefix(tiny_hf)
    (row,) = prepare(tiny_hf, PROMPTS[0])
    assert prefix.starts(row)
    assert not prefix.starts(replace(row, prompt_ids=list(prefix.ids)))
    assert not prefix.starts(replace(row, prompt_ids=[0, *row.prompt_ids]))


def test_a_window_of_attention_has_no_prefix(make_tiny: Any, tmp_path: Path) -> None:
    folder = make_tiny(tmp_path / "window", family="mistral", sliding_window=16)
    hf = HfModel.load(folder, dtype="float32", device="cpu")
    with torch.inference_mode():
        assert read_prefix(hf, [1, 2, 3, 4]) is None
