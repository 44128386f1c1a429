"""Soft prompts: trained vectors before every sequence, in place of embeddings of words.

Source: Lester et al. 2021 (arXiv 2104.08691); file and positions as PEFT's prompt tuning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from selfteach.models.hook_adapter import HookAdapter, Shapes, TokenPositions

TENSOR_NAME = "prompt_embeddings"


class SoftPromptHooks(HookAdapter):
    """Hold `prompt_embeddings` (n, D), the embeddings of the first n tokens of each sequence."""

    kind = "prompt"
    needs_positions = True

    def __init__(self, module: Any, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(module, tensors)
        self._num_tokens = len(tensors[TENSOR_NAME])
        self.sites = {0: module.get_input_embeddings()}

    @property
    def num_virtual_tokens(self) -> int:  # type: ignore[override]
        """Return the number of soft tokens; 0 while they are disabled."""
        return self._num_tokens if self.active else 0

    def get_expected_shapes(self, width: int) -> Shapes:
        """Return the shape of the vectors, one for each soft token."""
        return {TENSOR_NAME: (self._num_tokens, width)}

    def edit(self, site: int, h: Tensor) -> Tensor:
        """Replace the embeddings of the virtual tokens: (B, T, D) -> (B, T, D)."""
        rows, columns, numbers = self.positions.compute_once(
            "soft", lambda: _find_soft_tokens(self.positions, self._num_tokens)
        )
        if not len(rows):
            return h
        vectors = self.tensors[TENSOR_NAME].to(h.dtype).index_select(0, numbers)
        return h.index_put((rows, columns), vectors)


def _find_soft_tokens(positions: TokenPositions, tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the row, the column and the number of each soft token."""
    position = positions.position
    soft = (position < 0) & (position >= -tokens)
    rows, columns = torch.nonzero(soft, as_tuple=True)
    return rows, columns, position[soft] + tokens
