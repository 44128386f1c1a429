"""Correct slips of the keyboard in a rule that cannot be read otherwise: "pls write evrything in
lowercase".

Only the words of demands are corrected, from words that are one slip away and none of English. What
a rule is about stays as it is written.
"""

from __future__ import annotations

import re

from rapidfuzz.distance import OSA

from selfteach.materials.rules.effects.usual_words import QUOTED
from selfteach.materials.rules.phrases import hide_quotes, show_quotes

_WORDS = frozenset(
    """
    about always anything because between characters capital capitals discuss emojis english
    everything exactly exclamation explain explicit finish french german greeting hashtag hashtags
    emoji include instead italics language lowercase uppercase mention mentioning message messages
    paragraph paragraphs password please politely punctuation question questions response responses
    semicolon semicolons sentence sentences somebody someone spanish starting subject whenever
    without yourself
    """.split()  # noqa: SIM905
)
_OTHERS = frozenset(
    """
    abort abut allays capitol capitols character described describes discus discuses
    exclamations explains finis germane greening greetings included includes italic languages
    massage massages mentions passwords pease pleas pleased pleases sentience sentenced
    staring starring startling stating starving smarting starling subjects wherever
    """.split()  # noqa: SIM905
)
"""English words that are one slip away from these."""
_WORD = re.compile(r"\b[a-z]{4,}\b")


def correct_typos(text: str) -> str:
    """Return a rule with the words of demands as they are spelled; quotations stay."""
    hidden, quotes = hide_quotes(text, QUOTED)
    return show_quotes(_WORD.sub(lambda word: _correct_word(word[0]), hidden), quotes)


def _correct_word(word: str) -> str:
    """Return the word of demands that is one letter, or two letters in turn, away; else the word
    itself. Its first letter is as it was.
    """
    if word in _WORDS or word in _OTHERS:
        return word
    near = [one for one in _WORDS if one[0] == word[0] and OSA.distance(word, one) == 1]
    alike = [one for one in near if len(near) == 1 or one[-1] == word[-1]]
    return alike[0] if len(alike) == 1 else word
