"""Row 7: a damaged run.db ends with exit 6; `status --recover` saves every whole row into a new
file, and the run goes on.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from selfteach import cli
from selfteach.errors import IntegrityError, UsageError
from selfteach.run import recover, signals
from selfteach.run.ledger import SCHEMA, Ledger, Outcome
from selfteach.run.lock import RunLock
from selfteach.run.recover import recover_ledger

ANSWERS = 200


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A ledger with a few hundred rows, as bytes."""
    path = tmp_path_factory.mktemp("whole") / "run.db"
    ledger = Ledger(path)
    for number in range(ANSWERS):
        ledger.record_requests("probe", [(f"id-{number}", {"prompt": f"prompt {number}"})])
    for start in range(0, ANSWERS, 20):
        ledger.record_answers(
            [
                (f"id-{number}", {"text": f"answer {number} " + "word " * 30})
                for number in range(start, start + 20)
            ]
        )
        ledger.record_outcomes(
            "probe",
            [Outcome(f"id-{number}", "dropped", "too long") for number in range(start, start + 20)],
        )
    ledger.set_note("identity", {"kind": "feedback", "material": {}})
    ledger.close()
    return path.read_bytes()


@pytest.fixture(scope="module")
def expected(whole: bytes, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What that ledger holds."""
    return content(written(tmp_path_factory.mktemp("expected") / "whole", whole))


def content(path: Path) -> Any:
    ledger = Ledger(path)
    try:
        return (
            ledger.count_requests(),
            ledger.get_answers([f"id-{n}" for n in range(ANSWERS)]),
            list(ledger.read_outcomes()),
            ledger.funnel(),
            ledger.get_note("identity"),
        )
    finally:
        ledger.close()


def written(folder: Path, data: bytes) -> Path:
    folder.mkdir()
    (folder / "run.db").write_bytes(data)
    return folder / "run.db"


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bytes_are_noticed_or_change_nothing(
    tmp_path: Path, whole: bytes, expected: Any, seed: int
) -> None:
    rng = random.Random(seed)
    data = bytearray(whole)
    at = rng.randrange(len(data))
    for place in range(at, min(at + rng.choice([1, 1, 8]), len(data))):
        data[place] ^= rng.randrange(1, 256)
    path = written(tmp_path / "run", bytes(data))
    try:
        found = content(path)
    except IntegrityError as fault:
        found = fault.exit_code, "--recover" in str(fault)
    assert found in (expected, (6, True))


def zeroed_page(data: bytearray) -> None:
    data[8 * 4096 : 9 * 4096] = bytes(4096)


def no_header(data: bytearray) -> None:
    data[:100] = b"?" * 100


def changed_letter(data: bytearray) -> None:
    at = bytes(data).index(b"answer 17 word")
    data[at] ^= 1


def cut_short(data: bytearray) -> None:
    del data[-4096 * 2 :]


@pytest.mark.parametrize(
    ("damage", "least"),
    [(zeroed_page, 150), (no_header, ANSWERS), (changed_letter, ANSWERS - 1), (cut_short, 150)],
)
def test_recovery_saves_what_is_whole(
    tmp_path: Path, whole: bytes, damage: Callable[[bytearray], None], least: int
) -> None:
    data = bytearray(whole)
    damage(data)
    path = written(tmp_path / "run", bytes(data))
    with pytest.raises(IntegrityError):
        content(path)
    saved = recover_ledger(path.parent)
    assert saved["answers"] >= least
    _, answers, *_ = content(path)
    assert len(answers) == saved["answers"]
    assert all(
        body["text"].startswith(f"answer {id.removeprefix('id-')} ") for id, body in answers.items()
    )
    assert path.with_name("run.db.damaged").read_bytes() == bytes(data)


def test_nothing_is_replaced_where_nothing_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recover, "MAX_FAILURES", 100)  # no range can be read, however many it are
    path = written(tmp_path / "run", b"not a database" * 1000)
    with pytest.raises(IntegrityError, match="nothing of the ledger could be read"):
        recover_ledger(path.parent)
    assert path.read_bytes().startswith(b"not a database")


def test_a_whole_ledger_is_left_alone(tmp_path: Path, whole: bytes) -> None:
    path = written(tmp_path / "run", whole)
    with pytest.raises(UsageError, match="nothing to recover"):
        recover_ledger(path.parent)
    assert [file.name for file in path.parent.glob("*damaged*")] == []


def test_a_folder_without_a_ledger_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 3")
    with pytest.raises(UsageError, match=r"has no run\.db"):
        recover_ledger(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_second_recovery_keeps_the_first_damaged_file(tmp_path: Path, whole: bytes) -> None:
    data = bytearray(whole)
    changed_letter(data)
    path = written(tmp_path / "run", bytes(data))
    recover_ledger(path.parent)
    path.write_bytes(bytes(data[:-4096]))
    recover_ledger(path.parent)
    assert path.with_name("run.db.damaged").read_bytes() == bytes(data)
    assert path.with_name("run.db.damaged-2").read_bytes() == bytes(data[:-4096])


def test_a_recovery_that_is_cut_off_leaves_a_ledger(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(whole)
    changed_letter(data)
    path = written(tmp_path / "run", bytes(data))
    depths: list[int] = []

    def cut_off(self: Path, target: Path) -> Path:
        depths.append(signals._InterruptState.depth)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut_off)
        with pytest.raises(KeyboardInterrupt):
            recover_ledger(path.parent)
    assert depths == [1], "an ordinary interrupt waits until the new one is there"
    assert path.read_bytes() == bytes(data)
    assert recover_ledger(path.parent)["answers"] == ANSWERS - 1
    assert path.with_name("run.db.damaged").read_bytes() == bytes(data)


@pytest.mark.parametrize("links", [True, False])
def test_a_log_that_is_left_stays_with_the_damaged_ledger(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the new ledger it would change that one."""
    path = written(tmp_path / "run", b"damaged")
    path.with_name("run.db-wal").write_bytes(b"log")
    path.with_name("run.db-shm").touch()
    (tmp_path / "fresh").write_bytes(b"fresh")
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    recover._replace(path, tmp_path / "fresh")
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == {
        "run.db": b"fresh",
        "run.db.damaged": b"damaged",
        "run.db.damaged-wal": b"log",
    }


def refuse(*given: object) -> None:
    raise PermissionError("this file system has no second names")


def test_what_was_recovered_is_part_of_the_one_json_object(
    tmp_path: Path, whole: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(whole)
    zeroed_page(data)
    path = written(tmp_path / "run", bytes(data))
    assert cli.run_command(["status", str(path.parent), "--recover", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recovered"]["answers"] >= 150
    assert cli.run_command(["status", "--recover"]) == 2


def test_a_run_in_use_is_not_recovered(tmp_path: Path, whole: bytes) -> None:
    path = written(tmp_path / "run", whole)
    lock = RunLock(path.parent)
    with pytest.raises(UsageError, match="in use"):
        recover_ledger(path.parent)
    lock.release()


def test_a_ledger_with_its_tables_on_other_pages_is_recovered(tmp_path: Path) -> None:
    """Its own first page says where they are; that of a new ledger would be wrong."""
    path = tmp_path / "run.db"
    database = sqlite3.connect(path)
    for statement in reversed([part for part in SCHEMA.split(";") if part.strip()]):
        database.execute(statement)
    database.commit()
    database.close()
    ledger = Ledger(path)
    ledger.record_answers(
        (f"id-{number}", {"text": f"answer {number} word"}) for number in range(20)
    )
    ledger.set_note("identity", {"kind": "feedback"})
    ledger.close()
    data = bytearray(path.read_bytes())
    changed_letter(data)
    path.write_bytes(bytes(data))
    saved = recover_ledger(tmp_path)
    assert (saved["answers"], saved["notes"]) == (19, 1)
    assert len(content(path)[1]) == 19


def test_what_only_the_write_ahead_log_holds_is_recovered_too(tmp_path: Path, whole: bytes) -> None:
    """A killed process leaves its last commits there."""
    first = written(tmp_path / "first", whole)
    ledger = Ledger(first)
    ledger.record_answers([("late", {"text": "the last one"})])
    log = first.with_name("run.db-wal").read_bytes()
    data = bytearray(first.read_bytes())
    ledger.close()
    changed_letter(data)
    path = written(tmp_path / "run", bytes(data))
    path.with_name("run.db-wal").write_bytes(log)
    saved = recover_ledger(path.parent)
    assert saved["answers"] == ANSWERS
    assert not path.with_name("run.db-wal").exists()
    again = Ledger(path)
    assert again.get_answers(["late"]) == {"late": {"text": "the last one"}}
    again.close()


@pytest.mark.parametrize(("start", "end"), [(-5 * 4096, -4 * 4096), (0, 100)])
def test_what_stands_in_the_log_alone_is_recovered_too(
    whole: bytes, tmp_path: Path, start: int, end: int
) -> None:
    """The log of a process that was killed holds its newest rows."""
    path, copy = tmp_path / "run.db", tmp_path / "copy"
    path.write_bytes(whole)
    copy.mkdir()
    ledger = Ledger(path)
    ledger.set_note("late", "in the log")
    log = path.with_name("run.db-wal").read_bytes()
    ledger.close()
    damaged = bytearray(whole)
    damaged[start:end] = bytes(end - start)
    (copy / "run.db").write_bytes(damaged)
    (copy / "run.db-wal").write_bytes(log)
    saved = recover_ledger(copy)
    assert saved["answers"] > ANSWERS / 2
    with closing(Ledger(copy / "run.db", readonly=True)) as found:
        assert found.get_note("late") == "in the log"
