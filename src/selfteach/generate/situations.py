"""Requests for a rule that holds in a situation: "In emails to my boss stay under 40 words."

A request joins a frame ("Write an email to my boss: ..."), a way to name the addressee, and an
occasion ("I will be late tomorrow"). A neighbor has the same parts and another addressee, so the
side of every request is known by construction. The exam has frames, occasions and addressees of its
own.

Source: the conditional rules and the three scopes of C3PO (arXiv 2402.10893). Departs: there a
large model writes the requests; here the model writes at most the occasions, because a small one
loses the addressee in longer requests.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence

from selfteach.generate.ask import GeneratedPrompt, Scope
from selfteach.generate.asked_for import get_text_kind, list_other_kinds
from selfteach.generate.few_shot import read_tables
from selfteach.generate.frames import capitalize, fill_frame, fill_text_frame
from selfteach.generate.occasions import Occasion
from selfteach.generate.text_requests import (
    NEAR_PER_QUESTION,
    OTHER_GENRES,
    build_text_requests,
)
from selfteach.materials.rules.inflection import to_singular
from selfteach.materials.rules.languages.foreign_words import list_english_people
from selfteach.materials.rules.scopes.situation import (
    Situation,
    is_made_for,
    is_topical_text,
    leave_out_size,
    name_written_topic,
)

QUESTION = "question about the addressee"
OTHER_GENRE = "another text to the addressee"
OTHER_TOPIC = "the addressee, about something else"
_TABLES = read_tables("situations.json")


def build_requests(
    situation: Situation,
    occasions: Sequence[Occasion],
    scope: Scope,
    count: int,
    seed: int,
    *,
    for_exam: bool,
) -> list[GeneratedPrompt]:
    """Return up to `count` different requests about the occasions, which take turns.

    Where the rule holds for a kind of text, see `build_text_requests`. The requests of both scopes
    have the same frames and occasions, in the same order: only the addressee tells them apart.
    Some near ones ask about the rule's own addressee, and nothing is written, or for something else
    that is written to this addressee. Where the rule names a topic, only occasions with one of its
    words are in scope, and the others are near ones.

    Args:
        scope: "target" names the addressee of the rule, "near" another one.
        for_exam: take the frames and the other addressees that no training prompt has.
    """
    if is_topical_text(situation):
        return build_text_requests(
            situation.genre, occasions, scope, count, seed, for_exam=for_exam
        )
    if is_made_for(situation) and not situation.topic:
        return build_made_requests(situation, occasions, scope, count, seed, for_exam=for_exam)
    dice = random.Random(f"{seed} situation {for_exam}")
    frames = _TABLES["exam_frames" if for_exam else "frames"]
    others = list_other_addressees(situation, for_exam=for_exam)
    found: dict[str, GeneratedPrompt] = {}
    if scope == "near":
        some = count // NEAR_PER_QUESTION
        own_addressee = build_questions_about(situation, some, for_exam=for_exam)
        own_addressee += build_other_genres(situation, occasions, some, for_exam=for_exam)
        own_addressee += build_other_topics(situation, occasions, some, for_exam=for_exam)
        found = {prompt.text: prompt for prompt in own_addressee}
    places = {form: dice.randrange(len(frames[form])) for form in frames}
    topic = name_written_topic(situation)
    of_topic = [occasion for occasion in occasions if occasion.word or not topic]
    for turn in range(8):
        for i, occasion in enumerate(of_topic):
            if len(found) >= count:
                return list(found.values())
            own = frames[occasion.form]
            frame = own[(places[occasion.form] + i + turn) % len(own)]
            names = situation.names if scope == "target" else others
            who = names[(i + turn) % len(names)] if scope == "target" else dice.choice(names)
            text = fill_frame(frame, situation.genre, who, occasion)
            prompt = GeneratedPrompt(text, scope, occasion.form, occasion.text)
            found.setdefault(text, prompt)
    return list(found.values())


def build_made_requests(
    situation: Situation,
    occasions: Sequence[Occasion],
    scope: Scope,
    count: int,
    seed: int,
    *,
    for_exam: bool,
) -> list[GeneratedPrompt]:
    """Return up to `count` different requests for a text that is made for the rule's addressee
    about the subjects ("a story for my kids about a robot"), or for another one.

    Some near ones ask about the addressee, and some for another kind of text for this addressee.
    """
    dice = random.Random(f"{seed} made {for_exam}")
    frames = _TABLES["exam_text_frames" if for_exam else "text_frames"]
    others = list_other_addressees(situation, for_exam=for_exam)
    kinds = list_other_kinds(situation.genre, OTHER_GENRES[for_exam])
    link = get_text_kind(situation.genre).link
    names = situation.names
    found: dict[str, GeneratedPrompt] = {}
    if scope == "near":
        asked = build_questions_about(situation, count // NEAR_PER_QUESTION, for_exam=for_exam)
        found = {prompt.text: prompt for prompt in asked}
    place = dice.randrange(len(frames))
    for turn in range(len(frames)):
        for i, occasion in enumerate(occasions):
            if len(found) >= count:
                return list(found.values())
            frame = frames[(place + i + turn) % len(frames)]
            own = names[(i + turn) % len(names)]
            form: str = occasion.form
            if scope == "target":
                text = fill_text_frame(frame, situation.genre, occasion.text, link, own)
            elif (i + turn) % NEAR_PER_QUESTION:
                other = dice.choice(others)
                text = fill_text_frame(frame, situation.genre, occasion.text, link, other)
            else:
                form = OTHER_GENRE
                text = fill_text_frame(frame, dice.choice(kinds), occasion.text, whom=own)
            found.setdefault(text, GeneratedPrompt(text, scope, form, occasion.text))
    return list(found.values())


def build_questions_about(
    situation: Situation, count: int, *, for_exam: bool
) -> list[GeneratedPrompt]:
    """Return up to `count` requests about the rule's addressee in which nobody is written to."""
    frames = _TABLES["exam_about_frames" if for_exam else "about_frames"]
    names = list(filter(None, situation.names))
    texts = [
        capitalize(frame.format(who=names[(i + turn) % len(names)]))
        for turn in range(len(names))
        for i, frame in enumerate(frames)
    ]
    return [GeneratedPrompt(text, "near", QUESTION, "") for text in texts[:count]]


