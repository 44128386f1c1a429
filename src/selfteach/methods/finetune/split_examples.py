"""The examples of `selfteach train`: which of them are learned, which measure, and by which loss.

Nothing here loads a model's libraries, so a dry run is instant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from selfteach.config import FinetuneConfig
from selfteach.errors import DataError, UsageError
from selfteach.files import BadLine
from selfteach.methods.anchor_weights import ANCHOR_WEIGHT
from selfteach.records import Example, ObjectiveWeights
from selfteach.registry import BUILT_IN_NAMES, load_registered
from selfteach.run.ledger import Outcome
from selfteach.select.conversations import (
    choose_prompts,
    find_conversations,
    make_prompt_key,
    share_conversations,
)

PAIR_OBJECTIVES = frozenset({"correction", "dpo", "hold", "unlikelihood"})
"""Our objectives that learn from pairs; their classes say so too, but they load torch."""


@dataclass
class FinetuneData:
    """Hold the examples of one or more datasets, and perhaps a dev part.

    Attributes:
        outcomes: the outcome of every row.
        about: the names of the datasets.
    """

    examples: list[Example]
    dev: list[Example] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    about: str = ""
    cleaned_rows: list[BadLine] = field(default_factory=list)


def split_dev(
    material: FinetuneData, config: FinetuneConfig
) -> tuple[list[Example], list[Example]]:
    """Return the examples to learn from and the dev part: its own file without anchors, or a share
    of the prompts. No prompt is in both, nor is one the beginning of another; that holds for
    anchors too (step 1).

    Raises:
        DataError: there is nothing to learn, or the dev part would leave nothing.
    """
    dev = material.dev
    if not dev and config.dev_share:
        dev = choose_dev(material.examples, config)
    prompts = [example.turns for example in material.examples]
    held = share_conversations(prompts, [example.turns for example in dev])
    learned = [e for e, is_held in zip(material.examples, held, strict=True) if not is_held]
    if not any(example.role == "learn" for example in learned):
        raise DataError(
            "there is nothing to learn from.",
            where=material.about,
            cure="Give more examples, or a smaller --dev.",
        )
    return learned, [example for example in dev if example.role == "learn"]


def choose_dev(examples: Sequence[Example], config: FinetuneConfig) -> list[Example]:
    """Return the examples of a share of the prompts to measure on; no anchors.

    Raises:
        DataError: nothing would be left to learn.
    """
    taught = [example for example in examples if example.role == "learn"]
    aside = choose_prompts(taught, config.dev_share, config.seed)
    dev = [example for example in taught if make_prompt_key(example) in aside]
    if taught and len(dev) == len(taught):
        count = len(set(find_conversations([example.turns for example in taught])))
        raise DataError(
            f"too few different conversations ({count}) to learn from some and to measure on "
            "others; one question is one conversation, unless many system messages tell it apart.",
            cure="Bring more examples, or give --dev 0.",
        )
    return dev


def choose_objectives(examples: Sequence[Example], config: FinetuneConfig) -> ObjectiveWeights:
    """Return the objectives of each kind of example in the dataset (step 4)."""
    taught = [example for example in examples if example.role == "learn"]
    choice = config.train.objective
    if choice == "auto":
        paired = bool(taught) and all(example.rejected is not None for example in taught)
        choice = "sft+dpo" if paired else "sft"
    learned = dict.fromkeys(choice.split("+"), 1.0)
    taught_kinds = {example.kind for example in taught}
    kinds = sorted({example.kind for example in examples})
    for key in ("weights", "min_share", "once"):
        if unknown := sorted(set(getattr(config.train, key) or ()) - set(kinds)):
            raise UsageError(
                f"no example is of the kind {', '.join(unknown)}.",
                where=f"train.{key}",
                cure=f"Kinds of these examples: {', '.join(kinds)}.",
            )
    return {kind: learned if kind in taught_kinds else {"anchor": ANCHOR_WEIGHT} for kind in kinds}


def refuse_mixed_kinds(examples: Sequence[Example]) -> None:
    """Refuse a kind that has examples to learn and others to hold: objectives go by kind, so the
    held ones would be learned.

    Raises:
        DataError: naming the first held example of such a kind.
    """
    taught_kinds = {example.kind for example in examples if example.role == "learn"}
    for example in examples:
        if example.role == "hold" and example.kind in taught_kinds:
            raise DataError(
                f'the kind "{example.kind}" has examples to learn and examples to hold, and '
                "objectives go by kind.",
                where=example.place,
                cure='Give the examples with the role "hold" a "kind" of their own.',
            )


def refuse_missing_pairs(examples: Sequence[Example], config: FinetuneConfig) -> None:
    """Refuse a kind of example most of whose rows lack the rejected answer that its loss needs.

    The training refuses such a kind as well, but only after the model has been loaded and measured.

    Raises:
        DataError: naming the first of these rows.
    """
    weights = {**choose_objectives(examples, config), **config.train.weights}
    counts = Counter(example.kind for example in examples)
    lacking = [example for example in examples if example.rejected is None]
    lost = Counter(example.kind for example in lacking)
    for example in lacking:
        kind = example.kind
        needy = [name for name, weight in weights.get(kind, {}).items() if weight]
        needy = [name for name in needy if needs_pairs(name)]
        if needy and 2 * lost[kind] > counts[kind]:
            raise DataError(
                f'has no "rejected", and the objective {needy[0]} learns from pairs '
                f"({lost[kind]} of {counts[kind]} rows have none).",
                where=example.place,
                cure="Give the rejected answers, or take train.objective=sft.",
            )


def needs_pairs(objective: str) -> bool:
    """Return whether an objective needs the rejected answer of each example."""
    if objective in BUILT_IN_NAMES["objectives"]:
        return objective in PAIR_OBJECTIVES
    return bool(load_registered("objectives", objective).pairs)
