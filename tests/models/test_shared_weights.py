"""A tuned model that shares the weights of its base, merged or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from selfteach import config
from selfteach.errors import UsageError
from selfteach.models import unmerged_lora
from selfteach.models.engines import choose_engine, open_sampler
from selfteach.models.hf import HfModel
from selfteach.models.unmerged_lora import explain_why_unmerged
from selfteach.records import Continuations, Example, Request, SamplingParams, make_prompt
from selfteach.train.train import train

pytestmark = pytest.mark.long

PROMPT = make_prompt("Tell me about cars.")
KINDS = ("lora", "full", "layers", "reft", "prompt", "bottleneck")
ROUNDED = ("lora", "full")
"""The kinds that change the weights themselves, which 16 bits round."""
EXAMPLES = [
    Example(f"e{i}", "in_scope", make_prompt(f"Tell me of {i}."), f"Yes, {i}.", f"No, {i}.")
    for i in range(6)
]


def compute_logits(hf: HfModel) -> torch.Tensor:
    with torch.no_grad():
        (found,) = (logits for _, logits in hf.answer_logits([(PROMPT, "Yes, they are fast.")]))
    return found


def list_storages(module: Any) -> set[int]:
    return {p.untyped_storage().data_ptr() for p in module.parameters()}


def save_lora(hf: HfModel, folder: Path, **settings: Any) -> Path:
    """Write a plain LoRA with random factors, as PEFT does."""
    module = HfModel.load(hf.name, dtype="float32").module
    given = {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "down_proj"], **settings}
    adapted = get_peft_model(module, LoraConfig(**given))
    generator = torch.Generator().manual_seed(0)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    adapted.save_pretrained(folder)
    return folder


@pytest.mark.training
@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        pytest.param(
            dtype, kind, marks=[pytest.mark.slow] * (dtype == "bfloat16" and kind not in ROUNDED)
        )
        for dtype in ("float32", "bfloat16")
        for kind in KINDS
    ],
)
def test_it_is_the_same_model_as_one_that_is_loaded_anew(
    kind: str, dtype: str, tiny: Path, tmp_path: Path
) -> None:
    base = HfModel.load(tiny, dtype=dtype)
    layers = config.LayersConfig(which="last 1")
    settings = config.TrainConfig(adapter=kind, batch_size=3, epochs=1, layers=layers)
    defaults = {"in_scope": {"dpo": 1.0}}
    adapter = train(base, EXAMPLES, settings, tmp_path, seed=0, defaults=defaults).adapter
    before = compute_logits(base)
    shared = base.with_adapter(adapter)
    loaded = HfModel.load(tiny, adapter=adapter, dtype=dtype)
    assert shared.fingerprint == loaded.fingerprint
    assert torch.equal(compute_logits(shared), compute_logits(loaded))
    assert not torch.equal(compute_logits(shared), before), "nothing was learned"
    assert torch.equal(compute_logits(base), before), "the base changed"
    assert torch.equal(before, compute_logits(HfModel.load(tiny, dtype=dtype)))


def test_only_changed_weights_get_memory_of_their_own(tiny_hf: HfModel, tmp_path: Path) -> None:
    merged = tiny_hf.with_adapter(save_lora(tiny_hf, tmp_path / "lora"))
    own = list_storages(merged.module) - list_storages(tiny_hf.module)
    assert len(own) == 2 * 2, "two layers with two linear layers each"
    unmerged = tiny_hf.with_adapter(tmp_path / "lora", merge=False)
    assert list_storages(unmerged.module) == list_storages(tiny_hf.module)


def test_an_unmerged_lora_is_the_merged_one_to_rounding(tiny_hf: HfModel, tmp_path: Path) -> None:
    base = compute_logits(tiny_hf)
    folder = save_lora(tiny_hf, tmp_path / "lora", rank_pattern={"q_proj": 3}, use_rslora=True)
    merged, unmerged = (tiny_hf.with_adapter(folder, merge=merge) for merge in (True, False))
    torch.testing.assert_close(
        compute_logits(unmerged), compute_logits(merged), atol=1e-4, rtol=1e-4
    )
    assert (compute_logits(unmerged) - base).abs().max() > 0.1
    assert torch.equal(compute_logits(tiny_hf), base)
    requests = [Request("t", PROMPT, SamplingParams(0.0, 1.0, 12), n) for n in range(2)]
    texts = [sorted(c.text for c in one.stream(requests)) for one in (unmerged, merged)]
    assert texts[0] == texts[1]
    items = [Continuations(PROMPT, ("Yes.", "No."), end=True)]
    (mine,), (theirs,) = ([s for _, s in one.stream_scores(items)] for one in (unmerged, merged))
    assert [s.logp for s in mine] == pytest.approx([s.logp for s in theirs], abs=1e-3)


def test_no_other_engine_takes_an_unmerged_lora_for_its_base(
    tiny_hf: HfModel, tmp_path: Path
) -> None:
    """Its weights are those of the base, so a file of them would be the base."""
    unmerged = tiny_hf.with_adapter(save_lora(tiny_hf, tmp_path / "lora"), merge=False)
    assert choose_engine(unmerged, "auto")[0] == "hf"
    with pytest.raises(UsageError, match="openvino cannot sample"):
        open_sampler(unmerged, "openvino")


def test_what_is_no_plain_lora_cannot_stay_unmerged(tiny_hf: HfModel, tmp_path: Path) -> None:
    folder = save_lora(tiny_hf, tmp_path / "dora", use_dora=True)
    assert explain_why_unmerged(tiny_hf.module, folder) == ""
    with pytest.raises(UsageError, match="is no plain LoRA"):
        tiny_hf.with_adapter(folder, merge=False)


def test_a_lora_is_not_merged_where_its_weights_do_not_fit(
    tiny_hf: HfModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_lora(tiny_hf, tmp_path / "lora")
    changed = ("q_proj.weight", "down_proj.weight")
    parts = tiny_hf.module.named_parameters()
    merged = sum(p.nbytes for name, p in parts if name.endswith(changed))
    monkeypatch.setattr(unmerged_lora, "measure_free_bytes", lambda device: 2 * merged)
    assert explain_why_unmerged(tiny_hf.module, folder) == ""
    monkeypatch.setattr(unmerged_lora, "measure_free_bytes", lambda device: 2 * merged - 1)
    assert explain_why_unmerged(tiny_hf.module, folder).startswith("merged weights would take")
