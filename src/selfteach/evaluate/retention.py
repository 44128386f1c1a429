"""Retention: does a taught model still know what everybody knows?

Sixty common questions (common.py), each with its own answer and some answers to others. The model
does not answer, it chooses: a question's mark is the share of wrong answers that are less likely
than the right one, by the mean log-probability of a token. Nothing of it is in any chat form, so
what a lesson does to the form of answers does not enter.

Our own: a likelihood choice, passed where the lower end of the interval is above -3 points. A share
of beaten answers, in place of right or wrong, sees a change long before the best answer is another
one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfteach import statistics
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS
from selfteach.models import Scorer
from selfteach.records import Continuations, Measure

NUM_DISTRACTORS = 9
MIN_CHANGE = -0.03
"""The lower end of the interval of the change must be above this: three points."""


def make_choices() -> list[Continuations]:
    """Each question with the right answer first, then the next questions' answers that are not
    right here too.
    """
    found = []
    for at, (question, right) in enumerate(COMMON_QUESTIONS):
        known = {answer.lower() for answer in right}
        turned = (other[0] for _, other in (*COMMON_QUESTIONS[at + 1 :], *COMMON_QUESTIONS[:at]))
        wrong = list(dict.fromkeys(text for text in turned if text.lower() not in known))[
            :NUM_DISTRACTORS
        ]
        found.append(
            Continuations(
                f"Question: {question}\nAnswer:", tuple(f" {text}" for text in (right[0], *wrong))
            )
        )
    return found


def score_questions(model: Scorer) -> list[float]:
    """For each question the share of wrong answers that are less likely than the right one; equally
    likely ones count one half.
    """
    items = make_choices()
    found = dict(model.stream_scores(items))
    rows = ([score.token_logp for score in found[item.id(model.fingerprint)]] for item in items)
    return [
        sum(1.0 if own > other else 0.5 if own == other else 0.0 for other in others) / len(others)
        for own, *others in rows
    ]


def measure_retention(models: Mapping[str, Scorer], seed: int) -> dict[str, Any]:
    """Each model's mean mark; with a taught one its change, and whether that is `is_retained`.

    The interval has no width where nothing changed: that is then known, because the same questions
    were asked.

    Args:
        models: `base`, and perhaps `taught`.
    """
    found = {arm: score_questions(model) for arm, model in models.items()}
    told: dict[str, Any] = {
        arm: statistics.mean(values, seed=seed, limits=(0.0, 1.0)) for arm, values in found.items()
    }
    if "taught" not in found:
        return told
    change = statistics.paired_bootstrap(found["taught"], found["base"], seed=seed, limits=None)
    return told | {"change": change, "passed": is_retained(change)}


def is_retained(change: Measure) -> bool:
    """The rule."""
    return change.low > MIN_CHANGE
