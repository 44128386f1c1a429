"""Step 4 of corrections: split the prompts into train, dev and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfteach.errors import DataError
from selfteach.materials.corrections import Corrections, Edit
from selfteach.methods.corrections.critic import Critic
from selfteach.methods.corrections.prompt_novelty import NoveltyCheck, join_turns
from selfteach.methods.session import Session
from selfteach.methods.write_prompts import write_general_prompts
from selfteach.records import Turns, digest, get_user_text, make_prompt, prompt_to_json
from selfteach.select.clusters import split_prompts
from selfteach.select.conversations import find_conversations
from selfteach.select.evenly import choose_evenly, share_out

TOO_MANY = "held out, more than exam.prompts"
CRITICISED = "criticised answers"
"""The stratum of the prompts of criticized answers, all of which are learned from."""
TOO_MANY_GENERAL = "held out, more than exam.general"
NO_OWN_TEST = (
    "the exam asks about the criticisms alone: the prompts with a correction are too few or too "
    "much alike, or are criticized or like one that is"
)
PromptsByPart = dict[str, list[Turns]]
"""Prompts by part: train, dev and test."""


@dataclass
class CorrectionParts:
    """Hold the prompts by part.

    Attributes:
        edits: the rows of the file with a correction or an approved answer.
        own: the prompts of the material.
        general: prompts about anything, which the model wrote.
        criticised: each criticism with the prompts like its own.
    """

    edits: list[Edit]
    own: PromptsByPart
    general: PromptsByPart
    criticised: list[tuple[Critic, PromptsByPart]]

    def get_test_prompts(self) -> list[Turns]:
        """Return the held-out prompts of the exam, on which answers are corrected."""
        written = [prompt for _, prompts in self.criticised for prompt in prompts["test"]]
        return self.own["test"] + written

    def get_criticised_test_prompts(self) -> set[Turns]:
        """Return the held-out prompts that were written for a criticism."""
        return {prompt for _, prompts in self.criticised for prompt in prompts["test"]}


def split_material(
    session: Session, material: Corrections, critics: Sequence[Critic], newness: NoveltyCheck
) -> CorrectionParts:
    """Split all prompts into train, dev and test at once. Similar prompts share a part, so that no
    test prompt has a near copy in training (invariant 5).

    A criticized prompt is always learned from. So are its conversation and what is like it, even
    where somebody corrected an answer to it. Prompts like it that are different enough are for the
    exam. Dev prompts join the test part where nobody corrects answers to them.
    """
    edits = [*material.edits, *material.approved]
    groups = {"own": list(dict.fromkeys([*(e.prompt for e in edits), *material.prompts]))}
    written = write_general_prompts(session, newness)
    groups["general"] = list(map(make_prompt, drop_like_criticized(written, critics)))
    for i, critic in enumerate(critics):
        groups[f"criticism {i}"] = critic.similar
    found = split_groups(session, groups, [edit.prompt for edit in material.criticisms])
    criticised = [(critic, found[f"criticism {i}"]) for i, critic in enumerate(critics)]
    return CorrectionParts(edits, found["own"], found["general"], criticised)


def check_parts(session: Session, parts: CorrectionParts) -> None:
    """Check that there is something to learn from and something to be examined on, and say where
    no corrected prompt is left for the exam.

    Raises:
        DataError: too few prompts.
    """
    count = sum(map(len, parts.own.values()))
    if not parts.get_test_prompts() or not (parts.own["train"] or parts.criticised):
        raise DataError(
            f"{count} prompts are too few, or too much alike, to learn from some "
            "and to be examined on others.",
            cure=(
                "Bring more prompts, or raise correct.max_overlap where they are alike by "
                "their nature."
            ),
        )
    if count and not parts.own["test"]:
        session.display.print_line(NO_OWN_TEST)


def keep_asked_prompts(session: Session, parts: CorrectionParts) -> None:
    """Keep as many test prompts as the exam asks, evenly over all; drop the others with the reason.

    The prompts of the material and those of each criticism have equal shares of `exam.prompts`.
    """
    config = session.config.exam
    groups = [parts.own, *(prompts for _, prompts in parts.criticised)]
    counts = share_out([len(group["test"]) for group in groups], config.prompts)
    asked = [(group, count, TOO_MANY) for group, count in zip(groups, counts, strict=True)]
    asked.append((parts.general, config.general, TOO_MANY_GENERAL))
    with session.run.ledger.open_funnel("questions of the exam") as funnel:
        for group, count, too_many in asked:
            chosen = choose_evenly(group["test"], count)
            reasons = dict.fromkeys(group["test"], too_many) | dict.fromkeys(chosen, "")
            for prompt, reason in reasons.items():
                id = digest(["exam", prompt_to_json(prompt)])
                funnel.decide(id, reason, {"prompt": get_user_text(prompt)})
            group["test"] = chosen


def drop_like_criticized(texts: Sequence[str], critics: Sequence[Critic]) -> list[str]:
    """Return the general prompts to which no criticism applies: what is like a criticized prompt
    must not be held as it is.
    """
    left = list(texts)
    for critic in critics:
        if critic.likeness:
            like = critic.likeness.find_like(left)
            left = [text for text, is_like in zip(left, like, strict=True) if not is_like]
    return left


def split_groups(
    session: Session, groups: dict[str, list[Turns]], learned: Sequence[Turns] = ()
) -> dict[str, PromptsByPart]:
    """Return the prompts of each group by part; the groups are the strata of the split.

    Args:
        learned: prompts that are learned from, whatever the split. What is like them is, too.
    """
    config = session.config.correct
    flat = [(prompt, name) for name, prompts in groups.items() for prompt in prompts]
    grouped = {prompt for prompt, _ in flat}
    flat += [(prompt, CRITICISED) for prompt in dict.fromkeys(learned) if prompt not in grouped]
    prompts = [prompt for prompt, _ in flat]
    must_learn = set(learned)
    sides = split_prompts(
        [join_turns(prompt) for prompt in prompts],
        session.base.embed(prompts),
        (config.train_share, config.dev_share, 1 - config.train_share - config.dev_share),
        session.config.seed,
        strata=[name for _, name in flat],
        max_overlap=config.max_overlap,
        together=find_conversations(prompts),
        learned=[place for place, prompt in enumerate(prompts) if prompt in must_learn],
    )
    found: dict[str, PromptsByPart] = {
        name: {"train": [], "dev": [], "test": []} for name in groups
    }
    for (prompt, name), side in zip(flat, sides, strict=True):
        if name == CRITICISED:
            continue
        corrected_on_dev = session.teacher and name == "own"
        part = "test" if side == "dev" and not corrected_on_dev else side
        found[name][part].append(prompt)
    return found
