"""Row 24: an adapter that was trained on another base is refused by its fingerprint, although its
shapes fit.
"""

import json

import pytest
import torch

from selfteach.errors import IntegrityError, UsageError
from selfteach.models.hf import HfModel
from selfteach.records import make_prompt


@pytest.fixture
def adapter(tiny, tmp_path):
    return make_adapter(tiny, tmp_path / "adapter")


def make_adapter(base, folder, rank=4):
    """A PEFT adapter with random weights, with the fingerprint of its base beside it."""
    from peft import LoraConfig, get_peft_model

    model = HfModel.load(base, dtype="float32", device="cpu")
    torch.manual_seed(3)
    worn = get_peft_model(
        model.module, LoraConfig(r=rank, target_modules="all-linear", init_lora_weights=False)
    )
    worn.save_pretrained(folder)
    (folder / "selfteach.json").write_text(json.dumps({"base_fingerprint": model.fingerprint}))
    return folder


def test_on_its_own_base_it_loads_and_is_merged_exactly(adapter, tiny):
    from peft import PeftModel

    base = HfModel.load(tiny, dtype="float32", device="cpu")
    tuned = HfModel.load(tiny, adapter=adapter, dtype="float32", device="cpu")
    ids = torch.tensor([base.encode(make_prompt("Hello"))])
    with torch.inference_mode():
        plain = base.module(ids).logits
        merged = tuned.module(ids).logits
        oracle = PeftModel.from_pretrained(base.module, adapter)(ids).logits
    torch.testing.assert_close(merged, oracle, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(merged, plain, atol=0.1)
    assert tuned.fingerprint != base.fingerprint
    assert not [name for name, _ in tuned.module.named_parameters() if "lora" in name]


def test_on_another_base_of_the_same_shape_it_is_refused(adapter, make_tiny, tmp_path):
    other = make_tiny(tmp_path / "other", seed=1)
    with pytest.raises(IntegrityError, match="another base"):
        HfModel.load(other, adapter=adapter)


def test_a_foreign_adapter_without_a_fingerprint_is_taken_with_a_note(adapter, tiny):
    (adapter / "selfteach.json").unlink()
    assert any(
        "does not name its base" in note for note in HfModel.load(tiny, adapter=adapter).notes
    )


def test_an_adapter_of_other_shapes_is_refused(adapter, make_tiny, tmp_path):
    (adapter / "selfteach.json").unlink()
    other = make_tiny(tmp_path / "other", hidden_size=32)
    with pytest.raises(UsageError, match="does not fit"):
        HfModel.load(other, adapter=adapter)


@pytest.mark.parametrize("missing", ["adapter_model.safetensors", "adapter_config.json"])
def test_half_an_adapter_is_refused(adapter, tiny, missing):
    (adapter / missing).unlink()
    with pytest.raises(UsageError, match=missing):
        HfModel.load(tiny, adapter=adapter)


def test_a_fingerprint_file_that_is_no_json_is_refused(adapter, tiny):
    (adapter / "selfteach.json").write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        HfModel.load(tiny, adapter=adapter)
