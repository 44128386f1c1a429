"""Other names of a forbidden subject: "soccer" and "quarterback" for football.

A word is another name of the subject if the model tells the subject by the word alone,

    p(topic | word) >= MIN_PROBABILITY

among the topic, its siblings and everyday topics, and if the base hardly ever uses the word in its
answers to general requests. (Of "casinos or gambling" one is enough. What it says about a sibling
does not count: "soccer" comes up beside rugby.) So is one that suggests the subject more strongly
than any sibling does (`measure_suggestion`), "latte" for coffee, if it is rare beside the siblings
too; where the word alone tells the subject less often than not, it must also belong to it
(`measure_membership`), as roulette does to gambling, and money does not. A kind of the topic
(`split_kinds`) needs neither.

Of all these the base gives explanations, and one at least must name the topic or another name: a
made-up word has none that does. A name that suggests the subject so strongly, and that answers
about it use far more often than general ones, needs none.
With a smaller probability, MIN_EXPLAINED_PROBABILITY, the word must be rare beside the siblings
too, and every explanation must: "A goalkeeper is a soccer player". The candidates are the words
that the model lists for the topic, and those that its answers about the topic use far more often
than others.

Departs from a list by a dictionary: only what this model says, and can be seen to say, counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from selfteach.generate import few_shot
from selfteach.generate.explain import MIN_DEFINITIONS, explain_names
from selfteach.generate.subject import (
    MIN_PART_NATS,
    NAME_LIST_SAMPLING,
    ListPlan,
    Subject,
    compute_topic_probabilities,
    count_names,
    list_alternatives,
    select_common,
)
from selfteach.generate.topic_members import measure_membership, measure_suggestion
from selfteach.judge.check import Check, parse_check
from selfteach.materials.rules.inflection import to_singular
from selfteach.models import Sampler, Scorer

MIN_PROBABILITY = 0.9
"""p(topic | word) from which on a word is a name by itself."""
MIN_EXPLAINED_PROBABILITY = 0.5
"""The same for a word whose every explanation has another name."""
MIN_DOUBTFUL_NATS = 14.0
"""How strongly a word must belong to the subject that it tells less often than not. Of 24 words of
eleven subjects below it ("money", "role") nobody would miss any; tram, of trains, has 14.5
(docs/log/2026-11-rules.md).
"""
MAX_SURE = 80
MAX_EXPLAINED = 40
"""So many sure words and likely ones, the most probable ones, are explained."""
MAX_ELSEWHERE = 0.03
"""The share of texts about something else in which another name may occur."""
MIN_LIFT = 8.0
"""How many times as often a typical word occurs in answers about the topic."""
MIN_ANSWERS = 2
"""Answers about the topic that have a typical word at least."""
MAX_TYPICAL = 40
"""So many typical words, the most frequent ones, are candidates."""
MAX_NAMES = 80
"""A broad subject ("religion") has 55 that are borne out."""
NUM_SKETCHED_LISTS = 6
"""Lists of each kind that the model writes for a sketch."""
MAX_SKETCHED = 12
"""So many words are explained before anything else is known."""


@dataclass(frozen=True)
class SaidTexts:
    """Hold what the base says, by what it is asked about.

    Attributes:
        inside: its answers to requests about the topic.
        near: its answers to requests about the siblings, and these requests.
        general: its answers to requests about anything else, and these requests.
    """

    inside: Sequence[str]
    near: Sequence[str]
    general: Sequence[str]

    @property
    def elsewhere(self) -> list[str]:
        """Return all texts that are not about the topic."""
        return [*self.near, *self.general]


def select_other_names(
    model: Sampler, scorer: Scorer, subject: Subject, known: Check, said: SaidTexts, seed: int
) -> list[str]:
    """Return other names of the topic, the most certain first.

    Args:
        model: explains words.
        scorer: tells the topic of a word.
        known: the check that texts without the topic's own name keep.
    """
    candidates = list_candidates(subject, known, said)
    probability = measure_probabilities(scorer, subject, candidates)
    ranked = sorted(candidates, key=lambda name: -probability[name])
    rare = [name for name in candidates if is_rare(name, said.elsewhere)]
    strong = select_strong_names(scorer, subject, rare)
    doubtful = [
        name
        for name in ranked
        if name in strong
        and probability[name] < MIN_EXPLAINED_PROBABILITY
        and name not in subject.kinds
    ]
    strong -= set(doubtful) - select_members(scorer, subject.topic, doubtful)
    certain = {*subject.kinds, *strong}
    sure = [name for name in ranked if probability[name] >= MIN_PROBABILITY or name in certain]
    explained = explain_names(model, sure[:MAX_SURE], seed)
    often_said = [name for name in explained if name in strong and is_said_inside(name, said)]
    sure = select_borne_out(explained, known, often_said)
    likely = [
        name
        for name in ranked
        if MIN_PROBABILITY > probability[name] >= MIN_EXPLAINED_PROBABILITY
        and name not in certain
        and name in rare
    ]
    explained = explain_names(model, likely[:MAX_EXPLAINED], seed)
    checks = [known, *map(make_name_check, sure)]
    confirmed = [name for name, texts in explained.items() if all_name_one(texts, checks)]
    return leave_out_covered([*sure, *confirmed])[:MAX_NAMES]


def list_candidates(subject: Subject, known: Check, said: SaidTexts) -> list[str]:
    """Return the words that may be other names, each once: those that the model lists, and those
    that are typical of answers about the topic, without the ones that general texts have.
    """
    typical = find_typical_words(said.inside, said.elsewhere)
    names = add_singulars([*subject.candidates, *typical])
    return [n for n in names if is_name(n) and known.keeps(n) and is_rare(n, said.general)]


def measure_probabilities(
    scorer: Scorer, subject: Subject, names: Sequence[str]
) -> dict[str, float]:
    """Return p(topic | name) of each name; of a topic with several parts, that of the likeliest."""
    of_parts = [
        compute_topic_probabilities(scorer, part, subject.siblings, names)
        for part in list_alternatives(subject.topic)
    ]
    return dict(zip(names, map(max, zip(*of_parts, strict=True)), strict=True))


def add_given_names(
    found: Iterable[str], also: Sequence[str], not_also: Sequence[str]
) -> list[str]:
    """Return the names that a person adds, then those that were found.

    Args:
        not_also: the found names that the person refuses, in any case of their letters.
    """
    left_out = {name.lower() for name in (*not_also, *also)}
    return [*also, *(name for name in found if name.lower() not in left_out)]


def add_singulars(names: Sequence[str]) -> list[str]:
    """Return the names, each plural after its singular: the check of "gamblers" does not find a
    gambler.

    A singular is judged by itself: slots belong to gambling, a slot does not.
    """
    pairs = ((to_singular(name) if name.islower() else name, name) for name in names)
    return list(dict.fromkeys(chain.from_iterable(pairs)))


def leave_out_covered(names: Sequence[str]) -> list[str]:
    """Return the names, each once, that no check of another one finds."""
    distinct = list(dict.fromkeys(names))
    checks = {name: make_name_check(name) for name in distinct}
    return [
        name
        for i, name in enumerate(distinct)
        if not any(
            not checks[other].keeps(name) and (j < i or checks[name].keeps(other))
            for j, other in enumerate(distinct)
            if j != i
        )
    ]


def select_borne_out(
    explained: Mapping[str, Sequence[str]], known: Check, said: Iterable[str] = ()
) -> list[str]:
    """Return the names of which an explanation has the topic's own name, or a name that was found
    so before: two made-up words that explain each other are none.

    A word that the model made up ("tuskadu") resembles one that belongs to the topic, and so tells
    the topic; asked what it means, the model says something else.

    Args:
        explained: the explanations of each name.
        known: the check that texts without the topic's own name keep.
        said: names that need no explanation.
    """
    found = [name for name in said if name in explained]
    while more := [
        name
        for name, texts in explained.items()
        if name not in found and is_borne_out(name, texts, known, found)
    ]:
        found += more
    return [name for name in explained if name in found]


def is_said_inside(name: str, said: SaidTexts) -> bool:
    """Return whether answers about the topic have a name MIN_LIFT times as often as general texts.

    Such a name is not made up: "railway" for trains, which the model explains as "a network of
    tracks". Texts about siblings may have it: "the largest railway or subway".
    """
    check = make_name_check(name)
    num_inside = sum(not check.keeps(text) for text in said.inside)
    num_general = sum(not check.keeps(text) for text in said.general)
    is_typical = num_inside * len(said.general) >= MIN_LIFT * num_general * len(said.inside)
    return num_inside >= MIN_ANSWERS and is_typical


def is_borne_out(
    name: str, explanations: Sequence[str], known: Check, others: Sequence[str]
) -> bool:
    """Return whether an explanation of a name has the topic's own name or another name of it."""
    own = make_name_check(name)
    distinct = [make_name_check(one) for one in others if own.keeps(one)]
    checks = [known, *(check for check in distinct if check.keeps(name))]
    return any(names_one(text, checks) for text in explanations)


