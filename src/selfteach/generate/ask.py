"""The model asks itself: requests in three scopes, written by continuing a list of worked ones.

*target*: the rule may fire. *near*: it looks similar, but the rule must not fire. *general*:
anything else.
Source: the three scopes of C3PO (arXiv 2402.10893); ELVF (I) for asking oneself.
Departs: few-shot continuation in place of an instruction, because small models follow the first and
not the second; seven forms of request in turn and several subjects in turn, because draws from one
prompt repeat themselves.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal

from selfteach.generate import few_shot
from selfteach.models import Sampler, Scorer
from selfteach.records import Continuations, Request, SamplingParams, digest
from selfteach.text import clean_text

Scope = Literal["target", "near", "general"]
PromptForms = Mapping[str, Sequence[tuple[str, str]]]
"""Forms of request, each with worked ones: (topic, request)."""
LINE_SAMPLING = SamplingParams(temperature=0.8, top_p=0.95, max_tokens=40, stop=("\n",))
BLOCK_SAMPLING = SamplingParams(temperature=0.8, top_p=0.95, max_tokens=48, stop=("\n\n",))
OVERSAMPLING = 1.5
NUM_LISTS, MAX_WORDS, MAX_SIBLINGS = 24, 16, 6
"""How many lists of names are drawn, and how many of the most frequent names are kept."""
MIN_ASSOCIATION_NATS = 1.0
"""Nats."""
NUM_ORDERS = 3
"""Orders of the worked requests. Few, so that engines find most of a prompt in their cache."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule is about. `topic` is empty for a rule of form; then every request is a target."""

    topic: str
    words: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GeneratedPrompt:
    """One request that the model wrote: its scope, the form and the subject that it was asked for
    with.
    """

    text: str
    scope: Scope
    form: str
    subject: str

    @property
    def id(self) -> str:
        """The hash of the text."""
        return digest(["prompt", self.text])


def extract_subject(model: Sampler, scorer: Scorer, rule: str, seed: int) -> Subject:
    """The subject of a rule, words that belong to it, and siblings of it, as the student names
    them.

    A topic that is not in the rule's own words is not believed; nor is a word that does not call
    the topic to mind.
    """
    listing = (
        "".join(f"Rule: {a}\nTopic: {b}\n\n" for a, b in few_shot.TOPICS) + f"Rule: {rule}\nTopic:"
    )
    topic = _sample_lines(
        model, "subject", [listing], SamplingParams(0.0, max_tokens=16, stop=("\n",)), seed
    )[0].strip(" .\"'")
    if topic.lower() == "none" or not topic or topic.lower() not in rule.lower():
        return Subject("")
    words = _list_names(model, topic, "Words", few_shot.WORDS, seed)
    siblings = [
        name
        for name in _list_names(
            model, topic, "Other topics of the same kind", few_shot.SIBLINGS, seed
        )
        if name not in words
    ]
    siblings = siblings[:MAX_SIBLINGS]
    return Subject(
        topic,
        tuple(select_associated_words(scorer, topic, words[:MAX_WORDS], siblings)),
        tuple(siblings),
    )


def select_associated_words(
    scorer: Scorer, topic: str, words: Sequence[str], siblings: Sequence[str]
) -> list[str]:
    """The words that call the topic to mind: log p(topic | word) - mean log p(other topic | word)
    >= LEAST_BELONGING nats.

    A noisy channel like the `inverse` judge's. The least is small: it leaves out what is far off,
    and the probe decides what is in scope.
    """
    pairs = [(word, about) for about, listed in few_shot.WORDS for word in listed.split(", ")[::3]]
    worked = "".join(f"Word: {word}\nTopic: {about}\n\n" for word, about in pairs)
    others = [
        name
        for name in dict.fromkeys([*siblings, *(about for about, _ in few_shot.SIBLINGS)])
        if name.lower() != topic.lower()
    ]
    items = [
        Continuations(
            f"{worked}Word: {word}\nTopic:", tuple(f" {name}" for name in (topic, *others))
        )
        for word in words
    ]
    found = dict(scorer.stream_scores(items))
    scores = {
        word: [p.logp for p in found[item.id(scorer.fingerprint)]]
        for word, item in zip(words, items, strict=True)
    }
    return [
        word for word, (own, *rest) in scores.items() if own - mean(rest) >= MIN_ASSOCIATION_NATS
    ]


def generate_prompts(
    model: Sampler,
    subject: Subject,
    scope: Scope,
    count: int,
    fault_of: Callable[[str], str],
    rounds: int,
    seed: int,
    forms: PromptForms = few_shot.REQUESTS,
) -> Iterator[tuple[GeneratedPrompt, str]]:
    """Yields (request, fault) until there are `count` requests without fault, or `rounds` rounds
    are over.

    `fault_of` is the selection: "" for a request that is well formed and new, else the reason to
    drop it. `forms` take turns.
    """
    kept = 0
    for turn in range(rounds):
        first, number = turn * 10_000, max(int((count - kept) * OVERSAMPLING), 8)
        for asked in _sample_prompts(
            model, subject, scope, range(first, first + number), seed, forms
        ):
            if kept >= count:
                return
            fault = fault_of(asked.text)
            kept += not fault
            yield asked, fault


