"""The kinds of text that people ask for, and their names: "wedding toasts" are toasts."""

from __future__ import annotations

from selfteach.materials.inflection import to_singular

TEXT_KINDS: dict[str, tuple[str, ...]] = {
    "ad": ("advert", "advertisement", "ad copy", "sales copy"),
    "agenda": ("meeting agenda",),
    "announcement": (),
    "article": (),
    "bio": ("biography", "author bio", "short bio"),
    "birthday card": ("birthday wish", "birthday greeting", "birthday message"),
    "blog post": ("blog entry", "blog article"),
    "bulletin": (),
    "business plan": (),
    "caption": ("Instagram caption", "photo caption", "picture caption"),
    "checklist": (),
    "commit message": (),
    "comparison": (),
    "complaint letter": ("letter of complaint",),
    "cover letter": ("application letter", "letter of application"),
    "dating profile": (),
    "definition": (),
    "dialogue": ("dialog",),
    "diary entry": ("journal entry",),
    "email": ("mail",),
    "essay": (),
    "eulogy": ("funeral speech",),
    "fable": (),
    "fairy tale": (),
    "flyer": ("leaflet", "brochure"),
    "guide": (),
    "haiku": (),
    "headline": ("heading", "title"),
    "instructions": ("how-to", "step-by-step instructions"),
    "invitation": ("invite",),
    "itinerary": ("travel itinerary", "travel plan", "trip plan"),
    "job ad": ("job posting", "job advertisement", "job advert", "job listing"),
    "joke": (),
    "lesson plan": (),
    "letter": (),
    "limerick": (),
    "LinkedIn post": (),
    "love letter": ("romantic letter",),
    "meal plan": ("menu plan",),
    "meeting minutes": ("minutes", "meeting notes", "meeting summary", "meeting protocol"),
    "memo": (),
    "message": ("chat message", "direct message"),
    "newsletter": (),
    "note": (),
    "obituary": (),
    "outline": (),
    "packing list": (),
    "performance review": ("performance appraisal", "employee review"),
    "play": (),
    "poem": ("verse",),
    "post": ("social media post", "Facebook post"),
    "poster": (),
    "press release": ("media release",),
    "pro and con list": ("pros and cons list", "list of pros and cons"),
    "product description": ("item description",),
    "proposal": ("project proposal",),
    "quiz": (),
    "recipe": (),
    "reference letter": (
        "letter of reference",
        "letter of recommendation",
        "recommendation letter",
    ),
    "report": (),
    "resume": ("CV", "curriculum vitae"),
    "review": (),
    "riddle": (),
    "shopping list": ("grocery list",),
    "slogan": ("tagline", "catchphrase"),
    "song": ("song lyric", "lyric"),
    "sonnet": (),
    "speech": (),
    "story": ("short story", "bedtime story"),
    "study plan": ("study schedule",),
    "summary": ("synopsis", "recap"),
    "text message": ("text", "SMS"),
    "thank-you note": ("thank-you letter", "thank-you card", "thank-you message"),
    "to-do list": ("task list",),
    "toast": ("wedding toast",),
    "translation": (),
    "tweet": (),
    "workout plan": ("training plan", "fitness plan", "exercise plan"),
}
"""Each kind in the singular, where it has one, with other names of exactly this kind."""


def find_text_kind(genre: str) -> str:
    """Return the kind of a genre, or of the genre that its last words name; "" if none is known.

    "photo caption" -> "caption", "LinkedIn post" -> itself, "funny LinkedIn post" -> that.
    """
    words = genre.split(" ")
    endings = [" ".join(words[place:]) for place in range(len(words))]
    return next((_KINDS[name] for name in map(_normalize, endings) if name in _KINDS), "")


def is_name_of_kind(genre: str, kind: str) -> bool:
    """Return whether a genre is a kind, and none that is narrower."""
    return _KINDS.get(_normalize(genre)) == kind


def _normalize(name: str) -> str:
    """Return a name in lower case, its last word in the singular, "thank you" as "thank-you"."""
    *first, last = name.lower().replace("-", " ").split()
    return " ".join([*first, to_singular(last)])


_KINDS = {_normalize(name): kind for kind, names in TEXT_KINDS.items() for name in (kind, *names)}
