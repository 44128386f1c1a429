"""Checks: a small language for what can be decided without a model. `not contains elephant and max_sentences=2`

    check     = all {"or" all}            all = part {"and" part}            part = "not" part | "(" check ")" | condition
    condition = name ["="] value          value = a word, or a text in single or double quotes with \\" and \\\\ as escapes

A check states what an answer must do to *keep* the rule. The conditions are in CONDITIONS; docs/checks.md explains each. Parsed, never
evaluated.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import regex

from selfteach.errors import DataError, UsageError
from selfteach.judge.language import LANGUAGES, languages
from selfteach.materials.inflection import plurals
from selfteach.records import Prompt, clean, sentences
from selfteach.registry import did_you_mean

MAX_CHARS, MAX_DEPTH = 2000, 32
PATTERN_TIMEOUT_S, PROBE_TIMEOUT_S = 5.0, 0.5
Holds = Callable[[str], bool]


class Check(Protocol):
    """What an answer must do. `str(check)` is text that `parse` reads back to an equal check."""

    def keeps(self, answer: str) -> bool:
        """Whether the answer keeps the rule."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition with its value: `max_words=20`."""

    name: str
    value: str
    holds: Holds = field(compare=False, repr=False)

    def keeps(self, answer: str) -> bool:
        """As `Check.keeps`."""
        return self.holds(answer)

    def __str__(self) -> str:
        bare = re.fullmatch(r"\w+", self.value) and self.name not in PHRASES
        text = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f"{self.name}{' ' if self.name in PHRASES else '='}" + (self.value if bare else f'"{text}"')


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a check."""

    check: Check

    def keeps(self, answer: str) -> bool:
        """As `Check.keeps`."""
        return not self.check.keeps(answer)

    def __str__(self) -> str:
        return f"not {_grouped(self.check)}"


@dataclass(frozen=True, slots=True)
class Joined:
    """Checks joined by "and" (all must hold) or by "or" (one must)."""

    word: str
    checks: tuple[Check, ...]

    def keeps(self, answer: str) -> bool:
        """As `Check.keeps`."""
        join = all if self.word == "and" else any
        return join(check.keeps(answer) for check in self.checks)

    def __str__(self) -> str:
        return f" {self.word} ".join(_grouped(check) for check in self.checks)


def _grouped(check: Check) -> str:
    return f"({check})" if isinstance(check, Joined) else str(check)


class CheckJudge:
    """A judge that is a check. Its values are certain: 1 broken, 0 kept."""

    name = "check"

    def __init__(self, check: Check | str) -> None:
        self.check = parse(check) if isinstance(check, str) else check

    def values(self, pairs: Sequence[tuple[Prompt, str]]) -> list[float]:
        """For each (prompt, answer) how surely the answer breaks the rule, higher = more surely; a check looks at the answer alone."""
        return [0.0 if self.check.keeps(answer) else 1.0 for _, answer in pairs]


# ---------------------------------------------------------------------------------------------------------------- conditions


def fold(text: str) -> str:
    """Text for comparing without regard to case, width, ligatures and invisible characters."""
    return re.sub("[\u00ad\u200b-\u200f\u2060\ufeff]", "", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


_IN_WORD = r"[\p{L}\p{N}\p{M}]"
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


def _contains(value: str) -> Holds:
    """The word or phrase as whole words; its last word also in the plural; `*` at an end stands for any beginning or ending."""
    words = fold(value.strip("*")).split()
    if not words:
        raise ValueError("name a word to look for")
    body = r"[\s\p{Pd}_]+".join(regex.escape(word) for word in words)
    if not value.endswith("*") and re.fullmatch("[a-z]{3,}", words[-1]):
        last = "|".join(regex.escape(form) for form in (words[-1], *plurals(words[-1])))
        body = body[: len(body) - len(regex.escape(words[-1]))] + f"(?:{last})"
    before = "" if value.startswith("*") or not _edges_word(words[0][0]) else rf"(?<!{_IN_WORD})"
    after = "" if value.endswith("*") or not _edges_word(words[-1][-1]) else rf"(?!{_IN_WORD})"
    found = regex.compile(before + body + after)
    return lambda answer: found.search(fold(answer)) is not None


def _edges_word(char: str) -> bool:
    """Whether a word with this character at an edge must stand apart from its neighbours: not signs, nor scripts without spaces."""
    return regex.match(_IN_WORD, char) is not None and not _UNSPACED.match(char)


def _pattern(value: str) -> Holds:
    """A regular expression found anywhere in the answer; case counts unless it begins with (?i)."""
    try:
        pattern = regex.compile(value, regex.V0)
    except (regex.error, OverflowError, RecursionError, IndexError, ValueError) as fault:
        raise ValueError(f"not a regular expression ({fault})") from None
    for char in dict.fromkeys([*[c for c in value if c.isalnum()][:8], "a", "0", " "]):
        try:
            pattern.search(char * 1000 + "\0", timeout=PROBE_TIMEOUT_S)
        except TimeoutError:
            raise ValueError("this regular expression can take for ever; Avoid a repeat inside a repeat, such as (a+)+.") from None
    return lambda answer: _search(pattern, answer)


def _search(pattern: Any, answer: str) -> bool:
    try:
        return pattern.search(answer, timeout=PATTERN_TIMEOUT_S) is not None
    except TimeoutError:
        cure = "Avoid a repeat inside a repeat, such as (a+)+."
        raise DataError(
            f"the search took longer than {PATTERN_TIMEOUT_S:.0f} s in one answer.", where=f"regex {pattern.pattern!r}", cure=cure
        ) from None


def _bound(count_of: Callable[[str], int], most: bool) -> Callable[[str], Holds]:
    def build(value: str) -> Holds:
        if not re.fullmatch("[0-9]{1,6}", value):
            raise ValueError("give a whole number, for instance 20")
        limit = int(value)
        return (lambda answer: count_of(answer) <= limit) if most else (lambda answer: count_of(answer) >= limit)

    return build


def count_words(text: str) -> int:
    """Words: what is between spaces and has a letter or digit; in Chinese and Japanese, which do not space words, each character."""
    unspaced = regex.findall(r"[\p{Han}\p{Hiragana}\p{Katakana}]", text)
    rest = regex.sub(r"[\p{Han}\p{Hiragana}\p{Katakana}]", " ", text)
    return len(unspaced) + sum(any(char.isalnum() for char in word) for word in rest.split())


_ABBREVIATED = re.compile(
    r"(?:(?:^|[\s(\"'])(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|e\.g|i\.e|cf|approx)|(?:^|\b[A-Z]\S*\s)[A-Z]|[A-Z]\.[A-Z])\.$"
)
_ITEM = re.compile(r"^(?:\d{1,3}[.)]|[-*•])$")


def count_sentences(text: str) -> int:
    """Sentences with a letter or digit. "Dr. Smith", "e.g. this", initials and the numbers of a list end none."""
    ready = re.sub(r"([。！？])(?=[^\s\"')\]」』”’])", r"\1\n", text)
    count, joined = 0, False
    for part in sentences(ready):
        count += any(char.isalnum() for char in part) and not joined and not _ITEM.match(part)
        joined = _ABBREVIATED.search(part) is not None
    return count


def _language(value: str) -> Holds:
    if value not in LANGUAGES:
        raise ValueError(f"no such language; {did_you_mean(value, LANGUAGES)}")
    return lambda answer: value in languages(answer)


_LIST_ITEM = re.compile(r"^\s{0,8}(?:[-*•‣◦–]|\d{1,2}[.)])\s+\S", re.M)
_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.S)
FORMATS: dict[str, Holds] = {
    "json": lambda answer: _is_json(answer),
    "list": lambda answer: _LIST_ITEM.search(answer) is not None,
    "no list": lambda answer: _LIST_ITEM.search(answer) is None,
}


def _format(value: str) -> Holds:
    name = value.replace("_", " ")
    if name not in FORMATS:
        raise ValueError(f"no such format; {did_you_mean(value, FORMATS)}")
    return FORMATS[name]


def _is_json(answer: str) -> bool:
    """One object or array and nothing else, bare or in one code fence."""
    text = answer.strip()
    fenced = _FENCE.match(text)
    try:
        return isinstance(json.loads(fenced[1] if fenced else text), dict | list)
    except (ValueError, RecursionError):
        return False


def _starts(value: str) -> Holds:
    wanted = " ".join(fold(value).split())
    if not wanted:
        raise ValueError("give the text to start with")
    skipped = "" if not wanted[0].isalnum() else r"^[\s\"'“‘*_#>]+"
    return lambda answer: " ".join(re.sub(skipped, "", fold(answer)).split()).startswith(wanted)


def _ends(value: str) -> Holds:
    wanted = " ".join(fold(value).split())
    if not wanted:
        raise ValueError("give the text to end with")
    skipped = "" if not wanted[-1].isalnum() else r"[\s\"'”’*_.!?…]+$"
    return lambda answer: " ".join(re.sub(skipped, "", fold(answer)).split()).endswith(wanted)


PHRASES = ("contains", "regex", "starts", "ends")
CONDITIONS: dict[str, Callable[[str], Holds]] = {
    "contains": _contains,
    "regex": _pattern,
    "starts": _starts,
    "ends": _ends,
    "max_words": _bound(count_words, most=True),
    "min_words": _bound(count_words, most=False),
    "max_sentences": _bound(count_sentences, most=True),
    "min_sentences": _bound(count_sentences, most=False),
    "language": _language,
    "format": _format,
}

# ---------------------------------------------------------------------------------------------------------------- the parser

_TOKEN = re.compile(r"""\s*(?:(?P<mark>[()=])|"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'|(?P<word>[^\s()="']+))""", re.S)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    quoted: bool = False


def parse(text: str) -> Check:
    """The check that a text states.

    Raises:
        UsageError: it is empty, too long or too deep, or not a check; names the character and the nearest right word.
    """
    text = clean(text)
    if len(text) > MAX_CHARS:
        raise UsageError(f"the check has {len(text):,} characters; {MAX_CHARS:,} is the most.", where="check")
    parser = _Parser(_tokens(text), len(text) + 1)
    check = parser.either(0)
    if parser.next is not None:
        _fail(
            f'"{parser.next.text}" is not expected here',
            parser.next.at,
            'Join conditions with "and" or "or"; put a text of several words in quotes.',
        )
    return check


def _tokens(text: str) -> list[_Token]:
    found, end, stop = [], 0, len(text.rstrip())
    while end < stop:
        match = _TOKEN.match(text, end)
        if match is None:
            at = end + len(text[end:]) - len(text[end:].lstrip())
            _fail("a quotation mark is not closed", at + 1, "Close it, or put a text that holds an apostrophe in double quotes.")
        name = str(match.lastgroup)
        value = match[name]
        if name in ("double", "single"):
            value = re.sub(r"""\\(["'\\])""", r"\1", value)
        found.append(_Token(value, match.start(name) + 1, quoted=name in ("double", "single")))
        end = match.end()
    return found


def _fail(what: str, at: int, cure: str = "") -> NoReturn:
    raise UsageError(f"{what}.", where=f"check, character {at}", cure=cure)


class _Parser:
    """Recursive descent, one function a line of the grammar; depth is bounded."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens, self._at, self._end = tokens, 0, end

    @property
    def next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        """Steps over an unquoted word or mark if it stands here."""
        here = self.next
        if here is None or here.quoted or here.text.lower() != word:
            return False
        self._at += 1
        return True

    def either(self, depth: int) -> Check:
        return self._joined("or", lambda: self._joined("and", lambda: self._part(depth)))

    def _joined(self, word: str, inner: Callable[[], Check]) -> Check:
        checks = [inner()]
        while self._take(word):
            checks.append(inner())
        return checks[0] if len(checks) == 1 else Joined(word, tuple(checks))

    def _part(self, depth: int) -> Check:
        here = self.next
        if here is not None and depth > MAX_DEPTH:
            _fail("too deeply nested", here.at)
        if self._take("not"):
            return Not(self._part(depth + 1))
        if self._take("("):
            check = self.either(depth + 1)
            if not self._take(")"):
                _fail("a closing parenthesis is missing", self.next.at if self.next else self._end)
            return check
        return self._condition()

    def _condition(self) -> Check:
        name = self.next
        if name is None:
            _fail("a condition is missing", self._end, f"Known: {', '.join(CONDITIONS)}.")
        if name.quoted or name.text.lower() not in CONDITIONS:
            _fail(f'there is no condition "{name.text}"', name.at, did_you_mean(name.text, CONDITIONS))
        self._at += 1
        self._take("=")
        value = self.next
        if value is None or (not value.quoted and value.text.lower() in ("and", "or", "not", "(", ")", "=")):
            _fail(
                f'"{name.text}" needs a value',
                value.at if value else self._end,
                f'For instance {EXAMPLES[name.text.lower()]}; quote the words "and", "or", "not".',
            )
        self._at += 1
        return _condition(name.text.lower(), value)


EXAMPLES = {
    "contains": "contains elephant", "regex": r'regex "[0-9]"', "starts": 'starts "Ahoy"', "ends": 'ends "?"',
    "max_words": "max_words=20", "min_words": "min_words=5", "max_sentences": "max_sentences=1", "min_sentences": "min_sentences=2",
    "language": "language=en", "format": "format=json",
}  # fmt: skip


def _condition(name: str, value: _Token) -> Condition:
    text = value.text if name in PHRASES else value.text.strip().lower().replace("_", " ")
    try:
        return Condition(name, text, CONDITIONS[name](text))
    except ValueError as fault:
        what, _, cure = str(fault).partition("; ")
        _fail(f'{name} "{value.text}": {what}', value.at, cure)
