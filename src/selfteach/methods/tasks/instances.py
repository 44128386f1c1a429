"""Step 5 of tasks: the writer gives each invented task its instances, and every refusal is counted.

A classification gets its label first, then the input. Any other task gets an input if its words
name one, and then an output. A chat model answers several times, each time after other worked
tasks of people, and the answer that agrees most with the rest is the output. Any other model
continues a list of worked examples. A task of Alpaca has an instance already; its output is one of
the answers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice
from types import MappingProxyType

from selfteach.dedup.overlap import split_written_words
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
from selfteach.methods.tasks.exam_questions import NO_ROOM, make_row
from selfteach.methods.tasks.invent_settings import YIELDS, plan_portion
from selfteach.models.ordered import sample_in_order
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import PLAIN_NAME
from selfteach.records import Completion, JsonObject, Request, SamplingParams, digest
from selfteach.select.consensus import score_agreement
from selfteach.select.task_filter import CUT, MORE_THAN_ASKED, InstanceFilter, TaskSimilarity

INSTANCES_STAGE = "tasks with instances"
NO_TASK = "no task in it"
NO_INSTANCE = "no usable instance"
NO_ANSWER = "no answer came"
LOOPING = "loops"
NO_CONSENSUS = "its answers do not agree"
BARE_LABEL = "a label without an input"
DROP_REASONS = frozenset(
    {"", NO_ROOM, NO_TASK, NO_INSTANCE, CUT, LOOPING, NO_CONSENSUS, BARE_LABEL, MORE_THAN_ASKED}
)
"""The refusals of this package; for any other reason an answer never came: the candidate failed."""
STOP_TEXTS = ("\n\nTask:", "\nTask:")
INPUT_STOP_TEXTS = (*STOP_TEXTS, "\nOutput:")
NO_OUTPUTS: Mapping[str, str] = MappingProxyType({})
MAX_INPUT_SHOTS = 6
"""Tasks of people in a request for an input."""
MAX_SHOT_WORDS = 60
"""Words that a worked task of people has at most."""


@dataclass(frozen=True, slots=True)
class KeptTask:
    """Hold a kept task; `near` is what its instruction is like."""

    task: Task
    near: TaskSimilarity
    given: Instance | None = None


@dataclass(frozen=True, slots=True)
class WrittenInstances:
    """Hold what the writer wrote for a task.

    Attributes:
        whole: instances that may be used.
        refused: instances whose output cannot be used, with the reason.
        lost: why there is nothing, or "".
    """

    whole: tuple[Instance, ...] = ()
    refused: tuple[tuple[Instance, str], ...] = ()
    lost: str = ""

    @property
    def reason(self) -> str:
        """Return why a task with nothing usable is dropped."""
        return self.lost or (self.refused[0][1] if self.refused and not self.whole else NO_INSTANCE)


def describe_similarity(near: TaskSimilarity) -> JsonObject:
    """Return the texts nearest to a task and the mean similarity, as JSON."""
    return {
        "most_similar": [list(pair) for pair in near.most_similar],
        "mean_similarity": near.mean,
    }


def get_writer(session: Session) -> Recorded:
    """Return the model that invents: the teacher if there is one."""
    return session.teacher or session.base


def is_chat_writer(session: Session) -> bool:
    """Return whether the writer is a chat model."""
    if session.teacher:
        return session.teacher.is_chat_model
    return session.model.tokens.template != PLAIN_NAME


def sample_fitting(session: Session, requests: Sequence[Request]) -> list[Completion | str]:
    """Return the answer to each request in order, or the reason why there is none.

    The context has no room for one, or an endpoint lost it.
    """
    model = get_writer(session)
    room_tokens = (session.teacher or session.model).room_tokens
    fits = [room_tokens(request.prompt) > 0 for request in requests]
    answers = iter(sample_in_order(model, list(compress(requests, fits))))
    failures = dict(model.failures)
    results: list[Completion | str] = []
    for request, has_room in zip(requests, fits, strict=True):
        if has_room:
            lost = failures.get(request.id(model.fingerprint), NO_ANSWER)
            results.append(next(answers) or lost)
        else:
            results.append(NO_ROOM)
    return results


def add_instances(
    session: Session,
    found: Sequence[KeptTask],
    human: Sequence[Task],
    pool: InstanceFilter,
    max_count: int,
) -> list[KeptTask]:
    """Return a round's tasks with their instances, at most `max_count`.

    A task without a usable instance is dropped.

    Args:
        human: the tasks of people that may be shown.
        pool: the instances that are kept so far.
    """
    ledger = session.run.ledger
    kept: list[KeptTask] = []
    with (
        ledger.open_funnel(INSTANCES_STAGE, [one.task.id for one in found]) as tasks,
        ledger.open_funnel("instances") as instances,
    ):
        for one, mine in write_until_enough(session, found, human, kept, max_count):
            task = one.task
            room = session.config.instances.max_instances if len(kept) < max_count else 0
            judged = [*pool.filter_instances(task.instruction, mine.whole, room), *mine.refused]
            for number, (instance, fault) in enumerate(judged):
                instances.decide(digest([task.id, number]), fault, make_row(task, instance))
            good = tuple(instance for instance, fault in judged if not fault)
            reason = MORE_THAN_ASKED if mine.whole and not room else mine.reason
            if good:
                reason = ""
                kept.append(replace(one, task=replace(task, instances=good)))
            body = {"instruction": task.instruction, "classification": task.classification}
            tasks.decide(task.id, reason, body, failed=reason not in DROP_REASONS)
    return kept


def write_until_enough(
    session: Session,
    found: Sequence[KeptTask],
    human: Sequence[Task],
    kept: Sequence[KeptTask],
    max_count: int,
) -> Iterator[tuple[KeptTask, WrittenInstances]]:
    """Yield each task with the instances that the writer wrote for it.

    They are written for as many tasks as are expected to be enough, then for as many as the missing
    ones are expected to take. Where enough tasks are kept, the others get none.

    Args:
        kept: the tasks that the caller has kept of those that were yielded.
    """
    share = YIELDS[session.config.mode].kept_share
    left = list(found)
    while left and len(kept) < max_count:
        tried = len(found) - len(left)
        size = plan_portion(max_count - len(kept), share, len(kept), tried)
        portion, left = left[:size], left[size:]
        written = write_instances(session, portion, human)
        for one in portion:
            yield one, written[one.task.id]
    for one in left:
        yield one, WrittenInstances(lost=MORE_THAN_ASKED)


def write_instances(
    session: Session, found: Sequence[KeptTask], human: Sequence[Task]
) -> dict[str, WrittenInstances]:
    """Let the writer write instances for each task; return them by its id.

    The tasks of Alpaca come with their instance, whose output is chosen anew.
    """
    if session.config.mode == "alpaca":
        return choose_listed_outputs(session, found, human)
    tasks = [one.task for one in found]
    if session.config.mode == "magpie":
        return write_outputs(session, {}, tasks, [])
    if not is_chat_writer(session):
        return write_by_continuation(session, tasks)
    labels = [task for task in tasks if task.classification]
    texts = [task for task in tasks if not task.classification]
    with_input = [task for task in texts if has_input_reference(task.instruction)]
    inputs, lost = write_inputs(session, with_input, human)
    whole = [task for task in texts if task.id not in lost]
    written = write_by_continuation(session, labels)
    return written | write_outputs(session, inputs, whole, human) | lost


def choose_listed_outputs(
    session: Session, found: Sequence[KeptTask], human: Sequence[Task]
) -> dict[str, WrittenInstances]:
    """Let the writer answer each task of a list again; return the output that agrees most.

    The output in the list has a vote like any other answer. Departs from Alpaca, which takes it as
    it is; so does `instances.samples=0`, and a writer that is no chat model.
    """
    listed = {one.task.id: one.given for one in found if one.given is not None}
    if not session.config.instances.samples or not is_chat_writer(session):
        return {one.task.id: WrittenInstances((one.given,) if one.given else ()) for one in found}
    tasks = [one.task for one in found if one.task.id in listed]
    inputs = {id: given.input for id, given in listed.items()}
    outputs = {id: given.output for id, given in listed.items()}
    written = write_outputs(session, inputs, tasks, human, outputs)
    return {one.task.id: written.get(one.task.id, WrittenInstances()) for one in found}


def write_inputs(
    session: Session, tasks: Sequence[Task], human: Sequence[Task]
) -> tuple[dict[str, str], dict[str, WrittenInstances]]:
    """Let the writer write an input for each task, after a list of people's tasks with theirs.

    Returns:
        The inputs by task, "" for a task that needs none; and the tasks that are lost, because
        their input never came or was cut off.
    """
    sampling = make_sampling_params(session, INPUT_STOP_TEXTS)
    requests = []
    for task in tasks:
        shots = sample_input_shots(session, task, human)
        requests.append(make_input_request(task.instruction, shots, sampling, session.config.seed))
    inputs: dict[str, str] = {}
    lost: dict[str, WrittenInstances] = {}
    for task, result in zip(tasks, sample_fitting(session, requests), strict=True):
        if isinstance(result, str):
            lost[task.id] = WrittenInstances(lost=result)
        elif result.finish == "length":
            lost[task.id] = WrittenInstances(lost=CUT)
        else:
            inputs[task.id] = parse_input(result)
    return inputs, lost


def write_by_continuation(session: Session, tasks: Sequence[Task]) -> dict[str, WrittenInstances]:
    """Let the writer continue a list of worked examples with instances of each task."""
    sampling = make_sampling_params(session, STOP_TEXTS)
    needs_none = [not has_input_reference(task.instruction) for task in tasks]
    requests = [
        make_instance_request(
            task.instruction,
            task.classification is True,
            sampling,
            session.config.seed,
            bare=bare,
        )
        for task, bare in zip(tasks, needs_none, strict=True)
    ]
    results = sample_fitting(session, requests)
    found = {}
    for task, bare, result in zip(tasks, needs_none, results, strict=True):
        if isinstance(result, str):
            found[task.id] = WrittenInstances(lost=result)
        else:
            found[task.id] = read_instance_list(result, task, bare)
    return found


def read_instance_list(completion: Completion, task: Task, bare: bool) -> WrittenInstances:
    """Return the instances in a list that the writer continued.

    A label without an input is refused.
    """
    found = parse_instances(completion, task.classification is True, bare=bare)
    empty = [one for one in found if task.classification and not one.input]
    return WrittenInstances(
        tuple(one for one in found if one not in empty),
        tuple((one, BARE_LABEL) for one in dict.fromkeys(empty)),
    )


def make_sampling_params(session: Session, stop: tuple[str, ...] = ()) -> SamplingParams:
    """Return how instances are sampled."""
    config = session.config.instances
    return SamplingParams(config.temperature, config.top_p, config.max_tokens, stop)


def write_outputs(
    session: Session,
    inputs: Mapping[str, str],
    tasks: Sequence[Task],
    human: Sequence[Task],
    outputs: Mapping[str, str] = NO_OUTPUTS,
) -> dict[str, WrittenInstances]:
    """Let the writer answer each task several times; the answer that agrees most with the others
    is its output.

    Args:
        inputs: by the id of the task; a task may have none.
        outputs: an answer that a task has already, by its id. It is one of the answers.
    """
    config = session.config.instances
    sampling = make_sampling_params(session)
    seed = session.config.seed
    requests = []
    for task in tasks:
        own = inputs.get(task.id, "")
        for number in range(config.samples):
            shots = sample_shots(session, task, human, number)
            requests.append(
                make_answer_request(task.instruction, own, shots, sampling, seed, number)
            )
    results = iter(sample_fitting(session, requests))
    found = {}
    for task in tasks:
        mine = list(islice(results, config.samples))
        completions = [result for result in mine if isinstance(result, Completion)]
        if not completions:
            found[task.id] = WrittenInstances(lost=str(mine[0]))
            continue
        if task.id in outputs:
            completions.insert(0, Completion(task.id, outputs[task.id]))
        text, reason = choose_consensus(completions, config.min_agreement)
        instance = Instance(inputs.get(task.id, ""), text)
        found[task.id] = WrittenInstances((instance,))
        if reason:
            found[task.id] = WrittenInstances(refused=((instance, reason),))
    return found


def choose_consensus(completions: Sequence[Completion], min_agreement: float) -> tuple[str, str]:
    """Return the answer that agrees most with the others, and why it cannot be used, or "".

    An answer that was cut or loops supports others but is not chosen before them.
    """
    texts = [completion.text.strip() for completion in completions]
    faults = []
    for completion, text in zip(completions, texts, strict=True):
        looping = LOOPING if is_looping(text) else ""
        faults.append(CUT if completion.finish == "length" else looping)
    shares = score_agreement(texts)
    best = max(range(len(texts)), key=lambda i: (not faults[i], shares[i]))
    return texts[best], faults[best] or (NO_CONSENSUS if shares[best] < min_agreement else "")


def sample_shots(session: Session, task: Task, human: Sequence[Task], number: int) -> list[Task]:
    """Sample short tasks of people that are no classifications, anew for each answer to a task."""
    short = list_short_tasks(human)
    chance = random.Random(f"cases {session.config.seed} {task.id} {number}")
    return chance.sample(short, min(session.config.instances.shots, len(short)))


def sample_input_shots(session: Session, task: Task, human: Sequence[Task]) -> list[Task]:
    """Sample short tasks of people that have an input, anew for each task."""
    short = [one for one in list_short_tasks(human) if one.instances[0].input]
    chance = random.Random(f"inputs {session.config.seed} {task.id}")
    return chance.sample(short, min(MAX_INPUT_SHOTS, len(short)))


def list_short_tasks(human: Sequence[Task]) -> list[Task]:
    """Return the tasks of people that are short and no classifications."""
    found = []
    for task in human:
        if task.instances and not task.classification:
            words = split_written_words(f"{task.instruction} {task.instances[0].text}")
            found += [task] if len(words) <= MAX_SHOT_WORDS else []
    return found
