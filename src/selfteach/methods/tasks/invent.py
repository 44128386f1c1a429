"""Steps 2 to 4 of tasks: the writer (the student, or a teacher) invents tasks and says which are
classifications; instancing.py has step 5.

What is refused has a reason that is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from selfteach.config import Tasks as Settings
from selfteach.generate.instances import classify, names_input, threshold
from selfteach.generate.invent import Invention, Item, Mode, invention, read_invented, stops
from selfteach.materials.tasks import Task, labelled
from selfteach.methods.session import Session
from selfteach.methods.tasks.instances import (
    NOTHING,
    STAGE,
    Invented,
    drawn,
    fate,
    instanced,
    writer,
)
from selfteach.models.endpoint_guard import NoLogprobs
from selfteach.records import Sampling, digest
from selfteach.run.ledger import Fate
from selfteach.select.tasks import LIKE, Instances, Novelty, blacklisted, instruction_fault
from selfteach.statistics import share


@dataclass(frozen=True, slots=True)
class Way:
    """How a mode asks: requests a round, and how each is drawn."""

    requests: int
    temperature: float
    top_p: float
    max_tokens: int


OWN = {
    "self-instruct": Way(96, 0.7, 0.5, 192),
    "alpaca": Way(12, 1.0, 1.0, 1536),
    "magpie": Way(96, 1.0, 1.0, 192),
}
"""Each mode as its source has it; requests and tokens so that all ask for about as many tasks a
round, and 20 whole ones have room.
"""
ROUND = 100_000
PATIENCE = 3
"""So many rounds must yield too little before invention stops: a single poor one is chance."""
UNSCORED = "no score came"


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


def invent(
    session: Session,
    human: Sequence[Task],
    known: Sequence[str],
    after_round: Callable[[Sequence[Invented]], None] = lambda kept: None,
) -> list[Invented]:
    """Steps 2 to 5: rounds of requests, until there are enough tasks with instances, or hardly any
    new ones come; then it is said.

    Args:
        human: the tasks of people that may be shown.
        known: the instructions that no new one may be like: all seeds, also those that are kept for
            the exam.
        after_round: is given what is kept so far.
    """
    config, how = session.config, way(session.config)
    drawing = Sampling(
        how.temperature, how.top_p, how.max_tokens, stops(config.mode, config.invent.items)
    )
    novelty, pool = (
        Novelty(known, config.sift.max_overlap, config.sift.similar),
        Instances(config.sift.max_overlap),
    )
    bound = boundary(session, human)
    kept: list[Invented] = []
    yields: list[int] = []
    session.display.stage("invent", config.count, "tasks")
    while not (reason := over(config, yields)):
        turn, machine = len(yields), [one.task for one in kept]
        asked = [
            invention(config.mode, human, machine, drawing, turn * ROUND + i, config.seed)
            for i in range(how.requests)
        ]
        found = classified(
            session, sieve(session, candidates(session, asked), novelty), bound
        )  # 2, 3, 4
        new = instanced(session, found, human, pool, config.count - len(kept))  # 5
        session.display.advance(len(new))
        yields.append(len(new))
        kept += new
        after_round(kept)
    session.run.ledger.settle(STAGE, [])
    if len(kept) < config.count:
        session.display.say(f"{len(kept):,} of {config.count:,} tasks: {reason}")
    return kept


def over(config: Settings, yields: Sequence[int]) -> str:
    """Why no other round follows, or "".

    Args:
        yields: how many tasks each round so far kept.
    """
    last, asked, least = (
        sum(yields[-PATIENCE:]),
        PATIENCE * way(config).requests,
        config.invent.least_yield,
    )
    if sum(yields) >= config.count:
        return "enough"
    if len(yields) == config.invent.rounds:
        return f"the {len(yields)} rounds of invent.rounds are over"
    if len(yields) >= PATIENCE and last <= least * asked:
        return (
            f"the last {PATIENCE} rounds kept {last} from {asked:,} requests, no more than "
            f"invent.least_yield={least:g} of them"
        )
    return ""


def way(config: Settings) -> Way:
    """How this run asks: what the configuration says, else the mode's own."""
    own = OWN[config.mode]
    return replace(
        own,
        **{
            key: value
            for key in Way.__slots__
            if (value := getattr(config.invent, key)) is not None
        },
    )


