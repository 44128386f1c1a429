"""Steps 2 to 4 of tasks: the writer (the student, or a teacher) invents tasks and says which are classifications; instancing.py has step 5.

What is refused has a reason that is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfteach.generate.instances import classify, names_input, threshold
from selfteach.generate.invent import Invention, Item, Mode, invention, read_invented, stops
from selfteach.materials.tasks import Task, labelled
from selfteach.methods.instancing import NOTHING, Invented, drawn, fate, instanced, writer
from selfteach.methods.road import Road
from selfteach.records import Sampling, digest
from selfteach.run.ledger import Fate
from selfteach.select.tasks import LIKE, Instances, Novelty, blacklisted, instruction_fault
from selfteach.statistics import share

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


def invent(road: Road, human: Sequence[Task], known: Sequence[str]) -> list[Invented]:
    """Steps 2 to 5: rounds of requests, until there are enough tasks with instances.

    Args:
        human: the tasks of people that may be shown.
        known: the instructions that no new one may be like: all seeds, also those that are kept for the exam.
    """
    config = road.config
    novelty, pool = Novelty(known, config.sift.max_overlap, config.sift.similar), Instances(config.sift.max_overlap)
    bound = boundary(road, human)
    kept: list[Invented] = []
    road.display.stage("invent", config.count, "tasks")
    for turn in range(config.invent.rounds):
        machine = [one.task for one in kept]
        asked = [
            invention(config.mode, human, machine, sampling(road), turn * ROUND + i, config.seed) for i in range(config.invent.requests)
        ]
        found = classified(road, sieve(road, candidates(road, asked), novelty), bound)  # 2, 3, 4
        new = instanced(road, found, human, pool, config.count - len(kept))  # 5
        road.display.advance(len(new))
        kept += new
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


def sieve(road: Road, found: Sequence[Candidate], novelty: Novelty) -> list[Invented]:
    """Step 3: what becomes of each item of a round."""
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
            reason = "" if new else LIKE
            if not reason:
                kept.append(Invented(Task(f"invented {c.id}", text), near, c.item.instance))
        fates.append(Fate(c.id, "dropped" if reason else "accepted", reason, body))
    road.run.ledger.place("tasks", fates)
    return kept


def boundary(road: Road, seeds: Sequence[Task]) -> float:
    """Step 4: above which log-odds a task is a classification: the seeds that a person marked decide, and show how well it is known.

    Only those count whose words name an input: without one there is nothing to classify.
    """
    told = [(text, flag) for text, flag in labelled(seeds) if names_input(text)]
    values = classify(writer(road), [text for text, _ in told])
    labels = [flag for _, flag in told]
    bound = threshold(list(zip(labels, values, strict=True)))
    right = share([(value > bound) is flag for flag, value in zip(labels, values, strict=True)])
    road.run.ledger.note("classification", {"threshold_nats": bound, "seeds_right": [right.value, right.low, right.high, right.n]})
    return bound


def classified(road: Road, found: Sequence[Invented], bound: float) -> list[Invented]:
    """Step 4: which of a round's tasks are classifications."""
    asked = [one for one in found if names_input(one.task.instruction)]
    values = classify(writer(road), [one.task.instruction for one in asked])
    yes = {one.task.id for one, value in zip(asked, values, strict=True) if value > bound}
    return [replace(one, task=replace(one.task, classification=one.task.id in yes)) for one in found]
