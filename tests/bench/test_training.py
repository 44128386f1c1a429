"""Both halves of the comparison with TRL run to their end, on the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("trl")

from bench import training
from selfteach.models.hf import HfModel

pytestmark = pytest.mark.training


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["sft", "dpo"])
def test_both_sides_train(
    objective: str, tiny: Path, tiny_hf: HfModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "BATCH", 2)
    found = training.compare_trainers(
        tiny_hf, str(tiny), objective, 1, training.make_examples(4), tmp_path
    )
    assert set(found) == {"ours", *training.TRL, "ratio"}
    assert all(speed > 0 for speed in found.values())


def test_a_pair_s_prompt_counts_twice(tiny_hf: HfModel) -> None:
    (row,) = training.make_examples(1)
    of_pair = training.count_row_tokens(tiny_hf, [row], "dpo")
    of_chosen = training.count_row_tokens(tiny_hf, [row], "sft")
    assert of_pair == of_chosen + len(tiny_hf.encode(row.prompt)) + len(
        tiny_hf.encode_answer(row.rejected or "", end=True)
    )
