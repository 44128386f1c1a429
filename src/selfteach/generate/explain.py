"""Let the model explain words: what it says of a word shows what the word belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.models import Sampler
from selfteach.models.ordered import sample_in_order
from selfteach.records import Request, SamplingParams, make_prompt

QUESTIONS = ("What is {}?", "Tell me about {}.", "What does {} mean?")
GREEDY = SamplingParams(0.0, 1.0, 32)
"""The first 32 tokens of an explanation say what kind of thing a word stands for."""


def explain_names(model: Sampler, names: Sequence[str], seed: int) -> dict[str, tuple[str, ...]]:
    """Return the beginnings of the model's greedy explanations of each name, one per question."""
    requests = []
    for name in names:
        for number, question in enumerate(QUESTIONS):
            prompt = make_prompt(question.format(name))
            requests.append(Request("explain", prompt, GREEDY, number, seed))
    texts = ["" if one is None else one.text for one in sample_in_order(model, requests)]
    width = len(QUESTIONS)
    return {name: tuple(texts[width * i : width * (i + 1)]) for i, name in enumerate(names)}
