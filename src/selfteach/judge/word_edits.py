"""Changes of single words and marks in an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import regex

from selfteach.exact_texts import (
    ADDRESS,
    INLINE_CODE,
    NO_PYTHON_NAME,
    Span,
    find_exact_spans,
    touches,
)
from selfteach.judge.language import detect_languages
from selfteach.judge.sentence_edits import capitalize
from selfteach.materials.inflection import begins_with_vowel_sound, list_plurals
from selfteach.number_words import DOLLARS, spell_numbers, write_dollars
from selfteach.sentences import END_CHARS, PICTURE, ends_with_abbreviation, is_open_stop

Meets = Callable[[str], bool]
I_TO_WE = [
    ("I'm", "we're"),
    ("I’m", "we’re"),
    ("I am", "we are"),
    ("am I", "are we"),
    ("I was", "we were"),
    ("was I", "were we"),
]
"""The verbs that change with "we" for "I"."""
_WITH_ARE = frozenset({"we", "you", "they"})
"""What "'re" may stand behind."""
_NO_NAMES = frozenset(
    """
    may should could can do did will would shall must might am was have had and but if when then
    today yesterday tomorrow now so because while as that or nor yet since though
    """.split()  # noqa: SIM905
)
_PRONOUN_I = re.compile(r"I(?!\w)")


def replace_words(text: str, replacements: Sequence[tuple[str, str]]) -> str:
    """Return a text with whole words replaced; the case of a word stays, "a" becomes "an".

    A noun is also replaced in its plural: ("car", "automobile") makes "cars" "automobiles". What is
    written is not replaced again: ("client", "partner") leaves the "client" of ("customer",
    "client") as it is. Code, addresses and paths stay, and so do "can't" and "World War I".
    """
    forms: dict[str, str] = {}
    for old, new in replacements:
        for before, after in _list_forms(old, new):
            forms.setdefault(_to_key(before), after)
    if not forms:
        return text
    words = "|".join(map(_make_word_pattern, sorted(forms, key=len, reverse=True)))
    pattern = rf"(?P<article>\ban?\s+)?(?P<word>{words})"
    return re.sub(pattern, _Replace(forms, find_exact_spans(text)), text, flags=re.I)


def _to_key(words: str) -> str:
    """Return words as they are looked up, whatever their case and the space between them."""
    return " ".join(words.lower().split())


def _make_word_pattern(word: str) -> str:
    edge_before = r"(?<![\w])" if word[0].isalnum() else ""
    edge_after = r"(?![\w])(?!['’](?:m|t)\b)" if word[-1].isalnum() else ""
    if len(word) == 1 and word.isalpha():
        edge_after += r"(?!\.\w)"  # "i.e."
    gap = re.escape(word).replace(r"\ ", r"\s+")
    return f"{edge_before}{gap}{edge_after}"


def _list_forms(old: str, new: str) -> list[tuple[str, str]]:
    """Return what to look for and what to write: the words, and their plurals."""
    old, new = old.strip(), new.strip()
    if not old:
        return []
    forms = [(old, new)]
    if (old.lower(), new.lower()) == ("i", "we"):
        forms += I_TO_WE
    if re.fullmatch("[a-z]{3,}", old) and re.fullmatch("[a-z]{3,}", new):
        plural = list_plurals(new)[0]
        forms += [(form, plural) for form in list_plurals(old) if form not in (old, new)]
    return forms


class _Replace:
    """Write a word in the case of the word that it replaces."""

    def __init__(self, forms: Mapping[str, str], exact: list[Span]) -> None:
        self._forms = forms
        self._exact = exact

    def __call__(self, found: re.Match[str]) -> str:
        """Return the article that fits, and the new word."""
        new = self._forms.get(_to_key(found["word"]), found["word"])
        rest = found.string[found.end() : found.end() + 3]
        is_torn = rest in ("'re", "’re") and new.lower() not in _WITH_ARE
        if touches(found, self._exact) or _is_numeral(found) or is_torn:
            return found[0]
        if not _PRONOUN_I.match(found["word"]) or _begins_clause(found.string, found.start()):
            new = match_case(found["word"], new)
        fitted = _fit_article(found["article"] or "", found["word"], new)
        return (fitted.upper() if found.string.isupper() else fitted) + new


def _is_numeral(found: re.Match[str]) -> bool:
    """Return whether a word is the number of a name: "World War I"."""
    if found["word"] != "I":
        return False
    before = found.string[max(found.start() - END_CHARS, 0) : found.start()]
    after = found.string[found.end() : found.end() + END_CHARS]
    name = re.search(r"(?<=[\w,] )([A-Z]\w+) $", before)  # not the first word of a sentence
    is_name = name is not None and name[1].lower() not in _NO_NAMES
    return is_name and re.match(r"\W*(?:$|[^\w\s])", after) is not None


def match_case(old: str, new: str) -> str:
    """Return new words in the case of old ones: "Car" -> "Automobile", "CAR" -> "AUTOMOBILE"."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _fit_article(article: str, old: str, new: str) -> str:
    """Return "a" or "an" as the new word needs it, where the old word needed the other."""
    was_vowel, is_vowel = (begins_with_vowel_sound(word) for word in (old, new))
    if not article or not new[:1].isalpha() or was_vowel == is_vowel:
        return article
    return article[0] + ("n" if is_vowel else "") + article[len(article.rstrip()) :]


