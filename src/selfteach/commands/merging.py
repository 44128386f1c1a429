"""`selfteach merge`: a run's taught model as a folder that needs no adapter."""

from __future__ import annotations

from pathlib import Path

from selfteach.commands import past
from selfteach.commands.screen import print_json, screen
from selfteach.run.signals import interruptible


def merge(folder: Path, name: str, out: Path, *, as_json: bool, debug: bool) -> None:
    """Writes the folder and prints where it is."""
    adapter, base = past.adapter(folder, name), past.base(folder)
    with screen(None, debug=debug) as shown, interruptible(shown.say):
        from selfteach.export.merge import merge as write

        write(base, adapter, out, shown.display.say)
    print_json({"run": str(folder), "adapter": str(adapter), "model": str(out)}) if as_json else print(out)
