"""The domain prior `classifier`: what reads like given texts."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline

from selfteach.config import CorrectionLossConfig
from selfteach.errors import UsageError
from selfteach.records import Prompt
from selfteach.statistics import auroc
from selfteach.train.priors.prior import Prior

MIN_AUROC = 0.75
"""Smallest cross-validated AUROC of a classifier that is used."""
FOLDS = 4


class ClassifierPrior(Prior):
    """Prefer (`classifier`) answers that read like the texts of `prior_for`, and not like those of
    `prior_against`.

    log l(y) = log p(for | y) of a logistic regression on the weights (tf-idf) of the words and
    pairs of words of y; capitals do not count, marks count as words. Both lists weigh the same,
    however many texts they have.

    Raises:
        UsageError: texts that the classifier has not seen are not told apart.
    """

    def __init__(self, settings: CorrectionLossConfig) -> None:
        super().__init__(settings)
        texts = [*settings.prior_for, *settings.prior_against]
        labels = [True] * len(settings.prior_for) + [False] * len(settings.prior_against)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        unseen = cross_val_predict(
            make_classifier(), texts, labels, cv=folds, method="decision_function"
        )
        self.auroc = auroc(labels, unseen)
        """How well texts that were left out are told apart."""
        if self.auroc.value < MIN_AUROC:
            raise UsageError(
                "train.correction.prior: the words of prior_for and prior_against do not tell "
                f"their texts apart (AUROC {self.auroc.value:.2f} on texts left out, "
                f"{MIN_AUROC} is needed); give more texts, or texts that differ in their words"
            )
        self.classifier = make_classifier().fit(texts, labels)

    def logp(self, prompt: Prompt, answer: str, tokens: int) -> float:
        """Return log l(answer) = log p(for | answer), nats, at most 0."""
        score = float(self.classifier.decision_function([answer])[0])
        return -float(np.logaddexp(0.0, -score))


def make_classifier() -> Pipeline:
    """Return an untrained classifier of texts by their words and pairs of words."""
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+|[^\w\s]")
    return make_pipeline(words, LogisticRegression(C=10.0, class_weight="balanced"))
