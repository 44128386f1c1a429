"""The material of feedback: one rule in plain words."""

from __future__ import annotations

from selfteach.config import FeedbackConfig
from selfteach.errors import DataError, UsageError
from selfteach.judge.check import parse_check
from selfteach.methods.feedback.understand_rule import check_rule
from selfteach.methods.method import Material
from selfteach.records import JsonMapping
from selfteach.text import clean_text

MAX_RULE = 2000
"""Characters."""


def read_material(rule: str) -> Material:
    """Read a rule; the text itself is part of the run's identity.

    Raises:
        DataError: nothing is left of it, or it is no longer a rule but a document.
    """
    text = clean_rule(rule)
    return Material(text, text, {"rule": text})


def read_again(
    sources: JsonMapping | None, identity: JsonMapping, config: FeedbackConfig
) -> Material:
    """Read the material of an earlier run again, from its identity."""
    return read_material(identity["rule"])


def check_settings(config: FeedbackConfig, rule: str) -> None:
    """Refuse a check or a rule that cannot be read, before any work is done.

    Raises:
        UsageError: see `selfteach.judge.check.parse_check`.
        DataError: see `check_rule`.
    """
    if config.check:
        parse_check(config.check)
    check_rule(rule, config)


def clean_rule(rule: str) -> str:
    """Return the rule without what breaks tokenizers and pages.

    Raises:
        DataError: nothing is left, or it is no longer a rule but a document.
        UsageError: it is no text.
    """
    if not isinstance(rule, str):
        raise UsageError(f"the rule is a {type(rule).__name__}.", cure="Give a text.")
    text = " ".join(clean_text(rule).split())
    if not any(c.isalnum() for c in text):
        raise DataError(
            "the rule is empty.",
            cure=(
                'Say it in plain words, for instance: selfteach feedback "Do not talk '
                'about elephants."'
            ),
        )
    if len(text) > MAX_RULE:
        raise DataError(
            f"the rule has {len(text):,} characters, more than {MAX_RULE:,}.",
            cure="Say one rule in a few sentences.",
        )
    return text
