"""`--engine ray`: actors sample, the driver alone records, and a dead actor loses nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from selfteach.errors import ResourceError, UsageError
from selfteach.models.engines import choose_sampler, open_sampler
from selfteach.models.hf import HfModel
from selfteach.models.ray_actors import (
    ACTOR_DIED,
    CLUSTER_VARIABLES,
    MIN_CHUNK,
    RaySettings,
    join_cluster,
)
from selfteach.models.recorded import Recorded
from selfteach.records import Request, SamplingParams, make_prompt
from selfteach.run.ledger import Ledger

ray = pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = pytest.mark.slow

REQUESTS = [
    Request("t", make_prompt(f"Tell me about number {i}."), SamplingParams(0.9, 0.95, 40), draw)
    for i in range(50)
    for draw in range(6)
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two processors for actors and one for Ray."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CLUSTER_VARIABLES.items():
            patch.setenv(name, value)
        join_cluster(address="local", num_cpus=3)
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def model(make_tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> HfModel:
    """A family that openvino does not know, so that the actors sample with transformers."""
    folder = make_tiny(tmp_path_factory.mktemp("ray") / "tiny", family="mistral")
    return HfModel.load(folder)


def read_ledger(folder: Path) -> bytes:
    """All requests and answers, without the order of their arrival."""
    database = sqlite3.connect(folder / "run.db")
    rows: list[tuple[Any, ...]] = []
    rows += database.execute("SELECT id, stage, body, crc FROM requests ORDER BY id")
    rows += database.execute("SELECT id, body FROM answers ORDER BY id")
    return repr(rows).encode()


def record(model: HfModel, folder: Path, kill: bool) -> tuple[bytes, list[str]]:
    """Answer the requests with two actors; kill one of them after the first answer."""
    events: list[str] = []
    settings = RaySettings(2, lambda kind, body: events.append(kind))
    actors: Any = choose_sampler(model, "ray", ray=settings).sampler
    folder.mkdir()
    with closing(Ledger(folder / "run.db")) as ledger:
        found = Recorded(ledger, actors).stream(REQUESTS)
        first = next(found)
        if kill:
            os.kill(list(actors.processes.values())[-1], signal.SIGKILL)
        assert len({first.id, *(completion.id for completion in found)}) == len(REQUESTS)
    actors.release_memory()
    return read_ledger(folder), events


@pytest.mark.usefixtures("cluster")
def test_a_killed_actor_changes_no_byte_of_the_ledger(model: HfModel, tmp_path: Path) -> None:
    whole, nothing = record(model, tmp_path / "whole", kill=False)
    killed, events = record(model, tmp_path / "killed", kill=True)
    assert nothing == []
    assert events == [ACTOR_DIED]
    assert killed == whole


@pytest.mark.usefixtures("cluster")
def test_actors_answer_as_the_model_itself(model: HfModel) -> None:
    few = REQUESTS[:MIN_CHUNK]
    opened = choose_sampler(model, "ray", ray=RaySettings(1))
    found = {completion.id: completion.text for completion in opened.sampler.stream(few)}
    assert opened.engine == "1 Ray actor with hf"
    assert found == {c.id: c.text for c in open_sampler(model, "hf").stream(few)}


@pytest.mark.usefixtures("cluster")
def test_more_actors_than_processors_are_refused(model: HfModel) -> None:
    with pytest.raises(UsageError, match="9 actors need 9 processors"):
        choose_sampler(model, "ray", ray=RaySettings(9))


@pytest.mark.usefixtures("cluster")
def test_a_model_that_is_on_no_disk_is_sampled_with_here(model: HfModel) -> None:
    changed = HfModel(model.module, model.tokens, model.name, "another fingerprint")
    opened = choose_sampler(changed, "ray", ray=RaySettings(1))
    assert opened.engine == "hf"
    assert opened.reason.startswith("the actors load other weights, and openvino cannot")


@pytest.mark.usefixtures("cluster")
def test_requests_on_which_three_actors_die_stop_the_run(
    model: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    actors: Any = choose_sampler(model, "ray", ray=RaySettings(1)).sampler
    wait = actors._wait

    def wait_and_kill(tasks: list[Any], *, patient: bool) -> Any:
        for process in actors.processes.values():
            if patient:
                os.kill(process, signal.SIGKILL)
        return wait(tasks, patient=patient)

    monkeypatch.setattr(actors, "_wait", wait_and_kill)
    with pytest.raises(ResourceError, match="3 actors died on the same 64 requests"):
        list(actors.stream(REQUESTS[:MIN_CHUNK]))
