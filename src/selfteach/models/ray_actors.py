"""A loaded model whose answers actors of a Ray cluster sample: `--engine ray`.

Each actor loads the same model on its machine and opens the engine that `auto` chooses there.

1. The driver sorts the missing requests into chunks, so that prompts with a common beginning stay
together, and gives each actor one chunk at a time: a faster actor does more.
2. The driver alone yields the completions, so it alone writes the ledger.
3. The chunk of an actor that died goes back to the front, and a new actor takes its place. A chunk
on which `MAX_DEATHS` actors died stops the run, which can be continued.
4. An actor whose model has another fingerprint is refused before the first request.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

from selfteach.errors import ResourceError, SelfteachError, UsageError, get_first_line
from selfteach.extras import require_extra
from selfteach.models import Sampler
from selfteach.records import Completion, JsonMapping, Request
from selfteach.text import format_count

if TYPE_CHECKING:
    from selfteach.models.loaded_model import LoadedModel

MIN_CHUNK, MAX_CHUNK = 64, 256
"""Requests of a chunk: enough for full batches, few enough that little is asked again."""
CHUNKS_PER_ACTOR = 4
"""Chunks that each actor would get of many requests, so that a slow one holds nobody up."""
MAX_DEATHS = 3
START_ATTEMPTS = 3
START_S = 900
"""Seconds in which an actor must have loaded the model, if nothing else is under way."""
CLUSTER_VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
"""Settings of a cluster that starts here: nothing is reported, and actors have the priority of the
command, not Ray's low one."""
ACTOR_DIED = "ray actor died"
"""The event of an actor that ended before it answered."""


OpenModel = Callable[[str, "Path | None"], "tuple[Sampler, str, str]"]
"""Returns a sampler, the name of its engine, and the reason for it."""


class OtherModel(UsageError):
    """Report that the actors' model is not the driver's."""


@dataclass(frozen=True)
class RaySettings:
    """Hold how many actors answer (0: as many as fit), and what receives a line for each event."""

    actors: int = 0
    on_event: Callable[[str, JsonMapping], None] = lambda kind, body: None


@dataclass
class RequestChunk:
    """Hold requests that one actor answers together, and how many actors died on them."""

    requests: list[Request]
    deaths: int = 0


@dataclass(frozen=True)
class ActorShape:
    """Hold the number of actors and what each of them takes of its machine."""

    count: int
    cpus: int
    gpus: int


class ActorModel:
    """Represent the model in an actor's process."""

    def __init__(self, open_model: OpenModel, name: str, adapter: Path | None) -> None:
        self._sampler, self.engine, _ = open_model(name, adapter)

    def describe(self) -> tuple[str, str, int]:
        """Return the fingerprint, the engine, and the number of the process."""
        return self._sampler.fingerprint, self.engine, os.getpid()

    def sample(self, requests: list[Request]) -> list[Completion]:
        """Answer requests."""
        return list(self._sampler.stream(requests))


