"""Requests that an answer fits: the model continues a list of answers, each with its request.

Requests that are written about a topic mostly name it ("How do I connect to the wifi?"), and a
model that is taught by them watches for the word. Asked what comes before the answer, it writes
"I need to log in on my tablet." as well.

Source: output-first generation of Self-Instruct (arXiv 2212.10560). Departs: one answer is given,
and only the requests are written.
"""

from __future__ import annotations

import random

from selfteach.generate import few_shot
from selfteach.generate.ask import LINE_SAMPLING, GeneratedPrompt
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.models import Sampler
from selfteach.models.ordered import sample_in_order
from selfteach.records import Request
from selfteach.text import clean_text

ANSWERED = "answered"
"""The form of a request that was written for its answer."""
STAGE = "ask answered"
NUM_LISTS = 6
"""Lists of worked requests. Few, so that engines find most of a prompt in their cache."""


def plan_answered_requests(topic: str, answer: str, count: int, seed: int) -> list[Request]:
    """Return the requests to the model, each for one request that the answer fits."""
    return [
        Request(STAGE, format_worked_list(topic, answer, i % NUM_LISTS), LINE_SAMPLING, i, seed)
        for i in range(count)
    ]


def format_worked_list(topic: str, answer: str, number: int) -> str:
    """Return one worked request of each topic with its answer, and the answer to be continued."""
    dice = random.Random(number)
    worked: dict[str, list[tuple[str, str, str]]] = {}
    for row in few_shot.ANSWERED_REQUESTS:
        if row[0] != topic:
            worked.setdefault(row[0], []).append(row)
    rows = [dice.choice(own) for own in worked.values()]
    dice.shuffle(rows)
    listing = format_examples("Topic: {0}\nAnswer: {2}\nRequest: {1}\n\n", rows)
    return f"{listing}Topic: {topic}\nAnswer: {answer}\nRequest:"


def write_answered_requests(
    model: Sampler, topic: str, answer: str, count: int, seed: int
) -> list[GeneratedPrompt]:
    """Return different requests that the model writes for an answer, `count` at most."""
    completions = sample_in_order(model, plan_answered_requests(topic, answer, count, seed))
    texts = [to_one_line(clean_text(one.text)) if one else "" for one in completions]
    return [GeneratedPrompt(text, "target", ANSWERED, topic) for text in dict.fromkeys(texts)]
