"""The smallest revision that passes a check, without a model.

It removes only what the check rejects: signs that alone break a condition, words between commas,
and sentences. A sign may become a full stop. An answer that is too long ends after its last
sentence that fits, and before a list. Of all texts that pass, the one with the least edit distance
is the revision. A model revises the remaining answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from selfteach.generate.correct import edit_distance
from selfteach.sentences import ends_with_abbreviation, split_pieces

CheckText = Callable[[str], bool]
NEUTRAL = "a"
SIGN_REPLACEMENTS = {"!": ".", "—": ",", ";": ","}
"""Replacements of signs that end or join a sentence; any other sign is only removed."""

_REMOVED = "\0"
"""Marks in a text where a sign was removed or replaced."""
_JOINERS = "[\u200d\ufe0f]"
"""What joins signs to one emoji, or makes an emoji of a sign."""
_JOINED = "(?:(?<=[\ufe0f\u2600-\u27bf\U0001f000-\U0001faff])\u200d|(?<=[0-9#*])\ufe0f(?=\u20e3))"
"""What joins a sign to the emoji before it, or the frame of a keycap to its digit."""
_UNFINISHED = re.compile(r"^\s*(?:[-*•#|]|\d{1,2}[.)](?:\s|$))|[:*,;–—-]$|(?:^|\s)\d{1,2}[.)]$")

_FINISHED = re.compile(r"[.!?…。！？][\"'”’」)\]*_]*$")
_CLAUSE = re.compile(
    r";\s|[,–—]\s(?=(?:and|but|which|so|because|while|although|making|especially|including|or)\b)"
    r"|\s(?=because\b|so that\b)"
)
_DEPENDENT = re.compile(
    r"^(?:to|if|when|while|as|because|since|for|in|on|at|with|after|before|although|once|whether)"
    r"\b[^,;:]*$",
    re.I,
)


def find_smallest_revision(
    text: str, conditions: Sequence[CheckText], parts: bool = True
) -> str | None:
    """Return the text with the least change so that every condition holds; None if there is none.

    Args:
        parts: whether a sentence may end after one of its clauses if nothing else helps.
    """
    for keeps in conditions:
        if keeps(text):
            continue
        passing = [found for found in generate_candidates(text, keeps) if found and keeps(found)]
        if not passing and parts:
            first = "".join(split_pieces(text.lstrip())[:1]).strip()
            passing = list(filter(keeps, list_clause_starts(first)))
        if not passing:
            return None
        before = text
        text = min(passing, key=lambda found: edit_distance(before, found))
    return text if all(keeps(text) for keeps in conditions) else None


def generate_candidates(text: str, keeps: CheckText) -> Iterator[str]:
    """Yield texts without some of their parts."""
    if keeps(NEUTRAL):  # a condition that asks for more words is broken by every single one
        yield remove_signs(text, keeps)
        yield remove_words(text, keeps)
    left = "".join(part for part in split_pieces(text.lstrip()) if keeps(part.strip())).rstrip()
    yield "" if is_cut_off(left) else left
    yield from _list_whole_starts(text)
    yield text.lower()


def _list_whole_starts(text: str) -> Iterator[str]:
    """Yield the beginnings of a text that do not break off, the longest first."""
    parts = split_pieces(text.lstrip())
    starts = ("".join(parts[:n]).rstrip() for n in range(len(parts) - 1, 0, -1))
    return (start for start in starts if not is_cut_off(start))


def trim_to_sentence(text: str) -> str:
    """Return a cut text up to its last complete sentence; "" if there is none."""
    return next(_list_whole_starts(text), "")


def is_cut_off(text: str) -> bool:
    """Return whether a text breaks off: in a list or a sentence, or after a heading."""
    last = text.rstrip().rpartition("\n")[2]
    return _UNFINISHED.search(last) is not None or not _FINISHED.search(last)


def remove_signs(text: str, keeps: CheckText) -> str:
    """Return the text without signs that alone break the condition."""
    bad = {
        char for char in set(text) if not char.isalnum() and not char.isspace() and not keeps(char)
    }
    if not bad:
        return text
    sign = f"[{re.escape(''.join(sorted(bad)))}]"
    # What joins signs goes with them alone: it is a part of other emoji, and of words.
    runs = re.compile(f"{_JOINED}?{sign}(?:{_JOINERS}*{sign})*{_JOINERS}*")

    def replace_run(run: re.Match[str]) -> str:
        others = (SIGN_REPLACEMENTS.get(char, "") for char in run.group())
        return next((other for other in others if other and keeps(other)), "") + _REMOVED

    return _fix_spacing(runs.sub(replace_run, text))


def remove_words(text: str, keeps: CheckText) -> str:
    """Return the text without words that alone break the condition, if they are removable.

    A word is removable before a comma at a sentence's start, or between commas. A word in the
    middle of a clause is needed ("The fox eats bread."): its sentence is removed as a whole, or a
    model revises it.
    """
    for word in dict.fromkeys(re.findall(r"[\w'’-]+", text)):
        if not keeps(word):
            bare = re.escape(word)
            opening = rf"(^|(?<=[.!?])\s+|\n){bare},\s+(\w)"
            text = re.sub(opening, lambda found: found[1] + found[2].upper(), text)
            # Remove both commas around an adverb, but only one around an item of a list.
            end = "(?:,|(?=[.!?]))" if word.lower().endswith("ly") else "(?=[,.!?])"
            text = re.sub(rf",\s+{bare}{end}", "", text)
    return text


def list_clause_starts(sentence: str) -> Iterator[str]:
    """Yield the beginnings of a sentence that end after a clause and make sense alone."""
    ends = [match.start() for match in _CLAUSE.finditer(sentence)]
    starts = (sentence[:end].rstrip(" ,;:–—") for end in reversed(ends))
    yield from (start + "." for start in starts if start and not _DEPENDENT.search(start))


def _fix_spacing(text: str) -> str:
    """Return the text with spaces and stops repaired where _REMOVED marks a removal, and without
    the marks. All else stays as it is written: a space before a sign ("Oui !"), indentation,
    tables. A stop or a comma before a letter belongs to its word (".NET"), and a comma after an
    abbreviation stays ("etc., and").
    """

    def drop_stops(found: re.Match[str]) -> str:
        before = text[: found.start()].replace(_REMOVED, "")
        is_kept = _REMOVED not in found.group() or ends_with_abbreviation(before)
        return found.group() if is_kept else ""

    if "..." not in text:
        text = re.sub(r"(?<=[.?!,])(?:[\s\0]*[.,]\0?)+(?![\w.])", drop_stops, text)
    text = re.sub(
        r"[ \t\0]+([.,;:!?]+\0?)(?=\s|$)",
        lambda found: found[1] if _REMOVED in found.group() else found.group(),
        text,
    )
    text = re.sub(r"(?m)[ \t]+\0[ \t\0]*$|(?<=^)\0[ \t\0]*", "", text)
    text = re.sub(
        r"(?<=[^\s\0])[ \t\0]*\0[ \t\0]*(?=[^\s\0])",
        lambda found: " " if found.group().strip(_REMOVED) else "",
        text,
    )
    return text.replace(_REMOVED, "").strip()