def _open_sentence(found: re.Match[str]) -> str:
    return f". {found[1].upper()}"


def _write_ellipsis(found: re.Match[str]) -> str:
    """Return a comma before a small letter, else a full stop."""
    return "," if (found[1] or "").islower() else "."


_LIMITS = (
    r"not|never|no|none|nor|without|except\w*|unless|only|if|but|or|about|approx\w*|"
    r"at (?:least|most)"
)
"""Words that make what stands before their brackets true: "open daily (except Sundays)"."""
_MONTHS = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.? "
_UNITS = (
    r"(?:h|hr|hour|day|night|week|month|year|min|minute|sec|second|person|kg|kilo|lit(?:er|re))s?"
)
_EXACT_TEXTS = (
    ADDRESS,
    r"(?<!\w)!(?:[\w\[(/])|:\w+!",  # "!important", "![a picture](", ":q!"
    r"(?<![\w-])(?=\w+-)[\w-]++\.\w+\b|[^\W_]_+[^\W_]|\b\w-\w\b",  # files and other names
    r"&#?\w+;|\b[A-Za-z]#|#\d|&&|--+\w|\w\[[^\[\]]*\]|\]\(|!+ ?=",  # code and markup
    r"\d+(?:[.,:/—-]\d+)+|\d\s+[-–—:]\s+\d",  # numbers, dates, times and ranges
    rf"(?<!\b{_MONTHS})\b\d+,\s+\d|(?<!\w)[-−]\d|~\s?\d|\d\"|\b[A-Za-z\d]-\d",
    r"\b\w [-–] \w\b|[\w)][ ]?[=+^×÷][ ]?[\w(]|[\w)]\*{1,2}[\w(]|[\w)] [*/] [\w(]",  # formulas
    r"\w\([^()]*\)|\)\s*\d|\(\w\)\s*=",  # calls
    rf"\b[^\W\d]/|/[^\W\d]\b|/{_UNITS}\b|\band/or\b|\w/\w+/|\w\.\w+/",  # units and paths
)
"""Texts in which a mark tells something: without it they say something else."""
_EXACT = regex.compile("|".join(_EXACT_TEXTS), regex.I)
_RANGE = re.compile(r"(?<![\w.,/-])(?!\d{1,3}-\d{4}\b)(\d[\d.,]*)\s?[-–]\s?(\d[\d.,]*\b)(?![/-]\w)")
_MINUS = re.compile(r"(?<![\w)-])[-−](?=\d)")
_THOUSANDS = re.compile(r"(?<![\w.,])[1-9]\d{0,2}(?:,\d{3})+(?![\w,])")
_MARK_EDITS: tuple[tuple[str, str, str | Callable[[re.Match[str]], str]], ...] = (
    ("...", r"\.{3,}(?=(\s+\w)?)", _write_ellipsis),
    ("…", r"…+(?=(\s+\w)?)", _write_ellipsis),
    ("!", r"¡", ""),
    ("!", r"!+(?=[?.,;:…])|(?<=\?)!+", ""),
    ("!", r"！+(?=？)|(?<=？)！+", ""),
    ("!", r"！+", "。"),
    ("!", r"!+", "."),
    (";", r";\s+(\w)", _open_sentence),
    (";", r";", "."),
    ("—", r"\s*—\s*", ", "),
    ("–", r"\s+–\s+", ", "),
    ("–", r"–", "-"),
    ("(", rf"\s*\((?![^()]*\b(?:{_LIMITS})\b)[^()]*\)", ""),
    ("[", rf"\s*\[(?![^\[\]]*\b(?:{_LIMITS})\b)[^\[\]]*\]", ""),
    (":", r":(?=\s*(?:\n|$))", "."),
    (":", r":(?=\s)", ","),
    (",", r"[,，]", ""),
    ("*", r"^(\s*)\*(?=\s)", r"\1-"),
    ("*", r"\*+", ""),
    ("-", r"^[ \t]*-[ \t]+", ""),
    ("-", r"(?<=\w)-(?=\w)", " "),
    ("#", r"^#+ |#+", ""),
    ("&", r"(?<=\w)&(?=\w)", " and "),
    ("&", r"&", "and"),
    ("%", r"\s?%", " percent"),
    ("$", DOLLARS, write_dollars),
    ("/", r"(?<=[^\W\d])/(?=[^\W\d])", " or "),
    ("_", r"_+", " "),
    ("`", r"`+", ""),
    ("~", r"~+", ""),
    ('"', r'"', ""),
    ("“", r"[“”„]", ""),
    ("«", r"(?<![^\s(\[’'])«\s?|\s?»(?=[\s.,;:!?…)\]]|$)|[«»]", ""),  # not the space around »…«
    ("‘", r"‘([^‘’\n]*(?:\w’\w[^‘’\n]*)*)’(?!\w)", r"\1"),
    ("‘", r"‘", ""),
    *((sign, rf"^([ \t]*){sign}+[ \t]*", r"\1") for sign in "•●▪◦★☆✓✔→►"),
    *((sign, rf"[ \t]*{sign}+", "") for sign in "•●▪◦★☆✓✔"),
)
"""A mark; what of it to look for; what to write instead."""


