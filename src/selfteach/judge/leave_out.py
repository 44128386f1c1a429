"""Leave out what breaks a rule: items of a list, or sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice

from selfteach.judge.sentence_edits import LIST_ITEM, renumber_items, split_pieces
from selfteach.records import Prompt

FindViolations = Callable[[Sequence[tuple[Prompt, str]]], list[bool]]
"""Returns which of the answers break the rule."""
MIN_LEFT = 0.5
"""The least share of its words that a text keeps."""
_POINTS_BACK = re.compile(
    r"\s*(?:they|them|their|it|its|he|she|his|her|this|that|these|those|such|er|sie|es|ihr|dies\w*|"
    r"ils?|elles?|celui|celle|ceux|leurs?|ellos|ellas?|él|éstos?|éstas?)\b",
    re.IGNORECASE,
)
"""The beginning of a sentence that speaks of something in the sentence before it."""


def leave_out_violations(texts: Sequence[str], find_violations: FindViolations) -> list[str]:
    """Return each text without the parts that the judge rejects; "" if too little is left.

    A list keeps the items that keep the rule, with new numbers. Other texts keep their longest
    beginning that does, or else the sentences that do alone. A sentence that speaks of one that is
    left out goes with it: "They are massive." answers nothing without the animals' name.
    """
    parts = [split_pieces(text) for text in texts]
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
        found = renumber_items(rest) if LIST_ITEM.search(text) else beginning or rest
        revised.append(found.rstrip() if is_enough_left(found, text) else "")
    return revised


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
