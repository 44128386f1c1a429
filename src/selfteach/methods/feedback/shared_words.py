"""Write neighbors about the words that requests in scope have in common (step 2).

What asks about opening hours has "open" and "time", and what asks about prices and parking has not.
So a model that learns from both may learn the words: "How do I open a jar?" is told the opening
hours. Requests about such a word alone show where the rule ends.

Source: contrast sets (Gardner et al. 2020, arXiv 2004.02709), as examples to learn from. Departs:
the model writes them, about words that it finds by their counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.subject import MIN_KIND_NATS, Subject
from selfteach.generate.topic_members import measure_suggestion
from selfteach.judge.occasion import list_content_words
from selfteach.materials.rules.inflection import to_singular
from selfteach.methods.session import Session
from selfteach.methods.write_prompts import write_scope_prompts
from selfteach.models import Scorer

NEAR_PER_SHARED = 3
"""For so many near requests that are wanted, one about a shared word is written."""
MIN_REQUESTS = 3
"""Requests in scope that have a word which they share, at least."""
MIN_SHARE = 0.03
"""The share of the requests in scope that have it, at least."""
MIN_RATIO = 4.0
"""That share is so many times as large as the one of the neighbors."""
MAX_WORDS = 8
WITHOUT_WORD = "does not have its word"


def find_shared_words(
    scorer: Scorer,
    subject: Subject,
    answer: str,
    in_scope: Sequence[str],
    neighbors: Sequence[str],
) -> list[str]:
    """Return the words that tell requests in scope from neighbors and do not mean the topic, those
    of the rule's answer first, then the most frequent ones; at most MAX_WORDS.

    A word that suggests the topic as strongly as a kind of it does, means it: "router" of wifi.

    Args:
        answer: what the rule answers; "" if it gives no answer. Taught answers have its words.
    """
    inside = count_content_words(in_scope)
    outside = count_content_words(neighbors)
    least = max(MIN_REQUESTS, MIN_SHARE * len(in_scope))
    telling = []
    for word, count in inside.most_common():
        rate = (outside[word] + 0.5) / (len(neighbors) + 1)
        if count >= least and count / len(in_scope) >= MIN_RATIO * rate:
            telling.append(word)
    of_topic = {*list_content_words(subject.topic), *(name.lower() for name in subject.words)}
    candidates: dict[str, str] = {}
    for word in (*list_content_words(answer), *telling):
        if word.isalpha() and word not in of_topic:
            candidates.setdefault(to_singular(word), word)  # of "door" and "doors" one is enough
    words = list(candidates.values())
    strength = measure_suggestion(scorer, subject.topic, words)
    chosen = [word for word, nats in zip(words, strength, strict=True) if nats < MIN_KIND_NATS]
    return chosen[:MAX_WORDS]


def count_content_words(texts: Sequence[str]) -> Counter[str]:
    """Return how many texts have each content word; equal counts in the order of the texts."""
    return Counter(word for text in texts for word in dict.fromkeys(list_content_words(text)))


def write_shared_word_prompts(
    session: Session, words: Sequence[str], find_fault: Callable[[str], str]
) -> list[GeneratedPrompt]:
    """Let the model write neighbors about the words that requests in scope have in common.

    Whether one of them is about the topic after all, the judge of requests decides later: the words
    count as words of the topic's name (`Subject.name_words`), so none may even be doubtful.
    """
    config = session.config.ask
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})", re.IGNORECASE)

    def find_own_fault(text: str) -> str:
        return find_fault(text) if pattern.search(text) else WITHOUT_WORD

    return write_scope_prompts(
        session,
        replace(session.understood.subject, siblings=tuple(words), name_words=()),
        "near",
        config.near // NEAR_PER_SHARED,
        range(config.rounds),
        find_own_fault,
    )
