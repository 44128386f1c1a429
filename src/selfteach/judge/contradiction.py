"""Is the label consistent, and is it unknown? Four judges behind one interface, all in [0, 1] with
one meaning:

    S_L = mean over k of SC(y*, Y_c[k])   the label against draws with the document: low where it is
    consistent S_K = mean over k of SC(y*, Y_r[k])   the label against draws without it: high where
    the model does not know it SC(a, b) = mean over the sentences s of a of P(s contradicts b)

    match    P = 0 where s and b are the same answer by their words (token-F1 >= .5), else 1: the
    share outside the label's cluster prompted P = the model's own No against Yes to "do they say
    the same?", after worked examples nli      P = an entailment model's probability of
    contradiction (`--nli MODEL`, judge/nli.py): the paper's judge gain     no draws: S_L = 1 - p(y*
    | document, q), S_K = 1 - p(y* | q) / p(y* | document, q), with p the mean probability of a
    token

Every judge keeps all its K scores, so that thresholds can be changed without drawing.

Source: Self-Learning-llm (arXiv 2406.11275), the step that scores labels and knowledge; SC is
SelfCheckGPT's (arXiv 2303.08896), its variant with an entailment model. Context gain: our own.
Departs: the question stands beside both sides, because short answers are no sentences without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from selfteach.generate.answers import (
    LabelledQuestion,
    make_closed_book_prompt,
    make_open_book_prompt,
)
from selfteach.generate.few_shot_facts import WORKED_COMPARISONS
from selfteach.judge.match import SAME_F1, normalize_answer, token_f1
from selfteach.judge.setup import KnowledgeSetup
from selfteach.models import Scorer
from selfteach.records import Continuations
from selfteach.text import split_sentences


@dataclass(frozen=True, slots=True)
class KnowledgeScores:
    """A judge's K scores of one question, each in [0, 1]: `label` against draws with the document,
    `knowledge` against those without.

    `contradicted` is how much each draw without the document contradicts the label, where the judge
    can tell draws apart.
    """

    judge: str
    label: tuple[float, ...]
    knowledge: tuple[float, ...]
    contradicted: tuple[float, ...] = ()

    @property
    def s_label(self) -> float:
        """S_L; 1 where there was no draw to say otherwise."""
        return sum(self.label) / len(self.label) if self.label else 1.0

    @property
    def s_knowledge(self) -> float:
        """S_K; 0 where there was no draw to say otherwise."""
        return sum(self.knowledge) / len(self.knowledge) if self.knowledge else 0.0

    def to_json(self) -> dict[str, Any]:
        """What is stored."""
        return {
            "judge": self.judge,
            "label": self.label,
            "knowledge": self.knowledge,
            "contradicted": self.contradicted,
        }

    @staticmethod
    def from_json(row: Any) -> KnowledgeScores:
        """The inverse of `to_json`."""
        return KnowledgeScores(
            row["judge"], tuple(row["label"]), tuple(row["knowledge"]), tuple(row["contradicted"])
        )


class KnowledgeJudge(Protocol):
    """Scores whether labels are consistent and unknown. Classes of the registry's group
    `knowledge_judges` also have the class methods `why_not(setup)` and `build(setup)`.
    """

    name: str

    def scores(self, answered: Sequence[LabelledQuestion]) -> list[KnowledgeScores]:
        """One `KnowledgeScores` for each question."""
        ...


LINK_WORDS = frozenset(
    (
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "by",
        "in",
        "on",
        "at",
        "of",
        "to",
        "for",
        "from",
        "with",
        "it",
        "its",
    )
)


class ConsistencyJudge:
    """A judge that compares the label with every draw, from a word on single sentences:
    `probabilities`.
    """

    name = ""

    def probabilities(self, pairs: Sequence[tuple[str, str, str]]) -> list[float]:
        """P in [0, 1] that the sentence contradicts the other answer, for each (question, sentence,
        other answer).
        """
        raise NotImplementedError

    def scores(self, answered: Sequence[LabelledQuestion]) -> list[KnowledgeScores]:
        """As `KnowledgeJudge.scores`; every pair of sentence and draw is asked about once."""
        wanted = [(a.question.text, a.best, b) for a in answered for b in (*a.informed, *a.blind)]
        known = dict(zip(wanted, self.between(wanted), strict=True))
        return [
            KnowledgeScores(
                self.name,
                tuple(known[a.question.text, a.best, b] for b in a.informed),
                blind := tuple(known[a.question.text, a.best, b] for b in a.blind),
                blind,
            )
            for a in answered
        ]

    def between(self, pairs: Sequence[tuple[str, str, str]]) -> list[float]:
        """SC(a, b) for each (question, a, b). An `a` without words contradicts everything: it is no
        answer.
        """
        parts = [split_sentences(a) for _, a, _ in pairs]
        flat = list(
            dict.fromkeys(
                (q, s, b) for (q, _, b), own in zip(pairs, parts, strict=True) for s in own
            )
        )
        known = dict(zip(flat, self.probabilities(flat), strict=True))
        return [
            sum(known[q, s, b] for s in own) / len(own) if own else 1.0
            for (q, _, b), own in zip(pairs, parts, strict=True)
        ]


class MatchJudge(ConsistencyJudge):
    """`match`: answers are the same where they share enough words."""

    name = "match"

    @classmethod
    def why_not(cls, setup: KnowledgeSetup) -> str:
        """Return an empty text: it needs no model."""
        return ""

    @classmethod
    def build(cls, setup: KnowledgeSetup) -> MatchJudge:
        """Return the judge."""
        return cls()

    def probabilities(self, pairs: Sequence[tuple[str, str, str]]) -> list[float]:
        """0 where the answers agree, else 1. Words of the question, which every answer repeats, do
        not count unless nothing is left.
        """
        return [
            float(token_f1(remove_question_words(s, q), remove_question_words(b, q)) < SAME_F1)
            for q, s, b in pairs
        ]


def remove_question_words(answer: str, question: str) -> str:
    """The words of an answer that neither its question holds nor only link others; all of them
    where nothing is left.
    """
    asked = {*normalize_answer(question).split(), *LINK_WORDS}
    kept = [word for word in normalize_answer(answer).split() if word not in asked]
    return " ".join(kept) or answer


class PromptedJudge(ConsistencyJudge):
    """`prompted`: the model's own word on whether two answers say the same, as the odds of No
    against Yes.
    """

    name = "prompted"

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._worked = "".join(
            _make_comparison_prompt(q, a, b) + f" {word}\n\n"
            for q, a, b, word in WORKED_COMPARISONS
        )

    @classmethod
    def why_not(cls, setup: KnowledgeSetup) -> str:
        """Return an empty text: the base is always there."""
        return ""

    @classmethod
    def build(cls, setup: KnowledgeSetup) -> PromptedJudge:
        """Return the judge that asks the base."""
        return cls(setup.scorer)

    def probabilities(self, pairs: Sequence[tuple[str, str, str]]) -> list[float]:
        """p(No) / (p(No) + p(Yes))."""
        items = [
            Continuations(self._worked + _make_comparison_prompt(q, s, b), (" No", " Yes"))
            for q, s, b in pairs
        ]
        found = dict(self._scorer.stream_scores(items))
        odds = [[p.logp for p in found[item.id(self._scorer.fingerprint)]] for item in items]
        return [_sigmoid(no - yes) for no, yes in odds]


def _make_comparison_prompt(question: str, one: str, other: str) -> str:
    q, a, b = (" ".join(text.split()) for text in (question, one, other))
    return f"Question: {q}\nOne answer: {a}\nAnother answer: {b}\nDo they say the same?"


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


class GainJudge:
    """`gain`: what the document adds to the probability of the label; two forwards a question, no
    draws.

        G = mean_t [log p(y*_t | document, q) - log p(y*_t | q)]   in nats a token; S_K = 1 -
        exp(-max(G, 0)), so that .5 is G = log 2

    It cannot tell draws apart: `contradicted` is empty.
    """

    name = "gain"

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    @classmethod
    def why_not(cls, setup: KnowledgeSetup) -> str:
        """Return an empty text: the base is always there."""
        return ""

    @classmethod
    def build(cls, setup: KnowledgeSetup) -> GainJudge:
        """Return the judge that scores with the base."""
        return cls(setup.scorer)

    def scores(self, answered: Sequence[LabelledQuestion]) -> list[KnowledgeScores]:
        """As `KnowledgeJudge.scores`, with one score each."""
        return [
            KnowledgeScores(
                self.name,
                (1 - math.exp(min(informed, 0.0)),),
                (1 - math.exp(-max(informed - blind, 0.0)),),
            )
            for informed, blind in self.token_logps(answered)
        ]

    def token_logps(self, answered: Sequence[LabelledQuestion]) -> list[tuple[float, float]]:
        """(with the document, without it) for each label, in nats a token, the end of its line
        included.
        """
        asked = (
            [Continuations(make_open_book_prompt(a.question), (f" {a.best}\n",)) for a in answered],
            [
                Continuations(make_closed_book_prompt(a.question.text), (f" {a.best}\n",))
                for a in answered
            ],
        )  # in two calls: what all prompts of a call begin with is computed once
        found = dict(pair for items in asked for pair in self._scorer.stream_scores(items))
        informed, blind = (
            [found[item.id(self._scorer.fingerprint)][0].token_logp for item in items]
            for items in asked
        )
        return list(zip(informed, blind, strict=True))
