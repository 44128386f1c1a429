"""A training leaves the cores to other work that keeps them busy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import Tiny, make_examples

from selfteach import config
from selfteach.train import threads
from selfteach.train.train import train

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch say that it has two threads, on four cores, and that nobody chose so.

    It gets no second thread: other tests of this process fork, and a child inherits no threads.
    """
    monkeypatch.delenv(threads.CHOSEN_BY_USER, raising=False)
    monkeypatch.setattr(threads, "get_cores", lambda: [0, 1, 3, 4])
    number = [2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: number[0])
    monkeypatch.setattr(torch, "set_num_threads", lambda new: number.__setitem__(0, new))


def let_others_work(monkeypatch: pytest.MonkeyPatch, *percent: float) -> None:
    """Let each core of the machine look as busy as this."""
    monkeypatch.setattr(threads.psutil, "cpu_percent", lambda interval, percpu: list(percent))


@pytest.mark.parametrize(
    ("busy", "expected"),
    [
        ((0, 0, 100, 0, 0), 2),  # the busy core is none of ours
        ((5, 10, 0, 0, 5), 2),
        ((100, 100, 0, 0, 0), 2),
        ((100, 90, 0, 80, 5), 1),
        ((100, 100, 100, 100, 100), 1),
    ],
)
def test_a_thread_finds_a_core_of_its_own(
    busy: tuple[float, ...], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_others_work(monkeypatch, *busy)
    with threads.use_free_threads(CPU):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 2


def test_a_number_that_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    let_others_work(monkeypatch, 100, 100, 100, 100, 100)
    monkeypatch.setenv(threads.CHOSEN_BY_USER, "2")
    with threads.use_free_threads(CPU):
        assert torch.get_num_threads() == 2


def test_several_processes_keep_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    let_others_work(monkeypatch, 100, 100, 100, 100, 100)
    monkeypatch.setattr(threads, "count_processes", lambda: 2)
    with threads.use_free_threads(CPU):
        assert torch.get_num_threads() == 2


def test_the_number_comes_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    let_others_work(monkeypatch, 100, 100, 100, 100, 100)
    with pytest.raises(ValueError, match="no"), threads.use_free_threads(CPU):
        raise ValueError("no")
    assert torch.get_num_threads() == 2


@pytest.mark.training
@pytest.mark.parametrize(("busy", "expected"), [(0, 2), (100, 1)])
def test_a_training_beside_other_work_takes_one_thread(
    busy: int, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_others_work(monkeypatch, *[busy] * 5)
    settings = config.TrainConfig(weights={"in_scope": {"dpo": 1.0}}, batch_size=4, epochs=1)
    used: list[int] = []
    lines: list[str] = []

    def note(*_: Any) -> None:
        used.append(torch.get_num_threads())

    examples = make_examples(8)
    train(Tiny(), examples, settings, tmp_path, seed=0, progress=note, say=lines.append)
    assert set(used) == {expected}
    said = "other work keeps cores busy: 1 of 2 threads train" in lines
    assert said == (expected == 1)
