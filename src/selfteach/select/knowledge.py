"""Training on unknown facts only: reliable labels, unknown labels, and the pairs to train on.

    unsure   S_L > tau_L: samples with the document disagree with the label; it is not reliable
    unknown  S_L <= tau_L and S_K > tau_K: reliable, but the model does not answer so by itself;
             training uses these
    known    S_L <= tau_L and S_K <= tau_K

All results are functions of stored scores: another threshold needs no new sample.

Source: Self-Learning-llm (arXiv 2406.11275), the filter; its pair: chosen y*, rejected the most
contradictory of Y_r.
Departs: a sample that agrees with the label is never the rejected answer, even if it is the most
contradictory one, nor one that holds the answer's words: training against it would remove the fact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from selfteach.dedup.overlap import split_written_words
from selfteach.generate.answers import LabelledQuestion
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.judge.match import SAME_F1, contains_answer, token_f1
from selfteach.records import Example, digest, make_prompt

KnowledgeState = Literal["known", "unknown", "unsure"]
KNOWLEDGE_STATES: tuple[KnowledgeState, ...] = ("known", "unknown", "unsure")
MAX_LABEL_WORDS = 40
TAUS = tuple(round(0.05 * n, 2) for n in range(21))


@dataclass(frozen=True, slots=True)
class ThresholdPoint:
    """Hold the number of questions in each state at a pair of thresholds."""

    tau_label: float
    tau_knowledge: float
    known: int
    unknown: int
    unsure: int


def decide_state(
    scored: KnowledgeScores, tau_label: float = 0.5, tau_knowledge: float = 0.5
) -> KnowledgeState:
    """Return the state of one question by its scores."""
    if scored.s_label > tau_label:
        return "unsure"
    return "unknown" if scored.s_knowledge > tau_knowledge else "known"


def count_states(scored: Sequence[KnowledgeScores], tau_label: float = 0.5) -> list[ThresholdPoint]:
    """Return the number of questions in each state for each tau_K of TAUS, at one tau_L."""
    points = []
    for tau in TAUS:
        found = [decide_state(s, tau_label, tau) for s in scored]
        points.append(
            ThresholdPoint(tau_label, tau, *(found.count(name) for name in KNOWLEDGE_STATES))
        )
    return points


def find_most_contradictory(answered: LabelledQuestion, scored: KnowledgeScores) -> str | None:
    """Return the sample without the document that contradicts the label most, or None.

    Of equal ones the first counts; None means that every sample agrees. A sample with the right
    answer in it agrees, whatever else it says. If the judge cannot tell
    samples apart (`gain`), the sample with the fewest words in common with the label counts.
    """
    apart = scored.contradicted or [1 - token_f1(text, answered.best) for text in answered.blind]
    least = 0.5 if scored.contradicted else 1 - SAME_F1
    candidates = [
        (value, text)
        for value, text in zip(apart, answered.blind, strict=True)
        if text.split() and value > least and not contains_answer(text, answered.question.short)
    ]
    return max(candidates, key=lambda pair: pair[0])[1] if candidates else None


def make_example(answered: LabelledQuestion, scored: KnowledgeScores) -> Example:
    """Return the training example of one question: a pair, or without a wrong answer the label.

    Chosen is the label, rejected the most contradictory blind sample, source the sentence.
    """
    question = answered.question
    rejected = find_most_contradictory(answered, scored)
    return Example(
        digest(["lesson", question.id, answered.best]),
        "pair" if rejected else "unknown",
        make_prompt(question.text),
        answered.best,
        rejected,
        scores={"label": scored.s_label, "knowledge": scored.s_knowledge},
        source={
            **question.chunk.describe_source(question.sentence),
            "short": question.short,
            "judge": scored.judge,
            **({"cut": ["rejected"]} if rejected in answered.cut_blind else {}),
        },
    )


def repair_label(answered: LabelledQuestion) -> LabelledQuestion:
    """Return the question with a label that keeps the answer's words.

    The label is the first complete text with these words: y*, a sample with the document, or the
    words themselves. A small model's statement about a sentence is often wrong; the words are not.
    """
    short = answered.question.short
    if answered.question.sentence is None or not short:
        return answered
    texts = [
        *([] if answered.cut else [answered.best]),
        *answered.whole,
    ]
    label = next(
        (
            text
            for text in texts
            if contains_answer(text, short) and len(split_written_words(text)) <= MAX_LABEL_WORDS
        ),
        short,
    )
    return replace(answered, best=label, cut=False)


def find_label_fault(answered: LabelledQuestion) -> str:
    """Return why a label is unusable, or ""."""
    question = answered.question
    if answered.cut or not answered.best.split():
        return "cut off" if answered.cut else "no answer"
    lost = (
        question.sentence is not None
        and question.short
        and not contains_answer(answered.best, question.short)
    )
    return "label without the answer" if lost else ""


def make_examples(
    answered: Sequence[LabelledQuestion],
    scored: Sequence[KnowledgeScores],
    tau_label: float = 0.5,
    tau_knowledge: float = 0.5,
) -> tuple[list[Example], list[tuple[LabelledQuestion, str]]]:
    """Return the training examples, and the other questions with their reasons.

    A label is dropped at any score if it was cut off, is empty, or lost the words of the answer.
    """
    kept: list[Example] = []
    dropped: list[tuple[LabelledQuestion, str]] = []
    for one, score in zip(answered, scored, strict=True):
        found = decide_state(score, tau_label, tau_knowledge)
        reason = find_label_fault(one) or ("" if found == "unknown" else found)
        if reason:
            dropped.append((one, reason))
        else:
            kept.append(make_example(one, score))
    return kept, dropped
