"""The examples of `selfteach train`: which of them are learned, which measure, and by which loss.

Nothing here loads a model's libraries, so a dry run is instant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from selfteach.train.objectives.objective import Objective

NEEDS: Mapping[str, Sequence[str]] = {
    "correction": ("rejected",),
    "distill": ("source.teacher_prompt",),
    "dpo": ("rejected",),
    "hold": ("rejected",),
    "unlikelihood": ("rejected", "source.forbidden"),
}
"""What our objectives need of an example besides the chosen answer; their classes say so too, but
they load torch.
"""


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


def refuse_missing_fields(examples: Sequence[Example], config: FinetuneConfig) -> None:
    """Refuse a kind of example most of whose rows lack what its loss needs: the rejected answer,
    the teacher's prompt, or where a forbidden word begins.

    The training refuses such a kind as well, but only after the model has been loaded and measured.

    Raises:
        DataError: naming the first of these rows.
    """
    weights = {**choose_objectives(examples, config), **config.train.weights}
    by_kind: dict[str, list[Example]] = {}
    for example in examples:
        by_kind.setdefault(example.kind, []).append(example)
    for kind, rows in by_kind.items():
        for objective, weight in weights.get(kind, {}).items():
            if weight:
                refuse_lacking_rows(rows, objective)


def refuse_lacking_rows(rows: Sequence[Example], objective: str) -> None:
    """Refuse rows of one kind most of which lack what an objective needs.

    Raises:
        DataError: naming the first of these rows.
    """
    for needed in list_needs(objective):
        lacking = [row for row in rows if lacks(row, needed)]
        if 2 * len(lacking) > len(rows):
            raise DataError(
                f'has no "{needed}", which the objective {objective} needs '
                f"({len(lacking)} of {len(rows)} rows have none).",
                where=lacking[0].place,
                cure="Give it in each row, or take train.objective=sft.",
            )


def list_needs(objective: str) -> Sequence[str]:
    """Return what an objective needs of each example besides the chosen answer."""
    if objective in BUILT_IN_NAMES["objectives"]:
        return NEEDS.get(objective, ())
    return read_needs(load_registered("objectives", objective))


def read_needs(objective: type[Objective]) -> Sequence[str]:
    """Return what the class of an objective says that it needs of each example."""
    is_needed = {
        "rejected": objective.pairs,
        "source.teacher_prompt": objective.teacher == "prompted",
        "source.forbidden": objective.forbidding,
    }
    return tuple(name for name, needed in is_needed.items() if needed)


def lacks(example: Example, needed: str) -> bool:
    """Return whether an example lacks "rejected", or a part of its source."""
    if needed == "rejected":
        return example.rejected is None
    return example.source.get(needed.removeprefix("source.")) in (None, "")
