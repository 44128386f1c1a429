"""Row 29: a model folder that wants to run code is refused before it is opened, and nothing runs: a
canary file would show it.
"""

import json
import pickle

import pytest

from selfteach.errors import UsageError
from selfteach.models.hf import HfModel


@pytest.fixture
def folder(make_tiny, tmp_path):
    return make_tiny(tmp_path / "model")


@pytest.fixture
def canary(folder, tmp_path):
    """Code that writes a file when it runs, as a module of the folder and as a pickle."""
    path = tmp_path / "ran"
    (folder / "modeling_evil.py").write_text(f"open({str(path)!r}, 'w')\nclass Evil: pass\n")

    class Evil:
        def __reduce__(self):
            return open, (str(path), "w")

    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    return path


def put(path, **keys):
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_remote_code_is_refused(folder, canary, file):
    put(
        folder / file,
        auto_map={
            "AutoModelForCausalLM": "modeling_evil.Evil",
            "AutoConfig": "modeling_evil.Evil",
            "AutoTokenizer": ["modeling_evil.Evil", None],
        },
    )
    with pytest.raises(UsageError, match="needs code"):
        HfModel.load(folder)
    assert not canary.exists()


def test_a_pickle_alone_is_refused_and_beside_safetensors_it_is_not_read(folder, canary):
    HfModel.load(folder)
    assert not canary.exists()
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="pickle"):
        HfModel.load(folder)
    assert not canary.exists()


def test_an_index_that_points_to_a_pickle_reads_nothing(folder, canary):
    (folder / "model.safetensors").rename(folder / "model-00001.safetensors")
    weights = {"model.norm.weight": "pytorch_model.bin"}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": weights})
    )
    with pytest.raises(UsageError, match=r"pytorch_model\.bin"):
        HfModel.load(folder)
    assert not canary.exists()


@pytest.mark.parametrize(
    "key", ["attn_implementation", "_attn_implementation", "_attn_implementation_internal"]
)
@pytest.mark.parametrize(
    "value", ["somebody/attention", "somebody/attention:flash", {"": "somebody/attention"}]
)
def test_an_attention_kernel_from_elsewhere_is_refused(folder, key, value):
    put(folder / "config.json", **{key: value})
    with pytest.raises(UsageError, match="attention kernel"):
        HfModel.load(folder)


def test_the_same_deep_inside_is_refused_too(folder, canary):
    put(
        folder / "config.json",
        text_config={"deeper": [{"auto_map": {"AutoModel": "modeling_evil.Evil"}}]},
    )
    with pytest.raises(UsageError, match="needs code"):
        HfModel.load(folder)
    assert not canary.exists()


def test_an_adapter_with_code_is_refused(tiny, tmp_path):
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"auto_map": {"AutoModel": "x.Y"}}))
    with pytest.raises(UsageError, match="needs code"):
        HfModel.load(tiny, adapter=tmp_path)


def test_damaged_files_are_usage_errors(folder):
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(UsageError, match="cannot be loaded"):
        HfModel.load(folder)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(UsageError, match="not JSON"):
        HfModel.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        HfModel.load(folder)
