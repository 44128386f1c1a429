"""The conditions of a check, each a test of an answer; see docs/reference/checks.md."""

from __future__ import annotations

import json
import math
import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import regex

from selfteach.errors import DataError
from selfteach.exact_texts import CODE_BLOCK, drop_code, keep_prose
from selfteach.judge.language import LANGUAGES, detect_languages
from selfteach.judge.sentence_edits import (
    LIST_ITEM,
    NUMBERED_ITEM,
    SIGNATURE,
    split_closing,
    split_subject,
)
from selfteach.materials.rules.inflection import list_plurals
from selfteach.materials.rules.spelling import VARIETIES, is_spelled
from selfteach.registry import did_you_mean
from selfteach.sentences import count_sentences
from selfteach.text import UNSPACED, count_words

PATTERN_TIMEOUT_S = 5.0
"""How long a regular expression may search in an answer."""
PROBE_TIMEOUT_S = 0.5
"""The same for each probe by which a bad expression is found when a check is read."""
MAX_COPIES = 10_000
"""The copies that the repeats of a regular expression make of its parts: `((ab){100}){100}` makes
so many, and each takes memory.
"""
AnswerTest = Callable[[str], bool]
"""Whether an answer meets a condition."""


class SlowSearch(DataError):
    """Report that a regular expression took too long in one answer: there is no verdict on it."""