def select_strong_names(scorer: Scorer, subject: Subject, names: Sequence[str]) -> set[str]:
    """Return the names that suggest the topic, or a part of it, more strongly than any of its
    siblings does.

    Without siblings nothing tells how strong that is, and no name is returned.
    """
    if not subject.siblings:
        return set()
    found: set[str] = set()
    num_siblings = len(subject.siblings)
    for part in list_alternatives(subject.topic):
        strengths = measure_suggestion(scorer, part, [*subject.siblings, *names])
        least = max(MIN_PART_NATS, *strengths[:num_siblings])
        own = zip(names, strengths[num_siblings:], strict=True)
        found |= {name for name, strength in own if strength > least}
    return found


def select_members(scorer: Scorer, topic: str, names: Sequence[str]) -> set[str]:
    """Return the names that belong to the topic, or to a part of it, by MIN_DOUBTFUL_NATS."""
    found: set[str] = set()
    for part in list_alternatives(topic):
        strengths = measure_membership(scorer, part, names)
        rows = zip(names, strengths, strict=True)
        found |= {name for name, nats in rows if nats >= MIN_DOUBTFUL_NATS}
    return found


def sketch_other_names(model: Sampler, subject: Subject, known: Check, seed: int) -> list[str]:
    """Return other names of the topic that need neither a scorer nor the base's answers: words that
    several of the model's lists have, and most of whose explanations name the topic.
    """
    worked = {"Words": few_shot.WORDS} | few_shot.NAME_LISTS
    plans = [
        ListPlan(name, own, NAME_LIST_SAMPLING, NUM_SKETCHED_LISTS) for name, own in worked.items()
    ]
    counts = sum(count_names(model, subject.topic, plans, seed).values(), Counter[str]())
    siblings = {name.lower() for name in subject.siblings}
    names = [
        name
        for name in select_common(counts)
        if is_name(name) and known.keeps(name) and name.lower() not in siblings
    ]
    explained = explain_names(model, names[:MAX_SKETCHED], seed)
    return [
        name
        for name, texts in explained.items()
        if sum(names_one(text, [known]) for text in texts) >= MIN_DEFINITIONS
    ]