def rewrite_marks(text: str, meets: Meets) -> str:
    """Return a text in which every mark, number and emoji that breaks a goal is written otherwise.

    "!" becomes ".", "3" becomes "three" (in English), bold words become plain, what parentheses
    hold and emoji are dropped.
    A mark stays where the text without it says something else: "1,5 kg", "a != b".
    """
    before = text
    text = _strip_markup(text, meets)
    if "en" in detect_languages(text):
        text = _rewrite_number_marks(text, meets)
    for mark, pattern, new in _MARK_EDITS:
        if not meets(mark):
            text = _rewrite_mark(text, pattern, new)
    text = _drop_pictures(text, meets)
    if re.search(r"\d", text) and "en" in detect_languages(text):
        text = _spell_forbidden_numbers(text, meets)
    return _tidy(text, before)


def _rewrite_number_marks(text: str, meets: Meets) -> str:
    """Return an English text with its ranges, minus signs and thousands written without marks, and
    with times of half a day where those of a whole day break a goal, or the reverse.
    """
    if not meets("-"):
        text = _RANGE.sub(_write_range, text)
        text = _MINUS.sub("minus ", text)
    if not meets(","):
        text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    if not meets("17:00") and meets("5:00 PM"):
        text = _AFTERNOON.sub(_write_half_day, text)
    if not meets("5:00 PM") and meets("17:00"):
        text = _HALF_DAY.sub(_write_whole_day, text)
    return text


_AFTERNOON = re.compile(r"(?<![\d.:])(1[3-9]|2[0-3]):([0-5]\d)(?![\d:])")


