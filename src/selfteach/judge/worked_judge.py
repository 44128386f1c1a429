"""Judge requests by the words of worked ones: those about a topic, and those about others.

Where the program comes with requests of people about a topic, a linear classifier of words and
pairs of words that is learned from them tells what reads like them. It sees what the nats of a
small model miss: to such a model "I have a baby to take to the hospital. What time will it be?" is
about opening hours (docs/log/2026-11-rules.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

FindAlike = Callable[[Sequence[str]], list[bool]]
"""Returns for each request whether it reads like those about a topic."""


def learn_worked_requests(about: Sequence[str], elsewhere: Sequence[str]) -> FindAlike:
    """Return what tells requests that read like those about a topic from those that do not.

    Args:
        about: worked requests about the topic.
        elsewhere: worked requests about others; both weigh the same, however many there are.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000),
    )
    labels = [True] * len(about) + [False] * len(elsewhere)
    classifier.fit([*about, *elsewhere], labels)

    def find_alike(texts: Sequence[str]) -> list[bool]:
        return [bool(label) for label in classifier.predict(list(texts))] if texts else []

    return find_alike