def fold_case(text: str) -> str:
    """Return text without differences of case, width, ligatures, apostrophes and invisible
    characters, such as those that choose how an emoji is shown.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    bare = re.sub("[\u00ad\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]", "", folded)
    return re.sub("[’ʼ]", "'", bare)


_IN_WORD = r"[\p{L}\p{N}\p{M}]"
_UNSPACED = regex.compile(UNSPACED)


_SIGN = regex.compile(r"[™℠®©\p{No}]")
"""A sign or a small number that stands at a word and is none of its letters: "LEGO™"."""


def _spell_variants(text: str) -> tuple[str, ...]:
    """Return a text, and the same with spaces for the signs at words if it has any.

    "CO₂" is "co2", and "elephant²" is an elephant.
    """
    bare = _SIGN.sub(" ", text)
    return (text,) if bare == text else (text, bare)


def _contains(value: str) -> AnswerTest:
    """Return a test for a phrase (`_compile_phrase`)."""
    found = _compile_phrase(value)
    return lambda answer: any(found.search(fold_case(text)) for text in _spell_variants(answer))


def find_phrase(value: str, answer: str) -> list[tuple[int, int]]:
    """Return where the phrase of a condition `contains` stands in an answer: start and end, in
    characters.
    """
    pattern = _compile_phrase(value)
    found: set[tuple[int, int]] = set()
    for text in _spell_variants(answer):
        folded = ""
        spans: list[tuple[int, int]] = []  # of each folded character in the answer
        for cluster in regex.finditer(r"\X", text):
            piece = fold_case(cluster[0])
            folded += piece
            spans += [cluster.span()] * len(piece)
        for match in pattern.finditer(folded):
            found.add((spans[match.start()][0], spans[match.end() - 1][1]))
    return sorted(found)


def _compile_phrase(value: str) -> regex.Pattern[str]:
    """Return what finds a phrase as whole words in folded text, with its last word also in the
    plural.

    `*` at an end stands for any beginning or ending. The parts of a hyphenated word may stand
    apart, and a single letter before a hyphen may be joined to the rest: "e-mail" finds "email".
    """
    words = fold_case(value.strip("*")).split()
    if not words:
        raise ValueError('name a word to look for; For the sign itself write regex "[*]".')
    body = r"[\s\p{Pd}_]+".join(map(_compile_word, words))
    noun = regex.search(r"(?:^|-)(\p{Ll}{3,})$", words[-1])
    if noun and not value.endswith("*"):
        forms = "|".join((noun[1], *list_plurals(noun[1])))
        body = body.removesuffix(noun[1]) + f"(?:{forms})"
    before = "" if value.startswith("*") or not _edges_word(words[0][0]) else rf"(?<!{_IN_WORD})"
    after = "" if value.endswith("*") or not _edges_word(words[-1][-1]) else rf"(?!{_IN_WORD})"
    return regex.compile(before + body + after)


_HYPHEN = regex.compile(rf"(?<={_IN_WORD})\p{{Pd}}(?={_IN_WORD})")


def _compile_word(word: str) -> str:
    """Return a pattern of a folded word, whose hyphens may be spaces."""
    first, *rest = _HYPHEN.split(word)
    gap = r"[\s\p{Pd}_]*" if regex.fullmatch(r"\p{L}", first) else r"[\s\p{Pd}_]+"
    parts = r"[\s\p{Pd}_]+".join(map(regex.escape, rest))
    return f"{regex.escape(first)}{gap}{parts}" if rest else str(regex.escape(first))


def _edges_word(char: str) -> bool:
    """Return whether a word with this character at an edge must stand apart from its neighbors.

    This is false for signs and for scripts without spaces.
    """
    return regex.match(_IN_WORD, char) is not None and not _UNSPACED.match(char)


def _pattern(value: str) -> AnswerTest:
    """Return a test for a regular expression anywhere in the answer; (?i) ignores case."""
    if _count_copies(value) > MAX_COPIES:
        raise ValueError(
            "this regular expression repeats its parts too often; give "
            f"{MAX_COPIES:,} as the most, repeats of repeats included"
        )
    try:
        pattern = regex.compile(value, regex.V0)
    except (regex.error, OverflowError, RecursionError, IndexError, ValueError) as fault:
        raise ValueError(f"not a regular expression ({fault})") from None
    for char in dict.fromkeys([*[c for c in value if c.isalnum()][:8], "a", "0", " "]):
        try:
            pattern.search(char * 1000 + "\0", timeout=PROBE_TIMEOUT_S)
        except TimeoutError:
            raise ValueError(
                "this regular expression can take for ever. Avoid a repeat inside a "
                "repeat, such as (a+)+$."
            ) from None
    return lambda answer: _search(pattern, answer)


_PARTS = re.compile(
    r"\\(?:[pPN]\{[^}]*\}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<count>[0-9]+)[0-9,]*\}[+?]?|.", re.S
)
"""The parts of a regular expression: a sign, a set of signs, a bracket, or a repeat."""


def _count_copies(pattern: str) -> int:
    """Return about how many copies of its parts a regular expression asks for at least: repeats
    within each other are multiplied, those beside each other add up.
    """
    totals = [0]  # of each open bracket
    last = 0  # of the part that a repeat would copy
    for part in _PARTS.finditer(pattern):
        if part["count"] is not None:
            copies = max(last, 1) * int(part["count"])
            totals[-1] += max(copies - last, 0)
            last = copies
        elif part[0] == ")" and len(totals) > 1:
            last = totals.pop()
            totals[-1] += last
        else:
            last = 0
            if part[0] == "(":
                totals.append(0)
            if inside := re.findall(r"\{([0-9]+)", part[0]):  # or a comment has the bracket
                totals[-1] += math.prod(map(int, inside))
    return sum(totals)


def _search(pattern: Any, answer: str) -> bool:
    try:
        return pattern.search(answer, timeout=PATTERN_TIMEOUT_S) is not None
    except TimeoutError:
        cure = "Avoid a repeat inside a repeat, such as (a+)+."
        raise SlowSearch(
            f"the search took longer than {PATTERN_TIMEOUT_S:.0f} s in one answer.",
            where=f"regex {pattern.pattern!r}",
            cure=cure,
        ) from None


def _bound(count_of: Callable[[str], int], is_max: bool) -> Callable[[str], AnswerTest]:
    def build(value: str) -> AnswerTest:
        if not re.fullmatch("[0-9]{1,6}", value):
            raise ValueError("give a whole number, for instance 20")
        limit = int(value)
        holds = operator.le if is_max else operator.ge
        return lambda answer: holds(count_of(answer), limit)

    return build


def count_characters(text: str) -> int:
    """Count what a reader sees as characters, spaces too; an emoji is one."""
    return len(regex.findall(r"\X", text.strip()))


_SALUTATION = re.compile(
    r"(?:dear(?:est)?|hi|hello|hey|greetings|to whom|good (?:morning|afternoon|evening|day)|hallo|"
    r"sehr geehrt\w*|liebe[rs]?|guten (?:tag|morgen|abend)|ch(?:er|ère)s?|bonjour|hola|"
    r"querid[oa]s?|estimad[oa]s?)\b(?!-)[^\n?]{0,60}(?<!\.)",
    re.I,
)


def count_paragraphs(text: str) -> int:
    """Count the parts between empty lines.

    The subject, the salutation and the signature of a letter are none, nor is a line of signs. A
    block of code is a part of one.
    """
    text = re.sub(r"\r\n?", "\n", text.strip())
    body, _ = split_closing(split_subject(text)[1])
    parts = re.split(r"\n[^\S\n]*\n\s*", CODE_BLOCK.sub("code", body).strip())
    blocks = [part for part in parts if any(map(str.isalnum, part))]
    has_salutation = len(blocks) > 1 and _SALUTATION.fullmatch(blocks[0].strip())
    return max(len(blocks), 1) - bool(has_salutation)


def _language(value: str) -> AnswerTest:
    if value not in LANGUAGES:
        raise ValueError(f"no such language; {did_you_mean(value, LANGUAGES)}")
    return lambda answer: value in detect_languages(keep_prose(answer))


def _spelling(value: str) -> AnswerTest:
    if value not in VARIETIES:
        raise ValueError(f"no such spelling; {did_you_mean(value, VARIETIES)}")
    return lambda answer: is_spelled(value, answer)


_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.S | re.I)


def _refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(name)


def _is_json(answer: str) -> bool:
    """Return whether the answer is one JSON object or array, bare or in one code fence."""
    text = answer.strip()
    fenced = _FENCE.match(text)
    try:
        content = json.loads(fenced[1] if fenced else text, parse_constant=_refuse_constant)
        return isinstance(content, dict | list)
    except (ValueError, RecursionError):
        return False


_PROSE = re.compile(r"[A-Z]\w*(?: [\w',-]+){2,}.*[.!?]")
"""A sentence in words."""


def is_code(answer: str) -> bool:
    """Return whether the answer is fenced code blocks alone; a block that is not closed ends with
    code, and not with a sentence.
    """
    blocks = CODE_BLOCK.findall(answer)
    if not blocks or CODE_BLOCK.sub("", answer).strip():
        return False
    last_line = blocks[-1].rstrip().rpartition("\n")[2]
    return last_line.strip() == "```" or not _PROSE.fullmatch(last_line)


FORMATS: dict[str, AnswerTest] = {
    "json": _is_json,
    "code": is_code,
    "list": lambda answer: LIST_ITEM.search(drop_code(answer)) is not None,
    "numbered": lambda answer: NUMBERED_ITEM.search(drop_code(answer)) is not None,
    "no list": lambda answer: LIST_ITEM.search(drop_code(answer)) is None,
}


def _format(value: str) -> AnswerTest:
    if value not in FORMATS:
        raise ValueError(f"no such format; {did_you_mean(value, FORMATS)}")
    return FORMATS[value]


def _cut_signature(answer: str) -> str:
    """Return an answer without a name in its last line, and without the comma before it."""
    body, line_break, last = answer.rstrip().rpartition("\n")
    if not line_break or not SIGNATURE.fullmatch(last.strip()):
        return answer
    return body.rstrip().removesuffix(",")


def _at_end(chars: str) -> str:
    """Return the pattern of such characters at the end, tried once for each run of them."""
    return rf"(?<![{chars}])[{chars}]+$"


_OPENERS = "\"'“‘«‹„‚「『*_`"
_CLOSERS = "\"'”’“»›」』*_`"
"""Quotation marks and markup at the two ends of a text."""
_EMOJI = r"\p{Extended_Pictographic}\p{Emoji_Presentation}\p{Emoji_Modifier}"


def _choose_skipped(wanted: str, *, is_end: bool) -> str:
    """Return the pattern of what may stand outside of a text: marks around a word, markup around a
    mark, and nothing around a quotation mark; and emoji around a text that has none.
    """
    quotes = _CLOSERS if is_end else _OPENERS
    outer = wanted[-1] if is_end else wanted[0]
    if outer in quotes:
        return ""
    if not regex.search(f"[{_EMOJI}]", wanted):
        quotes += _EMOJI
    if outer.isalnum():
        return _at_end(rf"\s{quotes}.,!?…。।؟۔)\]") if is_end else rf"^[\s{quotes}¡¿(\[#>]+"
    return _at_end(rf"\s{quotes}") if is_end else rf"^[\s{quotes}]+"


def _edge(is_end: bool) -> Callable[[str], AnswerTest]:
    """Return a builder of tests for the text at one end of an answer, without marks around it.

    The text stands as whole words: "It is so." does not start with "I". The subject of an email
    before the first words, and a name in a line below the last ones, do no harm.
    """

    def build(value: str) -> AnswerTest:
        wanted = " ".join(fold_case(value).split())
        if not wanted:
            raise ValueError(f"give the text to {'end' if is_end else 'start'} with")
        outer, inner = (wanted[-1], wanted[0]) if is_end else (wanted[0], wanted[-1])
        is_word = outer.isalnum()
        skipped = regex.compile(_choose_skipped(wanted, is_end=is_end))
        body = regex.escape(wanted)
        if _edges_word(inner):
            body = rf"(?<!{_IN_WORD}){body}" if is_end else rf"{body}(?!{_IN_WORD})"
        edge = regex.compile(rf"{body}\Z" if is_end else rf"\A{body}")

        def holds(answer: str) -> bool:
            shorter = _cut_signature(answer) if is_end and is_word else split_subject(answer)[1]
            texts = (*_spell_variants(answer), *_spell_variants(shorter))
            bare = (" ".join(skipped.sub("", fold_case(text)).split()) for text in texts)
            return any(edge.search(text) for text in bare)

        return holds

    return build


PHRASES = ("contains", "regex", "starts", "ends")
CONDITIONS: dict[str, Callable[[str], AnswerTest]] = {
    "contains": _contains,
    "regex": _pattern,
    "starts": _edge(is_end=False),
    "ends": _edge(is_end=True),
    "max_words": _bound(count_words, is_max=True),
    "min_words": _bound(count_words, is_max=False),
    "max_characters": _bound(count_characters, is_max=True),
    "min_characters": _bound(count_characters, is_max=False),
    "max_sentences": _bound(count_sentences, is_max=True),
    "min_sentences": _bound(count_sentences, is_max=False),
    "max_paragraphs": _bound(count_paragraphs, is_max=True),
    "min_paragraphs": _bound(count_paragraphs, is_max=False),
    "language": _language,
    "spelling": _spelling,
    "format": _format,
}
EXAMPLES = {
    "contains": "contains elephant",
    "regex": r'regex "[0-9]"',
    "starts": 'starts "Ahoy"',
    "ends": 'ends "?"',
    "max_words": "max_words=20",
    "min_words": "min_words=5",
    "max_characters": "max_characters=280",
    "min_characters": "min_characters=20",
    "max_sentences": "max_sentences=1",
    "min_sentences": "min_sentences=2",
    "max_paragraphs": "max_paragraphs=1",
    "min_paragraphs": "min_paragraphs=2",
    "language": "language=en",
    "spelling": "spelling=british",
    "format": "format=json",
}
