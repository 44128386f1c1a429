"""Models: one interface, drawing and scoring apart.

A `Sampler` answers requests; a `Scorer` gives log-probabilities of given texts and embeds prompts.
Engines: `openvino` (draws on CPU), `hf` (draws anywhere, scores, trains), `endpoint` (any
OpenAI-compatible server), `scripted` (tests and documentation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from selfteach.records import Completion, Continuations, ItemScores, LogProb, Prompt, Request

if TYPE_CHECKING:
    import numpy as np


class Sampler(Protocol):
    """Answers requests."""

    name: str

    @property
    def fingerprint(self) -> str:
        """What the weights behind the name are: a digest, the same wherever they are."""
        ...

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yields one draw for each request as it is finished, in any order; a draw's id is
        `request.id(fingerprint)`.

        The same request gives the same draw, whatever else is drawn with it.
        """
        ...


class Scorer(Protocol):
    """Gives log-probabilities."""

    name: str

    @property
    def fingerprint(self) -> str:
        """What the weights behind the name are: a digest, the same wherever they are."""
        ...

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """Yields (item id, one `LogProb` for each text), in any order."""
        ...

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Mean last hidden state over each prompt's own tokens (not the template's), float32
        (len(prompts), D).
        """
        ...
