"""Steps 3 and 4 of corrections: check that prompts of the model are new."""

from __future__ import annotations

from collections.abc import Callable

from selfteach.dedup.overlap import OverlapIndex
from selfteach.materials.corrections import Corrections
from selfteach.methods import write_prompts
from selfteach.methods.session import Session
from selfteach.records import Turns, get_user_text

NoveltyCheck = Callable[[str], str]
"""Returns why a prompt is refused, or ""; an accepted prompt is no longer new afterwards."""


def make_novelty_check(session: Session, material: Corrections) -> NoveltyCheck:
    """Return a check that compares with all prompts of the material."""
    edits = (*material.edits, *material.approved)
    asked = [*(e.prompt for e in edits), *material.prompts]
    asked += [e.prompt for e in material.criticisms]
    texts = [text for prompt in asked for text in (join_turns(prompt), get_user_text(prompt))]
    pool = OverlapIndex(dict.fromkeys(texts))
    return write_prompts.make_novelty_check(pool, session.config.correct.max_overlap)


def join_turns(prompt: Turns) -> str:
    """Return the words of a prompt that are compared: all turns but the system message, which many
    prompts share.
    """
    return "\n".join(turn.content for turn in prompt if turn.role != "system")
