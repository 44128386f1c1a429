"""The work of a run of `documents`, before it starts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from selfteach.config import DocumentsConfig as Settings
from selfteach.evaluate.common_knowledge import CALIBRATION_QUESTIONS
from selfteach.generate.questions import OVERSAMPLING, list_answer_spans
from selfteach.materials.documents.chunk import Chunk, split_chunks
from selfteach.materials.documents.listed import count_words
from selfteach.materials.documents.material import Documents
from selfteach.methods.documents.amounts import SPARE, count_anchor_prompts, count_wanted
from selfteach.methods.documents.describe_size import describe_size
from selfteach.methods.documents.read_documents import count_sentences
from selfteach.methods.plan_parts import (
    CHARS_PER_TOKEN,
    TRAIN_SHARE,
    Plan,
    plan_anchors,
    plan_training,
)
from selfteach.run.workload import PlannedStage

USABLE_SHARE = 0.38
"""The share of the first requests for a question that give a usable one: of the embedded model, on
twenty passages, as all shares here.
"""
ANSWERED_WORDS = 6.5
"""The share of the usable questions to which the model finds the expected answer, times the mean
words of a sentence: two in three of 10 words, one in four of 26.
"""
TEACHER_SHARE = 0.9
"""Both shares of a teacher: an assumption, because no run with one was counted."""
WORDINGS = 8
"""Usable questions that many requests give for each answer that a sentence offers."""
NEW_SHARE = 0.85
"""The share of the written questions whose answer is asked back; the others are repeated."""
READ_SHARE = 0.8
"""Wordings that are read for the exam, as a share of the usable questions."""
CLEAR_SHARE = 0.6
"""Facts for which a question is clear, as a share of the trusted questions."""
CLEAR_TRUSTED = 0.8
"""The share of the trusted questions that ask for such a fact."""
READINGS = 2
"""Answers to a wording that decide whether it is clear."""
QUESTION_TOKENS = 14
LABEL_TOKENS = 8
"""Tokens of a question, and of an answer to it."""
COMPARED_TOKENS = 90
"""Tokens that are read to compare two answers, the worked examples only once."""
ROW_TOKENS = 22
"""Trained answer tokens of a row of study data with its whole answer."""
FILLED_SHARE = 0.95
"""The rows that a sentence gives, as a share of `study.per_sentence`."""
LABEL_READ_TOKENS = 60
"""Tokens that are read for a label, with or without the document."""
PASSAGE_READS = 4
"""How often the passage of a question is read to compare answers to it."""


@dataclass(frozen=True)
class ExpectedQuestions:
    """Hold what the questions about the documents come to.

    Attributes:
        requests: for questions, for the answers that check them, and for those of the exam.
        held_out: questions of the exam.
        trusted: those that are left to learn from, each with the answer that was expected.
    """

    requests: int
    held_out: int
    trusted: int


def plan_work(material: Documents, config: Settings) -> list[PlannedStage]:
    """Return the stages of a run."""
    sentences = count_sentences(material)
    chunks = cut_roughly(material, config)
    expected = expect_questions(chunks, len(material.questions), config)
    trusted = expected.trusted
    answers = trusted * (1 + 2 * config.select.samples)
    general = count_anchor_prompts(sentences, config)
    study = config.stages.study
    rows = int(FILLED_SHARE * sentences * config.study.per_sentence) if study else 0
    anchors = int(TRAIN_SHARE * general)
    learned = int(rows * estimate_row_tokens(config)) + anchors * config.anchors.anchor_tokens
    asked = expected.held_out
    others = min(config.exam.general, general - anchors) + config.exam.common
    base = 4 * asked + others  # greedy, two samples, open book
    tuned = 2 * asked + others
    tokens = config.exam.max_tokens // 2
    chars = sum(len(chunk.text) for chunk in chunks)
    passage_tokens = chars // CHARS_PER_TOKEN // max(len(chunks), 1)
    answers_with_passage = trusted * (1 + config.select.samples)
    own = anchors if config.stages.general or config.stages.healing else 0
    return [
        PlannedStage("load"),
        PlannedStage("read"),
        PlannedStage(
            "questions",
            expected.requests,
            expected.requests * QUESTION_TOKENS,
            prompt_tokens=expected.requests * passage_tokens,
            by_teacher=True,
        ),
        PlannedStage(
            "answers",
            answers,
            answers * LABEL_TOKENS,
            prompt_tokens=answers_with_passage * passage_tokens,
            by_teacher=True,
        ),
        *plan_calibration(trusted, config),
        plan_anchors(general, config.anchors.anchor_tokens, own, config.stages.general_tokens),
        PlannedStage("study"),
        PlannedStage("exam of the base", base, base * tokens, prompt_tokens=asked * passage_tokens),
        *plan_stage_trainings(learned, rows + anchors, own, trusted, config),
        PlannedStage("open"),
        PlannedStage(
            "exam",
            tuned,
            tuned * tokens,
            prompt_tokens=PASSAGE_READS * asked * passage_tokens,
        ),
        PlannedStage("knowledge map", 2 * trusted, 2 * trusted * tokens),
    ]


def plan_stage_trainings(
    tokens: int, rows: int, own: int, trusted: int, config: Settings
) -> list[PlannedStage]:
    """Return the trainings in order (`plan_stages`).

    Args:
        tokens, rows: of the study data and the anchors.
        own: whole answers of the base, for the other trainings.
        trusted: questions whose answers may be learned.
    """
    length = config.stages.general_tokens
    trainings = [plan_training("train documents", tokens, rows, config.train)]
    if config.stages.general:
        reading = min(own // 2, trusted)
        mixed = 2 * reading or own
        learned = mixed * length + reading * LABEL_TOKENS
        trainings.insert(0, plan_training("train general", learned, mixed + reading, config.train))
    if config.stages.healing:
        trainings.append(plan_training("train healing", own * length, own, config.train))
    return trainings


def cut_roughly(material: Documents, config: Settings) -> list[Chunk]:
    """Return the pieces of the documents about as the model's tokens would cut them."""
    return [
        chunk
        for document in material.reading.documents
        for chunk in split_chunks(
            document, lambda text: len(text) // CHARS_PER_TOKEN, config.read.chunk_tokens
        )
    ]