def _sample_prompts(
    model: Sampler,
    subject: Subject,
    scope: Scope,
    sample_indices: range,
    seed: int,
    forms: PromptForms,
) -> Iterator[GeneratedPrompt]:
    plans = [_choose_form_and_subject(subject, scope, draw, seed, forms) for draw in sample_indices]
    requests = [
        Request(
            f"ask {scope}",
            _format_few_shot(plan, draw, forms),
            LINE_SAMPLING if plan[1] else BLOCK_SAMPLING,
            draw,
            seed,
        )
        for plan, draw in zip(plans, sample_indices, strict=True)
    ]
    answers = {draw.id: draw.text for draw in model.stream(requests)}
    for (form, about), request in zip(plans, requests, strict=True):
        text = clean_text(answers[request.id(model.fingerprint)]).strip()
        if not about:
            about, _, text = (part.strip() for part in text.partition("\nRequest:"))
        yield GeneratedPrompt(" ".join(text.split()), scope, form, about)


def _choose_form_and_subject(
    subject: Subject,
    scope: Scope,
    sample_index: int,
    seed: int,
    forms: PromptForms = few_shot.REQUESTS,
) -> tuple[str, str]:
    """(form, subject) of a draw: forms in turn; of target requests every other one names the topic,
    the rest one of its words.
    """
    chance = random.Random(f"{seed} {scope} {sample_index}")
    form = list(forms)[sample_index % len(forms)]
    if scope == "near" and subject.siblings:
        return form, chance.choice(subject.siblings)
    if scope == "target" and subject.topic:
        return form, chance.choice(subject.words) if subject.words and sample_index // len(
            forms
        ) % 2 else subject.topic
    return form, ""


def _format_few_shot(
    plan: tuple[str, str], sample_index: int, forms: PromptForms = few_shot.REQUESTS
) -> str:
    form, about = plan
    worked = list(forms[form])
    random.Random(f"{form} {sample_index // len(forms) % NUM_ORDERS}").shuffle(worked)
    return "".join(f"Topic: {a}\nRequest: {b}\n\n" for a, b in worked) + (
        "Topic:" if not about else f"Topic: {about}\nRequest:"
    )


def _list_names(
    model: Sampler, topic: str, label: str, worked: Sequence[tuple[str, str]], seed: int
) -> list[str]:
    """Short names that the student lists after `label`, the most frequent first."""
    listing = (
        "".join(f"Topic: {a}\n{label}: {b}\n\n" for a, b in worked) + f"Topic: {topic}\n{label}:"
    )
    counts: dict[str, int] = {}
    for line in _sample_lines(
        model, "subject", [listing] * NUM_LISTS, SamplingParams(0.7, 0.95, 32, ("\n",)), seed
    ):
        for name in dict.fromkeys(part.strip(" .") for part in line.split(",")[:-1]):
            if name and len(name.split()) <= 3 and name.lower() != topic.lower():
                counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: -counts[name])


def _sample_lines(
    model: Sampler, stage: str, prompts: Sequence[str], sampling: SamplingParams, seed: int
) -> list[str]:
    requests = [Request(stage, prompt, sampling, draw, seed) for draw, prompt in enumerate(prompts)]
    answers = {draw.id: draw.text for draw in model.stream(requests)}
    return [clean_text(answers[request.id(model.fingerprint)]).strip() for request in requests]


def generate_similar_prompts(
    model: Sampler,
    stage: str,
    lists: Sequence[Sequence[str]],
    fault_of: Callable[[str], str],
    seed: int,
    turn: int,
) -> Iterator[tuple[GeneratedPrompt, str]]:
    """Yields (request, fault) of requests like the given ones: one draw for each list, which the
    student continues.

    Source: LLM2LLM (arXiv 2403.15042): more examples like those that went wrong.
    """
    requests = [
        Request(
            stage,
            "".join(f"Request: {text}\n" for text in texts) + "Request:",
            LINE_SAMPLING,
            turn * 10_000 + i,
            seed,
        )
        for i, texts in enumerate(lists)
    ]
    answers = {draw.id: draw.text for draw in model.stream(requests)}
    for texts, request in zip(lists, requests, strict=True):
        text = " ".join(clean_text(answers[request.id(model.fingerprint)]).split())
        yield GeneratedPrompt(text, "target", "corner", texts[-1]), fault_of(text)


def format_few_shot_prompts(subject: Subject, count: int, seed: int = 0) -> list[str]:
    """Some of the prompts with which target requests are asked for, as the model sees them."""
    return [
        _format_few_shot(_choose_form_and_subject(subject, "target", draw, seed), draw)
        for draw in range(count)
    ]
