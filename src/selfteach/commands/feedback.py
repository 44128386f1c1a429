"""`selfteach feedback`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.screen import open_screen
from selfteach.commands.teach import teach
from selfteach.config import FeedbackConfig
from selfteach.methods.feedback.read_rule import check_settings, read_material
from selfteach.run import finished
from selfteach.run.signals import handle_interrupts


def run_feedback(rule: str, own: Mapping[str, Any], options: TeachOptions) -> None:
    """Teach a rule; with `dry_run` print an estimate of the cost instead."""
    resolved = options.resolve(FeedbackConfig, own)
    material = read_material(rule)
    check_settings(resolved.config, rule)

    def estimate() -> Mapping[str, Any]:
        return _estimate_cost(material.value, resolved.config, options)

    teach("feedback", material, resolved, options, plan=estimate)


def _estimate_cost(rule: str, config: FeedbackConfig, options: TeachOptions) -> Mapping[str, Any]:
    earlier = finished.find_adapter(options.from_run) if options.from_run else None
    with open_screen(None, debug=options.debug) as screen, handle_interrupts(screen.print_line):
        from selfteach.methods.feedback.estimate_cost import estimate_cost

        return estimate_cost(rule, config, screen.display, earlier)
