"""Possible answers in a sentence (dates, numbers, names, quotations, phrases), and how a question
with each of them begins.

The form of the words shows an answer; no model is needed. So every answer stands in its sentence,
and no fact is forgotten. Phrases are found in English only. A sentence in a script without capitals
(Chinese, Arabic, Hebrew, Thai) offers numbers and quotations only.

Source: the answer-first order of Self-Instruct (arXiv 2212.10560, section 2.2, "output-first");
spans by form as in cloze question generation (Lewis et al. 2019, arXiv 1906.04980).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from selfteach.dedup.overlap import split_words
from selfteach.materials.documents.listed import count_words

MAX_WORDS = 10
MAX_NAME_CHARS = 32
"""A name before a number is looked for in so many characters."""
CAPITAL = re.escape(
    "".join(c for c in map(chr, [*range(0x41, 0x590), *range(0x1E00, 0x2000)]) if c.isupper())
)
"""The capital letters of the scripts that have them, for a set of characters."""
_LATIN = r"[A-Za-zÀ-ÖØ-öø-ɏ]"
"""Letters that make one word with the digits before them: 19th, 1850s, 12km."""
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = rf"(?:\d{{1,2}} )?\b(?:{_MONTH}) (?:\d{{1,2}}, )?\d{{4}}\b"
_ISO_DATE = r"(?<![\d-])\d{4}-\d\d-\d\d(?![\d-])"
_NUMBER = re.compile(
    rf"{_DATE}|{_ISO_DATE}|(?<![\d:])\d{{1,2}}(?::\d\d){{1,2}}(?![\d:])|"
    rf"(?:(?<![\w)])[-−])?[$€£]?(?<!\d)\d[\d,.]*(?:{_LATIN}+|(?:\s?%|\s(?:percent|hundred|thousand|"
    rf"million|billion|trillion)\b)*)"
)
_NAME_OF_NUMBER = re.compile(rf"(?:[A-Za-zÀ-ÖØ-öø-ɏͰ-ӿ]|(?<!\w)[{CAPITAL}]\w{{0,30}}[-‐])$")
"""What stands before a number that is a part of a name: CO2, H2O, COVID-19; not of "mid-1950s"."""
_TITLE = r"(?:(?:Mrs?|Ms|Dr|Prof|St|Mt|Gen|Gov|Sen|Rep|Rev|Capt|Col|Lt|Sgt)\.\s+)?"
"""What stands before a name with a stop that ends no sentence."""
_NAME = re.compile(
    rf"(?<![-\w]){_TITLE}[{CAPITAL}][\w'’-]*\w(?:\s+(?:(?:of|the|for|and|de|van|von|on|la|"
    rf"du)\s+){{0,2}}{_TITLE}(?:(?:[{CAPITAL}]\.)+|[{CAPITAL}0-9][\w'’.-]*\w))*"
)
_BEFORE_NAME = re.compile(
    r"(?:(?:In|On|At|By|For|From|To|With|Within|Under|Over|Near|After|Before|During|Since|Until|"
    r"Between|Among|Against|Unlike|Despite|When|Where|While|Whereas|Though|Although|Because|If|"
    r"Unless|Once|But|And)\s+)(?:the\s+)?"
)
"""What a sentence begins with that is no part of the name after it: "In the United States"."""
_QUOTED = re.compile(r"[\"“„«「『《]([^\"“”„«»「」『』《》]{3,80})[\"”“»」』》]")
_PHRASE = re.compile(
    r"\b(?:(?:called|known as|named|because of|due to|made of|by|for|from|with|to|in|of|as|"
    r"into)\s+|(?:is|are|was|were)\s+(?=the |an? ))((?:the |an? )?[a-z][\w'’ "
    r"-]{3,50}?)(?=[,.;:)\"”](?!\w)|$| (?:and|or|by|in|of|to|for|with|from|that|which|who|on|at|"
    r"as|but|when|while|is|are|was|were)\b)"
)


def find_answer_spans(sentence: str, title: str) -> list[str]:
    """Return the answers that a sentence offers, the surest kind first.

    No answer lies within another, and none is the title.
    """
    taken: list[tuple[int, int]] = []
    for pattern in (_NUMBER, _QUOTED, _NAME, _PHRASE):
        for match in pattern.finditer(sentence):
            start, words = _read_span(pattern, match)
            end = start + len(words)
            is_free = all(e <= start or end <= s for s, e in taken)
            is_short = 0 < len(words.split()) <= MAX_WORDS
            if is_free and is_short and not _is_in_title(words, title):
                taken.append((start, end))
    return list(dict.fromkeys(sentence[start:end] for start, end in taken))


def _read_span(pattern: re.Pattern[str], match: re.Match[str]) -> tuple[int, str]:
    """Return where an answer begins, and its words; "" if it is none."""
    words = re.sub(r"(?:['’]s?|[ ,.])+$", "", match[pattern.groups])
    start = match.start(pattern.groups)
    if pattern is _NAME and start == 0:
        if " " not in words:
            return start, ""  # any sentence begins with a capital letter
        if first := _BEFORE_NAME.match(words):
            return first.end(), words[first.end() :]
    if pattern is _NUMBER and words[:1].isdigit():
        before = match.string[max(start - MAX_NAME_CHARS, 0) : start]
        if _NAME_OF_NUMBER.search(before):
            return start, ""
    return start, words


def _is_in_title(words: str, title: str) -> bool:
    """Return whether an answer is the subject of the text, which needs no question: its words stand
    in the title one after another, or those of the title in it.
    """
    own, other = (re.sub(r"^(?:the|an?) ", "", text.lower()) for text in (words, title))
    one, two = (f" {' '.join(split_words(text))} " for text in (own, other))
    return bool(one.strip() and two.strip()) and (one in two or two in one)


def is_latin(text: str) -> bool:
    """Return whether at least half of the letters are Latin; True for a text without letters.

    English question words fit such a text.
    """
    letters = [char for char in text if char.isalpha()]
    return 2 * sum(char < "\u0250" for char in letters) >= len(letters)


def is_unspaced(text: str) -> bool:
    """Return whether a text is mostly in a script without spaces between words."""
    return count_words(text) > 3 * len(text.split())


_PLACE = "\0"
_TIME = re.compile(r"\d{1,2}(?::\d\d){1,2}$")
_DAY_OR_MONTH = re.compile(rf"(?:{_MONTH}|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)s?")
_BEFORE_TIMES = ("in", "on", "early", "late")
_YEAR = re.compile(rf"^(?:{_ISO_DATE}|(?=.*\d).*\b(?:{_MONTH})\b.*|1\d{{3}}|20\d\d)$")


def make_whole_pattern(answer: str) -> str:
    """Return the pattern of an answer as whole words that belong to no longer number: "3", but not
    in "1930", "3,000" or "1.3".
    """
    return rf"(?<!\w)(?<!\d[.,]){re.escape(answer)}(?!\w|[.,]\d)"


def has_answer(sentence: str, answer: str) -> bool:
    """Return whether an answer stands in a sentence as whole words; in a script without spaces,
    whether it stands there at all.
    """
    is_whole = re.search(make_whole_pattern(answer), sentence) is not None
    return is_whole or (is_unspaced(sentence) and answer in sentence)


def replace_answer(sentence: str, answer: str, gap: str, count: int = 0) -> str:
    """Return a sentence with a gap in place of an answer.

    The answer is replaced as whole words ("3", but not in "1930" or "1.3"). If it stands nowhere as
    whole words, as in scripts without spaces, it is replaced anywhere.

    Args:
        count: at most so many times; 0 is everywhere.
    """
    whole = make_whole_pattern(answer)
    place = whole if re.search(whole, sentence) else re.escape(answer)
    return re.sub(place, lambda _: gap, sentence, count=count)


def get_question_openings(sentence: str, answer: str) -> tuple[str, ...]:
    """Return how a question with this answer begins, the likeliest first.

    A small model often asks about something else than the given answer (docs/log/); an opening such
    as "When did" prevents that. The question words are English. A sentence in another script gets
    none, and the model chooses how its question begins.
    """
    if not is_latin(sentence):
        return ("",)
    before, _, after = replace_answer(sentence, answer, _PLACE, 1).partition(_PLACE)
    words = [w for w in re.findall(r"[\w']+", before.lower()) if w not in ("the", "a", "an")]
    if _YEAR.match(answer) and not _is_count(before, answer, after):
        return ("When", "In what year")
    if _TIME.match(answer):
        return ("When", "What")
    if re.match(r"[$€£]", answer):
        return ("How much",)
    if re.search(r"%|percent", answer):
        return ("What percentage", "How much")
    if re.match(r"\d+s$", answer):
        return ("When",)
    if re.match(rf"\d[\d,.]*{_LATIN}", answer):
        return ("Which", "What")
    if answer[:1].isdigit():
        counted = re.match(r" ([a-z]{3,})", after)
        is_noun = counted and is_content_word(counted[1]) and counted[1] not in _NO_NOUN
        return (f"How many {counted[1]}",) if counted and is_noun else ("How many", "What")
    if re.search(r"\b(?:because of|due to) $", before):
        return ("Why",)
    if _DAY_OR_MONTH.fullmatch(answer) and words and words[-1] in _BEFORE_TIMES:
        return ("When",)
    if answer[:1].isupper():
        is_place = words and words[-1] in ("in", "at", "near", "from", "to")
        return ("Where", "Which") if is_place else ("Who", "What")
    return ("What", "Which")


_BEFORE_YEARS = re.compile(
    r"\b(?:the|in|since|by|from|to|until|till|of|for|during|around|after|before|and|or|about|circa|"
    r"c\.|early|late|mid|spring|summer|autumn|winter) $",
    re.I,
)


def _is_count(before: str, number: str, after: str) -> bool:
    """Return whether a number that could be a year counts what follows: "is 1500 metres long"."""
    is_bare = re.fullmatch(r"\d{4}", number) is not None
    counted = re.match(
        r" ([a-z]{2,}s|people|men|women|children|feet|sheep|percent|kg|km|m|cm|mm|ft)\b", after
    )
    is_noun = counted is not None and counted[1] not in _NO_NOUN
    return is_bare and is_noun and bool(before.strip()) and not _BEFORE_YEARS.search(before)


def remove_answer(question: str, answer: str) -> str:
    """Return a question without its answer and the preposition before the answer.

    "When did it open in 1790?" becomes "When did it open?". An answer in the possessive stays.
    """
    before = r"(?:(?:on|in|by|to|of|for|at|from|since|with)\s+(?:the\s+)?)?"
    cut = re.sub(rf"\s+{before}{make_whole_pattern(answer)}(?!['’])", "", question)
    return cut if len(cut.split()) > 2 else question


_STOP = frozenset(
    """
    a an the of in on at to for from by with and or not is are was were be been being do does did
    has have had can could may might will would should must what which who whom whose when where why
    how many much long old often far it its this that these those he she they his her their them
    there here one some any all most more than as if into about after before during called named
    name kind type
    """.split()  # noqa: SIM905
)

_NO_NOUN = frozenset(
    """
    across against along because between due each every only over per since through till toward
    towards under until while within without
    """.split()  # noqa: SIM905
)
"""Words that carry content and are nothing that is counted."""


def is_content_word(word: str) -> bool:
    """Return whether a word carries content, so that it is no function word."""
    return word.lower().strip(".,;:!?()[]\"“”'") not in {"", *_STOP}


def count_content_words(words: Iterable[str]) -> int:
    """Return how many words carry content."""
    return sum(map(is_content_word, words))
