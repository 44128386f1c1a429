"""The `contrast` judge: would the model rather say this with the words in its prompt, or without
them?

value = mean_t log p(y_t | x) - mean_t log p(y_t | words, x), nats a token; higher = more like what
is said unprompted, which is what was criticised. Between answers with and without the words this is
the likelihood ratio, the best test there is of which of the two an answer comes from. Whether the
words in the prompt do what their writer meant, it does not know; where they do nothing, it is at
chance.

Source: Neyman and Pearson's lemma; the reward of self-distillation with context (arXiv 2601.20802)
is the same ratio.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.judge import Judge, PromptAnswer
from selfteach.judge.setup import JudgeSetup
from selfteach.models import Scorer
from selfteach.records import Continuations, Message, Prompt, make_prompt

MAX_WORDS = 80


class ContrastJudge:
    """Values answers by how much less likely the words in the prompt make them."""

    name = "contrast"

    def __init__(self, scorer: Scorer, words: str) -> None:
        self._scorer, self._words = scorer, words

    @classmethod
    def list_candidates(cls, setup: JudgeSetup) -> list[Judge]:
        """Return the judge of a criticism; a rule is judged by other means."""
        return [cls(setup.scorer, setup.words)] if setup.form == "criticism" else []

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        """Nats a token; 0 for an empty answer. Reads the first MAX_WORDS words."""
        read = [(prompt, " ".join(answer.split(" ")[:MAX_WORDS])) for prompt, answer in pairs]
        sides = [
            [Continuations(ask(prompt), (text,)) for prompt, text in read if text.strip()]
            for ask in (to_messages, self._append_words)
        ]
        found = dict(self._scorer.stream_scores([item for side in sides for item in side]))
        scores = [
            [found[item.id(self._scorer.fingerprint)][0].token_logp for item in side]
            for side in sides
        ]
        gaps = iter([without - told for without, told in zip(*scores, strict=True)])
        return [next(gaps) if text.strip() else 0.0 for _, text in read]

    def _append_words(self, prompt: Prompt) -> Prompt:
        return append_words(prompt, self._words)


def to_messages(prompt: Prompt) -> tuple[Message, ...]:
    """The prompt as a conversation."""
    return make_prompt(prompt) if isinstance(prompt, str) else prompt


def append_words(prompt: Prompt, words: str) -> tuple[Message, ...]:
    """The same with the words after the question. In a system message the embedded model hardly
    heeds them.
    """
    *before, last = to_messages(prompt)
    return (*before, Message(last.role, f"{last.content} ({words})"))
