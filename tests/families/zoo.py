"""Tiny random models of many families: 2 to 4 layers, hidden size 64 or less, no network.

Each entry names a model type of transformers and how its configuration differs from `SHAPE`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from conftest import tiny_tokenizer
from selfteach.models.hf import HfModel
from selfteach.models.tokens import ChatTokenizer
from switches import SEED

TOKENIZER = tiny_tokenizer()
SHAPE: dict[str, Any] = {
    "vocab_size": len(TOKENIZER),
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
    "bos_token_id": TOKENIZER.bos_token_id,
    "eos_token_id": TOKENIZER.eos_token_id,
    "pad_token_id": TOKENIZER.pad_token_id,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
MAMBA = {
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_n_groups": 1,
    "mamba_d_state": 8,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
    "mamba_chunk_size": 16,
}
GATED_DELTA = {
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 4,
}
WINDOW = 16
SMALL_GEMMA4 = {
    "vocab_size_per_layer_input": len(TOKENIZER),
    "hidden_size_per_layer_input": 8,
    "global_head_dim": 8,
    "layer_types": ["sliding_attention", "full_attention"],
}


@dataclass(frozen=True)
class Family:
    """One row of the table: a model type, and its changes to the configuration."""

    model_type: str
    changes: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()


ZOO: dict[str, Family] = {
    "llama": Family("llama"),
    "qwen2": Family("qwen2"),
    "qwen3": Family("qwen3"),
    "phi3": Family("phi3"),
    "glm": Family("glm"),
    "glm4": Family("glm4"),
    "cohere": Family("cohere", {"logit_scale": 0.3}),
    "olmo2": Family("olmo2"),
    "granite": Family(
        "granite",
        {
            "logits_scaling": 4.0,
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.5,
            "attention_multiplier": 0.2,
        },
    ),
    "smollm3": Family("smollm3"),
    "ministral3": Family("ministral3"),
    "apertus": Family("apertus"),
    "seed_oss": Family("seed_oss"),
    "hunyuan_v1_dense": Family("hunyuan_v1_dense"),
    "ernie4_5": Family("ernie4_5"),
    "nanochat": Family("nanochat"),
    "opt": Family("opt", {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    "falcon": Family("falcon", without=("head_dim",)),
    "gpt_neox": Family("gpt_neox"),
    "mixtral": Family("mixtral", {"num_local_experts": 4}),
    "qwen2_moe": Family("qwen2_moe", {**EXPERTS, "shared_expert_intermediate_size": 16}),
    "qwen3_moe": Family("qwen3_moe", EXPERTS),
    "mistral window": Family("mistral", {"sliding_window": WINDOW}),
    "starcoder2 window": Family("starcoder2", {"sliding_window": WINDOW}),
    "gemma3_text window": Family("gemma3_text", {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}),
    "ministral window": Family("ministral", {"sliding_window": WINDOW}),
    "gemma": Family("gemma"),
    "gemma2": Family(
        "gemma2",
        {"query_pre_attn_scalar": 8, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0, "sliding_window": WINDOW},
    ),
    "gemma4_text": Family("gemma4_text", {"sliding_window": WINDOW, "final_logit_softcapping": 3.0, **SMALL_GEMMA4}),
    "gpt_oss": Family("gpt_oss", {"sliding_window": WINDOW, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "olmo3": Family("olmo3", {"sliding_window": WINDOW}),
    "cohere2": Family("cohere2", {"sliding_window": WINDOW, "logit_scale": 0.3}),
    "exaone4": Family("exaone4", {"sliding_window": WINDOW, "num_hidden_layers": 4}),
    "stablelm": Family("stablelm"),
    "gptj": Family("gptj", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": 48, "rotary_dim": 4, "n_positions": 512}),
    "bloom": Family("bloom", {"n_layer": 2, "n_head": 4}),
    "mpt": Family("mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 512}),
    "gemma4": Family(
        "gemma4",
        {"text_config": {**SHAPE, "sliding_window": WINDOW, "final_logit_softcapping": 3.0, **SMALL_GEMMA4}, "vision_config": None, "audio_config": None},
    ),
    "falcon_h1": Family("falcon_h1", {**MAMBA, "mamba_d_ssm": 64, "lm_head_multiplier": 0.3}),
    "qwen3_5": Family("qwen3_5_text", {**GATED_DELTA, "num_hidden_layers": 4}),
    "qwen3_next": Family("qwen3_next", {**GATED_DELTA, **EXPERTS, "num_hidden_layers": 4, "shared_expert_intermediate_size": 16}),
    "lfm2": Family("lfm2", {"num_hidden_layers": 3, "layer_types": ["conv", "full_attention", "conv"], "block_multiple_of": 8}),
    "granitemoehybrid": Family(
        "granitemoehybrid",
        {**MAMBA, "num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": 32, "layer_types": ["mamba", "attention"]},
    ),
    "nemotron_h": Family(
        "nemotron_h",
        {"num_hidden_layers": 3, "hybrid_override_pattern": "M*-", "mamba_num_heads": 8, "mamba_head_dim": 8, "ssm_state_size": 8, "n_groups": 1, "chunk_size": 16},
    ),
    "bamba": Family("bamba", {**MAMBA, "attn_layer_indices": [1]}),
    "jamba": Family("jamba", {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1, "num_experts": 4, "use_mamba_kernels": False, "mamba_d_state": 8}),
    "mamba": Family("mamba", {"state_size": 8}),
    "mamba2": Family("mamba2", {"num_heads": 8, "head_dim": 8, "n_groups": 1, "state_size": 8, "chunk_size": 16}),
    "recurrent_gemma": Family("recurrent_gemma", {"num_hidden_layers": 3, "attention_window_size": 512, "lru_width": 32}),
    "llama4_text": Family("llama4_text", {"num_local_experts": 4, "intermediate_size_mlp": 48, "attention_chunk_size": 512, "interleave_moe_layer_step": 2}),
    "deepseek_v3": Family(
        "deepseek_v3",
        {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
         "kv_lora_rank": 16, "q_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 12, "head_dim": 8, "num_key_value_heads": 4, "n_shared_experts": 1},
    ),
    "gpt2": Family("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}),
    "gpt_bigcode": Family("gpt_bigcode", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}),
    "phi": Family("phi"),
    "gemma3": Family("gemma3", {"text_config": {**SHAPE, "sliding_window": WINDOW}, "vision_config": {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}, "mm_tokens_per_image": 4}),
}


def make_module(name: str, seed: int = 0) -> Any:
    """Return a random model of a family in float32, in which every weight has an effect."""
    family = ZOO[name]
    torch.manual_seed(seed + SEED)
    shape = {key: value for key, value in SHAPE.items() if key not in family.without}
    config = AutoConfig.for_model(family.model_type, **{**shape, **family.changes})
    try:
        module = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    except ValueError:
        module = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return module.float().eval()


def wrap(module: Any, name: str = "tiny") -> HfModel:
    """Return a module with the tokenizer of the tests."""
    return HfModel(module, ChatTokenizer(TOKENIZER), name, f"fingerprint of {name}")
