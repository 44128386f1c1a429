"""Train: somebody else's examples become an adapter.

  1  read: every row is an example; some prompts are set aside as the dev part, at once
  2  dev: the loss of the base on the dev part
  3  train: `sft+dpo` where every lesson has a rejected answer, else `sft`, unless an objective is
     named; anchors hold the base in place
  4  dev again: the loss of the saved adapter, loaded anew

A file of examples does not say what they are for, so there are no questions to ask. The dev loss
says whether what was learned carries over to examples of the same kind, and nothing more. Pairs
that teach alone lower the likelihood of both answers; there the share of dev pairs says it whose
chosen answer is the likelier one.

Source: DPO (Rafailov et al., arXiv 2305.18290, section 6) for the accuracy of pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfteach import statistics
from selfteach.config import FinetuneConfig
from selfteach.errors import DataError
from selfteach.evaluate.exam import ExamSession, TunedModel, measures_to_json, prove_base
from selfteach.evaluate.verdict import Evidence, reach_verdict, withhold_verdict
from selfteach.files import BadLine
from selfteach.methods.method import Method, ObjectiveWeights, TrainingPlan
from selfteach.methods.runner import TRAINING_FOLDER, find_pair_kinds, sample_while_training
from selfteach.methods.session import Session, find_starting_adapter
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.records import Continuations, Example, LogProb, Measure, digest, prompt_to_json
from selfteach.run.ledger import Outcome
from selfteach.train.distributed import broadcast_from_first
from selfteach.train.train import train

ANCHOR_WEIGHT = 8.0
"""The weight of anchors."""


@dataclass
class FinetuneData:
    """What the person brings: a file of examples, perhaps another one as the dev part; `about`
    names them.
    """

    examples: list[Example]
    dev: list[Example] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    about: str = ""
    cleaned_rows: list[BadLine] = field(default_factory=list)


def prepare(session: Session, material: FinetuneData) -> TrainingPlan:
    """Turn a file of examples into a training plan.

    Raises:
        DataError: nothing to learn from, or too little to measure on as well.
    """
    config = session.config
    ledger = session.run.ledger
    learned, dev = split_dev(material, config)  # 1
    ledger.record_outcomes("read", material.outcomes.values())
    ledger.record_outcomes("dev", [Outcome(example.id, "accepted") for example in dev])
    named = choose_objectives(learned, config)
    taught_kinds = {example.kind for example in learned if example.role == "learn"}
    pairs_only = is_pairs_only({**named, **config.train.weights}, taught_kinds)
    brought = f"{material.about}: {len(learned)} examples to learn from, {len(dev)} to measure on"
    header = {
        "method": "train",
        "material": brought,
        "objectives": {kind: dict(row) for kind, row in named.items()},
    }
    return TrainingPlan(
        examples=learned,
        objectives=named,  # 3
        exam=DevLossExam(dev, pairs_only, header),  # 2, 4
        shown=show_losses,
    )


def split_dev(
    material: FinetuneData, config: FinetuneConfig
) -> tuple[list[Example], list[Example]]:
    """Step 1: what is learned, and the dev part: the file of its own, or a share of the prompts.
    One prompt is in one part.

    Raises:
        DataError: there is nothing to learn, or the dev part would leave nothing.
    """
    if material.dev or not config.dev_share:
        held = {make_prompt_key(example) for example in material.dev}
        learned = [example for example in material.examples if make_prompt_key(example) not in held]
        dev = material.dev
    else:
        learned, dev = set_aside(material.examples, config)
    if not any(example.role == "learn" for example in learned):
        raise DataError("there is nothing to learn from.", where=material.about)
    return learned, dev


def set_aside(
    examples: Sequence[Example], config: FinetuneConfig
) -> tuple[list[Example], list[Example]]:
    """Return the examples without those of some prompts, and those. Anchors are all learned.

    Raises:
        DataError: nothing would be left to learn.
    """
    lessons = [example for example in examples if example.role == "learn"]
    prompts = sorted(
        {make_prompt_key(example) for example in lessons}, key=lambda p: digest([config.seed, p])
    )
    count = max(1, round(config.dev_share * len(prompts)))
    aside = set(prompts[:count])
    if len(aside) == len(prompts):
        raise DataError(
            f"{len(prompts)} different prompts are too few to learn from some and to "
            "measure on others.",
            cure="Bring more examples, or give --dev 0.",
        )
    learned: list[Example] = []
    dev: list[Example] = []
    for example in examples:
        held_out = example.role == "learn" and make_prompt_key(example) in aside
        (dev if held_out else learned).append(example)
    return learned, dev


def make_prompt_key(example: Example) -> str:
    """The prompt as one text, for comparing."""
    return digest(prompt_to_json(example.prompt))


def choose_objectives(examples: Sequence[Example], config: FinetuneConfig) -> ObjectiveWeights:
    """Step 3: the objectives of each kind of example that is in the file."""
    lessons = [example for example in examples if example.role == "learn"]
    choice = config.train.objective
    if choice == "auto":
        paired = bool(lessons) and all(example.rejected is not None for example in lessons)
        choice = "sft+dpo" if paired else "sft"
    learned_kinds = {example.kind for example in lessons}
    learned = dict.fromkeys(choice.split("+"), 1.0)
    return {
        kind: learned if kind in learned_kinds else {"anchor": ANCHOR_WEIGHT}
        for kind in sorted({example.kind for example in examples})
    }


def is_pairs_only(weights: ObjectiveWeights, objective_weights: Iterable[str]) -> bool:
    """Return whether all lessons of these kinds are taught by pairs alone."""
    return set(objective_weights) <= find_pair_kinds(weights)


@dataclass(frozen=True)
class DevScores:
    """One model on the dev part: log-probabilities of the lessons' answers, and of the rejected
    ones where there are any.
    """

    chosen: list[LogProb]
    rejected: list[tuple[LogProb, LogProb]]

    @property
    def losses(self) -> list[float]:
        """The loss of each answer, in nats a token."""
        return [-logp.token_logp for logp in self.chosen]

    @property
    def preferred(self) -> list[bool]:
        """Whether the chosen answer of each pair is the likelier one."""
        return [chosen.token_logp > other.token_logp for chosen, other in self.rejected]


@dataclass(frozen=True)
class DevLossExam:
    """An exam without questions: what base and tuned model make of the dev part.

    Attributes:
        dev: examples that nothing is learned from.
        pairs_only: whether pairs alone teach; then the verdict is about the dev pairs.
        header: keys of exam.json that are known beforehand.
    """

    dev: Sequence[Example]
    pairs_only: bool
    header: Mapping[str, Any] = field(default_factory=dict)

    def run_baselines(self, session: ExamSession) -> None:
        """Let the base score the dev part, into the ledger, before anything is trained (step 2)."""
        score_dev(session.base, self.dev)

    def run(
        self, session: ExamSession, tuned: TunedModel | None, *, brief: bool = False
    ) -> dict[str, Any]:
        """Return what exam.json holds (step 4)."""
        found: dict[str, Any] = {
            **self.header,
            "base_proof": prove_base(session),
            "loss_nats": {},
            "preferred": {},
            "answers": [],
        }
        if not self.dev:
            found["verdict"] = withhold_verdict("there is no dev part")
            return found
        marks = {"base": score_dev(session.base, self.dev)}
        if tuned:
            marks["taught"] = score_dev(tuned.recorded, self.dev)
        found |= measure_marks(marks, session.config.seed)
        found["verdict"] = withhold_verdict("nothing was trained")
        if tuned:
            found["verdict"] = reach_verdict(weigh(found, self.pairs_only))
        written: dict[str, Any] = measures_to_json(found)
        return written


def score_dev(model: Recorded, dev: Sequence[Example]) -> DevScores:
    """Steps 2 and 4: the answers of the dev part under a model. An answer that was cut has no end
    of turn to be likely.
    """
    items = [make_continuation(example, example.chosen, "chosen") for example in dev]
    paired = [i for i, example in enumerate(dev) if example.rejected is not None]
    for i in paired:
        items.append(make_continuation(dev[i], dev[i].rejected or "", "rejected"))
    logps = [scores[0] for scores in model.score(items)]
    chosen, rejected = logps[: len(dev)], logps[len(dev) :]
    pairs = [(chosen[i], other) for i, other in zip(paired, rejected, strict=True)]
    return DevScores(chosen, pairs)


def make_continuation(example: Example, text: str, side: str) -> Continuations:
    """One answer as the model is to score it."""
    return Continuations(example.prompt, (text,), end=side not in example.source.get("cut", ()))


def measure_marks(marks: Mapping[str, DevScores], seed: int) -> dict[str, Any]:
    """Return losses in nats a token and shares of pairs whose chosen answer is the likelier one,
    by arm; and by how much the loss fell and the share rose.
    """
    base = marks["base"]
    found: dict[str, Any] = {"loss_nats": {}}
    for arm, own in marks.items():
        nats = [-logp.logp for logp in own.chosen]
        tokens = [logp.tokens for logp in own.chosen]
        found["loss_nats"][arm] = statistics.ratio(nats, tokens, seed=seed)
    if base.rejected:
        found["preferred"] = {arm: statistics.share(own.preferred) for arm, own in marks.items()}
    if "taught" not in marks:
        return found
    taught = marks["taught"]
    if base.rejected:
        gained = statistics.paired_bootstrap(taught.preferred, base.preferred, seed=seed)
        found["gained"] = {"taught": gained}
    pairs = zip(base.losses, taught.losses, strict=True)
    found["risen"] = {"taught": statistics.share([before > after for before, after in pairs])}
    fall = statistics.paired_bootstrap(base.losses, taught.losses, seed=seed, limits=None)
    found["reduction"] = {"base": fall}
    return found


def weigh(found: Mapping[str, Any], pairs_only: bool) -> Evidence:
    """Return what the verdict rests on: the fall of the loss, or the rise of the preferred answers
    where pairs alone teach.
    """
    if pairs_only and found["preferred"]:
        before, after = (found["preferred"][arm] for arm in ("base", "taught"))
        shares = f"{100 * before.value:.0f} % before and {100 * after.value:.0f} % after"
        change = f"of {before.n} dev pairs the chosen answer is the likelier one in {shares}"
        gain: Measure = found["gained"]["taught"]
    else:
        before, after = (found["loss_nats"][arm] for arm in ("base", "taught"))
        change = (
            f"the loss on {before.n} dev examples is {before.value:.3f} nats a token before "
            f"and {after.value:.3f} after"
        )
        gain = found["reduction"]["base"]
    return Evidence(
        gain=gain,
        over_prompt=None,
        start="",
        change=change,
        worse="worse by more than chance explains",
        taught=". What else changed was not examined",
    )


def show_losses(exam: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of each arm, for the result."""
    return {key: exam[key] for key in ("loss_nats", "preferred")}


def train_as_worker(
    material: FinetuneData, config: FinetuneConfig, folder: Path, run_spec: dict[str, Any]
) -> None:
    """Do the part of a process that does not own the run: its share of each training step.

    Args:
        folder: the run's folder.
        brought: `from`, the adapter that the run goes on from, where there is one.
    """
    learned, _ = split_dev(material, config)
    if not broadcast_from_first(None):
        return
    base = HfModel.load(config.model, adapter=find_starting_adapter(run_spec, config))
    train(
        base,
        learned,
        config.train,
        folder / TRAINING_FOLDER / "train",
        seed=config.seed,
        defaults=choose_objectives(learned, config),
        sample_tuned=sample_while_training(base, config.train, config.seed),
    )


METHOD = Method(name="train", settings=FinetuneConfig, prepare=prepare, samples=False)
"""`selfteach train`."""
