"""The protocol of a loaded model, as sampling and scoring need it.

`models/hf.py` has the class that implements it. The functions of `decode.py` and `score.py`, the
engines and plug-ins use the protocol only, so that no import points back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn

from selfteach.models.tokens import ChatTokenizer
from selfteach.records import Prompt


class LoadedModel(Protocol):
    """Represent a causal language model in memory, with its tokenizer."""

    module: nn.Module
    """The transformers model, or a module that wraps it."""
    tokens: ChatTokenizer
    """Text to token ids and back."""
    tokenizer: Any
    """The tokenizer of transformers behind `tokens`."""
    name: str
    """The user's name of the model."""
    fingerprint: str
    """The digest of the weights, the tokenizer and the configuration."""
    end_ids: set[int]
    """The tokens that end an answer."""

    def encode(self, prompt: Prompt) -> list[int]:
        """Return the token ids of a prompt, with the header of the answer to come."""
        ...

    def encode_answer(self, text: str, end: bool = True, after: Prompt = "") -> list[int]:
        """Return the token ids of an answer; with `end`, followed by the end of the turn."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""
        ...

    @property
    def device(self) -> torch.device:
        """Return the device of the weights."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the weights."""
        ...

    @property
    def context_tokens(self) -> int:
        """Return the number of tokens that prompt and answer may have together."""
        ...
