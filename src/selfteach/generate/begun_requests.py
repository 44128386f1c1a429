"""Requests that begin with given words: the model continues "What time" to a request about work.

Source: few-shot continuation as in `ask`. Departs: the first words are given, so that the model
writes only the rest.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from selfteach.generate import few_shot
from selfteach.generate.ask import LINE_SAMPLING, OVERSAMPLING, GeneratedPrompt, Scope
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.models import Sampler
from selfteach.models.ordered import sample_texts
from selfteach.records import Request

BEGUN = "begun"
"""The form of a request whose first words were given."""
STAGE = "ask begun"
NUM_LISTS = 6
"""Lists of worked requests. Few, so that engines find most of a prompt in their cache."""
NUM_WORKED = 8


def plan_begun_requests(
    openings: Sequence[str], topics: Sequence[str], count: int, seed: int
) -> list[Request]:
    """Return the requests to the model, each for the rest of one request. Openings take turns.

    Args:
        count: number of requests that are to be usable; some more are planned.
    """
    requests = []
    for i in range(int(count * OVERSAMPLING)):
        opening, topic = choose_start(openings, topics, i, seed)
        prompt = f"{format_worked_requests(i % NUM_LISTS)}Topic: {topic}\nRequest: {opening}"
        requests.append(Request(STAGE, prompt, LINE_SAMPLING, i, seed))
    return requests


def choose_start(
    openings: Sequence[str], topics: Sequence[str], number: int, seed: int
) -> tuple[str, str]:
    """Return the (opening, topic) of a request."""
    topic = random.Random(f"{seed} {number}").choice(topics)
    return openings[number % len(openings)], topic


def format_worked_requests(number: int) -> str:
    """Return a list of worked requests, each with its topic."""
    worked = list(chain.from_iterable(few_shot.REQUESTS.values()))
    rows = random.Random(number).sample(worked, NUM_WORKED)
    return format_examples("Topic: {}\nRequest: {}\n\n", rows)


def generate_begun_prompts(
    model: Sampler,
    openings: Sequence[str],
    topics: Sequence[str],
    scope: Scope,
    count: int,
    find_fault: Callable[[str], str],
    seed: int,
) -> Iterator[tuple[GeneratedPrompt, str]]:
    """Yield (request, fault) until there are enough good requests, or all are written.

    Args:
        count: number of requests without fault.
        find_fault: returns why a request is not usable, or "".
    """
    kept = 0
    texts = sample_texts(model, plan_begun_requests(openings, topics, count, seed))
    for i, text in enumerate(texts):
        if kept >= count:
            return
        opening, topic = choose_start(openings, topics, i, seed)
        prompt = GeneratedPrompt(to_one_line(f"{opening} {text}"), scope, BEGUN, topic)
        fault = find_fault(prompt.text)
        kept += not fault
        yield prompt, fault
