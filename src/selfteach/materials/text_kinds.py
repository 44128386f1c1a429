"""The kinds of text that people ask for, and their names: "wedding toasts" are toasts."""

from __future__ import annotations

import re

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
    "complaint letter": ("letter of complaint",),
    "cover letter": ("application letter", "letter of application"),
    "dating profile": (),
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
    "pro and con list": ("pros and cons list", "pros and cons", "list of pros and cons"),
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
    "text message": ("text", "SMS"),
    "thank-you note": ("thank-you letter", "thank-you card", "thank-you message"),
    "to-do list": ("task list",),
    "toast": ("wedding toast",),
    "tweet": (),
    "workout plan": ("training plan", "fitness plan", "exercise plan"),
}
"""Kinds of text in the singular, where they have one, with other names of exactly these kinds."""
HELP_KINDS: dict[str, tuple[str, ...]] = {
    "advice": ("piece of advice", "personal advice"),
    "calculation": ("math problem", "calculating", "sum"),
    "code": ("program", "function", "script", "code snippet", "piece of code"),
    "comparison": (),
    "correction": ("proofreading", "spelling correction"),
    "definition": (),
    "example": (),
    "explanation": (),
    "fun fact": ("interesting fact", "trivia"),
    "gift idea": ("present idea", "gift suggestion"),
    "health question": ("medical question", "health advice", "medical advice"),
    "how-to question": (),
    "idea": ("suggestion",),
    "list": (),
    "name suggestion": ("name", "name idea"),
    "opinion": (),
    "prediction": ("forecast",),
    "quotation": ("quote",),
    "recommendation": (),
    "rewrite": ("rephrasing", "rewording", "paraphrase"),
    "sad message": (),
    "summary": ("synopsis", "recap"),
    "tip": (),
    "translation": (),
}
"""Other things that people ask for, with other names of exactly these."""


def find_text_kind(genre: str) -> str:
    """Return the kind of a genre, or of the text that its last words name; "" if none is known.

    "photo caption" -> "caption", "LinkedIn post" -> itself, "funny LinkedIn post" -> that. "travel
    tip" has none: what people ask for beside texts has requests that do not name it.
    """
    if kind := _KINDS.get(_normalize(genre)):
        return kind
    words = genre.split(" ")
    endings = [" ".join(words[place:]) for place in range(1, len(words))]
    return next((_KINDS[name] for name in map(_normalize, endings) if is_text(name)), "")


def is_text(name: str) -> bool:
    """Return whether a normalized name is that of a kind of text."""
    return _KINDS.get(name, "") in TEXT_KINDS


def is_name_of_kind(genre: str, kind: str) -> bool:
    """Return whether a genre is a kind, and none that is narrower."""
    return _KINDS.get(_normalize(genre)) == kind


def read_described_kind(scope: str) -> str:
    """Return the kind that a scope without its "when" describes: "I ask you what a word means" is a
    definition; "" if it describes none.
    """
    return next((kind for pattern, kind in _DESCRIPTIONS if pattern.fullmatch(scope)), "")


def read_asked_kind(scope: str) -> str:
    """Return the kind that a scope without its "when" says is asked for: "I ask for advice" or
    "tips"; "" if it says none.
    """
    asked = _ASKED.fullmatch(scope)
    return _KINDS.get(_normalize(asked["name"]), "") if asked else ""


_WHO = r"(?:(?:I|we|you|they|someone|somebody|anyone|anybody|people|(?:the |an? )?users?) )"
_ASKS = r"(?:(?:am |is |are )?ask(?:s|ed|ing)?(?: you| me)?)"
_GIVES = r"(?:giv(?:e|es|ing)|mak(?:e|es|ing)|offer(?:s|ing)?|suggest(?:s|ing)?|writ(?:e|es|ing))"
_ASKED = re.compile(
    rf"(?:{_WHO}?(?:{_ASKS} (?:for|to (?:give|make|write|offer|suggest)(?: me| us)?)|"
    r"(?:want|need|request|look for|would like)(?:s|ed|ing)?|looking for|"
    rf"{_GIVES}(?: me| us| people| users)?) )?(?:(?:an?|some|any|a few|the) )?"
    r"(?:your (?=opinion|advice|recommendation|suggestion|tips?))?"
    r"(?P<name>[\w'-]+(?: (?!for |about |on )[\w'-]+){0,3})(?: (?:for|from) (?:me|you))?",
    re.I,
)
_IT = r"(?:something|anything|things?|stuff|it|this|that)"
_A_TEXT = (
    r"(?:(?:an?|the|my|this|some|any|our|your) )?(?:[a-z]+ )?(?:texts?|sentences?|writing|"
    r"paragraphs?|spelling|grammar|essays?|drafts?|emails?|letters?|passages?)"
)
_DESCRIPTIONS = [
    (re.compile(pattern.replace("ASKS TO ", rf"(?:{_WHO}?{_ASKS} to |{_WHO})?"), re.I), kind)
    for pattern, kind in (
        (rf"(?:{_WHO}?{_ASKS} )?how to (?:do|make|fix|use) {_IT}", "how-to question"),
        (rf"{_WHO}?{_ASKS} how {_IT} is (?:done|made)", "how-to question"),
        (rf"{_WHO}?{_ASKS} what (?:an? |the )?(?:words?|terms?|it|{_IT}) means?", "definition"),
        (r"ASKS TO defin(?:e|es|ing) (?:an? |the )?(?:words?|terms?|" + _IT + ")", "definition"),
        (rf"ASKS TO compar(?:e|es|ing) (?:two |several )?(?:{_IT}|options|products)", "comparison"),
        (rf"ASKS TO (?:proofread|correct|check|fix)(?:s|ing)? {_A_TEXT}", "correction"),
        (rf"ASKS TO (?:rewrit|rephras|paraphras)(?:e|es|ing) (?:{_IT}|{_A_TEXT})", "rewrite"),
        (rf"ASKS TO (?:reword)(?:s|ing)? (?:{_IT}|{_A_TEXT})", "rewrite"),
        (rf"ASKS TO recommend(?:s|ing)? {_IT}", "recommendation"),
        (rf"{_WHO}?{_ASKS} what you (?:think|would recommend)", "opinion"),
        (r"ASKS TO (?:calculat(?:e|es|ing)|comput(?:e|es|ing)) " + _IT, "calculation"),
        (
            rf"{_WHO}(?:say|tell you|write)s? (?:that )?(?:I am|they are|he is|she is) "
            r"(?:feeling )?(?:sad|lonely|upset|down|unhappy|depressed|heartbroken)",
            "sad message",
        ),
        (
            rf"{_WHO}(?:am|is|are|feels?) (?:feeling )?(?:sad|lonely|upset|down|unhappy)",
            "sad message",
        ),
        (
            rf"(?:{_WHO}?{_ASKS} |(?:{_WHO})?answer(?:ing)? )(?:an? |my )?(?:medical|health) "
            "questions?",
            "health question",
        ),
        (
            rf"ASKS TO explain(?:s|ing)? (?:{_IT}|an? (?:concept|idea|term|topic|thing)|concepts|"
            "ideas|terms|topics)",
            "explanation",
        ),
        (rf"ASKS TO list(?:s|ing)? {_IT}", "list"),
    )
]


def _normalize(name: str) -> str:
    """Return a name in lower case, its last word in the singular, "thank you" as "thank-you"."""
    *first, last = name.lower().replace("-", " ").split()
    return " ".join([*first, to_singular(last)])


_KINDS = {
    _normalize(name): kind
    for kind, names in (TEXT_KINDS | HELP_KINDS).items()
    for name in (kind, *names)
}
