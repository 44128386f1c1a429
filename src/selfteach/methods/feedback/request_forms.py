"""Choose the forms of request that a rule trains on, each with worked requests (step 2)."""

from __future__ import annotations

from selfteach.generate.ask import PromptForms, Scope
from selfteach.generate.few_shot import (
    ASKED_REQUESTS,
    CLOSED_REQUESTS,
    REQUESTS,
    SELF_REQUESTS,
    SUBJECT_REQUESTS,
    TALK_REQUESTS,
)
from selfteach.generate.subject import Subject
from selfteach.materials.rules.scopes.message_kinds import CLOSED_QUESTION, is_small_talk
from selfteach.materials.rules.scopes.situation import Situation, has_known_requests


def choose_forms(subject: Subject, situation: Situation | None, scope: Scope) -> PromptForms:
    """Return the forms of request that a rule trains on."""
    if subject.topic and subject.forbidden:
        return SUBJECT_REQUESTS
    if subject.topic == CLOSED_QUESTION:
        return CLOSED_REQUESTS if scope == "target" else REQUESTS
    if has_known_requests(subject.topic) and scope != "general":
        return TALK_REQUESTS if is_small_talk(subject.topic) else SELF_REQUESTS
    is_asked = situation is not None and situation.kind == "about"
    return ASKED_REQUESTS if is_asked and scope != "general" else REQUESTS


def asks_for_nothing(subject: Subject, scope: Scope = "target") -> bool:
    """Return whether the prompts of a scope are small talk: they thank, greet or say goodbye."""
    return is_small_talk(subject.topic) and scope != "general"
