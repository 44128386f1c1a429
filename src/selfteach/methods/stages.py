"""Trainings one after the other: each begins where the one before it ended, and one adapter is
left, which stands on the base alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfteach.errors import UsageError
from selfteach.methods.runner import TRAINING, Taught, Weights, open_taught, told_overlong
from selfteach.methods.session import Session
from selfteach.models.hf import Hf
from selfteach.records import Example
from selfteach.train.adapters.join_loras import join, why_not_joined
from selfteach.train.train import Trained, train


@dataclass(frozen=True)
class Stage:
    """One training: its name and its examples."""

    name: str
    examples: Sequence[Example]


def teach_stages(session: Session, stages: Sequence[Stage], kinds: Weights) -> Taught:
    """Trains the stages in order and opens the taught model; its curve is that of all of them.

    Raises:
        UsageError: adapters of this kind cannot be joined, and there is more than one stage.
    """
    session.before_training()
    adapter: Path | None = (
        Path(session.run.material["from"]) if session.run.material.get("from") else None
    )
    done: list[Trained] = []
    for stage in stages:
        with session.run.stage(f"train {stage.name}"):
            base = Hf.load(session.config.model, adapter=adapter) if done else session.model
            trained = _train(session, base, stage, kinds)
            joined = session.run.path / TRAINING / stage.name / "joined"
            adapter = _joined(adapter, trained, joined) if adapter else trained.adapter
            done.append(trained)
    assert adapter is not None
    with session.run.stage("open"):
        return open_taught(session, _together(done, adapter))


def _train(session: Session, base: Hf, stage: Stage, kinds: Weights) -> Trained:
    session.display.stage(f"train {stage.name}", unit="steps")

    def progress(step: int, total: int, row: Mapping[str, Any]) -> None:
        if step == 1:
            session.display.stage(f"train {stage.name}", total, "steps")
        session.display.advance()

    folder = session.run.path / TRAINING / stage.name
    trained = train(
        base,
        stage.examples,
        session.config.train,
        folder,
        seed=session.config.seed,
        defaults=kinds,
        progress=progress,
        say=session.display.say,
    )
    for kind, body in trained.events:
        session.run.ledger.event(kind, body)
    told_overlong(session, trained, stage.name)
    return trained


def _joined(earlier: Path, trained: Trained, folder: Path) -> Path:
    reason = why_not_joined(earlier) or why_not_joined(trained.adapter)
    if reason:
        raise UsageError(
            f"trainings one after the other cannot become one file: {reason}.",
            where="stages",
            cure="Switch all but one off, or use lora.",
        )
    return join(earlier, trained.adapter, folder)


def _together(done: Sequence[Trained], adapter: Path) -> Trained:
    """All trainings as one; steps are counted on."""
    last, curve, before = done[-1], list[dict[str, Any]](), 0
    for trained in done:
        curve += [row | {"step": before + row["step"]} for row in trained.curve]
        before += trained.steps
    return replace(
        last,
        adapter=adapter,
        steps=before,
        curve=curve,
        tokens=sum(t.tokens for t in done),
        seconds=sum(t.seconds for t in done),
        events=[event for t in done for event in t.events],
    )
