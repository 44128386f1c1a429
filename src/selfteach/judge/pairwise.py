"""Which of two answers is better? A verdict counts only if both orders give it.

Source: MT-Bench (Zheng et al., arXiv 2306.05685, 3.4) for the two orders; AlpacaEval 2 (Dubois et
al., arXiv 2404.04475) for the win rate at equal length.
Departs: the length-controlled rate is a logistic fit of the run's own verdicts on the difference of
the lengths alone, without a term for each prompt; ties count one half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from selfteach import statistics
from selfteach.dedup.overlap import split_written_words
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.judge.match import token_f1
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations, JsonObject, Measure, Prompt, get_user_text, make_prompt

PAIRWISE_JUDGES = ("preference", "preference (chat)", "teacher", "closer")
"""The names of the judges: a model with both prompts, the teacher, and people's answers."""
VerdictWord = Literal["win", "tie", "loss"]
POINTS: dict[VerdictWord, float] = {"win": 1.0, "tie": 0.5, "loss": 0.0}
RIDGE_WEIGHT = 1e-3
MAX_NEWTON_STEPS = 50
"""Of the fit of the length-controlled rate."""
NUM_FIT_RESAMPLES = 400
"""Of its interval: each resample is a fit of its own."""
MIN_FITTED_PAIRS = 20
"""Pairs with fewer of which the rate at equal length is not estimated."""
MIN_SIDE_PAIRS = 5
"""Pairs that must not be longer, and as many that must not be shorter: else nothing is near equal
length.
"""
_WORKED = (
    (
        "What do bees collect?",
        "Bees collect nectar and pollen from flowers.",
        "I like the colour blue.",
        "A",
    ),
    ("Name a fruit.", "The the the the the the.", "A pear.", "B"),
    ("Put into the past tense: She sings.", "She sings every day of the week.", "She sang.", "B"),
    ("Give one tip against hiccups.", "Hold your breath and swallow three times.", "", "A"),
)


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """Hold one question with two answers, ours and theirs."""

    prompt: Prompt
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hold which answer of a pair won.

    `first` counts the orders in which the first place won; an undecided judge gives a half.
    """

    word: VerdictWord
    first: float


class PairwiseJudge(Protocol):
    """Compare two answers: > 0 prefers the first one, 0 is undecided."""

    name: str

    def values(self, pairs: Sequence[tuple[Prompt, str, str]]) -> list[float]:
        """Return one number for each (prompt, first answer, second answer)."""
        ...


class ModelPairwiseJudge:
    """Compare by a model's log p("A") - log p("B") in nats.

    Small models get a few-shot prompt, models that follow instructions a chat. `lost` counts the
    scores that an endpoint lost; the judge is undecided there.
    """

    def __init__(self, scorer: Scorer, *, chat: bool = False, name: str = "") -> None:
        self.name = name or ("preference (chat)" if chat else "preference")
        self._scorer = scorer
        self._chat = chat
        self.lost = 0

    def values(self, pairs: Sequence[tuple[Prompt, str, str]]) -> list[float]:
        """Return one log-odds for each pair; 0 for a lost score."""
        words = ("A", "B") if self._chat else (" A", " B")
        items = [Continuations(self.asked(*pair), words) for pair in pairs]
        scores = score_in_order(self._scorer, items)
        self.lost += scores.count(())
        return [score[0].logp - score[1].logp if score else 0.0 for score in scores]

    def asked(self, prompt: Prompt, first: str, second: str) -> Prompt:
        """Return the prompt whose next word is the verdict."""
        question = get_user_text(prompt)
        if self._chat:
            return make_prompt(
                f"Somebody asked:\n{question}\n\nAnswer A:\n{first}\n\nAnswer B:\n{second}\n\n"
                "Which answer is better? Say A or B and nothing else."
            )
        template = "Question: {}\nAnswer A: {}\nAnswer B: {}\nBetter answer:"
        worked = format_examples(template + " {}\n\n", _WORKED)
        return worked + template.format(*map(to_one_line, (question, first, second)))


class ReferencePairwiseJudge:
    """Prefer the answer with the higher token-F1 to a person's answer, the best of several."""

    name = "closer"

    def __init__(self, golds: Mapping[Prompt, Sequence[str]]) -> None:
        self._golds = golds

    def values(self, pairs: Sequence[tuple[Prompt, str, str]]) -> list[float]:
        """Return the difference of the two F1."""
        return [
            self._near(prompt, first) - self._near(prompt, second)
            for prompt, first, second in pairs
        ]

    def _near(self, prompt: Prompt, answer: str) -> float:
        return max(token_f1(answer, gold) for gold in self._golds[prompt])


def compare_pairs(judge: PairwiseJudge, pairs: Sequence[AnswerPair]) -> list[Verdict]:
    """Compare each pair in both orders; it is a tie if they disagree or the answers are equal."""
    forward = judge.values([(d.prompt, d.ours, d.theirs) for d in pairs])
    swapped = judge.values([(d.prompt, d.theirs, d.ours) for d in pairs])
    return [_make_verdict(pair, a, b) for pair, a, b in zip(pairs, forward, swapped, strict=True)]


