"""The work of a run of `tasks`, before it starts."""

from __future__ import annotations

import math

from selfteach.config import TasksConfig as Settings
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS
from selfteach.judge.pairwise import ReferencePairwiseJudge
from selfteach.materials.tasks import MAX_INPUTS, Tasks, count_questions
from selfteach.methods.plan_parts import (
    EXAM_ARMS,
    Plan,
    plan_general_prompts,
    plan_own_answers,
    plan_training,
)
from selfteach.methods.tasks.invent_settings import YIELDS, get_invent_settings, plan_portion
from selfteach.run.workload import PlannedStage

ANSWER_SHARE = 0.5
"""The mean length of an answer, as a share of the longest that is allowed."""
INPUT_SHARE = 0.5
"""Requests for an input for each task of self-instruct."""
JUDGE_PROMPTS = 2
"""The prompts with which the base may compare two answers; both are calibrated."""
KNOWN_PAIRS = 2
"""Pairs of a better and a worse answer that a known task gives."""
ORDERS = 2
"""How often two answers are compared: each one stands first once."""
TASK_TOKENS = 40
"""Tokens of a task that are read with two answers to it."""
RETENTION_TOKENS = 45
"""Tokens that are read for a question of the retention test, with its ten answers."""


def plan_invention(config: Settings) -> PlannedStage:
    """Return the stage that invents: the requests, and the instances of all new tasks in them."""
    each = YIELDS[config.mode]
    replies = count_replies(config)
    own_input = INPUT_SHARE if config.mode == "self-instruct" else 0.0
    answers = round(replies * each.tried * (config.instances.samples + own_input))
    length = int(ANSWER_SHARE * config.instances.max_tokens)
    return PlannedStage(
        "invent",
        replies + answers,
        replies * each.tokens + answers * length,
        by_teacher=True,
    )


def count_replies(config: Settings) -> int:
    """Return how many replies the invention takes if each brings what is expected.

    Whole rounds are requested, and a part of one at the end.
    """
    each = YIELDS[config.mode].kept
    whole = get_invent_settings(config).requests
    limit = whole * config.invent.rounds if config.invent.rounds else math.inf
    replies = 0
    while replies < limit and (missing := math.ceil(config.count - replies * each)) > 0:
        replies += min(plan_portion(missing, each), whole)
    return int(min(replies, limit))


def count_judged(known: int, asked: int, config: Settings) -> tuple[int, int]:
    """Return the tokens that judges read to be calibrated, and to compare two arms.

    Args:
        known: tasks that judges are calibrated on.
        asked: questions of the exam.
    """
    if config.judge.name == ReferencePairwiseJudge.name:  # it needs no model
        return 0, 0
    pairs = JUDGE_PROMPTS * min(KNOWN_PAIRS * known, config.judge.pairs)
    read = ORDERS * (TASK_TOKENS + int(2 * ANSWER_SHARE * config.exam.max_tokens))
    return pairs * read, asked * read


def plan_work(material: Tasks, config: Settings) -> list[PlannedStage]:
    """Return the stages of a run."""
    length = int(ANSWER_SHARE * config.instances.max_tokens)
    seeds = len(material.seeds)
    held_out = round(seeds * config.test_share)
    general = min(config.exam.general, config.anchors.general)
    per_seed = count_questions(material.seeds, MAX_INPUTS * seeds) / max(seeds, 1)
    asked = min(round(held_out * per_seed), config.exam.tasks)
    asked += count_questions(material.test, config.exam.tasks)
    questions = max(asked, 1) + general
    calibrated, compared = count_judged(seeds - held_out, asked, config)
    retention = RETENTION_TOKENS * len(COMMON_QUESTIONS)
    arms = (EXAM_ARMS - 1) * questions
    tokens = int(ANSWER_SHARE * config.exam.max_tokens)
    learned = config.count + (seeds - held_out if config.learn_seeds else 0)
    anchor_tokens = config.anchors.general * config.anchors.anchor_tokens
    trained_tokens = learned * length + anchor_tokens
    rows = learned + config.anchors.general
    return [
        PlannedStage("load"),
        plan_general_prompts("read", config.anchors.general),
        plan_invention(config),
        plan_own_answers("examples", config.anchors.general, config.anchors.anchor_tokens),
        PlannedStage(
            "exam of the base",
            arms,
            arms * tokens,
            arms * tokens + calibrated + compared + retention,
        ),
        plan_training("train", trained_tokens, rows, config.train),
        PlannedStage(
            "exam",
            questions,
            questions * tokens,
            2 * questions * tokens + 2 * compared + retention,
        ),
    ]


PLAN = Plan(plan_work)
