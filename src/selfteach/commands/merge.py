"""`selfteach merge`: a tuned model as a folder without an adapter, or an adapter as a LoRA."""

from __future__ import annotations

from pathlib import Path

from selfteach.commands.screen import open_screen, print_result
from selfteach.errors import UsageError
from selfteach.registry import did_you_mean
from selfteach.run import finished
from selfteach.run.signals import handle_interrupts

MERGE_FORMS = ("model", "lora")


def run_merge(
    folder: Path, name: str, out: Path, form: str = "model", *, as_json: bool, debug: bool
) -> None:
    """Write the merged folder and print its path.

    Raises:
        UsageError: there is no such form.
    """
    if form not in MERGE_FORMS:
        raise UsageError(
            f'there is no form "{form}".', where="--as", cure=did_you_mean(form, MERGE_FORMS)
        )
    adapter = finished.find_adapter(folder, name)
    base = finished.read_base_name(folder)
    with open_screen(None, debug=debug) as screen, handle_interrupts(screen.print_line):
        from selfteach.export import merge

        write = merge.merge_adapter if form == "model" else merge.export_lora
        write(base, adapter, out, screen.display.print_line)
    found = {"run": str(folder), "adapter": str(adapter), form: str(out)}
    print_result(found, out, as_json=as_json)
