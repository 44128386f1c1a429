"""Checks: a small language for rules that need no model.

    not contains elephant and max_sentences=2

    check     = all {"or" all}
    all       = part {"and" part}
    part      = "not" part | "(" check ")" | condition
    condition = name ["="] value
    value     = a word, or a text in single or double quotes with \\" and \\\\ as escapes

A check states what an answer must do to *keep* the rule. The conditions are in conditions.py;
docs/reference/checks.md explains each. Parsed, never evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from selfteach.errors import UsageError
from selfteach.judge import Judge
from selfteach.judge.conditions import CONDITIONS, EXAMPLES, PHRASES, AnswerTest, SlowSearch
from selfteach.judge.setup import JudgeSetup
from selfteach.records import JsonMapping, JsonObject, Prompt
from selfteach.registry import did_you_mean
from selfteach.text import clean_text

MAX_CHARS = 2_000
"""The longest check that a person writes."""
MAX_PARSED_CHARS = 10 * MAX_CHARS
"""The longest one that is read: what is written down has more quotation marks, and other names."""
MAX_DEPTH = 32
MAX_SLOW_ANSWERS = 10
"""So many answers on which a search takes too long show that the check itself is wrong."""


class Check(Protocol):
    """Test an answer. `parse_check(str(check))` is an equal check."""

    def keeps(self, answer: str) -> bool:
        """Return whether the answer keeps the rule."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """Hold one condition with its value: `max_words=20`."""

    name: str
    value: str
    holds: AnswerTest = field(compare=False, repr=False)

    def keeps(self, answer: str) -> bool:
        """Return whether the answer keeps the rule."""
        return self.holds(answer)

    def __str__(self) -> str:
        bare = re.fullmatch(r"\w+", self.value) and self.name not in PHRASES
        text = self.value.replace("\\", "\\\\").replace('"', '\\"')
        mark = " " if self.name in PHRASES else "="
        return f"{self.name}{mark}{self.value}" if bare else f'{self.name}{mark}"{text}"'


@dataclass(frozen=True, slots=True)
class NegatedCheck:
    """Negate a check."""

    check: Check

    def keeps(self, answer: str) -> bool:
        """Return whether the answer keeps the rule."""
        return not self.check.keeps(answer)

    def __str__(self) -> str:
        return f"not {_parenthesize(self.check)}"


@dataclass(frozen=True, slots=True)
class JoinedChecks:
    """Join checks by "and" (all must hold) or by "or" (one must)."""

    word: str
    checks: tuple[Check, ...]

    def keeps(self, answer: str) -> bool:
        """Return whether the answer keeps the rule."""
        join = all if self.word == "and" else any
        return join(check.keeps(answer) for check in self.checks)

    def __str__(self) -> str:
        return f" {self.word} ".join(_parenthesize(check) for check in self.checks)


@dataclass(slots=True)
class WholeCheck:
    """Hold a whole check. An answer on which it takes too long does not keep the rule."""

    check: Check
    num_slow: int = field(default=0, compare=False)

    def keeps(self, answer: str) -> bool:
        """Return whether the answer keeps the rule, and the check can tell.

        Raises:
            SlowSearch: it took too long on more than MAX_SLOW_ANSWERS answers.
        """
        try:
            return self.check.keeps(answer)
        except SlowSearch:
            self.num_slow += 1
            if self.num_slow > MAX_SLOW_ANSWERS:
                raise
            return False

    def __str__(self) -> str:
        return str(self.check)


def _parenthesize(check: Check) -> str:
    return f"({check})" if isinstance(check, JoinedChecks) else str(check)


class CheckJudge:
    """Judge answers by a check. Its values are certain: 1 broken, 0 kept."""

    name = "check"

    def __init__(self, check: Check | str) -> None:
        self.check = parse_check(check) if isinstance(check, str) else check

    @classmethod
    def list_candidates(cls, setup: JudgeSetup) -> list[Judge]:
        """Return the check that the rule's form suggests, if there is one."""
        return [cls(setup.check)] if setup.check else []

    def describe(self) -> JsonObject:
        """Return the check as text, for a record."""
        return {"check": str(self.check)}

    @classmethod
    def from_record(cls, record: JsonMapping, scorer: object, open_teacher: object) -> CheckJudge:
        """Return the judge of a record; no model is asked."""
        return cls(str(record["check"]))

    def values(self, pairs: Sequence[tuple[Prompt, str]]) -> list[float]:
        """Return 1 for each answer that breaks the check, else 0; the prompt has no effect."""
        return [0.0 if self.check.keeps(answer) else 1.0 for _, answer in pairs]


