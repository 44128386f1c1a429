"""Steps 2 to 5 of tasks: the writer (the student, or a teacher) invents tasks, says which are classifications, and writes their instances;
what is refused has a reason that is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfteach.generate.instances import classify, instance_request, read_instances, threshold
from selfteach.generate.invent import Invention, Item, Mode, invention, read_invented, stops
from selfteach.materials.tasks import Instance, Task, labelled
from selfteach.methods.road import Road
from selfteach.models.recorded import Recorded
from selfteach.records import Draw, Request, Sampling, digest, user
from selfteach.run.ledger import Fate, State
from selfteach.select.tasks import CUT, LIKE, Instances, Near, Novelty, blacklisted, instruction_fault
from selfteach.statistics import share

ROOMLESS = "prompt longer than the context"
ENOUGH = "more than were asked for"
NOTHING, NO_CASE, LOST = "no task in it", "no usable instance", "no answer came"
DROPS = frozenset({ROOMLESS, NOTHING, NO_CASE, CUT})
OWN = {"self-instruct": (0.7, 0.5), "alpaca": (1.0, 1.0), "magpie": (1.0, 1.0)}
"""Temperature and top-p of each mode, as its source has them."""
ROUND = 100_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """One item that the writer wrote, with the request that it came from."""

    item: Item
    request: str
    number: int

    @property
    def id(self) -> str:
        """Of this item, wherever else the same words occur."""
        return digest(["item", self.request, self.number])


@dataclass(frozen=True, slots=True)
class Invented:
    """A kept task, as it stands so far; `near` is what its instruction is like."""

    task: Task
    near: Near
    given: Instance | None = None


def writer(road: Road) -> Recorded:
    """Who invents: the teacher where there is one."""
    return road.teacher or road.student


def invent(road: Road, human: Sequence[Task], known: Sequence[str]) -> list[Invented]:
    """Steps 2, 3: rounds of requests, until there are enough tasks.

    Args:
        human: the tasks of people that may be shown.
        known: the instructions that no new one may be like: all seeds, also those that are kept for the exam.
    """
    config = road.config
    novelty = Novelty(known, config.sift.max_overlap, config.sift.similar)
    kept: list[Invented] = []
    road.display.stage("invent", config.count, "tasks")
    for turn in range(config.invent.rounds):
        machine = [one.task for one in kept]
        asked = [
            invention(config.mode, human, machine, sampling(road), turn * ROUND + i, config.seed) for i in range(config.invent.requests)
        ]
        found = sieve(road, candidates(road, asked), novelty, config.count - len(kept))
        road.display.advance(len(found))
        kept += found
        if len(kept) >= config.count:
            break
    return kept


def sampling(road: Road) -> Sampling:
    """How tasks are drawn."""
    config = road.config.invent
    temperature, top_p = OWN[road.config.mode]
    return Sampling(
        temperature if config.temperature is None else config.temperature, top_p if config.top_p is None else config.top_p,
        config.max_tokens, stops(road.config.mode, config.items),
    )  # fmt: skip


def candidates(road: Road, asked: Sequence[Invention]) -> list[Candidate]:
    """Step 2: the items of one round's answers. The ledger holds which tasks of people and of the model each request was shown."""
    mode: Mode = road.config.mode
    answers, missing = drawn(road, [one.request for one in asked])
    found, fates = [], []
    for one in asked:
        id = one.request.id(writer(road).fingerprint)
        items = read_invented(mode, answers[id]) if id in answers else []
        reason = "" if items else NOTHING if id in answers else missing[id]
        fates.append(Fate(id, fate(reason), reason, {"human": list(one.human), "machine": list(one.machine)}))
        found += [Candidate(item, id, number) for number, item in enumerate(items)]
    road.run.ledger.place("requests for tasks", fates)
    return found


def drawn(road: Road, requests: Sequence[Request]) -> tuple[dict[str, Draw], dict[str, str]]:
    """Answers by request, and why the others have none: no room for one in the context, or an endpoint lost it."""
    model = writer(road)
    roomy = [r for r in requests if road.teacher or road.base.room_tokens(r.prompt) > 0]
    answers = {draw.id: draw for draw in model.draw(roomy)}
    missing = {r.id(model.fingerprint): ROOMLESS for r in requests} | {r.id(model.fingerprint): LOST for r in roomy} | dict(model.failures)
    return answers, {id: reason for id, reason in missing.items() if id not in answers}


def fate(reason: str) -> State:
    """What becomes of a candidate: the writer's own refusals are drops, an answer that never came is a failure."""
    return "accepted" if not reason else "dropped" if reason in DROPS else "failed"


