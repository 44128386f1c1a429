"""Models: one interface for sampling and one for scoring.

A `Sampler` answers requests; a `Scorer` gives log-probabilities of given texts and embeds prompts.
Engines: `openvino` (samples on a CPU), `hf` (samples anywhere, scores, trains), `paged` (samples in
pages of keys and values), `ray_actors` (a cluster), `remote` (servers).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from selfteach.records import Completion, Continuations, ItemScores, Prompt, Request

if TYPE_CHECKING:
    import numpy as np


class Sampler(Protocol):
    """Answer requests."""

    name: str

    @property
    def fingerprint(self) -> str:
        """Return the digest of the weights behind the name, the same on every machine."""
        ...

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield one completion for each request as it is finished, in any order.

        Its id is `request.id(fingerprint)`. The same request gives the same completion, whatever
        the other requests are.
        """
        ...


class Scorer(Protocol):
    """Compute log-probabilities and embeddings."""

    name: str

    @property
    def fingerprint(self) -> str:
        """Return the digest of the weights behind the name, the same on every machine."""
        ...

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """Yield (item id, one `LogProb` for each text), in any order."""
        ...

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Return the mean last hidden state of each prompt: float32 (len(prompts), D).

        The mean is over the prompt's own tokens, without those of the chat template.
        """
        ...
