"""The smallest revision that passes a check, without a model.

It removes only what the check rejects: marks, numbers and emoji, which are written otherwise where
that is possible; words between commas; and sentences. An answer that is too long ends after its
last sentence that fits, and before a list. Of all texts that pass, the one with the least edit
distance is the revision. A model revises the remaining answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from selfteach.exact_texts import CODE_BLOCK, is_open
from selfteach.generate.correct import edit_distance
from selfteach.judge.mark_edits import rewrite_marks
from selfteach.sentences import split_pieces

CheckText = Callable[[str], bool]
NEUTRAL = "a"
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
        if all(map(keeps, CODE_BLOCK.findall(text))):
            rewritten = rewrite_marks(text, keeps)
            yield rewritten
            yield _drop_sentences(rewritten, keeps)
            yield remove_words(text, keeps)
        yield _drop_end_marks(text, keeps)
    yield _drop_sentences(text, keeps)
    yield from _list_whole_starts(text)
    yield text.lower()


def _drop_sentences(text: str, keeps: CheckText) -> str:
    """Return the sentences and code blocks of a text that alone meet a condition; "" if they break
    off. What begins with a small letter, where others begin with a capital, goes on with the part
    before it in its line, and goes with it.
    """
    parts = _split_parts(text.lstrip())
    has_capitals = sum(part[:1].isupper() for part in parts) > 1
    kept = []
    is_dropped = False
    before = ""
    for part in parts:
        is_small = has_capitals and part[:1].islower() and part[1:2] != ")"
        goes_on = is_dropped and is_small and not before.endswith("\n")
        is_dropped = goes_on or not keeps(part.strip())
        if not is_dropped:
            kept.append(part)
        before = part
    left = re.sub(r"\n{3,}", "\n\n", "".join(kept)).strip()
    return "" if is_cut_off(left) else left


def _split_parts(text: str) -> list[str]:
    """Return the sentences of a text, and its code blocks as wholes."""
    parts = []
    end = 0
    for block in CODE_BLOCK.finditer(text):
        parts += [*split_pieces(text[end : block.start()]), str(block[0])]
        end = block.end()
    return [part for part in [*parts, *split_pieces(text[end:])] if part]


def _drop_end_marks(text: str, keeps: CheckText) -> str:
    """Return a text without the marks at its end, if a condition objects to them only there."""
    marks = re.search(r"[^\w\s]+\s*\Z", text)
    if marks is None or keeps(marks[0]) or not keeps(f"{marks[0]} {NEUTRAL}"):
        return ""
    return text[: marks.start()].rstrip()


def _list_whole_starts(text: str) -> Iterator[str]:
    """Yield the beginnings of a text that do not break off, the longest first."""
    parts = _split_parts(text.lstrip())
    starts = ("".join(parts[:n]).rstrip() for n in range(len(parts) - 1, 0, -1))
    return (start for start in starts if not is_cut_off(start))


def trim_to_sentence(text: str) -> str:
    """Return a cut text up to its last complete sentence; "" if there is none."""
    return next(_list_whole_starts(text), "")


def is_cut_off(text: str) -> bool:
    """Return whether a text breaks off: in a list, a sentence, code, a quotation or brackets, or
    after a heading.
    """
    last = text.rstrip().rpartition("\n")[2]
    return bool(_UNFINISHED.search(last)) or not _FINISHED.search(last) or is_open(text)


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
