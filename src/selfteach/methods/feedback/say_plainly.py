"""Read a rule of no known form with the help of the teacher (step 1).

The teacher says the rule in plain words several times. The greedy wording counts if another one is
read as the same check for requests of the same kind (self-consistency, Wang et al. 2022,
arXiv:2203.11171; there the majority of samples decides, here one that agrees with the greedy
answer). What is read is shown like any other reading, and --when and --then say it otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from selfteach.config import FeedbackConfig
from selfteach.errors import SelfteachError
from selfteach.generate.plain_rule import PlainRule, parse_plain_rule, request_plain_rules
from selfteach.judge.check import NAMES_OF_CHECK
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.exceptions import refuse_exception_in_scope
from selfteach.materials.rules.forbidden_topics import can_forbid
from selfteach.materials.rules.rule import Rule, read_rule
from selfteach.materials.rules.scopes.situation import read_situation
from selfteach.models import Sampler
from selfteach.models.ordered import sample_texts
from selfteach.models.recorded import Recorded
from selfteach.number_words import write_digits

DRAWS = 3
"""How many wordings are asked for."""
BEGINNING = 4
"""Letters by which a word is found again: "spiders" in "a spider"."""
_OF_REQUESTS = re.compile(r"(?:[\w']+ ){0,3}(?:ask|want|writ|draft)", re.I)
"""How a condition about requests begins: "asked", "a guest asks". "Prices" alone may be what an
answer has in it.
"""
_BAN = re.compile(r"(?:never|do not|don't|avoid|no)\b", re.I)
_QUOTED = re.compile(r"(?<!\w)[\"']([^\"]+?)[\"'](?!\w)")


def say_plainly(teacher: Recorded, text: str, config: FeedbackConfig) -> PlainRule | None:
    """Return a rule in plain words of the teacher that are read; None if no other wording agrees
    with the first one.

    Raises:
        DataError: see `read_rule`.
    """
    rule = read_rule(text, config.when)
    wordings = ask_for_wordings(teacher, rule, config.seed, is_chat=teacher.is_chat_model)
    if config.when:
        wordings = [one and replace(one, when=rule.scope) for one in wordings]
    plain = choose_wording(rule, wordings)
    return plain and replace(plain, when=config.when or plain.when)


def is_unread(rule: Rule, config: FeedbackConfig) -> bool:
    """Return whether a rule has no known form, and the person says neither what an answer must do
    nor what decides it.
    """
    is_decided = config.check or config.then or config.judge.name not in NAMES_OF_CHECK
    return not is_decided and read_effect(rule.effect) is None


def ask_for_wordings(
    teacher: Sampler, rule: Rule, seed: int, *, is_chat: bool
) -> list[PlainRule | None]:
    """Return how the teacher says a rule plainly, the greedy wording first.

    A condition about requests that is read from the rule itself stays.

    Args:
        is_chat: whether the teacher has a chat template.
    """
    replies = sample_texts(teacher, request_plain_rules(rule.text, DRAWS, seed, is_chat=is_chat))
    wordings = [parse_plain_rule(reply, is_chat=is_chat) for reply in replies]
    if rule.scope and is_about_requests(rule.scope):
        return [one and replace(one, when=rule.scope) for one in wordings]
    return wordings


def choose_wording(rule: Rule, wordings: Sequence[PlainRule | None]) -> PlainRule | None:
    """Return the first wording if another one is read alike."""
    first, *others = [read_wording(rule, wording) for wording in wordings]
    return wordings[0] if first and first in others else None


def read_wording(rule: Rule, wording: PlainRule | None) -> tuple[str, str] | None:
    """Return the check of a rule in plain words, and for what kind of requests it holds.

    The result is None where the words have no check, name or forbid what the rule does not, hold
    for no requests or with an exception, or hold everywhere where a condition was read.
    """
    if wording is None or not is_taken_from(wording.then, rule.text):
        return None
    if _BAN.match(wording.then) and not can_forbid(rule.text):
        return None
    try:
        if wording.when != rule.scope:
            refuse_exception_in_scope(wording.when)
            if not is_about_requests(wording.when):
                return None
        effect = read_effect(read_rule(rule.text, wording.when, wording.then).effect)
    except SelfteachError:
        return None
    if effect is None or not all(is_named(topic, rule.text) for topic in effect.topics):
        return None
    return effect.check, read_situation(wording.when).kind if wording.when else ""


def is_named(topic: str, text: str) -> bool:
    """Return whether the beginning of a word of a forbidden subject stands in the rule, too."""
    words = re.findall(r"\w+", topic.casefold())
    long_words = [word for word in words if len(word) >= BEGINNING]
    return any(word[:BEGINNING] in text.casefold() for word in long_words or words)


def is_taken_from(then: str, text: str) -> bool:
    """Return whether the numbers and the quoted words of a demand stand in the rule, too."""
    said = write_digits(text).lower()
    named = re.findall(r"\d+", write_digits(then))
    named += [word for quoted in _QUOTED.findall(then) for word in re.findall(r"\w+", quoted)]
    return all(re.search(rf"\b{re.escape(name.lower())}", said) for name in named)


def is_about_requests(when: str) -> bool:
    """Return whether a condition tells requests apart, and not the parts of an answer."""
    kind = read_situation(when).kind
    return kind != "other" and (kind != "about" or _OF_REQUESTS.match(when) is not None)
