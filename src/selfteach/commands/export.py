"""`selfteach export`: the tuned model for another program, which answers the exam again."""

from __future__ import annotations

from pathlib import Path

from selfteach.commands.screen import open_screen, print_result
from selfteach.errors import RequirementNotMet
from selfteach.run import finished
from selfteach.run.signals import handle_interrupts

EXPORTS_FOLDER = "exports"


def run_export(
    run: Path,
    name: str,
    form: str,
    quant: str,
    out: Path | None,
    count: int,
    *,
    public: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Write the export and print its folder.

    Raises:
        RequirementNotMet: the export answers otherwise than the run's adapter; it is kept, and
            marked as failed.
    """
    adapter = finished.find_adapter(run, name)
    base = finished.read_base_name(run)
    kind = form.partition(":")[0]
    place = out or run / EXPORTS_FOLDER / (
        f"{kind}-{quant}" if kind in ("gguf", "ollama") else kind
    )
    with open_screen(None, debug=debug) as screen, handle_interrupts(screen.print_line):
        from selfteach.export.export_run import ExportJob, export_run
        from selfteach.report.card import make_card

        job = ExportJob(run, base, adapter, form, quant, place, count, public)
        found = export_run(
            job,
            lambda usage, library: make_card(run, usage, library),
            screen.display.print_line,
        )
        checked = found["check"]
        if not checked["prompts"]:
            screen.display.print_line(f"not checked: {checked['reason']}")
        else:
            screen.display.print_line(
                f"{checked['engine']} gave {checked['equal']} of {checked['prompts']} greedy "
                f"answers exactly as the run's adapter does"
            )
    print_result({"out": str(place), **found}, place, as_json=as_json)
    if checked["passed"] is False:
        raise RequirementNotMet(
            f"this export is marked as failed: {checked['share']:.0%} of its answers are those of "
            f"the run, and {checked['needed']:.0%} are needed.",
            where=place,
            cure="export.json lists where it differs.",
        )