def candidates(session: Session, asked: Sequence[Invention]) -> list[Candidate]:
    """Step 2: the items of one round's answers. The ledger holds which tasks of people and of the
    model each request was shown.
    """
    mode: Mode = session.config.mode
    answers, missing = drawn(session, [one.request for one in asked])
    found, fates = [], []
    for one in asked:
        id = one.request.id(writer(session).fingerprint)
        items = read_invented(mode, answers[id]) if id in answers else []
        reason = "" if items else NOTHING if id in answers else missing[id]
        fates.append(
            Fate(id, fate(reason), reason, {"human": list(one.human), "machine": list(one.machine)})
        )
        found += [Candidate(item, id, number) for number, item in enumerate(items)]
    session.run.ledger.place("requests for tasks", fates)
    return found


def sieve(session: Session, found: Sequence[Candidate], novelty: Novelty) -> list[Invented]:
    """Step 3: what becomes of each item of a round."""
    sift = session.config.sift
    faults = {c.id: instruction_fault(c.item.instruction, sift, cut=c.item.cut) for c in found}
    formed = [c for c in found if not faults[c.id]]
    decided = dict(
        zip(
            (c.id for c in formed),
            novelty.decide([c.item.instruction for c in formed]),
            strict=True,
        )
    )
    kept: list[Invented] = []
    fates: list[Fate] = []
    for c in found:
        text, reason = c.item.instruction, faults[c.id]
        body: dict[str, object] = {"instruction": text}
        if word := blacklisted(text, sift.blacklist) if reason else "":
            body["word"] = word
        if not reason:
            new, near = decided[c.id]
            body |= {
                "most_similar": [list(pair) for pair in near.most_similar],
                "mean_similarity": near.mean,
            }
            reason = "" if new else LIKE
            if not reason:
                kept.append(Invented(Task(f"invented {c.id}", text), near, c.item.instance))
        fates.append(Fate(c.id, "dropped" if reason else "accepted", reason, body))
    session.run.ledger.place("tasks", fates)
    return kept


def boundary(session: Session, seeds: Sequence[Task]) -> float:
    """Step 4: above which log-odds a task is a classification: the seeds that a person marked
    decide, and show how well it is known.

    Only those count whose words name an input: without one there is nothing to classify.
    """
    told = [(text, flag) for text, flag in labelled(seeds) if names_input(text)]
    values = log_odds(session, [text for text, _ in told])
    known = [
        (flag, value) for (_, flag), value in zip(told, values, strict=True) if value is not None
    ]
    bound = threshold(known)
    right = share([(value > bound) is flag for flag, value in known])
    session.run.ledger.note(
        "classification",
        {"threshold_nats": bound, "seeds_right": [right.value, right.low, right.high, right.n]},
    )
    return bound


def log_odds(session: Session, instructions: Sequence[str]) -> list[float | None]:
    """Step 4: the writer's log-odds; the student's where a teacher gives no log-probabilities,
    which is said.
    """
    try:
        return classify(writer(session), instructions)
    except NoLogprobs as fault:
        session.display.say(f"the student tells classifications, because the teacher {fault.what}")
        return classify(session.base, instructions)


def classified(session: Session, found: Sequence[Invented], bound: float) -> list[Invented]:
    """Step 4: which of a round's tasks are classifications. One whose score was lost is none, as
    most are not, and is counted as failed.
    """
    asked = [one.task for one in found if names_input(one.task.instruction)]
    values = log_odds(session, [task.instruction for task in asked])
    told = list(zip(asked, values, strict=True))
    session.run.ledger.place(
        "kinds of tasks",
        [
            Fate(
                task.id,
                "accepted" if value is not None else "failed",
                "" if value is not None else UNSCORED,
                {"instruction": task.instruction, "log_odds_nats": value},
            )
            for task, value in told
        ],
    )
    yes = {task.id for task, value in told if value is not None and value > bound}
    return [
        replace(one, task=replace(one.task, classification=one.task.id in yes)) for one in found
    ]
