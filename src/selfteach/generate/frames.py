"""Sentence frames of requests, and how they are filled."""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfteach.generate.asked_for import ABOUT
from selfteach.generate.few_shot import read_tables
from selfteach.generate.occasions import Occasion
from selfteach.materials.rules.inflection import add_article, list_plurals, to_singular
from selfteach.materials.rules.scopes.situation import leave_out_size

_TABLES = read_tables("situations.json")


def fill_frame(frame: str, genre: str, who: str, occasion: Occasion) -> str:
    """Return a request: a frame with its parts."""
    noun = genre or "a few lines"
    piece = noun if noun.startswith("a ") else add_article(noun)
    text = occasion.text
    if occasion.form == "clause" and not text.startswith(("I ", "I'")):
        text = text[0].lower() + text[1:]
    is_plain = leave_out_size(genre) == genre  # no verb says how long a text is
    do = _TABLES["verbs"].get(genre, "Write to") if is_plain else f"Write {piece} to"
    filled = frame.format(
        piece=piece,
        Piece=capitalize(piece),
        who=who,
        do=do,
        do_lower=do.lower(),
        clause=text,
        Clause=capitalize(text),
        purpose=text,
        topic=text,
        Who=capitalize(who),
    )
    return capitalize(filled) if frame[0] == "{" else filled


def list_fitting_frames(frames: Sequence[str], noun: str) -> list[str]:
    """Return the frames that fit a noun: "What are instructions?" is in none of them."""
    if not _is_plural(noun):
        return list(frames)
    return [frame for frame in frames if not _OF_ONE.search(frame)]


def _is_plural(noun: str) -> bool:
    head = noun.split(" ")[-1]
    return to_singular(head) != head


_OF_ONE = re.compile(
    r"\b(?:is|[Dd]oes|was|one|an?|first|[Cc]an|last|good) (?:\w+ )?\{(?:piece|noun)|"
    r"\{(?:piece|Piece|noun)\} (?:is|takes|be)\b|next to \{|\bone \{"
)
"""A frame that speaks of one text."""


def fill_text_frame(frame: str, noun: str, topic: str, link: str = ABOUT, whom: str = "") -> str:
    """Return a request for a kind of text; a note begins with a small letter.

    Instructions and minutes are plural already.

    Args:
        whom: for whom the text is; "" leaves it open.
    """
    made = f" for {whom}" if whom else ""
    *modifiers, head = noun.split(" ")
    is_plural = _is_plural(noun)
    piece = (noun if is_plural else add_article(noun)) + made
    return frame.format(
        piece=piece,
        Piece=capitalize(piece),
        noun=noun + made,
        pieces=(noun if is_plural else " ".join([*modifiers, list_plurals(head)[0]])) + made,
        topic=topic,
        link=link,
    )


def capitalize(text: str) -> str:
    """Return a text whose first letter is a capital, the others unchanged."""
    return text[:1].upper() + text[1:]
