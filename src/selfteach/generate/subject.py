"""What the requests of a rule are about: its topic, what belongs to it, and its siblings.

The model lists names, and its own probabilities tell which of them belong to the topic, which mean
the topic itself, and which are other topics of the same kind.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from statistics import mean

import regex

from selfteach.generate import few_shot
from selfteach.generate.explain import split_kinds
from selfteach.generate.listing import format_examples
from selfteach.generate.topic_breadth import is_broad_topic
from selfteach.generate.topic_members import (
    compute_topic_logps,
    measure_suggestion,
    split_members,
)
from selfteach.materials.rules.inflection import list_plurals, to_singular
from selfteach.materials.rules.languages.foreign_words import list_english_names
from selfteach.materials.rules.scopes.message_kinds import CLOSED_QUESTION
from selfteach.models import Sampler, Scorer
from selfteach.models.ordered import sample_texts
from selfteach.records import GREEDY, Request, SamplingParams
from selfteach.text import UNSPACED

SIBLING_LIST_SAMPLING = SamplingParams(0.7, 0.95, 32, ("\n",))
NUM_SIBLING_LISTS = 24
NAME_LIST_SAMPLING = SamplingParams(1.0, 0.98, 40, ("\n",))
NUM_NAME_LISTS = 48
"""Lists that the model writes. Many free ones find rare names; the topics of the same kind must be
the common ones.
"""
MIN_LISTS = 2
MIN_RARE_PROBABILITY = 0.9
"""A name that fewer than MIN_LISTS lists have must tell the topic so surely: p(topic | name)."""
NUM_RIVALS = 8
"""Other topics that this probability is among; there are many such names."""
MAX_LETTERS_OF_WORDS = 2
"""Topics of so few letters must be words; longer ones may be parts of words ("bulldog")."""
MAX_WORDS = 16
"""The most frequent names that are kept as words of the topic."""
MAX_CANDIDATES = 40
"""The most frequent names that may be other names of the topic."""
MAX_SIBLINGS = 12
"""The most frequent names that are kept as siblings of the topic."""
MIN_SIBLINGS = 6
"""Everyday topics take the places of members of the topic, up to this number of siblings."""
MAX_ASKED_SIBLINGS = 8
"""So many of them are what the same people ask about otherwise."""
MAX_ALIASES = 4
"""So many of the topics of the same kind may turn out to be other names of the topic."""
MAX_NAMES = 40
"""The most frequent names of each kind that are looked at."""
MAX_KNOWN_NAMES = 32
"""The names that requests are about, the most certain ones."""
MAX_SIBLING_PROBABILITY = 0.85
"""A topic of the same kind is called by the topic's name no more often than this."""
MIN_ASSOCIATION_NATS = 1.0
MIN_KIND_SHARE = 0.6
MAX_SIBLING_SHARE = 0.45
"""How strongly a kind of a topic suggests it at least, and a sibling at most: a share of what the
name does that suggests it most.
"""
MAX_ASKED_SHARE = 0.55
"""How strongly what the same people ask about otherwise suggests a topic at most: a share of what
its own name does. "reimbursement" has .73 of "refunds", "business hours" .6 of "opening hours",
payment .54, discounts .54, returns .46.
"""
MIN_KIND_NATS = 4.0
"""A kind of a topic suggests it so much more than words of other topics do."""
FREQUENT_SHARE = 1 / 6
"""A name that stands in so many of the lists, and under every label, is a kind of the topic if it
suggests it at all: "internet" of "wifi", which "wireless router" suggests more strongly.
"""
MIN_PART_NATS = 4.0
MAX_SIBLING_NATS = 3.0
"""How strongly a part of a broad topic suggests it at least, and a sibling of one at most."""
MAX_ASKED_SIBLING_NATS = 2.0
"""The same of a sibling where a rule holds when somebody asks: wind (2.6) and lightning (2.7) are
weather, the sun (1.4) and fire (1.1) are not.
"""
MIN_KIND_MEMBERSHIP = 13.5
"""How strongly a kind of a topic belongs to it at least (`measure_membership`): espresso (20) to
coffee, surgery (24) to medical procedures; cats (12) do not to dogs, nor coffee (12.6) to tea.
Some rare kinds do not either: merlot (10.5) to wine.
"""
MIN_PART_LISTS = 3
MIN_PART_MEMBERSHIP = 7.0
"""The same of a part of a broad topic, and how many lists have it at least: sunshine (7.2) and wind
(7.5) belong to the weather, rice (9.5) to cooking; wine (6.7) does not to health.
"""
SIBLINGS_FACTOR = 3
"""So many times the siblings that are wanted are looked at."""
MAX_SIBLING_MEMBERSHIP = 5.5
"""How strongly a sibling of a broad topic belongs to it at most (`measure_membership`): burgers
(11.5) and cookies (7.5) belong to cooking, judo (7.1) to sports, snow (8) to the weather; the sun
(4.5), religion beside the law (4.9) and bees beside gardening (5.3) do not.
"""
MIN_NAME_PROBABILITY = 0.5
"""How surely a famous name must tell the topic: p(topic | name)."""
MIN_NAME_WORD_LENGTH = 4
"""The letters of a word of a topic's name that requests are about."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Hold what the requests of a rule are about.

    Attributes:
        topic: empty for a rule of form that holds everywhere; then every request is a target.
        words: what belongs to the topic; half of the target requests are about one of them.
        siblings: topics of the same kind, which near requests are about.
        forbidden: whether the rule forbids the topic; else the rule holds where it comes up.
        candidates: words that may be other names of the topic (select_other_names).
        kinds: kinds of the topic, which are other names of it. Where a rule holds when somebody
            asks, they are those that the model lists most.
        is_form: whether the topic is a form of request, as "a yes-or-no question": every target
            request is about one of the words then.
        name_words: the single words of the name of a topic to ask about. Alone they mean something
            else: neither "How do I open a jar?" nor "How many hours has a day?" asks about opening
            hours. In every NAME_WORD_TURN-th turn near requests are about one of them.
    """

    topic: str
    words: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    forbidden: bool = True
    candidates: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    is_form: bool = False
    name_words: tuple[str, ...] = ()


