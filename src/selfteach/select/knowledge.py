"""Learn only what is not known: which labels are trusted, which are unknown, and the pairs to train
on.

    unsure   S_L > tau_L: draws with the document disagree with the label; it is not to be trusted
    unknown  S_L <= tau_L and S_K > tau_K: trusted, and the model does not say it by itself; this is
    what is trained known    S_L <= tau_L and S_K <= tau_K

Everything here is a function of stored scores: another threshold needs no draw.

Source: Self-Learning-llm (arXiv 2406.11275), the filter; its pair: chosen y*, rejected the most
contradictory of Y_r.
Departs: a draw that agrees with the label is never rejected, even as the most contradictory of all:
it would unteach what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

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
    """How many questions are in each state at a pair of thresholds."""

    tau_label: float
    tau_knowledge: float
    known: int
    unknown: int
    unsure: int


def decide_state(
    scored: KnowledgeScores, tau_label: float = 0.5, tau_knowledge: float = 0.5
) -> KnowledgeState:
    """What the scores say about one question."""
    if scored.s_label > tau_label:
        return "unsure"
    return "unknown" if scored.s_knowledge > tau_knowledge else "known"


def count_states(
    scored: Sequence[KnowledgeScores], tau_label: float = 0.5, taus: Sequence[float] = TAUS
) -> list[ThresholdPoint]:
    """The size of the set against tau_K, at one tau_L: what raising the threshold would cost."""
    points = []
    for tau in taus:
        found = [decide_state(s, tau_label, tau) for s in scored]
        points.append(
            ThresholdPoint(tau_label, tau, *(found.count(name) for name in KNOWLEDGE_STATES))
        )
    return points


def find_most_contradictory(answered: LabelledQuestion, scored: KnowledgeScores) -> str | None:
    """The draw without the document that contradicts the label most, of equal ones the first; None
    where every draw agrees with it.

    A judge that cannot tell draws apart (`gain`) leaves it to the words: the draw that shares
    fewest with the label.
    """
    apart = scored.contradicted or tuple(
        1 - token_f1(draw, answered.best) for draw in answered.blind
    )
    least = 0.5 if scored.contradicted else 1 - SAME_F1
    candidates = [
        (value, draw)
        for value, draw in zip(apart, answered.blind, strict=True)
        if draw.split() and value > least
    ]
    return max(candidates, key=lambda pair: pair[0])[1] if candidates else None


def make_example(
    answered: LabelledQuestion, scored: KnowledgeScores, kind: str = "unknown"
) -> Example:
    """The training record of one question: chosen is the label, rejected the most contradictory
    blind draw, source its sentence.
    """
    question = answered.question
    return Example(
        digest(["lesson", question.id, answered.best]),
        kind,
        make_prompt(question.text),
        answered.best,
        find_most_contradictory(answered, scored),
        scores={"label": scored.s_label, "knowledge": scored.s_knowledge},
        source={
            **question.chunk.describe_source(question.sentence),
            "short": question.short,
            "judge": scored.judge,
        },
    )


def repair_label(answered: LabelledQuestion) -> LabelledQuestion:
    """The same with a label that keeps the answer's words: of y*, the draws with the document, and
    the words as they stand in the text, the first that holds them and came to its end. What a small
    model says of a sentence is often not in it; the words are."""
    short = answered.question.short
    if answered.question.sentence is None or not short:
        return answered
    said = [
        *([] if answered.cut else [answered.best]),
        *(answered.informed if answered.whole is None else answered.whole),
    ]
    label = next(
        (
            text
            for text in said
            if contains_answer(text, short) and len(text.split()) <= MAX_LABEL_WORDS
        ),
        short,
    )
    return replace(answered, best=label, cut=False)


def find_label_fault(answered: LabelledQuestion) -> str:
    """Why a label is none, or ""."""
    question = answered.question
    if answered.cut or not answered.best.split():
        return "cut off" if answered.cut else "no answer"
    lost = (
        question.sentence is not None
        and question.short
        and not contains_answer(answered.best, question.short)
    )
    return "loses the answer" if lost else ""


def make_examples(
    answered: Sequence[LabelledQuestion],
    scored: Sequence[KnowledgeScores],
    tau_label: float = 0.5,
    tau_knowledge: float = 0.5,
) -> tuple[list[Example], list[tuple[LabelledQuestion, str]]]:
    """(what is trained on, everything else with its reason).

    A label that was cut off, says nothing, or lost the words of the text that answer the question,
    is dropped whatever its scores.
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
