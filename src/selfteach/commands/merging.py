"""`selfteach merge`: a run's taught model as a folder that needs no adapter, or its adapter as an
ordinary LoRA.
"""

from __future__ import annotations

from pathlib import Path

from selfteach.commands.screen import print_json, screen
from selfteach.errors import UsageError
from selfteach.registry import did_you_mean
from selfteach.run import finished
from selfteach.run.signals import interruptible

FORMS = ("model", "lora")


def merge(
    folder: Path, name: str, out: Path, form: str = "model", *, as_json: bool, debug: bool
) -> None:
    """Writes the folder and prints where it is.

    Raises:
        UsageError: a form that there is not.
    """
    if form not in FORMS:
        raise UsageError(
            f'there is no form "{form}".', where="--as", cure=did_you_mean(form, FORMS)
        )
    adapter, base = finished.adapter(folder, name), finished.base(folder)
    with screen(None, debug=debug) as shown, interruptible(shown.say):
        from selfteach.export import merge as exporting

        write = exporting.merge if form == "model" else exporting.as_lora
        write(base, adapter, out, shown.display.say)
    print_json({"run": str(folder), "adapter": str(adapter), form: str(out)}) if as_json else print(
        out
    )
