"""The work of a run of `documents`, before it starts."""

from __future__ import annotations

from selfteach.config import DocumentsConfig as Settings
from selfteach.materials.documents.material import Documents
from selfteach.methods.documents.describe_size import describe_size
from selfteach.methods.documents.read_documents import count_sentences
from selfteach.methods.plan_parts import (
    CHARS_PER_TOKEN,
    EXAM_ARMS,
    TRAIN_SHARE,
    Plan,
    plan_anchors,
    plan_training,
)
from selfteach.run.workload import PlannedStage

ASKED_PER_QUESTION = 2
"""Requests for one usable question, with the one that asks back for its answer."""
QUESTION_TOKENS = 14
LABEL_TOKENS = 8
"""Tokens of a question, and of an answer to it."""
ROW_TOKENS = 22
"""Trained answer tokens of a row of study data with its whole answer."""
FILLED_SHARE = 0.7
"""The rows that a sentence gives, as a share of `study.per_sentence`."""
STUDY_READ_TOKENS = 60
"""Tokens that are read to choose the forms of a row."""
STRATEGIES_PER_CHUNK = 2
STRATEGY_TOKENS = 32
NOTES_TOKENS = 160
"""Limits of a study strategy, and of what is written by it."""
MIN_ANCHOR_PROMPTS = 600
MAX_ANCHOR_PROMPTS = 4000
"""Bounds on the general prompts that a run writes, where the settings leave the number open."""


def plan_work(material: Documents, config: Settings) -> list[PlannedStage]:
    """Return the stages of a run."""
    sentences = count_sentences(material)
    chars = sum(len(document.text) for document in material.reading.documents)
    chunks = max(1, round(chars / CHARS_PER_TOKEN / config.read.chunk_tokens))
    exam_rounds = 0 if material.questions else config.questions.exam_rounds
    rounds = config.questions.rounds + exam_rounds
    asked = min(ASKED_PER_QUESTION * config.questions.per_chunk * chunks, rounds * sentences)
    trusted = asked // ASKED_PER_QUESTION
    answers = trusted * (1 + 2 * config.select.samples)
    general = count_anchor_prompts(sentences, config)
    study = config.stages.study
    rows = int(FILLED_SHARE * sentences * config.study.per_sentence) if study else 0
    rewrites = trusted if study and config.study.rewritten else 0
    studied = STRATEGIES_PER_CHUNK * chunks if study and config.study.strategies else 0
    written = rewrites * ROW_TOKENS + studied * (STRATEGY_TOKENS + NOTES_TOKENS) // 2
    anchors = int(TRAIN_SHARE * general)
    learned = int(rows * estimate_row_tokens(config)) + anchors * config.anchors.anchor_tokens
    held_out = len(material.questions) or int(config.questions.held_out * trusted)
    questions = min(config.exam.questions, max(held_out, 1)) + config.exam.general
    arms = (EXAM_ARMS - 1) * questions
    tokens = config.exam.max_tokens // 2
    read = config.exam.common * EXAM_ARMS * STUDY_READ_TOKENS
    return [
        PlannedStage("load"),
        PlannedStage("read"),
        PlannedStage("questions", asked, asked * QUESTION_TOKENS, by_teacher=True),
        PlannedStage(
            "answers",
            answers,
            answers * LABEL_TOKENS,
            answers * STUDY_READ_TOKENS,
            by_teacher=True,
        ),
        plan_anchors(general, config.anchors.anchor_tokens),
        PlannedStage(
            "study",
            rewrites + 2 * studied,
            written,
            rows * STUDY_READ_TOKENS,
            by_teacher=True,
        ),
        PlannedStage("exam of the base", arms, arms * tokens, read),
        plan_training("train documents", learned, rows + anchors, config.train),
        PlannedStage("open"),
        PlannedStage("exam", questions, questions * tokens, read),
        PlannedStage("knowledge map", scored_tokens=2 * trusted * STUDY_READ_TOKENS),
    ]


def estimate_row_tokens(config: Settings) -> float:
    """Return the mean trained tokens of a row: a part of the rows keeps its whole answer."""
    rows = FILLED_SHARE * config.study.per_sentence
    whole = min(config.study.whole_rows / rows, 1.0)
    return whole * ROW_TOKENS + (1 - whole) * min(config.study.first_tokens, ROW_TOKENS)


def count_anchor_prompts(sentences: int, config: Settings) -> int:
    """Return how many general prompts to write.

    The anchors have at least a share s of every epoch, beside n rows of study data. They are
    repeated within an epoch unless there are n s / (1 - s) of them. 480 anchors beside 12,000 rows
    held nothing (docs/log/).
    """
    if config.anchors.general is not None:
        return config.anchors.general
    rows = sentences * config.study.per_sentence if config.stages.study else 0
    least = config.train.min_share.get("general", 0.0)
    anchors = rows * least / (1 - least) if least < 1 else rows
    return max(MIN_ANCHOR_PROMPTS, min(MAX_ANCHOR_PROMPTS, round(anchors / TRAIN_SHARE)))


PLAN = Plan(plan_work, describe=describe_size)
