"""`selfteach feedback`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.teach import teach
from selfteach.config import FeedbackConfig
from selfteach.errors import UsageError
from selfteach.methods.feedback.read_rule import check_settings, read_material


def run_feedback(rule: str, own: Mapping[str, Any], options: TeachOptions) -> None:
    """Teach a rule.

    Raises:
        UsageError: the rule is "-", which other programs take for standard input, or an option of
            words has none.
    """
    if rule.strip() == "-":
        raise UsageError(
            "the rule is not read from standard input.",
            cure='Write it on the command line: selfteach feedback "Do not talk about elephants."',
        )
    for name in ("check", "when", "then"):
        if own.get(name) is not None and not own[name].strip():
            raise UsageError(
                "the option is empty.",
                where=f"--{name}",
                cure="Give words, or leave the option out: the rule's own words decide then.",
            )
    resolved = options.resolve(FeedbackConfig, own)
    material = read_material(rule)
    check_settings(resolved.config, rule)
    teach("feedback", material, resolved, options)
