"""The exam of tasks: base, worked tasks in the prompt, taught, on tasks of people that nothing was chosen on.

For each task the answer of a person is known: ROUGE-L and token-F1 of new answers against it, and the loss that the model has on it. Each
arm answers greedily and once at T=1. Two answers to one task are compared by a judge in both orders (judge/pairwise.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfteach import statistics
from selfteach.evaluate.corrections import Arm, answer
from selfteach.evaluate.metrics import best_over, rouge
from selfteach.judge.pairwise import Duel, Prefers, compare, measures
from selfteach.records import GREEDY, Continuations, Draw, Logp, Measure, Message, Sampling

Turns = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One held-out task: where it is from (`seed` or `human`), its prompt, and the answers of people."""

    part: str
    prompt: Turns
    golds: tuple[str, ...]
    classification: bool = False


@dataclass(frozen=True)
class Sheet:
    """One arm's answers in the order of the questions, and what it makes of the people's first answers."""

    greedy: list[Draw]
    drawn: list[Draw]
    golds: list[Logp]


def sit(arm: Arm, asked: Sequence[Question], max_tokens: int, seed: int, tick: Callable[[int], None]) -> Sheet:
    """An arm answers all questions, and scores the people's answers."""
    prompts = [arm.prompt(q.prompt) for q in asked]
    ways = (replace(GREEDY, max_tokens=max_tokens), Sampling(1.0, 1.0, max_tokens))
    greedy, drawn = (answer(arm.model, "exam", prompts, way, seed, tick) for way in ways)
    items = [Continuations(prompt, (q.golds[0],), end=True) for prompt, q in zip(prompts, asked, strict=True)]
    found = dict(arm.model.logp(items))
    return Sheet(greedy, drawn, [found[item.id(arm.model.fingerprint)][0] for item in items])


def rouge_l(text: str, golds: Sequence[str]) -> float:
    """The best ROUGE-L F1 against any of the people's answers."""
    return max(rouge(text, gold)["rougeL"].f1 for gold in golds)


def scores(asked: Sequence[Question], draws: Sequence[Draw]) -> list[float]:
    """ROUGE-L of each answer."""
    return [rouge_l(d.text, q.golds) for q, d in zip(asked, draws, strict=True)]


def numbers(asked: Sequence[Question], sheets: Mapping[str, Sheet], seed: int) -> dict[str, Any]:
    """For each part of the questions and each arm: ROUGE-L, token-F1, exact labels, and the loss in nats a token."""
    found: dict[str, Any] = {"rouge_l": {}, "token_f1": {}, "loss_nats": {}, "exact": {}}
    for part in dict.fromkeys(q.part for q in asked):
        at = [i for i, q in enumerate(asked) if q.part == part]
        mine = [asked[i] for i in at]
        for name, sheet in sheets.items():
            greedy, drawn, golds = [sheet.greedy[i] for i in at], [sheet.drawn[i] for i in at], [sheet.golds[i] for i in at]
            found["rouge_l"].setdefault(part, {})[name] = {
                "greedy": _mean(scores(mine, greedy), seed), "drawn": _mean(scores(mine, drawn), seed),
            }  # fmt: skip
            f1 = [best_over(q.golds, d.text) for q, d in zip(mine, greedy, strict=True)]
            found["token_f1"].setdefault(part, {})[name] = _mean(f1, seed)
            found["loss_nats"].setdefault(part, {})[name] = statistics.ratio([-g.logp for g in golds], [g.tokens for g in golds], seed=seed)
            labels = [best_over(q.golds, d.text, "exact") > 0 for q, d in zip(mine, greedy, strict=True) if q.classification]
            if labels:
                found["exact"].setdefault(part, {})[name] = statistics.share(labels)
    return found


def _mean(values: Sequence[float], seed: int) -> Measure:
    return statistics.mean(values, seed=seed, limits=(0.0, 1.0))


def duels(asked: Sequence[Question], ours: Sheet, theirs: Sheet) -> list[Duel]:
    """The greedy answers of two arms to each question."""
    return [Duel(q.prompt, a.text, b.text) for q, a, b in zip(asked, ours.greedy, theirs.greedy, strict=True)]


def contest(judge: Prefers, asked: Sequence[Question], sheets: Mapping[str, Sheet], seed: int) -> dict[str, Any]:
    """Every other arm against the base."""
    found = {}
    for name, sheet in sheets.items():
        if name != "base":
            pairs = duels(asked, sheet, sheets["base"])
            found[name] = measures(pairs, compare(judge, pairs), seed)
    return found


def verdict(asked: Sequence[Question], sheets: Mapping[str, Sheet], harmed: float, learned: int, seed: int) -> dict[str, str]:
    """One word and one plain sentence, from ROUGE-L to the people's answers over greedy and drawn answers.

    Args:
        harmed: the share of general answers that are harmed and were not so before.
        learned: how many examples there were.
    """
    both = {name: [*scores(asked, s.greedy), *scores(asked, s.drawn)] for name, s in sheets.items()}
    shown = {name: f"{sum(v) / max(len(v), 1):.2f}" for name, v in both.items()}
    if "taught" not in both:
        return {
            "word": "nothing to learn",
            "sentence": f"Nothing to learn: {learned} usable examples; the base has ROUGE-L {shown['base']}.",
        }
    change = f"ROUGE-L to people's answers is {shown['base']} before and {shown['taught']} after"
    gain = statistics.paired_bootstrap(both["taught"], both["base"], seed=seed)
    if gain.low <= 0:
        return {"word": "not learned", "sentence": f"Not learned: {change}, which is no more than chance explains."}
    if harmed > 0.1:
        return {"word": "not learned", "sentence": f"Not learned cleanly: {change}, but {harmed:.0%} of the general answers are harmed."}
    if sum(both["prompted"]) >= sum(both["taught"]):
        return {
            "word": "just prompt it",
            "sentence": f"Just prompt it: {change}; with worked tasks in the prompt it is {shown['prompted']}.",
        }
    return {"word": "taught", "sentence": f"Taught: {change} ({shown['prompted']} with worked tasks in the prompt)."}


def side_by_side(asked: Sequence[Question], sheets: Mapping[str, Sheet]) -> list[dict[str, Any]]:
    """Each task with every arm's answers. An answer is marked where it has less in common with a person's than the base's."""
    rows = []
    for i, q in enumerate(asked):
        own = rouge_l(sheets["base"].greedy[i].text, q.golds)
        arms = {
            name: {"greedy": s.greedy[i].text, "drawn": s.drawn[i].text, "broken": rouge_l(s.greedy[i].text, q.golds) < own}
            for name, s in sheets.items()
        }
        rows.append({"scope": "target", "part": q.part, "prompt": q.prompt[-1].content, "gold": q.golds[0], "arms": arms})
    return rows
