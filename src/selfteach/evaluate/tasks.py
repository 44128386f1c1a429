"""The exam of tasks: base, worked tasks in the prompt, taught, on tasks of people that nothing was
chosen on.

For each task the answer of a person is known: ROUGE, BLEU and token-F1 of new answers against it,
the labels of classifications, and the loss that the model has on it. Each arm answers greedily and
once at T=1. Two answers to one task are compared by a judge in both orders (judge/pairwise.py).

Departs: ROUGE compares words of every script here (`overlap.tokens`), where rouge_score finds none
outside a-z and 0-9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from selfteach import statistics
from selfteach.evaluate.corrections import Arm, answer
from selfteach.evaluate.metrics import best_over, bleu_measure, classes, rouge
from selfteach.evaluate.retention import passed
from selfteach.judge.match import normalised
from selfteach.judge.pairwise import Duel, Prefers, compare, measures
from selfteach.records import GREEDY, Continuations, Draw, Logp, Measure, Message, Sampling
from selfteach.select.overlap import tokens

Turns = tuple[Message, ...]
KEYS = ("rouge_l", "rouge_1", "rouge_2", "bleu", "token_f1", "exact", "labels", "loss_nats")
MOST_HARMED = 0.1


@dataclass(frozen=True, slots=True)
class Question:
    """One held-out task: where it is from (`seed` or `human`), its prompt, and the answers of
    people.
    """

    part: str
    prompt: Turns
    golds: tuple[str, ...]
    classification: bool = False


@dataclass(frozen=True)
class Sheet:
    """One arm's answers in the order of the questions, and what it makes of the people's first
    answers.
    """

    greedy: list[Draw]
    drawn: list[Draw]
    golds: list[Logp]


def sit(
    arm: Arm, asked: Sequence[Question], max_tokens: int, seed: int, tick: Callable[[int], None]
) -> Sheet:
    """An arm answers all questions, and scores the people's answers."""
    prompts = [arm.prompt(q.prompt) for q in asked]
    ways = (replace(GREEDY, max_tokens=max_tokens), Sampling(1.0, 1.0, max_tokens))
    greedy, drawn = (answer(arm.model, "exam", prompts, way, seed, tick) for way in ways)
    items = [
        Continuations(prompt, (q.golds[0],), end=True)
        for prompt, q in zip(prompts, asked, strict=True)
    ]
    found = dict(arm.model.logp(items))
    return Sheet(greedy, drawn, [found[item.id(arm.model.fingerprint)][0] for item in items])


def best_rouge(text: str, golds: Sequence[str], which: str = "rougeL") -> float:
    """The best ROUGE F1 against any of the people's answers."""
    return max(rouge(text, gold, tokens)[which].f1 for gold in golds)


def scores(asked: Sequence[Question], draws: Sequence[Draw], which: str = "rougeL") -> list[float]:
    """ROUGE of each answer."""
    return [best_rouge(d.text, q.golds, which) for q, d in zip(asked, draws, strict=True)]


def together(asked: Sequence[Question], sheet: Sheet) -> list[float]:
    """One number for each question: the mean of ROUGE-L of both of its answers, which are not two
    independent questions.
    """
    return [
        (a + b) / 2
        for a, b in zip(scores(asked, sheet.greedy), scores(asked, sheet.drawn), strict=True)
    ]


def numbers(asked: Sequence[Question], sheets: Mapping[str, Sheet], seed: int) -> dict[str, Any]:
    """Every number by part of the questions and arm: found["rouge_l"]["seed"]["taught"]."""
    found: dict[str, Any] = {key: {} for key in KEYS}
    for part in dict.fromkeys(q.part for q in asked):
        at = [i for i, q in enumerate(asked) if q.part == part]
        for name, sheet in sheets.items():
            mine = Sheet(
                *([rows[i] for i in at] for rows in (sheet.greedy, sheet.drawn, sheet.golds))
            )  # type: ignore[arg-type]
            for key, value in of_part([asked[i] for i in at], mine, seed).items():
                found[key].setdefault(part, {})[name] = value
    return found


def of_part(asked: Sequence[Question], sheet: Sheet, seed: int) -> dict[str, Any]:
    """One arm's numbers on some questions; the keys are among KEYS."""
    golds, texts = [q.golds for q in asked], [draw.text for draw in sheet.greedy]
    found: dict[str, Any] = {
        "rouge_l": {
            way: _mean(scores(asked, draws), seed)
            for way, draws in (("greedy", sheet.greedy), ("drawn", sheet.drawn))
        },
        "rouge_1": _mean(scores(asked, sheet.greedy, "rouge1"), seed),
        "rouge_2": _mean(scores(asked, sheet.greedy, "rouge2"), seed),
        "bleu": bleu_measure(texts, golds, seed),
        "token_f1": _mean([best_over(g, text) for g, text in zip(golds, texts, strict=True)], seed),
        "loss_nats": statistics.ratio(
            [-g.logp for g in sheet.golds], [g.tokens for g in sheet.golds], seed=seed
        ),
    }
    if labelled := [i for i, q in enumerate(asked) if q.classification]:
        pairs = [(asked[i].golds, texts[i]) for i in labelled]
        found["exact"] = statistics.share([best_over(g, text, "exact") > 0 for g, text in pairs])
        found["labels"] = labels(pairs)
    return found


