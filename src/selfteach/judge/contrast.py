"""The `contrast` judge: is the answer more likely with the words in the prompt, or without them?

value = mean_t log p(y_t | x) - mean_t log p(y_t | words, x), nats a token; higher = more like an
unprompted answer, the kind that was criticized. This is the likelihood ratio of answers with and
without the words, the best test of which of the two an answer comes from. The judge does not know
whether the words in the prompt have the intended effect; if they have none, it is at chance.

Source: Neyman and Pearson's lemma; the reward of self-distillation with context (arXiv 2601.20802)
is the same ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfteach.judge import Judge, PromptAnswer
from selfteach.judge.setup import JudgeSetup
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import (
    Continuations,
    JsonMapping,
    JsonObject,
    LogProb,
    Message,
    Prompt,
    make_prompt,
)

MAX_WORDS = 80
"""Words of an answer that are scored."""


class ContrastJudge:
    """Score answers by how much less likely the words in the prompt make them."""

    name = "contrast"

    def __init__(self, scorer: Scorer, words: str) -> None:
        self._scorer = scorer
        self._words = words

    @classmethod
    def list_candidates(cls, setup: JudgeSetup) -> list[Judge]:
        """Return the judge of a criticism; a rule is judged by other means."""
        return [cls(setup.scorer, setup.words)] if setup.form == "criticism" else []

    def describe(self) -> JsonObject:
        """Return the words, for a record."""
        return {"words": self._words}

    @classmethod
    def from_record(cls, record: JsonMapping, scorer: Scorer, open_teacher: object) -> Judge:
        """Return the judge of a record."""
        return cls(scorer, str(record["words"]))

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        """Return nats a token; 0 for an empty answer. Only the first MAX_WORDS words count."""
        read = [(prompt, " ".join(answer.split(" ")[:MAX_WORDS])) for prompt, answer in pairs]
        full = [(prompt, text) for prompt, text in read if text.strip()]
        items = [Continuations(to_messages(prompt), (text,)) for prompt, text in full]
        items += [Continuations(append_words(p, self._words), (text,)) for p, text in full]
        scores = score_in_order(self._scorer, items)
        both = zip(scores[: len(full)], scores[len(full) :], strict=True)
        values = iter([compare_scores(plain, prompted) for plain, prompted in both])
        return [next(values) if text.strip() else 0.0 for _, text in read]


def compare_scores(plain: Sequence[LogProb], prompted: Sequence[LogProb]) -> float:
    """Return nats a token; infinity (criticized) where a score is missing."""
    if not plain or not prompted:
        return math.inf
    return plain[0].token_logp - prompted[0].token_logp


def to_messages(prompt: Prompt) -> tuple[Message, ...]:
    """Return the prompt as a conversation."""
    return make_prompt(prompt) if isinstance(prompt, str) else prompt


def append_words(prompt: Prompt, words: str) -> tuple[Message, ...]:
    """Return the conversation with the words after the question.

    In a system message they hardly affect the embedded model.
    """
    *before, last = to_messages(prompt)
    return (*before, Message(last.role, f"{last.content} ({words})"))
