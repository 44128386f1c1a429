"""The exam of a toy's run, sat again by a version that takes other steps and has other prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfteach import registry
from selfteach.evaluate import retention
from selfteach.evaluate.drift import compute_probe_logits
from selfteach.evaluate.exam import PROBE_PAIRS
from selfteach.generate import few_shot
from selfteach.judge import pairwise, yes_no
from selfteach.methods.documents import exam as documents_exam
from selfteach.models.hf import HfModel
from selfteach.records import Completion, Request
from selfteach.run.display import SilentDisplay
from selfteach.run.finished import read_base_name
from selfteach.students.exam_models import DelayedSampler, OpenModels
from selfteach.students.examine import name_run_source
from selfteach.students.sit_again import sit_exam_again


class LockedSampler(DelayedSampler):
    """A model that may be asked nothing new: all answers have to be in the ledger."""

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        raise AssertionError(f"asked anew: {requests[0].stage}")


OTHER_LIST = (("Tea is hot.", "Tea is cold.", "No"),)


def change_steps(patch: pytest.MonkeyPatch) -> None:
    """Make this version another one: no method prepares a run, and prompts and lists differ."""

    def prepare(session: object, material: object) -> Any:
        raise AssertionError("a step of the method was taken again")

    for name, place in registry.BUILT_IN_NAMES["methods"].items():
        method = registry.load_registered("methods", name)
        patch.setattr(place.replace(":", "."), replace(method, prepare=prepare))
    patch.setattr(few_shot, "VERDICTS", OTHER_LIST)
    patch.setattr(few_shot, "RULE_VIOLATIONS", OTHER_LIST)
    patch.setattr(few_shot, "UNRELATED_RULES", ("Be kind.",))
    patch.setattr(yes_no, "TEMPLATE", "{rule} {answer}?")
    patch.setattr(yes_no, "CHAT_TEMPLATE", "{rule} {question} {answer}?")
    patch.setattr(pairwise, "_WORKED", ())
    patch.setattr(documents_exam, "COMMON_QUESTIONS", (("What is tea?", ("a drink",)),))
    patch.setattr(retention, "COMMON_QUESTIONS", (("What is tea?", ("a drink",)),))


def sit_again(run: Path, scratch: Path, adapter: Path | None = None) -> tuple[Any, Any]:
    """Sit the exam of a run again: with its own adapter no model may be asked anything new.

    Returns:
        The exam with the run's own answers, and with those of the adapter, as JSON.
    """
    base_folder = read_base_name(run)
    base = HfModel.load(base_folder)
    tuned = HfModel.load(base_folder, adapter=adapter or run / "adapter")
    own = DelayedSampler if adapter else LockedSampler
    samplers = [LockedSampler(base, "hf", scratch), own(tuned, "hf", scratch)]
    logits = compute_probe_logits(base, PROBE_PAIRS)
    models = OpenModels(base, tuned, *samplers, logits, adapter or run / "adapter")
    source = name_run_source(run, scratch / "exam")
    alone, now = sit_exam_again(source, models, SilentDisplay())
    return json.loads(json.dumps(alone)), json.loads(json.dumps(now))


def check_same_figures(run: Path, scratch: Path) -> None:
    """Check that the exam of a run has the figures of its exam.json, though all steps changed."""
    written = json.loads((run / "exam.json").read_text())
    with pytest.MonkeyPatch.context() as patch:
        change_steps(patch)
        alone, now = sit_again(run, scratch)
    assert now.pop("drift")["kl_nats"] == pytest.approx(written["drift"]["kl_nats"], rel=1e-3)
    assert {key: written[key] for key in now} == now
    assert {key: written[key] for key in alone} == alone
    assert {"answers", "verdict", "noise_floor", "sanity"} <= now.keys() & alone.keys()
