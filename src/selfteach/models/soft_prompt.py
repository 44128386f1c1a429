"""Soft prompts: trained vectors that stand before every sequence, where the embeddings of words
would stand.

Source: Lester et al. 2021 (arXiv 2104.08691); file and positions as PEFT's prompt tuning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from selfteach.models.hooks import Hook, HookAdapter, TokenPositions

TENSOR_NAME = "prompt_embeddings"


class SoftPromptHooks(HookAdapter):
    """`prompt_embeddings` (n, D) in place of the embeddings of the first n tokens of each sequence."""

    kind = "prompt"
    needs_positions = True

    def __init__(self, module: Any, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(module, tensors)
        self._tokens = len(tensors[TENSOR_NAME])

    @property
    def lead(self) -> int:  # type: ignore[override]
        """The soft tokens; none while it is off."""
        return self._tokens if self.active else 0

    def get_expected_shapes(self, width: int) -> dict[str, tuple[int, ...]]:
        """One vector for each soft token."""
        return {TENSOR_NAME: (self._tokens, width)}

    def iterate_hooks(self) -> Iterator[tuple[nn.Module, Hook]]:
        """The embedding of tokens."""
        yield self.module.get_input_embeddings(), self._embed

    def _embed(self, embedded: Tensor) -> Tensor:
        rows, columns, which = self.places.once(
            "soft", lambda: _find_soft_tokens(self.places, self._tokens)
        )
        if not len(rows):
            return embedded
        return embedded.index_put(
            (rows, columns), self.tensors[TENSOR_NAME].to(embedded.dtype).index_select(0, which)
        )


def _find_soft_tokens(places: TokenPositions, tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """Row, column and number of each soft token."""
    soft = (places.position < 0) & (places.position >= -tokens)
    rows, columns = torch.nonzero(soft, as_tuple=True)
    return rows, columns, places.position[soft] + tokens
