"""How much `documents` asks for: its steps and their plan go by the same amounts."""

from __future__ import annotations

from selfteach.config import DocumentsConfig as Settings
from selfteach.methods.plan_parts import TRAIN_SHARE

PER_CHUNK = 4
"""Questions of its own that the exam asks about a chunk, on average."""
MIN_QUESTIONS = 20
"""Questions of its own that the exam asks about few chunks, if there are so many."""
SPARE = 3
"""Clauses with a question word that are read for each question that is missing."""
MIN_ANCHOR_PROMPTS = 600
MAX_ANCHOR_PROMPTS = 4000
"""Bounds on the general prompts that a run writes, where the settings leave the number open."""


def count_wanted(facts: int, chunks: int, config: Settings) -> int:
    """Return how many facts the exam asks for where people bring no questions."""
    return min(
        config.exam.questions,
        max(MIN_QUESTIONS, PER_CHUNK * chunks),
        int(config.questions.held_out * facts),
    )


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