def extract_subject(model: Sampler, scorer: Scorer, rule: str, seed: int) -> Subject:
    """Return the subject of a rule, its words, and its siblings, as the model names them.

    A topic is ignored if the rule does not contain it; so is a word that the model does not
    associate with the topic.
    """
    topic = extract_topic(model, rule, seed)
    return describe_topic(model, scorer, topic, seed) if topic else Subject("")


def extract_topic(model: Sampler, rule: str, seed: int) -> str:
    """Return the topic that the model names for a rule; "" where the rule does not contain it."""
    listing = format_examples("Rule: {}\nTopic: {}\n\n", few_shot.TOPICS)
    sampling = replace(GREEDY, max_tokens=16, stop=("\n",))
    request = Request("subject", f"{listing}Rule: {rule}\nTopic:", sampling, 0, seed)
    topic = sample_texts(model, [request])[0].strip(" .\"'")
    is_in_rule = re.search(rf"(?<!\w){re.escape(topic)}(?!\w)", rule, re.IGNORECASE)
    return topic if is_in_rule and topic.lower() != "none" else ""


def sketch_topic(
    model: Sampler, topic: str, seed: int, *, forbidden: bool = True, asked: Sequence[str] = ()
) -> Subject:
    """Return a topic with the siblings that the model names, as `describe_topic` begins.

    No scorer is needed, so another name of the topic may be among the siblings.

    Args:
        asked: see `describe_asked_topic`.
    """
    parts = list_alternatives(topic) if forbidden else [topic]
    if len(parts) > 1:
        return join_subjects(topic, [sketch_topic(model, part, seed) for part in parts])
    kin = rank_siblings(count_names(model, topic, plan_sibling_lists(forbidden=forbidden), seed))
    kin = leave_out_translations(topic, dict.fromkeys([*asked, *kin]))
    siblings = [name for name in kin if not names_topic(name, topic)]
    return Subject(topic, (), tuple(siblings[: len(asked) + MAX_SIBLINGS]), forbidden)


