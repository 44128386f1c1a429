"""What the plans of several methods have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfteach.config import TrainConfig
from selfteach.records import JsonObject
from selfteach.run.workload import PlannedStage

ASKED_PER_PROMPT = 2
"""Requests for one usable prompt; the others repeat."""
MIN_ASKED = 8
"""The fewest requests of a round."""
PROMPT_TOKENS = 14
"""Tokens of a general prompt that the model writes."""
CHARS_PER_TOKEN = 4
"""Of English text, about, where no tokenizer is loaded."""
EXAM_ARMS = 3
"""Answers to a prompt of the exam: base, prompted and tuned."""
TRAIN_SHARE = 0.8
"""The share of general prompts that are learned; the others are for the exam."""

CONTINUED_SHARE = 0.5
"""A training that goes on from an earlier one takes this share of the epochs and of the learning
rate (docs/log/2026-11-rules.md)."""


@dataclass(frozen=True)
class Plan:
    """Hold what `--dry-run` asks of a method: attributes of `Method`, and one more.

    A method of this package takes them from its plan.

    Attributes:
        describe_text: says how the material is read where the model is not here.
    """

    plan_work: Callable[[Any, Any], Sequence[PlannedStage]]
    samples: bool = True
    describe: Callable[..., JsonObject] | None = None
    describe_text: Callable[..., JsonObject] | None = None


def plan_run(
    plan_work: Callable[[Any, Any], Sequence[PlannedStage]], material: Any, config: Any
) -> list[PlannedStage]:
    """Return the expected work of each stage of a run; further seeds follow the exam.

    Args:
        plan_work: see `Method`.
    """
    stages = list(plan_work(material, config))
    more = plan_more_seeds(stages, getattr(config, "seeds", 1))
    names = [stage.name for stage in stages]
    end = names.index("exam") + 1 if "exam" in names else len(stages)
    return [*stages[:end], *more, *stages[end:]]


def plan_more_seeds(stages: Sequence[PlannedStage], seeds: int) -> list[PlannedStage]:
    """Return the stages that train and examine a plan with each further seed."""
    trainings = [stage for stage in stages if stage.name.split()[0] == "train"]
    if trainings and trainings[0].name == "train":  # others train again, on more examples
        trainings = [join_trainings(trainings)]
    exams = [stage for stage in stages if stage.name == "exam"]
    more = []
    for number in range(1, seeds):
        for stage in trainings:
            name = stage.name.replace("train", f"train seed {number}", 1)
            more.append(replace(stage, name=name))
        more += [replace(stage, name=f"exam of seed {number}") for stage in exams]
    return more


def join_trainings(trainings: Sequence[PlannedStage]) -> PlannedStage:
    """Return the stage that trains the last plan anew, and first those that it goes on from."""
    *earlier, last = trainings
    found = replace(last, name="train")
    while earlier and last.goes_on:
        last = earlier.pop()
        found = replace(
            found,
            trained_tokens=found.trained_tokens + last.trained_tokens,
            trained_rows=found.trained_rows + last.trained_rows,
        )
    return found


def count_continued_epochs(epochs: int) -> int:
    """Return the epochs of a training that goes on from an earlier one of so many epochs."""
    return max(1, round(CONTINUED_SHARE * epochs))


def go_on(stage: PlannedStage, train: TrainConfig) -> PlannedStage:
    """Return a stage whose training, if it is one, goes on from the one before."""
    if not stage.trained_rows:
        return stage
    epochs = train.epochs or 1
    share = 1.0 if train.max_steps else count_continued_epochs(epochs) / epochs
    return replace(
        stage,
        trained_tokens=int(share * stage.trained_tokens),
        trained_rows=int(share * stage.trained_rows),
        goes_on=True,
    )


def count_asked(prompts: int) -> int:
    """Return how many requests so many usable prompts take."""
    return max(ASKED_PER_PROMPT * prompts, MIN_ASKED) if prompts else 0


def plan_general_prompts(name: str, prompts: int) -> PlannedStage:
    """Return the stage that writes so many general prompts."""
    asked = count_asked(prompts)
    return PlannedStage(name, asked, asked * PROMPT_TOKENS)


def plan_own_answers(
    name: str, prompts: int, anchor_tokens: int, whole: int = 0, whole_tokens: int = 0
) -> PlannedStage:
    """Return the stage in which the base answers general prompts.

    Args:
        prompts: how many were written; a part of them is learned.
        whole: how many of them it also answers with up to `whole_tokens` tokens.
    """
    kept = int(TRAIN_SHARE * prompts)
    return PlannedStage(name, kept + whole, kept * anchor_tokens + whole * whole_tokens)


def plan_anchors(
    prompts: int, anchor_tokens: int, whole: int = 0, whole_tokens: int = 0
) -> PlannedStage:
    """Return the stage that does both: it writes general prompts and lets the base answer them."""
    asked = plan_general_prompts("", prompts)
    own = plan_own_answers("", prompts, anchor_tokens, whole, whole_tokens)
    return PlannedStage(
        "anchors", asked.requests + own.requests, asked.sampled_tokens + own.sampled_tokens
    )


def plan_training(name: str, tokens: int, rows: int, train: TrainConfig) -> PlannedStage:
    """Return the stage of a whole training.

    Args:
        tokens: of all answers, in one epoch.
        rows: how many examples there are.
    """
    epochs = float(train.epochs)
    if train.max_steps and rows:
        epochs = train.max_steps * train.batch_size / rows
    return PlannedStage(name, trained_tokens=int(epochs * tokens), trained_rows=int(epochs * rows))
