"""Rows join a batch in the place of those that have ended, and change nothing but the steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfteach.models import decode
from selfteach.models.decode import DecodingBatch
from selfteach.models.hf import HfModel
from selfteach.records import Request, SamplingParams, make_prompt

ROWS = 4
REQUESTS = [
    Request(
        "t",
        make_prompt(f"Tell me of {'it ' * (n % 5)}{n // 2}."),
        SamplingParams(float(n % 2), 1.0, 16 if n % 4 == 0 else 2 + n % 3),
    )
    for n in range(36)
]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows at each step."""
    found: list[int] = []
    advance = DecodingBatch.advance

    def count(self: DecodingBatch) -> None:
        found.append(len(self.rows))
        advance(self)

    monkeypatch.setattr(DecodingBatch, "advance", count)
    monkeypatch.setitem(decode.MAX_ROWS, "cpu", ROWS)
    return found


def sample(hf: HfModel) -> dict[str, str]:
    found = [(one.id, one.text) for one in hf.stream(REQUESTS)]
    assert len(found) == len(REQUESTS)
    return dict(found)


def test_the_same_answers_in_fewer_steps(
    tiny_hf: HfModel, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    refilled, few = sample(tiny_hf), list(steps)
    steps.clear()
    monkeypatch.setattr(decode, "FREE_SHARE", 2.0)
    assert sample(tiny_hf) == refilled
    assert max(few) <= ROWS
    assert sum(few) == sum(steps), "each row takes its own steps"
    assert len(few) < 0.8 * len(steps), (len(few), len(steps))


def test_a_family_with_a_window_is_sampled_in_whole_batches(
    make_tiny: Any, tmp_path: Path, steps: list[int]
) -> None:
    folder = make_tiny(tmp_path / "tiny", family="mistral", sliding_window=16)
    hf = HfModel.load(folder, dtype="float32")
    refilled = sample(hf)
    decode.MAX_ROWS["cpu"] = 64
    assert sample(hf) == refilled


@pytest.mark.long
def test_where_joining_takes_too_much_memory_nothing_is_lost(
    tiny_hf: HfModel, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sample(tiny_hf)
    join = DecodingBatch.join
    failures = [MemoryError(), None, MemoryError()]

    def fail(self: DecodingBatch, other: DecodingBatch) -> None:
        if failures and (fault := failures.pop()):
            raise fault
        join(self, other)

    monkeypatch.setattr(DecodingBatch, "join", fail)
    assert sample(tiny_hf) == whole
    assert not failures


def test_the_head_multiplies_contiguous_states(tiny_hf: HfModel) -> None:
    """Else torch multiplies them with one copy of a frozen head for each row."""
    found: list[bool] = []
    head: Any = tiny_hf.module.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, args: found.append(args[0].is_contiguous()))
    sample(tiny_hf)
    hook.remove()
    assert found
    assert all(found)