NAMES_OF_CHECK = ("auto", CheckJudge.name)
"""Values of the setting `judge.name` with which a check decides alone, where there is one."""
_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>[()=])|"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'|"""
    r"""(?P<word>[^\s()="']+))""",
    re.S,
)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    quoted: bool = False


def parse_check(text: str) -> Check:
    """Return the check that a text states.

    Raises:
        UsageError: the text is empty, too long, too deep, or not a check. The error names the
            character and the nearest right word.
    """
    text = clean_text(text)
    refuse_long_check(text, MAX_PARSED_CHARS)
    parser = _Parser(_tokenize(text), len(text) + 1)
    check = WholeCheck(parser.parse_or(0))
    if parser.next is not None:
        _raise_usage_error(
            f'"{parser.next.text}" is not expected here',
            parser.next.at,
            'Join conditions with "and" or "or"; put a text of several words in quotes.',
        )
    return check


def refuse_long_check(text: str, most: int = MAX_CHARS) -> None:
    """Refuse a check of more characters than a person writes.

    Raises:
        UsageError: it has more.
    """
    if len(text) > most:
        raise UsageError(
            f"the check has {len(text):,} characters; {most:,} is the most.", where="check"
        )


def keeps_check(text: str, answer: str) -> bool:
    """Return whether an answer meets the check that a text states.

    Raises:
        UsageError: the text is no check.
    """
    return parse_check(text).keeps(answer)


def _tokenize(text: str) -> list[_Token]:
    found = []
    end = 0
    while end < len(text.rstrip()):
        match = _TOKEN.match(text, end)
        if match is None:
            at = end + len(text[end:]) - len(text[end:].lstrip())
            _raise_usage_error(
                "a quotation mark is not closed",
                at + 1,
                "Close it, or put a text that holds an apostrophe in double quotes.",
            )
        name = str(match.lastgroup)
        value = match[name]
        if name in ("double", "single"):
            value = re.sub(r"""\\(["'\\])""", r"\1", value)
        found.append(_Token(value, match.start(name) + 1, quoted=name in ("double", "single")))
        end = match.end()
    return found


def _raise_usage_error(what: str, at: int, cure: str = "") -> NoReturn:
    raise UsageError(f"{what}.", where=f"check, character {at}", cure=cure)


class _Parser:
    """Parse by recursive descent: one function for each line of the grammar, with bounded depth."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._at = 0
        self._end = end

    @property
    def next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        """Consume an unquoted word or mark if it is the next one."""
        here = self.next
        if here is None or here.quoted or here.text.lower() != word:
            return False
        self._at += 1
        return True

    def parse_or(self, depth: int) -> Check:
        return self._parse_joined(
            "or", lambda: self._parse_joined("and", lambda: self._parse_part(depth))
        )

    def _parse_joined(self, word: str, inner: Callable[[], Check]) -> Check:
        checks = [inner()]
        while self._take(word):
            checks.append(inner())
        return checks[0] if len(checks) == 1 else JoinedChecks(word, tuple(checks))

    def _parse_part(self, depth: int) -> Check:
        here = self.next
        if here is not None and depth > MAX_DEPTH:
            _raise_usage_error("too deeply nested", here.at)
        if self._take("not"):
            return NegatedCheck(self._parse_part(depth + 1))
        if self._take("("):
            check = self.parse_or(depth + 1)
            if not self._take(")"):
                _raise_usage_error(
                    "a closing parenthesis is missing", self.next.at if self.next else self._end
                )
            return check
        return self._parse_condition()

    def _parse_condition(self) -> Check:
        name = self.next
        if name is None:
            _raise_usage_error(
                "a condition is missing", self._end, f"Known: {', '.join(CONDITIONS)}."
            )
        if name.quoted or name.text.lower() not in CONDITIONS:
            _raise_usage_error(
                f'there is no condition "{name.text}"', name.at, did_you_mean(name.text, CONDITIONS)
            )
        self._at += 1
        self._take("=")
        value = self.next
        if value is None or (
            not value.quoted and value.text.lower() in ("and", "or", "not", "(", ")", "=")
        ):
            _raise_usage_error(
                f'"{name.text}" needs a value',
                value.at if value else self._end,
                f'For instance {EXAMPLES[name.text.lower()]}; quote the words "and", "or", "not".',
            )
        self._at += 1
        return _make_condition(name.text.lower(), value)


def _make_condition(name: str, value: _Token) -> Condition:
    text = value.text if name in PHRASES else value.text.strip().lower().replace("_", " ")
    try:
        return Condition(name, text, CONDITIONS[name](text))
    except ValueError as fault:
        what, _, cure = str(fault).partition("; ")
        _raise_usage_error(f'{name} "{value.text}": {what}', value.at, cure)
