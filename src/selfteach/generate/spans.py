"""Answers that a question could have (dates, numbers, names, quoted words, phrases), and how a
question to each of them begins.

Found by form, not by a model: so every answer stands in its sentence, and no fact waits for the
model to think of it. Phrases are found in English only; a sentence in a script without capitals
(Chinese, Arabic, Hebrew, Thai) yields numbers and quotations only.

Source: the answer-first order of Self-Instruct (arXiv 2212.10560, section 2.2, "output-first");
spans by form as in cloze question generation (Lewis et al. 2019, arXiv 1906.04980).
"""

from __future__ import annotations

import re

from selfteach.materials.documents.listed import count_words

MAX_WORDS = 10
CAPITAL = re.escape(
    "".join(c for c in map(chr, [*range(0x41, 0x590), *range(0x1E00, 0x2000)]) if c.isupper())
)
"""The capital letters of the scripts that have them, for a set of characters."""
_LATIN = r"[A-Za-zÀ-ÖØ-öø-ɏ]"
"""Letters that make one word with the digits before them: 19th, 1850s, 12km."""
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = rf"(?:\d{{1,2}} )?\b(?:{_MONTH}) (?:\d{{1,2}}, )?\d{{4}}\b"
_NUMBER = re.compile(
    rf"{_DATE}|[$€£]?(?<!\d)\d[\d,.]*(?:{_LATIN}+|(?:\s?%|\s(?:percent|hundred|thousand|million|billion|trillion)\b)*)"
)
_NAME = re.compile(
    rf"(?<![-\w])[{CAPITAL}][\w'’-]*\w"
    rf"(?:\s+(?:(?:of|the|for|and|de|van|von|on|la|du)\s+){{0,2}}(?:[{CAPITAL}]\.|[{CAPITAL}0-9][\w'’.-]*\w))*"
)
_QUOTED = re.compile(r"[\"“„«「『《]([^\"“”„«»「」『』《》]{3,80})[\"”“»」』》]")
_PHRASE = re.compile(
    r"\b(?:(?:called|known as|named|because of|due to|made "
    r"of|by|for|from|with|to|in|of|as|into)\s+|(?:is|are|was|were)\s+(?=the |an? ))"
    r"((?:the |an? )?[a-z][\w'’ -]{3,50}?)"
    r"(?=[,.;:)\"”]|$| "
    r"(?:and|or|by|in|of|to|for|with|from|that|which|who|on|at|as|but|when|while|is|are|was|were)\b)"
)


def find_answer_spans(sentence: str, title: str) -> list[str]:
    """The answers that a sentence offers, the surest kind first; none lies within another, and none
    is the title.
    """
    taken: list[tuple[int, int]] = []
    for pattern in (_NUMBER, _QUOTED, _NAME, _PHRASE):
        for match in pattern.finditer(sentence):
            words = re.sub(r"(?:['’]s?|[ ,.])+$", "", match[pattern.groups])
            start = match.start(pattern.groups)
            end = start + len(words)
            if pattern is _NAME and start == 0 and " " not in words:
                continue  # any sentence begins with a capital letter
            if (
                words
                and len(words.split()) <= MAX_WORDS
                and not _is_in_title(words, title)
                and _is_apart(start, end, taken)
            ):
                taken.append((start, end))
    return list(dict.fromkeys(sentence[start:end] for start, end in taken))


def _is_apart(start: int, end: int, taken: list[tuple[int, int]]) -> bool:
    return all(e <= start or end <= s for s, e in taken)


def _is_in_title(words: str, title: str) -> bool:
    """Whether an answer is what the text is about: nobody asks for that."""
    one, other = (re.sub(r"^(?:the|an?) ", "", text.lower()) for text in (words, title))
    return one in other or (bool(other) and other in one)


def is_latin(text: str) -> bool:
    """Whether at least half of the letters are Latin, so that English question words fit beside
    them; a text without letters is.
    """
    letters = [char for char in text if char.isalpha()]
    return 2 * sum(char < "\u0250" for char in letters) >= len(letters)


def is_unspaced(text: str) -> bool:
    """Whether a text is mostly in a script that does not space its words."""
    return count_words(text) > 3 * len(text.split())


_PLACE = "\0"
_YEAR = re.compile(rf"^(?:(?=.*\d).*\b(?:{_MONTH})\b.*|1\d{{3}}|20\d\d)$")


def replace_answer(sentence: str, answer: str, gap: str, count: int = 0) -> str:
    """A sentence with something else where an answer stands: as whole words ("3", and not in
    "1930"), unless it is nowhere one, as in scripts that do not space their words.

    Args:
        count: at most so many times; 0 is everywhere.
    """
    whole = rf"(?<!\w){re.escape(answer)}(?!\w)"
    place = whole if re.search(whole, sentence) else re.escape(answer)
    return re.sub(place, lambda _: gap, sentence, count=count)


def get_question_openings(sentence: str, answer: str) -> tuple[str, ...]:
    """How a question with this answer begins, the likeliest first.

    A small model that is shown an answer asks about something else all the same (docs/log/); from
    "When did" it cannot go far astray. The question words are English; a sentence in another script
    gets none, and its question begins as the model likes.
    """
    if not is_latin(sentence):
        return ("",)
    before, _, after = replace_answer(sentence, answer, _PLACE, 1).partition(_PLACE)
    led = next(
        (
            word
            for word in reversed(re.findall(r"[\w']+", before.lower()))
            if word not in ("the", "a", "an")
        ),
        "",
    )
    if _YEAR.match(answer):
        return ("When", "In what year")
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
        return (f"How many {counted[1]}",) if counted else ("How many", "What")
    if re.search(r"\b(?:because of|due to) $", before):
        return ("Why",)
    if answer[:1].isupper():
        return ("Where", "Which") if led in ("in", "at", "near", "from", "to") else ("Who", "What")
    return ("What", "Which")


def remove_answer(question: str, answer: str) -> str:
    """A question that gives its answer, without it and the preposition before it: "When did it open
    (in 1790)?".
    """
    cut = re.sub(
        rf"\s+(?:(?:on|in|by|to|of|for|at|from|since|with)\s+(?:the\s+)?)?{re.escape(answer)}(?!\w)",
        "",
        question,
    )
    return cut if len(cut.split()) > 2 else question


_STOP = frozenset(
    """
    a an the of in on at to for from by with and or not is are was were be been being do does did has have had can could may might
    will would should must what which who whom whose when where why how many much long old often far it its this that these those he
    she they his her their them there here one some any all most more than as if into about after before during called named name kind
    type
    """.split()  # noqa: SIM905
)


def is_content_word(word: str) -> bool:
    """Whether a word says what a sentence is about."""
    return word.lower().strip(".,;:!?()[]\"“”'") not in {"", *_STOP}
