"""`selfteach train`: the options become a configuration and a call of the API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfteach.commands.options import TeachOptions
from selfteach.commands.screen import print_notices
from selfteach.commands.teach import check_before_run, teach
from selfteach.config import FinetuneConfig
from selfteach.errors import UsageError
from selfteach.materials.examples import KEYS
from selfteach.materials.unread_columns import describe_unread_columns
from selfteach.methods.finetune.read_datasets import parse_dev, read_material, refuse_too_little
from selfteach.methods.finetune.split_examples import (
    FinetuneData,
    choose_objectives,
    split_dev,
)
from selfteach.methods.input_sources import describe_dropped, describe_repaired
from selfteach.run import finished, processes


def run_train(
    examples: Sequence[Path],
    dev: str | None,
    own: Mapping[str, Any],
    options: TeachOptions,
    *,
    skip_bad_rows: bool = False,
) -> None:
    """Train on examples; with `dry_run` describe the material and the cost instead."""
    held, share = parse_dev(dev)
    resolved = options.resolve(FinetuneConfig, {"dev_share": share, **own})
    config: FinetuneConfig = resolved.config
    material = read_material(
        examples, dev=held, skip_bad_rows=skip_bad_rows, max_bad_rows=config.max_bad_rows
    )
    for file in (*examples, held):
        if isinstance(file, Path):
            print_notices(describe_unread_columns(file, KEYS))
    check_before_run("train", resolved, options)
    refuse_too_little(material.value, config)
    if not options.dry_run and processes.count_processes() > 1 and options.out is None:
        raise UsageError(
            "several processes need one folder.", where="--out", cure="Name it: --out DIR."
        )
    if options.dry_run or processes.is_first_process():
        teach(
            "train",
            material,
            resolved,
            options,
            plan=lambda: describe_material(material.value, config),
        )
    else:
        train_as_worker(material.value, config, options)


def train_as_worker(material: FinetuneData, config: FinetuneConfig, options: TeachOptions) -> None:
    """Do the part of a process that does not own the run."""
    from selfteach.commands.screen import open_screen
    from selfteach.methods.finetune import method as finetune
    from selfteach.run.signals import handle_interrupts

    assert options.out is not None
    earlier = {}
    if options.from_run:
        earlier["from"] = str(finished.find_adapter(options.from_run).resolve())
    with open_screen(None, debug=options.debug) as screen, handle_interrupts(screen.print_line):
        finetune.train_as_worker(material, config, options.out, earlier)


def describe_material(material: FinetuneData, config: FinetuneConfig) -> Mapping[str, Any]:
    """Return what was read, without a model."""
    learned, dev = split_dev(material, config)
    objectives = choose_objectives(learned, config)
    counts = sorted(Counter(example.kind for example in learned).items())
    return {
        "examples": len(learned),
        "dev": len(dev),
        "pairs": sum(example.rejected is not None for example in learned),
        "kinds": [f"{kind}: {count} ({'+'.join(objectives[kind])})" for kind, count in counts],
        "repaired_rows": describe_repaired(material.cleaned_rows),
        "dropped_rows": describe_dropped(material.outcomes),
    }
