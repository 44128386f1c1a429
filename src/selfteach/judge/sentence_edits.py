"""Changes of an answer at the borders of its sentences and clauses."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import regex
from rapidfuzz.distance import Levenshtein

from selfteach.exact_texts import begins_block, is_open
from selfteach.sentences import (
    END_CHARS,
    PICTURE,
    ends_sentence,
    ends_with_abbreviation,
    split_pieces,
)
from selfteach.text import BULLETS, UNSPACED

_UNSPACED_END = regex.compile(rf"(?:{UNSPACED}|[。！？」』）])$")
_LEAD = r"^\s{0,8}(?:#{1,6}[ \t]+)?(?P<bold>\*\*|__)?\(?"
"""What may stand before the number of an item: it is a heading, or bold, or in parentheses."""
_BULLET = rf"(?!(?:[-*][ \t]*){{3,}}$)(?:[{BULLETS}]\s+|\+\s+(?!\d))(?=\S)"
"""A bullet; a line of three and more of them is a rule: "* * *"."""
_NO_DATE = (
    r"(?!\d{1,2}\.\s+(?:Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|"
    r"Oktober|November|Dezember)\s+(?:\d{4}|\p{Ll}))"
)
_STOP = rf"(?:[.)](?P<unbold>(?P=bold))?\s+(?=\S)|[.)．）]\s*(?={UNSPACED})|、\s*(?=\S))"
NUMBERED_ITEM = regex.compile(rf"{_LEAD}{_NO_DATE}\d{{1,2}}{_STOP}", regex.M)
"""The beginning of a numbered line: "1. ", "2) ", "(3) ", "**1. ", "**1.** ", "### 1. ", "1、"; not
"3. Mai 1990".
"""
LIST_ITEM = regex.compile(rf"{_LEAD}{_NO_DATE}\d{{1,2}}{_STOP}|^\s{{0,8}}{_BULLET}", regex.M)
_NUMBER = regex.compile(rf"(?P<lead>{_LEAD}){_NO_DATE}(?P<number>\d{{1,2}})(?={_STOP})", regex.M)
MAX_CLOSING_LINES = 3
MAX_CLOSING_WORDS = 4
MIN_CLAUSE_WORDS = 3
MAX_CUTS = 8
SAME_SENTENCE = 0.6
"""From this similarity on, a sentence says something else about the same thing as a statement."""


_SUBJECT = re.compile(r"\A[\s*]*subject:[^\n]*\n+", re.I)
SIGNATURE = regex.compile(r"\[[^\]]*\]|\p{Lu}[\w.'’-]*(?: \p{Lu}[\w.'’-]*){0,3}")
"""A name as the last line: "Tom", "Julia Brandt", "[Your name]"."""
_EMOTICON_END = re.compile(r"(?:^|\s)[:;=]['-]?[()DPp3|/]+\s*\Z")
_BLOCK_END = re.compile(r"(?:\A|\n) *(?:```|\|[^\n]*\|)[ \t]*\Z")


def split_subject(text: str) -> tuple[str, str]:
    """Return the subject line of an email with the empty lines below it, and the rest."""
    found = _SUBJECT.match(text)
    end = found.end() if found else 0
    return text[:end], text[end:]


def ends_block(text: str) -> bool:
    """Return whether a text ends with a code block or a table, to which no mark can be added."""
    return _BLOCK_END.search(text) is not None


def _is_whole(text: str) -> bool:
    """Return whether a text ends with a sentence, an emoticon, code or a table."""
    return ends_sentence(text) or ends_block(text) or _EMOTICON_END.search(text) is not None


def split_closing(text: str) -> tuple[str, str]:
    """Return a text and the signature below its last sentence: "Best,\\nTom"."""
    lines = text.rstrip().split("\n")
    count = len(lines)
    while count and not ends_sentence(lines[count - 1]):
        count -= 1
    closing = [line for line in lines[count:] if line.strip()]
    is_closing = 0 < len(closing) <= MAX_CLOSING_LINES and not any(
        len(line.split()) > MAX_CLOSING_WORDS or LIST_ITEM.match(line) or "```" in line
        for line in closing
    )
    if not count or not is_closing:
        return text, ""
    body = "\n".join(lines[:count])
    return body, text[len(body) :].rstrip()


def ends_well(text: str) -> bool:
    """Return whether a text, without a signature, ends with a whole sentence, code or a table."""
    return _is_whole(split_closing(text)[0]) or _is_whole(text)


def drop_cut_off_end(text: str) -> str:
    """Return a text without the sentence at its end that was never finished."""
    body, closing = split_closing(text)
    pieces = split_pieces(body)
    if closing or len(pieces) < 2 or _is_whole(text):
        return text
    return "".join(pieces[:-1]).rstrip() if ends_sentence(pieces[-2]) else text


def join_sentences(left: str, right: str) -> str:
    """Return two texts with a space between them, where their script has spaces."""
    left, right = left.rstrip(), right.lstrip()
    if not left or not right:
        return left or right
    if ends_block(left) or begins_block(right):
        return f"{left}\n\n{right}"
    return left + right if _UNSPACED_END.search(left) else f"{left} {right}"


def renumber_items(text: str, before: str) -> str:
    """Return a text whose numbered lists count without a gap, each from its first number.

    Args:
        before: the text with all its items. It tells which items are of one list, and the number
            that each list begins with.
    """
    items = iter(_list_items(before))
    counts: dict[int, Iterator[int]] = {}

    def renumber(found: regex.Match[str]) -> str:
        known = (item for item in items if item.number == int(found["number"]))
        item = next(known, None)
        if item is None:
            return str(found[0])
        count = counts.setdefault(item.which, itertools.count(item.first))
        return f"{found['lead']}{next(count)}"

    return str(_NUMBER.sub(renumber, text))


def cut_item_mark(line: str) -> str:
    """Return the line of a list without its bullet or number; bold text stays bold."""
    return str(LIST_ITEM.sub(_keep_bold, line, count=1))


def _keep_bold(found: regex.Match[str]) -> str:
    """Return the mark that makes the words of an item bold with its number."""
    return "" if found["unbold"] else found["bold"] or ""


class _Item(NamedTuple):
    """Hold the number of a list's item, which list it is of, and that list's first number."""

    number: int
    which: int
    first: int


def _list_items(text: str) -> list[_Item]:
    """Return the numbered items of a text.

    A number that does not rise begins another list. A list below an item has numbers of its own.
    """
    items: list[_Item] = []
    open_lists: dict[int, _Item] = {}
    for found in _NUMBER.finditer(text):
        indent, number = len(found["lead"].lstrip("\n")), int(found["number"])
        last = open_lists.get(indent)
        is_same = last is not None and number > last.number
        item = _Item(number, last.which, last.first) if last and is_same else None
        items.append(item or _Item(number, len(items), number))
        open_lists = {left: own for left, own in open_lists.items() if left < indent}
        open_lists[indent] = items[-1]
    return items


def close_sentence(text: str, mark: str = ".") -> str:
    """Return a text with a mark at its end, unless it ends a sentence."""
    text = text.rstrip()
    if not text or ends_sentence(text) or ends_block(text):
        return text
    if mark == "." and regex.match(UNSPACED, text[-1]):
        mark = "。"
    return text.rstrip(" \t\n,;:、，；：–—-") + mark


def capitalize(text: str) -> str:
    """Return a text with a capital first letter."""
    return re.sub(r"^([\W_]*)(\w)", lambda found: found[1] + found[2].upper(), text, count=1)


def add_sentence(text: str, sentence: str) -> str:
    """Return a text with a sentence after its last sentence, above a signature."""
    body, closing = split_closing(text)
    if LIST_ITEM.search(body):
        return f"{body.rstrip()}\n\n{sentence}{closing}"
    return join_sentences(close_sentence(body), sentence) + closing if body.strip() else sentence


def replace_nearest_sentence(text: str, statement: str) -> Iterator[str]:
    """Yield a text with a statement in place of the sentence that is most like it, if one is."""
    words = _fold_words(statement)
    pieces = split_pieces(text)
    scores = [Levenshtein.normalized_similarity(_fold_words(piece), words) for piece in pieces]
    best = max(scores, default=0.0)
    if best >= SAME_SENTENCE:
        place = scores.index(best)
        piece = pieces[place]
        space = piece[len(piece.rstrip()) :]
        yield "".join([*pieces[:place], statement + space, *pieces[place + 1 :]])


def _fold_words(text: str) -> list[str]:
    return re.sub(r"[^\w\s]", "", text.casefold()).split()


def cut_after_sentence(text: str, meets: Callable[[str], bool]) -> Iterator[str]:
    """Yield beginnings of a text that meet a goal and end a sentence, the longest first.

    A signature below the text stays where there is room.
    """
    body, closing = split_closing(text)
    subject, _ = split_subject(body)
    pieces = split_pieces(body)
    num_found = 0
    for count in range(len(pieces), 0, -1):
        cut = "".join(pieces[:count]).rstrip()
        if (
            len(cut) <= len(subject)
            or cut.endswith((":", "："))
            or (count < len(pieces) and (is_open(cut) or not ends_sentence(cut)))
        ):
            continue
        choices = [new for new in dict.fromkeys([cut + closing, cut]) if meets(new)]
        yield from choices
        num_found += bool(choices)
        if num_found == MAX_CUTS:
            return


_NO_YEAR = r"(?!\s*(?:1\d|20)\d\d\b)"
"""The comma of a date is none of the sentence: "July 4, 1776"."""
_CLAUSE_ENDS = (
    r"\s*[;；]|\s*—(?!\s*\d)|\s+[–-]\s(?!\d)|,\s+(?=(?:and|but|so|or|yet|which|who|where|because|"
    r"while|although|whereas|though|as|since|with|und|aber|denn|weil|sondern|oder|die|der|das|"
    r"mais|et|car|qui|parce|pero|y|porque|que)\b)|\s+(?=(?:because|but|although|though|whereas|"
    r"while|so that|which|weil|parce que|porque|mais|pero)\b)",
    rf"(?:(?<!\d)[,，、]|[,，、](?!\d)){_NO_YEAR}\s*",
    r"\s+(?=(?:and|or|with|for|in order to|to|by|at|in|on|from|"
    r"during|und|mit|et|avec|pour|y|con|para)\s)",
)
"""Places to cut a sentence, the best kind first: clauses, other commas, phrases."""
_CLAUSE_BREAKS = tuple(regex.compile(pattern) for pattern in _CLAUSE_ENDS)
_LEADS = regex.compile(
    r"^\W*(?:if|when|whenever|while|although|though|because|as|since|after|before|once|whether|"
    r"unless|until|for|in|on|at|to|with|without|by|from|during|despite|according|however|also|"
    r"sure|well|first|finally|dear|hi|hello|wenn|als|weil|obwohl|nach|mit|in|für|si|quand|"
    rf"lorsque|dans|pour|avec|cuando|para|con|en)\b(?:[^,，]|[,，](?!{_NO_YEAR}))*[,，]{_NO_YEAR}\s*",
    regex.I,
)


def cut_at_clause(sentence: str, meets: Callable[[str], bool]) -> Iterator[str]:
    """Yield parts of a sentence that meet a goal and end at a clause, the longest first.

    Only the best kind of place is used. "If it rains, they stay inside." is not cut at its comma;
    what is before the comma can go.
    """
    mark = "?" if sentence.rstrip().endswith("?") else "."
    lead = _LEADS.match(sentence)
    main = capitalize(sentence[lead.end() :]) if lead else sentence
    if lead and _is_clause(main) and meets(main):
        yield main
        return
    for pattern in _CLAUSE_BREAKS:
        places = [found.start() for found in pattern.finditer(main)]
        cuts = [close_sentence(main[:place], mark) for place in reversed(places)]
        found = [cut for cut in cuts if _is_clause(cut) and meets(cut)]
        if found:
            yield from found[:MAX_CUTS]
            return


def _is_clause(text: str) -> bool:
    num_words = len(text.split())
    return num_words >= MIN_CLAUSE_WORDS or bool(regex.search(rf"{UNSPACED}{{4}}", text))


_OPENING_MARKS = regex.compile(rf"(?:[\s\"'“‘„«(\[*_>#•-]|\d+[.)]|{PICTURE})*\Z")


def begins_clause(text: str, place: int) -> bool:
    """Return whether a sentence begins at a place, behind quotation marks, an item's mark or an
    emoji, or where a quotation begins.
    """
    before = text[max(place - END_CHARS, 0) : place]
    marks = _OPENING_MARKS.search(before)
    start = marks.start() if marks else len(before)
    opened = before[start:]
    is_first = begins_sentence(before[:start] + " ", start + 1) if start else True
    is_after_close = re.search(r"[.!?][\"'”’)\]*_]+\s+\Z", before) is not None
    opens_quote = re.search(r"[\"“„«]\Z", opened) is not None
    return is_first or "\n" in opened or is_after_close or opens_quote


_SENTENCE_END = re.compile(r"(?:\A|[.!?]\s+|\n\s*)\Z")


def begins_sentence(text: str, place: int) -> bool:
    """Return whether a sentence begins at a place of a text."""
    before = text[:place]
    is_end = _SENTENCE_END.search(before[-END_CHARS:]) is not None
    return is_end and not ends_with_abbreviation(before.rstrip()[-END_CHARS:])
