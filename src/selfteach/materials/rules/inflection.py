"""English nouns and their regular plurals, the gerunds of verbs, and the verbs behind nouns.

They suffice to recognize "elephants" if a rule says "elephant", and the reverse, and "Where can I
park?" if a rule says "parking".
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
    "analysis": "analyses",
    "diagnosis": "diagnoses",
    "crisis": "crises",
    "thesis": "theses",
    "hypothesis": "hypotheses",
}
_SINGULARS = {plural: word for word, plural in IRREGULAR_PLURALS.items()}
_SAME = frozenset(
    re.findall(
        r"\w+",
        "news series species gas lens bus plus christmas jeans pants trousers scissors clothes "
        "maths always perhaps thanks headquarters atlas canvas bias chaos cosmos us was has his "
        "this yes its means glasses sunglasses",
    )
)
_ENDS_IN_IE = frozenset(
    re.findall(
        r"\w+",
        "cookie movie zombie selfie genie rookie calorie pie tie lie brownie hoodie smoothie",
    )
)
_ENDS_IN_E = frozenset(
    re.findall(
        r"\w+",
        "ache headache toothache cache niche avalanche moustache axe shoe toe canoe excuse fuse "
        "muse",
    )
)


def list_plurals(word: str) -> tuple[str, ...]:
    """Return the plural forms of a lower-case noun: its irregular one, then the regular ones.

    "box" -> ("boxes",). The plural of a plural ("elephantses") is no English word, so it matches
    nothing.
    """
    plurals = [IRREGULAR_PLURALS[word]] if word in IRREGULAR_PLURALS else []
    if re.search(r"(?:s|x|z|ch|sh)$", word):
        plurals.append(word + "es")
    elif re.search(r"[^aeiou]y$", word):
        plurals.append(word[:-1] + "ies")
    else:
        plurals.append(word + "s")
        if word.endswith("o"):
            plurals.append(word + "es")
    return tuple(plurals)


def to_singular(word: str) -> str:
    """Return the singular of a lower-case plural, or the word itself.

    "cars" -> "car", "physics" -> "physics". The word is among `list_plurals` of its singular, so a
    check for the singular still finds the word.
    """
    if word in _SINGULARS:
        return _SINGULARS[word]
    if (
        word in _SAME
        or len(word) < 4
        or not word.endswith("s")
        or word.endswith(("ss", "us", "is", "ics"))
    ):
        return word
    return next((stem for stem in _list_stems(word) if word in list_plurals(stem)), word)


def _list_stems(word: str) -> tuple[str, ...]:
    """Return the possible singulars, the likeliest first."""
    stem = word[:-1]
    if word.endswith("ies"):
        with_y = word[:-3] + "y"
        return (stem, with_y) if stem in _ENDS_IN_IE else (with_y, stem)
    if re.search(r"(?:ss|x|zz|sh|ch|[^aeiou]o|[^aeo]us)es$", word) and stem not in _ENDS_IN_E:
        return word[:-2], stem
    return (stem,)


def to_gerund(verb: str) -> str:
    """Return the gerund of a lower-case verb: "ship" -> "shipping", "close" -> "closing".

    A consonant is doubled after the one short vowel of a stressed last syllable.
    """
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    if re.search(r"[^eoy]e$", verb):
        return f"{verb[:-1]}ing"
    is_short = re.fullmatch(r"(?:[^aeiou]|qu)*[aeiou][bdglmnprt]", verb)
    is_stressed_late = re.fullmatch(r".*(?:mit|fer|cur|gin|pel|bel|get|set|cel|lot)", verb)
    doubled = is_short or (is_stressed_late and verb not in _STRESSED_FIRST)
    return f"{verb}{verb[-1]}ing" if doubled else f"{verb}ing"


_VERB_ENDINGS = ("ing", "ment", "ation", "ion", "al")
"""Endings that make a noun of a verb."""
_MIN_STEM = 3
"""A verb is at least so long: "thing" and "moment" hold none."""


def list_verb_forms(noun: str) -> list[str]:
    """Return the forms of the verbs that a noun may come from: "park", "parked" of "parking",
    "refunded" of "refunds". A noun of several words has none.

    Not every form is a word: "parke", "wified". Nobody writes those.
    """
    singular = to_singular(noun).lower()
    if not singular.isalpha():
        return []
    stems = [singular[: -len(end)] for end in _VERB_ENDINGS if singular.endswith(end)]
    if singular.endswith("ery"):
        stems.append(singular[:-1])  # delivery
    verbs = [singular]
    for stem in stems:
        if len(stem) >= _MIN_STEM:
            verbs += [stem, f"{stem}e"]
            verbs += [stem[:-1]] if stem[-1] == stem[-2] else []
    forms: list[str] = []
    for verb in verbs:
        past = f"{verb}d" if verb.endswith("e") else f"{verb}ed"
        gerund = to_gerund(verb)
        forms += [verb, f"{verb}s", past, f"{gerund[:-3]}ed", gerund]
    return list(dict.fromkeys(forms))


_STRESSED_FIRST = frozenset({"offer", "suffer", "differ", "target", "label", "budget", "cancel"})
"""Verbs of two syllables whose last one is not stressed."""


def begins_with_vowel_sound(text: str) -> bool:
    """Return whether "an" stands before a text, not "a": it goes by the sound of the first word.

    "hour", "umbrella", "X post" and "FAQ" begin with a vowel; "user", "one-line joke" and "US
    citizen" do not.
    """
    return _VOWEL_SOUND.match(text) is not None


_VOWEL_SOUND = re.compile(
    r"(?!ONE\b|U[A-Z]{0,2}s?\b)(?:[AEFHILMNORSX](?:[A-Z]{0,2}|[A-Z]{1,2}s|"
    r"[B-DF-HJ-NP-TV-Z]*)(?![^\W\d_])|(?i:(?!one\b|once\b|uni(?!n|m)|us(?:[ei]|a[bg]|u)|eu|ewe|"
    r"ut[eio]|ubi)[aeiou]|hour|honest|honou?r|heir))"
)
"""Capitals are read letter by letter where they are few or hold no vowel: "SUV", "HTML", not
"FAMILY".
"""


def add_article(noun: str) -> str:
    """Return a noun with "a" or "an"."""
    return f"{'an' if begins_with_vowel_sound(noun) else 'a'} {noun}"


MAX_SHORT_NAME = 3


def is_short_name(word: str) -> bool:
    """Return whether a word is one of few capitals, and may be another in small letters: "IT"."""
    return word.isupper() and len(word) <= MAX_SHORT_NAME
