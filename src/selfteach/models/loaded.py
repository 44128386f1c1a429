"""What drawing and scoring need of a loaded model: weights, tokenizer and limits.

`models/hf.py` has the class that all of this is true of. The functions of `decode.py` and
`score.py`, the engines and plug-ins ask for the protocol only, so that no import points back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn

from selfteach.models.tokens import ChatTokenizer
from selfteach.records import Prompt


class LoadedModel(Protocol):
    """A causal language model in memory, with its tokenizer."""

    module: nn.Module
    """The transformers model, or a module that wraps it."""
    tokens: ChatTokenizer
    """Text to token ids and back."""
    tokenizer: Any
    """The tokenizer of transformers behind `tokens`."""
    name: str
    """What the user called the model."""
    fingerprint: str
    """The digest of the weights, the tokenizer and the configuration."""
    end_ids: set[int]
    """The tokens that end an answer."""

    def encode(self, prompt: Prompt) -> list[int]:
        """Return the token ids of a prompt, with the header of the answer to come."""
        ...

    def encode_answer(self, text: str, end: bool = True) -> list[int]:
        """Return the token ids of an answer; with `end`, followed by the end of the turn."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """What the products are computed in."""
        ...

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        ...

    @property
    def worn(self) -> bool:
        """Whether an adapter sits on the module as hooks, which no other engine can draw with."""
        ...
