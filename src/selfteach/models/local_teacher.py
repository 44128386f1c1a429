"""A teacher of this machine: a second model beside the base, often a larger one.

Where openvino samples, it alone holds the weights, and they are loaded once more only if the
teacher also judges. With both a teacher of 1.5 billion weights in float32 took 20 GB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from selfteach.models import Sampler, Scorer
from selfteach.models.engines import OPENVINO, choose_engine, choose_sampler, open_kept_sampler
from selfteach.models.fetch_default_model import get_cache_folder
from selfteach.models.hf import HfModel
from selfteach.models.kept_engine import UnloadedModel
from selfteach.models.openvino import explain_why_not_openvino, write_engine_file
from selfteach.records import Continuations, ItemScores, Prompt


def open_local_teacher(name: str, engine: str) -> tuple[Sampler, Scorer]:
    """Open a model that invents, corrects or answers beside the base.

    The engine's file stays in the cache for the next command.

    Returns:
        what samples, and what scores.

    Raises:
        UsageError: no such model, an unsafe one, or an engine that does not know it.
    """
    folder = get_cache_folder() / "engine"
    kept = open_kept_sampler(name, None, engine, folder)
    if kept is None:
        loaded = HfModel.load(name)
        name_of_engine, _ = choose_engine(loaded, engine)
        if name_of_engine != OPENVINO or explain_why_not_openvino(loaded):
            return choose_sampler(loaded, engine).sampler, loaded
        write_engine_file(loaded, folder)
        del loaded  # before openvino takes as much
        kept = open_kept_sampler(name, None, OPENVINO, folder)
        assert kept is not None, "the file was written"
    return kept, ScorerOnDemand(kept.unloaded)


class ScorerOnDemand:
    """Score with a model whose weights are loaded when they are first needed.

    Attributes:
        weights: the loaded model, or None.
    """

    def __init__(self, model: UnloadedModel) -> None:
        self.name = model.name
        self.fingerprint = model.fingerprint
        self.encode = model.tokens.encode
        self.encode_answer = model.tokens.encode_answer
        self._context_tokens = model.context_tokens
        self.weights: HfModel | None = None

    def room_tokens(self, prompt: Prompt) -> int:
        """Return as `HfModel.room_tokens`."""
        return self._context_tokens - len(self.encode(prompt))

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """Yield as `Scorer.stream_scores`."""
        yield from self._load().stream_scores(items)

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Return as `Scorer.embed`. Shapes: float32 (len(prompts), D)."""
        return self._load().embed(prompts)

    def release_memory(self) -> None:
        """Free the weights until the next score."""
        self.weights = None

    def _load(self) -> HfModel:
        self.weights = self.weights or HfModel.load(self.name)
        return self.weights
