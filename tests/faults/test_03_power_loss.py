"""Row 3: the write-ahead log is cut anywhere: at most the last commit is lost, and the ledger
opens.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from selfteach.run.ledger import Ledger

COMMITS = 8


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A ledger as a power loss leaves it: everything still in the log, nothing folded in."""
    ledger = Ledger(tmp_path / "live.db")
    for number in range(COMMITS):
        ledger.record_answers([(f"id-{number}", {"text": "x" * 300})])
    for tail in ("", "-wal"):
        shutil.copyfile(tmp_path / f"live.db{tail}", tmp_path / f"run.db{tail}")
    ledger.close()
    return tmp_path / "run.db"


def answered(path: Path) -> int:
    ledger = Ledger(path)
    try:
        return len(ledger.get_answers([f"id-{number}" for number in range(COMMITS)]))
    finally:
        ledger.close()


def test_all_commits_are_there_when_nothing_was_cut(crashed: Path) -> None:
    assert answered(crashed) == COMMITS


def test_a_torn_last_write_loses_the_last_commit_only(crashed: Path) -> None:
    log = crashed.with_name("run.db-wal")
    log.write_bytes(log.read_bytes()[:-100])
    assert answered(crashed) == COMMITS - 1


def test_a_log_cut_anywhere_keeps_a_prefix_of_the_commits(crashed: Path, tmp_path: Path) -> None:
    whole = crashed.with_name("run.db-wal").read_bytes()
    counts = []
    for cut in range(len(whole), 0, -len(whole) // 25):
        (tmp_path / "cut").mkdir(exist_ok=True)
        copy = tmp_path / "cut" / f"{cut}.db"
        shutil.copyfile(crashed, copy)
        copy.with_name(f"{cut}.db-wal").write_bytes(whole[:cut])
        counts.append(answered(copy))
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (COMMITS, 0)
