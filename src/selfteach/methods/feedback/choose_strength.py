"""Choose how strong the adapter of a rule with a condition is (step 7).

What reaches too far after the last training is partly what was learned too strongly, and what is
broken still is partly what was learned too weakly. With .85 of its weight change a rule about
messages to one person lost two thirds of its needless effects; with 1.15 of it a rule about one
kind of question was broken a third as often (docs/log/2026-11-rules.md).

Source: weight-space interpolation (Wortsman et al. 2022, arXiv 2109.01903), whose factor is chosen
on held-out data. Departs: the factor may be above 1; few are tried, step by step, in the direction
of the larger error first, and the first step that gains too little ends the search there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean

from selfteach.evaluate.exam import TunedModel
from selfteach.generate.ask import GeneratedPrompt
from selfteach.judge import ViolationJudge
from selfteach.methods.feedback.amounts import STRENGTH_SAMPLES, STRENGTH_STAGE
from selfteach.methods.feedback.needless_effects import MIN_NEEDLESS_SHARE, find_needless_effects
from selfteach.methods.session import Session
from selfteach.methods.train_plan import change_strength, explain_why_strength_is_fixed
from selfteach.models.recorded import Recorded
from selfteach.records import GREEDY, JsonObject, Request, make_prompt
from selfteach.run.stage_labels import label_stage

WEAKER = (0.85, 0.7)
STRONGER = (1.15, 1.3)
"""The factors of the weight change that are tried, in this order."""
MIN_GAIN = 0.03
"""A step that gains less of the score is not taken: it is one prompt of the thirty outside, or
three answers of the hundred in scope, and may be chance."""


@dataclass(frozen=True)
class StrengthScore:
    """Hold what an adapter of some strength does.

    Attributes:
        strength: the factor of the weight change.
        kept: the share of dev answers in scope that keep the rule.
        needless: the share of answers outside the condition that show its effect, or decline, where
            the base does neither.
    """

    strength: float
    kept: float
    needless: float

    @property
    def score(self) -> float:
        """Return the kept share minus the needless one."""
        return self.kept - self.needless

    def to_json(self) -> JsonObject:
        """Return the numbers for the ledger."""
        return {"strength": self.strength, "kept": self.kept, "needless": self.needless}


def choose_strength(
    session: Session,
    tuned: TunedModel,
    targets: Sequence[GeneratedPrompt],
    outside: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> TunedModel:
    """Return the tuned model, or a weaker or stronger one that does better on prompts that it did
    not learn.

    Weaker ones are tried where at least MIN_NEEDLESS_SHARE is needless, stronger ones where as much
    is broken. Nothing is tried without dev prompts, or where the adapter is no LoRA.

    Args:
        targets: dev prompts in scope.
        outside: prompts outside the condition that no example has.
    """
    if not (targets and outside) or explain_why_strength_is_fixed(tuned):
        return tuned

    def measure(model: TunedModel, strength: float) -> StrengthScore:
        found = find_needless_effects(session, model.recorded, outside, judge)
        kept = measure_kept(session, model.recorded, targets, judge)
        return StrengthScore(strength, kept, len(found) / len(outside))

    first = measure(tuned, 1.0)
    chosen, best = tuned, first
    tried = [first]
    for factors in order_directions(first):
        for factor in factors:
            chosen.recorded.release_memory()  # no two tuned models are in memory together
            other = change_strength(session, tuned, factor)
            score = measure(other, factor)
            tried.append(score)
            if score.score < best.score + MIN_GAIN:
                other.recorded.release_memory()
                break
            chosen, best = other, score
        if best is not first:
            break
    session.run.ledger.set_note("strength", [one.to_json() for one in tried])
    if len(tried) > 1:
        session.display.print_line(describe_choice(first, best))
    return chosen


def order_directions(first: StrengthScore) -> list[tuple[float, ...]]:
    """Return the factors of each direction worth a try, that of the larger error first."""
    broken = 1 - first.kept
    directions = [(first.needless, WEAKER), (broken, STRONGER)]
    directions.sort(key=lambda one: -one[0])
    return [factors for error, factors in directions if error >= MIN_NEEDLESS_SHARE]


def describe_choice(first: StrengthScore, best: StrengthScore) -> str:
    """Return the line that says how strong the adapter is, and what that changes."""
    before = describe_score(first)
    if best is first:
        return f"the adapter keeps its strength: {before}"
    return f"the adapter at {best.strength:g} of it: {describe_score(best)} (before: {before})"


def describe_score(score: StrengthScore) -> str:
    """Return what an adapter does on the prompts that choose its strength."""
    kept, needless = 100 * score.kept, 100 * score.needless
    return f"{kept:.0f} % of the dev answers keep the rule, {needless:.0f} % outside show it"


def measure_kept(
    session: Session,
    model: Recorded,
    targets: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> float:
    """Return the share of a model's answers to dev prompts that keep the rule: the greedy one and
    STRENGTH_SAMPLES at temperature 1 of each.
    """
    config = session.config
    greedy = replace(GREEDY, max_tokens=config.exam.max_tokens)
    sampling = replace(greedy, temperature=1.0)
    prompts = [make_prompt(prompt.text) for prompt in targets]
    requests = [Request(STRENGTH_STAGE, one, greedy, 0, config.seed) for one in prompts]
    requests += [
        Request(STRENGTH_STAGE, one, sampling, number, config.seed)
        for number in range(STRENGTH_SAMPLES)
        for one in prompts
    ]
    session.display.start_stage(label_stage(STRENGTH_STAGE), len(requests))
    answers = model.sample(requests, session.display.advance)
    broken = judge.broken(
        [(request.prompt, answer.text) for request, answer in zip(requests, answers, strict=True)]
    )
    return 1 - mean(broken)
