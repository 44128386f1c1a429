"""Step 5 of tasks: the writer gives each invented task its instances; what is refused has a reason
that is counted.

A classification gets its label first, then the input. Any other task gets an input where its words
name one, and then an output: a model that knows conversations answers in one several times, each
time after other worked tasks of people, and what agrees most with the rest is its output; a model
that knows none goes on with a list of worked examples.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from selfteach.evaluate.sanity import is_looping
from selfteach.generate.instances import (
    has_input_reference,
    make_answer_request,
    make_input_request,
    make_instance_request,
    parse_input,
    parse_instances,
)
from selfteach.materials.tasks import Instance, Task
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import PLAIN_NAME
from selfteach.records import Completion, Request, SamplingParams, digest
from selfteach.run.ledger import Outcome, OutcomeState
from selfteach.select.consensus import score_agreement
from selfteach.select.task_filter import CUT, MORE_THAN_ASKED, InstanceFilter, TaskSimilarity

INSTANCES_STAGE = "tasks with instances"
PROMPT_TOO_LONG = "prompt longer than the context"
NO_TASK, NO_INSTANCE, NO_ANSWER = "no task in it", "no usable instance", "no answer came"
LOOPING, NO_CONSENSUS, BARE_LABEL = (
    "goes round in circles",
    "its answers do not agree",
    "a label without an input",
)
DROP_REASONS = frozenset(
    {PROMPT_TOO_LONG, NO_TASK, NO_INSTANCE, CUT, LOOPING, NO_CONSENSUS, BARE_LABEL, MORE_THAN_ASKED}
)
STOP_TEXTS = ("\n\nTask:", "\nTask:")
INPUT_STOP_TEXTS = (*STOP_TEXTS, "\nOutput:")
MAX_INPUT_SHOTS = 6
"""Tasks of people in a request for an input."""
MAX_SHOT_WORDS = 60
"""Words that a worked task of people has at most."""


@dataclass(frozen=True, slots=True)
class KeptTask:
    """A kept task, as it stands so far; `near` is what its instruction is like."""

    task: Task
    near: TaskSimilarity
    given: Instance | None = None


@dataclass(frozen=True, slots=True)
class WrittenInstances:
    """What the writer wrote for a task: instances, and those whose output is no use, with the
    reason. `lost`: why there is nothing.
    """

    whole: tuple[Instance, ...] = ()
    refused: tuple[tuple[Instance, str], ...] = ()
    lost: str = ""

    @property
    def reason(self) -> str:
        """Why a task with nothing usable is dropped."""
        return self.lost or (self.refused[0][1] if self.refused and not self.whole else NO_INSTANCE)


def get_writer(session: Session) -> Recorded:
    """Who invents: the teacher where there is one."""
    return session.teacher or session.base


def is_chat_writer(session: Session) -> bool:
    """Whether the writer knows conversations; of a teacher that is supposed."""
    return session.teacher is not None or session.model.tokens.template != PLAIN_NAME


def sample_fitting(
    session: Session, requests: Sequence[Request]
) -> tuple[dict[str, Completion], dict[str, str]]:
    """Answers by request, and why the others have none: no room for one in the context, or an
    endpoint lost it.
    """
    model, room = get_writer(session), (session.teacher or session.model).room_tokens
    roomy = [r for r in requests if room(r.prompt) > 0]
    answers = {draw.id: draw for draw in model.stream(roomy)}
    missing = (
        {r.id(model.fingerprint): PROMPT_TOO_LONG for r in requests}
        | {r.id(model.fingerprint): NO_ANSWER for r in roomy}
        | dict(model.failures)
    )
    return answers, {id: reason for id, reason in missing.items() if id not in answers}


def get_state(reason: str) -> OutcomeState:
    """What becomes of a candidate: the writer's own refusals are drops, an answer that never came
    is a failure.
    """
    return "accepted" if not reason else "dropped" if reason in DROP_REASONS else "failed"


def add_instances(
    session: Session,
    found: Sequence[KeptTask],
    human: Sequence[Task],
    pool: InstanceFilter,
    max_count: int,
) -> list[KeptTask]:
    """A round's tasks with their instances; a task without a usable one is dropped, and so are more
    than `most`.

    Args:
        human: the tasks of people that may be shown.
        pool: the instances that are kept so far.
    """
    session.run.ledger.register(INSTANCES_STAGE, (one.task.id for one in found))
    written = write_instances(session, found, human)
    kept, tasks, cases = list[KeptTask](), list[Outcome](), list[Outcome]()
    for one in found:
        task, mine = one.task, written[one.task.id]
        room = session.config.instances.max_instances if len(kept) < max_count else 0
        judged = [*pool.filter_instances(task.instruction, mine.whole, room), *mine.refused]
        for number, (case, fault) in enumerate(judged):
            body = {"instruction": task.instruction, "input": case.input, "output": case.output}
            cases.append(
                Outcome(digest([task.id, number]), "dropped" if fault else "accepted", fault, body)
            )
        good = tuple(case for case, fault in judged if not fault)
        reason = "" if good else MORE_THAN_ASKED if mine.whole and not room else mine.reason
        tasks.append(
            Outcome(
                task.id,
                get_state(reason),
                reason,
                {"instruction": task.instruction, "classification": task.classification},
            )
        )
        if good:
            kept.append(replace(one, task=replace(task, instances=good)))
    session.run.ledger.record_outcomes("instances", cases)
    session.run.ledger.record_outcomes(INSTANCES_STAGE, tasks)
    return kept


def write_instances(
    session: Session, found: Sequence[KeptTask], human: Sequence[Task]
) -> dict[str, WrittenInstances]:
    """What was written for each task, by its id. Alpaca's tasks come with their instance."""
    if session.config.mode == "alpaca":
        return {one.task.id: WrittenInstances((one.given,) if one.given else ()) for one in found}
    tasks = [one.task for one in found]
    bare = {task.id: "" for task in tasks}
    if session.config.mode == "magpie":
        return write_outputs(session, bare, tasks, [])
    if not is_chat_writer(session):
        return write_by_continuation(session, tasks)
    texts = [task for task in tasks if not task.classification]
    inputs, lost = write_inputs(
        session, [task for task in texts if has_input_reference(task.instruction)], human
    )
    there = [task for task in texts if task.id not in lost]
    return (
        write_by_continuation(session, [task for task in tasks if task.classification])
        | write_outputs(session, bare | inputs, there, human)
        | lost
    )


