"""The kinds of text that people ask for, and their names: "wedding toasts" are toasts."""

from __future__ import annotations

import re

from selfteach.materials.rules.inflection import list_plurals, to_singular

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
    "resume": ("CV", "curriculum vitae", "résumé"),
    "review": (),
    "riddle": (),
    "shopping list": ("grocery list",),
    "slogan": ("tagline", "catchphrase"),
    "song": ("song lyrics", "lyrics"),
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
    "code": (
        "program",
        "function",
        "script",
        "code snippet",
        "piece of code",
        "script or function",
    ),
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
    "tip": ("pointer", "hint"),
    "translation": (),
}
"""Other things that people ask for, with other names of exactly these."""
MADE_KINDS = (
    *("essay", "fable", "fairy tale", "haiku", "joke", "lesson plan", "limerick", "play", "poem"),
    *("quiz", "riddle", "song", "sonnet", "story"),
)
"""Kinds of text that are made for somebody, about something, and tell this person no news."""


def find_text_kind(genre: str) -> str:
    """Return the kind of a genre, or of the text that its last words name; "" if none is known.

    "photo caption" -> "caption", "LinkedIn post" -> itself, "funny LinkedIn post" -> that. "travel
    tip" has none: what people ask for beside texts has requests that do not name it. Nor has
    "error message": nobody asks for one on an occasion.
    """
    if kind := _KINDS.get(_normalize(genre)):
        return kind
    words = genre.split(" ")
    if _normalize(" ".join(words[-2:])) in _OTHER_THINGS:
        return ""
    if genre.endswith("text message"):  # "alt texts"
        return ""
    endings = [" ".join(words[place:]) for place in range(1, len(words))]
    return next((_KINDS[name] for name in map(_normalize, endings) if is_text(name)), "")


def list_names(kind: str) -> tuple[str, ...]:
    """Return the other names of a kind."""
    return (TEXT_KINDS | HELP_KINDS).get(kind, ())


def is_text(name: str) -> bool:
    """Return whether a normalized name is that of a kind of text."""
    return _KINDS.get(name, "") in TEXT_KINDS


def is_name_of_kind(genre: str, kind: str) -> bool:
    """Return whether a genre is a kind, and none that is narrower."""
    return _KINDS.get(_normalize(genre)) == kind


_OTHER_THINGS = frozenset(
    f"{first} {last}"
    for firsts, last in (
        (("error", "log", "status", "system", "warning"), "message"),
        (("capital", "small", "block", "big", "first", "single"), "letter"),
        (("release", "lecture", "bank", "patch", "class", "field", "case"), "note"),
        (("code", "peer", "literature", "design"), "review"),
        (("bug", "weather", "crash", "lab", "credit"), "report"),
        (("tour", "mountain", "spirit"), "guide"),
        (("french", "avocado"), "toast"),
        (("user",), "story"),
        (("resignation", "credit", "delivery", "sick", "thanks"), "note"),
    )
    for first in firsts
)
"""What is named as a kind of text, and is another thing."""


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
    if not asked or (_OTHERS.match(scope) and asked["name"].lower() in _AMBIGUOUS):
        return ""
    return _KINDS.get(_normalize(asked["name"]), "")


