"""Answers and scores in the order of their requests, from any engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from selfteach.errors import DataError
from selfteach.models import Sampler, Scorer
from selfteach.records import Completion, Continuations, LogProb, Request
from selfteach.text import clean_text

MAX_NAMES = 5
"""Lost requests that an error names."""
NO_REASON = "the model gave no reason"


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


def sample_texts(model: Sampler, requests: Sequence[Request]) -> list[str]:
    """Sample one text for each request, cleaned and without the space around it; "" where there is
    none.
    """
    completions = sample_in_order(model, requests)
    return [clean_text(one.text).strip() if one else "" for one in completions]


def sample_each(
    model: Sampler,
    requests: Sequence[Request],
    names: Sequence[str],
    progress: Callable[[int], object] = lambda n: None,
) -> list[Completion]:
    """Sample one completion for each request. Equal requests are sent once.

    Args:
        names: what people call each request.
        progress: called with the number of finished requests, as they arrive.

    Raises:
        DataError: requests were lost. The message names them with their reasons.
    """
    ids = [request.id(model.fingerprint) for request in requests]
    unique = dict(zip(ids, requests, strict=True))
    progress(len(ids) - len(unique))
    answers = sample_in_order(model, list(unique.values()), progress)
    found = {done.id: done for done in answers if done is not None}
    if len(found) < len(unique):
        lost = {name: id for name, id in zip(names, ids, strict=True) if id not in found}
        _refuse_lost(lost, dict(getattr(model, "failures", ())))
    return [found[id] for id in ids]


def _refuse_lost(lost: Mapping[str, str], reasons: Mapping[str, str]) -> NoReturn:
    """Raise a DataError with the names of lost requests, each with its reason."""
    shown = []
    for name, id in list(lost.items())[:MAX_NAMES]:
        shown.append(f"{name} ({reasons.get(id, NO_REASON)})")
    more = f", and {len(lost) - MAX_NAMES} more" if len(lost) > MAX_NAMES else ""
    raise DataError(
        f"no answer came to {', '.join(shown)}{more}.",
        cure="Shorten what is named, or take another engine or model.",
    )


def score_in_order(scorer: Scorer, items: Sequence[Continuations]) -> list[tuple[LogProb, ...]]:
    """Score texts after their prompts: one tuple for each item; () where there is no score.

    An endpoint lost it, or it does not fit into the context.
    """
    found = dict(scorer.stream_scores(items))
    return [found.get(item.id(scorer.fingerprint), ()) for item in items]
