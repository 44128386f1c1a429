"""Judge requests by the words of worked ones: those about a topic, and those about others.

Where the program comes with requests of people about a topic, a linear classifier of words and
pairs of words that is learned from them tells what reads like them. It sees what the nats of a
small model miss: to such a model "I have a baby to take to the hospital. What time will it be?" is
about opening hours (docs/log/2026-11-rules.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from selfteach.judge.calibrate import find_bound

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FOLDS = 5
FindAlike = Callable[[Sequence[str]], list[bool]]
"""Returns for each request whether it reads like those about a topic."""


def learn_worked_requests(about: Sequence[str], elsewhere: Sequence[str]) -> FindAlike:
    """Return what tells requests that read like those about a topic from those that do not.

    A request reads like them if it is above nearly all requests about others (`find_bound`), each
    of which was left out of the training of what judges it.

    Args:
        about: worked requests about the topic, FOLDS or more.
        elsewhere: worked requests about others, FOLDS or more; both weigh the same, however many
            there are.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    texts = [*about, *elsewhere]
    labels = [True] * len(about) + [False] * len(elsewhere)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    unseen = cross_val_predict(
        make_classifier(), texts, labels, cv=folds, method="decision_function"
    )
    bound = find_bound([float(value) for value in unseen[len(about) :]])
    classifier = make_classifier().fit(texts, labels)

    def find_alike(texts: Sequence[str]) -> list[bool]:
        if not texts:
            return []
        return [float(value) > bound for value in classifier.decision_function(list(texts))]

    return find_alike


def make_classifier() -> Pipeline:
    """Return an untrained classifier of requests by their words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return make_pipeline(words, LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000))
