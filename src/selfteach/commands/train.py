"""`selfteach train`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.teach import check_before_run, show_plan, teach
from selfteach.config import FinetuneConfig, resolve
from selfteach.errors import DataError, UsageError
from selfteach.methods.finetune_material import read_material, refuse_too_little, split_dev
from selfteach.methods.sources import describe_dropped, describe_repaired
from selfteach.run import finished, processes

if TYPE_CHECKING:
    from selfteach.methods.finetune import FinetuneData


def run_train(
    examples: Sequence[Path],
    dev: str | None,
    own: Mapping[str, Any],
    options: TeachOptions,
    *,
    skip_bad_rows: bool = False,
) -> None:
    """Train, or with `dry_run` say what was read."""
    held, share = split_dev(dev)
    settings = options.settings({"dev_share": share, **own})
    resolved = resolve(FinetuneConfig, options.file, options.sets, settings)
    config: FinetuneConfig = resolved.config
    material = read_material(
        examples, dev=held, skip_bad_rows=skip_bad_rows, max_bad_rows=config.max_bad_rows
    )
    check_before_run("train", resolved, options)
    if options.dry_run:
        show_material(material.value, config, as_json=options.as_json)
        return
    refuse_too_little(material.value, config)
    if processes.count_processes() > 1 and options.out is None:
        raise UsageError(
            "several processes need one folder.", where="--out", cure="Name it: --out DIR."
        )
    if processes.is_first_process():
        teach("train", material, resolved, options)
    else:
        train_as_worker(material.value, config, options)


def train_as_worker(material: FinetuneData, config: FinetuneConfig, options: TeachOptions) -> None:
    """Do the part of a process that does not own the run."""
    from selfteach.commands.screen import open_screen
    from selfteach.methods import finetune
    from selfteach.run.signals import handle_interrupts

    assert options.out is not None
    earlier = {}
    if options.from_run:
        earlier["from"] = str(finished.find_adapter(options.from_run).resolve())
    with open_screen(None, debug=options.debug) as shown, handle_interrupts(shown.print_line):
        finetune.train_as_worker(material, config, options.out, earlier)


def show_material(material: FinetuneData, config: FinetuneConfig, *, as_json: bool) -> None:
    """Print what was read, without a model."""
    from selfteach.methods.finetune import choose_objectives, split_dev

    learned, dev = split_dev(material, config)
    if not learned:
        raise DataError("there is nothing to learn from.", where=material.about)
    kinds = {
        kind: sum(e.kind == kind for e in learned) for kind in sorted({e.kind for e in learned})
    }
    stated = {
        "examples": len(learned),
        "dev": len(dev),
        "pairs": sum(e.rejected is not None for e in learned),
        "kinds": [
            f"{kind}: {count} ({'+'.join(choose_objectives(learned, config)[kind])})"
            for kind, count in kinds.items()
        ],
        "mended": describe_repaired(material.cleaned_rows),
        "left_out": describe_dropped(material.outcomes),
    }
    show_plan(stated, as_json=as_json)
