"""`selfteach forget-source` needs neither the forgotten document nor, where that is gone, its
words; of the others it needs every one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.commands import documents_rerun
from selfteach.methods.input_sources import identify_earlier_adapter
from selfteach.methods.method import Material
from selfteach.run.ledger import Ledger
from talker import run_json

pytestmark = pytest.mark.training

Learned = tuple[Path, Path, dict[str, Any]]


@pytest.fixture
def rows(learned: Learned) -> Iterator[list[str]]:
    """The rows of the file that the run learned from; what a test does to the file is undone."""
    file = learned[0]
    before = learned[0].read_text()
    yield before.splitlines(keepends=True)
    file.write_text(before)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Material, list[str]]]:
    """In place of a new training: what it would have been given, and the answers that it would have
    taken over.
    """
    found: list[tuple[Material, list[str]]] = []

    def teach(method: str, brought: Material, resolved: Any, options: Any, *, before: Any) -> None:
        ledger = Ledger(tmp_path / "taken.db")
        before(SimpleNamespace(ledger=ledger))
        ledger.close()
        found.append((brought, [(tmp_path / "taken.db").read_bytes().decode("latin-1")]))

    monkeypatch.setattr(documents_rerun, "teach", teach)
    return found


@pytest.mark.parametrize("words", [True, False], ids=["its words are known", "its words are lost"])
def test_a_document_that_is_gone_can_be_forgotten(
    learned: Learned,
    rows: list[str],
    trainings: list[tuple[Material, list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: bool,
) -> None:
    file, run, _ = learned
    file.write_text("\n" + "".join(rows[1:]))  # the other rows keep their numbers
    if not words:
        monkeypatch.setattr(documents_rerun.finished, "read_exam", lambda folder: {})
    given: list[Any] = []

    def read_noted(*noted: Any, **left_out: Any) -> Material:
        given.extend(left_out["texts"])
        return documents_read_noted(*noted, **left_out)

    documents_read_noted = documents_rerun.read_noted
    monkeypatch.setattr(documents_rerun, "read_noted", read_noted)
    assert (
        run_json(
            ["forget-source", f"{file.name}:1", "--run", str(run), "--out", str(tmp_path / "out")]
        )[0]
        == 0
    )
    assert ["Sweden" in text.text for text in given] == [True] * words, "to find questions about it"
    ((brought, (taken,)),) = trainings
    assert len(brought.value.reading.documents) == 3
    assert "Sweden" not in taken
    assert ("Egypt" in taken) == words, (
        "where its words are lost, only what was asked about no document is taken over"
    )


def test_another_document_that_is_gone_is_an_error(
    learned: Learned,
    rows: list[str],
    trainings: list[Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, run, _ = learned
    file.write_text("\n\n" + "".join(rows[2:]))
    assert (
        run_json(
            ["forget-source", f"{file.name}:1", "--run", str(run), "--out", str(tmp_path / "out")]
        )[0]
        == 3
    )
    assert not trainings
    assert f"{file.name}:2" in capsys.readouterr().err


def test_a_run_that_continues_another_one_continues_the_same_adapter_again(
    learned: Learned,
    trainings: list[tuple[Material, list[str]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, run, _ = learned
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    adapter = tmp_path / "adapter"
    shutil.copytree(run / "adapter", adapter)
    earlier = identify_earlier_adapter(adapter)
    ledger = Ledger(copy / "run.db")
    identity = ledger.get_note("identity")
    identity["material"] |= earlier
    ledger.set_note("identity", identity)
    ledger.close()
    command = ["forget-source", f"{file.name}:1", "--run", str(copy), "--out", str(tmp_path / "o")]
    assert run_json(command)[0] == 0
    ((brought, _),) = trainings
    assert earlier.items() <= brought.identity.items()
    (adapter / "adapter_config.json").write_text("{}")
    assert run_json(command)[0] == 3
    assert len(trainings) == 1
    assert "an adapter that has changed since" in capsys.readouterr().err
