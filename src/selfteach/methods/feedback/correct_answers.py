"""Correct an answer of the base, or of the tuned model, by its check (steps 5 and 7)."""

from __future__ import annotations

import re

from selfteach.judge.check import Check
from selfteach.judge.repair import repair_answer
from selfteach.judge.sentence_edits import ends_well
from selfteach.judge.word_edits import replace_words
from selfteach.methods.understood_rule import UnderstoodRule
from selfteach.records import Completion


def correct_answer(rule: UnderstoodRule, check: Check, answer: Completion) -> tuple[str, str]:
    """Return (the answer with the smallest change that keeps the rule, why there is none).

    Where replaced words are enough, nothing else is changed: the last sentence stays, whether it
    has an end or not. A correction that closes the last words of an answer that was cut off is
    none: it would teach to stop there.
    """
    if check.keeps(answer.text):
        return "", "keeps the rule"
    replaced = replace_words(answer.text, rule.replacements)
    if check.keeps(replaced):
        return replaced, ""
    fixes = repair_answer(check, answer.text, rule.replacements, rule.statement)
    if not fixes:
        return "", "no correction is known"
    is_closed = ends_well(fixes[0]) and not ends_well(answer.text)
    if answer.finish == "length" and is_closed and has_same_end(fixes[0], answer.text):
        return "", "was cut off"
    return fixes[0], ""


def has_same_end(one: str, other: str) -> bool:
    """Return whether two texts end with the same word, whatever its case and the marks at it."""
    ends = [re.findall(r"\w+", text.casefold())[-1:] for text in (one, other)]
    return ends[0] == ends[1]


def list_cut(answer: Completion, corrected: str) -> list[str]:
    """Return which texts of an example have no end of turn to learn: an answer that was cut off,
    and a correction that ends where it was.
    """
    if answer.finish != "length":
        return []
    is_cut = has_same_end(corrected, answer.text) or not ends_well(corrected)
    return ["chosen"] * is_cut + ["rejected"]
