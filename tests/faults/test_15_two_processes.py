"""Row 15: of two processes on one run the second exits with 2 and the first one's pid; a lock dies
with its process.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import warm
from selfteach.run.lock import find_lock_owner

SCRIPTED_RUN = Path(__file__).with_name("scripted_run.py")


@pytest.fixture
def first(tmp_path: Path) -> Iterator[warm.Process]:
    """A process that is at work in the run folder."""
    environment = {**os.environ, "SCRIPTED_WAIT_S": "20"}
    process = warm.Process(command(tmp_path), env=environment)
    while "0/6 sampled" not in process.stderr.readline():
        assert process.poll() is None
    yield process
    process.close()


def command(folder: Path) -> list[str | Path]:
    return [SCRIPTED_RUN, "feedback", "Do not hum.", "--out", folder / "run", "--json"]


def test_the_second_process_exits_with_2_and_names_the_first(
    tmp_path: Path, first: warm.Process
) -> None:
    second = warm.run(command(tmp_path))
    assert second.returncode == 2
    assert f"in use by process {first.pid}" in second.stderr
    assert find_lock_owner(tmp_path / "run") == first.pid
    assert first.poll() is None


def test_a_lock_dies_with_its_process(tmp_path: Path, first: warm.Process) -> None:
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert find_lock_owner(tmp_path / "run") is None
    again = warm.run(command(tmp_path))
    assert again.returncode == 0, again.stderr


def test_looking_at_a_run_does_not_stop_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    start = time.monotonic()
    assert find_lock_owner(tmp_path / "run") is None
    assert time.monotonic() - start < 10