def make_name_check(name: str) -> Check:
    """Return the check that texts without a name keep."""
    return parse_check(f'not contains "{quote(name)}"')


def is_rare(name: str, elsewhere: Sequence[str]) -> bool:
    """Return whether hardly any text about something else has a name."""
    check = make_name_check(name)
    num_with = sum(not check.keeps(text) for text in elsewhere)
    return num_with <= MAX_ELSEWHERE * len(elsewhere)


def all_name_one(texts: Sequence[str], checks: Sequence[Check]) -> bool:
    """Return whether every text breaks one of the checks."""
    return all(names_one(text, checks) for text in texts)


def names_one(text: str, checks: Sequence[Check]) -> bool:
    """Return whether a text breaks one of the checks."""
    return not all(check.keeps(text) for check in checks)


def is_name(name: str) -> bool:
    """Return whether a candidate is a word, or two, of letters."""
    return re.fullmatch(r"(?=.{3})[^\W\d_]{2,}(?:[ -][^\W\d_]{2,})?", name) is not None


def find_typical_words(inside: Sequence[str], elsewhere: Sequence[str]) -> list[str]:
    """Return words that many answers about the topic use and hardly any other answer does."""
    own = count_texts_with_word(inside)
    other = count_texts_with_word(elsewhere)
    num_own = max(len(inside), 1)
    num_other = max(len(elsewhere), 1)
    found = []
    for word, count in own.most_common():
        lift = (count / num_own) / ((other[word] + 0.5) / num_other)
        if count >= MIN_ANSWERS and lift >= MIN_LIFT:
            found.append(word)
    return found[:MAX_TYPICAL]


def count_texts_with_word(texts: Iterable[str]) -> Counter[str]:
    """Return for each word how many texts hold it, in the order of the texts; the first word of a
    sentence counts nowhere with its capital letter.
    """
    counts = Counter[str]()
    for text in texts:
        words = re.findall(r"(?<![.!?] )(?<!^)\b[^\W\d_]{3,}", text)
        counts.update(list(dict.fromkeys(words)))  # a set has another order in each process
    return counts


def quote(name: str) -> str:
    """Return a name for a check in double quotes."""
    return name.replace("\\", "\\\\").replace('"', '\\"')
