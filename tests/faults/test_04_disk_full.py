"""Rows 4 and 5: a full or failing disk ends with exit 5 and the bytes needed; old files stay whole,
and the run goes on afterwards.
"""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

import warm
from selfteach.config import FeedbackConfig, resolve
from selfteach.disk import require_free_bytes
from selfteach.errors import ResourceError
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import Run, open_run

SCRIPTED_RUN = Path(__file__).with_name("scripted_run.py")


def opened(folder: Path) -> Run:
    return open_run(folder, "rule", "feedback", resolve(FeedbackConfig), {"rule": "rule"})


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "5,000 bytes are needed"), (errno.EIO, "input/output error")]
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_export_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, words: str
) -> None:
    with opened(tmp_path / "run") as run:
        run.export("exam.json", "old")
        with monkeypatch.context() as patched:
            patched.setattr(
                os, call, lambda *a: (_ for _ in ()).throw(OSError(code, os.strerror(code)))
            )
            with pytest.raises(ResourceError, match=words) as caught:
                run.export("exam.json", "x" * 5000)
        assert caught.value.exit_code == 5
        assert (run.path / "exam.json").read_text() == "old"
        assert not list(run.path.glob(".*"))
        run.export("exam.json", "new")
        assert (run.path / "exam.json").read_text() == "new"


@pytest.mark.parametrize("limit", [1000, 20_000, 60_000, 80_000])
def test_a_disk_that_fills_anywhere_gives_exit_5_and_a_run_that_goes_on(
    tmp_path: Path, limit: int
) -> None:
    command = [SCRIPTED_RUN, "feedback", "Do not hum.", "--out", tmp_path / "run", "--json"]
    full = warm.run(command, max_file_bytes=limit)
    assert (full.returncode, full.stdout) == (5, ""), full.stderr
    assert "Traceback" not in full.stderr
    assert "run the same command again" in full.stderr
    again = warm.run(command)
    assert again.returncode == 0, again.stderr


def test_a_group_that_cannot_be_written_is_not_committed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    ledger.record_answers([("first", "kept")])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ResourceError, match=r"bytes|input/output"):
            ledger.record_answers((f"id-{number}", "x" * 1000) for number in range(300))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ledger.get_answers(["first", "id-0", "id-299"]) == {"first": "kept"}
    ledger.record_answers([("second", "kept")])
    ledger.close()
    again = Ledger(tmp_path / "run.db")
    assert again.get_answers(["first", "second", "id-0"]) == {"first": "kept", "second": "kept"}
    again.close()


def test_a_sqlite_disk_full_names_the_bytes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(
        ResourceError, match=r"the disk is full: at least [\d,]+ bytes are needed, [\d,]+ are free"
    ) as caught:
        ledger.record_answers([("big", "x" * 200_000)])
    assert caught.value.exit_code == 5
    assert ledger.get_answers(["big"]) == {}


def test_space_is_asked_for_before_the_work(tmp_path: Path) -> None:
    require_free_bytes(tmp_path / "not" / "there" / "yet", 1)
    with pytest.raises(ResourceError, match="1,000,000,000,000,000,000 bytes are needed and"):
        require_free_bytes(tmp_path, 10**18)
