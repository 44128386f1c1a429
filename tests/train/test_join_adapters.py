"""Two adapters as one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from tiny import Tiny

from selfteach import config
from selfteach.models.load_adapter import load_adapter
from selfteach.train.adapters.join_loras import join_loras
from selfteach.train.adapters.lora import LoraAdapter

IDS = torch.arange(3, 40)[None]


def written(folder: Path, seed: int, **settings: object) -> Path:
    """An adapter of random numbers."""
    model = Tiny()
    adapter = LoraAdapter.attach(
        model.module, config.TrainConfig(lora=config.LoraConfig(**settings)), seed=seed
    )  # type: ignore[arg-type]
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.normal_(std=0.05)
    adapter.save(folder, {"base_fingerprint": f"base-{seed}"})
    return folder


@pytest.mark.parametrize(
    "second", [{"rank": 4, "alpha": 32}, {"rank": 16, "alpha": 8, "targets": "attention"}]
)
def test_the_joined_adapter_does_what_both_do_one_after_the_other(
    tmp_path: Path, second: dict[str, object]
) -> None:
    one = written(tmp_path / "one", 1, rank=8, alpha=12)
    two = written(tmp_path / "two", 2, **second)
    both = join_loras((one, two), tmp_path / "both")
    with torch.no_grad():
        merged = PeftModel.from_pretrained(Tiny().module, one).merge_and_unload()
        expected = PeftModel.from_pretrained(merged, two)(IDS).logits
        found = PeftModel.from_pretrained(Tiny().module, both)(IDS).logits
        alone = PeftModel.from_pretrained(Tiny().module, two)(IDS).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (found - alone).abs().max() > 1e-3
    assert '"base_fingerprint": "base-1"' in (both / "selfteach.json").read_text()


def test_joined_adapters_of_more_ranks_than_the_widest_layer_has_are_loaded(tmp_path: Path) -> None:
    """The widest layer has 128 features; 80 ranks and 80 are 160."""
    folders = [written(tmp_path / str(seed), seed, rank=80) for seed in (1, 2)]
    both = join_loras(folders, tmp_path / "both")
    with torch.no_grad():
        expected = PeftModel.from_pretrained(Tiny().module, both)(IDS).logits
        found = load_adapter(Tiny().module, both)(IDS).logits
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
