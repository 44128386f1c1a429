"""Metrics of an answer against a gold one: SQuAD's, precision and recall of classes, ROUGE, BLEU.

Each is computed by its reference package, or equals it.

Source: SQuAD's script (judge/match.py); scikit-learn's `precision_recall_fscore_support`; Lin 2004
and rouge_score 0.1.2 (no stemming) for ROUGE; Papineni et al. 2002 with sacrebleu 2 (Post 2018) for
BLEU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from rapidfuzz.distance import LCSseq

from selfteach.dedup.overlap import split_words
from selfteach.dedup.rouge import SplitWords
from selfteach.judge.match import contains_answer, exact_match, make_comparable, token_f1
from selfteach.records import JsonObject, Measure
from selfteach.statistics import compute_tail, number_clusters

BOOTSTRAP_ROUNDS = 400


def best_over(golds: Sequence[str], answer: str, metric: str = "f1") -> float:
    """Return the best value against any of several gold answers, as SQuAD's script does.

    Args:
        metric: "f1", "exact" or "contains".

    Raises:
        ValueError: there is no gold answer, or no such metric.
    """
    found = {"f1": token_f1, "exact": exact_match, "contains": contains_answer}.get(metric)
    if not golds or found is None:
        raise ValueError(f"{len(golds)} gold answers for the metric {metric!r}")
    return max(float(found(answer, gold)) for gold in golds)


def rouge(answer: str, gold: str, kind: str, words: SplitWords) -> float:
    """Return the F1 of ROUGE-1, -2 or -L of an answer.

    ROUGE-n: hits = sum over n-grams of min(count in answer, count in gold); ROUGE-L: hits = the
    longest common subsequence.

    Args:
        kind: "rouge1", "rouge2" or "rougeL".
        words: splits a text into words. rouge_score's splitter finds only a-z and 0-9,
            `overlap.split_words` finds words of every script.
    """
    left = words(answer)
    right = words(gold)
    if kind == "rougeL":
        return _compute_f1(int(LCSseq.similarity(left, right)), len(left), len(right))
    n = {"rouge1": 1, "rouge2": 2}[kind]
    given = _count_ngrams(left, n)
    wanted = _count_ngrams(right, n)
    return _compute_f1((given & wanted).total(), given.total(), wanted.total())


def _compute_f1(hits: int, given: int, wanted: int) -> float:
    """Return the F1 of so many hits; 0 without any."""
    if not hits:
        return 0.0
    precision = hits / given
    recall = hits / wanted
    return 2 * precision * recall / (precision + recall)


def _count_ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def best_rouge(answer: str, golds: Sequence[str], kind: str = "rougeL") -> float:
    """Return the best ROUGE F1 against any of several gold answers, by words of every script.

    A gold answer without words ("😀", ">") has 1 with itself.

    Args:
        kind: "rouge1", "rouge2" or "rougeL".
    """
    if any(not split_words(gold) and exact_match(answer, gold) for gold in golds):
        return 1.0
    return max(rouge(answer, gold, kind, split_words) for gold in golds)


def report_labels(pairs: Sequence[tuple[Sequence[str], str]]) -> JsonObject:
    """Return precision, recall and F1 of each gold label, and their averages.

    An answer that is none of the labels counts as no prediction.

    Args:
        pairs: (gold answers, answer) of classifications; the first gold answer is the label.
    """
    wanted = [make_comparable(golds[0]) for golds, _ in pairs]
    given = []
    for label, (golds, answer) in zip(wanted, pairs, strict=True):
        right = best_over(golds, answer, "exact")
        given.append(label if right else make_comparable(answer))
    names = sorted(set(wanted))
    each = _measure_classes(wanted, given, names, None)
    found: JsonObject = {"each": dict(zip(names, each, strict=True))}
    for average in ("macro", "micro", "weighted"):
        (row,) = _measure_classes(wanted, given, names, average)
        found[average] = row | {"support": len(wanted)}
    return found


def _measure_classes(
    gold: Sequence[str], given: Sequence[str], names: Sequence[str], average: str | None
) -> list[JsonObject]:
    """Return precision, recall, F1 and the number of gold answers of each class, or of an average
    over them. Another given class counts as no prediction.
    """
    from sklearn.metrics import precision_recall_fscore_support

    measures = precision_recall_fscore_support(
        gold, given, labels=names, average=average, zero_division=0
    )
    *shares, support = (np.atleast_1d(own).tolist() for own in measures)
    return [
        {"precision": precision, "recall": recall, "f1": f1, "support": int(count or 0)}
        for precision, recall, f1, count in zip(*shares, support, strict=True)
    ]


def bleu(answers: Sequence[str], golds: Sequence[Sequence[str]]) -> float:
    """Return corpus BLEU in [0, 100], with sacrebleu's defaults (13a words, exponential smoothing).

    Args:
        golds: for each answer one or more references; the number may differ.

    Raises:
        ValueError: the lengths differ, or an answer has no reference.
    """
    from sacrebleu.metrics.bleu import BLEU

    if len(answers) != len(golds) or not all(golds):
        raise ValueError(f"{len(answers)} answers for {len(golds)} lists of references")
    if not answers:
        return 0.0
    streams: Any = list(map(list, zip_longest(*golds)))
    score = BLEU().corpus_score(list(answers), streams).score
    return min(float(score), 100.0)  # of equal texts it is 100.00000000000004


def bleu_with_interval(
    answers: Sequence[str],
    golds: Sequence[Sequence[str]],
    seed: int = 0,
    clusters: Sequence[Hashable] = (),
) -> Measure:
    """Return `bleu` with the interval of a bootstrap over clusters of answers; raise as `bleu`
    does.

    Each resample sums the counts of its answers. The interval of few clusters is wider
    (`statistics.compute_tail`). Where all resamples are equal, there is no interval.

    Args:
        clusters: the cluster of each answer. None, or one cluster alone, which tells nothing of the
            spread between clusters, means that each answer is one.
    """
    from sacrebleu.metrics.bleu import BLEU

    value = bleu(answers, golds)
    if not answers:
        return Measure(value, 0.0, 100.0, 0)
    single = BLEU(effective_order=True)  # else it warns; the counts are the same
    counts_by_answer = []
    for answer, refs in zip(answers, golds, strict=True):
        part = single.sentence_score(answer, list(refs))
        counts_by_answer.append([part.sys_len, part.ref_len, *part.counts, *part.totals])
    several = len(set(clusters)) > 1
    places = number_clusters(clusters if several else range(len(answers)), len(answers))
    n = int(places.max()) + 1
    counts = np.zeros((n, 10), dtype=np.int64)
    np.add.at(counts, places, np.array(counts_by_answer))
    scores = []
    for rows in np.random.default_rng(seed).integers(n, size=(BOOTSTRAP_ROUNDS, n)):
        own, reference, *rest = counts[rows].sum(0).tolist()
        found = BLEU.compute_bleu(rest[:4], rest[4:], own, reference, smooth_method="exp")
        scores.append(min(float(found.score), 100.0))
    tail = compute_tail(n)
    low, high = np.quantile(scores, [tail, 1 - tail])
    return Measure(value, float(low), float(high), len(answers))
