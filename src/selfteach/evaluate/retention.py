"""Retention: the common knowledge that a tuned model still has.

Each of sixty common questions (common_knowledge.py) has its right answer and some answers to other
questions. The score of a question is the share of wrong answers that are less likely than the right
one, by the mean log-probability of a token. No chat template is used, so changes in the form of
answers do not count.

Own definition, without a source. Retention is passed if the lower end of the interval is above -3
points. The share of less likely answers shows a change long before the best answer changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfteach import statistics
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS
from selfteach.models import Scorer
from selfteach.records import Continuations, JsonObject, Measure

NUM_DISTRACTORS = 9
"""Wrong answers that each question has."""
MIN_CHANGE = -0.03
"""The lower end of the interval of the change must be above this: three points."""


def make_choices() -> list[Continuations]:
    """Return each question with the right answer first, then wrong answers.

    The wrong answers are those to the next questions, unless they are right here too.
    """
    found = []
    for place, (question, right) in enumerate(COMMON_QUESTIONS):
        known = {answer.lower() for answer in right}
        others = (*COMMON_QUESTIONS[place + 1 :], *COMMON_QUESTIONS[:place])
        firsts = dict.fromkeys(answers[0] for _, answers in others)
        wrong = [text for text in firsts if text.lower() not in known]
        texts = [right[0], *wrong[:NUM_DISTRACTORS]]
        answers = tuple(f" {text}" for text in texts)
        found.append(Continuations(f"Question: {question}\nAnswer:", answers))
    return found


def score_questions(model: Scorer, items: Sequence[Continuations] = ()) -> list[float]:
    """Return the share of wrong answers that are less likely than the right one, by question.

    Equally likely answers count one half.

    Args:
        items: questions in the form of `make_choices`, whose questions are the default.
    """
    asked = items or make_choices()
    found = dict(model.stream_scores(asked))
    shares = []
    for item in asked:
        right, *wrong = (score.token_logp for score in found[item.id(model.fingerprint)])
        less_likely = sum(logp < right for logp in wrong)
        ties = wrong.count(right)
        shares.append((less_likely + 0.5 * ties) / len(wrong))
    return shares


def measure_retention(
    models: Mapping[str, Scorer], seed: int, items: Sequence[Continuations] = ()
) -> JsonObject:
    """Measure each model's mean score, and the change of the tuned model.

    The interval of an unchanged score has no width, because the questions are the same.

    Args:
        models: `base`, and perhaps `tuned`.
        items: as in `score_questions`.
    """
    scores = {arm: score_questions(model, items) for arm, model in models.items()}
    found: JsonObject = {
        arm: statistics.mean(values, seed=seed, limits=(0.0, 1.0)) for arm, values in scores.items()
    }
    if "tuned" in scores:
        change = statistics.paired_bootstrap(
            scores["tuned"], scores["base"], seed=seed, limits=None
        )
        found |= {"change": change, "passed": is_retained(change)}
    return found


def is_retained(change: Measure) -> bool:
    """Return whether a change of the score is above the allowed loss."""
    return change.low > MIN_CHANGE
