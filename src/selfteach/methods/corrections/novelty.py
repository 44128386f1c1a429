"""Step 1 of corrections: which prompts of the student are new."""

from __future__ import annotations

from collections.abc import Callable

from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.correct import Turns
from selfteach.materials.corrections import Corrections
from selfteach.methods.session import Session
from selfteach.records import get_user_text
from selfteach.select.prompt_format import find_format_fault

NoveltyCheck = Callable[[str], str]
"""Says why a prompt is not used, or nothing; a prompt that passed is known from then on."""


def make_novelty_check(session: Session, material: Corrections) -> NoveltyCheck:
    """Return a check that knows all prompts of the material."""
    edits = (*material.edits, *material.approved)
    prompts = [*dict.fromkeys([*(e.prompt for e in edits), *material.prompts])]
    prompts += [e.prompt for e in material.criticisms]
    texts: dict[str, None] = {}
    for prompt in prompts:
        texts[join_turns(prompt)] = None
        texts[get_user_text(prompt)] = None
    pool = OverlapIndex(texts)

    def find_fault(text: str) -> str:
        fault = find_format_fault(text)
        if fault:
            return fault
        is_new, _ = pool.add_if_new(text, session.config.correct.max_overlap)
        return "" if is_new else "like another prompt"

    return find_fault


def join_turns(prompt: Turns) -> str:
    """Return what makes two prompts alike: all that was said, but for the system's words, which
    many prompts share.
    """
    return "\n".join(turn.content for turn in prompt if turn.role != "system")
