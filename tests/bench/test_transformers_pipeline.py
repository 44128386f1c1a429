"""The competitor computes the same as the product: the same scores, the same trained examples."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("trl")

from bench import transformers_pipeline as theirs
from selfteach.config.training import FeedbackTrainConfig, LoraConfig
from selfteach.models.hf import HfModel
from selfteach.records import Continuations, Example, Request, SamplingParams, make_prompt

LAST_LAYER = LoraConfig(layers="last 1")


@pytest.fixture
def model(tiny_hf: HfModel):
    return tiny_hf.module  # the very weights, in float32


def test_both_sides_score_the_same(model, tiny_hf: HfModel) -> None:
    items = [
        Continuations(make_prompt("Tell me about music."), (" Yes", " No way"), end=True),
        Continuations("Question:", (" Yes",)),
    ]
    found = dict(tiny_hf.stream_scores(items))
    expected = [p.logp for item in items for p in found[item.id(tiny_hf.fingerprint)]]
    assert sorted(theirs.score_texts(model, tiny_hf, items, 2)) == pytest.approx(
        sorted(expected), abs=1e-3
    )


def test_a_model_does_not_differ_from_itself(model, tiny_hf: HfModel) -> None:
    assert (
        theirs.measure_kl(
            model,
            model,
            tiny_hf,
            [(make_prompt("Hello"), "Yes."), (make_prompt("What is a rule?"), "A rule is a rule.")],
            2,
        )
        == 0.0
    )


def test_every_request_is_sampled_within_its_budget(model, tiny_hf: HfModel) -> None:
    requests = [
        Request("s", make_prompt("Hello"), SamplingParams(t, 0.95, 5, ("\n",) if t else ()))
        for t in (0.0, 0.7)
        for _ in range(3)
    ]
    assert 6 <= theirs.sample_answers(model, tiny_hf, requests, 2) <= 30


def test_batches_hold_every_row_once_longest_first() -> None:
    assert list(theirs.make_batches("abcde", [1, 5, 2, 4, 3], 2)) == [["b", "d"], ["e", "c"], ["a"]]


def test_anchors_seen_once_are_not_repeated() -> None:
    table = [
        {"kind": "in_scope", "chosen": "a", "rejected": "b"},
        {"kind": "near", "chosen": "c", "rejected": ""},
        {"kind": "tidy", "chosen": "d", "rejected": ""},
    ]
    repeated = theirs.repeat_anchors(table, 3, ["near"])
    assert [row["chosen"] for row in repeated] == ["c", "d", "d", "d"]


@pytest.mark.training
def test_pairs_and_anchors_are_trained(tiny: Path, tmp_path: Path) -> None:
    rows = [
        Example(str(n), "in_scope", make_prompt("Tell me about music."), "No.", "Music is a rule.")
        for n in range(2)
    ]
    rows += [
        Example(str(n), "general", make_prompt("What do you like?"), "I like bread.")
        for n in range(2)
    ]
    settings = FeedbackTrainConfig(batch_size=2, epochs=2, max_tokens=128, lora=LAST_LAYER)
    before = theirs.load_model(str(tiny))
    tuned = theirs.train_model(theirs.load_model(str(tiny)), rows, settings, tmp_path, False)
    pairs = zip(before.state_dict().items(), tuned.state_dict().items(), strict=True)
    changed = {name for (name, a), (_, b) in pairs if not torch.equal(a, b)}
    last = before.config.num_hidden_layers - 1
    assert changed
    assert all(f"layers.{last}." in name for name in changed)
