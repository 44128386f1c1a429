"""A tiny random model with the attributes that training needs, without files: a replacement of
`HfModel` (models/hf.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from selfteach.records import Example, Message, Prompt, make_prompt
from switches import SEED

EOS = 2
VOCABULARY = 96


class Tiny:
    """Encode characters as tokens; a turn is a mark, its text and the end token."""

    name = "tiny"

    def __init__(self, seed: int = 0, dtype: torch.dtype = torch.float32, **changes: Any) -> None:
        key = (seed, dtype, tuple(sorted(changes.items())))
        if key not in _MADE:
            _MADE[key] = _make_module(seed, dtype, changes)
        module, state = _MADE[key]
        self.module: Any = deepcopy(module)
        torch.set_rng_state(state)
        self.fingerprint = f"tiny-{seed}"
        self.tokenizer = None
        self.context_tokens = 100_000
        self.device = torch.device("cpu")
        self.dtype = dtype

    def encode(self, prompt: Prompt) -> list[int]:
        turns: Sequence[Message] = make_prompt(prompt) if isinstance(prompt, str) else prompt
        return [t for turn in turns for t in (1, *encode_letters(turn.content), EOS)] + [1]

    def encode_answer(self, text: str, end: bool = True, after: Any = "") -> list[int]:
        return encode_letters(text) + ([EOS] if end else [])

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(decode_letter(id) for id in ids if id > EOS)


_MADE: dict[Any, tuple[LlamaForCausalLM, torch.Tensor]] = {}


def _make_module(
    seed: int, dtype: torch.dtype, changes: dict[str, Any]
) -> tuple[LlamaForCausalLM, torch.Tensor]:
    """Return a module to copy, and the state of the random numbers after it was made: a copy takes
    half the time.
    """
    torch.manual_seed(seed + SEED)
    settings = {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "initializer_range": 0.1,
    }
    module = LlamaForCausalLM(LlamaConfig(**{**settings, **changes})).to(dtype).eval()
    return module, torch.get_rng_state()


def encode_letters(text: str) -> list[int]:
    return [3 + ord(c) % (VOCABULARY - 3) for c in text]


def decode_letter(id: int) -> str:
    """Return the letter of a token: one of ASCII, from the space on."""
    code = id - 3
    return chr(code if code >= ord(" ") else code + VOCABULARY - 3)


def make_examples(count: int = 12, kind: str = "in_scope") -> list[Example]:
    """Return examples of different lengths, with rejected answers and prompts for the teacher."""
    found = []
    for i in range(count):
        prompt = f"tell me {'more ' * (i % 4)}of number {i}"
        teacher = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}]
        found.append(
            Example(
                f"e{i}",
                kind,
                make_prompt(prompt),
                f"it is {'very ' * (i % 3)}{i}",
                f"no {'never ' * (i % 5)}{i}",
                source={"teacher_prompt": teacher, "forbidden": [0, 3]},
            )
        )
    return found
