"""Step 1 of corrections: check that prompts of the model are new."""

from __future__ import annotations

from collections.abc import Callable

from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.correct import Turns
from selfteach.materials.corrections import Corrections
from selfteach.methods.session import Session
from selfteach.records import get_user_text
from selfteach.select.prompt_format import find_format_fault

NoveltyCheck = Callable[[str], str]
"""Returns why a prompt is refused, or ""; an accepted prompt is no longer new afterwards."""


def make_novelty_check(session: Session, material: Corrections) -> NoveltyCheck:
    """Return a check that compares with all prompts of the material."""
    edits = (*material.edits, *material.approved)
    prompts = [*(e.prompt for e in edits), *material.prompts]
    prompts += [e.prompt for e in material.criticisms]
    texts = [text for prompt in prompts for text in (join_turns(prompt), get_user_text(prompt))]
    pool = OverlapIndex(dict.fromkeys(texts))

    def find_fault(text: str) -> str:
        fault = find_format_fault(text)
        if fault:
            return fault
        is_new, _ = pool.add_if_new(text, session.config.correct.max_overlap)
        return "" if is_new else "like another prompt"

    return find_fault


def join_turns(prompt: Turns) -> str:
    """Return the words of a prompt that are compared: all turns but the system message, which many
    prompts share.
    """
    return "\n".join(turn.content for turn in prompt if turn.role != "system")
