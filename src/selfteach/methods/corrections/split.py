"""Step 1 of corrections: which prompts are for training, for development and for the exam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfteach.errors import DataError
from selfteach.generate.ask import Subject
from selfteach.generate.correct import Turns
from selfteach.materials.corrections import Corrections, Edit
from selfteach.methods.corrections.criticism import Critic
from selfteach.methods.corrections.novelty import NoveltyCheck, join_turns
from selfteach.methods.prompts import write_scope_prompts
from selfteach.methods.session import Session
from selfteach.records import make_prompt
from selfteach.select.clusters import SplitName, split_prompts

PromptsByPart = dict[str, list[Turns]]
"""Prompts by part: train, dev and test."""


@dataclass
class CorrectionParts:
    """What the rest of a run is made of.

    Attributes:
        edits: the rows of the file that hold a correction or an approved answer.
        own: the prompts of the material.
        general: the prompts that the student asked itself.
        criticised: each criticism with the prompts like its own.
    """

    edits: list[Edit]
    own: PromptsByPart
    general: PromptsByPart
    criticised: list[tuple[Critic, PromptsByPart]]

    def get_test_prompts(self) -> list[Turns]:
        """Return the held-out prompts on which answers are corrected."""
        found = list(self.own["test"])
        for _, prompts in self.criticised:
            found += prompts["test"]
        return found

    def get_criticised_test_prompts(self) -> set[Turns]:
        """Return those of them that were asked for a criticism."""
        found: set[Turns] = set()
        for _, prompts in self.criticised:
            found.update(prompts["test"])
        return found


def split_material(
    session: Session, material: Corrections, spoken: Sequence[Critic], newness: NoveltyCheck
) -> CorrectionParts:
    """Split all prompts into train, dev and test at once; like goes with like, so that no test
    prompt has a twin in training (invariant 5).

    A criticised prompt is always learned from: those that the student asks like it, and that are
    unlike enough, are for the exam. Where nobody corrects answers to dev prompts, they are for the
    exam too.

    Raises:
        DataError: too few prompts to learn from and to be examined on.
    """
    edits = [*material.edits, *material.approved]
    sorts = {"own": list(dict.fromkeys([*(e.prompt for e in edits), *material.prompts]))}
    sorts["general"] = write_general_prompts(session, newness)
    for i, critic in enumerate(spoken):
        sorts[f"criticism {i}"] = critic.similar
    found = split_sorts(session, sorts)
    criticised = [(critic, found[f"criticism {i}"]) for i, critic in enumerate(spoken)]
    parts = CorrectionParts(edits, found["own"], found["general"], criticised)
    if not parts.get_test_prompts() or not (found["own"]["train"] or spoken):
        raise DataError(
            (
                f"{len(sorts['own'])} prompts are too few, or too much alike, to learn from some "
                "and to be examined on others."
            ),
            cure=(
                "Bring more prompts, or raise correct.max_overlap where they are alike by "
                "their nature."
            ),
        )
    return parts


def split_sorts(session: Session, sorts: dict[str, list[Turns]]) -> dict[str, PromptsByPart]:
    """Return the prompts of each sort by part."""
    flat = [(prompt, sort) for sort, prompts in sorts.items() for prompt in prompts]
    found: dict[str, PromptsByPart] = {sort: {"train": [], "dev": [], "test": []} for sort in sorts}
    for (prompt, sort), side in zip(flat, assign_parts(session, flat), strict=True):
        corrected_on_dev = session.teacher and sort == "own"
        part = "test" if side == "dev" and not corrected_on_dev else side
        found[sort][part].append(prompt)
    return found


def assign_parts(session: Session, flat: Sequence[tuple[Turns, str]]) -> list[SplitName]:
    """Return train, dev or test for each (prompt, sort)."""
    config = session.config.correct
    prompts = [prompt for prompt, _ in flat]
    return split_prompts(
        [join_turns(prompt) for prompt in prompts],
        session.base.embed(prompts),
        (config.train_share, config.dev_share, 1 - config.train_share - config.dev_share),
        session.config.seed,
        strata=[sort for _, sort in flat],
        max_overlap=config.max_overlap,
    )


def write_general_prompts(session: Session, newness: NoveltyCheck) -> list[Turns]:
    """Return prompts about anything, which the student asks itself."""
    config = session.config.anchors
    return [
        make_prompt(a.text)
        for a in write_scope_prompts(
            session, Subject(""), "general", config.general, config.rounds, newness
        )
    ]
