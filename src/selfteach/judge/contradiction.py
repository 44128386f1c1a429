"""Is the label consistent, and is it unknown? Five judges with one interface, all in [0, 1]:

    S_L = mean over k of SC(y*, Y_c[k])   the label against samples with the document: low if it is
                                          consistent
    S_K = mean over k of SC(y*, Y_r[k])   the label against samples without it: high if the model
                                          does not know it
    SC(a, b) = mean over the sentences s of a of P(s contradicts b)

    match     P = 0 if s and b are the same answer by their words (token-F1 >= .5) and do not have
              other numbers, else 1: the share outside the label's cluster
    prompted  P = the model's own No against Yes to "do they say the same?", after worked examples
    nli       P = an entailment model's probability of contradiction (`--nli MODEL`, judge/nli.py):
              the paper's judge
    gain      no samples: S_L = 1 - p(y* | document, q), S_K = 1 - p(y* | q) / p(y* | document, q),
              with p the mean probability of a token
    entropy   no label: the entropy of the clusters of the samples (`match`'s clusters), over its
              greatest value log K. S_L of the samples with the document, S_K of those without

Every judge stores all its K scores, so that thresholds can change without new samples.

Source: Self-Learning-llm (arXiv 2406.11275), the step that scores labels and knowledge; SC is
SelfCheckGPT's (arXiv 2303.08896), its variant with an entailment model. Entropy: discrete
semantic entropy (Farquhar et al. 2024, Nature 630). Context gain: our own.
Departs: both sides include the question, because short answers are no sentences without it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import Any, Protocol

from selfteach.generate.answers import (
    LabelledQuestion,
    make_closed_book_prompt,
    make_open_book_prompt,
)
from selfteach.generate.few_shot_facts import WORKED_COMPARISONS
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.judge.match import (
    have_other_numbers,
    normalize_answer,
    semantic_entropy,
    share_words,
)
from selfteach.judge.setup import KnowledgeSetup
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations, JsonObject
from selfteach.sentences import split_sentences


@dataclass(frozen=True, slots=True)
class KnowledgeScores:
    """Hold a judge's K scores of one question, each in [0, 1].

    `label` is against samples with the document, `knowledge` against samples without it.
    `contradicted` is how much each of the latter contradicts the label, if the judge can tell them
    apart.
    """

    judge: str
    label: tuple[float, ...]
    knowledge: tuple[float, ...]
    contradicted: tuple[float, ...] = ()

    @property
    def s_label(self) -> float:
        """Return S_L; 1 without samples."""
        return sum(self.label) / len(self.label) if self.label else 1.0

    @property
    def s_knowledge(self) -> float:
        """Return S_K; 0 without samples."""
        return sum(self.knowledge) / len(self.knowledge) if self.knowledge else 0.0

    def to_json(self) -> JsonObject:
        """Return the stored row."""
        return asdict(self)

    @staticmethod
    def from_json(row: Any) -> KnowledgeScores:
        """Return the scores of a stored row."""
        return KnowledgeScores(
            row["judge"], tuple(row["label"]), tuple(row["knowledge"]), tuple(row["contradicted"])
        )


class KnowledgeJudge(Protocol):
    """Score whether labels are consistent and unknown.

    Classes of the registry's group `knowledge_judges` also have the class methods
    `explain_unavailable(setup)` and `build(setup)`.
    """

    name: str

    @classmethod
    def explain_unavailable(cls, setup: KnowledgeSetup) -> str:
        """Return why the judge cannot be built; "" for one that needs nothing but the base."""
        return ""

    @abstractmethod
    def scores(self, answered: Sequence[LabelledQuestion]) -> list[KnowledgeScores]:
        """Return one `KnowledgeScores` for each question."""


AnswerComparison = tuple[str, str, str]
"""A question, a sentence, and another answer."""
LINK_WORDS = frozenset(
    "is are was were be been by in on at of to for from with it its".split()  # noqa: SIM905
)


class ConsistencyJudge(KnowledgeJudge):
    """Compare the label with every sample, by the `probabilities` of single sentences."""

    @abstractmethod
    def probabilities(self, pairs: Sequence[AnswerComparison]) -> list[float]:
        """Return P in [0, 1] that the sentence contradicts the other answer.

        Each pair is (question, sentence, other answer).
        """

    def scores(self, answered: Sequence[LabelledQuestion]) -> list[KnowledgeScores]:
        """Return one `KnowledgeScores` for each question."""
        pairs = [(a.question.text, a.best, b) for a in answered for b in (*a.informed, *a.blind)]
        values = iter(self.between(pairs))
        found = []
        for one in answered:
            label = tuple(islice(values, len(one.informed)))
            blind = tuple(islice(values, len(one.blind)))
            found.append(KnowledgeScores(self.name, label, blind, blind))
        return found

    def between(self, pairs: Sequence[AnswerComparison]) -> list[float]:
        """Return SC(a, b) for each (question, a, b).

        An `a` without words contradicts everything: it is no answer. Every pair of sentence and
        sample is scored once.
        """
        parts = [split_sentences(a) for _, a, _ in pairs]
        flat = list(
            dict.fromkeys(
                (q, s, b) for (q, _, b), own in zip(pairs, parts, strict=True) for s in own
            )
        )
        known = dict(zip(flat, self.probabilities(flat), strict=True))
        found = []
        for (q, _, b), own in zip(pairs, parts, strict=True):
            values = [known[q, sentence, b] for sentence in own]
            found.append(sum(values) / len(own) if own else 1.0)
        return found


class MatchJudge(ConsistencyJudge):
    """`match`: answers are the same if they share enough words, and have no other numbers."""

    name = "match"

    @classmethod
    def build(cls, setup: KnowledgeSetup) -> MatchJudge:
        """Return the judge."""
        return cls()

    def probabilities(self, pairs: Sequence[AnswerComparison]) -> list[float]:
        """Return 0 for answers that agree, else 1.

        Words of the question do not count unless nothing is left, because every answer repeats
        them. Its numbers never count.
        """
        return [float(not _agree(*pair)) for pair in pairs]


def _agree(question: str, answer: str, other: str) -> bool:
    left, right = (remove_question_words(text, question) for text in (answer, other))
    return share_words(left, right) and not have_other_numbers(answer, other, question)


def remove_question_words(answer: str, question: str) -> str:
    """Return an answer without link words and words of its question, or else the whole answer."""
    asked = {*normalize_answer(question).split(), *LINK_WORDS}
    kept = [word for word in normalize_answer(answer).split() if word not in asked]
    return " ".join(kept) or answer


LOST_LOGPS = (-math.inf, 0.0)
"""Of a label that cannot be scored: it is not in the document, and nothing is gained by it."""
COMPARISON = "Question: {}\nOne answer: {}\nAnother answer: {}\nDo they say the same?"


class PromptedJudge(ConsistencyJudge):
    """`prompted`: the model's odds of No against Yes to whether two answers say the same."""

    name = "prompted"

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._worked = format_examples(COMPARISON + " {}\n\n", WORKED_COMPARISONS)

    @classmethod
    def build(cls, setup: KnowledgeSetup) -> PromptedJudge:
        """Return the judge that asks the base."""
        return cls(setup.scorer)

    def probabilities(self, pairs: Sequence[AnswerComparison]) -> list[float]:
        """Return p(No) / (p(No) + p(Yes)); 1 for a pair without a score."""
        items = []
        for pair in pairs:
            prompt = self._worked + COMPARISON.format(*map(to_one_line, pair))
            items.append(Continuations(prompt, (" No", " Yes")))
        scores = score_in_order(self._scorer, items)
        return [_sigmoid(pair[0].logp - pair[1].logp) if pair else 1.0 for pair in scores]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


