"""Steps 2 to 4 of tasks: the writer (the student, or a teacher) invents tasks and says which are
classifications; instancing.py has step 5.

What is refused has a reason that is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from selfteach.config import TasksConfig as Settings
from selfteach.generate.instances import find_threshold, has_input_reference, score_classification
from selfteach.generate.invent import (
    InventedTask,
    InventionRequest,
    Mode,
    get_stop_texts,
    make_invention_request,
    parse_invented,
)
from selfteach.materials.tasks import Task, list_classifications
from selfteach.methods.session import Session
from selfteach.methods.tasks.instances import (
    INSTANCES_STAGE,
    NO_TASK,
    KeptTask,
    add_instances,
    get_state,
    get_writer,
    sample_fitting,
)
from selfteach.models.remote.guard import NoLogprobs
from selfteach.records import SamplingParams, digest
from selfteach.run.ledger import Outcome
from selfteach.select.task_filter import (
    LIKE_TASK,
    InstanceFilter,
    NoveltyFilter,
    find_blacklisted_word,
    find_instruction_fault,
)
from selfteach.statistics import share


@dataclass(frozen=True, slots=True)
class InventSettings:
    """How a mode asks: requests a round, and how each is drawn."""

    requests: int
    temperature: float
    top_p: float
    max_tokens: int


MODE_DEFAULTS = {
    "self-instruct": InventSettings(96, 0.7, 0.5, 192),
    "alpaca": InventSettings(12, 1.0, 1.0, 1536),
    "magpie": InventSettings(96, 1.0, 1.0, 192),
}
"""Each mode as its source has it; requests and tokens so that all ask for about as many tasks a
round, and 20 whole ones have room.
"""
ROUND_STRIDE = 100_000
PATIENCE_ROUNDS = 3
"""So many rounds must yield too little before invention stops: a single poor one is chance."""
NO_SCORE = "no score came"


@dataclass(frozen=True, slots=True)
class TaskCandidate:
    """One item that the writer wrote, with the request that it came from."""

    item: InventedTask
    request: str
    number: int

    @property
    def id(self) -> str:
        """Of this item, wherever else the same words occur."""
        return digest(["item", self.request, self.number])


def invent_tasks(
    session: Session,
    human: Sequence[Task],
    known: Sequence[str],
    after_round: Callable[[Sequence[KeptTask]], None] = lambda kept: None,
) -> list[KeptTask]:
    """Steps 2 to 5: rounds of requests, until there are enough tasks with instances, or hardly any
    new ones come; then it is said.

    Args:
        human: the tasks of people that may be shown.
        known: the instructions that no new one may be like: all seeds, also those that are kept for
            the exam.
        after_round: is given what is kept so far.
    """
    config, how = session.config, get_invent_settings(session.config)
    drawing = SamplingParams(
        how.temperature, how.top_p, how.max_tokens, get_stop_texts(config.mode, config.invent.items)
    )
    novelty, pool = (
        NoveltyFilter(known, config.filter.max_overlap, config.filter.similar),
        InstanceFilter(config.filter.max_overlap),
    )
    bound = fit_classification_threshold(session, human)
    kept: list[KeptTask] = []
    yields: list[int] = []
    session.display.start_stage("invent", config.count, "tasks")
    while not (reason := why_stop(config, yields)):
        turn, machine = len(yields), [one.task for one in kept]
        asked = [
            make_invention_request(
                config.mode, human, machine, drawing, turn * ROUND_STRIDE + i, config.seed
            )
            for i in range(how.requests)
        ]
        found = mark_classifications(
            session, filter_candidates(session, sample_candidates(session, asked), novelty), bound
        )  # 2, 3, 4
        new = add_instances(session, found, human, pool, config.count - len(kept))  # 5
        session.display.advance(len(new))
        yields.append(len(new))
        kept += new
        after_round(kept)
    session.run.ledger.finish_stage(INSTANCES_STAGE, [])
    if len(kept) < config.count:
        session.display.print_line(f"{len(kept):,} of {config.count:,} tasks: {reason}")
    return kept


def why_stop(config: Settings, yields: Sequence[int]) -> str:
    """Why no other round follows, or "".

    Args:
        yields: how many tasks each round so far kept.
    """
    last, asked, least = (
        sum(yields[-PATIENCE_ROUNDS:]),
        PATIENCE_ROUNDS * get_invent_settings(config).requests,
        config.invent.min_yield,
    )
    if sum(yields) >= config.count:
        return "enough"
    if len(yields) == config.invent.rounds:
        return f"the {len(yields)} rounds of invent.rounds are over"
    if len(yields) >= PATIENCE_ROUNDS and last <= least * asked:
        return (
            f"the last {PATIENCE_ROUNDS} rounds kept {last} from {asked:,} requests, no more than "
            f"invent.min_yield={least:g} of them"
        )
    return ""


def get_invent_settings(config: Settings) -> InventSettings:
    """How this run asks: what the configuration says, else the mode's own."""
    own = MODE_DEFAULTS[config.mode]
    return replace(
        own,
        **{
            key: value
            for key in InventSettings.__slots__
            if (value := getattr(config.invent, key)) is not None
        },
    )


