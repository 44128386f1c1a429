"""Numbers of an answer against a gold one: SQuAD's, precision and recall of classes, ROUGE, BLEU.
Each equals its reference package.

Source: SQuAD's script (judge/match.py); scikit-learn's `precision_recall_fscore_support` with
zero_division=0; Lin 2004 and rouge_score
0.1.2 (no stemming) for ROUGE; Papineni et al. 2002 by sacrebleu 2 (Post 2018) for BLEU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rapidfuzz.distance import LCSseq

from selfteach.dedup.overlap import split_words
from selfteach.dedup.rouge import SplitWords, split_latin_words
from selfteach.judge.match import contains_answer, exact_match, normalize_answer, token_f1
from selfteach.records import Measure

BOOTSTRAP_ROUNDS = 400


@dataclass(frozen=True, slots=True)
class PRF:
    """Precision, recall and F1, each in [0, 1]; 0 where a denominator is 0. `support` counts the
    gold items.
    """

    precision: float
    recall: float
    f1: float
    support: int = 0


@dataclass(frozen=True)
class ClassReport:
    """Each class's numbers; `macro`: their mean; `weighted`: their mean by support; `micro`: from
    the counts of all classes together.
    """

    classes: dict[Hashable, PRF]
    macro: PRF
    micro: PRF
    weighted: PRF
    accuracy: float


def best_over(golds: Sequence[str], answer: str, metric: str = "f1") -> float:
    """The best value against any of several gold answers, as SQuAD's script takes it.

    Args:
        metric: "f1", "exact" or "contains".

    Raises:
        ValueError: no gold answer, or no such metric.
    """
    found = {"f1": token_f1, "exact": exact_match, "contains": contains_answer}.get(metric)
    if not golds or found is None:
        raise ValueError(f"{len(golds)} gold answers for the metric {metric!r}")
    return max(float(found(answer, gold)) for gold in golds)


def classification_report(
    gold: Sequence[Hashable], predicted: Sequence[Hashable], names: Iterable[Hashable] | None = None
) -> ClassReport:
    """Precision, recall and F1 of each class that occurs on either side.

    Args:
        names: only of these, as `labels` in scikit-learn; what else was predicted counts as no
            prediction.

    Raises:
        ValueError: the lengths differ.
    """
    pairs = list(zip(gold, predicted, strict=True))
    names = sorted({*gold, *predicted} if names is None else set(names), key=repr)
    hits, wanted, given = Counter(g for g, p in pairs if g == p), Counter(gold), Counter(predicted)
    found = {name: _prf(hits[name], given[name], wanted[name]) for name in names}
    rows, n = list(found.values()), len(pairs)
    together = _prf(*(sum(counts[name] for name in names) for counts in (hits, given, wanted)))
    return ClassReport(
        found,
        _mean(rows, [1] * len(rows)),
        together,
        _mean(rows, [r.support for r in rows]),
        hits.total() / n if n else 0.0,
    )


def _prf(hits: int, given: int, wanted: int) -> PRF:
    precision, recall = hits / given if given else 0.0, hits / wanted if wanted else 0.0
    return PRF(
        precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0, wanted
    )


def _mean(rows: Sequence[PRF], weights: Sequence[int]) -> PRF:
    total = sum(weights)

    def mean(values: Iterable[float]) -> float:
        return sum(w * v for w, v in zip(weights, values, strict=True)) / total if total else 0.0

    return PRF(
        mean(r.precision for r in rows),
        mean(r.recall for r in rows),
        mean(r.f1 for r in rows),
        sum(r.support for r in rows),
    )


def rouge(answer: str, gold: str, words: SplitWords = split_latin_words) -> dict[str, PRF]:
    """ROUGE-1, -2 and -L of an answer, counts clipped: a word of the answer counts as often as the
    gold text has it.

    ROUGE-n: hits = sum over n-grams of min(count in answer, count in gold); ROUGE-L: hits = the
    longest common subsequence.

    Args:
        words: what cuts a text into words; rouge_score's own finds none outside a-z and 0-9,
            `overlap.tokens` those of every script.
    """
    left, right = words(answer), words(gold)
    found = {f"rouge{n}": _ngrams(left, right, n) for n in (1, 2)}
    return found | {"rougeL": _prf(int(LCSseq.similarity(left, right)), len(left), len(right))}


def best_rouge(answer: str, golds: Sequence[str], kind: str = "rougeL") -> float:
    """Return the best ROUGE F1 against any of several gold answers, by words of every script.

    Args:
        kind: "rouge1", "rouge2" or "rougeL".
    """
    return max(rouge(answer, gold, split_words)[kind].f1 for gold in golds)


def report_labels(pairs: Sequence[tuple[Sequence[str], str]]) -> dict[str, Any]:
    """Return precision, recall and F1 of each gold label, and their averages. An answer that is
    none of the labels counts as no prediction.

    Args:
        pairs: gold answers to a classification, the first of which is the label, and an answer.
    """
    wanted = [normalize_answer(golds[0]) for golds, _ in pairs]
    given = []
    for label, (golds, answer) in zip(wanted, pairs, strict=True):
        right = best_over(golds, answer, "exact")
        given.append(label if right else normalize_answer(answer))
    report = asdict(classification_report(wanted, given, set(wanted)))
    averages = {key: report[key] for key in ("macro", "micro", "weighted")}
    return {"each": report["classes"], **averages}


def _ngrams(left: Sequence[str], right: Sequence[str], n: int) -> PRF:
    one, other = (
        Counter(zip(*(words[i:] for i in range(n)), strict=False)) for words in (left, right)
    )
    return _prf((one & other).total(), one.total(), other.total())


def bleu(answers: Sequence[str], golds: Sequence[Sequence[str]]) -> float:
    """Corpus BLEU in [0, 100], with sacrebleu's defaults (13a words, exponential smoothing).

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
    streams: list[Any] = [
        [refs[i] if i < len(refs) else None for refs in golds] for i in range(max(map(len, golds)))
    ]
    return float(BLEU().corpus_score(list(answers), streams).score)


def bleu_with_interval(
    answers: Sequence[str], golds: Sequence[Sequence[str]], seed: int = 0
) -> Measure:
    """`bleu` with the interval of a bootstrap over answers: their counts are summed anew for each
    resample. Raises as `bleu`.
    """
    from sacrebleu.metrics.bleu import BLEU

    value = bleu(answers, golds)
    if not answers:
        return Measure(value, 0.0, 100.0, 0)
    single = BLEU(effective_order=True)  # else it warns; the counts are the same
    parts = [
        single.sentence_score(answer, list(refs))
        for answer, refs in zip(answers, golds, strict=True)
    ]
    counts = np.array([[p.sys_len, p.ref_len, *p.counts, *p.totals] for p in parts])  # (N, 10)

    def of(rows: Any) -> float:
        mine, theirs, *rest = counts[rows].sum(0).tolist()
        return float(BLEU.compute_bleu(rest[:4], rest[4:], mine, theirs, smooth_method="exp").score)

    drawn = [
        of(rows)
        for rows in np.random.default_rng(seed).integers(
            len(parts), size=(BOOTSTRAP_ROUNDS, len(parts))
        )
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Measure(value, float(low), float(high), len(parts))
