"""Changes of single words in an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from selfteach.exact_texts import Span, find_exact_spans, touches
from selfteach.judge.sentence_edits import begins_clause, capitalize
from selfteach.materials.rules.inflection import (
    begins_with_vowel_sound,
    is_short_name,
    list_plurals,
)
from selfteach.sentences import END_CHARS

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
    names = {_to_key(old) for old, new in replacements if is_short_name(old) and old in new}
    words = "|".join(
        rf"(?-i:{_make_word_pattern(form.upper())})" if form in names else _make_word_pattern(form)
        for form in sorted(forms, key=len, reverse=True)
    )
    pattern = rf"(?P<article>\ban?\s+)?(?P<word>{words})(?P<owned>['’](?=\s+\w))?"
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
        rest = found.string[found.end("word") : found.end("word") + 3]
        is_torn = rest in ("'re", "’re") and new.lower() not in _WITH_ARE
        is_right = _is_part(found, new)
        if touches(found, self._exact) or _is_numeral(found) or is_torn or is_right:
            return found[0]
        if new.endswith(".") and rest.startswith("."):
            new = new[:-1]
        begins = begins_clause(found.string, found.start())
        first, _, more = new.lower().partition(" ")
        is_name = bool(more) and not new.islower() and _to_key(found["word"]) == first
        if found["word"] in new or is_name:  # "PDF" in "PDF file", "ACME" in "Acme Cloud"
            is_small = new.split()[0].islower()  # "iPhone 15" has its small letter
            new = capitalize(new) if begins and is_small and found["word"][0].isupper() else new
        elif _is_same(found, new):
            is_phrase = " " in new and new.split()[0].islower()  # "iPhone" has its small letter
            new = capitalize(new) if begins and is_phrase and found["word"][0].isupper() else new
        elif begins or not _PRONOUN_I.match(found["word"]):
            new = match_case(found["word"], new)
        fitted = _fit_article(found["article"] or "", found["word"], new)
        article = fitted.upper() if found.string.isupper() else fitted
        return article + new + _own(found, new)


def _own(found: re.Match[str], new: str) -> str:
    """Return the apostrophe behind a plural, with an s where the new word ends with none:
    "children's" for "kids'". The end of a quotation stays as it is.
    """
    mark = found["owned"] or ""
    is_quoted = re.search(r"(?<!\w)['‘]", found.string[: found.start("word")]) is not None
    is_plural = found["word"].lower().endswith("s") and not new.lower().endswith("s")
    return f"{mark}s" if mark and is_plural and not is_quoted else mark


def _is_same(found: re.Match[str], new: str) -> bool:
    """Return whether two words differ in capitals only: "Github" and "GitHub"."""
    return found["word"].lower() == new.lower()


def _is_part(found: re.Match[str], new: str) -> bool:
    """Return whether a word stands in what is written for it: the "email" of "email address"."""
    written = new.lower().rstrip(".!?")
    place = written.find(found["word"].lower())
    start = found.start("word") - place
    is_inside = place >= 0 and start >= 0 and not _is_same(found, new)
    return is_inside and found.string[start:].lower().startswith(written)


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


def change_case(text: str, meets: Meets) -> Iterator[str]:
    """Yield a text in lower case where capitals are forbidden as such, and the reverse."""
    if not meets("Q") and not meets("X"):
        yield text.lower()
    if not meets("q") and not meets("x"):
        yield text.upper()


_AUXILIARY = (
    "(?:is|are|was|were|has|have|had|can|could|will|would|do|does|did|may|might|must|should)"
)
_FINITE = (
    rf"(?:{_AUXILIARY}|wants?|"
    r"needs?|likes?|lives?|works?|makes?|made|takes?|took|goes|went|gets?|got|said|says?)"
)
"""Verbs that a sentence goes on with after a word between commas."""


_ASIDE = re.compile(
    r"however|therefore|moreover|nevertheless|nonetheless|indeed|though|perhaps|[a-z]+ly"
)
"""What is no item where it stands between commas behind an auxiliary: "It is, however, red."."""
_NOMINATIVE = r"(?:I|you|he|she|it|we|they|there)\b"


def drop_from_enumeration(sentence: str, meets: Meets) -> Iterator[str]:
    """Yield a sentence that lacks one word of an enumeration: "lions, cars and cats".

    A first item is not told from the words before it, so it stays where there are any.
    """
    words = dict.fromkeys(re.findall(r"\w[\w'’-]*", sentence))
    for word in [word for word in words if not meets(word)]:
        between = rf"(, {re.escape(word)},) "
        inserted = re.search(rf"^[\w'’ -]+{between}{_FINITE}\b", sentence)
        if not inserted and _ASIDE.fullmatch(word):
            lead = rf"^[\w'’ -]*\b{_AUXILIARY}{between}"
            inserted = re.search(rf"{lead}(?!{_NOMINATIVE})", sentence)
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
