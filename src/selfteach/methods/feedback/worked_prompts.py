"""Requests of people that come with the program: in scope of a rule with a condition, and beside it
(step 2)."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Literal

from selfteach.generate.ask import ASKED, GeneratedPrompt
from selfteach.generate.asked_for import get_text_kind, list_requests_for_others
from selfteach.generate.few_shot import REQUESTS_ABOUT_ITSELF
from selfteach.generate.subject import get_requests_by, leave_out_close_topics, list_alternatives
from selfteach.generate.worked_requests import (
    SERVICES,
    find_related_topics,
    find_worked_topics,
    get_requests_beside,
)
from selfteach.materials.rules.scopes.situation import (
    Situation,
    has_built_requests,
    is_topical_text,
)
from selfteach.methods.feedback.understand_rule import (
    asks_about_itself,
    find_askers,
    list_requests_to_judge,
    list_worked_requests,
    name_asked_topic,
)
from selfteach.methods.session import Session

RELATED = "about a common topic of which the rule's is a part"
MAX_WORKED_SHARE = 0.6
"""At most so many of the target prompts are worked ones."""
MAX_OTHERS = 600
"""Worked requests about other topics that those about the topic are told from."""
MIN_NEAR_PER_ASKED = 2
"""At most one near prompt in so many is a worked one."""


def list_worked_targets(session: Session) -> list[GeneratedPrompt]:
    """Return the worked requests about the topic of a condition, if it is a common one, or a part
    of one: at most MAX_WORKED_SHARE of `ask.target`. Those about a part of a topic may be about
    something else.
    """
    form = ASKED
    if not (texts := list_worked_requests(session.understood)):
        texts, form = list_requests_to_judge(session.understood), RELATED
    most = int(session.config.ask.target * MAX_WORKED_SHARE)
    if len(texts) > most:
        texts = random.Random(session.config.seed).sample(texts, most)
    topic = session.understood.subject.topic
    return [GeneratedPrompt(text, "target", form, topic) for text in texts]


def list_worked_neighbors(session: Session) -> list[GeneratedPrompt]:
    """Return worked requests about other topics than that of a condition: at most one in
    MIN_NEAR_PER_ASKED of `ask.near`.

    A small model writes "What is noise?" about noise at night, and no guest asks that. The model's
    own answers to them are learned, as to other neighbors. Those of people who ask about the topic
    are first, as far as they are known.
    """
    return _list_neighbors(session)[: session.config.ask.near // MIN_NEAR_PER_ASKED]


def list_more_neighbors(session: Session) -> list[GeneratedPrompt]:
    """Return the worked requests outside a condition that training has not: those about other
    topics that `list_worked_neighbors` leaves, or those for other kinds of text.
    """
    situation = session.understood.situation
    if situation is not None and has_built_requests(situation):
        used = {prompt.text for prompt in list_requests_for_texts(session, situation, "near")}
        texts = [text for text in list_requests_for_others(situation.genre) if text not in used]
        random.Random(session.config.seed).shuffle(texts)
        return [GeneratedPrompt(text, "near", ASKED, text) for text in texts]
    return _list_neighbors(session)[session.config.ask.near // MIN_NEAR_PER_ASKED :]


def _list_neighbors(session: Session) -> list[GeneratedPrompt]:
    if asks_about_itself(session.understood):
        return list_in_turns(REQUESTS_ABOUT_ITSELF, session.understood.subject.siblings)
    if not name_asked_topic(session.understood):
        return []
    return [*list_requests_of_askers(session), *list_requests_about_others(session)]


def list_requests_of_askers(session: Session) -> list[GeneratedPrompt]:
    """Return what those who ask about a topic ask about otherwise. Where a rule gives an answer and
    nobody of a known kind is named, customers ask.
    """
    requests = get_requests_by(find_askers(session.understood))
    if session.understood.answer and not requests:
        requests = get_requests_by("customers")
    return list_in_turns(requests, session.understood.subject.siblings)


def list_in_turns(
    requests: Mapping[str, Sequence[str]], siblings: Collection[str]
) -> list[GeneratedPrompt]:
    """Return near prompts of requests by their topic, one about each sibling after the other."""
    ranked = [
        (place, GeneratedPrompt(text, "near", ASKED, topic))
        for topic, texts in requests.items()
        for place, text in enumerate(texts)
        if topic in siblings
    ]
    ranked.sort(key=itemgetter(0))
    return [prompt for _, prompt in ranked]


def list_requests_about_others(session: Session) -> list[GeneratedPrompt]:
    """Return, in random order, worked requests about common topics that are not close to the
    rule's: those put to a service where the rule says who asks or gives an answer, otherwise those
    put to whom its topic is put; none if that is not known.
    """
    topic = name_asked_topic(session.understood)
    known = find_worked_topics(topic) or find_related_topics(topic)
    if find_askers(session.understood):
        addressee = SERVICES
    elif known:
        addressee = known[0][0]
    else:
        return []
    beside = get_requests_beside(topic, addressee)
    prompts = [
        GeneratedPrompt(text, "near", ASKED, name)
        for name in leave_out_close_topics(session.base, topic, list(beside))
        for text in beside[name]
    ]
    random.Random(session.config.seed).shuffle(prompts)
    return prompts


def list_worked_sides(session: Session) -> tuple[list[str], list[str]]:
    """Return worked requests about the topic of a condition, and about others. Both are empty where
    a name of the topic has none ("refunds or vouchers"), or they are put to different addressees.
    """
    if asks_about_itself(session.understood):
        others = [prompt.text for prompt in _list_neighbors(session)]
        return list_worked_requests(session.understood), others
    topic = name_asked_topic(session.understood)
    known = find_worked_topics(topic)
    is_whole = all(map(find_worked_topics, list_alternatives(topic)))
    if not (known and is_whole and len({addressee for addressee, _ in known}) == 1):
        return [], []
    about = list_worked_requests(session.understood)
    others = [prompt.text for prompt in list_requests_about_others(session)]
    return (about, others[:MAX_OTHERS]) if about and others else ([], [])


def list_requests_for_texts(
    session: Session, situation: Situation, scope: Literal["target", "near"]
) -> list[GeneratedPrompt]:
    """Return the worked requests for the kind of text that a rule holds for, or near ones for other
    kinds: at most MAX_WORKED_SHARE of the former, and one in MIN_NEAR_PER_ASKED of the latter.
    """
    if not is_topical_text(situation):
        return []
    config = session.config.ask
    if scope == "target":
        texts = [*get_text_kind(situation.genre).requests]
        most = int(config.target * MAX_WORKED_SHARE)
    else:
        texts = list_requests_for_others(situation.genre)
        most = max(config.target, config.near) // MIN_NEAR_PER_ASKED
    chosen = random.Random(session.config.seed).sample(texts, min(most, len(texts)))
    return [GeneratedPrompt(text, scope, ASKED, text) for text in chosen]
