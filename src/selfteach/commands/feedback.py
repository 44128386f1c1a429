"""`selfteach feedback`: the options become a configuration, a run is opened, the method teaches,
the result is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfteach.commands import past
from selfteach.commands.lesson import Brought, ready, show_plan, teach
from selfteach.commands.options import Options
from selfteach.commands.screen import screen
from selfteach.config import Feedback, resolve
from selfteach.errors import DataError
from selfteach.judge.check import parse
from selfteach.records import clean
from selfteach.run.signals import interruptible

MAX_RULE = 2000


def feedback(rule: str, own: Mapping[str, Any], options: Options) -> None:
    """Teaches a rule, or with `dry_run` says what that would cost."""
    resolved = resolve(Feedback, options.file, options.sets, options.settings(own))
    rule = rule_text(rule)
    if resolved.config.check:
        parse(resolved.config.check)  # a mistyped one is found before any work is done
    ready("feedback", resolved, options)
    if options.dry_run:
        _plan(rule, resolved.config, options)
        return
    teach("feedback", Brought(rule, rule, {"rule": rule}), resolved, options)


def rule_text(rule: str) -> str:
    """The rule without what breaks tokenizers and pages.

    Raises:
        DataError: nothing is left, or it is no longer a rule but a document.
    """
    text = " ".join(clean(rule).split())
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


def _plan(rule: str, config: Feedback, options: Options) -> None:
    earlier = past.adapter(options.from_run) if options.from_run else None
    with screen(None, debug=options.debug) as shown, interruptible(shown.say):
        from selfteach.methods.estimate import plan

        stated = plan(rule, config, shown.display, earlier)
    show_plan(stated, as_json=options.as_json)
