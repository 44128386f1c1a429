"""The work of a run of `tasks`, before it starts."""

from __future__ import annotations

from selfteach.config import TasksConfig as Settings
from selfteach.materials.tasks import Tasks
from selfteach.methods.plan_parts import EXAM_ARMS, Plan, count_asked, plan_anchors, plan_training
from selfteach.run.workload import PlannedStage

REQUESTS_PER_TASK = 1.5
"""Requests for one accepted task."""
ANSWERS_PER_TASK = 3
"""Requests for the instances of one accepted task, with those that are dropped."""
ANSWER_SHARE = 0.5
"""The mean length of an answer, as a share of the longest that is allowed."""
REPLY_TOKENS = {"self-instruct": 80, "alpaca": 900, "magpie": 40}
TASKS_PER_REPLY = {"self-instruct": 1, "alpaca": 8, "magpie": 1}
"""Of each mode: tokens of a reply of the writer, and usable tasks in it."""


def plan_work(material: Tasks, config: Settings) -> list[PlannedStage]:
    """Return the stages of a run."""
    invented = max(round(REQUESTS_PER_TASK * config.count / TASKS_PER_REPLY[config.mode]), 1)
    answers = ANSWERS_PER_TASK * config.count
    length = int(ANSWER_SHARE * config.instances.max_tokens)
    seeds = len(material.seeds)
    held_out = round(seeds * config.test_share)
    general = min(config.exam.general, config.anchors.general)
    asked = min(held_out, config.exam.tasks) + min(len(material.test), config.exam.tasks)
    questions = max(asked, 1) + general
    arms = (EXAM_ARMS - 1) * questions
    tokens = int(ANSWER_SHARE * config.exam.max_tokens)
    learned = config.count + (seeds - held_out if config.learn_seeds else 0)
    own = plan_anchors(config.anchors.general, config.anchors.anchor_tokens)
    anchor_tokens = config.anchors.general * config.anchors.anchor_tokens
    trained_tokens = learned * length + anchor_tokens
    rows = learned + config.anchors.general
    first = count_asked(config.anchors.general)
    return [
        PlannedStage("load"),
        PlannedStage("read", first, own.sampled_tokens),
        PlannedStage(
            "invent",
            sampled_tokens=invented * REPLY_TOKENS[config.mode] + answers * length,
            by_teacher=True,
        ),
        PlannedStage("examples", own.requests - first),
        PlannedStage("exam of the base", arms, arms * tokens, arms * tokens),
        plan_training("train", trained_tokens, rows, config.train),
        PlannedStage("exam", questions, questions * tokens, 2 * questions * tokens),
    ]


PLAN = Plan(plan_work)
