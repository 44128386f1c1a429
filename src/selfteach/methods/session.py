"""What the steps of a method share: the run, the base, and the student that remembers what it was
asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selfteach.errors import UsageError
from selfteach.evaluate.exam import PROBE_PAIRS
from selfteach.generate.ask import Subject
from selfteach.models import Scorer
from selfteach.models.engines import choose_sampler
from selfteach.models.recorded import Recorded
from selfteach.models.remote.endpoint import Endpoint
from selfteach.models.remote.program import PREFIX, Program
from selfteach.run.display import Display
from selfteach.run.run_folder import Run

if TYPE_CHECKING:  # torch is loaded with the model: a plug-in may import this module
    import torch

    from selfteach.models.hf import HfModel

SERVED_MODEL_NOTE = "served"
"""The note that holds which model the endpoint said it is; a resumed run insists on it."""


@dataclass
class Session:
    """One run.

    Attributes:
        rule: the text that stands for the material in the prompt; "" where there is none.
        model: the base itself.
        base: the base, with the ledger's memory.
        proof: logits of the base as it was loaded, which the exam compares with later ones.
        samples: whether models answer; where they only score, no engine is opened.
    """

    run: Run
    config: Any
    display: Display
    rule: str
    model: HfModel
    base: Recorded
    proof: list[torch.Tensor]
    teacher: Recorded | None = None
    subject: Subject = field(default_factory=lambda: Subject(""))
    samples: bool = True

    def before_training(self) -> None:
        """Gives memory back; and what a teacher's server lost stays lost, or a resumed run would
        come to other examples.
        """
        self.base.rest()
        if self.teacher:
            self.teacher.freeze_failures()


def open_session(
    run: Run,
    config: Any,
    display: Display,
    rule: str = "",
    *,
    programs: bool = False,
    samples: bool = True,
) -> Session:
    """Load the base, open what samples with it, and tie the run to it.

    Args:
        programs: whether a program (`cmd:`) may be the teacher.
        samples: whether models answer, the teacher among them; else the base only scores.
    """
    from selfteach.evaluate.drift import compute_probe_logits
    from selfteach.models.hf import HfModel

    display.start_stage("load", unit="loaded")
    model = HfModel.load(
        config.model,
        adapter=find_starting_adapter(run.material, config),
        progress=display.print_line,
    )
    run.bind("student", model.fingerprint)
    drawer = None
    if samples:
        opened = choose_sampler(model, config.engine)
        drawer = opened.sampler
        display.print_line(f"{model.name} draws with {opened.engine}: {opened.reason}")
    for note in model.notes:
        display.print_line(note)
    base = Recorded(run.ledger, drawer, model)
    teacher = open_teacher(run, config, display, programs) if samples and config.teacher else None
    if teacher:
        run.bind("teacher", teacher.fingerprint)
    proof = compute_probe_logits(model, PROBE_PAIRS)
    return Session(run, config, display, rule, model, base, proof, teacher, samples=samples)


def open_teacher(run: Run, config: Any, display: Display, programs: bool) -> Recorded:
    """The model behind `--teacher`: a program, an endpoint (URL#name), or a local model.

    As a judge an endpoint says yes or no, which is all the scoring that it is asked for; a program
    only draws.

    Raises:
        UsageError: a program, where the method needs more than corrections.
    """
    from selfteach.models.hf import HfModel

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
            served=run.ledger.get_note(SERVED_MODEL_NOTE) or "",
            on_event=make_event_logger(run, display),
        )
        return Recorded(run.ledger, endpoint, cast(Scorer, endpoint))
    local = HfModel.load(config.teacher)
    return Recorded(run.ledger, choose_sampler(local, config.engine).sampler, local)


def make_event_logger(run: Run, display: Display) -> Callable[[str, Mapping[str, Any]], None]:
    """What happens at an endpoint goes into the run's diary; pauses, losses and which model answers
    are also told.
    """
    paused_until = 0.0

    def tell(kind: str, body: Mapping[str, Any]) -> None:
        nonlocal paused_until
        run.ledger.record_event(kind, body)
        wait_s, now = body.get("wait_s", 0.0), time.monotonic()
        if "now" in body:
            run.ledger.set_note(SERVED_MODEL_NOTE, body["now"])
            display.print_line(f"the endpoint answers with {body['now']}")
        elif kind == "endpoint request lost":
            display.print_line(f"the endpoint lost a request: {body['reason']}")
        elif (
            wait_s >= 1 and now + wait_s > paused_until + 1
        ):  # each of many requests is told of the same pause
            paused_until = now + wait_s
            display.print_line(
                f"the endpoint asks for a pause of {wait_s:.0f} s ({body['reason']})"
            )

    return tell


def find_starting_adapter(material: Mapping[str, Any], config: Any) -> Path | None:
    """The adapter of the run that this one goes on from (`--from`).

    Raises:
        UsageError: it and the one that is to be trained cannot become one file.
    """
    if not material.get("from"):
        return None
    from selfteach.train.adapters import can_join
    from selfteach.train.adapters.join_loras import explain_why_not_joined

    found = Path(material["from"])
    reason = (
        explain_why_not_joined(found)
        if can_join(config.train.adapter)
        else "only adapters of low rank can be joined to one file"
    )
    if reason:
        raise UsageError(
            f"cannot go on from it: {reason}.",
            where=str(found),
            cure="Go on from a run with train.adapter=lora, with the same.",
        )
    return found
