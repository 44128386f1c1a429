"""`selfteach merge`: a tuned model as a folder without an adapter, or an adapter as a LoRA."""

from __future__ import annotations

from pathlib import Path

from selfteach.commands.screen import open_screen, print_result
from selfteach.errors import UsageError
from selfteach.files import write_text
from selfteach.registry import did_you_mean
from selfteach.run import finished
from selfteach.run.signals import handle_interrupts

MERGE_FORMS = ("model", "lora")
CARD_FILE = "README.md"
USAGE = """## Use

The adapter is merged into these weights.

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained(".")
tokenizer = AutoTokenizer.from_pretrained(".")
```"""
"""The section on loading in the card of a merged model."""


def run_merge(
    folder: Path, name: str, out: Path, form: str = "model", *, as_json: bool, debug: bool
) -> None:
    """Write the merged folder and print its path.

    Raises:
        UsageError: there is no such form.
        IntegrityError: the adapter, or what the card shows, is not as the run wrote it.
    """
    if form not in MERGE_FORMS:
        raise UsageError(
            f'there is no form "{form}".', where="--as", cure=did_you_mean(form, MERGE_FORMS)
        )
    adapter = finished.find_adapter(folder, name)
    finished.check_shown_numbers(folder)
    base = finished.read_base_name(folder)
    with open_screen(None, debug=debug) as screen, handle_interrupts(screen.print_line):
        from selfteach.export import merge

        write = merge.merge_adapter if form == "model" else merge.export_lora
        write(base, adapter, out, screen.display.print_line)
        publish(folder, adapter, base, out, form)
    found = {"run": str(folder), "adapter": str(adapter), form: str(out)}
    print_result(found, out, as_json=as_json)


def publish(folder: Path, adapter: Path, base: str, out: Path, form: str) -> None:
    """Add what other people need: the card, the license, and files that they can read."""
    from selfteach.export.publish_folder import publish_folder
    from selfteach.models.resolve_model_path import resolve_base, resolve_model_folder
    from selfteach.report.card import make_card

    if (folder / finished.EXAM_FILE).exists():
        usage = USAGE if form == "model" else ""
        library = "transformers" if form == "model" else ""
        write_text(out / CARD_FILE, make_card(folder, usage, library))
    name = resolve_base(base, adapter)
    publish_folder(out, name, resolve_model_folder(name))
