"""`selfteach feedback`."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfteach.commands import require
from selfteach.commands.result import lines
from selfteach.commands.screen import screen
from selfteach.config import Feedback, resolve
from selfteach.errors import DataError, Interrupted, UsageError
from selfteach.records import clean
from selfteach.run.folder import Run, open_run
from selfteach.run.signals import interruptible

MAX_RULE = 2000


def feedback(
    rule: str, settings: Mapping[str, Any], *, from_run: Path | None, out: Path | None, file: Path | None, sets: Sequence[str],
    as_json: bool, dry_run: bool, require_: str, new: bool, debug: bool,
) -> None:  # fmt: skip
    """Resolves the configuration, opens the run, teaches, prints the result, and checks what was required."""
    wanted = require.parse(require_)
    resolved = resolve(Feedback, file, sets, settings)
    rule = rule_text(rule)
    if dry_run:
        _plan(rule, resolved.config, as_json, debug)
        return
    material = {"rule": rule} | ({"from": _adapter(from_run)} if from_run else {})
    with open_run(out, rule, "feedback", resolved, material, new=new) as run:
        result = _teach(run, rule, debug)
    print(json.dumps(result, ensure_ascii=False) if as_json else "\n".join(lines(result)))
    require.check(wanted, result.get("numbers", {}))


def rule_text(rule: str) -> str:
    """The rule without what breaks tokenizers and pages.

    Raises:
        DataError: nothing is left, or it is no longer a rule but a document.
    """
    text = " ".join(clean(rule).split())
    if not any(c.isalnum() for c in text):
        raise DataError("the rule is empty.", cure='Say it in plain words, for instance: selfteach feedback "Do not talk about elephants."')
    if len(text) > MAX_RULE:
        raise DataError(f"the rule has {len(text):,} characters, more than {MAX_RULE:,}.", cure="Say one rule in a few sentences.")
    return text


def resume_command(run: Run) -> str:
    """The command that goes on with this run, as this person has to type it."""
    program = sys.argv[0]
    if not program.endswith("selfteach") or shutil.which("selfteach") == program:
        return run.command
    return shlex.quote(program) + run.command.removeprefix("selfteach")


def _teach(run: Run, rule: str, debug: bool) -> dict[str, Any]:
    with screen(run.path / "log.txt", debug=debug) as shown, interruptible(shown.say):
        shown.say(f"{'going on with' if run.resumed else 'run folder'} {run.path}")
        try:
            from selfteach.methods.feedback import teach

            result: dict[str, Any] = teach(run, rule, run.resolved.config, shown.display)
        except KeyboardInterrupt as stop:
            raise Interrupted("stopped; everything recorded is kept.", cure=f"Go on with:\n  {resume_command(run)}") from stop
    return result


def _plan(rule: str, config: Feedback, as_json: bool, debug: bool) -> None:
    with screen(None, debug=debug) as shown, interruptible(shown.say):
        from selfteach.methods.feedback import plan

        stated = plan(rule, config, shown.display)
    if as_json:
        print(json.dumps(stated, ensure_ascii=False))
        return
    for key, value in stated.items():
        print(f"{key}: {value}" if not isinstance(value, list) else f"{key}:")
        for text in value if isinstance(value, list) else ():
            print("\n" + "\n".join("  | " + line for line in str(text).splitlines()))


def _adapter(folder: Path) -> str:
    """The adapter of a finished run.

    Raises:
        UsageError: there is none.
    """
    adapter = folder / "adapter"
    if not (adapter / "adapter_config.json").exists():
        raise UsageError("has no finished adapter.", where=str(folder), cure="`selfteach status` shows how far it is.")
    return str(adapter.resolve())