def _write_half_day(found: re.Match[str]) -> str:
    """Return "5:30 PM" for "17:30"."""
    return f"{int(found[1]) - 12}:{found[2]} PM"


_HOUR = r"(1[0-2]|0?[1-9])(?:[:.]([0-5]\d))?"
_HALF_DAY = re.compile(
    rf"(?<![\d.,:])(?:{_HOUR}( to | and | or |[-–]))?"
    rf"{_HOUR}\s?([ap])(?:m\b(?! I\b)|\.m\b\.?)",
    re.I,
)
"""A time, or two of which the last one tells the half of the day: "9 to 5 pm"."""
_BEFORE_TIME = ("At ", "By ", "Around ", "After ", "Before ", "Until ")
"""What begins a sentence that goes on after the time: "At 5 p.m. Tom left."."""


def _write_whole_day(found: re.Match[str]) -> str:
    """Return "17:30" for "5:30 PM", and "9:00-17:00" for "9-5 pm". The stop of "p.m." stays where
    it ends a sentence.
    """
    first_hour, first_minutes, between, hour, minutes, half = found.groups()
    start = (half.lower() == "p") * 12
    written = _write_clock(int(hour) % 12 + start, minutes)
    if between:
        is_other_half = int(first_hour) % 12 > int(hour) % 12
        first_start = 12 - start if is_other_half else start
        written = (
            _write_clock(int(first_hour) % 12 + first_start, first_minutes) + between + written
        )
    rest = found.string[found.end() : found.end() + END_CHARS]
    after = rest.lstrip()
    is_line_end = "\n" in rest[: len(rest) - len(after)]
    begins = found.string.endswith(_BEFORE_TIME, 0, found.start()) and not is_line_end
    is_open = begins or is_open_stop(
        found.string, 0, found.end() - 1, after, is_line_end=is_line_end
    )
    is_end = not after or (rest[0].isspace() and not is_open)
    return f"{written}." if found[0].endswith(".") and is_end else written


def _write_clock(hour: int, minutes: str | None) -> str:
    return f"{hour}:{minutes or '00'}"


def _write_range(found: re.Match[str]) -> str:
    """Return "10 to 20" for "10-20"; scores such as "3-1" stay."""
    try:
        first, last = (float(number.replace(",", "")) for number in found.groups())
    except ValueError:
        return found[0]
    return f"{found[1]} to {found[2]}" if first < last else found[0]


def _rewrite_mark(text: str, pattern: str, new: str | Callable[[re.Match[str]], str]) -> str:
    """Return a text with a mark written otherwise, but for what must stay exact."""
    exact = [found.span() for found in _EXACT.finditer(text)]
    code = [found.span("code") for found in INLINE_CODE.finditer(text)]

    def write(found: re.Match[str]) -> str:
        if touches(found, code):
            return found[0]
        touched = (span for span in exact if span[0] < found.end() and found.start() < span[1])
        if any(start < found.start() or found.end() < end for start, end in touched):
            return found[0]
        return new(found) if callable(new) else found.expand(new)

    return re.sub(pattern, write, text, flags=re.M)


_MARKUP_PAIRS = {"**": ".", "__": ".", "*": "[^*]", "_": "[^_]", "~~": "."}
"""A mark on both sides of words, and a sign of these words."""
_MARKUP_TAGS = ("b", "strong", "i", "em")


def _strip_markup(text: str, meets: Meets) -> str:
    """Return a text whose words lose the bold type and the italics that break a goal."""
    if not meets("x"):
        return text
    for mark, sign in _MARKUP_PAIRS.items():
        if not meets(f"{mark}x{mark}"):
            pair, edge = re.escape(mark), rf"[\w{re.escape(mark[0])}]"
            name = NO_PYTHON_NAME if mark == "__" else ""
            inside = rf"(?=\S)(?P<inside>(?:(?!\n\s*\n){sign})+?)(?<=\S)"
            text = _strip_pairs(text, rf"(?<!{edge}){pair}{name}{inside}{pair}(?!{edge}|\()")
    for tag in _MARKUP_TAGS:
        if not meets(f"<{tag}>"):
            text = _strip_pairs(text, rf"<{tag}>(?P<inside>.+?)</{tag}>")
    return text


