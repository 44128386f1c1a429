"""Let the model explain words: what it says of a word shows what the word belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from selfteach.materials.rules.inflection import to_singular
from selfteach.models import Sampler
from selfteach.models.ordered import sample_in_order
from selfteach.records import GREEDY, Request, make_prompt

QUESTIONS = ("What is {}?", "Tell me about {}.", "What does {} mean?")
GREEDY_EXPLANATION = replace(GREEDY, max_tokens=32)
"""The first 32 tokens of an explanation say what kind of thing a word stands for."""
MIN_DEFINITIONS = 2
"""The explanations of a name, of three, that must define it as a kind of the topic."""
MIN_PREFIX = 6
"""A topic word of so many letters may begin a longer word: "alcoholic"."""
DEFINITION_END = re.compile(
    r"[.!?;:](?:\s|$)|\b(?:that|which|who|whose|where|when|combin\w+|involv\w+)\b"
)
"""What follows tells more of the name than its kind."""


def explain_names(model: Sampler, names: Sequence[str], seed: int) -> dict[str, tuple[str, ...]]:
    """Return the beginnings of the model's greedy explanations of each name, one per question."""
    requests = []
    for name in names:
        for number, question in enumerate(QUESTIONS):
            prompt = make_prompt(question.format(name))
            requests.append(Request("explain", prompt, GREEDY_EXPLANATION, number, seed))
    texts = ["" if one is None else one.text for one in sample_in_order(model, requests)]
    width = len(QUESTIONS)
    return {name: tuple(texts[width * i : width * (i + 1)]) for i, name in enumerate(names)}


def split_kinds(
    model: Sampler, topic: str, names: Sequence[str], seed: int
) -> tuple[list[str], list[str]]:
    """Return the names that are not of the topic, and those that are kinds of it.

    A small model lists kinds where it is asked for siblings: Christianity and Islam beside
    religion. Its definitions tell them apart: "Christianity is a monotheistic religion founded by".
    A name that only one of the explanations defines so is neither.
    """
    others: list[str] = []
    kinds: list[str] = []
    for name, texts in explain_names(model, names, seed).items():
        count = sum(defines_kind(text, topic) for text in texts)
        if count >= MIN_DEFINITIONS:
            kinds.append(re.sub(r"^the ", "", name))
        elif not count:
            others.append(name)
    return others, kinds


def defines_kind(text: str, topic: str) -> bool:
    """Return whether the first clause of an explanation names the topic."""
    word = re.escape(to_singular(topic.lower()))
    end = "" if len(word) >= MIN_PREFIX else r"(?:s|es)?\b"
    clause = DEFINITION_END.split(text.lower(), maxsplit=1)[0]
    return re.search(rf"\b{word}{end}", clause) is not None
