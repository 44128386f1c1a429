"""The smallest revision that passes a check, without a model: what the check objects to is taken
out, and nothing else.

Signs that alone break a condition go, or become a full stop; so do words that a comma sets apart,
and sentences; an answer that is too long ends after its last sentence that fits, and before a list
rather than in it. Of all that passes, the revision with the least edit distance is taken. What this
cannot mend is left to a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from selfteach.generate.correct import edit_distance
from selfteach.text import split_sentences

CheckText = Callable[[str], bool]
NEUTRAL = "a"
SIGN_REPLACEMENTS = {"!": ".", "—": ",", ";": ","}
"""What stands for a sign that ends or joins a sentence; any other sign leaves nothing behind."""

_UNFINISHED = re.compile(r"^\s*(?:[-*•#|]|\d{1,2}[.)](?:\s|$))|[:*,;–—-]$|(?:^|\s)\d{1,2}[.)]$")

_FINISHED = re.compile(r"[.!?…。！？][\"'”’」)\]*_]*$")
_CLAUSE = re.compile(
    r";\s|[,–—]\s(?=(?:and|but|which|so|because|while|although|making|especially|including|or)\b)|\s(?=because\b|so that\b)"
)
_DEPENDENT = re.compile(
    r"^(?:to|if|when|while|as|because|since|for|in|on|at|with|after|before|although|once|whether)\b[^,;:]*$",
    re.I,
)


def find_smallest_revision(
    text: str, conditions: Sequence[CheckText], parts: bool = True
) -> str | None:
    """The text with as little changed as possible so that every condition holds; None where none
    was found.

    Args:
        parts: whether a sentence may end where a clause of it does, where nothing else helps.
    """
    for keeps in conditions:
        if keeps(text):
            continue
        passing = [found for found in generate_candidates(text, keeps) if found and keeps(found)]
        if not passing and parts:
            passing = [
                found
                for found in list_clause_starts(next(split_sentence_parts(text), "").strip())
                if keeps(found)
            ]
        if not passing:
            return None
        before = text
        text = min(passing, key=lambda found: edit_distance(before, found))
    return text if all(keeps(text) for keeps in conditions) else None


def generate_candidates(text: str, keeps: CheckText) -> Iterator[str]:
    """Texts with something taken out."""
    if keeps(NEUTRAL):  # a condition that asks for more words is broken by every single one
        yield remove_signs(text, keeps)
        yield remove_words(text, keeps)
    parts = list(split_sentence_parts(text))
    left = "".join(part for part in parts if keeps(part.strip())).rstrip()
    yield "" if is_cut_off(left) else left
    starts = ("".join(parts[:n]).rstrip() for n in range(len(parts) - 1, 0, -1))
    yield from (start for start in starts if not is_cut_off(start))
    yield text.lower()


def split_sentence_parts(text: str) -> Iterator[str]:
    """The sentences of a text with the white space that follows each of them."""
    starts, place = list[int](), 0
    for part in split_sentences(text):
        starts.append(text.index(part, place))
        place = starts[-1] + len(part)
    for start, stop in pairwise([*starts, len(text)]):
        yield text[start:stop]


def trim_to_sentence(text: str) -> str:
    """A text that broke off, up to the last sentence that ends it well; "" where there is none."""
    parts = list(split_sentence_parts(text))
    starts = ("".join(parts[:n]).rstrip() for n in range(len(parts) - 1, 0, -1))
    return next((start for start in starts if not is_cut_off(start)), "")


def is_cut_off(text: str) -> bool:
    """Whether a text that ends here breaks off: in a list or a sentence, after a heading, or after
    words that announce something.
    """
    last = text.rstrip().rpartition("\n")[2]
    return _UNFINISHED.search(last) is not None or not _FINISHED.search(last)


def remove_signs(text: str, keeps: CheckText) -> str:
    """The text without signs that alone break the condition."""
    bad = {
        char for char in set(text) if not char.isalnum() and not char.isspace() and not keeps(char)
    }
    if not bad:
        return text
    runs = re.compile("[" + re.escape("".join(sorted(bad))) + "\u200d\ufe0f]+")
    return _fix_spacing(
        runs.sub(
            lambda run: next(
                (
                    SIGN_REPLACEMENTS[c]
                    for c in run.group()
                    if c in SIGN_REPLACEMENTS and keeps(SIGN_REPLACEMENTS[c])
                ),
                "",
            ),
            text,
        )
    )


def remove_words(text: str, keeps: CheckText) -> str:
    """The text without words that alone break the condition, where they can go: before a comma at a
    sentence's start, or between commas.

    A word in the middle of a clause holds it together ("The fox eats bread."); a sentence with such
    a word goes as a whole, or a model is asked.
    """
    for word in dict.fromkeys(re.findall(r"[\w'’-]+", text)):
        if not keeps(word):
            bare = re.escape(word)
            text = re.sub(
                rf"(^|(?<=[.!?])\s+|\n){bare},\s+(\w)",
                lambda found: found[1] + found[2].upper(),
                text,
            )
            adverb = word.lower().endswith(
                "ly"
            )  # an adverb between commas takes both with it, a thing in a list one
            text = re.sub(
                rf",\s+{bare}(?:,|(?=[.!?]))" if adverb else rf",\s+{bare}(?=[,.!?])", "", text
            )
    return text


def list_clause_starts(sentence: str) -> Iterator[str]:
    """Beginnings of a sentence that end where a clause does, and say something by themselves."""
    ends = [match.start() for match in _CLAUSE.finditer(sentence)]
    starts = (sentence[:end].rstrip(" ,;:–—") for end in reversed(ends))
    yield from (start + "." for start in starts if start and not _DEPENDENT.search(start))


def _fix_spacing(text: str) -> str:
    """Spaces and stops as they should be after something went."""
    text = re.sub(r"(?<=[.?!,])(?:\s*[.,])+(?!\.)", "", text) if "..." not in text else text
    text = re.sub(r"[ \t]+(?=[.,;:!?](?:\s|$))", "", text)
    return re.sub(r"[ \t]{2,}", " ", text).strip()
