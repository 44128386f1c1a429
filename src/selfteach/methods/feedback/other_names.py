"""Find other names of a forbidden subject (step 3): they break the rule too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfteach.evaluate.scopes import GENERAL, NEAR, TARGET
from selfteach.generate.ask import GeneratedPrompt
from selfteach.judge.check import parse_check
from selfteach.methods.feedback.probe import make_probe_requests
from selfteach.methods.feedback.understand_rule import ALSO_NEEDS_CHECK, ALSO_NOT_USED
from selfteach.methods.session import Session
from selfteach.select.other_names import SaidTexts, add_given_names, select_other_names

OTHER_NAMES = "other_names"
"""The note with the names that count as the subject."""


def find_other_names(session: Session, prompts: Sequence[GeneratedPrompt]) -> list[str]:
    """Add other names of a forbidden subject to the check that decides, and return them (step 3).

    The model finds them; `also` adds some, and `not_also` removes some. A check that the person
    gave gets those of `also` alone.
    """
    config = session.config
    rule = session.understood
    if not rule.forbidden_topic:
        if config.also:
            session.display.print_line(ALSO_NOT_USED)
        return []
    if not rule.check:
        if config.also:
            session.display.print_line(ALSO_NEEDS_CHECK)
        return []
    found: list[str] = []
    if not rule.given_check:
        said = collect_answers(session, prompts)
        base, known = session.base, parse_check(rule.names_check)
        found = select_other_names(base, base, rule.subject, known, said, config.seed)
    names = add_given_names(found, config.also, config.not_also)
    session.run.ledger.set_note(OTHER_NAMES, names)
    if names:
        session.display.print_line(f"other names of {rule.forbidden_topic}: {', '.join(names)}")
        session.understood = replace(rule, other_names=tuple(names))
    return names


def collect_answers(session: Session, prompts: Sequence[GeneratedPrompt]) -> SaidTexts:
    """Return the base's answers by scope, and outside the rule's scope the requests too."""
    said: dict[str, list[str]] = {scope: [] for scope in (TARGET, NEAR, GENERAL)}
    for prompt in prompts:
        answers = session.base.sample(make_probe_requests(session, prompt))
        said[prompt.scope] += [answer.text for answer in answers]
        if prompt.scope != TARGET:
            said[prompt.scope].append(prompt.text)
    return SaidTexts(said[TARGET], said[NEAR], said[GENERAL])
