"""Which of two answers is better? Asked in both orders; only a verdict that survives the exchange
of places counts.

Source: MT-Bench (Zheng et al., arXiv 2306.05685, 3.4) for the two orders; AlpacaEval 2 (Dubois et
al., arXiv 2404.04475) for the win rate at equal length.
Departs: the length-controlled rate is a logistic fit of the run's own verdicts on the difference of
the lengths alone, without a term for each prompt; ties count one half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from selfteach import statistics
from selfteach.judge.match import token_f1
from selfteach.models import Scorer
from selfteach.records import Continuations, Measure, Prompt, get_user_text, make_prompt

VerdictWord = Literal["win", "tie", "loss"]
POINTS: dict[VerdictWord, float] = {"win": 1.0, "tie": 0.5, "loss": 0.0}
RIDGE_WEIGHT, MAX_NEWTON_STEPS = 1e-3, 50
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
    """One question with two answers, ours and theirs."""

    prompt: Prompt
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a duel. `first`: in how many of the two orders the first place was preferred;
    who cannot tell gives a half.
    """

    word: VerdictWord
    first: float


class PairwiseJudge(Protocol):
    """Whatever compares two answers: > 0 prefers the first one. 0 cannot tell."""

    name: str

    def values(self, duels: Sequence[tuple[Prompt, str, str]]) -> list[float]:
        """For each (prompt, first answer, second answer) one number."""
        ...


class ModelPairwiseJudge:
    """A model's log p("A") - log p("B") in nats, few-shot for small models, in a chat for those
    that follow instructions.

    `lost` counts the scores that an endpoint did not give: there it cannot tell.
    """

    def __init__(self, scorer: Scorer, *, chat: bool = False, name: str = "") -> None:
        self.name = name or ("preference (chat)" if chat else "preference")
        self._scorer, self._chat = scorer, chat
        self.lost = 0

    def values(self, duels: Sequence[tuple[Prompt, str, str]]) -> list[float]:
        """One log-odds for each duel; 0 where the score was lost."""
        words = ("A", "B") if self._chat else (" A", " B")
        items = [Continuations(self.asked(*duel), words) for duel in duels]
        found = {id: a.logp - b.logp for id, (a, b) in self._scorer.stream_scores(items)}
        ids = [item.id(self._scorer.fingerprint) for item in items]
        self.lost += sum(id not in found for id in ids)
        return [found.get(id, 0.0) for id in ids]

    def asked(self, prompt: Prompt, first: str, second: str) -> Prompt:
        """The prompt whose next word is the verdict."""
        if self._chat:
            asked = f"Somebody asked:\n{get_user_text(prompt)}\n\nAnswer A:\n{first}\n\nAnswer B:\n{second}"
            return make_prompt(f"{asked}\n\nWhich answer is better? Say A or B and nothing else.")
        worked = "".join(
            f"Question: {q}\nAnswer A: {a}\nAnswer B: {b}\nBetter answer: {c}\n\n"
            for q, a, b, c in _WORKED
        )
        lines = [" ".join(text.split()) for text in (get_user_text(prompt), first, second)]
        return "{}Question: {}\nAnswer A: {}\nAnswer B: {}\nBetter answer:".format(worked, *lines)


class ReferencePairwiseJudge:
    """Prefers the answer that has more words in common with a person's: token-F1, the best over
    several answers of people.
    """

    name = "closer"

    def __init__(self, golds: Mapping[Prompt, Sequence[str]]) -> None:
        self._golds = golds

    def values(self, duels: Sequence[tuple[Prompt, str, str]]) -> list[float]:
        """The difference of the two F1."""
        return [
            self._near(prompt, first) - self._near(prompt, second)
            for prompt, first, second in duels
        ]

    def _near(self, prompt: Prompt, answer: str) -> float:
        return max(token_f1(answer, gold) for gold in self._golds[prompt])


def compare_pairs(judge: PairwiseJudge, duels: Sequence[AnswerPair]) -> list[Verdict]:
    """Each duel in both orders; where the two disagree, or the answers are the same, it is a tie."""
    there = judge.values([(d.prompt, d.ours, d.theirs) for d in duels])
    back = judge.values([(d.prompt, d.theirs, d.ours) for d in duels])
    return [_make_verdict(duel, a, b) for duel, a, b in zip(duels, there, back, strict=True)]


def _make_verdict(duel: AnswerPair, there: float, back: float) -> Verdict:
    first = sum(1.0 if value > 0 else 0.5 if value == 0 else 0.0 for value in (there, back))
    if duel.ours == duel.theirs or not ((there > 0 > back) or (there < 0 < back)):
        return Verdict("tie", first)
    return Verdict("win" if there > 0 else "loss", first)


def summarize_verdicts(
    duels: Sequence[AnswerPair], verdicts: Sequence[Verdict], seed: int = 0
) -> dict[str, Any]:
    """Win rate (a tie is one half) with its interval, the same at equal length, the shares of wins,
    ties and losses, the position bias.

    Position bias: how often the first place was preferred over both orders, less one half.
    """
    points = [POINTS[v.word] for v in verdicts]
    counts: dict[VerdictWord, int] = {
        word: sum(v.word == word for v in verdicts) for word in POINTS
    }
    longer = [len(d.ours.split()) - len(d.theirs.split()) for d in duels]
    return {
        "win_rate": statistics.mean(points, seed=seed, limits=(0.0, 1.0)),
        "length_controlled": length_controlled(points, longer, seed),
        "wins": counts["win"],
        "ties": counts["tie"],
        "losses": counts["loss"],
        "position_bias": statistics.mean(
            [v.first / 2 - 0.5 for v in verdicts], seed=seed, limits=(-0.5, 0.5)
        ),
    }


def length_controlled(
    points: Sequence[float], longer: Sequence[float], seed: int = 0, resamples: int = 400
) -> Measure:
    """The win rate that answers of equal length would have: sigma(a) of the fit  points ~ sigma(a +
    b tanh(d / std(d))).

    Args:
        points: 1, 1/2 or 0 for each duel.
        longer: by how many words our answer is longer.
    """
    y, d = np.asarray(points, dtype=np.float64), np.asarray(longer, dtype=np.float64)
    if not y.size:
        return Measure(0.5, 0.0, 1.0, 0)
    x = np.tanh(d / (d.std() or 1.0))
    rng = np.random.default_rng(seed)
    drawn = [
        _fit_at_equal_length(y[rows], x[rows])
        for rows in rng.integers(y.size, size=(resamples, y.size))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    if y.min() == y.max():  # that no resample differs is no certainty
        plain = statistics.mean(points, seed=seed, limits=(0.0, 1.0))
        low, high = min(low, plain.low), max(high, plain.high)
    return Measure(_fit_at_equal_length(y, x), float(low), float(high), int(y.size))


def _fit_at_equal_length(y: np.ndarray, x: np.ndarray) -> float:
    """sigma(a) by Newton's method, with a ridge that keeps a separable fit finite."""
    design = np.stack([np.ones_like(x), x], 1)  # (N, 2)
    weights = np.zeros(2)
    for _ in range(MAX_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (y - p) - RIDGE_WEIGHT * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + RIDGE_WEIGHT * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        weights += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return float(1 / (1 + np.exp(-weights[0])))


def measure_agreement(judge: PairwiseJudge, pairs: Sequence[AnswerPair]) -> Measure:
    """How often a judge prefers ours where ours is the better one by construction; a tie counts one
    half. 0.5 is a coin.
    """
    return statistics.mean([POINTS[v.word] for v in compare_pairs(judge, pairs)], limits=(0.0, 1.0))