def _make_verdict(pair: AnswerPair, forward: float, swapped: float) -> Verdict:
    first = sum(1.0 if value > 0 else 0.5 if value == 0 else 0.0 for value in (forward, swapped))
    if pair.ours == pair.theirs or not ((forward > 0 > swapped) or (forward < 0 < swapped)):
        return Verdict("tie", first)
    return Verdict("win" if forward > 0 else "loss", first)


def summarize_verdicts(
    pairs: Sequence[AnswerPair],
    verdicts: Sequence[Verdict],
    seed: int = 0,
    clusters: Sequence[Hashable] = (),
) -> JsonObject:
    """Return the win rate with its interval, the same at equal length where the pairs can tell it,
    counts and shares of wins, ties and losses, and position bias.

    A tie is one half in the win rate. Position bias is how often the first place won in both
    orders, minus one half.

    Args:
        clusters: the cluster of each pair, such as the passage of its question. None means that
            each pair is one.
    """
    points = [POINTS[v.word] for v in verdicts]
    counts = Counter(v.word for v in verdicts)
    longer = [_count_words(d.ours) - _count_words(d.theirs) for d in pairs]

    def share_of(word: VerdictWord) -> Measure:
        return statistics.share([v.word == word for v in verdicts], clusters, seed=seed)

    found: JsonObject = {
        "win_rate": statistics.mean(points, clusters, seed=seed, limits=(0.0, 1.0))
    }
    if can_tell_equal_length(longer):
        rate = fit_length_controlled_rate(points, longer, clusters, seed=seed)
        found["length_controlled"] = rate
    return found | {
        "wins": counts["win"],
        "ties": counts["tie"],
        "losses": counts["loss"],
        "won": share_of("win"),
        "tied": share_of("tie"),
        "lost": share_of("loss"),
        "position_bias": statistics.mean(
            [v.first / 2 - 0.5 for v in verdicts], clusters, seed=seed, limits=(-0.5, 0.5)
        ),
    }


def can_tell_equal_length(longer: Sequence[float]) -> bool:
    """Return whether there are pairs enough on both sides of equal length to estimate a rate there.

    Args:
        longer: by how many words our answer is longer.
    """
    sides = (sum(d <= 0 for d in longer), sum(d >= 0 for d in longer))
    return len(longer) >= MIN_FITTED_PAIRS and min(sides) >= MIN_SIDE_PAIRS


def _count_words(text: str) -> int:
    return len(split_written_words(text))


def fit_length_controlled_rate(
    points: Sequence[float],
    longer: Sequence[float],
    clusters: Sequence[Hashable] = (),
    *,
    seed: int = 0,
) -> Measure:
    """Return the win rate of answers of equal length.

    This is sigma(a) of the fit points ~ sigma(a + b tanh(d / std(d))).

    Args:
        points: 1, 1/2 or 0 for each pair.
        longer: by how many words our answer is longer.
        clusters: the cluster of each pair, as of `summarize_verdicts`. Of the intervals with pairs
            and with whole clusters resampled, the wider one counts. Few clusters make it wider
            (`statistics.compute_tail`).
    """
    y = np.asarray(points, dtype=np.float64)
    d = np.asarray(longer, dtype=np.float64)
    if not y.size:
        return Measure(0.5, 0.0, 1.0, 0)
    x = np.tanh(d / (d.std() or 1.0))

    def find_interval(groups: Sequence[Sequence[int]]) -> tuple[float, float]:
        """Return the interval with groups of pairs resampled as a whole."""
        rng = np.random.default_rng(seed)
        resampled = []
        for drawn in rng.integers(len(groups), size=(NUM_FIT_RESAMPLES, len(groups))):
            rows = np.concatenate([groups[number] for number in drawn])
            resampled.append(_fit_at_equal_length(y[rows], x[rows]))
        tail = statistics.compute_tail(len(groups))
        low, high = np.quantile(resampled, [tail, 1 - tail])
        return float(low), float(high)

    low, high = find_interval([[row] for row in range(y.size)])
    groups = _group_rows(clusters)
    if len(groups) > 1:
        together = find_interval(groups)
        low = min(low, together[0])
        high = max(high, together[1])
    if y.min() == y.max():  # equal resamples do not prove certainty
        plain = statistics.mean(points, clusters, seed=seed, limits=(0.0, 1.0))
        low = min(low, plain.low)
        high = max(high, plain.high)
    return Measure(_fit_at_equal_length(y, x), low, high, int(y.size))


def _group_rows(clusters: Sequence[Hashable]) -> list[list[int]]:
    """Return the places of each cluster's pairs."""
    groups: dict[Hashable, list[int]] = {}
    for row, cluster in enumerate(clusters):
        groups.setdefault(cluster, []).append(row)
    return list(groups.values())


def _fit_at_equal_length(y: np.ndarray, x: np.ndarray) -> float:
    """Return sigma(a) by Newton's method; a ridge keeps a separable fit finite."""
    design = np.stack([np.ones_like(x), x], 1)  # (N, 2)
    weights = np.zeros(2)
    ridge = RIDGE_WEIGHT * np.eye(2)
    for _ in range(MAX_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (y - p) - RIDGE_WEIGHT * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        weights += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return float(1 / (1 + np.exp(-weights[0])))
