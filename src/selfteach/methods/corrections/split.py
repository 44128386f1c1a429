"""Step 1 of corrections: how long answers are, which rows have room in the context, and which
prompts are for training or for the exam.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfteach.config import Corrections as Settings
from selfteach.errors import DataError
from selfteach.generate.ask import Subject
from selfteach.generate.correct import Corrector, Turns
from selfteach.materials.corrections import Corrections, Edit
from selfteach.methods.corrections.criticism import Critic, Newness, critics
from selfteach.methods.prompts import asked_for
from selfteach.methods.session import Session
from selfteach.models.decode import TOO_LONG
from selfteach.records import digest, prompt_json, question, user
from selfteach.run.ledger import Fate
from selfteach.select.balance import Part, split
from selfteach.select.form import form_fault
from selfteach.select.overlap import Overlap

LEAST_TOKENS, REVIEWED_TOKENS, MOST_TOKENS = 96, 256, 512
"""How long an answer may be where the settings leave it open: at least; where a person reads it to
its end; at most.
"""
USUAL = 0.95
"""The share of the file's answers that are no longer."""
Prompts = dict[str, list[Turns]]
"""Prompts by part: train, dev and test."""


@dataclass
class Parts:
    """The prompts of the material (`own`), those that the student asked itself (`general`), and
    each criticism with those like its own.
    """

    own: Prompts
    general: Prompts
    criticised: list[tuple[Critic, Prompts]]

    def tested(self) -> list[Turns]:
        """The held-out prompts on which answers are corrected."""
        return [*self.own["test"], *(p for _, prompts in self.criticised for p in prompts["test"])]

    def criticised_tests(self) -> set[Turns]:
        """Those of them that were asked for a criticism."""
        return {p for _, prompts in self.criticised for p in prompts["test"]}


def sized(session: Session, material: Corrections) -> Session:
    """The road with the lengths of answers that its settings leave open."""
    config: Settings = session.config
    texts = [
        text
        for edit in (*material.edits, *material.approved)
        for text in (edit.answer, edit.correction)
        if text
    ]
    counts = sorted(len(session.model.encode_answer(text)) for text in texts)
    usual = (
        REVIEWED_TOKENS
        if config.review
        else counts[int(USUAL * (len(counts) - 1))]
        if counts
        else 0
    )
    tokens = min(max(usual, LEAST_TOKENS), MOST_TOKENS, max(session.model.context_tokens // 4, 1))
    open_ones = [name for name in ("correct", "exam") if getattr(config, name).max_tokens is None]
    sections = {
        name: getattr(config, name).model_copy(update={"max_tokens": tokens}) for name in open_ones
    }
    return replace(session, config=config.model_copy(update=sections))


def fitted(session: Session, material: Corrections) -> Corrections:
    """The material without the rows whose prompt leaves no room for its answers, or for a new one,
    in the model's context.
    """
    fates: list[Fate] = []
    least = max(session.config.correct.max_tokens, session.config.exam.max_tokens)

    def has_room(prompt: Turns, id: str, texts: Sequence[str | None] = ()) -> bool:
        needed = max(least, *(len(session.model.encode_answer(text)) for text in texts if text), 0)
        there = bool(session.model.room_tokens(prompt) > needed)  # one more for the end of the turn
        fates.append(
            Fate(
                id,
                "accepted" if there else "dropped",
                "" if there else TOO_LONG,
                {"prompt": question(prompt)[:200]},
            )
        )
        return there

    def roomy(edits: Sequence[Edit]) -> list[Edit]:
        return [
            edit
            for edit in edits
            if has_room(edit.prompt, edit.where, (edit.answer, edit.correction))
        ]

    found = replace(
        material,
        edits=roomy(material.edits),
        approved=roomy(material.approved),
        criticisms=roomy(material.criticisms),
        prompts=[p for p in material.prompts if has_room(p, digest(["prompt", prompt_json(p)]))],
    )
    session.run.ledger.place("room", fates)
    if lost := sum(fate.state == "dropped" for fate in fates):
        session.display.say(f"rows left out, {TOO_LONG}: {lost}")
    return found


def fits(session: Session, prompt: Turns, text: str) -> bool:
    """Whether a text is short enough to be scored after a prompt: at most half of the context, so
    that shown corrections fit beside it.
    """
    tokens, room = (
        len(session.model.encode_answer(text)),
        min(session.model.room_tokens(prompt), longest(session)),
    )
    return bool(tokens < room)


def longest(session: Session) -> int:
    """How many tokens a teacher's correction may have."""
    return session.model.context_tokens // 2


def parted(session: Session, material: Corrections, writer: Corrector) -> Parts:
    """Train, dev and test, at once; like goes with like, so that no test prompt has a twin in
    training (invariant 5).

    A criticised prompt is always learned from: those that the student asks like it, and that are
    unlike enough, are for the exam. Where nobody corrects answers to dev prompts, they are for the
    exam too.

    Raises:
        DataError: too few prompts to learn from and to be examined on.
    """
    own = list(
        dict.fromkeys([e.prompt for e in (*material.edits, *material.approved)] + material.prompts)
    )
    there = [*own, *(e.prompt for e in material.criticisms)]
    pool = Overlap(dict.fromkeys(text for p in there for text in (said(p), question(p))))

    def newness(text: str) -> str:
        return form_fault(text) or (
            ""
            if pool.add_if_new(text, session.config.correct.max_overlap)[0]
            else "like another prompt"
        )

    spoken = critics(session, material, writer, newness)
    sorts = {
        "own": own,
        "general": general(session, newness),
        **{f"criticism {i}": c.similar for i, c in enumerate(spoken)},
    }
    flat = [(prompt, sort) for sort, prompts in sorts.items() for prompt in prompts]
    found: dict[str, Prompts] = {sort: {"train": [], "dev": [], "test": []} for sort in sorts}
    for (prompt, sort), side in zip(flat, sides(session, flat), strict=True):
        found[sort][
            "test" if side == "dev" and not (session.teacher and sort == "own") else side
        ].append(prompt)
    criticised = [(c, found[f"criticism {i}"]) for i, c in enumerate(spoken)]
    parts = Parts(found["own"], found["general"], criticised)
    if not parts.tested() or not (found["own"]["train"] or spoken):
        raise DataError(
            (
                f"{len(own)} prompts are too few, or too much alike, to learn from some and "
                "to be examined on others."
            ),
            cure=(
                "Bring more prompts, or raise correct.max_overlap where they are alike by "
                "their nature."
            ),
        )
    return parts


def said(prompt: Turns) -> str:
    """What makes two prompts alike: all that was said, but for the system's words, which many
    prompts share.
    """
    return "\n".join(turn.content for turn in prompt if turn.role != "system")


def sides(session: Session, flat: Sequence[tuple[Turns, str]]) -> list[Part]:
    """train, dev or test for each (prompt, sort)."""
    config, prompts = session.config.correct, [prompt for prompt, _ in flat]
    shares = (config.train_share, config.dev_share, 1 - config.train_share - config.dev_share)
    strata, texts = [sort for _, sort in flat], [said(p) for p in prompts]
    return split(
        texts,
        session.base.embed(prompts),
        shares,
        session.config.seed,
        strata=strata,
        max_overlap=config.max_overlap,
    )


def general(session: Session, newness: Newness) -> list[Turns]:
    """Prompts about anything, which the student asks itself."""
    config = session.config.keep
    return [
        user(a.text)
        for a in asked_for(session, Subject(""), "general", config.general, config.rounds, newness)
    ]