def expect_questions(chunks: Sequence[Chunk], people: int, config: Settings) -> ExpectedQuestions:
    """Return what the requests for questions come to, in the rounds in which they are sent.

    Args:
        people: how many questions people brought for the exam.
    """
    settings = config.questions
    share = TEACHER_SHARE if config.teacher else USABLE_SHARE
    rounds = settings.rounds + (0 if people else settings.exam_rounds)
    offers = [len(list_answer_spans(chunk)) for chunk in chunks]
    expected = [
        expect_usable(count, rounds, settings.per_chunk, share) for count in offers if count
    ]
    asked = sum(requests for requests, _ in expected)
    usable = sum(kept for _, kept in expected)
    requests = asked + round(NEW_SHARE * asked)
    trusted = expect_trusted_share(chunks, config) * usable
    if people:
        return ExpectedQuestions(requests, min(people, config.exam.questions), round(trusted))
    facts = sum(offers)
    wanted = count_wanted(facts, len(chunks), config)
    clear = CLEAR_SHARE * trusted
    missing = max(wanted - clear, 0.0)
    read = READ_SHARE * usable + min(SPARE * missing, max(facts - clear, 0.0))
    aside = CLEAR_TRUSTED * min(wanted / clear, 1.0) if clear else 0.0
    requests += READINGS * round(read)
    return ExpectedQuestions(requests, max(wanted, 1), round(trusted * (1 - aside)))


def expect_trusted_share(chunks: Sequence[Chunk], config: Settings) -> float:
    """Return to which share of the usable questions the model finds the expected answer: a small
    model loses itself in long sentences.
    """
    if config.teacher:
        return TEACHER_SHARE
    texts = [chunk.words(i) for chunk in chunks for i in chunk.find_informative_sentences()]
    words = sum(map(count_words, texts)) / max(len(texts), 1)
    return min(ANSWERED_WORDS / max(words, 1.0), TEACHER_SHARE)


def expect_usable(spans: int, rounds: int, per_chunk: int, share: float) -> tuple[int, float]:
    """Return how many questions are asked about a chunk, and how many of them are usable.

    Each round asks for OVERSAMPLING times as many as are missing. The more an answer was asked for,
    the more often a question repeats another one.

    Args:
        spans: the answers that its sentences offer.
        share: of the first requests that give a usable question.
    """
    most = WORDINGS * spans
    asked, kept = 0, 0.0
    for _ in range(rounds):
        missing = round(per_chunk - kept)
        if missing > 0:
            asked += int(OVERSAMPLING * missing) + 1
            kept = min(most * (1 - math.exp(-share * asked / most)), per_chunk)
    return asked, kept


def plan_calibration(trusted: int, config: Settings) -> list[PlannedStage]:
    """Return the stage that calibrates the judges of knowledge, where there is one.

    The base answers common questions. Two judges read: one compares each sample with the label, the
    other one reads the label with and without the document.
    """
    common = min(config.select.calibrate, len(CALIBRATION_QUESTIONS))
    if not common:
        return []
    samples = 2 * config.select.samples
    requests = common * (1 + samples)
    judged = common + min(trusted, config.select.calibrate)
    read = judged * (samples * COMPARED_TOKENS + 2 * LABEL_READ_TOKENS)
    return [PlannedStage("calibrate", requests, requests * LABEL_TOKENS, read)]


def estimate_row_tokens(config: Settings) -> float:
    """Return the mean trained tokens of a row: a part of the rows keeps its whole answer."""
    rows = FILLED_SHARE * config.study.per_sentence
    whole = min(config.study.whole_rows / rows, 1.0)
    return whole * ROW_TOKENS + (1 - whole) * min(config.study.first_tokens, ROW_TOKENS)


PLAN = Plan(plan_work, describe=describe_size)