def labels(pairs: Sequence[tuple[Sequence[str], str]]) -> dict[str, Any]:
    """Precision, recall and F1 of each label that people gave, and averaged. An answer that is none
    of them counts as no prediction.

    Args:
        pairs: people's answers to a classification task, and the answer that is judged.
    """
    wanted = [normalised(golds[0]) for golds, _ in pairs]
    given = [
        w if best_over(golds, text, "exact") else normalised(text)
        for w, (golds, text) in zip(wanted, pairs, strict=True)
    ]
    report = asdict(classes(wanted, given, set(wanted)))
    return {
        "each": report["classes"],
        **{key: report[key] for key in ("macro", "micro", "weighted")},
    }


def _mean(values: Sequence[float], seed: int) -> Measure:
    return statistics.mean(values, seed=seed, limits=(0.0, 1.0))


def duels(asked: Sequence[Question], ours: Sheet, theirs: Sheet) -> list[Duel]:
    """The greedy answers of two arms to each question."""
    return [
        Duel(q.prompt, a.text, b.text)
        for q, a, b in zip(asked, ours.greedy, theirs.greedy, strict=True)
    ]


def contest(
    judge: Prefers,
    asked: Sequence[Question],
    sheets: Mapping[str, Sheet],
    seed: int,
    against: str = "base",
) -> dict[str, Any]:
    """Every other arm against one of them."""
    found = {}
    for name, sheet in sheets.items():
        if name != against:
            pairs = duels(asked, sheet, sheets[against])
            found[name] = measures(pairs, compare(judge, pairs), seed)
    return found


@dataclass(frozen=True)
class Harm:
    """What the lessons did elsewhere: the share of general answers that are harmed, and the change
    of retention (None: not measured).
    """

    general: float = 0.0
    retention: Measure | None = None

    @property
    def why(self) -> str:
        """What speaks against a taught model, or ""."""
        if self.general > MOST_HARMED:
            return f"{self.general:.0%} of the general answers are harmed"
        if self.retention is not None and not passed(self.retention):
            points = (
                100 * value
                for value in (self.retention.value, self.retention.low, self.retention.high)
            )
            return "what everybody knows changes by {:+.1f} points [{:+.1f}, {:+.1f}]".format(
                *points
            )
        return ""


def verdict(
    asked: Sequence[Question], sheets: Mapping[str, Sheet], harm: Harm, learned: int, seed: int
) -> dict[str, str]:
    """One word and one plain sentence, from ROUGE-L to the people's answers, of greedy and drawn
    answers together, by question.

    Args:
        learned: how many examples there were.
    """
    both = {name: together(asked, sheet) for name, sheet in sheets.items()}
    shown = {name: f"{sum(v) / max(len(v), 1):.2f}" for name, v in both.items()}
    if "taught" not in both:
        return {
            "word": "nothing to learn",
            "sentence": (
                f"Nothing to learn: {learned} usable examples; the base has ROUGE-L "
                f"{shown['base']}."
            ),
        }
    change = f"ROUGE-L to people's answers is {shown['base']} before and {shown['taught']} after"
    gain = statistics.paired_bootstrap(both["taught"], both["base"], seed=seed)
    if gain.low <= 0:
        return {
            "word": "not learned",
            "sentence": f"Not learned: {change}, which is no more than chance explains.",
        }
    if why := harm.why:
        return {"word": "not learned", "sentence": f"Not learned cleanly: {change}, but {why}."}
    if sum(both["prompted"]) >= sum(both["taught"]):
        return {
            "word": "just prompt it",
            "sentence": (
                f"Just prompt it: {change}; with worked tasks in the prompt it is "
                f"{shown['prompted']}."
            ),
        }
    return {
        "word": "taught",
        "sentence": f"Taught: {change} ({shown['prompted']} with worked tasks in the prompt).",
    }


def side_by_side(asked: Sequence[Question], sheets: Mapping[str, Sheet]) -> list[dict[str, Any]]:
    """Each task with every arm's answers. An answer is marked where it has less in common with a
    person's than the base's.
    """
    rows = []
    for i, q in enumerate(asked):
        own = best_rouge(sheets["base"].greedy[i].text, q.golds)
        arms = {
            name: {
                "greedy": s.greedy[i].text,
                "drawn": s.drawn[i].text,
                "broken": best_rouge(s.greedy[i].text, q.golds) < own,
            }
            for name, s in sheets.items()
        }
        rows.append(
            {
                "scope": "target",
                "part": q.part,
                "prompt": q.prompt[-1].content,
                "gold": q.golds[0],
                "arms": arms,
            }
        )
    return rows
