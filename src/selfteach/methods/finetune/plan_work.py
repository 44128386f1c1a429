"""The work of a run of `train`, before it starts."""

from __future__ import annotations

from selfteach.config import FinetuneConfig
from selfteach.methods.finetune.split_examples import FinetuneData, split_dev
from selfteach.methods.plan_parts import CHARS_PER_TOKEN, Plan, plan_training
from selfteach.records import Example
from selfteach.run.workload import PlannedStage


def plan_work(material: FinetuneData, config: FinetuneConfig) -> list[PlannedStage]:
    """Return the stages of a run."""
    learned, dev = split_dev(material, config)
    tokens = sum(map(count_tokens, learned))
    read = sum(map(count_tokens, dev))
    return [
        PlannedStage("load"),
        PlannedStage("exam of the base", scored_tokens=read),
        plan_training("train", tokens, len(learned), config.train),
        PlannedStage("exam", scored_tokens=read),
    ]


def count_tokens(example: Example) -> int:
    """Return about how many tokens the answers of an example have, with the ends of their turns."""
    answers = [answer for answer in (example.chosen, example.rejected) if answer is not None]
    return sum(len(answer) // CHARS_PER_TOKEN + 1 for answer in answers)


PLAN = Plan(plan_work, samples=False)