def sieve(road: Road, found: Sequence[Candidate], novelty: Novelty, most: int) -> list[Invented]:
    """Step 3: what becomes of each item of a round; at most `most` are kept."""
    sift = road.config.sift
    faults = {c.id: instruction_fault(c.item.instruction, sift, cut=c.item.cut) for c in found}
    formed = [c for c in found if not faults[c.id]]
    decided = dict(zip((c.id for c in formed), novelty.decide([c.item.instruction for c in formed]), strict=True))
    kept: list[Invented] = []
    fates: list[Fate] = []
    for c in found:
        text, reason = c.item.instruction, faults[c.id]
        body: dict[str, object] = {"instruction": text}
        if word := blacklisted(text, sift.blacklist) if reason else "":
            body["word"] = word
        if not reason:
            new, near = decided[c.id]
            body |= {"most_similar": [list(pair) for pair in near.most_similar], "mean_similarity": near.mean}
            reason = LIKE if not new else ENOUGH if len(kept) >= most else ""
            if not reason:
                kept.append(Invented(Task(f"invented {c.id}", text), near, c.item.instance))
        fates.append(Fate(c.id, "dropped" if reason else "accepted", reason, body))
    road.run.ledger.place("tasks", fates)
    return kept


def classified(road: Road, found: Sequence[Invented], seeds: Sequence[Task]) -> list[Invented]:
    """Step 4: which tasks are classifications. The seeds of which a person said it set the threshold, and show how well it is known."""
    told = labelled(seeds)
    values = classify(writer(road), [text for text, _ in told] + [one.task.instruction for one in found])
    bound = threshold([(flag, value) for (_, flag), value in zip(told, values, strict=False)])
    right = share([(value > bound) is flag for (_, flag), value in zip(told, values, strict=False)])
    marked = [
        replace(one, task=replace(one.task, classification=value > bound)) for one, value in zip(found, values[len(told) :], strict=True)
    ]
    road.run.ledger.note(
        "classification",
        {"threshold_nats": bound, "seeds_right": [right.value, right.low, right.high, right.n],
         "yes": sum(one.task.classification is True for one in marked), "no": sum(one.task.classification is False for one in marked)},
    )  # fmt: skip
    return marked


def instanced(road: Road, found: Sequence[Invented]) -> list[Invented]:
    """Step 5: each task with its instances; a task without a usable one is dropped."""
    mode: Mode = road.config.mode
    road.display.stage("instances", len(found))
    written = {one.task.id: [one.given] for one in found if one.given} if mode == "alpaca" else {}
    missing: dict[str, str] = {}
    if mode != "alpaca":
        written, missing = wrote(road, found)
    pool = Instances(road.config.sift.max_overlap)
    kept, tasks, cases = [], [], []
    for one in found:
        task, good = one.task, list[Instance]()
        for number, (case, reason) in enumerate(pool.sieve(task.instruction, written.get(task.id, []))):
            reason = reason or (ENOUGH if len(good) >= road.config.cases.most else "")
            body = {"instruction": task.instruction, "input": case.input, "output": case.output}
            cases.append(Fate(digest([task.id, number]), "dropped" if reason else "accepted", reason, body))
            good += [] if reason else [case]
        reason = "" if good else missing.get(task.id, NO_CASE)
        tasks.append(Fate(task.id, fate(reason), reason, {"instruction": task.instruction}))
        if good:
            kept.append(replace(one, task=replace(task, instances=tuple(good))))
        road.display.advance()
    road.run.ledger.place("instances", cases)
    road.run.ledger.place("tasks with instances", tasks)
    return kept


def wrote(road: Road, found: Sequence[Invented]) -> tuple[dict[str, list[Instance]], dict[str, str]]:
    """The instances that the writer wrote for each task, and why some have none."""
    config = road.config.cases
    how = Sampling(config.temperature, 1.0, config.max_tokens, () if road.config.mode == "magpie" else ("\n\nTask:", "\nTask:"))
    requests = {one.task.id: case_request(road, one.task, how) for one in found}
    answers, lost = drawn(road, list(requests.values()))
    cases: dict[str, list[Instance]] = {}
    missing: dict[str, str] = {}
    for one in found:
        id = requests[one.task.id].id(writer(road).fingerprint)
        draw = answers.get(id)
        if draw is None:
            missing[one.task.id] = lost[id]
        elif road.config.mode == "magpie":
            cases[one.task.id] = [Instance("", draw.text.strip())] if draw.finish == "stop" else []
            missing |= {one.task.id: CUT} if draw.finish == "length" else {}
        else:
            cases[one.task.id] = read_instances(draw, one.task.classification is True)
    return cases, missing


def case_request(road: Road, task: Task, how: Sampling) -> Request:
    """The request for a task's instances; in Magpie's mode the task itself, as a person would ask it."""
    if road.config.mode == "magpie":
        return Request("instances", user(task.instruction), how, 0, road.config.seed)
    return instance_request(task.instruction, task.classification is True, how, road.config.seed)
