"""Steps 6 and 7 of corrections: make examples from revisions, and anchors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from selfteach.dedup.overlap import split_written_words, take_written_words
from selfteach.evaluate.corrections import find_errors
from selfteach.generate.correct import (
    NO_CORRECTION,
    Correctable,
    Corrector,
    Revision,
    edit_distance,
    find_common_start,
    split_edit_units,
)
from selfteach.judge.contrast import to_messages
from selfteach.methods.anchors import OwnAnswer, make_anchors
from selfteach.methods.corrections.amounts import count_anchor_lengths
from selfteach.methods.corrections.sample_and_correct import EMPTY_ANSWER, Batch, FileRow
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.methods.learn_mistakes import OWN_MISTAKE
from selfteach.methods.session import Session
from selfteach.records import (
    GREEDY,
    Example,
    JsonObject,
    Message,
    Turns,
    digest,
    get_user_text,
    prompt_to_json,
)

LATER_CORRECTION = "later_correction"
"""The kind of a correction of an answer that a tuned model gave. The text around its edits shows
what earlier rounds taught, so the base holds nothing there.
"""
SMALL_KINDS = ("correction", LATER_CORRECTION)
REWRITTEN = "rewritten"
"""The kind of a correction that changes most of the answer, or ends it early."""
CORRECTED_KINDS = (*SMALL_KINDS, "criticised", REWRITTEN, OWN_MISTAKE)
"""The kinds of examples whose chosen answer is a correction."""
ALREADY_LEARNED = "the tuned model answers so already"
"""Why an answer that needs no correction is no example of a later round: held to the base there,
the model would forget the earlier rounds (docs/log/2026-11-corrections.md).
"""
FROM_FILE = "file"
"""The strategy of a correction that a person wrote."""
MAX_EDIT_DISTANCE = 0.3
"""The greatest distance of a revision that is learned as a correction. A new end, or another
answer, is learned like an example of a rule.
"""
MAX_SHORT_WORDS = 12
"""An answer of so few words is learned as a correction however much of it a person, a program or a
model changes: each of its words may be an edit.
"""
WOULD_CORRECT = "the teacher would correct it"
EXTRA_WORDS = 6
"""The rejected answer is the corrected one, cut to the length of its revision plus these words."""


def drop_repeats(examples: Iterable[Example]) -> list[Example]:
    """Return the examples, each of them once."""
    found: dict[str, Example] = {}
    for example in examples:
        found.setdefault(example.id, example)
    return list(found.values())


def list_edits(examples: Sequence[Example]) -> list[tuple[str, str]]:
    """Return (answer, correction) of every small correction. What a criticism cuts off is no
    error.
    """
    return [(e.rejected or "", e.chosen) for e in examples if e.kind in SMALL_KINDS]


def list_corrected(examples: Sequence[Example]) -> list[tuple[Turns, str]]:
    """Return (prompt, correction) of every example whose answer was changed."""
    return [(e.turns, e.chosen) for e in examples if e.kind in CORRECTED_KINDS]


def make_examples_from_file(
    session: Session, rows: Sequence[FileRow], parts: CorrectionParts
) -> list[Example]:
    """Return the examples of the corrections and approvals of the file whose prompts are for
    training (step 6).
    """
    train = set(parts.own["train"])
    found = []
    ids = [row.edit.where for row in rows]
    with session.run.ledger.open_funnel("examples from the file", ids) as funnel:
        for row in rows:
            edit = row.edit
            revision = Revision(row.answered, row.correction, strategy=FROM_FILE)
            fault = "held out for the exam"
            if edit.prompt in train:
                fault = why_not_learnable(session, revision)
            funnel.decide(edit.where, fault, edit.to_json())
            if not fault:
                found.append(make_example(revision, edit.where, 1))
    return found


def make_examples_from_answers(session: Session, batches: Sequence[Batch]) -> list[Example]:
    """Return the examples of corrected answers; drop answers without a correction (step 6)."""
    found = []
    for batch in batches:
        session.display.start_stage("correct", len(batch.answers))
        ids = [answered.id for answered in batch.answers]
        with session.run.ledger.open_funnel(batch.stage, ids) as funnel:
            revisions = batch.correct(batch.answers, session.display.advance)
            # The revisions of a criticism are of answers with the criticism, which have other ids.
            for answered, revision in zip(batch.answers, revisions, strict=True):
                fault = revision.fault or why_not_learnable(session, revision)
                if not fault and revision.unchanged and batch.round_number > 1:
                    fault = ALREADY_LEARNED
                body = {"prompt": get_user_text(answered.prompt), "answer": answered.answer}
                body["last"] = revision.text
                lost = fault == NO_CORRECTION
                funnel.decide(answered.id, fault, body if fault else None, failed=lost)
                if not fault:
                    made = make_example(revision, batch.source, batch.round_number, batch.kind)
                    found.append(made)
    return found


def why_not_learnable(session: Session, revision: Revision) -> str:
    """Return why nothing can be learned from a revision, or ""."""
    if not revision.asked.answer.strip():
        return EMPTY_ANSWER
    answer = session.model.encode_answer(revision.asked.answer)
    text = session.model.encode_answer(revision.text)
    return "changes no token" if answer == text and not revision.unchanged else ""


def make_example(revision: Revision, source: str, round_number: int, kind: str = "") -> Example:
    """Return an example from a revision: the correction against the answer, or against its first
    words where most of it is changed; or the answer itself, where nothing is.

    Args:
        kind: of a corrected answer; "" is decided by how much of it is changed.
    """
    a = revision.asked
    origin: JsonObject = {
        "from": source,
        "strategy": revision.strategy,
        "round": round_number,
        "cut": ["chosen"] * revision.cut + ["rejected"] * (a.cut and not revision.unchanged),
    }
    if a.feedback:
        origin["teacher_prompt"] = prompt_to_json(add_criticism(a.prompt, a.feedback))
    id = digest([a.id, revision.text])
    if revision.unchanged:
        return Example(id, "kept", a.prompt, a.answer, source=origin)
    scores = {"distance": edit_distance(a.answer, revision.text), "tries": float(revision.tries)}
    by_criticism = bool(a.feedback) and revision.strategy != FROM_FILE
    if kind:
        return Example(id, kind, a.prompt, revision.text, a.answer, scores, origin)
    if is_edit(revision, by_criticism=by_criticism):
        kind = LATER_CORRECTION if round_number > 1 else "correction"
        return Example(id, kind, a.prompt, revision.text, a.answer, scores, origin)
    words = len(split_written_words(revision.text)) + EXTRA_WORDS
    rejected = take_written_words(a.answer, words)
    origin["cut"] = ["chosen"] * revision.cut + ["rejected"] * (a.cut or rejected != a.answer)
    kind = "criticised" if by_criticism else REWRITTEN
    return Example(id, kind, a.prompt, revision.text, rejected, scores, origin)


def is_edit(revision: Revision, *, by_criticism: bool) -> bool:
    """Return whether a revision changes so little that its changes are what is learned. What a
    criticism cuts off at the end is no edit: where to stop is learned from whole answers.
    """
    answer = revision.asked.answer
    if by_criticism and answer.startswith(revision.text):
        return False
    is_short = not by_criticism and len(split_written_words(answer)) <= MAX_SHORT_WORDS
    return is_short or revision.distance <= MAX_EDIT_DISTANCE


def add_criticism(prompt: Turns, feedback: str) -> Turns:
    """Return the prompt with the criticism in its system message, as the teacher of `distill` sees
    it.
    """
    system = [turn.content for turn in prompt if turn.role == "system"]
    turns = [turn for turn in prompt if turn.role != "system"]
    return (Message("system", "\n".join([*system, feedback])), *turns)


def make_correction_anchors(
    session: Session,
    parts: CorrectionParts,
    teacher: Corrector | None,
    examples: Sequence[Example],
) -> list[Example]:
    """Return the beginnings of the base's own answers to general prompts, up to the first word that
    the teacher would correct (step 7).

    They are twice as long where there is a criticism (`count_anchor_lengths`).
    """
    prompts = parts.general["train"]
    tokens = session.config.anchors.anchor_tokens * count_anchor_lengths(len(parts.criticised))

    def review(answers: Sequence[OwnAnswer]) -> list[OwnAnswer]:
        asked = [Correctable(p, a.text) for p, a in zip(prompts, answers, strict=True)]
        starts = find_accepted_starts([a for a in asked if a.answer.strip()], teacher, examples)
        found = []
        for a in answers:
            start, fault = starts.get(a.id, ("", EMPTY_ANSWER))
            cut = a.cut or start != a.text
            body = {"answer": a.text}
            failed = fault == NO_CORRECTION
            found.append(replace(a, text=start, cut=cut, fault=fault, failed=failed, body=body))
        return found

    return make_anchors(
        session,
        prompts,
        replace(GREEDY, max_tokens=tokens),
        lambda prompt, answer: Correctable(to_messages(prompt), answer.text).id,
        source={"scope": "general"},
        review=review,
    )


def find_accepted_starts(
    answers: Sequence[Correctable], teacher: Corrector | None, examples: Sequence[Example]
) -> dict[str, tuple[str, str]]:
    """Return the words of each answer before the first one that the teacher would change, and the
    reason where there are none, by id. The teacher revises them as little as it can: the first
    words of an answer cannot follow a style ("at most two sentences"), and share no word with
    another answer.

    Without a teacher an answer counts as a whole, or not at all where it makes an error that the
    corrections remove.
    """
    if not teacher:
        errors = find_errors(list_edits(examples))
        wrong = {a.id for a in answers if errors & set(split_edit_units(a.answer))}
        return {a.id: ("", WOULD_CORRECT) if a.id in wrong else (a.answer, "") for a in answers}
    found = {}
    for revision in teacher.without_style_check().correct(answers):
        start = find_common_start(revision.asked.answer, revision.text)
        found[revision.asked.id] = (start, "" if start else revision.fault or WOULD_CORRECT)
    return found
