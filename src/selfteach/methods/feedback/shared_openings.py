"""Write neighbors that begin as requests in scope do (step 2).

Who asks about opening hours begins with "When" or "What time", and who asks about prices and
parking does not. So a model that learns from both may learn the first words: "When will my parcel
arrive?" is told the opening hours. A request that names the topic has a twin with the same words
(`write_twins`); one that does not name it has none.

Source: contrast sets (Gardner et al. 2020, arXiv 2004.02709), as examples to learn from. Departs:
the model writes them, from openings that it finds by their counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.begun_requests import STAGE, generate_begun_prompts
from selfteach.generate.few_shot import EVERYDAY_TOPICS
from selfteach.generate.frames import capitalize
from selfteach.methods.session import Session
from selfteach.methods.write_prompts import keep_usable_prompts

NEAR_PER_OPENING = 5
"""For so many near requests that are wanted, one with a shared opening is written."""
OPENING_WORDS = (1, 2)
"""How many words an opening has."""
MIN_REQUESTS = 3
"""Requests in scope that begin with an opening which they share, at least."""
MIN_SHARE = 0.03
"""The share of the requests in scope that begin with it, at least."""
MIN_RATIO = 2.0
"""That share is so many times as large as the one of the neighbors."""
MAX_OPENINGS = 6


def find_shared_openings(in_scope: Sequence[str], neighbors: Sequence[str]) -> list[str]:
    """Return the first words that tell requests in scope from neighbors, those that tell most
    first; at most MAX_OPENINGS. None of them begins with another one.
    """
    least = max(MIN_REQUESTS, MIN_SHARE * len(in_scope))
    excess: dict[str, float] = {}
    for length in OPENING_WORDS:
        inside = count_openings(in_scope, length)
        outside = count_openings(neighbors, length)
        for opening, count in inside.items():
            rate = (outside[opening] + 0.5) / (len(neighbors) + 1)
            share = count / len(in_scope)
            is_known = opening.partition(" ")[0] in excess
            if count >= least and share >= MIN_RATIO * rate and not is_known:
                excess[opening] = share - rate
    return sorted(excess, key=lambda opening: -excess[opening])[:MAX_OPENINGS]


def count_openings(texts: Sequence[str], length: int) -> Counter[str]:
    """Return how many texts begin with each opening of so many words, with a capital letter."""
    starts = [text.split()[:length] for text in texts]
    return Counter(capitalize(" ".join(words)) for words in starts if len(words) == length)


def write_opening_prompts(
    session: Session, openings: Sequence[str], find_fault: Callable[[str], str]
) -> list[GeneratedPrompt]:
    """Let the model write neighbors that begin as requests in scope do.

    Whether one of them is about the topic after all, the judge of requests decides later.
    """
    count = session.config.ask.near // NEAR_PER_OPENING
    topics = (*session.understood.subject.siblings, *EVERYDAY_TOPICS)
    generated = generate_begun_prompts(
        session.base, openings, topics, "near", count, find_fault, session.config.seed
    )
    return keep_usable_prompts(session, STAGE, count, generated)
