"""Steps 3 and 4 of corrections: what a revision teaches, and what holds the rest in place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from selfteach.evaluate.corrections import find_errors
from selfteach.generate.correct import (
    Correctable,
    Corrector,
    Revision,
    Turns,
    edit_distance,
    find_common_start,
    split_pieces,
)
from selfteach.methods.corrections.answers import EMPTY_ANSWER, Batch, FileRow, to_answered
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.methods.session import Session
from selfteach.records import (
    GREEDY,
    Example,
    Message,
    Request,
    digest,
    get_user_text,
    prompt_to_json,
)
from selfteach.run.ledger import Outcome

CORRECTED_KINDS = ("correction", "criticised")
"""The kinds of examples whose chosen answer is a correction."""
FROM_FILE = "file"
"""The strategy of a correction that a person wrote."""
MAX_EDIT_DISTANCE = 0.3
"""Up to this distance what a criticism asked for is an edit like any other; a new end, or another
answer, is learned as a rule's.
"""
EXTRA_WORDS = 6
"""Words of a criticised answer beyond the length of its revision that the revision is preferred to.
"""


@dataclass
class CorrectionExamples:
    """What is learned: examples, and the pairs (answer, correction) behind them."""

    examples: list[Example] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def __iadd__(self, other: CorrectionExamples) -> CorrectionExamples:
        known = {e.id for e in self.examples}
        self.examples += [e for e in other.examples if e.id not in known]
        self.pairs += other.pairs
        return self

    def worked(self) -> list[tuple[Turns, str]]:
        """Return (prompt, correction) of every example whose answer was changed."""
        return [(e.turns, e.chosen) for e in self.examples if e.kind in CORRECTED_KINDS]


def make_examples_from_file(
    session: Session, rows: Sequence[FileRow], parts: CorrectionParts
) -> CorrectionExamples:
    """Return what the corrections and approvals of the file teach, as far as their prompts are for
    training (step 3).
    """
    train = set(parts.own["train"])
    stage = "lessons of the file"
    session.run.ledger.register(stage, (row.edit.where for row in rows))
    found = CorrectionExamples()
    fates = []
    for row in rows:
        edit = row.edit
        revision = Revision(row.answered, row.correction, strategy=FROM_FILE)
        fault = "kept for the exam"
        if edit.prompt in train:
            fault = why_not_learnable(session, revision)
        fates.append(Outcome(edit.where, "dropped" if fault else "accepted", fault, edit.to_json()))
        if not fault:
            found += make_examples(revision, edit.where, 1)
    session.run.ledger.finish_stage(stage, fates)
    return found


def make_examples_from_answers(session: Session, batches: Sequence[Batch]) -> CorrectionExamples:
    """Return what answers of the student teach after their correction (step 3)."""
    found = CorrectionExamples()
    for batch in batches:
        found += make_corrected_examples(session, batch)
    return found


def make_corrected_examples(session: Session, batch: Batch) -> CorrectionExamples:
    """Return what the answers of a batch teach after their correction. Those that got none are
    dropped with the reason.
    """
    session.display.start_stage("correct", len(batch.answers))
    session.run.ledger.register(batch.stage, (a.id for a in batch.answers))
    found = CorrectionExamples()
    fates = []
    revisions = batch.correct(batch.answers)  # a criticism's is of the answer with its criticism
    for answered, revision in zip(batch.answers, revisions, strict=True):
        session.display.advance()
        fault = revision.fault or why_not_learnable(session, revision)
        if not fault:
            fates.append(Outcome(answered.id, "accepted"))
            found += make_examples(revision, batch.source, batch.turn)
            continue
        body = {"prompt": get_user_text(answered.prompt), "answer": answered.answer}
        body["last"] = revision.text
        fates.append(Outcome(answered.id, "dropped", fault, body))
    session.run.ledger.finish_stage(batch.stage, fates)
    return found


def why_not_learnable(session: Session, revision: Revision) -> str:
    """Return why nothing can be learned from a revision, or an empty text."""
    if not revision.asked.answer.strip():
        return EMPTY_ANSWER
    answer = session.model.encode_answer(revision.asked.answer)
    text = session.model.encode_answer(revision.text)
    return "changes no token" if answer == text and not revision.unchanged else ""


def make_examples(revision: Revision, source: str, round_number: int) -> CorrectionExamples:
    """Return an example from a revision: the correction against the answer; or the answer itself,
    where it may stay.
    """
    a = revision.asked
    cut = ["chosen"] * revision.cut + ["rejected"] * (a.cut and not revision.unchanged)
    origin: dict[str, Any] = {
        "from": source,
        "strategy": revision.strategy,
        "round": round_number,
        "cut": cut,
    }
    if a.feedback:
        origin["teacher_prompt"] = prompt_to_json(add_criticism(a.prompt, a.feedback))
    id = digest([a.id, revision.text])
    if revision.unchanged:
        return CorrectionExamples([Example(id, "kept", a.prompt, a.answer, None, {}, origin)])
    scores = {"distance": edit_distance(a.answer, revision.text), "tries": float(revision.tries)}
    pairs = [(a.answer, revision.text)]
    small = revision.distance <= MAX_EDIT_DISTANCE and not a.answer.startswith(revision.text)
    if not a.feedback or small or revision.strategy == FROM_FILE:
        return CorrectionExamples(
            [Example(id, "correction", a.prompt, revision.text, a.answer, scores, origin)], pairs
        )
    rejected = take_words(a.answer, len(revision.text.split()) + EXTRA_WORDS)
    origin["cut"] = ["chosen"] * revision.cut + ["rejected"] * (a.cut or rejected != a.answer)
    return CorrectionExamples(
        [Example(id, "criticised", a.prompt, revision.text, rejected, scores, origin)]
    )  # what went is no error by itself


def add_criticism(prompt: Turns, feedback: str) -> Turns:
    """Return the prompt with the criticism among the system's words, which is what a teacher of
    `distill` sees.
    """
    system = [turn.content for turn in prompt if turn.role == "system"]
    return (
        Message("system", "\n".join([*system, feedback])),
        *(turn for turn in prompt if turn.role != "system"),
    )


def take_words(text: str, words: int) -> str:
    """Return the first words of a text."""
    found = list(re.finditer(r"\S+", text))
    return text if len(found) <= words else text[: found[words - 1].end()]


def make_anchors(
    session: Session, parts: CorrectionParts, teacher: Corrector | None, lessons: CorrectionExamples
) -> list[Example]:
    """Return the beginnings of the base's own answers to general prompts, without those that the
    teacher would correct (step 4).
    """
    asked = begin_answers(session, parts)
    session.run.ledger.register("anchor", (a.id for a in asked))
    right = find_accepted_starts([a for a in asked if a.answer.strip()], teacher, lessons)
    found = []
    fates = []
    for a in asked:
        text = right.get(a.id, "")
        body = {"prompt": get_user_text(a.prompt), "answer": a.answer}
        if not text:
            reason = "the teacher would correct it" if a.answer.strip() else EMPTY_ANSWER
            fates.append(Outcome(a.id, "dropped", reason, body))
            continue
        fates.append(Outcome(a.id, "accepted", "", body))
        cut = ["chosen"] if a.cut or text != a.answer else []
        source = {"scope": "general", "cut": cut}
        found.append(Example(a.id, "general", a.prompt, text, None, {}, source))
    session.run.ledger.finish_stage("anchor", fates)
    return found


def begin_answers(session: Session, parts: CorrectionParts) -> list[Correctable]:
    """Return the beginnings of the base's own answers to general prompts.

    They are twice as long where there is a criticism: "too long" teaches where to stop, and an
    anchor that ends in its first sentence does not say where not to.
    """
    prompts = parts.general["train"]
    tokens = session.config.anchors.anchor_tokens * (2 if parts.criticised else 1)
    sampling = replace(GREEDY, max_tokens=tokens)
    session.display.start_stage("keep", len(prompts))
    requests = [Request("keep", prompt, sampling, 0, session.config.seed) for prompt in prompts]
    return to_answered(prompts, session.base.sample(requests, session.display.advance))


def find_accepted_starts(
    asked: Sequence[Correctable], teacher: Corrector | None, lessons: CorrectionExamples
) -> dict[str, str]:
    """Return of each answer all words before the first that the teacher would change, "" where
    that is none.

    Without a living teacher an answer counts wholly, or not at all where it makes an error which
    the corrections took out.
    """
    if teacher:
        return {
            r.asked.id: find_common_start(r.asked.answer, r.text) for r in teacher.correct(asked)
        }
    known = find_errors(lessons.pairs)
    return {a.id: "" if known & set(split_pieces(a.answer)) else a.answer for a in asked}
