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

from selfteach.evaluate.sanity import loops
from selfteach.generate.instances import (
    answer_request,
    input_request,
    instance_request,
    names_input,
    read_input,
    read_instances,
)
from selfteach.materials.tasks import Instance, Task
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import PLAIN_NAME
from selfteach.records import Draw, Request, Sampling, digest
from selfteach.run.ledger import Fate, State
from selfteach.select.agreement import agreement
from selfteach.select.tasks import CUT, ENOUGH, Instances, Near

STAGE = "tasks with instances"
ROOMLESS = "prompt longer than the context"
NOTHING, NO_CASE, LOST = "no task in it", "no usable instance", "no answer came"
LOOPS, UNSURE, BARE_LABEL = (
    "goes round in circles",
    "its answers do not agree",
    "a label without an input",
)
DROPS = frozenset({ROOMLESS, NOTHING, NO_CASE, CUT, LOOPS, UNSURE, BARE_LABEL, ENOUGH})
STOPS = ("\n\nTask:", "\nTask:")
INPUT_STOPS = (*STOPS, "\nOutput:")
INPUTS = 6
"""Tasks of people in a request for an input."""
SHORT = 60
"""Words that a worked task of people has at most."""


@dataclass(frozen=True, slots=True)
class Invented:
    """A kept task, as it stands so far; `near` is what its instruction is like."""

    task: Task
    near: Near
    given: Instance | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What the writer wrote for a task: instances, and those whose output is no use, with the
    reason. `lost`: why there is nothing.
    """

    whole: tuple[Instance, ...] = ()
    refused: tuple[tuple[Instance, str], ...] = ()
    lost: str = ""

    @property
    def reason(self) -> str:
        """Why a task with nothing usable is dropped."""
        return self.lost or (self.refused[0][1] if self.refused and not self.whole else NO_CASE)


def writer(session: Session) -> Recorded:
    """Who invents: the teacher where there is one."""
    return session.teacher or session.base


def converses(session: Session) -> bool:
    """Whether the writer knows conversations; of a teacher that is supposed."""
    return session.teacher is not None or session.model.tokens.template != PLAIN_NAME


def drawn(session: Session, requests: Sequence[Request]) -> tuple[dict[str, Draw], dict[str, str]]:
    """Answers by request, and why the others have none: no room for one in the context, or an
    endpoint lost it.
    """
    model, room = writer(session), (session.teacher or session.model).room_tokens
    roomy = [r for r in requests if room(r.prompt) > 0]
    answers = {draw.id: draw for draw in model.draw(roomy)}
    missing = (
        {r.id(model.fingerprint): ROOMLESS for r in requests}
        | {r.id(model.fingerprint): LOST for r in roomy}
        | dict(model.failures)
    )
    return answers, {id: reason for id, reason in missing.items() if id not in answers}


def fate(reason: str) -> State:
    """What becomes of a candidate: the writer's own refusals are drops, an answer that never came
    is a failure.
    """
    return "accepted" if not reason else "dropped" if reason in DROPS else "failed"


def instanced(
    session: Session, found: Sequence[Invented], human: Sequence[Task], pool: Instances, most: int
) -> list[Invented]:
    """A round's tasks with their instances; a task without a usable one is dropped, and so are more
    than `most`.

    Args:
        human: the tasks of people that may be shown.
        pool: the instances that are kept so far.
    """
    session.run.ledger.expect(STAGE, (one.task.id for one in found))
    written = wrote(session, found, human)
    kept, tasks, cases = list[Invented](), list[Fate](), list[Fate]()
    for one in found:
        task, mine = one.task, written[one.task.id]
        room = session.config.cases.most if len(kept) < most else 0
        judged = [*pool.sieve(task.instruction, mine.whole, room), *mine.refused]
        for number, (case, fault) in enumerate(judged):
            body = {"instruction": task.instruction, "input": case.input, "output": case.output}
            cases.append(
                Fate(digest([task.id, number]), "dropped" if fault else "accepted", fault, body)
            )
        good = tuple(case for case, fault in judged if not fault)
        reason = "" if good else ENOUGH if mine.whole and not room else mine.reason
        tasks.append(
            Fate(
                task.id,
                fate(reason),
                reason,
                {"instruction": task.instruction, "classification": task.classification},
            )
        )
        if good:
            kept.append(replace(one, task=replace(task, instances=good)))
    session.run.ledger.place("instances", cases)
    session.run.ledger.place(STAGE, tasks)
    return kept


def wrote(session: Session, found: Sequence[Invented], human: Sequence[Task]) -> dict[str, Written]:
    """What was written for each task, by its id. Alpaca's tasks come with their instance."""
    if session.config.mode == "alpaca":
        return {one.task.id: Written((one.given,) if one.given else ()) for one in found}
    tasks = [one.task for one in found]
    bare = {task.id: "" for task in tasks}
    if session.config.mode == "magpie":
        return answered(session, bare, tasks, [])
    if not converses(session):
        return continued(session, tasks)
    texts = [task for task in tasks if not task.classification]
    inputs, lost = given(session, [task for task in texts if names_input(task.instruction)], human)
    there = [task for task in texts if task.id not in lost]
    return (
        continued(session, [task for task in tasks if task.classification])
        | answered(session, bare | inputs, there, human)
        | lost
    )


