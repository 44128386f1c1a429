"""Which process of a launch owns the run."""

from __future__ import annotations

import pytest

from selfteach.errors import UsageError
from selfteach.run import processes


@pytest.mark.parametrize(
    ("world", "rank", "count", "first"),
    [
        (None, None, 1, True),
        ("", "", 1, True),
        ("1", "3", 1, True),
        ("2", "0", 2, True),
        ("2", None, 2, True),
        ("2", "", 2, True),
        ("2", "1", 2, False),
        ("8", "7", 8, False),
    ],
)
def test_the_process_of_rank_zero_owns_the_run(
    monkeypatch: pytest.MonkeyPatch, world: str | None, rank: str | None, count: int, first: bool
) -> None:
    for name, value in (("WORLD_SIZE", world), ("RANK", rank)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert processes.count_processes() == count
    assert processes.is_first_process() is first


@pytest.mark.parametrize(
    ("name", "value"),
    [("WORLD_SIZE", "abc"), ("WORLD_SIZE", "0"), ("WORLD_SIZE", "-2"), ("RANK", "1.5")],
)
def test_a_variable_of_a_launch_that_is_no_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name}={value}: is no whole number .* Unset {name};"):
        processes.is_first_process()
    monkeypatch.setenv("LOCAL_RANK", "x")
    with pytest.raises(UsageError, match="LOCAL_RANK=x: is no whole number from 0 on"):
        processes.get_local_rank()


@pytest.mark.parametrize(
    ("launch", "form"),
    [
        ({}, ""),
        ({"ACCELERATE_USE_FSDP": "false", "ACCELERATE_USE_DEEPSPEED": "0"}, ""),
        ({"ACCELERATE_USE_FSDP": "true"}, "fsdp1"),
        ({"ACCELERATE_USE_FSDP": "1", "FSDP_VERSION": "2"}, "fsdp2"),
        ({"ACCELERATE_USE_DEEPSPEED": "Yes", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, "zero3"),
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "zero"),
        ({"ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}, ""),
    ],
)
def test_how_a_launch_splits_a_training_is_read_in_one_place(
    monkeypatch: pytest.MonkeyPatch, launch: dict[str, str], form: str
) -> None:
    names = ("ACCELERATE_USE_FSDP", "FSDP_VERSION", "ACCELERATE_USE_DEEPSPEED")
    for name in (*names, "ACCELERATE_DEEPSPEED_ZERO_STAGE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in launch.items():
        monkeypatch.setenv(name, value)
    assert processes.read_launched_sharding() == form


def test_work_of_one_process_is_refused_to_several_and_only_the_first_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    processes.refuse_several_processes("compare")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(UsageError, match="compare runs in one process, and 2 were launched"):
        processes.refuse_several_processes("compare")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit) as ended:
        processes.refuse_several_processes("compare")
    assert ended.value.code == 2