@dataclass
class RayActors:
    """Sample with the actors of a cluster. It is a `Sampler`.

    The actors of the sampler that was used last are the only ones: others end, because each may
    need a whole accelerator.

    Args:
        hf: the driver's model; actors load the same by its name.
        open_model: opens the sampler of a model by its name, with an adapter, in an actor.

    Raises:
        UsageError: Ray is not installed, or the cluster has too few processors.
        OtherModel: the actors load other weights than the driver.
        ResourceError: no actor starts.
    """

    hf: LoadedModel
    open_model: OpenModel
    adapter: Path | None = None
    settings: RaySettings = field(default_factory=RaySettings)

    def __post_init__(self) -> None:
        """Open the actors and compare the model of the first one."""
        require_extra("ray")
        self.name = self.hf.name
        self.fingerprint = self.hf.fingerprint
        self.engine = ""
        self.processes: dict[Any, int] = {}
        self._opening: dict[Any, Any] = {}
        self._shape = plan_actors(self.settings.actors)
        self._open()

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Sample as `Sampler.stream`.

        Raises:
            ResourceError: several actors died on the same requests, or none starts.
        """
        waiting = self._split(requests)
        if waiting and not self.processes:
            self._open()
        idle = deque(self.processes)
        working: dict[Any, tuple[Any, RequestChunk]] = {}
        try:
            while waiting or working:
                while waiting and idle:
                    actor, chunk = idle.popleft(), waiting.popleft()
                    working[actor.sample.remote(chunk.requests)] = (actor, chunk)
                done = self._wait([*working, *self._opening], patient=bool(working))
                if done in self._opening:
                    if actor := self._accept(done):
                        idle.append(actor)
                    continue
                actor, chunk = working.pop(done)
                found = self._collect(done, actor, chunk)
                if found is None:
                    waiting.appendleft(chunk)
                    continue
                idle.append(actor)
                yield from found
        finally:
            if working:  # the caller left early, or the run stops
                self.release_memory()

    def release_memory(self) -> None:
        """End the actors; the next request opens others."""
        import ray

        for actor in [*self.processes, *self._opening.values()]:
            ray.kill(actor)
        self.processes.clear()
        self._opening.clear()

    @property
    def description(self) -> str:
        """Return how many actors sample with which engine."""
        number = self._shape.count
        return f"{format_count(number, 'Ray actors')} with {self.engine}"

    def _split(self, requests: Sequence[Request]) -> deque[RequestChunk]:
        """Return the requests in chunks. Prompts are checked first, and in one order everywhere.

        Raises:
            UnfitPrompt: a prompt leaves no room for an answer.
        """
        from selfteach.models.pending import prepare_request

        distinct = {request.id(self.fingerprint): request for request in requests}
        rows = {id: prepare_request(self.hf, request) for id, request in distinct.items()}
        ids = sorted(rows, key=lambda id: (rows[id].prompt_ids, id))
        wanted = -(-len(ids) // (CHUNKS_PER_ACTOR * self._shape.count))
        size = min(max(wanted, MIN_CHUNK), MAX_CHUNK)
        ordered = [distinct[id] for id in ids]
        return deque(RequestChunk(ordered[i : i + size]) for i in range(0, len(ids), size))

    def _open(self) -> None:
        """Start all actors and wait for the first; end those of the sampler that had some."""
        if _Owner.sampler is not None and _Owner.sampler is not self:
            _Owner.sampler.release_memory()
        _Owner.sampler = self
        for _ in range(self._shape.count):
            self._start()
        while not self.processes:
            self._accept(self._wait(list(self._opening), patient=False))

    def _start(self) -> None:
        """Start an actor, which loads the model."""
        import ray

        kind: Any = ray.remote(ActorModel)
        options = {"num_cpus": self._shape.cpus, "num_gpus": self._shape.gpus}
        actor = kind.options(**options).remote(self.open_model, self.name, self.adapter)
        self._opening[actor.describe.remote()] = actor

    def _wait(self, tasks: list[Any], *, patient: bool) -> Any:
        """Return the first task that is done.

        Raises:
            ResourceError: nothing is done within `START_S`, though only actors are to start.
        """
        import ray

        done, _ = ray.wait(tasks, num_returns=1, timeout=None if patient else START_S)
        if not done:
            self.release_memory()
            raise ResourceError(
                f"no actor has started in {START_S} s.",
                where="--engine ray",
                cure="See with `ray status` whether the cluster has free processors.",
            )
        return done[0]

    def _accept(self, opened: Any) -> Any:
        """Return the actor whose model is loaded and known to be the same; None where it does not
        start and others do.

        Raises:
            OtherModel: it loads other weights.
            ResourceError: it does not start, and there is no other.
        """
        import ray

        actor = self._opening.pop(opened)
        try:
            fingerprint, self.engine, process = ray.get(opened)
        except ray.exceptions.RayError as fault:
            if self.processes or self._opening:
                return None
            cause = getattr(fault, "cause", None) or fault
            raise ResourceError(
                f"no actor starts ({get_first_line(cause)}).",
                where="--engine ray",
                cure="See that each machine of the cluster has selfteach, the model and memory.",
            ) from fault
        if fingerprint != self.fingerprint:
            self.release_memory()
            ray.kill(actor)
            raise OtherModel("the actors load other weights.", where="--engine ray")
        self.processes[actor] = process
        return actor

    def _collect(self, done: Any, actor: Any, chunk: RequestChunk) -> list[Completion] | None:
        """Return the completions of a chunk; None where the actor died. Another one is started.

        Raises:
            ResourceError: too many actors died on this chunk.
        """
        import ray

        try:
            found: list[Completion] = ray.get(done)
            return found
        except ray.exceptions.RayTaskError as fault:
            raise _get_cause(fault) from fault
        except ray.exceptions.RayActorError as fault:
            reason = get_first_line(fault)
        ray.kill(actor)  # it may only be out of reach
        del self.processes[actor]
        chunk.deaths += 1
        self.settings.on_event(ACTOR_DIED, {"requests": len(chunk.requests), "reason": reason})
        if chunk.deaths == MAX_DEATHS:
            raise ResourceError(
                f"{MAX_DEATHS} actors died on the same "
                f"{format_count(len(chunk.requests), 'requests')} ({reason}).",
                where="--engine ray",
                cure="Look at their memory; the same command continues the run.",
            )
        self._start()
        return None


class _Owner:
    """Hold the sampler that has the actors."""

    sampler: RayActors | None = None


def join_cluster(**options: Any) -> None:
    """Join the cluster of `RAY_ADDRESS` or of this machine; without one, start one here.

    Args:
        options: of `ray.init`, for a cluster that starts here.

    Raises:
        ResourceError: there is none, and none starts. Ray waits 30 s, which a busy machine may
            exceed, so it is tried `START_ATTEMPTS` times.
    """
    import ray

    for name, value in CLUSTER_VARIABLES.items():
        os.environ.setdefault(name, value)
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    for attempt in range(1, START_ATTEMPTS + 1):
        if ray.is_initialized():
            return
        try:
            with _keep_signals():
                ray.init(**quiet, **options)
        except Exception as fault:  # Ray raises nothing more precise
            ray.shutdown()
            if attempt == START_ATTEMPTS:
                raise ResourceError(
                    f"no cluster can be joined or started ({get_first_line(fault)}).",
                    where="--engine ray",
                    cure="Look at `ray status` and RAY_ADDRESS, or start one with "
                    "`ray start --head`.",
                ) from fault


def plan_actors(wanted: int) -> ActorShape:
    """Join or start a cluster; return how many actors it holds.

    By default each accelerator gets an actor; without accelerators each machine gets one, with all
    processors but one, which Ray's own processes need.

    Raises:
        UsageError: the cluster has too few processors for so many actors.
        ResourceError: there is no cluster, and none starts.
    """
    import ray

    join_cluster()
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(machine.get("GPU", 0) for machine in machines))
    free = [max(int(machine.get("CPU", 0)) - 1, 1) for machine in machines]
    count = wanted or gpus or len(machines)
    each_gpu = int(gpus >= count)
    per_machine = -(-count // len(machines))
    cpus = 1 if each_gpu else max(min(free) // per_machine, 1)
    if sum(cores // cpus for cores in free) < count:
        raise UsageError(
            f"{count} actors need {count} processors besides one on each machine for Ray's own "
            f"processes, and the cluster has {sum(free)}.",
            where="ray.actors",
            cure="Set it lower, or 0 for as many as fit.",
        )
    return ActorShape(count, cpus, each_gpu)


@contextmanager
def _keep_signals() -> Iterator[None]:
    """Keep the handlers of the command, which Ray would replace by its own."""
    numbers = (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()
    kept = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _get_cause(fault: Exception) -> Exception:
    """Return the error that an actor raised, if it is one of ours."""
    cause = getattr(fault, "cause", None)
    return cause if isinstance(cause, SelfteachError) else fault
