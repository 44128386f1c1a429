"""Weights as a GGUF file (F16 or Q8_0), which openvino-genai, llama.cpp and Ollama read.

Families: llama, qwen2, qwen3. The rows of llama's q and k projections are reordered: the format's
rotary embedding pairs neighboring numbers, and transformers pairs the two halves of a head.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from selfteach.errors import UsageError
from selfteach.files import replace_file
from selfteach.models.fetch_default_model import HUB_NAME, get_embedded_folder
from selfteach.models.resolve_model_path import find_hub_name
from selfteach.records import JsonObject

if TYPE_CHECKING:  # an engine's file is also written without torch
    from torch import Tensor

Weight = TypeVar("Weight", "Tensor", np.ndarray)
NamedWeights = Iterable[tuple[str, np.ndarray]]
"""Each weight under its name in the model, float32."""

FAMILIES = ("llama", "qwen2", "qwen3")
F16_MAX = 65504.0
ACTIVATIONS = ("silu", "swish")
"""The names of the one function that the MLPs of these families have in the format."""
QUANTS = ("f16", "q8_0")
"""The formats of the matrices. Vectors stay in float32."""
ID_TOKENIZER = (("<end>", "a", "b", "ab"), ("a b",))
"""Tokens and merges of a file whose reader is given token ids and no text. openvino-genai compiles
a file's tokenizer when it opens it: 2 s of the default model's 4 s, and nothing with this one."""
Q8_BLOCK = 32
"""The numbers that share one scale in Q8_0: a row must be a multiple of them."""
LAYER_NAMES = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTER_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def explain_why_not_gguf(module: Any, tokenizer: Any) -> str:
    """Return why this model cannot be written as GGUF, or an empty text."""
    from selfteach.models.four_bit import has_4bit
    from selfteach.models.hook_adapter import get_active_hooks

    config = module.config
    if has_4bit(module):
        return "its weights are in 4 bits"
    if mine := get_active_hooks(module):
        return f'it has a "{mine.kind}" adapter, which is no change of weights'
    if config.model_type not in FAMILIES:
        return f'the family "{config.model_type}" is not one of {", ".join(FAMILIES)}'
    if config.hidden_act not in ACTIVATIONS:
        return f'its MLPs compute "{config.hidden_act}", and those of the format "silu"'
    if (rope := config.rope_parameters["rope_type"]) != "default":
        return f'its rotary embedding is scaled ("{rope}")'
    if getattr(config, "attention_bias", False) and config.model_type != "qwen2":
        return "its attention has biases, which this family does not have in the format"
    biased = ("q_proj.bias", "k_proj.bias", "v_proj.bias") if config.model_type == "qwen2" else ()
    for name, _ in module.named_parameters():
        if name.endswith(".bias") and not name.endswith(biased):
            return f"its weights have a bias ({name}), which this family lacks in the format"
    if getattr(config, "use_sliding_window", False):
        return "it uses a sliding window"
    if _get_byte_level_bpe(tokenizer) is None:
        return "its tokenizer is not a byte-level BPE"
    return ""


def write_gguf(
    module: Any, tokenizer: Any, path: Path, quant: str = "f16", *, ids_only: bool = False
) -> Path:
    """Write a model with its tokenizer as one GGUF file, whole or not at all.

    Adapters must be merged before.

    Args:
        quant: the format of the matrices, one of QUANTS. With q8_0, a matrix whose rows do not
            divide into blocks stays in F16.
        ids_only: whether the reader is given token ids and no text. The tokenizer is then
            `ID_TOKENIZER` and not the model's.

    Raises:
        UsageError: a family, a tokenizer or a weight that the format cannot hold.
    """
    if reason := explain_why_not_gguf(module, tokenizer):
        raise UsageError(
            f"this model cannot be written as GGUF: {reason}.", cure="Sample with `--engine hf`."
        )
    num_weights = sum(weight.numel() for weight in module.parameters())
    weights = _iterate_weights(module)
    return write_weights(
        module.config, weights, num_weights, path, quant, None if ids_only else tokenizer
    )


def write_weights(
    config: Any,
    weights: NamedWeights,
    num_weights: int,
    path: Path,
    quant: str = "f16",
    tokenizer: Any = None,
) -> Path:
    """Write weights as one GGUF file, whole or not at all.

    Args:
        config: of the model, as transformers has it.
        num_weights: how many numbers they are.
        quant: as in `write_gguf`.
        tokenizer: None for a reader that is given token ids and no text.

    Raises:
        UsageError: a weight that the format cannot hold.
    """
    import gguf

    with replace_file(path, 2 * num_weights) as temporary:
        writer = gguf.GGUFWriter(temporary, config.model_type)
        _write_architecture(writer, config)
        kinds = {"f16": gguf.LlamaFileType.MOSTLY_F16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
        writer.add_file_type(kinds[quant])
        if tokenizer is None:
            _write_id_tokenizer(writer)
        else:
            _write_tokenizer(writer, tokenizer, config.vocab_size)
        for name, array in _convert_weights(config, weights):
            if quant == "q8_0" and array.ndim > 1 and array.shape[-1] % Q8_BLOCK == 0:
                q8 = gguf.GGMLQuantizationType.Q8_0
                packed = gguf.quants.quantize(array.astype(np.float32), q8)
                writer.add_tensor(name, packed, raw_dtype=q8)
            else:
                writer.add_tensor(name, array)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return path


def _write_architecture(writer: Any, config: Any) -> None:
    heads = config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_name(name_model(str(getattr(config, "_name_or_path", ""))))
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_rope_dimension_count(head_size)
    writer.add_rope_freq_base(float(config.rope_parameters["rope_theta"]))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def name_model(source: str) -> str:
    """Return the name of a model for a file that others may get: no folder of this machine.

    Args:
        source: the hub name or the folder that the model was loaded from.
    """
    if source and Path(source).expanduser().resolve() == get_embedded_folder().resolve():
        return HUB_NAME.partition("/")[2]
    return find_hub_name(source) or Path(source).name or "selfteach model"


def _get_byte_level_bpe(tokenizer: Any) -> JsonObject | None:
    """Return the fast tokenizer's description, if it is a byte-level BPE, else None."""
    if not getattr(tokenizer, "is_fast", False):
        return None
    described: JsonObject = json.loads(tokenizer.backend_tokenizer.to_str())
    byte_level = '"ByteLevel"' in json.dumps(described.get("pre_tokenizer"))
    return described if described["model"].get("type") == "BPE" and byte_level else None