def _strip_pairs(text: str, pattern: str) -> str:
    """Return a text with what stands inside of each pair of marks; a pair that begins in code
    stays.
    """
    pair = re.compile(pattern, re.S | re.I)
    exact = find_exact_spans(text)
    kept, place = "", 0
    while found := pair.search(text, place):
        code_ends = (stop for start, stop in exact if start <= found.start() < stop)
        stop = next(code_ends, 0)
        new = text[found.start() : stop] if stop else found["inside"]
        kept += text[place : found.start()] + new
        place = stop or found.end()
    return kept + text[place:]


_PICTURE = regex.compile(
    rf"^(?P<indent>[ \t]*)(?P<picture>{PICTURE})[ \t]*|[ \t]*(?P<picture>{PICTURE})", regex.M
)
_NUMBER = re.compile(
    r"(?<!\S)(?!\S*(?:://|@|www\.))\S*\d\S*(?:\s%)?(?:(?<=\d) (?:(?:thousand|million|billion|"
    r"trillion)\b|[AaPp]\.?[Mm]\b\.?))?"
)
"""A number with what is written next to it: "$5 million", "9:00 AM", "1990s", "(555-1234)."."""


def _drop_pictures(text: str, meets: Meets) -> str:
    def drop(found: regex.Match[str]) -> str:
        return found[0] if meets(found["picture"]) else found["indent"] or ""

    return str(_PICTURE.sub(drop, text))


_ITEM_NUMBER = re.compile(
    r"^(\s*)(?:\d{1,2}[.)]|(\*\*|__)\d{1,2}[.)]\2|\(\d{1,2}\)(?=\s+[*_\"“]*[A-Z]))(?=\s)", re.M
)
"""The number of an item; not that of "(2) persons came"."""
_BOLD_NUMBER = re.compile(r"^(\s*)(\*\*|__)\d{1,2}[.)]\s+", re.M)
"""The number of an item that is bold with the words behind it."""


def _spell_forbidden_numbers(text: str, meets: Meets) -> str:
    """Write out the numbers that break a goal by their digits or a mark within them; the numbers of
    a list become bullets. "9 am" stays where another form of times is wanted: in words it is the
    same.
    """
    if not meets("1") and not meets("2"):
        text = _BOLD_NUMBER.sub(r"\1- \2", text)
        text = _ITEM_NUMBER.sub(r"\1-", text)

    code = [found.span() for found in INLINE_CODE.finditer(text)]

    def spell(found: re.Match[str]) -> str:
        if touches(found, code):
            return found[0]
        words = _spell_forbidden(found[0], meets)
        is_first = words != found[0] and _begins_sentence(found.string, found.start())
        return capitalize(words) if is_first else words

    return _NUMBER.sub(spell, text)


_DECIMAL_COMMA = re.compile(r"\d,(?!\d{3}(?:\D|$))\d")


def _spell_forbidden(number: str, meets: Meets) -> str:
    """Return a number in words where a sign of it breaks a goal; "1,5" is left as it is."""
    signs = (sign for sign in set(number) if not sign.isalpha() and not sign.isspace())
    is_kept = meets(number) or all(map(meets, signs)) or _DECIMAL_COMMA.search(number)
    return number if is_kept else spell_numbers(number)


_OPENING_MARKS = regex.compile(rf"(?:[\s\"'“‘„«(\[*_>#•-]|\d+[.)]|{PICTURE})*\Z")


def _begins_clause(text: str, place: int) -> bool:
    """Return whether a sentence begins at a place, behind quotation marks, an item's mark or an
    emoji, or where a quotation begins.
    """
    before = text[max(place - END_CHARS, 0) : place]
    marks = _OPENING_MARKS.search(before)
    start = marks.start() if marks else len(before)
    opened = before[start:]
    is_first = _begins_sentence(before[:start] + " ", start + 1) if start else True
    is_after_close = re.search(r"[.!?][\"'”’)\]*_]+\s+\Z", before) is not None
    opens_quote = re.search(r"[\"“„«]\Z", opened) is not None
    return is_first or "\n" in opened or is_after_close or opens_quote