def given(
    session: Session, tasks: Sequence[Task], human: Sequence[Task]
) -> tuple[dict[str, str], dict[str, Written]]:
    """An input for each task, from a list of people's tasks with theirs; a task that gets none
    there needs none.

    Returns also what is to be said of tasks whose input never came or was cut off.
    """
    how = drawing(session, INPUT_STOPS)
    asked = {
        task.id: input_request(
            task.instruction, with_inputs(session, task, human), how, session.config.seed
        )
        for task in tasks
    }
    answers, missing = drawn(session, list(asked.values()))
    found, lost = {}, {}
    for task in tasks:
        id = asked[task.id].id(writer(session).fingerprint)
        if id in answers and answers[id].finish != "length":
            found[task.id] = read_input(answers[id])
        else:
            lost[task.id] = Written(lost=missing.get(id, CUT))
    return found, lost


def continued(session: Session, tasks: Sequence[Task]) -> dict[str, Written]:
    """Instances from a list of worked examples that the writer goes on with."""
    how = drawing(session, STOPS)
    bare = {task.id: not names_input(task.instruction) for task in tasks}
    asked = {
        task.id: instance_request(
            task.instruction,
            task.classification is True,
            how,
            session.config.seed,
            bare=bare[task.id],
        )
        for task in tasks
    }
    answers, lost = drawn(session, list(asked.values()))
    found = {}
    for task in tasks:
        id = asked[task.id].id(writer(session).fingerprint)
        found[task.id] = (
            listed(answers[id], task, bare[task.id]) if id in answers else Written(lost=lost[id])
        )
    return found


def listed(draw: Draw, task: Task, bare: bool) -> Written:
    """The instances in a list that the writer went on with. A label without anything to be the
    label of is none.
    """
    cases = read_instances(draw, task.classification is True, bare=bare)
    empty = [case for case in cases if task.classification and not case.input]
    return Written(
        tuple(case for case in cases if case not in empty),
        tuple((case, BARE_LABEL) for case in dict.fromkeys(empty)),
    )


def drawing(session: Session, stop: tuple[str, ...] = ()) -> Sampling:
    """How instances are drawn."""
    config = session.config.cases
    return Sampling(config.temperature, config.top_p, config.max_tokens, stop)


def answered(
    session: Session, inputs: Mapping[str, str], tasks: Sequence[Task], human: Sequence[Task]
) -> dict[str, Written]:
    """Outputs for given inputs, in a conversation: of several answers the one that agrees most with
    the others.
    """
    config, how = session.config.cases, drawing(session)
    asked = {
        task.id: [
            answer_request(
                task.instruction,
                inputs[task.id],
                worked(session, task, human, number),
                how,
                session.config.seed,
                number,
            )
            for number in range(config.draws)
        ]
        for task in tasks
    }
    answers, lost = drawn(session, [request for group in asked.values() for request in group])
    found = {}
    for task in tasks:
        ids = [request.id(writer(session).fingerprint) for request in asked[task.id]]
        if came := [answers[id] for id in ids if id in answers]:
            text, reason = agreed(came, config.agreement)
            case = Instance(inputs[task.id], text)
            found[task.id] = Written(refused=((case, reason),)) if reason else Written((case,))
        else:
            found[task.id] = Written(lost=lost[ids[0]])
    return found


def agreed(came: Sequence[Draw], least: float) -> tuple[str, str]:
    """The answer that agrees most with the others, and why it is no use, or "". One that was cut or
    loops speaks for others alone.
    """
    texts = [draw.text.strip() for draw in came]
    faults = [
        CUT if draw.finish == "length" else LOOPS if loops(text) else ""
        for draw, text in zip(came, texts, strict=True)
    ]
    shares = agreement(texts)
    best = max(range(len(texts)), key=lambda i: (not faults[i], shares[i]))
    return texts[best], faults[best] or (UNSURE if shares[best] < least else "")


def worked(session: Session, task: Task, human: Sequence[Task], number: int) -> list[Task]:
    """Sample short tasks of people that are no classifications, anew for each answer to a task."""
    short = shown(human)
    chance = random.Random(f"cases {session.config.seed} {task.id} {number}")
    return chance.sample(short, min(session.config.cases.shots, len(short)))


def with_inputs(session: Session, task: Task, human: Sequence[Task]) -> list[Task]:
    """Short tasks of people that have an input, drawn for each task anew."""
    short = [one for one in shown(human) if one.instances[0].input]
    return random.Random(f"inputs {session.config.seed} {task.id}").sample(
        short, min(INPUTS, len(short))
    )


def shown(human: Sequence[Task]) -> list[Task]:
    """The tasks of people that are short and no classifications."""
    whole = [one for one in human if not one.classification and one.instances]
    return [
        one for one in whole if len(f"{one.instruction} {one.instances[0].text}".split()) <= SHORT
    ]