class GainJudge(KnowledgeJudge):
    """`gain`: how much the document adds to the probability of the label, without samples.

        G = mean_t [log p(y*_t | document, q) - log p(y*_t | q)]   in nats a token; S_K = 1 -
        exp(-max(G, 0)), so that .5 is G = log 2

    It costs two forward passes a question. It cannot tell samples apart: `contradicted` is empty.
    """

    name = "gain"

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    @classmethod
    def build(cls, setup: KnowledgeSetup) -> GainJudge:
        """Return the judge that scores with the base."""
        return cls(setup.scorer)

    def scores(self, answered: Sequence[LabelledQuestion]) -> list[KnowledgeScores]:
        """Return one `KnowledgeScores` for each question, with one score each.

        A label without a score is as inconsistent as can be.
        """
        return [
            KnowledgeScores(
                self.name,
                (1 - math.exp(min(informed, 0.0)),),
                (1 - math.exp(-max(informed - blind, 0.0)),),
            )
            for informed, blind in self.token_logps(answered)
        ]

    def token_logps(self, answered: Sequence[LabelledQuestion]) -> list[tuple[float, float]]:
        """Return (with the document, without it) for each label, in nats a token.

        The end of the label's line is included. A label without a score gets LOST_LOGPS.
        """
        informed = [
            Continuations(make_open_book_prompt(a.question), (f" {a.best}\n",)) for a in answered
        ]
        blind = [
            Continuations(make_closed_book_prompt(a.question.text), (f" {a.best}\n",))
            for a in answered
        ]
        # One call for each list: an engine computes the common beginning of its prompts once.
        scores = [score_in_order(self._scorer, items) for items in (informed, blind)]
        return [
            (one[0].token_logp, other[0].token_logp) if one and other else LOST_LOGPS
            for one, other in zip(*scores, strict=True)
        ]


class EntropyJudge(KnowledgeJudge):
    """`entropy`: how much the samples disagree among themselves, without a look at the label.

        S = - sum_c (n_c / K) log (n_c / K) / log K   over the clusters c of K samples

    A model that is sure of a wrong answer counts as one that knows. It cannot tell samples apart:
    `contradicted` is empty. Of a single sample it knows nothing: .5.
    """

    name = "entropy"

    @classmethod
    def build(cls, setup: KnowledgeSetup) -> EntropyJudge:
        """Return the judge."""
        return cls()

    def scores(self, answered: Sequence[LabelledQuestion]) -> list[KnowledgeScores]:
        """Return one `KnowledgeScores` for each question, with one score each."""
        return [
            KnowledgeScores(
                self.name,
                (measure_disagreement(a.informed, a.question.text),),
                (measure_disagreement(a.blind, a.question.text),),
            )
            for a in answered
        ]


def measure_disagreement(answers: Sequence[str], question: str) -> float:
    """Return the entropy of the clusters of answers over its greatest value, in [0, 1]; .5 for
    fewer than two answers. Words of the question do not count.
    """
    if len(answers) < 2:
        return 0.5
    entropy = semantic_entropy(answers, partial(_agree, question))
    return min(1.0, entropy / math.log(len(answers)))