_WHO = r"(?:(?:I|we|you|they|someone|somebody|anyone|anybody|people|(?:the |an? )?users?) )"
_ASKS = r"(?:(?:am |is |are |will |ever )?(?:ask(?:s|ed|ing)?|come to|turn to)(?: you| me)?)"
_GIVES = r"(?:giv(?:e|es|ing)|mak(?:e|es|ing)|offer(?:s|ing)?|suggest(?:s|ing)?|writ(?:e|es|ing))"
_ASKED = re.compile(
    rf"(?:(?:{_WHO}?(?:{_ASKS} (?:for|to (?:give|make|write|offer|suggest)(?: me| us)?)|"
    r"(?:want|need|request|look for|would like)(?:s|ed|ing)?|(?:am |is |are )?looking for)|"
    rf"(?:you )?{_GIVES}(?: me| us| people| users)?) )?(?:(?:an?|some|any|a few|my) )?"
    r"(?:your (?=opinion|advice|recommendation|suggestion|tips?))?"
    r"(?P<name>[\w'-]+(?: (?!for |about |on )[\w'-]+){0,3})"
    r"(?: (?:(?:for|from) (?:me|us|you)|on (?:something|anything)))?",
    re.I,
)
_OTHERS = re.compile(
    r"(?:they|someone|somebody|anyone|anybody|people|(?:the |an? )?users?)\b", re.I
)
_AMBIGUOUS = ("quote", "quotes", "name", "list", "text", "title", "note", "minutes")
"""What others may mean otherwise: a quote is a price, too."""
_IT = r"(?:something|anything|things?|stuff|it|this|that)"
_A_TEXT = (
    r"(?:(?:an?|the|my|this|some|any|our|your) )?(?:[a-z]+ )?(?:texts?|sentences?|writing|"
    r"paragraphs?|spelling|grammar|essays?|drafts?|emails?|letters?|passages?)"
)
_TEXT_OR_IT = rf"(?:{_A_TEXT}|(?!it$){_IT})(?: (?:that )?I wrote| for me| of mine)?"
_LOW = r"(?:feeling )?(?:sad|lonely|upset|down|unhappy|depressed|heartbroken|low)"
_TO_DO = rf"(?:{_WHO}?(?:{_ASKS}|wants? you|needs? you|have you|get you) (?:to )?|you )?"
"""Who wants something to be done, or that you do it; the verb may stand alone: "comparing two
things". What the person does is no request: "I check my spelling".
"""
_DESCRIPTIONS = [
    (re.compile(pattern.replace("TO DO ", _TO_DO), re.I), kind)
    for pattern, kind in (
        (rf"(?:{_WHO}?{_ASKS} )?how to (?:do|make|fix|use) (?:or fix )?{_IT}", "how-to question"),
        (rf"{_WHO}?{_ASKS} how {_IT} (?:is|are|get) (?:done|made)", "how-to question"),
        (rf"{_WHO}?{_ASKS} how {_IT} works?", "explanation"),
        (rf"{_WHO}?{_ASKS} what (?:an? |the )?(?:words?|terms?|{_IT}) means?", "definition"),
        (rf"TO DO defin(?:e|es|ing) (?:an? |the )?(?:words?|terms?|{_IT})", "definition"),
        (rf"TO DO compar(?:e|es|ing) (?:two |several )?(?:{_IT}|options|products)", "comparison"),
        (
            rf"{_WHO}?{_ASKS} which (?:one |of (?:two|several|the two) things )?is better",
            "comparison",
        ),
        (rf"TO DO (?:proofread|correct|check|fix)(?:s|ing)? {_TEXT_OR_IT}", "correction"),
        (
            rf"{_WHO}(?:hand|give|send)s? you {_TEXT_OR_IT} to (?:proofread|correct|check|fix)",
            "correction",
        ),
        (rf"TO DO (?:rewrit|rephras|paraphras)(?:e|es|ing) {_TEXT_OR_IT}", "rewrite"),
        (rf"TO DO reword(?:s|ing)? {_TEXT_OR_IT}", "rewrite"),
        (rf"TO DO (?:translat(?:e|es|ing)) {_TEXT_OR_IT}", "translation"),
        (rf"TO DO put(?:s|ting)? {_TEXT_OR_IT} into another language(?: for me)?", "translation"),
        (rf"TO DO recommend(?:s|ing)? (?:me )?{_IT}", "recommendation"),
        (rf"{_WHO}?{_ASKS} (?:you )?what (?:I|we|they|he|she) should do", "advice"),
        (rf"TO DO brainstorm(?:s|ing)?(?: {_IT}| ideas)?(?: with me)?", "idea"),
        (
            rf"{_WHO}?{_ASKS} what you (?:think(?: (?:of|about) {_IT})?|would recommend)",
            "opinion",
        ),
        (
            rf"TO DO (?:calculat(?:e|es|ing)|comput(?:e|es|ing)|work(?:s|ing)? out) "
            rf"(?:{_IT}|an? sum|sums|numbers)",
            "calculation",
        ),
        (rf"TO DO com(?:e|es|ing) up with (?:an? )?names?(?: for {_IT})?", "name suggestion"),
        (rf"TO DO nam(?:e|es|ing) {_IT}", "name suggestion"),
        (
            rf"{_WHO}(?:am |is |are )?(?:look(?:s|ing)? for|needs?|wants?) an? (?:present|gift)"
            r"(?: for (?:somebody|someone|a friend))?",
            "gift idea",
        ),
        (
            rf"{_WHO}(?:say|tell you|write)s? (?:that )?"
            rf"(?:I (?:am|feel)|they (?:are|feel)|(?:he|she) (?:is|feels)) {_LOW}",
            "sad message",
        ),
        (rf"(?!you ){_WHO}(?:am|is|are|feels?) {_LOW}", "sad message"),
        (
            rf"(?:{_WHO}?{_ASKS} |(?:{_WHO})?answer(?:ing)? )(?:an? |my )?(?:medical|health) "
            "questions?",
            "health question",
        ),
        (
            rf"TO DO explain(?:s|ing)? (?:{_IT}|an? (?:concept|idea|term|topic|thing)|concepts|"
            rf"ideas|terms|topics|how {_IT} works?)",
            "explanation",
        ),
        (rf"TO DO list(?:s|ing)? {_IT}", "list"),
    )
]


