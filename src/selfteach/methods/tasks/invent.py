"""Steps 2 to 4 of tasks: the writer (the base, or a teacher) invents tasks and says which are
classifications. Step 5 is in instances.py.

Every refusal has a reason that is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace

from selfteach.config import TasksConfig as Settings
from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.instances import find_threshold, has_input_reference, score_classification
from selfteach.generate.invent import (
    InventedTask,
    InventionRequest,
    Mode,
    count_shown_tasks,
    get_stop_texts,
    make_invention_request,
    parse_invented,
)
from selfteach.materials.tasks import Instance, Task, list_classifications
from selfteach.methods.session import Session
from selfteach.methods.tasks.instances import (
    DROP_REASONS,
    NO_TASK,
    KeptTask,
    add_instances,
    describe_similarity,
    get_writer,
    sample_fitting,
)
from selfteach.methods.tasks.invent_settings import YIELDS, get_invent_settings, plan_portion
from selfteach.models.remote.retry import NoLogprobs
from selfteach.records import SamplingParams, digest
from selfteach.select.task_filter import (
    LIKE_EXAM,
    LIKE_TASK,
    InstanceFilter,
    NoveltyFilter,
    find_blacklisted_word,
    find_instruction_fault,
    limit_overlap,
)
from selfteach.select.task_groups import list_inputs
from selfteach.statistics import share

ROUND_STRIDE = 100_000
PATIENCE_ROUNDS = 3
"""The requests of so many whole rounds must yield too little before invention stops: a single poor
round is chance.
"""
NO_SCORE = "no score came"
FOLDS = 10
"""Parts of the seeds: the threshold for each part is set on the others."""


@dataclass(frozen=True, slots=True)
class TaskCandidate:
    """Hold one item that the writer wrote, with the request that it came from."""

    item: InventedTask
    request: str
    number: int

    @property
    def id(self) -> str:
        """Return the id of this item, which differs from that of others with the same words."""
        return digest(["item", self.request, self.number])


@dataclass(frozen=True, slots=True)
class RoundYield:
    """Hold how many requests a round had, and how many tasks it kept."""

    requests: int
    kept: int


def invent_tasks(
    session: Session,
    human: Sequence[Task],
    known: Sequence[str],
    after_round: Callable[[Sequence[KeptTask]], None] = lambda kept: None,
    held_out: Sequence[Task] = (),
) -> list[KeptTask]:
    """Invent tasks in rounds of requests until there are enough with instances (steps 2 to 5).

    A round requests about as many as are missing. Stop earlier when hardly any new ones come, and
    print why.

    Args:
        human: the tasks of people that may be shown.
        known: the texts that no new instruction may be like: all seeds, those of the exam too, and
            the prompts about anything.
        after_round: called with the tasks that are kept so far.
        held_out: the tasks of the exam. No new instance may be like one of theirs.
    """
    config = session.config
    novelty = NoveltyFilter(known, config.filter.max_overlap, config.filter.similar)
    pool = make_instance_filter(config, held_out)
    asked = OverlapIndex(text for _, text in list_inputs(held_out))
    rule = fit_classification(session, human)
    kept: list[KeptTask] = []
    yields: list[RoundYield] = []
    session.display.start_stage("invent", config.count, "tasks")
    while not (reason := why_stop(config, yields)):
        requests = make_round_requests(config, human, [one.task for one in kept], yields)
        candidates = sample_candidates(session, requests)  # 2
        found = filter_candidates(session, candidates, novelty, asked)  # 3
        found = mark_classifications(session, found, rule)  # 4
        new = add_instances(session, found, human, pool, config.count - len(kept))  # 5
        session.display.advance(len(new))
        yields.append(RoundYield(len(requests), len(new)))
        kept += new
        after_round(kept)
        # Later requests show these tasks: a resumed run must find the same ones.
        if session.teacher:
            session.teacher.freeze_failures()
    if len(kept) < config.count:
        session.display.print_line(f"{len(kept):,} of {config.count:,} tasks: {reason}")
    return kept


def make_instance_filter(config: Settings, held_out: Sequence[Task]) -> InstanceFilter:
    """Return the filter of instances, which refuses those like an instance of the exam."""
    pool = InstanceFilter(config.filter.max_overlap, config.filter.overlap)
    for task in held_out:
        for case in task.instances:
            pool.hold_out(case)
            pool.hold_out(Instance(task.instruction, case.output))
    return pool


def make_round_requests(
    config: Settings, human: Sequence[Task], machine: Sequence[Task], yields: Sequence[RoundYield]
) -> list[InventionRequest]:
    """Return the requests of the next round, which show tasks of people and of the model.

    Args:
        machine: the tasks that are kept so far.
    """
    settings = get_invent_settings(config)
    shown = count_shown_tasks(human, machine)
    stops = get_stop_texts(config.mode, config.invent.items, shown)
    sampling = SamplingParams(settings.temperature, settings.top_p, settings.max_tokens, stops)
    first = len(yields) * ROUND_STRIDE
    return [
        make_invention_request(config.mode, human, machine, sampling, number, config.seed)
        for number in range(first, first + choose_round_size(config, yields))
    ]


def why_stop(config: Settings, yields: Sequence[RoundYield]) -> str:
    """Return why no other round follows, or "".

    Args:
        yields: the rounds so far.
    """
    if sum(one.kept for one in yields) >= config.count:
        return "enough"
    whole = get_invent_settings(config).requests
    requested = sum(one.requests for one in yields)
    if config.invent.rounds and requested >= config.invent.rounds * whole:
        return f"the {requested:,} requests of invent.rounds={config.invent.rounds} are over"
    latest = list_latest(config, yields)
    requested = sum(one.requests for one in latest)
    kept = sum(one.kept for one in latest)
    min_yield = config.invent.min_yield
    if requested >= PATIENCE_ROUNDS * whole and kept <= min_yield * requested:
        return (
            f"the last {len(latest)} rounds kept {kept} from {requested:,} requests, no more "
            f"than invent.min_yield={min_yield:g} of them"
        )
    return ""


def list_latest(config: Settings, yields: Sequence[RoundYield]) -> list[RoundYield]:
    """Return the last rounds with as many requests as `PATIENCE_ROUNDS` whole ones, if there are so
    many, else all.
    """
    enough = PATIENCE_ROUNDS * get_invent_settings(config).requests
    latest: list[RoundYield] = []
    for one in reversed(yields):
        if sum(taken.requests for taken in latest) >= enough:
            break
        latest.append(one)
    return latest


def choose_round_size(config: Settings, yields: Sequence[RoundYield]) -> int:
    """Return the requests of the next round: as many as the missing tasks are expected to take.

    They are no more than a whole round, and no more than invent.rounds leaves.

    Args:
        yields: the rounds so far. The last of them tell how many tasks a request brings.
    """
    whole = get_invent_settings(config).requests
    missing = config.count - sum(one.kept for one in yields)
    latest = list_latest(config, yields)
    size = plan_portion(
        missing,
        YIELDS[config.mode].kept,
        sum(one.kept for one in latest),
        sum(one.requests for one in latest),
    )
    size = min(size, whole)
    if config.invent.rounds:
        size = min(size, config.invent.rounds * whole - sum(one.requests for one in yields))
    return size


def sample_candidates(
    session: Session, requests: Sequence[InventionRequest]
) -> list[TaskCandidate]:
    """Return the items of one round's answers (step 2).

    The ledger holds which tasks of people and of the model each request showed.
    """
    mode: Mode = session.config.mode
    found = []
    results = sample_fitting(session, [one.request for one in requests])
    with session.run.ledger.open_funnel("requests for tasks") as funnel:
        for one, result in zip(requests, results, strict=True):
            id = one.request.id(get_writer(session).fingerprint)
            first = len(one.human) + len(one.machine) + 1
            items = [] if isinstance(result, str) else parse_invented(mode, result, first)
            found += [TaskCandidate(item, id, number) for number, item in enumerate(items)]
            reason = result if isinstance(result, str) else "" if items else NO_TASK
            body = {"human": list(one.human), "machine": list(one.machine)}
            funnel.decide(id, reason, body, failed=reason not in DROP_REASONS)
    return found


def filter_candidates(
    session: Session,
    candidates: Sequence[TaskCandidate],
    novelty: NoveltyFilter,
    asked: OverlapIndex,
) -> list[KeptTask]:
    """Return the usable and new tasks of a round (step 3).

    Args:
        asked: the inputs of the exam. A question that is one of them is no new task.
    """
    config = session.config.filter
    limit = limit_overlap(config.max_overlap)
    faults = []
    for candidate in candidates:
        item = candidate.item
        fault = find_instruction_fault(item.instruction, config, cut=item.cut)
        if not fault and asked.nearest(item.instruction, limit).similarity > limit:
            fault = LIKE_EXAM
        faults.append(fault)
    rows = list(zip(candidates, faults, strict=True))
    decided = iter(novelty.decide([one.item.instruction for one, fault in rows if not fault]))
    kept: list[KeptTask] = []
    with session.run.ledger.open_funnel("tasks") as funnel:
        for candidate, reason in rows:
            text = candidate.item.instruction
            body: dict[str, object] = {"instruction": text}
            if reason:
                word = find_blacklisted_word(text, config.blacklist)
                body |= {"word": word} if word else {}
            else:
                new, near = next(decided)
                body |= describe_similarity(near)
                reason = "" if new else LIKE_TASK
                if new:
                    task = Task(f"invented {candidate.id}", text)
                    kept.append(KeptTask(task, near, candidate.item.instance))
            funnel.decide(candidate.id, reason, body)
    return kept


@dataclass(frozen=True, slots=True)
class ClassificationRule:
    """Decide which tasks are classifications (step 4).

    Attributes:
        threshold_nats: the log-odds of the writer above which a task is one.
        by_words: whether only tasks whose words name an input can be.
    """

    threshold_nats: float
    by_words: bool = True


def fit_classification(session: Session, seeds: Sequence[Task]) -> ClassificationRule:
    """Return how classifications are recognized, by the seeds that a person marked (step 4).

    The writer is asked. That a task must name an input as well is kept only where it makes no more
    errors on the seeds. Both accuracies are of seeds that the threshold was not set on; the ledger
    notes them, and a line shows them.
    """
    marked = list_classifications(seeds)
    values = score_log_odds(session, [text for text, _ in marked])
    rows = []
    for (text, flag), value in zip(marked, values, strict=True):
        if value is not None:
            rows.append(LabelledSeed(flag, value, has_input_reference(text)))
    alone, with_words = (cross_validate(rows, by_words) for by_words in (False, True))
    by_words = sum(with_words) >= sum(alone)
    rule = ClassificationRule(set_threshold(rows, by_words), by_words)
    accuracy = {"model": share(alone), "model and words": share(with_words)}
    never = share([not row.flag for row in rows])
    noted = {name: list(astuple(found)) for name, found in {**accuracy, "never": never}.items()}
    note = {"threshold_nats": rule.threshold_nats, "by_words": by_words, "accuracy": noted}
    session.run.ledger.set_note("classification", note)
    if rows:
        shown = ", ".join(f"{name} {found.value:.0%}" for name, found in accuracy.items())
        session.display.print_line(
            f"classification or not, right on {len(rows)} seeds: {shown}, always no "
            f"{never.value:.0%}; used: {'model and words' if by_words else 'model'}"
        )
    return rule


@dataclass(frozen=True, slots=True)
class LabelledSeed:
    """Hold a seed that a person marked: whether it is a classification, the writer's log-odds, and
    whether its words name an input.
    """

    flag: bool
    log_odds_nats: float
    names_input: bool


def set_threshold(rows: Sequence[LabelledSeed], by_words: bool) -> float:
    """Return the threshold from the seeds that can be classifications."""
    return find_threshold(
        [(row.flag, row.log_odds_nats) for row in rows if row.names_input or not by_words]
    )


def cross_validate(rows: Sequence[LabelledSeed], by_words: bool) -> list[bool]:
    """Return whether each seed is recognized, by the threshold of nine tenths without it."""
    thresholds = []
    for fold in range(min(FOLDS, len(rows))):
        others = [other for j, other in enumerate(rows) if j % FOLDS != fold]
        thresholds.append(set_threshold(others, by_words))
    found = []
    for i, row in enumerate(rows):
        called = row.log_odds_nats > thresholds[i % FOLDS]
        called = called and (row.names_input or not by_words)
        found.append(called is row.flag)
    return found


def score_log_odds(session: Session, instructions: Sequence[str]) -> list[float | None]:
    """Return the writer's log-odds that tasks are classifications, in nats (step 4).

    The base scores where a teacher gives no log-probabilities.
    """
    try:
        return score_classification(get_writer(session), instructions)
    except NoLogprobs as fault:
        session.display.print_line(
            f"the base decides which tasks are classifications, because the teacher {fault.what}"
        )
        return score_classification(session.base, instructions)


def mark_classifications(
    session: Session, found: Sequence[KeptTask], rule: ClassificationRule
) -> list[KeptTask]:
    """Mark which of a round's tasks are classifications (step 4).

    A task whose score was lost is none, as most are not, and is counted as failed.
    """
    tasks = [one.task for one in found]
    if rule.by_words:
        tasks = [task for task in tasks if has_input_reference(task.instruction)]
    values = score_log_odds(session, [task.instruction for task in tasks])
    marked = set()
    with session.run.ledger.open_funnel("kinds of tasks") as funnel:
        for task, value in zip(tasks, values, strict=True):
            body = {"instruction": task.instruction, "log_odds_nats": value}
            funnel.decide(task.id, NO_SCORE if value is None else "", body, failed=True)
            if value is not None and value > rule.threshold_nats:
                marked.add(task.id)
    return [
        replace(one, task=replace(one.task, classification=one.task.id in marked)) for one in found
    ]