_SENTENCE_END = re.compile(r"(?:\A|[.!?]\s+|\n\s*)\Z")


def _begins_sentence(text: str, place: int) -> bool:
    """Return whether a sentence begins at a place of a text."""
    before = text[:place]
    is_end = _SENTENCE_END.search(before[-END_CHARS:]) is not None
    return is_end and not ends_with_abbreviation(before.rstrip()[-END_CHARS:])


def _tidy(text: str, before: str) -> str:
    """Return a text whose changed lines lack the double spaces and marks that a change can leave.

    Args:
        before: the text without changes: its code, its tables and its ellipses stay.
    """
    kept = set(before.split("\n"))
    lines = [line if line in kept else _tidy_line(line) for line in text.split("\n")]
    return "\n".join(lines).strip()


def _tidy_line(line: str) -> str:
    if not line.lstrip().startswith("|"):  # the cells of a table stay below each other
        line = re.sub(r"(?<=\S)[ \t]{2,}(?=\S)", " ", line)
    line = re.sub(r"[ \t]+(?=[,.](?:\s|$))", "", line)
    line = re.sub(r"\.{4,}(?=\s|$)", "...", line)  # "Well...!" without the "!"
    line = re.sub(r"(?<=[^\s.])\.\s?\.(?=\s|$)(?!\s\.)", ".", line)
    line = re.sub(r"[,:](?=[.!?](?:\s|$))", "", line)
    return line if line.strip() else ""


def change_case(text: str, meets: Meets) -> Iterator[str]:
    """Yield a text in lower case where capitals are forbidden as such, and the reverse."""
    if not meets("Q") and not meets("X"):
        yield text.lower()
    if not meets("q") and not meets("x"):
        yield text.upper()


_FINITE = (
    r"(?:is|are|was|were|has|have|had|can|could|will|would|do|does|did|may|might|must|should|wants?|"
    r"needs?|likes?|lives?|works?|makes?|made|takes?|took|goes|went|gets?|got|said|says?)"
)
"""Verbs that a sentence goes on with after a word between commas."""


def drop_from_enumeration(sentence: str, meets: Meets) -> Iterator[str]:
    """Yield a sentence that lacks one word of an enumeration: "lions, cars and cats".

    A first item is not told from the words before it, so it stays where there are any.
    """
    words = dict.fromkeys(re.findall(r"\w[\w'’-]*", sentence))
    for word in [word for word in words if not meets(word)]:
        inserted = re.search(rf"^[\w'’ -]+(, {re.escape(word)},) {_FINITE}\b", sentence)
        if inserted:  # "Paris, however, is big."
            changed = sentence[: inserted.start(1)] + sentence[inserted.end(1) :]
            if meets(changed):
                yield changed
                continue
        item = rf"(?:[\w-]+ ){{0,2}}?\**{re.escape(word)}\**"
        for pattern, new in (
            (rf"^([^,]*), {item}, (and|or) ", r"\1 \2 "),
            (rf", {item}(?=,| and | or )", ""),
            (rf"(\w), (\w[\w -]*), (and|or) {item}\b", r"\1 \3 \2"),
            (rf"(\w), (\w[\w -]*) (and|or) {item}\b", r"\1 \3 \2"),
            (rf",? (?:and|or|as well as) (?:the |a |an )?{item}(?=[.!?,;])", ""),
            (rf"^\**{re.escape(word)}\**, (?=\w[\w -]*(?:,| and | or ))", ""),
            (rf"\b(\w+s) (?:and|or) {re.escape(word)}(?= \w)", r"\1"),
            (rf"\b{re.escape(word)} (?:and|or) (\w+s)\b", r"\1"),
        ):
            changed = re.sub(pattern, new, sentence)
            if changed != sentence and meets(changed):
                yield match_case(sentence, changed)
