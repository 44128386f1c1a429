"""`selfteach feedback`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfteach.commands.lesson import ready, show_plan, teach
from selfteach.commands.options import Options
from selfteach.commands.screen import screen
from selfteach.config import Feedback, resolve
from selfteach.methods.feedback.material import read_material, refuse
from selfteach.run import finished
from selfteach.run.signals import interruptible


def feedback(rule: str, own: Mapping[str, Any], options: Options) -> None:
    """Teach a rule, or with `dry_run` say what that would cost."""
    resolved = resolve(Feedback, options.file, options.sets, options.settings(own))
    material = read_material(rule)
    refuse(resolved.config)
    ready("feedback", resolved, options)
    if options.dry_run:
        _plan(material.value, resolved.config, options)
        return
    teach("feedback", material, resolved, options)


def _plan(rule: str, config: Feedback, options: Options) -> None:
    earlier = finished.adapter(options.from_run) if options.from_run else None
    with screen(None, debug=options.debug) as shown, interruptible(shown.say):
        from selfteach.methods.estimate import plan

        stated = plan(rule, config, shown.display, earlier)
    show_plan(stated, as_json=options.as_json)
