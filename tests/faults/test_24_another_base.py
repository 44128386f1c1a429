"""Row 24: an adapter that was trained on another base is refused by its fingerprint, although its
shapes fit. One that does not name its base is worn whole or not at all.
"""

import copy
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from selfteach.errors import IntegrityError, UsageError
from selfteach.models.hf import HfModel
from selfteach.models.load_adapter import load_adapter
from selfteach.models.lora_layers import read_lora_layers
from selfteach.records import make_prompt


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    return make_adapter(tiny, tmp_path_factory.mktemp("whole") / "adapter")


@pytest.fixture
def adapter(whole, tmp_path):
    """A copy of the adapter, which a test may spoil."""
    return shutil.copytree(whole, tmp_path / "adapter")


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


def spoil(adapter, settings=None, rename=None, change=None):
    """Give an adapter other settings, other names of its tensors, or other numbers."""
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | (settings or {})))
    tensors = load_file(adapter / "adapter_model.safetensors")
    if rename:
        tensors = {rename(name): tensor for name, tensor in tensors.items() if rename(name)}
    if change:
        tensors = {name: change(tensor) for name, tensor in tensors.items()}
    save_file(tensors, adapter / "adapter_model.safetensors")


Q = "q_proj"
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FOREIGN = {
    "renamed": {"rename": lambda name: name.replace(Q, "query")},
    "another family's names": {"rename": lambda name: name.replace("model.layers", "h")},
    "no prefix": {"rename": lambda name: name.removeprefix("base_model.model.")},
    "a layer without tensors": {"rename": lambda name: "" if "layers.1." in name else name},
    "half a pair": {"rename": lambda name: "" if f"{Q}.lora_B" in name else name},
    "fewer targets": {"settings": {"target_modules": [Q]}},
    "targets of one layer": {"settings": {"target_modules": LINEAR, "layers_to_transform": [0]}},
    "excluded targets": {"settings": {"exclude_modules": [Q]}},
    "another rank": {"settings": {"r": 2}},
    "tokens that switch it on": {"settings": {"alora_invocation_tokens": [5]}},
    "layers twice": {"settings": {"target_modules": LINEAR, "layer_replication": [[0, 2], [0, 2]]}},
    "another start": {"settings": {"init_lora_weights": "pissa"}},
    "not finite": {"change": lambda tensor: tensor / 0},
    "alpha not finite": {"settings": {"lora_alpha": float("inf")}},
    "integers": {"change": lambda tensor: tensor.to(torch.int8)},
}


@pytest.mark.parametrize("read", [load_adapter, read_lora_layers])
@pytest.mark.parametrize("kind", FOREIGN)
def test_an_adapter_is_worn_whole_or_refused(kind, read, adapter, tiny_hf):
    """PEFT leaves out tensors without a place, and fills missing ones with its random start."""
    spoil(adapter, **FOREIGN[kind])
    module = copy.deepcopy(tiny_hf.module)
    with pytest.raises(UsageError) as refused:
        read(module, adapter)
    assert str(adapter) in str(refused.value)


def test_an_adapter_imports_no_module(adapter, tiny, tmp_path, monkeypatch):
    """PEFT imports the module that the settings of Megatron name."""
    (tmp_path / "planted_module.py").write_text("raise SystemExit('planted')")
    monkeypatch.syspath_prepend(tmp_path)
    spoil(adapter, {"megatron_config": {"a": 1}, "megatron_core": "planted_module"})
    with pytest.raises(UsageError, match="megatron_core"):
        HfModel.load(tiny, adapter=adapter)
