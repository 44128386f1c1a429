"""The bench of random models runs to its end, and its models have the shapes that it names."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("trl")

from bench import random_models, training
from selfteach.models.hf import HfModel

pytestmark = pytest.mark.training


@pytest.mark.long
def test_each_part_has_a_figure(
    tiny_hf: HfModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(random_models, "make_model", lambda size, device: tiny_hf)
    monkeypatch.setattr(random_models, "BATCH", 2)
    monkeypatch.setattr(training, "BATCH", 2)
    given = ["--device", "cpu", "--rows", "4", "--tokens", "4", "--steps", "1", "--side", "64"]
    found = random_models.main(given)
    assert all(figure > 0 for figure in found.values())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]).keys() == found.keys()


@pytest.mark.parametrize(("size", "billions"), [("1b", 1.07), ("8b", 7.18)])
def test_the_shapes_are_those_of_known_models(size: str, billions: float) -> None:
    """The published sizes less the embeddings, with a head of another vocabulary."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        shape: Any = random_models.SIZES[size]
        module = LlamaForCausalLM(LlamaConfig(vocab_size=random_models.VOCABULARY, **shape))
    found = random_models.count_layer_weights(module) / 1e9
    assert found == pytest.approx(billions, rel=0.01)