def write_inputs(
    session: Session, tasks: Sequence[Task], human: Sequence[Task]
) -> tuple[dict[str, str], dict[str, WrittenInstances]]:
    """An input for each task, from a list of people's tasks with theirs; a task that gets none
    there needs none.

    Returns also what is to be said of tasks whose input never came or was cut off.
    """
    how = make_sampling_params(session, INPUT_STOP_TEXTS)
    asked = {
        task.id: make_input_request(
            task.instruction, sample_input_shots(session, task, human), how, session.config.seed
        )
        for task in tasks
    }
    answers, missing = sample_fitting(session, list(asked.values()))
    found, lost = {}, {}
    for task in tasks:
        id = asked[task.id].id(get_writer(session).fingerprint)
        if id in answers and answers[id].finish != "length":
            found[task.id] = parse_input(answers[id])
        else:
            lost[task.id] = WrittenInstances(lost=missing.get(id, CUT))
    return found, lost


def write_by_continuation(session: Session, tasks: Sequence[Task]) -> dict[str, WrittenInstances]:
    """Instances from a list of worked examples that the writer goes on with."""
    how = make_sampling_params(session, STOP_TEXTS)
    bare = {task.id: not has_input_reference(task.instruction) for task in tasks}
    asked = {
        task.id: make_instance_request(
            task.instruction,
            task.classification is True,
            how,
            session.config.seed,
            bare=bare[task.id],
        )
        for task in tasks
    }
    answers, lost = sample_fitting(session, list(asked.values()))
    found = {}
    for task in tasks:
        id = asked[task.id].id(get_writer(session).fingerprint)
        found[task.id] = (
            read_instance_list(answers[id], task, bare[task.id])
            if id in answers
            else WrittenInstances(lost=lost[id])
        )
    return found