def sample_candidates(session: Session, asked: Sequence[InventionRequest]) -> list[TaskCandidate]:
    """Step 2: the items of one round's answers. The ledger holds which tasks of people and of the
    model each request was shown.
    """
    mode: Mode = session.config.mode
    answers, missing = sample_fitting(session, [one.request for one in asked])
    found, fates = [], []
    for one in asked:
        id = one.request.id(get_writer(session).fingerprint)
        items = parse_invented(mode, answers[id]) if id in answers else []
        reason = "" if items else NO_TASK if id in answers else missing[id]
        fates.append(
            Outcome(
                id,
                get_state(reason),
                reason,
                {"human": list(one.human), "machine": list(one.machine)},
            )
        )
        found += [TaskCandidate(item, id, number) for number, item in enumerate(items)]
    session.run.ledger.record_outcomes("requests for tasks", fates)
    return found


def filter_candidates(
    session: Session, found: Sequence[TaskCandidate], novelty: NoveltyFilter
) -> list[KeptTask]:
    """Step 3: what becomes of each item of a round."""
    sift = session.config.filter
    faults = {c.id: find_instruction_fault(c.item.instruction, sift, cut=c.item.cut) for c in found}
    formed = [c for c in found if not faults[c.id]]
    decided = dict(
        zip(
            (c.id for c in formed),
            novelty.decide([c.item.instruction for c in formed]),
            strict=True,
        )
    )
    kept: list[KeptTask] = []
    fates: list[Outcome] = []
    for c in found:
        text, reason = c.item.instruction, faults[c.id]
        body: dict[str, object] = {"instruction": text}
        if word := find_blacklisted_word(text, sift.blacklist) if reason else "":
            body["word"] = word
        if not reason:
            new, near = decided[c.id]
            body |= {
                "most_similar": [list(pair) for pair in near.most_similar],
                "mean_similarity": near.mean,
            }
            reason = "" if new else LIKE_TASK
            if not reason:
                kept.append(KeptTask(Task(f"invented {c.id}", text), near, c.item.instance))
        fates.append(Outcome(c.id, "dropped" if reason else "accepted", reason, body))
    session.run.ledger.record_outcomes("tasks", fates)
    return kept


def fit_classification_threshold(session: Session, seeds: Sequence[Task]) -> float:
    """Step 4: above which log-odds a task is a classification: the seeds that a person marked
    decide, and show how well it is known.

    Only those count whose words name an input: without one there is nothing to classify.
    """
    told = [(text, flag) for text, flag in list_classifications(seeds) if has_input_reference(text)]
    values = score_log_odds(session, [text for text, _ in told])
    known = [
        (flag, value) for (_, flag), value in zip(told, values, strict=True) if value is not None
    ]
    bound = find_threshold(known)
    right = share([(value > bound) is flag for flag, value in known])
    session.run.ledger.set_note(
        "classification",
        {"threshold_nats": bound, "seeds_right": [right.value, right.low, right.high, right.n]},
    )
    return bound


def score_log_odds(session: Session, instructions: Sequence[str]) -> list[float | None]:
    """Step 4: the writer's log-odds; the student's where a teacher gives no log-probabilities,
    which is said.
    """
    try:
        return score_classification(get_writer(session), instructions)
    except NoLogprobs as fault:
        session.display.print_line(
            f"the student tells classifications, because the teacher {fault.what}"
        )
        return score_classification(session.base, instructions)


def mark_classifications(
    session: Session, found: Sequence[KeptTask], bound: float
) -> list[KeptTask]:
    """Step 4: which of a round's tasks are classifications. One whose score was lost is none, as
    most are not, and is counted as failed.
    """
    asked = [one.task for one in found if has_input_reference(one.task.instruction)]
    values = score_log_odds(session, [task.instruction for task in asked])
    told = list(zip(asked, values, strict=True))
    session.run.ledger.record_outcomes(
        "kinds of tasks",
        [
            Outcome(
                task.id,
                "accepted" if value is not None else "failed",
                "" if value is not None else NO_SCORE,
                {"instruction": task.instruction, "log_odds_nats": value},
            )
            for task, value in told
        ],
    )
    yes = {task.id for task, value in told if value is not None and value > bound}
    return [
        replace(one, task=replace(one.task, classification=one.task.id in yes)) for one in found
    ]
