"""`--engine ray` without Ray: chunks, deaths and other models, with actors in this process.

tests/models/test_ray_actors.py has the same with Ray itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from selfteach.errors import ResourceError, UsageError
from selfteach.models import openvino, ray_actors
from selfteach.models.engines import choose_sampler, open_sampler
from selfteach.models.hf import HfModel
from selfteach.models.ray_actors import ACTOR_DIED, MIN_CHUNK, RaySettings, plan_actors
from selfteach.records import Request, SamplingParams, make_prompt

REQUESTS = [
    Request("t", make_prompt(f"Sing of {i}."), SamplingParams(1.0, 1.0, 1), i) for i in range(200)
]


class RayError(Exception):
    pass


class RayActorError(RayError):
    pass


class RayTaskError(RayError):
    pass


class LocalRay(ModuleType):
    """A stand-in for Ray: a task runs when its result is asked for.

    Attributes:
        deaths: how many chunks find their actor dead.
        asked: the sizes of the chunks that were computed.
    """

    def __init__(self, machines: list[dict[str, int]]) -> None:
        super().__init__("ray")
        self.__spec__ = ModuleSpec("ray", None)
        self.exceptions = SimpleNamespace(
            RayError=RayError, RayActorError=RayActorError, RayTaskError=RayTaskError
        )
        self.machines = machines
        self.deaths = 0
        self.asked: list[int] = []
        self.killed: list[Any] = []

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": machine} for machine in self.machines]

    def remote(self, kind: type) -> Any:
        def start(*arguments: Any) -> Any:
            return LocalActor(self, lambda: kind(*arguments))

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=start))

    def wait(self, tasks: list[Any], num_returns: int, timeout: float | None) -> Any:
        return tasks[:1], tasks[1:]

    def get(self, task: Callable[[], Any]) -> Any:
        return task()

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)


class LocalActor:
    """An actor whose model is made when it is first asked for something."""

    def __init__(self, ray: LocalRay, make: Callable[[], Any]) -> None:
        self._ray = ray
        self._make = make
        self.describe = SimpleNamespace(remote=lambda: lambda: self._model().describe())
        self.sample = SimpleNamespace(remote=lambda requests: lambda: self._answer(requests))
        self._made: Any = None

    def _model(self) -> Any:
        self._made = self._made or self._make()
        return self._made

    def _answer(self, requests: list[Request]) -> Any:
        if self._ray.deaths:
            self._ray.deaths -= 1
            raise RayActorError("the actor died")
        self._ray.asked.append(len(requests))
        return self._model().sample(requests)


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> LocalRay:
    found = LocalRay([{"CPU": 4}, {"CPU": 4}])
    monkeypatch.setitem(sys.modules, "ray", found)
    monkeypatch.setattr(ray_actors._Owner, "sampler", None)
    monkeypatch.setattr(openvino, "explain_why_not_openvino", lambda hf: "it takes a second")
    return found


def sample(sampler: Any) -> dict[str, str]:
    found = list(sampler.stream(REQUESTS))
    assert len(found) == len(REQUESTS)
    return {completion.id: completion.text for completion in found}


def test_actors_answer_in_chunks_and_a_death_loses_nothing(
    tiny_hf: HfModel, local: LocalRay
) -> None:
    events: list[tuple[str, Any]] = []
    settings = RaySettings(2, lambda kind, body: events.append((kind, dict(body))))
    opened = choose_sampler(tiny_hf, "ray", ray=settings)
    assert opened.engine == "2 Ray actors with hf"
    whole = sample(opened.sampler)
    assert sorted(local.asked) == [200 - 3 * MIN_CHUNK, MIN_CHUNK, MIN_CHUNK, MIN_CHUNK]
    assert whole == sample(open_sampler(tiny_hf))
    local.deaths = 2
    assert sample(opened.sampler) == whole
    assert [kind for kind, _ in events] == [ACTOR_DIED] * 2
    assert events[0][1] == {"requests": MIN_CHUNK, "reason": "the actor died"}
    assert len(local.killed) == 2


def test_three_deaths_on_the_same_requests_stop_the_run(tiny_hf: HfModel, local: LocalRay) -> None:
    sampler = open_sampler(tiny_hf, "ray")
    local.deaths = 100
    with pytest.raises(ResourceError, match="3 actors died on the same 64 requests"):
        sample(sampler)


def test_actors_end_before_others_open_and_open_again(tiny_hf: HfModel, local: LocalRay) -> None:
    first: Any = open_sampler(tiny_hf, "ray")
    second: Any = open_sampler(tiny_hf, "ray")
    assert len(local.killed) == 2
    assert not first.processes
    assert set(second.processes.values()) <= {os.getpid()}
    second.release_memory()
    assert len(sample(second)) == len(REQUESTS)


def test_other_weights_are_sampled_with_here(tiny_hf: HfModel, local: LocalRay) -> None:
    changed = HfModel(tiny_hf.module, tiny_hf.tokens, tiny_hf.name, "another fingerprint")
    opened = choose_sampler(changed, "ray")
    assert opened.engine == "hf"
    assert opened.reason.startswith("the actors load other weights, and ")


@pytest.mark.parametrize(
    ("machines", "wanted", "shape"),
    [
        ([{"CPU": 8}, {"CPU": 8}], 0, (2, 7, 0)),
        ([{"CPU": 8}, {"CPU": 8}], 4, (4, 3, 0)),
        ([{"CPU": 16, "GPU": 4}, {"CPU": 16, "GPU": 4}], 0, (8, 1, 1)),
        ([{"CPU": 1}], 0, (1, 1, 0)),
    ],
)
def test_actors_leave_a_processor_to_ray(
    local: LocalRay, machines: list[dict[str, int]], wanted: int, shape: tuple[int, int, int]
) -> None:
    local.machines = machines
    found = plan_actors(wanted)
    assert (found.count, found.cpus, found.gpus) == shape


def test_more_actors_than_processors_are_refused(local: LocalRay) -> None:
    with pytest.raises(UsageError, match=r"9 actors need 9 processors .* the cluster has 6\."):
        plan_actors(9)
