"""The material of training alone: one dataset or several, and perhaps a dev part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from selfteach.config import FinetuneConfig
from selfteach.errors import UsageError
from selfteach.materials.examples import Examples, read_examples
from selfteach.materials.rows import join_outcomes
from selfteach.methods.finetune.split_examples import (
    FinetuneData,
    choose_objectives,
    refuse_missing_fields,
    refuse_mixed_kinds,
    split_dev,
)
from selfteach.methods.input_sources import Source, as_file, hash_sources, list_items, require_file
from selfteach.methods.method import Material
from selfteach.records import Example, JsonMapping
from selfteach.run.ledger import Outcome
from selfteach.train.dataset_shares import check_dataset_shares

ExampleSource = str | Path | Sequence[str | Path] | Sequence[JsonMapping] | Sequence[Example]
"""A path, several paths, rows, or examples."""
ROWS = "examples"
"""The name of a dataset that is no file."""
DEV = "--dev"
OTHER_KEYS = (DEV, "from", "from_sum")
"""Keys of a run's identity that hold no dataset (`identify_earlier_adapter`)."""


def read_material(
    examples: ExampleSource,
    *,
    dev: Source | Sequence[Example] = None,
    skip_bad_rows: bool = False,
    max_bad_rows: float = 0.1,
) -> Material:
    """Read datasets; the dev part is measured on and not learned.

    Args:
        examples: files, each a dataset that `train.dataset_shares` can name; rows; or `Example`s.
        dev: a file, rows or `Example`s of others to measure on.
        skip_bad_rows: leave rows out that cannot be used.
        max_bad_rows: the greatest share of such rows.

    Raises:
        DataError: nothing in them can be used.
        UsageError: two datasets have one name.
    """
    datasets = name_datasets(examples)
    held = require_file(convert_examples(dev, "dev"), "dev")
    value = read_files(datasets, held, skip=skip_bad_rows, max_bad=max_bad_rows)
    named = {f"dataset {n}" if n in OTHER_KEYS else n: one for n, one in datasets.items()}
    identity = hash_sources(**named, **{DEV: held})
    return Material(f"train {value.about}", value, identity, None, value.cleaned_rows)


def name_datasets(examples: ExampleSource) -> dict[str, Source]:
    """Return each dataset by its name, in the order of the names: the same files in another order
    are the same run.

    Raises:
        UsageError: two datasets have one name, or there is none.
    """
    if isinstance(examples, str | Path):
        return {Path(examples).stem: examples}
    given = list_items(examples, "examples") or []
    if given and all(isinstance(one, str | Path) for one in given):
        paths = [Path(one) for one in given]
        if len({path.stem for path in paths}) < len(paths):
            raise UsageError(
                "two datasets have one name.",
                where=", ".join(map(str, paths)),
                cure="Rename one of the files.",
            )
        return {path.stem: path for path in sorted(paths, key=lambda path: path.stem)}
    rows = convert_examples(given, "examples")
    if rows and all(isinstance(row, Mapping) for row in rows):
        return {ROWS: rows}
    raise UsageError(
        "there are no examples.",
        where=ROWS,
        cure="Give paths, or a list of rows or of examples.",
    )


def convert_examples(source: Any, name: str) -> Any:
    """Return a list, or something like it, with its `Example`s as rows; anything else as it is.

    Raises:
        UsageError: it is a table of pandas or polars.
    """
    given = None if isinstance(source, str | Path) else list_items(source, name)
    if given is None:
        return source
    return [one.to_json() if isinstance(one, Example) else one for one in given]


def read_files(
    datasets: Mapping[str, Source], dev: Source, *, skip: bool, max_bad: float
) -> FinetuneData:
    """Read all datasets and the dev part; the outcomes and the cleaned rows are those of all.

    Raises:
        DataError: nothing in them can be used.
    """
    with ExitStack() as stack:
        files = {}
        for name, source in datasets.items():
            file = stack.enter_context(as_file(source, name))
            assert file is not None
            files[name] = file
        dev_file = stack.enter_context(as_file(dev, "dev"))
        read = {n: read_examples(f, skip=skip, max_bad_share=max_bad) for n, f in files.items()}
        held = Examples()
        from selfteach.train.dataset_mixture import tag_with_dataset

        if dev_file:
            held = read_examples(dev_file, skip=skip, max_bad_share=max_bad)
    by_name = {name: one.examples for name, one in read.items()}
    learned = tag_with_dataset(by_name) if len(read) > 1 else next(iter(by_name.values()))
    outcomes: dict[str, Outcome] = {}
    repaired = []
    for one in read.values():
        outcomes |= one.outcomes
        repaired += one.cleaned_rows
    outcomes = join_outcomes(outcomes, held.outcomes, "dev")
    repaired += held.cleaned_rows
    return FinetuneData(learned, held.examples, outcomes, " ".join(datasets), repaired)


def refuse_too_little(material: FinetuneData, config: FinetuneConfig) -> None:
    """Look before any model is loaded whether there is enough to learn from.

    Raises:
        DataError: there is not, a kind is to be learned and to be held, or rows lack what the
            objective needs.
        UsageError: `train.dataset_shares` has other names than the datasets, or `train.on_policy`
            would do nothing.
    """
    learned, _ = split_dev(material, config)
    refuse_mixed_kinds(learned)
    datasets = {str(example.source.get("dataset", "")) for example in learned}
    check_dataset_shares(config.train.dataset_shares, datasets)
    if config.train.on_policy:
        from selfteach.train.on_policy import refuse_idle_sampling  # it loads torch

        weights = {**choose_objectives(learned, config), **config.train.weights}
        refuse_idle_sampling(config.train, weights)
    if not config.train.distill_from:
        refuse_missing_fields(learned, config)


def parse_dev(dev: Any) -> tuple[Any, float | None]:
    """Return the dev part as a source of its own, or as a share of the prompts.

    Raises:
        UsageError: a number that is no share.
    """
    if dev is None or not isinstance(dev, str | int | float):
        return dev, None
    try:
        share = float(dev)
    except ValueError:
        return Path(str(dev)), None
    if not 0 <= share < 1:
        raise UsageError(
            "is no share.",
            where=f"--dev {dev}",
            cure="Give a number from 0 (nothing is measured) to below 1, or a file.",
        )
    return None, share
