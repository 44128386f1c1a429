"""Stray answers: those that fit another request better than their own, by a noisy channel."""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfteach.judge import PromptAnswer
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations, get_user_text, make_prompt

STRAY_WORDS = 12
"""Words of an answer that are compared."""


def find_stray_answers(
    scorer: Scorer, pairs: Sequence[PromptAnswer], others: Sequence[str]
) -> list[bool]:
    """Return for each answer whether another request predicts its beginning better than its own.

    A noisy channel: log p(answer | its prompt) is the greatest among nine.
    """
    starts = [" ".join(answer.split()[:STRAY_WORDS]) for _, answer in pairs]
    own = [
        Continuations(prompt, (start,)) for (prompt, _), start in zip(pairs, starts, strict=True)
    ]
    found = [False] * len(pairs)
    if not pairs:
        return found
    best = [scores[0].logp if scores else -math.inf for scores in score_in_order(scorer, own)]
    items = [Continuations(make_prompt(text), tuple(starts)) for text in others]
    for text, scores in zip(others, score_in_order(scorer, items), strict=True):
        for i, score in enumerate(scores):
            if get_user_text(pairs[i][0]) != text and score.logp > best[i]:
                found[i] = True
    return found
