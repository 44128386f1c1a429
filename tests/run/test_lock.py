"""The lock of a run folder: held by one, named by its pid, free again after release."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from selfteach import cli
from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import UsageError
from selfteach.run import lock
from selfteach.run.ledger import Ledger
from selfteach.run.lock import LOCK_FILE, RunLock, find_lock_owner
from selfteach.run.run_folder import LEDGER_FILE, open_run


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


@pytest.mark.parametrize("call", ["ftruncate", "write"])
def test_a_lock_whose_pid_cannot_be_written_is_free_again(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as full:
        full.setattr(lock.os, call, fail)
        with pytest.raises(OSError, match="No space left"):
            RunLock(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
    RunLock(tmp_path).release()


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


def test_a_lock_whose_file_went_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that never began removes its folder's files, and then lets its lock go."""
    held = RunLock(tmp_path)
    pauses: list[float] = []

    def remove(seconds: float) -> None:
        if not pauses:
            (tmp_path / LOCK_FILE).unlink()
            held.release()
        pauses.append(seconds)

    monkeypatch.setattr(lock.time, "sleep", remove)
    taken = RunLock(tmp_path)
    assert len(pauses) == 1
    with pytest.raises(UsageError, match="in use by process"):
        RunLock(tmp_path)
    taken.release()


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


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file of the user, outside of every run."""
    file = tmp_path / "diary.txt"
    file.write_text("dear diary")
    return file


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run."""
    folder = tmp_path / "run"
    open_run(folder, "x", "feedback", resolve(FeedbackConfig), {"rule": "Hum a tune."}).close()
    return folder


def resume(run: Path) -> int:
    """Run the run's own command."""
    return cli.run_command(["feedback", "Hum a tune.", "--out", str(run)])


def recover(run: Path) -> int:
    return cli.run_command(["status", str(run), "--recover"])


def review(run: Path) -> int:
    return cli.run_command(["review", "--run", str(run), "--terminal"])


@pytest.mark.parametrize("command", [resume, recover, review])
def test_a_lock_that_is_a_link_is_refused_in_one_line_and_its_target_stays(
    command: Callable[[Path], int], run: Path, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (run / LOCK_FILE).unlink()
    (run / LOCK_FILE).symlink_to(target)
    assert command(run) == 2
    shown = capfd.readouterr().err
    assert re.fullmatch(r"selfteach: \S+/run.lock: is a link, and a run holds files .*\n", shown)
    assert target.read_text() == "dear diary"


@pytest.mark.parametrize(
    "name", ["log.txt", "manifest.json", "checkpoints/train/metrics.jsonl", "run.db-wal"]
)
def test_nothing_else_of_a_run_is_written_through_a_link(
    name: str, run: Path, target: Path
) -> None:
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(target)
    with pytest.raises(UsageError, match=f"{name}: is a link"):
        open_run(run, "x", "feedback", resolve(FeedbackConfig), {"rule": "Hum a tune."})
    assert target.read_text() == "dear diary"


def test_a_folder_of_checkpoints_elsewhere_is_refused(run: Path, tmp_path: Path) -> None:
    (run / "checkpoints").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="checkpoints: is a link") as caught:
        RunLock(run)
    assert "let its whole folder be the link" in str(caught.value.cure)


def test_a_whole_run_may_be_on_another_disk(run: Path, tmp_path: Path) -> None:
    """The cure of the message above."""
    run.rename(tmp_path / "elsewhere")
    run.symlink_to(tmp_path / "elsewhere")
    with open_run(run, "x", "feedback", resolve(FeedbackConfig), {"rule": "Hum a tune."}) as opened:
        assert opened.resumed
        opened.export("notes.txt", "kept")
    assert (tmp_path / "elsewhere" / "notes.txt").read_text() == "kept"


def test_a_new_run_behind_a_link_goes_where_the_link_leads(run: Path, tmp_path: Path) -> None:
    run.rename(tmp_path / "elsewhere")
    run.symlink_to(tmp_path / "elsewhere")
    chosen = resolve(FeedbackConfig)
    with open_run(run, "x", "feedback", chosen, {"rule": "Whistle."}, new=True) as opened:
        opened.export("notes.txt", "new")
    assert (tmp_path / "elsewhere" / "notes.txt").read_text() == "new"
    assert (tmp_path / "elsewhere.before-1" / "run.db").exists()


@pytest.mark.parametrize("readonly", [True, False])
def test_another_database_is_not_opened_as_a_ledger(
    readonly: bool, run: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE cookies (name TEXT)")
    before = other.read_bytes()
    (run / LEDGER_FILE).unlink()
    (run / LEDGER_FILE).symlink_to(other)
    with pytest.raises(UsageError, match="is a link"):
        Ledger(run / LEDGER_FILE, readonly=readonly)
    assert other.read_bytes() == before


def test_a_pipe_in_place_of_the_lock_holds_nobody_up(run: Path) -> None:
    (run / LOCK_FILE).unlink()
    os.mkfifo(run / LOCK_FILE)
    assert find_lock_owner(run) is None
    with pytest.raises(UsageError, match="is a pipe or a device"):
        RunLock(run)


def test_a_pid_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    handle = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    assert lock._read_pid(handle) == ""
    os.close(handle)
