"""The GGUF file read back by transformers must be the model that was written."""

import pytest
import torch

from selfteach.errors import UsageError
from selfteach.models.hf import HfModel
from selfteach.models.write_gguf import permute_rope_rows, to_gguf_name, write_gguf


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": False}),
        ("qwen2", {}),
        ("qwen3", {"head_dim": 128}),
    ],
)
def test_what_is_written_is_read_back(family, config, make_tiny, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = HfModel.load(
        make_tiny(tmp_path / "model", family=family, **config), dtype="float32", device="cpu"
    )
    write_gguf(model.module, model.tokenizer, tmp_path / "tiny.gguf")
    again = AutoModelForCausalLM.from_pretrained(
        tmp_path,
        gguf_file="tiny.gguf",
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    )
    ids = torch.tensor([model.encode("Tell me about elephants.")])
    with torch.inference_mode():
        torch.testing.assert_close(
            again(ids).logits, model.module(ids).logits, atol=0.02, rtol=0.02
        )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, gguf_file="tiny.gguf")
    assert (
        tokenizer("Tell me about elephants.<|im_end|>")["input_ids"]
        == model.tokenizer("Tell me about elephants.<|im_end|>")["input_ids"]
    )
    assert tokenizer.chat_template == model.tokenizer.chat_template


def test_the_rows_of_a_head_become_pairs():
    # one head of four rows: halves (0, 1) and (2, 3) become the pairs (0, 2) and (1, 3)
    assert permute_rope_rows(torch.arange(4.0)[:, None], heads=1).flatten().tolist() == [0, 2, 1, 3]


def test_names():
    assert to_gguf_name("model.layers.3.mlp.up_proj.weight") == "blk.3.ffn_up.weight"
    assert to_gguf_name("model.layers.12.self_attn.q_proj.bias") == "blk.12.attn_q.bias"
    with pytest.raises(UsageError, match="Merge the adapter"):
        to_gguf_name("model.layers.3.mlp.up_proj.lora_A.weight")


def test_a_family_or_a_weight_that_the_format_cannot_hold(make_tiny, tmp_path):
    granite = HfModel.load(
        make_tiny(tmp_path / "g", family="granite"), dtype="float32", device="cpu"
    )
    with pytest.raises(UsageError, match="granite"):
        write_gguf(granite.module, granite.tokenizer, tmp_path / "g.gguf")
    relu = HfModel.load(make_tiny(tmp_path / "r", hidden_act="relu"), dtype="float32", device="cpu")
    with pytest.raises(UsageError, match='its MLPs compute "relu", and those of the format "silu"'):
        write_gguf(relu.module, relu.tokenizer, tmp_path / "r.gguf")
    llama = HfModel.load(make_tiny(tmp_path / "l"), dtype="float32", device="cpu")
    with torch.no_grad():
        llama.module.model.layers[0].mlp.up_proj.weight[0, 0] = 1e6
    with pytest.raises(UsageError, match="float16"):
        write_gguf(llama.module, llama.tokenizer, tmp_path / "l.gguf")
    assert not list(tmp_path.glob("**/*.tmp"))
    assert not list(tmp_path.glob("*.gguf"))
