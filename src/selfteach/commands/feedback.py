"""`selfteach feedback`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.screen import open_screen
from selfteach.commands.teach import check_before_run, show_plan, teach
from selfteach.config import FeedbackConfig, resolve
from selfteach.methods.feedback.material import read_material, refuse
from selfteach.run import finished
from selfteach.run.signals import handle_interrupts


def run_feedback(rule: str, own: Mapping[str, Any], options: TeachOptions) -> None:
    """Teach a rule, or with `dry_run` say what that would cost."""
    resolved = resolve(FeedbackConfig, options.file, options.sets, options.settings(own))
    material = read_material(rule)
    refuse(resolved.config)
    check_before_run("feedback", resolved, options)
    if options.dry_run:
        _show_estimate(material.value, resolved.config, options)
        return
    teach("feedback", material, resolved, options)


def _show_estimate(rule: str, config: FeedbackConfig, options: TeachOptions) -> None:
    earlier = finished.find_adapter(options.from_run) if options.from_run else None
    with open_screen(None, debug=options.debug) as shown, handle_interrupts(shown.print_line):
        from selfteach.methods.estimate import estimate_cost

        stated = estimate_cost(rule, config, shown.display, earlier)
    show_plan(stated, as_json=options.as_json)