def describe_known_topic(topic: str) -> Subject:
    """Return a topic that the model is asked about itself, or a kind of message; the others of
    the same kind are its siblings. A yes-or-no question and its neighbors may be about anything.
    """
    if topic == CLOSED_QUESTION:
        anything = (*few_shot.EVERYDAY_TOPICS, *few_shot.CUSTOMERS_TOPICS)
        return Subject(topic, anything, anything, forbidden=False, is_form=True)
    kin = few_shot.TALK_TOPICS if topic in few_shot.TALK_TOPICS else few_shot.SELF_TOPICS
    siblings = tuple(name for name in kin if name != topic)
    return Subject(topic, siblings=siblings, forbidden=False)


def describe_asked_topic(
    model: Sampler, scorer: Scorer, topic: str, seed: int, asked: Sequence[str] = ()
) -> Subject:
    """Return a topic that somebody may ask about, with kinds of it and its siblings.

    "surgery" is a kind of "medical procedures", and is asked about without that name. Which of the
    listed names are kinds and which are siblings is decided by how strongly they suggest the topic
    (`measure_suggestion`) and belong to it (`measure_membership`), not by the list: a small model
    calls a headache a sibling of "symptoms", and a cat a kind of dog. What may be a part of a broad
    topic is no sibling. What is listed often and belongs to it, as wind to the weather, is asked
    about first, if one word names the topic: doctors and hospitals belong to "medical procedures",
    and are none. Nor is it where it is known what the same people ask about otherwise.

    Args:
        asked: what the same people ask about otherwise, as far as it is known. One of them is a
            sibling unless it suggests the topic nearly as strongly as a synonym does: payment is no
            refund. The siblings that the model names follow.
    """
    of_siblings = plan_sibling_lists(forbidden=False)
    worked = {
        "Words": few_shot.WORDS,
        few_shot.SPECIAL_WORDS: few_shot.TERMS,
        "Kinds of it": few_shot.KINDS,
    }
    of_kinds = [
        ListPlan(name, own, NAME_LIST_SAMPLING, NUM_NAME_LISTS) for name, own in worked.items()
    ]
    listed = count_names(model, topic, [*of_siblings, *of_kinds], seed)
    kin = rank_siblings({plan.label: listed[plan.label] for plan in of_siblings})[:MAX_NAMES]
    kin = leave_out_translations(topic, dict.fromkeys([*asked, *kin]))
    kinds = [listed[plan.label] for plan in of_kinds]
    is_broad = is_broad_topic(scorer, topic)
    kin += [name for name in few_shot.EVERYDAY_TOPICS if is_broad and name not in kin]
    names = list(dict.fromkeys([*chain.from_iterable(kinds), *kin]))
    strength = dict(zip(names, measure_suggestion(scorer, topic, names), strict=True))
    (of_itself,) = measure_suggestion(scorer, topic, [topic]) if asked else (0.0,)
    strongest = max(strength.values(), default=0.0)
    least = max(MIN_KIND_NATS, MIN_KIND_SHARE * strongest)
    most = min(least, MAX_SIBLING_SHARE * strongest)
    if is_broad:
        most = min(most, MAX_ASKED_SIBLING_NATS)
    bounds = dict.fromkeys(kin, most) | dict.fromkeys(asked, MAX_ASKED_SHARE * of_itself)
    siblings = [n for n in kin if strength[n] < bounds[n] and is_new_name(n, topic, ())]
    if is_broad:
        siblings = leave_out_parts(scorer, topic, siblings, asked)
    frequent = find_frequent_names(kinds, of_kinds)
    found = select_kinds(chain.from_iterable(kinds), frequent, strength, least)
    least_membership = MIN_KIND_MEMBERSHIP
    if is_broad and not asked and len(topic.split()) == 1:
        least_membership = MIN_PART_MEMBERSHIP
        often = select_common(sum(listed.values(), Counter[str]()), MIN_PART_LISTS)
        found = list(dict.fromkeys([*often, *found]))
    new = [n for n in found if is_new_name(n, topic, ()) and n not in siblings]
    _, members = split_members(scorer, topic, new, least_membership)
    own = members[:MAX_KNOWN_NAMES]
    return Subject(
        topic,
        tuple(own),
        tuple(siblings[: len(asked) + MAX_SIBLINGS]),
        forbidden=False,
        kinds=tuple(name for name in own if name in frequent),
        name_words=list_name_words(topic, own),
    )


