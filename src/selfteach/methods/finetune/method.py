"""Train: fine-tune an adapter on a dataset of examples.

  1  read: take every row as an example; set some prompts aside as the dev part
  2  dev: measure the loss of the base on the dev part
  3  known: train nothing if the base gives every answer already
  4  train: use `sft+dpo` where every example has a rejected answer, else `sft`, unless an objective
     is named; anchors hold the base in place
  5  dev again: measure the loss of the saved adapter, loaded anew

A dataset does not say what it is for, so the exam has no questions. The dev loss shows only whether
training carries over to examples of the same kind. Training on pairs alone lowers the likelihood of
both answers; the verdict then uses the share of dev pairs whose chosen answer is more likely.

Every token counts alike in the loss, as in perplexity, and every pair in the share. The verdict's
gain is the difference of the two numbers that its sentence shows. Intervals come from a bootstrap
over conversations: the answers to one prompt, and to the turns of one conversation, rise and fall
together, so more of them are no news about another prompt.

Source: DPO (Rafailov et al., arXiv 2305.18290, section 6) for the accuracy of pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from selfteach import statistics
from selfteach.config import FinetuneConfig
from selfteach.evaluate.exam import ExamSession, TunedModel, check_base_unchanged
from selfteach.evaluate.verdict import Evidence, make_not_examined, reach_verdict
from selfteach.methods.finetune.plan_work import PLAN
from selfteach.methods.finetune.split_examples import (
    FinetuneData,
    choose_objectives,
    split_dev,
)
from selfteach.methods.finished_result import TRAINING_FOLDER
from selfteach.methods.method import Method, TrainingPlan
from selfteach.methods.score_examples import ExampleScores, explain_misfit, score_examples
from selfteach.methods.session import Session, find_starting_adapter
from selfteach.methods.train_plan import find_pair_kinds, sample_while_training
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Example,
    JsonMapping,
    JsonObject,
    Measure,
    ObjectiveWeights,
    Turns,
    measures_to_json,
)
from selfteach.select.conversations import find_conversations
from selfteach.text import format_count
from selfteach.train.distributed import broadcast_from_first
from selfteach.train.train import train

MIN_DEV_PROMPTS = 3
"""Fewer dev prompts give no verdict: both of two improve by chance in one case of four. All turns
of one conversation count as one prompt.
"""

MIN_KNOWN_PROBABILITY = 0.9
"""Answers that the base samples so often are known: greedy and nearly always at T=1. Training on
them alone does harm: Adam makes steps of full size of their small gradients (docs/log/).
"""
FIRST_SCORED = 16
"""Examples that are scored before all others: one that is not known ends the search."""

LIKE_DEV = "the dev part has the prompt, or another turn of the conversation"
NOT_MEASURED = "an anchor, which is not measured"


def prepare(session: Session, material: FinetuneData) -> TrainingPlan:
    """Turn a dataset into a training plan.

    Raises:
        DataError: nothing to learn from, or too little to measure on as well.
    """
    config = session.config
    ledger = session.run.ledger
    learned, dev = split_dev(material, config)  # 1
    ledger.record_outcomes("read", material.outcomes.values())
    record_kept_apart(session, material, learned, dev)
    with ledger.open_funnel("dev examples") as funnel:
        for example in dev:
            funnel.decide(example.id, explain_misfit(session.base, example))
        for example in material.dev:
            if example.role == "hold":
                funnel.decide(example.id, NOT_MEASURED)
    dev = [example for example in dev if not funnel.outcomes[example.id].reason]
    objectives = choose_objectives(learned, config)
    taught = [example for example in learned if example.role == "learn"]
    weights = {**objectives, **config.train.weights}
    known = ""
    if learns_answers_alone(taught, weights) and knows_all_answers(session.base, taught):  # 3
        share = f"{100 * MIN_KNOWN_PROBABILITY:.0f} % of its samples"
        known = f"the model already gives each of {len(taught)} answers in at least {share}"
    pairs_only = {example.kind for example in taught} <= find_pair_kinds(weights)
    counts = f"{format_count(len(learned), 'examples')} to learn from, {len(dev)} to measure on"
    header = {
        "method": "train",
        "material": f"{material.about}: {counts}",
        "objectives": objectives,
    }
    return TrainingPlan(
        examples=[] if known else learned,
        objectives=objectives,  # 4
        exam=DevLossExam(dev, pairs_only, header, [e.turns for e in learned], known),  # 2, 5
        shown=show_losses,
    )


def learns_answers_alone(taught: Sequence[Example], weights: ObjectiveWeights) -> bool:
    """Return whether the chosen answers are all that is learned. A pair has more to teach, and so
    has a teacher.
    """
    named = {name for one in taught for name, weight in weights[one.kind].items() if weight}
    return named == {"sft"}


def knows_all_answers(base: Recorded, taught: Sequence[Example]) -> bool:
    """Return whether the base gives each of these answers with MIN_KNOWN_PROBABILITY."""
    limit = -math.log(MIN_KNOWN_PROBABILITY)
    for part in (taught[:FIRST_SCORED], taught[FIRST_SCORED:]):
        if any(explain_misfit(base, example) for example in part):
            return False
        if any(nats > limit for nats in score_examples(base, part, kinds=set()).nats):
            return False
    return True


def record_kept_apart(
    session: Session,
    material: FinetuneData,
    learned: Sequence[Example],
    dev: Sequence[Example],
) -> None:
    """Record the examples that are not learned because the dev part asks their prompt, and say how
    many they are.

    A row that is in a dev file as well is one of them. A dev part without a file is made of the
    examples, and measures on them.
    """
    used = {example.id for example in learned}
    if not material.dev:
        used |= {example.id for example in dev}
    apart = [example for example in material.examples if example.id not in used]
    if not apart:
        return
    with session.run.ledger.open_funnel("examples like dev") as funnel:
        for example in apart:
            funnel.decide(example.id, LIKE_DEV)
    session.display.print_line(f"examples that are not learned: {len(apart)} ({LIKE_DEV})")


@dataclass(frozen=True)
class DevLossExam:
    """Compare base and tuned model on the dev part: an exam without questions.

    Attributes:
        dev: examples that are not trained on.
        pairs_only: whether training uses pairs alone; then the verdict is about the dev pairs.
        header: keys of exam.json that are known beforehand.
        learned: the prompts that are trained on: a dev part may be too small to show which prompts
            are conversations of their own.
        known: why there is nothing to learn, or "".
    """

    dev: Sequence[Example]
    pairs_only: bool
    header: JsonMapping = field(default_factory=dict)
    learned: Sequence[Turns] = ()
    known: str = ""

    def run_baselines(self, session: ExamSession) -> None:
        """Let the base score the dev part, into the ledger, before anything is trained (step 2)."""
        score_examples(session.base, self.dev)

    def run(
        self, session: ExamSession, tuned: TunedModel | None, *, brief: bool = False
    ) -> JsonObject:
        """Return what exam.json holds (step 5)."""
        found: JsonObject = {
            **self.header,
            "base_proof": check_base_unchanged(session),
            "loss_nats": {},
            "preferred": {},
            "answers": [],
        }
        if self.known:
            found["verdict"] = reach_verdict(Evidence(None, None, start=self.known, change=""))
            return found
        if not self.dev:
            found["verdict"] = make_not_examined("there is no dev part")
            return found
        scores = {"base": score_examples(session.base, self.dev)}
        if tuned:
            scores["tuned"] = score_examples(tuned.recorded, self.dev)
        prompts = [*(example.turns for example in self.dev), *self.learned]
        conversations = find_conversations(prompts)[: len(self.dev)]
        found |= measure_scores(scores, conversations, session.config.seed)
        count = len(set(conversations))
        if not tuned:
            found["verdict"] = make_not_examined("nothing was trained")
        elif count < MIN_DEV_PROMPTS:
            found["verdict"] = make_not_examined(
                f"the dev part has {count} of the {MIN_DEV_PROMPTS} prompts that a verdict needs"
            )
        else:
            found["verdict"] = reach_verdict(make_evidence(found, self.pairs_only))
        written: JsonObject = measures_to_json(found)
        return written


def measure_scores(
    scores: Mapping[str, ExampleScores], conversations: Sequence[int], seed: int
) -> JsonObject:
    """Return losses in nats a token and shares of pairs whose chosen answer is more likely, by arm;
    and the changes of both.

    Each is a sum over a sum, so that a change is the difference of the numbers of its arms. The
    intervals are those of conversations, which n counts.

    Args:
        conversations: (n,) the conversation of each dev example.
    """
    base = scores["base"]
    tokens = [logp.tokens for logp in base.chosen]
    each = [1] * len(base.chosen)
    pairs = [1] * len(base.rejected)
    of_pairs = [conversations[place] for place in base.rejected]
    average = partial(statistics.clustered_ratio, seed=seed)
    found: JsonObject = {"loss_nats": {}}
    for arm, own in scores.items():
        found["loss_nats"][arm] = average(own.nats, tokens, conversations)
    if base.rejected:
        found["preferred"] = {
            arm: average(own.preferred, pairs, of_pairs, limits=(0.0, 1.0))
            for arm, own in scores.items()
        }
    tuned = scores.get("tuned")
    if tuned is None:
        return found
    if base.rejected:
        more = np.subtract(tuned.preferred, base.preferred, dtype=float)
        found["gained"] = {"tuned": average(more, pairs, of_pairs, limits=(-1.0, 1.0))}
    fall = np.subtract(base.nats, tuned.nats)
    return {
        **found,
        "risen": {"tuned": average(fall > 0, each, conversations, limits=(0.0, 1.0))},
        "reduction": {"base": average(fall, tokens, conversations)},
    }


def make_evidence(found: JsonMapping, pairs_only: bool) -> Evidence:
    """Return the evidence for the verdict: the fall of the loss, or the rise of the preferred
    answers where training uses pairs alone.
    """
    if pairs_only and found["preferred"]:
        before, after = (found["preferred"][arm] for arm in ("base", "tuned"))
        shares = f"{100 * before.value:.0f} % before and {100 * after.value:.0f} % after"
        change = (
            f"on {before.n} dev prompts the chosen answer of a pair is the likelier one in {shares}"
        )
        gain: Measure = found["gained"]["tuned"]
    else:
        before, after = (found["loss_nats"][arm] for arm in ("base", "tuned"))
        change = (
            f"the loss on {before.n} dev prompts is {before.value:.3f} nats a token before "
            f"and {after.value:.3f} after"
        )
        gain = found["reduction"]["base"]
    return Evidence(
        gain=gain,
        over_prompt=None,
        start="",
        change=change,
        worse="worse by more than chance explains",
        closing=". What else changed was not examined",
    )


def show_losses(exam: JsonMapping) -> JsonObject:
    """Return the numbers of each arm, for the result."""
    return {key: exam[key] for key in ("loss_nats", "preferred")}


def train_as_worker(
    material: FinetuneData, config: FinetuneConfig, folder: Path, run_spec: JsonObject
) -> None:
    """Train as a process that does not own the run: do its share of each step.

    Args:
        folder: the run's folder.
        run_spec: `from` is the adapter that the run continues, where there is one.
    """
    learned, _ = split_dev(material, config)
    if not broadcast_from_first(None):
        return
    base = HfModel.load(
        config.model,
        adapter=find_starting_adapter(run_spec, config),
        load_in_4bit=config.load_in_4bit,
    )
    train(
        base,
        learned,
        config.train,
        folder / TRAINING_FOLDER / "train",
        seed=config.seed,
        defaults=choose_objectives(learned, config),
        sample_tuned=sample_while_training(base, config.train, config.seed),
    )


METHOD = Method(
    name="train",
    settings=FinetuneConfig,
    prepare=prepare,
    samples=PLAN.samples,
    plan_work=PLAN.plan_work,
)
"""`selfteach train`."""