def _write_tokenizer(writer: Any, tokenizer: Any, vocab_size: int) -> None:
    import gguf

    described = _get_byte_level_bpe(tokenizer)
    assert described is not None
    added = {int(t["id"]): t for t in described["added_tokens"]}
    by_id = {id: token for token, id in described["model"]["vocab"].items()} | {
        id: t["content"] for id, t in added.items()
    }
    tokens = []
    types = []
    for id in range(vocab_size):
        kind = gguf.TokenType.UNUSED if id not in by_id else gguf.TokenType.NORMAL
        if id in added:
            kind = gguf.TokenType.CONTROL if added[id]["special"] else gguf.TokenType.USER_DEFINED
        tokens.append(by_id.get(id, f"[PAD{id}]"))
        types.append(kind)
    merges = [m if isinstance(m, str) else " ".join(m) for m in described["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_get_pre_tokenizer_name(json.dumps(described["pre_tokenizer"])))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    for name in ("bos", "eos", "unk", "pad"):
        id = getattr(tokenizer, f"{name}_token_id")
        if id is not None:
            getattr(writer, f"add_{name}_token_id")(int(id))
    writer.add_add_bos_token(adds_bos(tokenizer))
    writer.add_add_space_prefix(False)
    writer.add_chat_template(tokenizer.get_chat_template())


def adds_bos(tokenizer: Any) -> bool:
    """Return whether a tokenizer puts its first token before every text."""
    return bool(tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id])


def _write_id_tokenizer(writer: Any) -> None:
    import gguf

    tokens, merges = ID_TOKENIZER
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL, *[gguf.TokenType.NORMAL] * 3])
    writer.add_token_merges(merges)
    writer.add_pad_token_id(0)


def _get_pre_tokenizer_name(pre_tokenizer: str) -> str:
    """Return the format's name for a way of splitting text into words."""
    if '"Digits"' in pre_tokenizer:
        return "smollm"
    if "\\\\p{N}{1,3}" in pre_tokenizer:
        return "llama-bpe"
    return "qwen2" if "\\\\p{N}" in pre_tokenizer else "gpt-2"


def _iterate_weights(module: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each weight of a module, float32."""
    import torch

    for name, weight in module.state_dict().items():
        yield name, weight.detach().to("cpu", torch.float32).numpy()


def _convert_weights(config: Any, weights: NamedWeights) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each weight under the format's name: vectors in float32, matrices in float16."""
    reordered = {}
    if config.model_type == "llama":
        reordered = {".q_proj.": config.num_attention_heads, ".k_proj.": config.num_key_value_heads}
    for name, weight in weights:
        if config.tie_word_embeddings and name == "lm_head.weight":
            continue
        values = weight
        for part, heads in reordered.items():
            if part in name:
                values = permute_rope_rows(values, heads)
        peak = float(np.abs(values).max())
        if not peak <= F16_MAX:
            raise UsageError(
                f"the weight {name} reaches {peak:g}, which float16 cannot hold.",
                cure="Sample with `--engine hf`.",
            )
        yield to_gguf_name(name), (values if values.ndim == 1 else values.astype(np.float16))


def permute_rope_rows(weight: Weight, heads: int) -> Weight:
    """Reorder the rows of each head from (first half, second half) to neighboring pairs.

    Shapes: (heads * 2 * n, D) -> the same; of torch or numpy.
    """
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(weight.shape)


def to_gguf_name(name: str) -> str:
    """Translate model.layers.3.mlp.up_proj.weight to blk.3.ffn_up.weight.

    Raises:
        UsageError: a weight that these families do not have.
    """
    if name in OUTER_NAMES:
        return OUTER_NAMES[name]
    head, _, rest = name.removeprefix("model.layers.").partition(".")
    stem = next((k for k in LAYER_NAMES if rest == k or rest in (f"{k}.weight", f"{k}.bias")), None)
    if not name.startswith("model.layers.") or stem is None:
        raise UsageError(
            f"the weight {name} has no place in the GGUF format.",
            cure="Merge the adapter first, or sample with `--engine hf`.",
        )
    return f"blk.{head}.{LAYER_NAMES[stem]}{rest.removeprefix(stem)}"
