"""Requests that the model writes itself, in three scopes, by continuing a list of worked ones.

*target*: the rule may apply. *near*: the request looks similar, but the rule must not apply.
*general*: any other request.
Source: the three scopes of C3PO (arXiv 2402.10893); ELVF (I) for requests by the model itself.
Departs: few-shot continuation in place of an instruction, because small models follow the first and
not the second; several forms of request and several subjects take turns, because samples of one
prompt repeat themselves.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

from selfteach.generate import few_shot
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.generate.subject import Subject, list_alternatives
from selfteach.materials.rules.inflection import begins_with_vowel_sound, to_singular
from selfteach.models import Sampler
from selfteach.models.ordered import sample_texts
from selfteach.records import Request, SamplingParams, digest

Scope = Literal["target", "near", "general"]
PromptForms = Mapping[str, Sequence[tuple[str, str]]]
"""Forms of request, each with worked ones: (topic, request)."""
ASKED = "asked"
"""The form of a worked request, in the manner of people: about the topic of a condition, or beside
it."""
TWIN = "twin"
"""The form of a prompt that is a target prompt with a sibling, or a kind, in the topic's place."""
SIMILAR = "similar"
"""The form of a prompt that is like a few given ones."""
LINE_SAMPLING = SamplingParams(temperature=0.8, top_p=0.95, max_tokens=40, stop=("\n",))
BLOCK_SAMPLING = SamplingParams(temperature=0.8, top_p=0.95, max_tokens=48, stop=("\n\n",))
OVERSAMPLING = 1.5
ROUND_SIZE = 10_000
"""The sample numbers of a round, which has at most so many requests: each has an id of its own."""
NAME_WORD_TURN = 3
"""Every such turn of the forms, a near request is about a word of the topic's name, if it has
several."""
NUM_ORDERS = 3
"""Orders of the worked requests. Few, so that engines find most of a prompt in their cache."""


@dataclass(frozen=True, slots=True)
class GeneratedPrompt:
    """Hold one request that the model wrote, its scope, and its planned form and subject."""

    text: str
    scope: Scope
    form: str
    subject: str

    @property
    def id(self) -> str:
        """Return the hash of the text."""
        return digest(["prompt", self.text])


def count_near_requests(count: int, name_words: Sequence[str]) -> int:
    """Return how many near requests are wanted where so many are about siblings: those about words
    of the topic's name are additional.
    """
    return count * NAME_WORD_TURN // (NAME_WORD_TURN - 1) if name_words else count


def generate_prompts(
    model: Sampler,
    subject: Subject,
    scope: Scope,
    count: int,
    find_fault: Callable[[str], str],
    rounds: range,
    seed: int,
    forms: PromptForms = few_shot.REQUESTS,
) -> Iterator[tuple[GeneratedPrompt, str]]:
    """Yield (request, fault) until there are enough good requests, or the rounds run out.

    Args:
        count: number of requests without fault.
        find_fault: the selection: "" for a request that is well formed and new, else the reason to
            drop it.
        rounds: the numbers of the rounds, each of which has samples of its own.
        forms: the forms of request, which take turns.
    """
    kept = 0
    for turn in rounds:
        lack = count - kept
        if lack <= 0:
            return
        texts = sample_texts(model, plan_requests(subject, scope, lack, turn, seed, forms))
        for prompt in _read_prompts(texts, subject, scope, lack, turn, seed, forms):
            if kept >= count:
                return
            fault = find_fault(prompt.text)
            kept += not fault
            yield prompt, fault


def generate_prompts_of_scopes(
    model: Sampler,
    subject: Subject,
    scopes: Sequence[Scope],
    count: int,
    is_good: Callable[[GeneratedPrompt], bool],
    rounds: int,
    seed: int,
    choose_forms: Callable[[Scope], PromptForms] = lambda _: few_shot.REQUESTS,
) -> list[GeneratedPrompt]:
    """Return up to `count` good requests of each scope, as `generate_prompts` yields them.

    The rounds of all scopes are sampled together: a full batch is faster than several small ones.

    Args:
        choose_forms: the forms of request of a scope.
    """
    found: dict[Scope, list[GeneratedPrompt]] = {scope: [] for scope in scopes}
    for turn in range(rounds):
        lacks = {scope: count - len(kept) for scope, kept in found.items() if len(kept) < count}
        if not lacks:
            break
        planned = {
            scope: plan_requests(subject, scope, lack, turn, seed, choose_forms(scope))
            for scope, lack in lacks.items()
        }
        texts = iter(sample_texts(model, list(chain.from_iterable(planned.values()))))
        for scope, requests in planned.items():
            own = list(islice(texts, len(requests)))
            forms = choose_forms(scope)
            read = _read_prompts(own, subject, scope, lacks[scope], turn, seed, forms)
            good = filter(is_good, read)
            found[scope] += islice(good, lacks[scope])
    return list(chain.from_iterable(found.values()))


