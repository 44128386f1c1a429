"""A model that follows a script: for tests and documentation. No weights, no waiting, the same
interface.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

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

Script = Callable[[Request], str] | Mapping[str, str]


class Scripted:
    """Draws from a function of the request, or from a table by the last user turn; scores with a
    function of (prompt, text).
    """

    def __init__(
        self,
        script: Script,
        score: Callable[[Prompt, str], float] | None = None,
        name: str = "scripted",
    ) -> None:
        self.name, self.fingerprint = name, f"scripted-{name}"
        self._script, self._score = script, score or (lambda prompt, text: -float(len(text)))
        self.asked: list[Request] = []

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """As `Drawer.draw`; tokens are words."""
        for request in requests:
            self.asked.append(request)
            text = (
                self._script(request)
                if callable(self._script)
                else self._script[get_user_text(request.prompt)]
            )
            words = text.split(" ")
            cut = " ".join(words[: request.sampling.max_tokens])
            kept = min((cut.split(stop)[0] for stop in request.sampling.stop), key=len, default=cut)
            finish: Literal["stop", "length"] = (
                "stop" if kept != cut or len(words) <= request.sampling.max_tokens else "length"
            )
            yield Completion(
                request.id(self.fingerprint),
                kept,
                finish,
                len(kept.split()),
                len(get_user_text(request.prompt).split()),
            )

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """As `Scorer.logp`."""
        for item in items:
            yield (
                item.id(self.fingerprint),
                tuple(
                    LogProb(self._score(item.prompt, text), max(len(text.split()), 1))
                    for text in item.texts
                ),
            )

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """As `Scorer.embed`: a bag of hashed words, 16 dimensions."""
        rows = np.zeros((len(prompts), 16), dtype=np.float32)
        for row, prompt in zip(rows, prompts, strict=True):
            for word in get_user_text(prompt).lower().split():
                row[hashlib.sha256(word.encode()).digest()[0] % 16] += 1
        return rows
