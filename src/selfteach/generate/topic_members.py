"""Tell what belongs to a topic (poker, of gambling) from what stands beside it (tea, of coffee).

A small model lists members of a topic where it is asked for topics of the same kind. How it
continues the lists tells them apart better than any one list does (docs/log/2026-11-rules.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean

from selfteach.generate import few_shot
from selfteach.generate.listing import format_examples
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations

MIN_MEMBER_NATS = 12.0
"""How strongly a member belongs to a topic at least. Of 188 members of 40 topics .87 and .83 reach
it with the default model and the second one, and .08 and .11 of 203 topics beside them: those most
like the topic, as lions beside tigers.
"""
WORDS_LABEL = "Words"
SIBLINGS_LABEL = "Other topics of the same kind"
UNRELATED_STEP = 3
"""Each third of the unrelated words is enough for a mean."""


def split_members(
    scorer: Scorer, topic: str, names: Sequence[str], least: float = MIN_MEMBER_NATS
) -> tuple[list[str], list[str]]:
    """Return the names beside a topic, and those that may belong to it (`measure_membership`).

    Args:
        least: how strongly these belong to it at least, in nats.
    """
    strengths = measure_membership(scorer, topic, names)
    beside = [n for n, nats in zip(names, strengths, strict=True) if nats < least]
    return beside, [name for name in names if name not in beside]


def measure_membership(scorer: Scorer, topic: str, names: Sequence[str]) -> list[float]:
    """Return how strongly each name belongs to a topic, in nats:

        suggestion + 2 words - siblings

    "suggestion" is how much the name suggests the topic (`measure_suggestion`). "words" is how much
    likelier the name begins a list of the topic's words than lists of other topics' words;
    "siblings" is the same for lists of topics of the same kind. A name without a score has -inf.

    Not the suggestion alone: tea suggests coffee as strongly as poker suggests gambling.
    """
    if not names:
        return []
    suggestions = measure_suggestion(scorer, topic, names)
    words = _measure_listing(scorer, topic, names, WORDS_LABEL, few_shot.WORDS)
    siblings = _measure_listing(scorer, topic, names, SIBLINGS_LABEL, few_shot.SIBLINGS)
    rows = zip(suggestions, words, siblings, strict=True)
    strengths = (suggestion + 2 * word - sibling for suggestion, word, sibling in rows)
    return [nats if math.isfinite(nats) else -math.inf for nats in strengths]


def _measure_listing(
    scorer: Scorer,
    topic: str,
    names: Sequence[str],
    label: str,
    worked: Sequence[tuple[str, str]],
) -> list[float]:
    """Return log p(name | topic, label) - mean log p(name | an unrelated topic, label)."""
    unrelated = list_unrelated_words(topic)[::UNRELATED_STEP]
    listing = format_examples(
        f"Topic: {{}}\n{label}: {{}}\n\n", [own for own in worked if own[0] != topic]
    )
    ends = tuple(f" {name}" for name in names)
    items = [
        Continuations(f"{listing}Topic: {about}\n{label}:", ends) for about in (topic, *unrelated)
    ]
    own, *others = score_in_order(scorer, items)
    known = [scores for scores in others if scores]
    if not own or not known:
        return [math.nan for _ in names]
    return [own[i].logp - mean(scores[i].logp for scores in known) for i in range(len(names))]


def measure_suggestion(scorer: Scorer, topic: str, names: Sequence[str]) -> list[float]:
    """Return how much each name suggests the topic, in nats:

        log p(topic | name) - mean log p(topic | a word of another topic)

    The difference takes out that a topic of several words, or a rare one, is unlikely after
    anything.

    Source: domain conditional PMI (Holtzman et al. 2021, arXiv 2104.08315). Departs: the mean over
    words of other topics stands for the premise without a name.
    """
    others = list_unrelated_words(topic)
    logps = compute_topic_logps(scorer, [(name, [topic]) for name in (*names, *others)])
    known = [own[0] for own in logps[len(names) :] if math.isfinite(own[0])]
    usual = mean(known) if known else math.inf
    return [own[0] - usual for own in logps[: len(names)]]


def list_unrelated_words(topic: str) -> list[str]:
    """Return words of other topics."""
    return [
        word
        for about, listed in few_shot.KINDS
        for word in listed.split(", ")
        if topic not in (about, word)
    ]


def compute_topic_logps(
    scorer: Scorer, pairs: Sequence[tuple[str, Sequence[str]]]
) -> list[list[float]]:
    """Return log p(topic | word) of each topic of each (word, topics), after worked examples.

    Where a score is lost, the first topic has -inf and the others 0.
    """
    known = [(word, about) for about, listed in few_shot.WORDS for word in listed.split(", ")[::3]]
    worked = format_examples("Word: {}\nTopic: {}\n\n", known)
    items = []
    for word, topics in pairs:
        ends = tuple(f" {name}" for name in topics)
        items.append(Continuations(f"{worked}Word: {word}\nTopic:", ends))
    lost = [-math.inf, 0.0]
    return [[one.logp for one in scores] or lost for scores in score_in_order(scorer, items)]
