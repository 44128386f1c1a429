"""A model that follows a script: for tests and documentation. It has no weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from selfteach.records import (
    Completion,
    Continuations,
    ItemScores,
    LogProb,
    Prompt,
    Request,
    get_user_text,
)
from selfteach.text import cut_at_stop

Script = Callable[[Request], str] | Mapping[str, str]


class Scripted:
    """Answer and score with functions instead of weights.

    Args:
        script: a function of the request, or a table by the last user turn.
        score: a function of (prompt, text), in nats; by default minus the length in characters.

    Attributes:
        asked: all requests so far.
    """

    def __init__(
        self,
        script: Script,
        score: Callable[[Prompt, str], float] | None = None,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.fingerprint = f"scripted-{name}"
        self._script = script
        self._score = score or (lambda prompt, text: -float(len(text)))
        self.asked: list[Request] = []

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield as `Sampler.stream`; tokens are words."""
        for request in requests:
            self.asked.append(request)
            prompt = get_user_text(request.prompt)
            text = self._script(request) if callable(self._script) else self._script[prompt]
            words = text.split(" ")
            limit = request.sampling.max_tokens
            cut = " ".join(words[:limit])
            kept = cut_at_stop(cut, request.sampling.stop)
            yield Completion(
                request.id(self.fingerprint),
                kept,
                "stop" if kept != cut or len(words) <= limit else "length",
                len(kept.split()),
                len(prompt.split()),
            )

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """Yield as `Scorer.stream_scores`."""
        for item in items:
            scores = (
                LogProb(self._score(item.prompt, text), max(len(text.split()), 1))
                for text in item.texts
            )
            yield item.id(self.fingerprint), tuple(scores)

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Return a bag of hashed words of each prompt: (len(prompts), 16)."""
        rows = np.zeros((len(prompts), 16), dtype=np.float32)
        for row, prompt in zip(rows, prompts, strict=True):
            for word in get_user_text(prompt).lower().split():
                row[hashlib.sha256(word.encode()).digest()[0] % 16] += 1
        return rows
