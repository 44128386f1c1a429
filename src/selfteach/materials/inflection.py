"""English nouns and their regular plurals: enough to recognise "elephants" where a rule says
"elephant", and the other way round.
"""

from __future__ import annotations

import re

IRREGULAR_PLURALS = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "mouse": "mice",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "wolf": "wolves",
    "knife": "knives",
    "wife": "wives",
    "life": "lives",
    "leaf": "leaves",
    "half": "halves",
    "shelf": "shelves",
    "thief": "thieves",
    "loaf": "loaves",
    "calf": "calves",
    "elf": "elves",
    "quiz": "quizzes",
    "ox": "oxen",
}
_SINGULARS = {plural: word for word, plural in IRREGULAR_PLURALS.items()}
_SAME = {
    "news",
    "series",
    "species",
    "gas",
    "lens",
    "bus",
    "plus",
    "christmas",
    "jeans",
    "pants",
    "trousers",
    "scissors",
    "clothes",
    "maths",
    "always",
    "perhaps",
    "thanks",
    "headquarters",
    "atlas",
    "canvas",
    "bias",
    "chaos",
    "cosmos",
    "us",
    "was",
    "has",
    "his",
    "this",
    "yes",
    "its",
    "means",
    "glasses",
    "sunglasses",
}
_ENDS_IN_IE = {
    "cookie",
    "movie",
    "zombie",
    "selfie",
    "genie",
    "rookie",
    "calorie",
    "pie",
    "tie",
    "lie",
    "brownie",
    "hoodie",
    "smoothie",
}
_ENDS_IN_E = {
    "ache",
    "headache",
    "toothache",
    "cache",
    "niche",
    "avalanche",
    "moustache",
    "axe",
    "shoe",
    "toe",
    "canoe",
    "excuse",
    "fuse",
    "muse",
}


def list_plurals(word: str) -> tuple[str, ...]:
    """The plural forms of a lower-case noun by the regular spelling rules, and its irregular one:
    "box" -> ("boxes",).

    A plural gets no further ending from English ("elephants" -> "elephantses"), so asking for one
    does no harm.
    """
    irregular = (IRREGULAR_PLURALS[word],) if word in IRREGULAR_PLURALS else ()
    if re.search(r"(?:s|x|z|ch|sh)$", word):
        return (*irregular, word + "es")
    if re.search(r"[^aeiou]y$", word):
        return (*irregular, word[:-1] + "ies")
    return (*irregular, word + "s", *((word + "es",) if word.endswith("o") else ()))


def to_singular(word: str) -> str:
    """The noun that a lower-case word is the plural of, or the word itself: "cars" -> "car",
    "physics" -> "physics".

    Only an answer s with s in plurals(s) is given, so a check made from it still finds the word as
    it was written.
    """
    if word in _SINGULARS:
        return _SINGULARS[word]
    if (
        word in _SAME
        or len(word) < 4
        or not word.endswith("s")
        or re.search(r"(?:ss|us|is|ics|[aeo]us)$", word)
    ):
        return word
    return next((stem for stem in _list_stems(word) if word in list_plurals(stem)), word)


def _list_stems(word: str) -> tuple[str, ...]:
    """Possible singulars, the likeliest first."""
    if word.endswith("ies"):
        return (
            (word[:-1], word[:-3] + "y")
            if word[:-1] in _ENDS_IN_IE
            else (word[:-3] + "y", word[:-1])
        )
    adds_es = (
        re.search(r"(?:ss|x|zz|sh|ch|[^aeiou]o|[^aeo]us)es$", word) and word[:-1] not in _ENDS_IN_E
    )
    return (word[:-2], word[:-1]) if adds_es else (word[:-1],)