def _read_prompts(
    texts: Sequence[str],
    subject: Subject,
    scope: Scope,
    lack: int,
    turn: int,
    seed: int,
    forms: PromptForms,
) -> Iterator[GeneratedPrompt]:
    """Yield the prompts in the texts that answer the requests of a round (`plan_requests`)."""
    for i, text in zip(_list_indices(lack, turn), texts, strict=True):
        form, about = _choose_form_and_subject(subject, scope, i, seed, forms)
        if not about:
            about, _, text = (part.strip() for part in text.partition("\nRequest:"))
        yield GeneratedPrompt(to_one_line(text), scope, form, about)


def plan_requests(
    subject: Subject,
    scope: Scope,
    lack: int,
    turn: int,
    seed: int,
    forms: PromptForms = few_shot.REQUESTS,
) -> list[Request]:
    """Return the requests of one round of `generate_prompts`, which lacks so many prompts."""
    if lack <= 0:
        return []
    requests = []
    for i in _list_indices(lack, turn):
        plan = _choose_form_and_subject(subject, scope, i, seed, forms)
        sampling = LINE_SAMPLING if plan[1] else BLOCK_SAMPLING
        text = _format_few_shot(plan, i, forms)
        requests.append(Request(f"ask {scope}", text, sampling, i, seed))
    return requests


def _list_indices(lack: int, turn: int) -> range:
    first = turn * ROUND_SIZE
    return range(first, first + min(max(int(lack * OVERSAMPLING), 8), ROUND_SIZE))


def _choose_form_and_subject(
    subject: Subject, scope: Scope, sample_index: int, seed: int, forms: PromptForms
) -> tuple[str, str]:
    """Return (form, subject) of a sample. Forms take turns.

    Every other target request names the topic, unless that is a form; the rest name one of its
    words.
    """
    chance = random.Random(f"{seed} {scope} {sample_index}")
    turn, place = divmod(sample_index, len(forms))
    about = ""
    if scope == "near" and subject.name_words and turn % NAME_WORD_TURN == NAME_WORD_TURN - 1:
        about = chance.choice(subject.name_words)
    elif scope == "near" and subject.siblings:
        about = chance.choice(subject.siblings)
    elif scope == "target" and subject.topic:
        topics = list_alternatives(subject.topic)
        is_word = subject.is_form or (subject.words and turn % 2)
        about = chance.choice(subject.words if is_word else topics)
    return list(forms)[place], about


def _format_few_shot(plan: tuple[str, str], sample_index: int, forms: PromptForms) -> str:
    form, about = plan
    worked = [row for row in forms[form] if row[0] != about]  # a worked one would be copied
    random.Random(f"{form} {sample_index // len(forms) % NUM_ORDERS}").shuffle(worked)
    listing = format_examples("Topic: {}\nRequest: {}\n\n", worked)
    return listing + (f"Topic: {about}\nRequest:" if about else "Topic:")


def generate_similar_prompts(
    model: Sampler,
    stage: str,
    lists: Sequence[Sequence[str]],
    find_fault: Callable[[str], str],
    seed: int,
    turn: int,
) -> Iterator[tuple[GeneratedPrompt, str]]:
    """Yield (request, fault) of one request for each list, which the model continues.

    Source: LLM2LLM (arXiv 2403.15042): more examples like those that went wrong.
    """
    requests = []
    for i, texts in enumerate(lists, turn * ROUND_SIZE):
        prompt = "".join(f"Request: {text}\n" for text in texts) + "Request:"
        requests.append(Request(stage, prompt, LINE_SAMPLING, i, seed))
    for texts, found in zip(lists, sample_texts(model, requests), strict=True):
        text = to_one_line(found)
        yield GeneratedPrompt(text, "target", SIMILAR, texts[-1]), find_fault(text)


def make_twin(text: str, topic: str, sibling: str) -> str:
    """Return a request with a sibling in the place of the topic, in the same number; "" if it does
    not name the topic.

    "How does an elephant sleep?" -> "How does a lion sleep?"
    """
    singular = to_singular(topic)
    names = "|".join(map(re.escape, sorted({topic, singular}, key=len, reverse=True)))
    pattern = re.compile(rf"\b(?:(an?)(\s+))?({names})\b", re.IGNORECASE)
    if not pattern.search(text):
        return ""

    def replace_name(match: re.Match[str]) -> str:
        is_whole = re.fullmatch(re.escape(topic), match[3], re.IGNORECASE) is not None
        name = sibling if is_whole else to_singular(sibling)
        if match[3][0].isupper() and match.start() == 0:
            name = name[0].upper() + name[1:]
        if not match[1]:
            return name
        article = "an" if begins_with_vowel_sound(name) else "a"
        article = article.capitalize() if match[1][0].isupper() else article
        return f"{article}{match[2]}{name}"

    return pattern.sub(replace_name, text)
