"""The session of a run: what the steps of a method share.

It holds the run, its settings, and the base, whose answers the ledger remembers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selfteach import registry
from selfteach.errors import UsageError
from selfteach.evaluate.exam import PROBE_PAIRS
from selfteach.judge.request_judge import RequestJudge
from selfteach.methods.understood_rule import NO_RULE, UnderstoodRule
from selfteach.models import Scorer
from selfteach.models.engines import (
    AUTO,
    OPENVINO,
    PAGED,
    RAY,
    URL,
    OpenedEngine,
    choose_engine,
    choose_sampler,
)
from selfteach.models.ray_actors import ACTOR_DIED, RaySettings
from selfteach.models.recorded import Recorded
from selfteach.models.remote.endpoint import LEFT_OUT, Endpoint, ServerSettings
from selfteach.models.remote.teacher_program import BAD_LINE, PREFIX, Program
from selfteach.models.resolve_model_path import is_local_teacher
from selfteach.records import Completion, JsonMapping
from selfteach.run.display import Display
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import Run

if TYPE_CHECKING:  # torch is loaded with the model: a plug-in may import this module
    import torch

    from selfteach.models.hf import HfModel

PAUSE_LINE_S = 15.0
SERVED_MODEL_NOTE = "served"
"""The note that holds the model name that the endpoint reported; a resumed run requires it."""

PADDED_TIME = "which takes 1.1 to 2.4 times as long"
"""As measured (bench/padded.py, docs/reference/families.md)."""

_checked: set[tuple[str, ...]] = set()
"""The models and settings that passed the check in this process, which may open one often."""


@dataclass
class Session:
    """Hold what the steps of one run share.

    Attributes:
        rule: the text that represents the material in the prompt, or "".
        model: the base itself.
        base: the base, with the ledger's memory.
        base_logits: logits of the base when it was loaded, which the exam compares with later ones.
        understood: what was understood of a rule, and what decides it.
        request_judge: decides which requests are about the rule's subject, if there is one.
        samples: whether models answer; where they only score, no engine is opened.
    """

    run: Run
    config: Any
    display: Display
    rule: str
    model: HfModel
    base: Recorded
    base_logits: list[torch.Tensor]
    teacher: Recorded | None = None
    understood: UnderstoodRule = NO_RULE
    request_judge: RequestJudge | None = None
    samples: bool = True

    def may_change(self, answer: str) -> bool:
        """Return False: a run teaches one thing, and its exam knows what that changes."""
        return False

    def before_training(self) -> None:
        """Release memory, and freeze the losses of a teacher.

        Requests that its server lost stay lost, or a resumed run would make other examples.
        """
        self.base.release_memory()
        if self.teacher:
            self.teacher.release_memory()
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
    """Load the base, open its engine, and bind the run to it.

    Args:
        programs: whether a program (`cmd:`) may be the teacher.
        samples: whether models answer, the teacher among them; else the base only scores.
    """
    from selfteach.evaluate.drift import compute_probe_logits
    from selfteach.models.check_family import check_engine
    from selfteach.models.hf import HfModel
    from selfteach.train.adapters.lora import explain_left_out

    display.start_stage("load", unit="loaded")
    adapter = find_starting_adapter(run.material, config)
    model = HfModel.load(
        config.model,
        adapter=adapter,
        load_in_4bit=config.load_in_4bit,
        progress=display.print_line,
    )
    run.bind("base", model.fingerprint)
    check_memory(model, config, samples=samples, continued=adapter is not None)
    sampler = None
    if samples:
        opened = open_engine(run, config, display, model, adapter)
        sampler = opened.sampler
        display.print_line(f"{model.name} samples with {opened.engine}: {opened.reason}")
    for note in model.notes:
        display.print_line(note)
    check_model(model, config, samples=sampler is model)
    if reason := explain_why_padded(model, config):
        display.print_line(f"rows will be padded instead of packed, {PADDED_TIME}: {reason}")
    lora = config.train.lora if config.train.adapter == "lora" else None
    if lora and (share := explain_left_out(model.module, lora)):
        display.print_line(f"the LoRA can change {share}; the rest stays that of the base")
    if samples and opened.engine in (OPENVINO, PAGED):
        check_engine(model, cast(Any, sampler), opened.engine)
    base = Recorded(run.ledger, sampler, model, display)
    teacher = None
    if samples and config.teacher:
        teacher = open_teacher(run.ledger, config, display, programs)
        run.bind("teacher", teacher.fingerprint)
        teacher.limit = partial(cut_long_answer, model)
    base_logits = compute_probe_logits(model, PROBE_PAIRS)
    return Session(run, config, display, rule, model, base, base_logits, teacher, samples=samples)


def check_memory(model: HfModel, config: Any, *, samples: bool, continued: bool) -> None:
    """Check that the whole run fits into the free memory. Several processes that split the weights
    check their training alone.

    Args:
        samples: whether models answer.
        continued: whether the model has the adapter of an earlier run.

    Raises:
        UsageError: an unknown engine.
        ResourceError: it does not fit.
    """
    from selfteach.methods.account_memory import require_memory
    from selfteach.train.distributed import get_requested_sharding

    if get_requested_sharding():
        return
    has_engine = samples and choose_engine(model, config.engine)[0] == OPENVINO
    require_memory(model, config, has_engine=has_engine, continued=continued)


def check_model(model: HfModel, config: Any, *, samples: bool) -> None:
    """Check on a few tokens what the run will do with its model, before anything is paid for.

    Args:
        samples: whether the model itself samples, not another engine.

    Raises:
        UsageError: what does not work with this model.
    """
    from selfteach.models.check_family import check_answers
    from selfteach.train.check_training import check_training

    settings = config.train
    parts = {"adapter", "distill_from", "on_policy", *registry.list_names("adapters")}
    chosen = repr(settings.model_dump(include=parts))
    key = (model.fingerprint, str(model.device), str(model.dtype), str(samples), chosen)
    if key in _checked:
        return
    known = check_answers(model, samples or bool(settings.on_policy))
    check_training(model, settings, known, config.seed)
    _checked.add(key)


def explain_why_padded(model: HfModel, config: Any) -> str:
    """Return why training cannot pack the rows of this model, or an empty text."""
    from selfteach.train.adapters.adapter import is_solved
    from selfteach.train.distributed import get_requested_sharding
    from selfteach.train.fast.packed_model import explain_why_not_packed

    if is_solved(config.train.adapter) or get_requested_sharding():
        return ""
    return explain_why_not_packed(model.module)


def open_teacher(ledger: Ledger, config: Any, display: Display, programs: bool) -> Recorded:
    """Open the model of `--teacher`: a program, an endpoint (URL#name), or a local model.

    As a judge an endpoint answers yes or no, and scores nothing else; a program only samples.

    Raises:
        UsageError: a program, where the method needs more than corrections.
    """
    from selfteach.models.local_teacher import open_local_teacher

    if config.teacher.startswith(PREFIX):
        if not programs:
            raise UsageError(
                "a program can correct answers, but not teach a rule.",
                where="--teacher",
                cure="Give URL#NAME or a model.",
            )
        program = Program(config.teacher, make_event_logger(ledger, display))
        return Recorded(ledger, program, watch=display)
    if not is_local_teacher(config.teacher):
        how = config.endpoint
        endpoint = Endpoint(
            config.teacher,
            key_env=how.key_env,
            concurrency=how.concurrency,
            timeout_s=how.timeout_s,
            max_wait_s=how.max_wait_s,
            max_failures=config.max_failures,
            served=ledger.get_note(SERVED_MODEL_NOTE) or "",
            on_event=make_event_logger(ledger, display),
        )
        scorer = cast(Scorer, endpoint)
        return Recorded(ledger, endpoint, scorer, display)
    has_base = URL in config.engine or config.engine == RAY  # the servers and the actors
    engine = AUTO if has_base else config.engine
    sampler, scorer = open_local_teacher(config.teacher, engine)
    return Recorded(ledger, sampler, scorer, display)


def open_engine(
    run: Run,
    config: Any,
    display: Display,
    model: HfModel,
    adapter: Path | None,
    folder: Path | None = None,
) -> OpenedEngine:
    """Open the engine of a run for its base, or for its tuned model.

    Args:
        adapter, folder: see `choose_sampler`.
    """
    how = config.endpoint
    log_event = make_event_logger(run.ledger, display, keeps_served=False)
    server = ServerSettings(how.key_env, how.concurrency, how.timeout_s, how.max_wait_s, log_event)
    ray = RaySettings(config.ray.actors, log_event)
    return choose_sampler(model, config.engine, folder, adapter=adapter, server=server, ray=ray)


def cut_long_answer(model: HfModel, completion: Completion) -> Completion:
    """Return a teacher's answer, cut where it takes half of the base's context.

    The base has to score it and learn it, with a prompt. It counts as cut off by its token limit,
    which a teacher may ignore.
    """
    ids = model.encode_answer(completion.text, end=False)
    room = model.context_tokens // 2
    if len(ids) < room:
        return completion
    return replace(completion, text=model.decode(ids[: room - 1]), finish="length")


def make_event_logger(
    ledger: Ledger, display: Display, *, keeps_served: bool = True
) -> Callable[[str, JsonMapping], None]:
    """Return what records the events of an endpoint or a program, and prints some of them.

    It prints pauses, losses, which model answers, and the first line that is no answer.

    Args:
        keeps_served: whether a resumed run demands the same served model, as of a teacher. The
            weights behind the base are compared instead.
    """
    paused_until = 0.0

    def record(kind: str, body: JsonMapping) -> None:
        nonlocal paused_until
        ledger.record_event(kind, body)
        wait_s = body.get("wait_s", 0.0)
        end = time.monotonic() + wait_s
        if "now" in body:
            if keeps_served:
                ledger.set_note(SERVED_MODEL_NOTE, body["now"])
            display.print_line(f"the endpoint answers with {body['now']}")
        elif kind == LEFT_OUT:
            display.print_line(f"{body['url']} is left out from here on: {body['reason']}")
        elif kind == ACTOR_DIED:
            display.print_line(f"an actor died; its {body['requests']} requests are asked again")
        elif kind == "endpoint request lost":
            display.print_line(f"the endpoint lost a request: {body['reason']}")
        elif kind == BAD_LINE and body["number"] == 1:
            display.print_line(f"the program wrote {body['line']!r}, which is no answer")
        # Many requests report the same pause.
        elif end > paused_until + 1 and (wait_s >= 1 or "patience_s" in body):
            paused_until = max(end, time.monotonic() + PAUSE_LINE_S)
            length = f" of {wait_s:.0f} s" if wait_s >= 1 else ""
            line = f"the endpoint asks for a pause{length} ({body['reason']})"
            if "patience_s" in body:
                line += f"; after {body['patience_s']:.0f} s without an answer the run stops"
            display.print_line(line)

    return record


def find_starting_adapter(material: JsonMapping, config: Any) -> Path | None:
    """Return the adapter of the run that this one continues (`--from`).

    Raises:
        UsageError: it cannot be joined with the adapter to be trained.
    """
    if not material.get("from"):
        return None
    from selfteach.train.adapters.adapter import ONLY_LOW_RANK, can_join
    from selfteach.train.adapters.join_loras import EXPERTS_STAY_ALONE, explain_why_not_joined

    found = Path(material["from"])
    if not can_join(config.train.adapter):
        raise UsageError(
            f"{config.train.adapter} cannot go on from another run: {ONLY_LOW_RANK}.",
            where="train.adapter",
            cure="Train lora, or leave --from out.",
        )
    reason = EXPERTS_STAY_ALONE if config.train.lora.experts else explain_why_not_joined(found)
    if reason:
        raise UsageError(
            f"cannot go on from it: {reason}.",
            where=str(found),
            cure="Go on from a run with train.adapter=lora, with the same.",
        )
    return found
