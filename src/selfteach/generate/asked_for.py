"""Kinds of text, and other help that people ask for: what each is about, and worked requests
(asked_for.json).

A small model asks "Write a letter to a cover letter.", and people ask "I'm applying as a nurse at
St. Mary's. What do I write to them?". So a rule for a common kind learns from requests of people,
beside those that are built of a frame and a subject.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from selfteach.generate.few_shot import read_tables
from selfteach.materials.rules.scopes.text_kinds import find_text_kind, is_name_of_kind, list_names

ABOUT = "about"
SENT_KINDS = ("email", "letter", "text message", "message", "note")
"""Kinds of text that are written to somebody, on an occasion."""


@dataclass(frozen=True, slots=True)
class TextKind:
    """Hold what is known of a kind of text.

    Attributes:
        name: "cover letter".
        link: joins the text and what it is about: "for".
        subjects: "a job as a nurse"; or texts to work on, as for a summary.
        requests: whole requests for such a text, as people say them.
        frames: requests without their subject, where those of other texts do not fit: nobody says
            "Write some advice about my roommate.".
        exam_frames: those that only exam prompts have.
        takes_text: whether the subjects are texts to work on.
    """

    name: str
    link: str = ABOUT
    subjects: Sequence[str] = ()
    requests: Sequence[str] = ()
    frames: Sequence[str] = ()
    exam_frames: Sequence[str] = ()
    takes_text: bool = False


def get_text_kind(genre: str) -> TextKind:
    """Return the kind of a text: that of a wedding toast is toast.

    A narrower kind has no requests: not everybody who wants a toast wants one for a wedding.
    """
    name = find_text_kind(genre)
    kind = _KINDS.get(name, TextKind(name))
    return kind if is_name_of_kind(genre, name) else replace(kind, requests=())


def list_other_kinds(genre: str, kinds: Iterable[str]) -> list[str]:
    """Return those of the kinds that a text of a genre is surely not: a haiku is a poem."""
    own = {genre, find_text_kind(genre)}
    alike = own.union(*(group for group in _ALIKE if own & set(group)))
    return [other for other in kinds if not _is_one_of(other, alike)]


def _is_one_of(kind: str, others: Iterable[str]) -> bool:
    return any(_is_same(kind, other) for other in others)


def _is_same(kind: str, other: str) -> bool:
    """Return whether two kinds are one, or one is a narrower one of the other: "news article"."""
    return kind == other or kind.endswith(f" {other}") or other.endswith(f" {kind}")


def list_other_framed_kinds(genre: str) -> list[TextKind]:
    """Return the kinds that have frames of their own and that a text of a genre is surely not."""
    return [_KINDS[kind] for kind in list_other_kinds(genre, _KINDS) if _KINDS[kind].frames]


def get_requests_for_others(genre: str) -> Mapping[str, Sequence[str]]:
    """Return the worked requests for kinds of text that a text of a genre is surely not, by their
    kind; none of them names the genre, as "Turn this blog post into a tweet" does. Of a kind that
    is not known ("writing to my boss") nothing is sure: none are returned.
    """
    kind = find_text_kind(genre)
    if kind not in _KINDS:
        return {}
    own = {genre, kind, *(set(list_names(kind)) - _EVERYDAY_WORDS)}
    names = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(own)))})s?\b", re.I)
    found: dict[str, Sequence[str]] = {}
    for other in list_other_kinds(genre, _KINDS):
        found[other] = [text for text in _KINDS[other].requests if not names.search(text)]
    return found


def list_requests_for_others(genre: str) -> list[str]:
    """Return the worked requests for kinds of text that a text of a genre is surely not."""
    return [*chain.from_iterable(get_requests_for_others(genre).values())]


_EVERYDAY_WORDS = {"name", "text", "sum", "title", "heading", "minutes", "mail", "verse", "recap"}
"""Names of kinds that say little in a request for another one."""
_ALIKE: Sequence[Sequence[str]] = (
    ("poem", "haiku", "limerick", "sonnet", "song", "prayer", "birthday card"),
    ("story", "fable", "fairy tale", "play", "dialogue", "diary entry"),
    (
        *("article", "report", "essay", "review", "press release", "bulletin", "newsletter"),
        *("announcement", "blog post"),
    ),
    (
        *("tweet", "post", "caption", "headline", "slogan", "tagline", "announcement", "ad"),
        *("LinkedIn post", "product description", "flyer", "poster", "job ad"),
    ),
    ("joke", "riddle", "quiz", "limerick", "dialogue"),
    ("speech", "lecture", "toast", "eulogy", "announcement"),
    ("bio", "dating profile", "resume", "obituary"),
    ("cover letter", "reference letter", "complaint letter", "love letter", "letter", "email"),
    (
        *("thank-you note", "birthday card", "invitation", "postcard", "note", "letter"),
        *("message", "text message", "email"),
    ),
    ("invitation", "announcement", "flyer", "poster"),
    ("message", "text message", "note", "email", "announcement", "rewrite", "translation"),
    ("email", "newsletter", "memo"),
    ("note", "meeting minutes"),
    ("review", "performance review"),
    ("summary", "meeting minutes", "report", "review", "definition"),
    ("job ad", "ad", "announcement"),
    ("list", "to-do list", "shopping list", "packing list", "pro and con list", "checklist"),
    ("list", "outline", "idea", "gift idea", "name suggestion", "example", "recommendation"),
    ("list", "fun fact", "quotation", "tip", "recipe"),
    ("workout plan", "meal plan", "study plan", "lesson plan", "business plan", "itinerary"),
    ("study plan", "to-do list", "checklist"),
    ("meal plan", "idea", "recipe", "shopping list", "health question"),
    ("workout plan", "health question"),
    ("instructions", "recipe", "lesson plan", "guide", "how-to question", "explanation", "tip"),
    ("guide", "blog post", "itinerary"),
    ("outline", "agenda", "proposal", "business plan"),
    ("memo", "announcement", "report", "note", "email"),
    ("obituary", "eulogy", "sad message"),
    ("sad message", "diary entry", "advice"),
    ("comparison", "pro and con list", "review", "recommendation", "advice", "opinion"),
    ("pro and con list", "health question"),
    ("advice", "tip", "recommendation", "opinion", "how-to question", "health question", "idea"),
    ("idea", "gift idea", "name suggestion", "example", "recommendation", "recipe"),
    ("explanation", "definition", "how-to question", "example", "comparison", "fun fact"),
    ("explanation", "health question", "definition"),
    ("how-to question", "instructions", "recipe", "guide", "tip", "code"),
    ("correction", "rewrite"),
    ("opinion", "prediction", "comparison", "review"),
    ("name suggestion", "headline", "slogan"),
    ("headline", "news article"),
    ("recommendation", "reference letter"),
)
"""Kinds of which one text may be another."""
_KINDS = {name: TextKind(name, **entry) for name, entry in read_tables("asked_for.json").items()}
