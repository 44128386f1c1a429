"""`nli`: an entailment model as the judge of contradiction (`--nli MODEL`). Any sequence classifier
whose configuration names its labels.

P(s contradicts b) = exp(l_contradiction) / (exp(l_contradiction) + exp(l_entailment)), with premise
b and hypothesis s; a neutral label is left out. Models with two labels ("entailment",
"not_entailment") give P(not_entailment).

Source: SelfCheckGPT (arXiv 2303.08896), its variant with an entailment model, as Self-Learning-llm
(arXiv 2406.11275) uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfteach.errors import UsageError
from selfteach.judge.contradiction import AnswerComparison, ConsistencyJudge
from selfteach.judge.setup import KnowledgeSetup
from selfteach.models import Scorer, check_safety
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations, LogProb, Prompt, get_user_text

BATCH_TOKENS = 4096
"""Tokens that are computed at once; a token is counted as three characters."""


class NliModel:
    """Wrap a sequence classifier as a `Scorer`: log P(text contradicts prompt).

    So the ledger records its scores like all others.
    """

    def __init__(self, module: Any, tokenizer: Any, name: str, fingerprint: str) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self._module = module.eval()
        self._tokenizer = tokenizer
        self._against, self._for = find_label_order(module.config.id2label, name)
        self._longest = min(
            int(getattr(module.config, "max_position_embeddings", 0) or 512),
            int(tokenizer.model_max_length),
            4096,
        )

    @staticmethod
    def load(name_or_folder: str) -> NliModel:
        """Load a folder or a hub name.

        Raises:
            UsageError: no such model, one that must not be opened, or one whose labels do not name
            contradiction.
        """
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        from selfteach.models.resolve_model_path import resolve_model_folder

        folder: Path = resolve_model_folder(name_or_folder)
        config = check_safety.check_model_folder(folder)
        find_label_order(
            {int(k): str(v) for k, v in (config.get("id2label") or {}).items()}, name_or_folder
        )
        module = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        return NliModel(module, tokenizer, name_or_folder, check_safety.compute_fingerprint(folder))

    def stream_scores(
        self, items: Sequence[Continuations]
    ) -> Iterator[tuple[str, tuple[LogProb, ...]]]:
        """Yield scores: the prompt is the premise, each text a hypothesis of one "token"."""
        flat = [(get_user_text(item.prompt), text) for item in items for text in item.texts]
        values = iter(self._logps(flat))
        for item in items:
            yield item.id(self.fingerprint), tuple(LogProb(next(values), 1) for _ in item.texts)

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Refuse to embed: this model only judges.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.name} judges; it embeds nothing.")

    def _logps(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        import torch

        found = [0.0] * len(pairs)
        for group in self._groups(pairs):
            encoded = self._tokenizer(
                [pairs[i][0] for i in group],
                [pairs[i][1] for i in group],
                truncation="longest_first",
                max_length=self._longest,
                padding=len(group) > 1,
                return_tensors="pt",
            ).to(self._module.device)
            with torch.inference_mode():
                logits = self._module(**encoded).logits.float()
            both = logits[:, [self._against, self._for]].log_softmax(-1)
            for i, value in zip(group, both[:, 0].tolist(), strict=True):
                found[i] = float(value)
        return found

    def _groups(self, pairs: Sequence[tuple[str, str]]) -> Iterator[list[int]]:
        """Yield indices by length, for at most 3 * BATCH_TOKENS characters at once.

        There is one index at a time if the tokenizer cannot pad.
        """
        lengths = [len(a) + len(b) for a, b in pairs]
        group: list[int] = []
        for i in sorted(range(len(pairs)), key=lengths.__getitem__):
            if group and (
                self._tokenizer.pad_token_id is None
                or (len(group) + 1) * lengths[i] > 3 * BATCH_TOKENS
            ):
                yield group
                group = []
            group.append(i)
        if group:
            yield group


def find_label_order(labels: Mapping[int, str], name: str) -> tuple[int, int]:
    """Return the places of contradiction and entailment among a model's labels.

    Raises:
        UsageError: the labels do not name them.
    """
    words = {
        int(i): str(label).lower().replace("-", "_").replace(" ", "_")
        for i, label in labels.items()
    }
    entails = [i for i, word in words.items() if word.startswith("entail")]
    against = [i for i, word in words.items() if word.startswith("contradict")]
    against = against or [
        i
        for i, word in words.items()
        if word in ("not_entailment", "non_entailment", "not_entailed")
    ]
    if len(entails) != 1 or len(against) != 1:
        shown = ", ".join(map(repr, list(words.values())[:6]))
        raise UsageError(
            f"its labels ({shown}) do not say which is contradiction.",
            where=name,
            cure=(
                'Use an entailment model whose config.json names "entailment" and '
                '"contradiction" in id2label.'
            ),
        )
    return against[0], entails[0]


class NliJudge(ConsistencyJudge):
    """Judge with an entailment model, or with its `Recorded`."""

    name = "nli"

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    @classmethod
    def explain_unavailable(cls, setup: KnowledgeSetup) -> str:
        """Return why the judge cannot be built, or an empty text."""
        return "" if setup.nli else "the judge nli needs a model"

    @classmethod
    def build(cls, setup: KnowledgeSetup) -> NliJudge:
        """Load the entailment model, and return the judge that asks it.

        Raises:
            UsageError: no model is named for it.
        """
        if reason := cls.explain_unavailable(setup):
            raise UsageError(
                f"{reason}.", where="select.nli", cure="Set select.nli to an entailment model."
            )
        return cls(setup.record(NliModel.load(setup.nli)))

    def probabilities(self, pairs: Sequence[AnswerComparison]) -> list[float]:
        """Return P(sentence contradicts the other answer), with the question before both."""
        items = [Continuations(f"{q} {b}", (f"{q} {s}",)) for q, s, b in pairs]
        return [float(np.exp(score.logp)) for (score,) in score_in_order(self._scorer, items)]
