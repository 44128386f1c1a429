"""The work of a run of `corrections`, before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfteach.config import CorrectionsConfig as Settings
from selfteach.materials.corrections import Corrections
from selfteach.methods.corrections.amounts import count_anchor_lengths, count_similar_prompts
from selfteach.methods.corrections.find_checks import find_checks
from selfteach.methods.learn_mistakes import OWN_MISTAKES_STAGE
from selfteach.methods.plan_parts import (
    CHARS_PER_TOKEN,
    EXAM_ARMS,
    Plan,
    count_asked,
    go_on,
    join_trainings,
    plan_general_prompts,
    plan_own_answers,
    plan_training,
)
from selfteach.run.workload import PlannedStage

DEFAULT_TOKENS = 96
"""Tokens of an answer where neither the settings nor the file say more."""
ANSWER_SHARE = 0.6
"""The mean length of an answer, as a share of the longest that is allowed."""
PROMPT_TOKENS = 11
"""Tokens of a prompt like the criticized ones."""
REVISIONS = 3
"""Requests for the revision of one criticized answer."""
OWN_MISTAKE_SHARE = 0.1
"""The share of a tuned model's own answers to which the criticism applies still."""


def plan_work(material: Corrections, config: Settings) -> list[PlannedStage]:
    """Return the stages of a run; a person's own time is not counted."""
    edits = [edit for edit in material.edits if edit.correction]
    criticisms = material.group_by_feedback(config.check)
    groups = len(criticisms)
    similar_each = count_similar_prompts(config.criticism.similar, groups)
    similar = groups * similar_each
    length = measure_length(material, config)
    train = config.correct.train_share
    test = max(1 - train - config.correct.dev_share, 0)
    answered = int((len(material.prompts) + similar) * train) * config.correct.samples
    corrected = answered * (REVISIONS if groups or config.teacher else 0)
    missing = sum(not edit.answer for edit in edits)
    found = len({edit.prompt for edit in edits}) + len(material.prompts) + similar
    questions = min(config.exam.prompts, max(round(found * test), 1))
    general = min(config.exam.general, config.anchors.general)
    arms = (EXAM_ARMS - 1) * (questions + general)
    rows = int(len(edits) * train) + answered
    anchors = config.anchors.general
    anchor_tokens = config.anchors.anchor_tokens * count_anchor_lengths(groups)
    tokens = rows * length + anchors * anchor_tokens
    learned = rows + anchors
    alike = count_asked(similar)
    asked = plan_general_prompts("split", anchors)
    stages = [
        PlannedStage("load"),
        PlannedStage("read"),
        *([PlannedStage("review")] if config.review else []),
        replace(
            asked,
            requests=asked.requests + alike,
            sampled_tokens=asked.sampled_tokens + alike * PROMPT_TOKENS,
        ),
        PlannedStage(
            "correct",
            answered + corrected + missing,
            (answered + corrected + missing) * length,
            by_teacher=True,
        ),
        plan_own_answers("anchors", anchors, anchor_tokens),
        PlannedStage("exam of the base", arms, arms * length, arms * length),
        plan_training("train", tokens, learned, config.train),
    ]
    for number in range(2, config.rounds + 1):
        again = plan_training(f"train {number}", tokens * number, learned * number, config.train)
        stages += [
            PlannedStage(
                f"correct, round {number}",
                answered + corrected,
                (answered + corrected) * length,
                by_teacher=True,
            ),
            again,
        ]
    if not config.teacher:
        checked = sum(bool(find_checks(own[0].feedback, own, config.check)) for own in criticisms)
        prompts = int(checked * similar_each * train)
        stages += plan_own_mistakes(prompts, length, tokens, learned, config)
    last = questions + general
    exam = PlannedStage("exam", last, last * length, 2 * last * length)
    stages.append(exam)
    if config.exam.longer:
        trainings = [stage for stage in stages if stage.name.split()[0] == "train"]
        stages.append(plan_longer_training(exam, trainings, config.exam.longer))
    return stages


def plan_own_mistakes(
    prompts: int, length: int, tokens: int, rows: int, config: Settings
) -> list[PlannedStage]:
    """Return the stages in which the tuned model's own answers are corrected, and it is trained
    again, if they are.

    Args:
        prompts: those to learn from that are like criticized ones.
        length: the mean tokens of an answer.
        tokens, rows: those of an epoch of the first training.
    """
    drawn = prompts * config.criticism.own_samples
    if not drawn or config.train.adapter == "closed_form":
        return []
    mistakes = int(OWN_MISTAKE_SHARE * drawn)
    asked = drawn + REVISIONS * mistakes
    again = plan_training("train 2", tokens + mistakes * length, rows + mistakes, config.train)
    return [
        PlannedStage(OWN_MISTAKES_STAGE, asked, asked * length),
        go_on(again, config.train),
    ]


def plan_longer_training(
    exam: PlannedStage, trainings: Sequence[PlannedStage], longer: int
) -> PlannedStage:
    """Return the stage of the longer training, with its exam.

    Args:
        longer: how many times the steps of the last training and those that it goes on from.
    """
    whole = join_trainings(trainings)
    return replace(
        exam,
        name="exam of a longer training",
        trained_tokens=longer * whole.trained_tokens,
        trained_rows=longer * whole.trained_rows,
    )


def measure_length(material: Corrections, config: Settings) -> int:
    """Return the mean tokens of an answer: of the file's, else of the longest that is allowed."""
    texts = [edit.correction or edit.answer or "" for edit in material.edits]
    texts = [text for text in texts if text]
    if texts:
        return max(sum(map(len, texts)) // (CHARS_PER_TOKEN * len(texts)), 1)
    return int(ANSWER_SHARE * (config.correct.max_tokens or DEFAULT_TOKENS))


PLAN = Plan(plan_work)
