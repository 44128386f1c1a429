"""Find a demand for any member of a category: "Mention a fruit." asks for no word "fruit"."""

from __future__ import annotations

import re

from selfteach.materials.rules.inflection import list_plurals
from selfteach.materials.rules.phrases import REPLIES

_NAMES = re.findall(
    r"\S+",
    "actor actress adage adjective adverb allegory analogy anecdote animal antonym aphorism "
    "artist artwork athlete author band bird book brand building car cartoon castle "
    "category celebrity character cheese city clothing color colour comedian comic company "
    "comparison composer continent country county crop currency dance date day desert "
    "dessert dinosaur director disease dish drink element emotion empire epoch era event "
    "example fact feeling festival figure film fish flavor flavour flower food fruit fungus "
    "game gemstone general genre god goddess grain hero herb historian hotel hobby idiom illness "
    "ingredient insect instrument invention inventor island joke king lake landmark "
    "language leader limerick lyric mammal material meal meat metal metaphor mineral "
    "monarch month monument mountain movie museum musician myth mythology name nation noun "
    "novel novelist number nut object ocean organ painter painting philosopher phrase place "
    "planet plant player poem poet podcast politician president profession proverb pun queen "
    "quotation quote rapper recipe region restaurant reptile rhyme riddle river saint saying "
    "scholar scientist sculptor sea season shape shop shrub simile singer song soup species spice "
    "sport star state statistic store story superhero symbol symphony synonym tale team "
    "theorem thinker tool town tree tribe trivia vegetable vehicle verb village volcano war "
    "weekday weapon writer year",
)
_FORMS = "|".join(
    sorted({form for name in _NAMES for form in (name, *list_plurals(name))}, key=len, reverse=True)
)
_SEVERAL = "|".join(
    [
        "fruit",
        *(form for name in _NAMES if name not in ("war", "shop") for form in list_plurals(name)),
    ]
)
"""Members by a bare word: "Mention animals." """
_KIND = (
    r"(?:(?:[a-z]+ly )?(?!(?:an?|some|the|my|our|your|his|her|their|this|that|word|no|not)\b)"
    r"[\w'-]+ (?!and\b|or\b))?"
)
"""One adjective: "a European city"."""
_ASKS = (
    r"(?:(?:please|always|also|just|never fail to|try to|make sure to|be sure to|you (?:must|"
    r"should)) )*(?:mention|include|name|add|use|say|insert|give|work in|refer to|bring up|drop|"
    r"sneak in|slip in|cite|recommend|suggest|reference)"
)
_MEMBER = re.compile(
    rf"(?:in (?:each|every|all|any|your)(?: of your)? {REPLIES},? )?{_ASKS} "
    rf"(?:(?:at least |exactly )?(?:an?|one|some|any|another|two|three|\d+) (?:random |single |"
    rf"different )?{_KIND}(?:{_FORMS})|(?:random |different )?(?:{_SEVERAL}))"
    rf"(?:(?: or| and|,) (?:an? |some )?{_KIND}(?:{_FORMS}))*"
    r"(?: (?:about|by|from|in|of|on|with|that|which|who)\b(?! (?:each|every|all|any|your)\b)"
    r"[^\"]+?)?"
    r"(?: (?:somewhere|anywhere|each time|every time|at (?:the|its) (?:very )?(?:start|beginning|"
    rf"end)(?: of .+)?|(?:in|to|for|of) (?:(?:each|every|all|any|your|the|of) )*{REPLIES}))?"
    r"(?:,? (?:please|too|as well))?[ .!]*",
    re.I,
)


def asks_for_member(sentence: str) -> bool:
    """Return whether a sentence asks for any member of a category, which no word finds."""
    return _MEMBER.fullmatch(sentence.strip()) is not None
