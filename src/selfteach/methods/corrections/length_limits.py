"""Step 1 of corrections: limit the length of answers, and drop rows that exceed the context."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from selfteach.config import CorrectionsConfig as Settings
from selfteach.evaluate.exam import ExamSession
from selfteach.judge.check import keeps_check
from selfteach.judge.contrast import append_words
from selfteach.materials.corrections import Corrections, Edit
from selfteach.materials.criticism import make_checks
from selfteach.methods.session import Session
from selfteach.models.tokens import TOO_LONG, UnfitPrompt
from selfteach.records import Turns, digest, get_user_text, prompt_to_json
from selfteach.text import count_words

MIN_ANSWER_TOKENS = 96
"""The least limit on the length of answers, where the settings leave the limit open."""
MAX_ANSWER_TOKENS = 512
"""The greatest such limit."""
REVIEW_ANSWER_TOKENS = 256
"""The limit where a person reads every answer."""
LENGTH_QUANTILE = 0.95
"""The share of the file's answers that fit into the limit."""
SPARE = 1.25
"""By how much the limit exceeds a length that a criticism asks for."""
_LEAST_WORDS = re.compile(r"(?<!not )\bmin_words=\"?(\d+)")


def set_answer_lengths(session: Session, material: Corrections) -> None:
    """Set the limits on answers that the settings of the session leave open, and say which
    criticisms ask for longer answers than the limits allow.
    """
    config: Settings = session.config
    usual = REVIEW_ANSWER_TOKENS if config.review else find_usual_length(session, material)
    quarter = max(session.model.context_tokens // 4, 1)
    wanted = find_wanted_lengths(session, material)
    tokens = min(max(usual, MIN_ANSWER_TOKENS), MAX_ANSWER_TOKENS)
    tokens = min(max([tokens, *(int(SPARE * n) for n in wanted.values())]), quarter)
    sections = {}
    for name in ("correct", "exam"):
        section = getattr(config, name)
        if section.max_tokens is None:
            sections[name] = section.model_copy(update={"max_tokens": tokens})
    session.config = config.model_copy(update=sections)
    least = min(session.config.correct.max_tokens, session.config.exam.max_tokens)
    for feedback, count in wanted.items():
        if count > least:
            session.display.print_line(
                f'"{feedback}" asks for answers of about {count} tokens and cannot be met: they '
                f"have at most {least}. Allow more: --set correct.max_tokens={int(SPARE * count)} "
                f"--set exam.max_tokens={int(SPARE * count)}"
            )


def find_wanted_lengths(session: Session, material: Corrections) -> dict[str, int]:
    """Return about how many tokens answers need to have enough words, by the criticism that asks
    for it. The criticized answers show how many tokens a word has.
    """
    check = session.config.check
    found = {}
    for edits in material.group_by_feedback(check):
        answers = [edit.answer or "" for edit in edits]
        checks = (check,) if check else make_checks(edits[0].feedback, answers, keeps_check)
        bounds = [int(bound) for one in checks for bound in _LEAST_WORDS.findall(one)]
        words = sum(map(count_words, answers))
        if bounds and words:
            tokens = sum(len(session.model.encode_answer(text)) for text in answers)
            found[edits[0].feedback] = max(bounds) * tokens // words
    return found


def find_usual_length(session: Session, material: Corrections) -> int:
    """Return the number of tokens that nearly all answers of the file fit into; 0 without any."""
    counts = sorted(
        len(session.model.encode_answer(text))
        for edit in (*material.edits, *material.approved, *material.criticisms)
        for text in (edit.answer, edit.correction)
        if text
    )
    return counts[int(LENGTH_QUANTILE * (len(counts) - 1))] if counts else 0


def drop_overlong_rows(session: Session, material: Corrections) -> Corrections:
    """Return the material without the rows whose prompt leaves too little room in the context (for
    the row's own answers, or for a new one), or is refused by the chat template.
    """
    least = max(session.config.correct.max_tokens, session.config.exam.max_tokens)

    def has_room(prompt: Turns, id: str, *texts: str | None) -> bool:
        lengths = [len(session.model.encode_answer(text)) for text in texts if text]
        try:
            # The room holds the end of the turn as well.
            fits = session.model.room_tokens(prompt) > max([least, *lengths])
            reason = "" if fits else TOO_LONG
        except UnfitPrompt as fault:
            reason = fault.reason
        funnel.decide(id, reason, {"prompt": get_user_text(prompt)[:200]})
        return not reason

    def keep_roomy(edits: Sequence[Edit]) -> list[Edit]:
        return [e for e in edits if has_room(e.prompt, e.where, e.answer, e.correction)]

    def keep_criticisms(edits: Sequence[Edit]) -> list[Edit]:
        # Models and judges see the criticism after the prompt.
        criticised = [(e, append_words(e.prompt, e.feedback)) for e in edits]
        return [e for e, prompt in criticised if has_room(prompt, e.where, e.answer, e.correction)]

    def get_id(prompt: Turns) -> str:
        return digest(["prompt", prompt_to_json(prompt)])

    with session.run.ledger.open_funnel("rows that fit the context") as funnel:
        found = replace(
            material,
            edits=keep_roomy(material.edits),
            approved=keep_roomy(material.approved),
            criticisms=keep_criticisms(material.criticisms),
            prompts=[p for p in material.prompts if has_room(p, get_id(p))],
        )
    dropped = Counter(outcome.reason for outcome in funnel.outcomes.values() if outcome.reason)
    for reason, count in dropped.items():
        session.display.print_line(f"rows left out, {reason}: {count}")
    return found


def is_short_enough(session: ExamSession, prompt: Turns, text: str) -> bool:
    """Return whether a text can be scored after a prompt. It may take half of the context, so that
    the worked corrections of the exam fit too.
    """
    tokens = len(session.model.encode_answer(text))
    room = min(session.model.room_tokens(prompt), get_max_correction_tokens(session))
    return bool(tokens < room)


def get_max_correction_tokens(session: ExamSession) -> int:
    """Return the greatest number of tokens of a teacher's correction."""
    return int(session.model.context_tokens) // 2