_UNCLEAR = frozenset(
    """
    agenda heading headline how-to instructions letter lyrics mail message minutes note outline play
    poster post report summary text title toast verse
    """.split()  # noqa: SIM905
)
"""Names that a demand of form has, too: "end your message with", "capital letters", "a title"."""
_CLEAR_HELP = (
    *("comparison", "definition", "explanation", "prediction", "quotation", "quote"),
    *("recommendation", "tip", "translation"),
)


def find_named_kind(demand: str) -> str:
    """Return the plural of a kind of text that the demand of a rule seems to be about: "Keep
    definitions to a single sentence." is about "definitions"; "" if it names none so.

    A kind that is demanded does not count: "end with a joke", "answer as a haiku".
    """
    said = _QUOTED.sub(" ", demand)
    found = next((match for pattern in _ABOUT_A_KIND if (match := pattern.search(said))), None)
    return list_plurals(to_singular(found["name"].lower()))[0] if found else ""


_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”")
_CLEAR_NAMES = sorted(
    {
        name
        for kind, names in TEXT_KINDS.items()
        for name in (kind, *names)
        if name.lower() not in _UNCLEAR
    }.union(_CLEAR_HELP),
    key=len,
    reverse=True,
)
_ONE = "|".join(map(re.escape, _CLEAR_NAMES))
_MANY = "|".join(re.escape(list_plurals(name)[0]) for name in _CLEAR_NAMES)
_MUST = (
    r"(?: (?:always|also|never|only))? (?:must|should|ha(?:ve|s) to|needs?|ought|go(?:es)?|starts?|"
    r"begins?|ends?|comes?)\b"
)
_ABOUT_A_KIND = [
    re.compile(pattern, re.I)
    for pattern in (
        rf"\b(?:any|every|each|my|our|your)(?: [a-z]+)? (?P<name>{_ONE})\b",
        rf"\b(?:all(?: the| my| our| your)?|any|my|our|your)(?: [a-z]+)? (?P<name>{_MANY})\b",
        rf"\ban? (?P<name>{_ONE})(?: (?:that )?you (?:write|give|make|help)| from (?:you|us))\b",
        rf"^an? (?P<name>{_ONE}){_MUST}",
        rf"^(?P<name>{_MANY})(?: (?:for|from) (?:me|us|you))?{_MUST}",
        rf"^(?:keep|make|write|start|begin|end|finish) (?P<name>{_MANY})\b",
    )
]


def _normalize(name: str) -> str:
    """Return a name in lower case, its last word in the singular, "thank you" as "thank-you"."""
    *first, last = name.lower().replace("-", " ").split() or [""]
    return " ".join([*first, to_singular(last)])


_KINDS = {
    _normalize(name): kind
    for kind, names in (TEXT_KINDS | HELP_KINDS).items()
    for name in (kind, *names)
}