def read_instance_list(draw: Completion, task: Task, bare: bool) -> WrittenInstances:
    """The instances in a list that the writer went on with. A label without anything to be the
    label of is none.
    """
    cases = parse_instances(draw, task.classification is True, bare=bare)
    empty = [case for case in cases if task.classification and not case.input]
    return WrittenInstances(
        tuple(case for case in cases if case not in empty),
        tuple((case, BARE_LABEL) for case in dict.fromkeys(empty)),
    )


def make_sampling_params(session: Session, stop: tuple[str, ...] = ()) -> SamplingParams:
    """How instances are drawn."""
    config = session.config.instances
    return SamplingParams(config.temperature, config.top_p, config.max_tokens, stop)


def write_outputs(
    session: Session, inputs: Mapping[str, str], tasks: Sequence[Task], human: Sequence[Task]
) -> dict[str, WrittenInstances]:
    """Outputs for given inputs, in a conversation: of several answers the one that agrees most with
    the others.
    """
    config, how = session.config.instances, make_sampling_params(session)
    asked = {
        task.id: [
            make_answer_request(
                task.instruction,
                inputs[task.id],
                sample_shots(session, task, human, number),
                how,
                session.config.seed,
                number,
            )
            for number in range(config.samples)
        ]
        for task in tasks
    }
    answers, lost = sample_fitting(
        session, [request for group in asked.values() for request in group]
    )
    found = {}
    for task in tasks:
        ids = [request.id(get_writer(session).fingerprint) for request in asked[task.id]]
        if came := [answers[id] for id in ids if id in answers]:
            text, reason = choose_consensus(came, config.min_agreement)
            case = Instance(inputs[task.id], text)
            found[task.id] = (
                WrittenInstances(refused=((case, reason),)) if reason else WrittenInstances((case,))
            )
        else:
            found[task.id] = WrittenInstances(lost=lost[ids[0]])
    return found


def choose_consensus(came: Sequence[Completion], min_agreement: float) -> tuple[str, str]:
    """The answer that agrees most with the others, and why it is no use, or "". One that was cut or
    loops speaks for others alone.
    """
    texts = [draw.text.strip() for draw in came]
    faults = [
        CUT if draw.finish == "length" else LOOPING if is_looping(text) else ""
        for draw, text in zip(came, texts, strict=True)
    ]
    shares = score_agreement(texts)
    best = max(range(len(texts)), key=lambda i: (not faults[i], shares[i]))
    return texts[best], faults[best] or (NO_CONSENSUS if shares[best] < min_agreement else "")


def sample_shots(session: Session, task: Task, human: Sequence[Task], number: int) -> list[Task]:
    """Sample short tasks of people that are no classifications, anew for each answer to a task."""
    short = list_short_tasks(human)
    chance = random.Random(f"cases {session.config.seed} {task.id} {number}")
    return chance.sample(short, min(session.config.instances.shots, len(short)))


def sample_input_shots(session: Session, task: Task, human: Sequence[Task]) -> list[Task]:
    """Short tasks of people that have an input, drawn for each task anew."""
    short = [one for one in list_short_tasks(human) if one.instances[0].input]
    return random.Random(f"inputs {session.config.seed} {task.id}").sample(
        short, min(MAX_INPUT_SHOTS, len(short))
    )


def list_short_tasks(human: Sequence[Task]) -> list[Task]:
    """The tasks of people that are short and no classifications."""
    whole = [one for one in human if not one.classification and one.instances]
    return [
        one
        for one in whole
        if len(f"{one.instruction} {one.instances[0].text}".split()) <= MAX_SHOT_WORDS
    ]