def leave_out_parts(
    scorer: Scorer, topic: str, siblings: Sequence[str], asked: Collection[str] = ()
) -> list[str]:
    """Return the first siblings of a broad topic without those that belong to it.

    Args:
        asked: see `describe_asked_topic`; these stay.
    """
    first = siblings[: len(asked) + SIBLINGS_FACTOR * MAX_SIBLINGS]
    listed = [name for name in first if name not in asked]
    beside, _ = split_members(scorer, topic, listed, MAX_SIBLING_MEMBERSHIP)
    return [name for name in first if name in asked or name in beside]


def select_kinds(
    listed: Iterable[str], frequent: Sequence[str], strength: Mapping[str, float], least: float
) -> list[str]:
    """Return the listed names that suggest a topic strongly, the strongest first, after the
    frequent ones that suggest it at all.

    Args:
        strength: how strongly each name suggests the topic, in nats.
        least: what is strong.
    """
    strong = [name for name in listed if strength[name] >= least]
    strong.sort(key=lambda name: -strength[name])
    often = [name for name in frequent if strength[name] >= MIN_KIND_NATS]
    return list(dict.fromkeys([*often, *strong]))


def list_name_words(topic: str, kinds: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the words of a name, if it has several and names one thing, without those that name a
    kind of it alone: "procedure" of medical procedures.
    """
    words = [word for word in topic.split() if len(word) >= MIN_NAME_WORD_LENGTH and word.isalpha()]
    if len(words) < 2 or len(list_alternatives(topic)) > 1:
        return ()
    names = {to_singular(name.lower()) for name in kinds}
    return tuple(word for word in words if to_singular(word.lower()) not in names)


def list_asked_topics(model: Sampler, audience: str, seed: int) -> list[str]:
    """Return what an audience asks about, as asked_by.json or the model lists it.

    Args:
        audience: in the plural: "guests", "museum visitors".
    """
    if requests := get_requests_by(audience):
        return list(requests)
    plan = ListPlan("They ask about", few_shot.ASKED_BY, SIBLING_LIST_SAMPLING, NUM_SIBLING_LISTS)
    (listed,) = count_names(model, audience, [plan], seed).values()
    head = to_singular(audience.split(" ")[-1])
    common = [name for name in select_common(listed) if head not in name]
    return common[:MAX_ASKED_SIBLINGS]


def get_requests_by(audience: str) -> Mapping[str, Sequence[str]]:
    """Return the requests of a known audience by topic; none of any other."""
    head = audience.split(" ")[-1]
    known = few_shot.SAME_AUDIENCES
    return few_shot.REQUESTS_BY.get(known.get(audience) or known.get(head, head), {})


def leave_out_close_topics(scorer: Scorer, topic: str, others: Sequence[str]) -> list[str]:
    """Return the other topics that suggest no part of a topic by MAX_ASKED_SHARE of what its own
    name does.
    """
    left = list(others)
    for part in list_alternatives(topic):
        of_itself, *strengths = measure_suggestion(scorer, part, [part, *left])
        most = MAX_ASKED_SHARE * of_itself
        left = [name for name, strength in zip(left, strengths, strict=True) if strength < most]
    return left


def find_frequent_names(listed: Sequence[Counter[str]], plans: Sequence[ListPlan]) -> list[str]:
    """Return the names that stand in FREQUENT_SHARE of all lists, and under every label; the most
    frequent first.
    """
    together = sum(listed, Counter[str]())
    least = FREQUENT_SHARE * sum(plan.number for plan in plans)
    often = [name for name, count in together.most_common() if count >= least]
    return [name for name in often if all(own[name] for own in listed)]


def describe_topic(model: Sampler, scorer: Scorer, topic: str, seed: int) -> Subject:
    """Return a forbidden topic with its words and its siblings, as the model names them.

    People and events are asked for too: they are other names of it. So are its kinds, where the
    model lists them among the siblings, and the parts of a broad topic (`describe_broad_topic`).
    What may belong to the topic (`split_members`), as poker to gambling, is no sibling; whether it
    is another name is decided later (select/other_names.py).
    Each topic of "cats or dogs" is described alone (`join_subjects`).
    """
    parts = list_alternatives(topic)
    if len(parts) > 1:
        described = [describe_topic(model, scorer, part, seed) for part in parts]
        joined = join_subjects(topic, [leave_out_members(scorer, own, parts) for own in described])
        taken = (*joined.words, *joined.kinds, *joined.candidates)
        siblings = fill_up_siblings(scorer, parts, joined.siblings, taken)
        return replace(joined, siblings=tuple(siblings))
    of_siblings = plan_sibling_lists(forbidden=True)
    worked = {"Words": few_shot.WORDS} | few_shot.NAME_LISTS
    free = [ListPlan(name, own, NAME_LIST_SAMPLING, NUM_NAME_LISTS) for name, own in worked.items()]
    listed = count_names(model, topic, [*of_siblings, *free], seed)
    kin = rank_siblings({plan.label: listed.pop(plan.label) for plan in of_siblings})
    kin = leave_out_translations(topic, kin)
    if is_broad_topic(scorer, topic):
        belonging_lists = sum(listed.values(), Counter[str]())
        return describe_broad_topic(model, scorer, topic, belonging_lists, kin, seed)
    siblings, aliases = split_siblings(scorer, topic, kin)
    siblings, kinds = split_kinds(model, topic, siblings, seed)
    foreign = {to_singular(name.lower()) for name in siblings}
    siblings, members = split_members(scorer, topic, siblings)
    if members:
        siblings = fill_up_siblings(scorer, [topic], siblings, [*kinds, *aliases, *members])
    common = {label: select_common(counts) for label, counts in listed.items()}
    words = [word for word in common.pop("Words") if to_singular(word.lower()) not in foreign]
    associated = select_associated_words(scorer, topic, words[:MAX_WORDS], siblings)
    names = list(chain.from_iterable(own[:MAX_NAMES] for own in common.values()))
    rare = [name for counts in listed.values() for name, n in counts.items() if n < MIN_LISTS]
    names += select_telling_names(scorer, topic, siblings, rare)
    names = [name for name in dict.fromkeys(names) if is_new_name(name, topic, foreign)]
    shares = compute_topic_probabilities(scorer, topic, siblings, names)
    ranked = sorted(zip(names, shares, strict=True), key=lambda pair: -pair[1])
    known = [name for name, share in ranked if share >= MIN_NAME_PROBABILITY]
    belonging = tuple(dict.fromkeys([*associated, *kinds, *known[:MAX_KNOWN_NAMES]]))
    found = [*words[:MAX_CANDIDATES], *aliases, *kinds, *members, *names]
    candidates = tuple(dict.fromkeys(found))
    return Subject(topic, belonging, tuple(siblings), candidates=candidates, kinds=tuple(kinds))


def leave_out_members(scorer: Scorer, subject: Subject, topics: Sequence[str]) -> Subject:
    """Return a subject without the siblings that may belong to another of the topics."""
    siblings = list(subject.siblings)
    for topic in topics:
        if topic != subject.topic:
            siblings, _ = split_members(scorer, topic, siblings)
    return replace(subject, siblings=tuple(siblings))


def fill_up_siblings(
    scorer: Scorer, topics: Sequence[str], siblings: Sequence[str], taken: Iterable[str]
) -> list[str]:
    """Return siblings, with everyday topics beside all of the topics up to MIN_SIBLINGS.

    Args:
        taken: names that are no siblings.
    """
    lack = MIN_SIBLINGS - len(siblings)
    if lack <= 0:
        return list(siblings)
    known = {to_singular(name.lower()) for name in (*siblings, *taken)}
    beside = list(few_shot.EVERYDAY_TOPICS)
    for topic in topics:
        new = leave_out_translations(topic, beside)
        new = [name for name in new if is_new_name(name, topic, known)]
        beside, _ = split_members(scorer, topic, new)
    return [*siblings, *beside[:lack]]


def join_subjects(topic: str, parts: Sequence[Subject]) -> Subject:
    """Return the subject of a rule that forbids several topics, the most certain of each first.

    What belongs to one topic is no sibling of another: Islam beside politics, of "politics or
    religion".
    """

    def take_turns(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, chain.from_iterable(zip_longest(*lists)))))

    belonging = {name.lower() for p in parts for name in (*p.words, *p.kinds, *p.candidates)}
    siblings = [
        name
        for name in take_turns([part.siblings for part in parts])
        if name.lower() not in belonging and not names_topic(name, topic)
    ]
    return Subject(
        topic,
        take_turns([part.words for part in parts]),
        tuple(siblings[:MAX_SIBLINGS]),
        candidates=take_turns([part.candidates for part in parts]),
        kinds=take_turns([part.kinds for part in parts]),
    )


def describe_broad_topic(
    model: Sampler,
    scorer: Scorer,
    topic: str,
    listed: Counter[str],
    kin: Sequence[str],
    seed: int,
) -> Subject:
    """Return a broad forbidden topic with its parts and its siblings.

    What suggests the topic is a part of it (`measure_suggestion`): "election" and "parliament" for
    politics. The model lists parts among the siblings as well: government beside politics. So one
    that suggests the topic or belongs to it is no sibling, and a part only if it is a kind of the
    topic or suggests it nearly as strongly as the strongest part does. Everyday topics fill the
    siblings up.

    Args:
        listed: in how many of the model's lists each name is that belongs to the topic.
        kin: the siblings that the model lists.
    """
    own = [name for name in select_common(listed) if is_new_name(name, topic, ())]
    kin = [name for name in kin if is_new_name(name, topic, ())]
    beside = leave_out_translations(topic, few_shot.EVERYDAY_TOPICS)
    everyday = [name for name in beside if is_new_name(name, topic, ())]
    names = list(dict.fromkeys([*own, *kin, *everyday]))
    strength = dict(zip(names, measure_suggestion(scorer, topic, names), strict=True))
    weak = [n for n in dict.fromkeys([*kin, *everyday]) if strength[n] < MAX_SIBLING_NATS]
    weak = leave_out_parts(scorer, topic, weak)
    siblings, kinds = split_kinds(model, topic, weak[: 2 * MAX_SIBLINGS], seed)
    foreign = {*kin, *everyday}
    parts = [n for n in own if n not in foreign and strength[n] >= MIN_PART_NATS]
    least = max(MIN_PART_NATS, MIN_KIND_SHARE * max(strength.values(), default=0.0))
    parts += [name for name in kin if strength[name] >= least]
    parts = [*kinds, *sorted(dict.fromkeys(parts), key=lambda name: -strength[name])]
    words = tuple(parts[:MAX_KNOWN_NAMES])
    kept = tuple(siblings[:MAX_SIBLINGS])
    return Subject(topic, words, kept, candidates=tuple(parts), kinds=tuple(parts))


def leave_out_translations(topic: str, names: Iterable[str]) -> list[str]:
    """Return names without those that are the topic in English: soccer beside "Fußball"."""
    english = list_english_names(topic)
    own = [name for name in english if not names_topic(name, topic)]
    return [name for name in names if not any(names_topic(name, other) for other in own)]


def is_new_name(name: str, topic: str, foreign: Collection[str]) -> bool:
    """Return whether a name neither contains the topic nor is one of its siblings.

    Args:
        foreign: the siblings in the singular.
    """
    return not names_topic(name, topic) and to_singular(name.lower()) not in foreign


def names_topic(name: str, topic: str) -> bool:
    """Return whether a name contains the topic, or a part of one that names several.

    A topic of two letters must be a word of the name: "ai" is in "email".
    """
    stems = [to_singular(part.lower()) for part in list_alternatives(topic)]
    return any(_contains_topic(name.lower(), stem) for stem in stems)


def _contains_topic(name: str, stem: str) -> bool:
    if len(stem) > MAX_LETTERS_OF_WORDS or regex.search(UNSPACED, stem):
        return stem in name
    forms = "|".join(map(re.escape, (stem, *list_plurals(stem))))
    return re.search(rf"(?<!\w)(?:{forms})(?!\w)", name) is not None


def split_siblings(scorer: Scorer, topic: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return topics of the same kind, and names that may mean the topic itself ("soccer").

    A name that contains the topic is left out. One that the model takes for the topic is no
    sibling, p(topic | name) > MAX_SIBLING_PROBABILITY, nor is one that contains it ("soccerball").
    """
    siblings: list[str] = []
    aliases: list[str] = []
    own = [name for name in names if not names_topic(name, topic)]
    tried = own[: MAX_SIBLINGS + MAX_ALIASES]
    pairs = []
    for name in tried:
        others = [one for one in tried if one not in name and name not in one]
        pairs.append((name, list_rivals(topic, others)))
    for name, share in zip(tried, compute_shares_of_topics(scorer, pairs), strict=True):
        (aliases if share > MAX_SIBLING_PROBABILITY else siblings).append(name)
    kept = [name for name in siblings if not any(alias in name for alias in aliases)]
    return kept[:MAX_SIBLINGS], aliases


def list_other_topics(topic: str, siblings: Iterable[str]) -> list[str]:
    """Return the siblings and the topics of the worked examples, without the topic itself."""
    worked = (about for about, _ in few_shot.SIBLINGS)
    names = dict.fromkeys((*siblings, *worked))
    return [name for name in names if name.lower() != topic.lower()]


def compute_topic_probabilities(
    scorer: Scorer, topic: str, siblings: Sequence[str], words: Sequence[str]
) -> list[float]:
    """Return p(topic | word) of each word, among the topic, its siblings and everyday topics."""
    topics = list_rivals(topic, siblings)
    return compute_shares_of_topics(scorer, [(word, topics) for word in words])


def list_rivals(topic: str, siblings: Iterable[str]) -> list[str]:
    """Return the topic, then its siblings and everyday topics."""
    return [topic, *list_other_topics(topic, (*siblings, *few_shot.EVERYDAY_TOPICS))]


def compute_shares_of_topics(
    scorer: Scorer, pairs: Sequence[tuple[str, Sequence[str]]]
) -> list[float]:
    """Return p(first topic | word) of each (word, topics), among its topics."""
    found = []
    for logps in compute_topic_logps(scorer, pairs):
        highest = max(logps)
        found.append(math.exp(logps[0] - highest) / sum(math.exp(p - highest) for p in logps))
    return found


def select_associated_words(
    scorer: Scorer, topic: str, words: Sequence[str], siblings: Sequence[str]
) -> list[str]:
    """Return the words that the model associates with the topic.

        log p(topic | word) - mean log p(other topic | word) >= MIN_ASSOCIATION_NATS

    This is a noisy channel like the `inverse` judge's. The minimum is small: it removes unrelated
    words only, and the probe decides what is in scope.
    """
    topics = [topic, *list_other_topics(topic, siblings)]
    associated = []
    logps_by_word = compute_topic_logps(scorer, [(word, topics) for word in words])
    for word, (own, *others) in zip(words, logps_by_word, strict=True):
        if own - mean(others) >= MIN_ASSOCIATION_NATS:
            associated.append(word)
    return associated


def list_alternatives(topic: str) -> list[str]:
    """Return the parts of a topic that names several.

    "toasts or speeches" -> "toasts", "speeches"; "poems or songs about cats" -> "poems about cats",
    "songs about cats".
    """
    head, about, rest = topic.partition(" about ")
    return [f"{part}{about}{rest}" for part in re.split(r", (?:or )?| or ", head)]


@dataclass(frozen=True, slots=True)
class ListPlan:
    """Plan the lists of names that the model writes after a label: the worked ones, (topic, names),
    and their number.
    """

    label: str
    worked: Sequence[tuple[str, str]]
    sampling: SamplingParams
    number: int


def plan_sibling_lists(*, forbidden: bool) -> list[ListPlan]:
    """Plan what near requests may be about: topics of the same kind.

    Where the rule holds when somebody asks, what the same people ask about otherwise comes first.
    """
    plans = [("Other topics of the same kind", few_shot.SIBLINGS)]
    if not forbidden:
        plans.insert(0, ("The same people also ask about", few_shot.ASKED_SIBLINGS))
    return [ListPlan(label, own, SIBLING_LIST_SAMPLING, NUM_SIBLING_LISTS) for label, own in plans]


def rank_siblings(listed: Mapping[str, Counter[str]]) -> list[str]:
    """Return the names of `plan_sibling_lists`, the most frequent of each label first."""
    ranked = [list(dict(counts.most_common())) for counts in listed.values()]
    *asked, kin = ranked
    first = list(chain.from_iterable(asked))[:MAX_ASKED_SIBLINGS]
    return list(dict.fromkeys([*first, *kin]))


def select_common(counts: Counter[str], least: int = MIN_LISTS) -> list[str]:
    """Return the names that at least so many lists have, the most frequent first."""
    return [name for name, count in counts.most_common() if count >= least]


def select_telling_names(
    scorer: Scorer, topic: str, siblings: Sequence[str], names: Sequence[str]
) -> list[str]:
    """Return the names that tell the topic among a few others with MIN_RARE_PROBABILITY."""
    rivals = [*siblings[: NUM_RIVALS // 2], *few_shot.EVERYDAY_TOPICS][:NUM_RIVALS]
    shares = compute_shares_of_topics(scorer, [(name, [topic, *rivals]) for name in names])
    return [n for n, share in zip(names, shares, strict=True) if share >= MIN_RARE_PROBABILITY]


def count_names(
    model: Sampler, topic: str, plans: Sequence[ListPlan], seed: int
) -> dict[str, Counter[str]]:
    """Return, for each label, how many of the model's lists have each short name.

    All lists are requested together: full batches are faster than small ones.
    """
    requests = []
    for plan in plans:
        listing = format_examples(f"Topic: {{}}\n{plan.label}: {{}}\n\n", plan.worked)
        prompt = f"{listing}Topic: {topic}\n{plan.label}:"
        requests += [Request("subject", prompt, plan.sampling, i, seed) for i in range(plan.number)]
    lines = iter(sample_texts(model, requests))
    found = {}
    for plan in plans:
        counts = Counter[str]()
        for line in islice(lines, plan.number):
            for name in dict.fromkeys(part.strip(" .") for part in line.split(",")[:-1]):
                if name and len(name.split()) <= 3 and name.lower() != topic.lower():
                    counts[name] += 1
        found[plan.label] = counts
    return found
