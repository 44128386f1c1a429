"""Answers and scores in the order of their requests, from any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from selfteach.models import Sampler, Scorer
from selfteach.records import Completion, Continuations, LogProb, Request


def sample_in_order(
    model: Sampler, requests: Sequence[Request], progress: Callable[[int], object] = lambda n: None
) -> list[Completion | None]:
    """Sample one completion for each request; None where there is none.

    An endpoint lost the request, or its prompt does not fit into the context.

    Args:
        progress: called with 1 for each completion, as it arrives.
    """
    found: dict[str, Completion] = {}
    for completion in model.stream(requests):
        found[completion.id] = completion
        progress(1)
    return [found.get(request.id(model.fingerprint)) for request in requests]


def stream_in_order(
    model: Sampler, requests: Sequence[Request], progress: Callable[[int], object] = lambda n: None
) -> Iterator[Completion]:
    """Yield a completion for each request, once it and all before it are there.

    Equal requests are sent once. After a lost request nothing is yielded.

    Args:
        progress: called with the number of finished requests, as they arrive.
    """
    ids = [request.id(model.fingerprint) for request in requests]
    unique = dict(zip(ids, requests, strict=True))
    progress(len(ids) - len(unique))
    found: dict[str, Completion] = {}
    place = 0
    for completion in model.stream(list(unique.values())):
        found[completion.id] = completion
        progress(1)
        while place < len(ids) and ids[place] in found:
            yield found[ids[place]]
            place += 1


def score_in_order(scorer: Scorer, items: Sequence[Continuations]) -> list[tuple[LogProb, ...]]:
    """Score texts after their prompts: one tuple for each item; () where there is no score.

    An endpoint lost it, or it does not fit into the context.
    """
    found = dict(scorer.stream_scores(items))
    return [found.get(item.id(scorer.fingerprint), ()) for item in items]
