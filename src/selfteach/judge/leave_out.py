"""Leave out what breaks a rule: items of a list, items of an enumeration, or sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, islice

from selfteach.judge.sentence_edits import LIST_ITEM, renumber_items
from selfteach.records import FindViolations, Prompt
from selfteach.sentences import split_pieces

MIN_LEFT = 0.5
"""The least share of its words that a text keeps."""
MAX_ITEM_WORDS = 5
"""An item between others has at most so many words."""
_SEPARATOR = re.compile(
    r"(,\s+(?:(?:and|or|und|oder|et|ou|y|o)\s+)?|(?<!\s)\s+(?:and|or|und|oder|et|ou)\s+)"
)
"""What stands between the items of an enumeration."""
_END = re.compile(r"\W+$")
_POINTS_BACK = re.compile(
    r"\s*(?:they|them|their|it|its|he|she|his|her|this|that|these|those|such|er|sie|es|ihr|dies\w*|"
    r"ils?|elles?|celui|celle|ceux|leurs?|ellos|ellas?|él|éstos?|éstas?)\b",
    re.IGNORECASE,
)
"""The beginning of a sentence that speaks of something in the sentence before it."""


def leave_out_violations(texts: Sequence[str], find_violations: FindViolations) -> list[str]:
    """Return each text without the parts that the judge rejects; "" if too little is left.

    A sentence first loses the items of an enumeration that break the rule. A list keeps the items
    that keep it, with new numbers. Other texts keep their longest beginning that does, or else the
    sentences that do alone. A sentence that speaks of one that is left out goes with it: "They are
    massive." answers nothing without the animals' name.
    """
    parts = leave_out_items([split_pieces(text) for text in texts], find_violations)
    pieces: list[tuple[Prompt, str]] = []
    for own in parts:
        starts = ["".join(own[:n]).rstrip() for n in range(len(own), 0, -1)]
        pieces += [("", piece) for piece in (*starts, *map(str.strip, own))]
    flags = iter(find_violations(pieces))
    revised = []
    for text, own in zip(texts, parts, strict=True):
        lengths = range(len(own), 0, -1)
        whole = [n for n, bad in zip(lengths, islice(flags, len(own)), strict=True) if not bad]
        beginning = "".join(own[: max(whole, default=0)])
        rest = "".join(keep_clear_sentences(own, list(islice(flags, len(own)))))
        options = [renumber_items(rest, text)] if LIST_ITEM.search(text) else [beginning, rest]
        enough = (found for found in options if is_enough_left(found, text))
        revised.append(next(enough, "").rstrip())
    return revised


def leave_out_items(
    texts: Sequence[Sequence[str]], find_violations: FindViolations
) -> list[list[str]]:
    """Return the sentences of each text; one that breaks the rule loses the items of an enumeration
    that do: "lions, elephants, and buffalo" becomes "lions, and buffalo".

    The first item is not told from the words before it, so it stays.
    """
    sentences = [sentence for own in texts for sentence in own]
    lists = {sentence: parts for sentence in sentences if (parts := split_items(sentence))}
    pieces: list[tuple[Prompt, str]] = []
    for sentence, parts in lists.items():
        pieces += [("", piece) for piece in (sentence, *parts[::2])]
    flags = iter(find_violations(pieces))
    shorter = {}
    for sentence, parts in lists.items():
        is_bad, *bad = islice(flags, 1 + len(parts[::2]))
        shorter[sentence] = join_items(parts, bad) if is_bad else sentence
    return [[shorter.get(sentence, sentence) for sentence in own] for own in texts]


def split_items(sentence: str) -> list[str]:
    """Return the items of an enumeration and, between them, what separates them; or [].

    There are three items at least, every one but the first and the last is short, and a word joins
    the last one: "It is, of course, football." enumerates nothing.
    """
    parts = _SEPARATOR.split(sentence)
    inner = parts[2:-2:2]
    is_short = len(inner) > 0 and all(len(item.split()) <= MAX_ITEM_WORDS for item in inner)
    return parts if is_short and parts[-2].strip(" ,\t\n") else []


def join_items(parts: Sequence[str], bad: Sequence[bool]) -> str:
    """Return a sentence without the bad items after the first one.

    Args:
        parts: of `split_items`; an item goes with the separator before it. The separator of the
            last one, and the end of the sentence, stay where that one goes.
        bad: for each item whether it breaks the rule.
    """
    pairs = list(zip(parts[1::2], parts[2::2], strict=True))
    kept = [pair for pair, is_bad in zip(pairs, bad[1:], strict=True) if not is_bad]
    last_separator, last = pairs[-1]
    is_short = len(last.split()) <= MAX_ITEM_WORDS
    if kept and bad[-1] and is_short:
        kept[-1] = (last_separator, kept[-1][1] + last[len(_END.sub("", last)) :])
    elif bad[-1]:
        kept.append(pairs[-1])
    return parts[0] + "".join(chain.from_iterable(kept))


def keep_clear_sentences(sentences: Sequence[str], bad: Sequence[bool]) -> list[str]:
    """Return the sentences that are not bad and do not speak of one that is left out."""
    kept = []
    is_left_out = False
    for sentence, is_bad in zip(sentences, bad, strict=True):
        is_left_out = is_bad or (is_left_out and bool(_POINTS_BACK.match(sentence)))
        if not is_left_out:
            kept.append(sentence)
    return kept


def is_enough_left(found: str, text: str) -> bool:
    """Return whether what is left of a text can still be an answer.

    It cannot if it has less than half of the words, or only announces something.
    """
    is_opening = found.rstrip().endswith(":")
    return not is_opening and len(found.split()) >= MIN_LEFT * len(text.split())
