"""Step 1 of corrections: how long answers are, and which rows have room in the context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfteach.config import CorrectionsConfig as Settings
from selfteach.generate.correct import Turns
from selfteach.materials.corrections import Corrections, Edit
from selfteach.methods.session import Session
from selfteach.models.decode import TOO_LONG
from selfteach.records import digest, get_user_text, prompt_to_json
from selfteach.run.ledger import Outcome

MIN_ANSWER_TOKENS, REVIEW_ANSWER_TOKENS, MAX_ANSWER_TOKENS = 96, 256, 512
"""How long an answer may be where the settings leave it open: at least; where a person reads it to
its end; at most.
"""
LENGTH_QUANTILE = 0.95
"""The share of the file's answers that are no longer."""


def set_answer_lengths(session: Session, material: Corrections) -> None:
    """Set the lengths of answers that the settings of the session leave open."""
    config: Settings = session.config
    limit = session.model.context_tokens // 4
    usual = REVIEW_ANSWER_TOKENS if config.review else find_usual_length(session, material)
    tokens = min(max(usual, MIN_ANSWER_TOKENS), MAX_ANSWER_TOKENS, max(limit, 1))
    sections = {
        name: getattr(config, name).model_copy(update={"max_tokens": tokens})
        for name in ("correct", "exam")
        if getattr(config, name).max_tokens is None
    }
    session.config = config.model_copy(update=sections)


def find_usual_length(session: Session, material: Corrections) -> int:
    """Return the tokens that nearly all answers of the file need, 0 where there are none."""
    counts = []
    for edit in (*material.edits, *material.approved):
        for text in (edit.answer, edit.correction):
            if text:
                counts.append(len(session.model.encode_answer(text)))
    counts.sort()
    return counts[int(LENGTH_QUANTILE * (len(counts) - 1))] if counts else 0


def drop_overlong_rows(session: Session, material: Corrections) -> Corrections:
    """Return the material without the rows whose prompt leaves no room for its answers, or for a
    new one, in the model's context.
    """
    fates: list[Outcome] = []
    least = max(session.config.correct.max_tokens, session.config.exam.max_tokens)

    def has_room(prompt: Turns, id: str, texts: Sequence[str | None] = ()) -> bool:
        lengths = [len(session.model.encode_answer(text)) for text in texts if text]
        needed = max([least, *lengths])
        there = bool(session.model.room_tokens(prompt) > needed)  # one more for the end of the turn
        body = {"prompt": get_user_text(prompt)[:200]}
        if there:
            fates.append(Outcome(id, "accepted", "", body))
        else:
            fates.append(Outcome(id, "dropped", TOO_LONG, body))
        return there

    def keep_roomy(edits: Sequence[Edit]) -> list[Edit]:
        return [e for e in edits if has_room(e.prompt, e.where, (e.answer, e.correction))]

    found = replace(
        material,
        edits=keep_roomy(material.edits),
        approved=keep_roomy(material.approved),
        criticisms=keep_roomy(material.criticisms),
        prompts=[p for p in material.prompts if has_room(p, digest(["prompt", prompt_to_json(p)]))],
    )
    session.run.ledger.record_outcomes("room", fates)
    if lost := sum(fate.state == "dropped" for fate in fates):
        session.display.print_line(f"rows left out, {TOO_LONG}: {lost}")
    return found


def is_short_enough(session: Session, prompt: Turns, text: str) -> bool:
    """Return whether a text is short enough to be scored after a prompt: at most half of the
    context, so that shown corrections fit beside it.
    """
    tokens = len(session.model.encode_answer(text))
    room = min(session.model.room_tokens(prompt), get_max_correction_tokens(session))
    return bool(tokens < room)


def get_max_correction_tokens(session: Session) -> int:
    """Return how many tokens a teacher's correction may have."""
    return session.model.context_tokens // 2
