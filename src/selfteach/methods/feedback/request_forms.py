"""Choose the forms of request that a rule trains on, each with worked requests (step 2)."""

from __future__ import annotations

from selfteach.generate.ask import PromptForms, Scope, Subject
from selfteach.generate.few_shot import (
    ASKED_REQUESTS,
    REQUESTS,
    SELF_REQUESTS,
    SUBJECT_REQUESTS,
)
from selfteach.materials.situation import Situation, is_self_topic


def choose_forms(subject: Subject, situation: Situation | None, scope: Scope) -> PromptForms:
    """Return the forms of request that a rule trains on."""
    if subject.topic and subject.forbidden:
        return SUBJECT_REQUESTS
    if is_self_topic(subject.topic) and scope != "general":
        return SELF_REQUESTS
    is_asked = situation is not None and situation.kind == "about"
    return ASKED_REQUESTS if is_asked and scope != "general" else REQUESTS
