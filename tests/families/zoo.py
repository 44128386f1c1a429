"""Tiny random models of many families: 2 to 4 layers, hidden size 64 or less, no network.

Each entry names a model type of transformers and how its configuration differs from `SHAPE`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from selfteach.models.hf import HfModel
from selfteach.models.tokens import ChatTokenizer
from switches import SEED
from tiny_tokenizer import tiny_tokenizer

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


EXPERTS = {
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
LATENT = {
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 12,
    "num_key_value_heads": 4,
}
OLD_NAMES = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": 48, "n_positions": 512}
WINDOWED = {"sliding_window": WINDOW}
TURNS = {"layer_types": ["sliding_attention", "full_attention"]}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}


@dataclass(frozen=True)
class Family:
    """One row of the table: a model type, its changes to the configuration, and what works.

    Attributes:
        without: settings of SHAPE that the family does not take.
        samples: whether it can be sampled; refused otherwise.
        adapts: whether a LoRA can be trained; refused otherwise.
        packs: whether training packs rows; padded otherwise.
        solves: whether the closed form works; refused otherwise.
    """

    model_type: str
    changes: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    samples: bool = True
    adapts: bool = True
    packs: bool = True
    solves: bool = False


ZOO: dict[str, Family] = {
    "llama": Family("llama", solves=True),
    "arcee": Family("arcee", solves=True),
    "apertus": Family("apertus", solves=True),
    "biogpt": Family("biogpt"),
    "bitnet": Family("bitnet", solves=True),
    "cohere": Family("cohere", {"logit_scale": 0.3}, solves=True),
    "diffllama": Family("diffllama", solves=True),
    "ernie4_5": Family("ernie4_5", solves=True),
    "gemma": Family("gemma", solves=True),
    "glm": Family("glm", solves=True),
    "glm4": Family("glm4"),
    "gpt_bigcode": Family("gpt_bigcode", OLD_NAMES),
    "gpt_neox": Family("gpt_neox"),
    "granite": Family(
        "granite",
        {
            "logits_scaling": 4.0,
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.5,
            "attention_multiplier": 0.2,
        },
    ),
    "helium": Family("helium", solves=True),
    "hunyuan_v1_dense": Family("hunyuan_v1_dense", solves=True),
    "ministral3": Family("ministral3", solves=True),
    "nanochat": Family("nanochat"),
    "olmo": Family("olmo", solves=True),
    "olmo2": Family("olmo2"),
    "opt": Family("opt", {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    "persimmon": Family("persimmon"),
    "phi": Family("phi"),
    "phi3": Family("phi3", solves=True),
    "qwen2": Family("qwen2", solves=True),
    "qwen3": Family("qwen3", solves=True),
    "seed_oss": Family("seed_oss", solves=True),
    "smollm3": Family("smollm3", solves=True),
    # a window of attention shorter than the rows
    "cohere2": Family("cohere2", {**WINDOWED, "logit_scale": 0.3}, solves=True),
    "exaone4": Family("exaone4", {**WINDOWED, "num_hidden_layers": 4}),
    "gemma3_text": Family("gemma3_text", {**WINDOWED, **TURNS}),
    "gemma3n_text": Family(
        "gemma3n_text",
        {
            **WINDOWED,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "vocab_size_per_layer_input": len(TOKENIZER),
            "hidden_size_per_layer_input": 8,
            "laurel_rank": 4,
            "activation_sparsity_pattern": [0.0] * 4,
            "intermediate_size": [48] * 4,
        },
    ),
    "gemma4_text": Family(
        "gemma4_text", {**WINDOWED, **SMALL_GEMMA4, "final_logit_softcapping": 3.0}
    ),
    "gemma4_text, shared keys": Family(
        "gemma4_text",
        {
            **WINDOWED,
            **SMALL_GEMMA4,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
        },
    ),
    "ministral": Family("ministral", WINDOWED, solves=True),
    "mistral": Family("mistral", WINDOWED, solves=True),
    "olmo3": Family("olmo3", {**WINDOWED, **TURNS}),
    "phi3, window": Family("phi3", WINDOWED, solves=True),
    "qwen2, window": Family(
        "qwen2", {**WINDOWED, "use_sliding_window": True, "max_window_layers": 1}, solves=True
    ),
    "starcoder2": Family("starcoder2", WINDOWED),
    # mixtures of experts
    "afmoe": Family("afmoe", {**EXPERTS, **WINDOWED, "num_dense_layers": 1}),
    "dots1": Family("dots1", EXPERTS),
    "ernie4_5_moe": Family("ernie4_5_moe", {"moe_num_experts": 4, "moe_k": 2, **EXPERTS}),
    "exaone_moe": Family("exaone_moe", {**EXPERTS, **WINDOWED, "num_hidden_layers": 4}),
    "flex_olmo": Family("flex_olmo", EXPERTS),
    "glm4_moe": Family("glm4_moe", EXPERTS),
    "granitemoe": Family("granitemoe", {**EXPERTS, "logits_scaling": 2.0}),
    "hunyuan_v1_moe": Family("hunyuan_v1_moe", {**EXPERTS, "moe_topk": 2}),
    "jetmoe": Family("jetmoe", {**EXPERTS, "kv_channels": 8}),
    "mixtral": Family("mixtral", EXPERTS),
    "olmoe": Family("olmoe", EXPERTS),
    "qwen2_moe": Family("qwen2_moe", EXPERTS),
    "qwen3_moe": Family("qwen3_moe", EXPERTS),
    "solar_open": Family("solar_open", EXPERTS),
    # wrappers around a text model
    "gemma3": Family(
        "gemma3",
        {
            "text_config": {**SHAPE, **WINDOWED},
            "vision_config": VISION,
            "mm_tokens_per_image": 4,
        },
    ),
    "gemma4": Family(
        "gemma4",
        {
            "text_config": {
                **SHAPE,
                **WINDOWED,
                **SMALL_GEMMA4,
                "final_logit_softcapping": 3.0,
            },
            "vision_config": None,
            "audio_config": None,
        },
    ),
    "qwen3_5": Family(
        "qwen3_5",
        {"text_config": {**SHAPE, **GATED_DELTA, "num_hidden_layers": 4}},
        packs=False,
    ),
    # attention of its own: rows are padded
    "bloom": Family("bloom", {"n_layer": 2, "n_head": 4}, packs=False),
    "codegen": Family("codegen", {**OLD_NAMES, "rotary_dim": 4, "n_ctx": 512}),
    "deepseek_v2": Family("deepseek_v2", {**EXPERTS, **LATENT}, packs=False),
    "deepseek_v3": Family("deepseek_v3", {**EXPERTS, **LATENT}, packs=False),
    "doge": Family("doge", {"num_experts": 4}, packs=False),
    "falcon": Family("falcon", without=("head_dim",), packs=False),
    "falcon, alibi": Family("falcon", {"alibi": True}, without=("head_dim",), packs=False),
    "gemma2": Family(
        "gemma2",
        {
            **WINDOWED,
            "query_pre_attn_scalar": 8,
            "attn_logit_softcapping": 5.0,
            "final_logit_softcapping": 3.0,
        },
        packs=False,
    ),
    "gpt_neo": Family(
        "gpt_neo",
        {
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": WINDOW,
        },
        packs=False,
    ),
    "gpt_oss": Family("gpt_oss", {**EXPERTS, **WINDOWED}, packs=False),
    "gptj": Family("gptj", {**OLD_NAMES, "rotary_dim": 4}),
    "llama4_text": Family(
        "llama4_text",
        {
            **EXPERTS,
            "intermediate_size_mlp": 48,
            "attention_chunk_size": WINDOW,
            "interleave_moe_layer_step": 2,
        },
        packs=False,
    ),
    "longcat_flash": Family(
        "longcat_flash",
        {
            **EXPERTS,
            **LATENT,
            "num_layers": 2,
            "ffn_hidden_size": 48,
            "expert_ffn_hidden_size": 16,
            "zero_expert_num": 1,
            "moe_topk": 2,
        },
        packs=False,
    ),
    "mimo_v2_flash": Family("mimo_v2_flash", {**EXPERTS, **WINDOWED}, packs=False),
    "minicpm3": Family("minicpm3", LATENT, packs=False),
    "mpt": Family(
        "mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 512}, packs=False
    ),
    "nemotron": Family("nemotron", packs=False),
    "phimoe, window": Family("phimoe", {**EXPERTS, **WINDOWED}, packs=False),
    "qwen2_moe, window": Family(
        "qwen2_moe",
        {**EXPERTS, **WINDOWED, "use_sliding_window": True, "max_window_layers": 2},
        packs=False,
    ),
    "stablelm": Family("stablelm", packs=False),
    "vaultgemma": Family("vaultgemma", {**WINDOWED, "query_pre_attn_scalar": 8}, packs=False),
    "xglm": Family(
        "xglm", {"d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 48}, packs=False
    ),
    # recurrent layers beside attention: rows are padded
    "bamba": Family("bamba", {**MAMBA, "attn_layer_indices": [1]}, packs=False),
    "falcon_h1": Family(
        "falcon_h1", {**MAMBA, "mamba_d_ssm": 64, "lm_head_multiplier": 0.3}, packs=False
    ),
    "granitemoehybrid": Family(
        "granitemoehybrid",
        {
            **MAMBA,
            **EXPERTS,
            "shared_intermediate_size": 32,
            "layer_types": ["mamba", "attention"],
        },
        packs=False,
    ),
    "jamba": Family(
        "jamba",
        {
            **EXPERTS,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "mamba_d_state": 8,
        },
        packs=False,
    ),
    "lfm2": Family(
        "lfm2",
        {
            "num_hidden_layers": 3,
            "layer_types": ["conv", "full_attention", "conv"],
            "block_multiple_of": 8,
        },
        packs=False,
    ),
    "lfm2_moe": Family(
        "lfm2_moe",
        {
            **EXPERTS,
            "num_hidden_layers": 3,
            "layer_types": ["conv", "full_attention", "conv"],
            "num_dense_layers": 1,
        },
        packs=False,
    ),
    "mamba2": Family(
        "mamba2",
        {"num_heads": 8, "head_dim": 8, "n_groups": 1, "state_size": 8, "chunk_size": 16},
        packs=False,
    ),
    "nemotron_h": Family(
        "nemotron_h",
        {
            "num_hidden_layers": 3,
            "hybrid_override_pattern": "M*-",
            "mamba_num_heads": 8,
            "mamba_head_dim": 8,
            "ssm_state_size": 8,
            "n_groups": 1,
            "chunk_size": 16,
        },
        packs=False,
    ),
    "olmo_hybrid": Family("olmo_hybrid", {**GATED_DELTA, "num_hidden_layers": 4}, packs=False),
    "qwen3_5_text": Family("qwen3_5_text", {**GATED_DELTA, "num_hidden_layers": 4}, packs=False),
    "qwen3_next": Family(
        "qwen3_next",
        {**GATED_DELTA, **EXPERTS, "layer_types": ["linear_attention", "full_attention"]},
        packs=False,
    ),
    "zamba2": Family(
        "zamba2",
        {
            "num_hidden_layers": 3,
            "mamba_d_state": 8,
            "mamba_ngroups": 1,
            "n_mamba_heads": 8,
            "mamba_headdim": 8,
            "chunk_size": 16,
            "layers_block_type": ["mamba", "hybrid", "mamba"],
            "num_mem_blocks": 1,
            "attention_head_dim": 16,
            "attention_hidden_size": 64,
            "use_mem_rope": True,
        },
        packs=False,
    ),
    # refused
    "bailing_hybrid": Family("bailing_hybrid", {**EXPERTS, **LATENT}, samples=False, packs=False),
    "falcon_mamba": Family("falcon_mamba", {"state_size": 8}, samples=False, packs=False),
    "gpt2": Family("gpt2", OLD_NAMES, adapts=False),
    "mamba": Family("mamba", {"state_size": 8}, samples=False, packs=False),
    "minimax": Family("minimax", {**EXPERTS, "block_size": 16}, samples=False, packs=False),
    "recurrent_gemma": Family(
        "recurrent_gemma",
        {"num_hidden_layers": 3, "attention_window_size": 512, "lru_width": 32},
        samples=False,
        packs=False,
    ),
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


def make_table() -> str:
    """Return the table of docs/reference/families.md."""
    lines = [
        "| family | sampled, scored | trained (`lora`) | `closed_form` |",
        "| --- | --- | --- | --- |",
    ]
    for name, family in sorted(ZOO.items()):
        trained = "packed" if family.packs else "padded"
        cells = [
            name,
            "yes" if family.samples else "scored only",
            trained if family.adapts else "refused",
            "yes" if family.solves else "refused",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