def build_other_genres(
    situation: Situation, occasions: Sequence[Occasion], count: int, *, for_exam: bool
) -> list[GeneratedPrompt]:
    """Return up to `count` requests to write something else to the rule's addressee: a speech is no
    email. There are none where the rule is about all that is written to somebody.
    """
    own_genre = leave_out_size(situation.genre)
    genres = [genre for genre in OTHER_GENRES[for_exam] if genre != own_genre]
    names = list(filter(None, situation.names))
    if not (situation.genre and names):
        return []
    frames = _TABLES["exam_frames" if for_exam else "frames"]
    found: dict[str, GeneratedPrompt] = {}
    for i, occasion in enumerate(occasions):
        # A frame without its piece names what is written by a verb: "Email my boss ...".
        own = [frame for frame in frames[occasion.form] if "piece}" in frame.lower()]
        if own and len(found) < count:
            genre = genres[i % len(genres)]
            text = fill_frame(own[i % len(own)], genre, names[i % len(names)], occasion)
            found.setdefault(text, GeneratedPrompt(text, "near", OTHER_GENRE, occasion.text))
    return list(found.values())


def build_other_topics(
    situation: Situation, occasions: Sequence[Occasion], count: int, *, for_exam: bool
) -> list[GeneratedPrompt]:
    """Return up to `count` requests to write to the rule's addressee about something else than the
    rule's topic; none where it names none.
    """
    if not name_written_topic(situation):
        return []
    frames = _TABLES["exam_frames" if for_exam else "frames"]
    found = []
    for i, occasion in enumerate(one for one in occasions if not one.word):
        own = frames[occasion.form]
        who = situation.names[i % len(situation.names)]
        text = fill_frame(own[i % len(own)], situation.genre, who, occasion)
        found.append(GeneratedPrompt(text, "near", OTHER_TOPIC, occasion.text))
    return found[:count]


def list_other_addressees(situation: Situation, *, for_exam: bool) -> list[str]:
    """Return everyday addressees that are not the rule's own, nor may be the same person, in
    whatever language the rule names it.
    """
    named = set(re.findall(r"\w+", situation.addressee.lower())) - _SMALL_WORDS
    named |= {to_singular(word) for word in named}
    named |= set(list_english_people(situation.addressee))
    own = named | list_members(named)
    for group in _TABLES["alike"]:
        if own & set(group):
            own |= set(group)
    own |= list_wholes(named)
    table = _TABLES["exam_addressees" if for_exam else "addressees"]
    return [who for who in table if not own & set(re.findall(r"\w+", who.lower()))]


def list_members(named: Collection[str]) -> set[str]:
    """Return words for members of the groups that are named: "sister" for a family."""
    groups = _TABLES["members"]
    return {one for wholes, members in groups if set(named) & set(wholes) for one in members}


def list_wholes(named: Collection[str]) -> set[str]:
    """Return words for groups that have a member that is named: "family" for a sister."""
    groups = _TABLES["members"]
    return {one for wholes, members in groups if set(named) & set(members) for one in wholes}


_SMALL_WORDS = frozenset(("my", "the", "a", "an", "our", "old", "new", "best", "whole", "of"))
