"""Requests for a rule that holds for a kind of text, or for other help that people ask for: "In
cover letters never use the word passionate."

A request joins a frame and what the text is about. A neighbor asks for another kind, so the side of
every request is known by construction.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from selfteach.generate.ask import GeneratedPrompt, Scope
from selfteach.generate.asked_for import (
    SENT_KINDS,
    TextKind,
    get_text_kind,
    list_other_framed_kinds,
    list_other_kinds,
)
from selfteach.generate.few_shot import read_tables
from selfteach.generate.frames import fill_frame, fill_text_frame, list_fitting_frames
from selfteach.generate.occasions import Occasion

GENRE_QUESTION = "question about the kind of text"
NEAR_PER_QUESTION = 6
"""One of so many near requests asks about the addressee or the kind of text, one for something else
that is written to the addressee, and one about something else where the rule names a topic.
"""
OTHER_GENRES = (
    ("speech", "poem", "song", "story", "riddle", "fairy tale", "quiz", "prayer", "play"),
    ("toast", "report", "haiku"),
)
"""What is written to the addressee beside the rule's genre: in training, and in the exam."""
EXAM_SUBJECT_SHARE = 4
"""One of so many subjects of other help is the exam's alone."""
PICTURE_KINDS = ("caption", "post")
"""Kinds of text that go with a picture."""
_TABLES = read_tables("situations.json")


def build_text_requests(
    genre: str,
    occasions: Sequence[Occasion],
    scope: Scope,
    count: int,
    seed: int,
    *,
    for_exam: bool,
) -> list[GeneratedPrompt]:
    """Return up to `count` different requests for a kind of text about the occasions, or for
    another kind about the same ones. Some near ones ask about the rule's kind, and nothing is
    written.
    """
    prefix = "exam_" if for_exam else ""
    dice = random.Random(f"{seed} text {for_exam}")
    kind = get_text_kind(genre)
    if kind.name in SENT_KINDS:
        make = plan_sent_requests
    else:
        make = plan_framed_requests if kind.frames else plan_text_requests
    planned = make(genre, occasions, scope, dice, for_exam=for_exam)
    found: dict[str, GeneratedPrompt] = {}
    if scope == "near" and not kind.frames:
        asked = list_fitting_frames(_TABLES[f"{prefix}text_about_frames"], genre)
        about = asked[: max(count, 0) // NEAR_PER_QUESTION]
        texts = [fill_text_frame(frame, genre, "") for frame in about]
        found = {text: GeneratedPrompt(text, scope, GENRE_QUESTION, "") for text in texts}
    for text, occasion in planned:
        if len(found) >= count:
            break
        found.setdefault(text, GeneratedPrompt(text, scope, occasion.form, occasion.text))
    return list(found.values())


def plan_text_requests(
    genre: str, occasions: Sequence[Occasion], scope: Scope, dice: random.Random, *, for_exam: bool
) -> Iterator[tuple[str, Occasion]]:
    """Yield requests for a text about each subject, in turn, until every frame had each of them."""
    prefix = "exam_" if for_exam else ""
    kind = get_text_kind(genre)
    frames = list_fitting_frames(_TABLES[f"{prefix}text_frames"], genre)
    if kind.name in PICTURE_KINDS:
        frames = [*frames, *_TABLES[f"{prefix}picture_frames"]]
    others = list_other_kinds(genre, _TABLES[f"{prefix}text_genres"])
    place = dice.randrange(len(frames))
    for turn in range(len(frames)):
        for i, occasion in enumerate(occasions):
            frame = frames[(place + i + turn) % len(frames)]
            if scope == "target":
                yield fill_text_frame(frame, genre, occasion.text, kind.link), occasion
            else:
                yield fill_text_frame(frame, dice.choice(others), occasion.text), occasion


def plan_framed_requests(
    genre: str, occasions: Sequence[Occasion], scope: Scope, dice: random.Random, *, for_exam: bool
) -> Iterator[tuple[str, Occasion]]:
    """Yield requests for what has frames of its own, as advice has; or requests for something else:
    on the same text where a text is worked on, as for a summary, and on other subjects otherwise.
    """
    kind = get_text_kind(genre)
    others = list_other_framed_kinds(genre)
    if kind.takes_text:
        others = [other for other in others if other.takes_text]
    for turn in range(len(kind.frames)):
        for i, occasion in enumerate(occasions):
            asked = kind if scope == "target" else dice.choice(others)
            frames = asked.exam_frames if for_exam else asked.frames
            is_shared = scope == "target" or kind.takes_text
            about = occasion.text if is_shared else dice.choice(pick_subjects(asked, for_exam))
            text = frames[(i + turn) % len(frames)].format(topic=about)
            yield text, replace(occasion, text=about)


def pick_subjects(kind: TextKind, for_exam: bool) -> Sequence[str]:
    """Return the subjects of a neighbor's kind that training has, or those of the exam alone."""
    first = -len(kind.subjects) // EXAM_SUBJECT_SHARE
    return kind.subjects[first:] if for_exam else kind.subjects[:first]


def plan_sent_requests(
    genre: str, occasions: Sequence[Occasion], scope: Scope, dice: random.Random, *, for_exam: bool
) -> Iterator[tuple[str, Occasion]]:
    """Yield requests for a text that is sent, to addressees of all kinds, on each occasion in turn;
    or for another kind of text to them.
    """
    prefix = "exam_" if for_exam else ""
    others = list_other_kinds(genre, [*SENT_KINDS, *OTHER_GENRES[for_exam]])
    frames = {form: _list_naming(own) for form, own in _TABLES[f"{prefix}frames"].items()}
    for turn in range(max(map(len, frames.values()))):
        for i, occasion in enumerate(occasions):
            own = frames[occasion.form]
            noun = genre if scope == "target" else dice.choice(others)
            who = dice.choice(_TABLES[f"{prefix}addressees"])
            yield fill_frame(own[(i + turn) % len(own)], noun, who, occasion), occasion


def _list_naming(frames: Sequence[str]) -> list[str]:
    """Return the frames that name the kind of text, as "Write to {who}" does not."""
    return [frame for frame in frames if "piece}" in frame.lower()]
