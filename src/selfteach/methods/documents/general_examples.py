"""Step 5 of documents: prompts about anything else, with the base's own answers, which hold it in
place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS
from selfteach.generate.few_shot import FACTS, REQUESTS
from selfteach.generate.subject import Subject
from selfteach.materials.documents.chunk import Chunk
from selfteach.methods.anchors import make_anchors
from selfteach.methods.documents.amounts import count_anchor_prompts
from selfteach.methods.documents.held_out_questions import HeldOutQuestion
from selfteach.methods.plan_parts import TRAIN_SHARE
from selfteach.methods.session import Session
from selfteach.methods.write_prompts import make_novelty_check, write_scope_prompts
from selfteach.records import GREEDY, Example, SamplingParams, digest, get_user_text, make_prompt

ID_WORDS = {"general": "replay", "own": "own"}
"""The word in the id of an anchor, by its kind."""


def count_anchors(session: Session, chunks: Sequence[Chunk]) -> int:
    """Return how many general prompts to write beside the study data of these chunks."""
    sentences = sum(len(chunk.find_informative_sentences()) for chunk in chunks)
    return count_anchor_prompts(sentences, session.config)


def make_general_examples(
    session: Session, questions: Sequence[HeldOutQuestion], count: int
) -> dict[str, list[Example]]:
    """Return general prompts that the base writes, with its own answers.

    `train`: four fifths of them, each with the beginning of the base's answer. `test`: the rest,
    for the exam. `own`: where a stage needs them, whole answers to the prompts of `train`, sampled
    at T = 1.

    Nearly half of the prompts are plain questions of fact. They look like the questions of the
    documents but are about something else. No prompt is like a question of the exam, common
    questions included.

    Args:
        count: how many prompts to write.
    """
    config = session.config.anchors
    stages = session.config.stages
    max_overlap = session.config.questions.max_overlap
    asked = [text for q in questions for text in q.list_wordings()]
    pool = OverlapIndex([*asked, *(text for text, _ in COMMON_QUESTIONS)])
    find_fault = make_novelty_check(pool, max_overlap)
    written = write_scope_prompts(
        session, Subject(""), "general", count, range(config.rounds), find_fault, REQUESTS | FACTS
    )
    texts = [prompt.text for prompt in written]
    shuffled = sorted(texts, key=lambda text: digest([session.config.seed, text]))
    train = shuffled[: round(TRAIN_SHARE * len(texts))]
    learned = set(train)
    beginnings = replace(GREEDY, max_tokens=config.anchor_tokens)
    found = {
        "train": keep_base_answers(session, train, "anchors", "general", beginnings),
        "test": make_test_prompts(session, [text for text in texts if text not in learned]),
        "own": [],
    }
    if stages.general or stages.healing:
        whole = SamplingParams(1.0, 1.0, stages.general_tokens)
        found["own"] = keep_base_answers(session, train, "base answers", "own", whole)
    return found


def make_test_prompts(session: Session, prompts: Sequence[str]) -> list[Example]:
    """Return the general prompts of the exam; drop those beyond `exam.general`."""
    count = session.config.exam.general
    examples = [
        Example(digest([ID_WORDS["general"], text]), "general", make_prompt(text), "")
        for text in prompts
    ]
    with session.run.ledger.open_funnel("anchors") as funnel:
        for example in examples[count:]:
            body = {"prompt": get_user_text(example.prompt)}
            funnel.decide(example.id, "held out, more than exam.general", body)
    return examples[:count]


def keep_base_answers(
    session: Session, prompts: Sequence[str], stage: str, kind: str, sampling: SamplingParams
) -> list[Example]:
    """Return the base's own answers as examples of a kind; drop empty ones."""
    return make_anchors(
        session,
        [make_prompt(text) for text in prompts],
        sampling,
        lambda prompt, answer: digest([ID_WORDS[kind], get_user_text(prompt)]),
        kind=kind,
        stage=stage,
    )
