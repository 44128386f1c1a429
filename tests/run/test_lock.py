"""The lock of a run folder: held by one, named by its pid, free again after release."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from selfteach.errors import UsageError
from selfteach.run import lock
from selfteach.run.lock import LOCK_FILE, RunLock, find_lock_owner


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that are waited, without waiting."""
    found: list[float] = []
    monkeypatch.setattr(lock.time, "sleep", found.append)
    return found


def test_a_held_lock_names_its_process_and_is_free_after_release(tmp_path: Path) -> None:
    assert find_lock_owner(tmp_path) is None
    held = RunLock(tmp_path)
    assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"
    assert find_lock_owner(tmp_path) == os.getpid()
    held.release()
    assert find_lock_owner(tmp_path) is None
    assert (tmp_path / LOCK_FILE).exists()


def test_a_second_lock_is_refused_after_a_quarter_of_a_second(
    tmp_path: Path, pauses: list[float]
) -> None:
    held = RunLock(tmp_path)
    with pytest.raises(UsageError, match=f"in use by process {os.getpid()}") as caught:
        RunLock(tmp_path)
    assert caught.value.where == str(tmp_path)
    assert pauses == [0.05] * 5
    assert find_lock_owner(tmp_path) == os.getpid()
    held.release()


def test_a_refused_lock_leaves_no_file_open(tmp_path: Path, pauses: list[float]) -> None:
    held = RunLock(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(UsageError):
            RunLock(tmp_path)
        assert find_lock_owner(tmp_path) == os.getpid()
    assert len(os.listdir("/proc/self/fd")) == before
    held.release()
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_a_lock_that_is_released_meanwhile_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = RunLock(tmp_path)
    tries: list[float] = []

    def wait(seconds: float) -> None:
        tries.append(seconds)
        if len(tries) == 4:
            held.release()

    monkeypatch.setattr(lock.time, "sleep", wait)
    RunLock(tmp_path).release()
    assert len(tries) == 4


def test_the_pid_of_an_earlier_holder_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("123456789012345\n")
    held = RunLock(tmp_path)
    assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"
    held.release()


def test_a_holder_without_a_pid_is_unknown(tmp_path: Path, pauses: list[float]) -> None:
    held = RunLock(tmp_path)
    (tmp_path / LOCK_FILE).write_text("")
    assert find_lock_owner(tmp_path) == 0
    with pytest.raises(UsageError, match="in use by process unknown"):
        RunLock(tmp_path)
    held.release()


def test_everybody_may_look_who_holds_a_lock(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        RunLock(tmp_path).release()
    finally:
        os.umask(before)
    assert (tmp_path / LOCK_FILE).stat().st_mode & 0o777 == 0o644
