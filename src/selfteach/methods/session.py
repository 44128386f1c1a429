"""What the steps of a method share: the run, the base, and the student that remembers what it was
asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch

from selfteach.errors import UsageError
from selfteach.evaluate.drift import probe_logits
from selfteach.evaluate.exam import PROBE_PAIRS
from selfteach.generate.ask import Subject
from selfteach.models import Scorer
from selfteach.models.endpoint import Endpoint
from selfteach.models.hf import Hf
from selfteach.models.opening import choose_drawer
from selfteach.models.program import PREFIX, Program
from selfteach.models.recorded import Recorded
from selfteach.run.display import Display
from selfteach.run.folder import Run
from selfteach.train.adapters.join import why_not_joined

SERVED = "served"
"""The note that holds which model the endpoint said it is; a resumed run insists on it."""


@dataclass
class Session:
    """One run on its way. `student` draws and scores with the untouched base; `material` is what it
    is taught, in words.
    """

    run: Run
    config: Any
    display: Display
    rule: str
    model: Hf
    base: Recorded
    proof: list[torch.Tensor]
    teacher: Recorded | None = None
    subject: Subject = field(default_factory=lambda: Subject(""))

    def before_training(self) -> None:
        """Gives memory back; and what a teacher's server lost stays lost, or a resumed run would
        come to other examples.
        """
        self.base.rest()
        if self.teacher:
            self.teacher.give_up()


def open_session(
    run: Run, config: Any, display: Display, rule: str = "", *, programs: bool = False
) -> Session:
    """Loads the base, opens what draws with it, and ties the run to it.

    Args:
        programs: whether a program (`cmd:`) may be the teacher.
    """
    display.stage("load", unit="loaded")
    model = Hf.load(config.model, adapter=earlier(run.material, config), progress=display.say)
    run.bind("student", model.fingerprint)
    opened = choose_drawer(model, config.engine)
    display.say(f"{model.name} draws with {opened.engine}: {opened.reason}")
    for note in model.notes:
        display.say(note)
    base = Recorded(run.ledger, opened.drawer, model)
    teacher = teacher_of(run, config, display, programs) if config.teacher else None
    if teacher:
        run.bind("teacher", teacher.fingerprint)
    return Session(run, config, display, rule, model, base, probe_logits(model, PROBE_PAIRS), teacher)


def teacher_of(run: Run, config: Any, display: Display, programs: bool) -> Recorded:
    """The model behind `--teacher`: a program, an endpoint (URL#name), or a local model.

    As a judge an endpoint says yes or no, which is all the scoring that it is asked for; a program
    only draws.

    Raises:
        UsageError: a program, where the method needs more than corrections.
    """
    if config.teacher.startswith(PREFIX):
        if not programs:
            raise UsageError(
                "a program can correct answers, but not teach a rule.",
                where="--teacher",
                cure="Give URL#NAME or a model.",
            )
        return Recorded(run.ledger, Program(config.teacher))
    if "#" in config.teacher or "://" in config.teacher:
        how = config.endpoint
        endpoint = Endpoint(
            config.teacher,
            key_env=how.key_env,
            concurrency=how.concurrency,
            timeout_s=how.timeout_s,
            max_wait_s=how.max_wait_s,
            max_failures=config.max_failures,
            served=run.ledger.noted(SERVED) or "",
            on_event=diary(run, display),
        )
        return Recorded(run.ledger, endpoint, cast(Scorer, endpoint))
    local = Hf.load(config.teacher)
    return Recorded(run.ledger, choose_drawer(local, config.engine).drawer, local)


def diary(run: Run, display: Display) -> Callable[[str, Mapping[str, Any]], None]:
    """What happens at an endpoint goes into the run's diary; pauses, losses and which model answers
    are also told.
    """
    paused_until = 0.0

    def tell(kind: str, body: Mapping[str, Any]) -> None:
        nonlocal paused_until
        run.ledger.event(kind, body)
        wait_s, now = body.get("wait_s", 0.0), time.monotonic()
        if "now" in body:
            run.ledger.note(SERVED, body["now"])
            display.say(f"the endpoint answers with {body['now']}")
        elif kind == "endpoint request lost":
            display.say(f"the endpoint lost a request: {body['reason']}")
        elif (
            wait_s >= 1 and now + wait_s > paused_until + 1
        ):  # each of many requests is told of the same pause
            paused_until = now + wait_s
            display.say(f"the endpoint asks for a pause of {wait_s:.0f} s ({body['reason']})")

    return tell


def earlier(material: Mapping[str, Any], config: Any) -> Path | None:
    """The adapter of the run that this one goes on from (`--from`).

    Raises:
        UsageError: it and the one that is to be trained cannot become one file.
    """
    if not material.get("from"):
        return None
    found = Path(material["from"])
    reason = (
        why_not_joined(found)
        if config.train.adapter in ("lora", "closed_form")
        else "only adapters of low rank can be joined to one file"
    )
    if reason:
        raise UsageError(
            f"cannot go on from it: {reason}.",
            where=str(found),
            cure="Go on from a run with train.adapter=lora, with the same.",
        )
    return found
