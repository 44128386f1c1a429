"""The initial values of a soft prompt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from selfteach.config import PromptConfig
from selfteach.errors import UsageError
from selfteach.train.adapters.adapter import EncodeText
from selfteach.train.distributed import gather_shards


@torch.no_grad()
def init_prompt_embeddings(
    module: Any, settings: PromptConfig, seed: int, encode: EncodeText | None
) -> Tensor:
    """Return initial vectors (tokens, D) float32: the embeddings of a text (repeated or cut to
    length), of random words, or noise as large as these. They are what the model's layers get,
    after the factor of families that scale their embeddings.

    Source: Lester et al. 2021, section 3.2; PEFT's TEXT, SAMPLE_VOCAB and RANDOM. Departs: noise
    has the embeddings' mean and spread. PEFT's is standard normal, ten times as large on small
    models.

    Raises:
        UsageError: a text is configured and none is given.
    """
    part = module.get_input_embeddings()
    words = gather_shards(part.weight)

    def embed(ids: Tensor) -> Tensor:
        given = (ids.to(words.device),)
        return functional_call(part, {"weight": words}, given).float().cpu()  # type: ignore[no-any-return]

    generator = torch.Generator().manual_seed(seed)
    if settings.start == "noise":
        every = embed(torch.arange(words.shape[0]))
        noise = torch.randn(settings.tokens, words.shape[1], generator=generator)
        return noise * every.std(0) + every.mean(0)
    if settings.start == "vocabulary":
        ids = torch.randint(0, words.shape[0], (settings.tokens,), generator=generator)
    else:
        found = list(encode(settings.text)) if encode and settings.text.strip() else []
        if not found:
            raise UsageError(
                "a soft prompt that starts as a text needs one.",
                where="train.prompt",
                cure="Set train.prompt.text.",
            )
        ids = torch.tensor((found * (1 + settings.tokens // len(found)))[: settings.tokens])
    return embed(ids)
