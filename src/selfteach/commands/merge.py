"""`selfteach merge`: a run's taught model as a folder that needs no adapter, or its adapter as an
ordinary LoRA.
"""

from __future__ import annotations

from pathlib import Path

from selfteach.commands.screen import open_screen, print_json
from selfteach.errors import UsageError
from selfteach.registry import did_you_mean
from selfteach.run import finished
from selfteach.run.signals import handle_interrupts

MERGE_FORMS = ("model", "lora")


def run_merge(
    folder: Path, name: str, out: Path, form: str = "model", *, as_json: bool, debug: bool
) -> None:
    """Writes the folder and prints where it is.

    Raises:
        UsageError: a form that there is not.
    """
    if form not in MERGE_FORMS:
        raise UsageError(
            f'there is no form "{form}".', where="--as", cure=did_you_mean(form, MERGE_FORMS)
        )
    adapter, base = finished.find_adapter(folder, name), finished.read_base_name(folder)
    with open_screen(None, debug=debug) as shown, handle_interrupts(shown.print_line):
        from selfteach.export import merge as exporting

        write = exporting.merge_adapter if form == "model" else exporting.export_lora
        write(base, adapter, out, shown.display.print_line)
    print_json({"run": str(folder), "adapter": str(adapter), form: str(out)}) if as_json else print(
        out
    )
