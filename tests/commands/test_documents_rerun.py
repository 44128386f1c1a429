"""`selfteach select --out` and `selfteach forget-source` teach the documents of the run and no
others, and leave no piece of a forgotten one; on a run that is written by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.commands import documents_rerun
from selfteach.config import DocumentsConfig, resolve
from selfteach.errors import DataError, UsageError
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.methods.documents.read_documents import read_material
from selfteach.run.finished import PATHS
from selfteach.run.ledger import Ledger, Outcome
from selfteach.run.run_folder import open_run

TEXTS = {
    "a.txt": "Notes\n\nThe old mill stands by the river at Hale.",
    "b.txt": "Notes\n\nThe old inn stands by the road to Wyle.",
    "c.txt": "Long\n\nAnn built a mill and a barn and Bob built an inn and a shed beside it.",
}
PIECES = ["Long\n\nAnn built a mill and a barn", "and Bob built an inn and a shed beside it."]
"""Of the last document: its sentence is longer than a piece."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder; beside it, in `files`, what it learned from."""
    (tmp_path / "files").mkdir()
    for name, text in TEXTS.items():
        (tmp_path / "files" / name).write_text(text)
    resolved = resolve(DocumentsConfig)
    material = read_material([tmp_path / "files"])
    read = material.value
    identity = material.identity
    with open_run(tmp_path / "run", "run", "documents", resolved, identity) as opened:
        opened.ledger.set_note(PATHS, material.sources)
        opened.ledger.set_note("knowledge", [])
        opened.ledger.record_outcomes(
            "read",
            [
                Outcome(d.id, "accepted", "", {"file": d.source, "title": d.title})
                for d in read.reading.documents
            ],
        )
        opened.ledger.record_requests(
            "answer",
            [
                (f"p{n}", {"prompt": f"Fact: {' '.join(text.split())}"})
                for n, text in enumerate(PIECES)
            ],
        )
        opened.ledger.record_requests(
            "answer", [("other", {"prompt": "Fact: The old mill stands by the river at Hale."})]
        )
        opened.ledger.record_answers([("p0", "Ann"), ("p1", "Bob"), ("other", "Hale")])
        pieces = {d.id: PIECES if d.title == "Long" else [d.text] for d in read.reading.documents}
        known = []
        for id, texts in pieces.items():
            known.append({"document": id, "chunks": [{"text": text} for text in texts]})
        opened.export_json("exam.json", {"map": known})
    return tmp_path / "run"


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """In place of a new training: the answers that it would have taken over."""
    found: list[dict[str, Any]] = []

    def teach(method: str, brought: Any, resolved: Any, options: Any, *, before: Any) -> None:
        ledger = Ledger(tmp_path / "taken.db")
        before(SimpleNamespace(ledger=ledger))
        found.append(ledger.get_answers(["p0", "p1", "other", "short", "fenced"]))
        ledger.close()

    monkeypatch.setattr(documents_rerun, "teach", teach)
    return found


def forget(run: Path, source: str) -> None:
    documents_rerun.forget_source(run, source, run.parent / "out", as_json=True)


def select(run: Path) -> None:
    documents_rerun.change_thresholds(run, [], run.parent / "out", as_json=True)


def test_a_title_of_several_documents_names_none(run: Path, taken: list[Any]) -> None:
    with pytest.raises(
        UsageError, match=r'"Notes" may be any of 2 documents.*files/a.txt, files/b.txt'
    ):
        forget(run, "Notes")
    assert not taken
    forget(run, "Long")
    forget(run, "files/a.txt")
    forget(run, documents_rerun.list_learned_documents(run)[1].id)
    assert len(taken) == 3


def test_no_piece_of_a_forgotten_sentence_is_taken_over(
    run: Path, taken: list[dict[str, Any]]
) -> None:
    forget(run, "files/c.txt")
    (run.parent / "files/c.txt").unlink()
    forget(run, "files/c.txt")
    assert taken == [{"other": "Hale"}] * 2


def test_no_answer_about_a_forgotten_document_is_taken_over(
    run: Path, taken: list[dict[str, Any]]
) -> None:
    """ "Password: hunter2." has two words, which may stand in any text: it is known by how requests
    about its document begin.
    """
    ledger = Ledger(run / "run.db")
    fact = "Topic: Long\nFact: Long: Password: hunter2.\nAnswer:"
    text = (
        "Here is a text about Long, between two lines of dashes. It is\n-----\nPassword: hunter2."
    )
    ledger.record_requests(
        "answer",
        [("short", {"prompt": fact}), ("fenced", {"prompt": [{"role": "user", "content": text}]})],
    )
    ledger.record_answers([("short", "hunter2"), ("fenced", "hunter2")])
    ledger.close()
    forget(run, "files/c.txt")
    assert taken == [{"other": "Hale"}]


def test_all_is_taken_over_where_nothing_is_forgotten(
    run: Path, taken: list[dict[str, Any]]
) -> None:
    select(run)
    assert taken == [{"p0": "Ann", "p1": "Bob", "other": "Hale"}]


@pytest.mark.parametrize(
    "do", [select, lambda run: forget(run, "files/c.txt")], ids=["select", "forget-source"]
)
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("d.txt", "A new text stands here now.", r"files/d.txt: is no document of this run"),
        (
            "b.txt",
            "Notes\n\nThe inn is gone.",
            r"files/b.txt: is a document of this run that is not there any more, or has changed",
        ),
    ],
)
def test_other_documents_than_those_of_the_run_are_refused(
    run: Path, taken: list[Any], do: Any, name: str, text: str, message: str
) -> None:
    (run.parent / "files" / name).write_text(text)
    with pytest.raises(DataError, match=message):
        do(run)
    assert not taken


@pytest.mark.parametrize(("filtered", "pairs"), [(True, 1), (False, 2)])
def test_a_label_that_no_sample_contradicts_gives_no_pair(filtered: bool, pairs: int) -> None:
    """The first is unknown, the second known but for one sample, the third to every sample."""
    rows = [
        {
            "fault": "",
            "question": "Who?",
            "short": "Ann",
            "label": "Ann.",
            "informed": ["Ann."],
            "blind": ["Ann.", "Bob."],
            "file": "a",
            "title": "A",
            "start": 0,
            "end": 1,
            "scores": KnowledgeScores("match", (0.0,), blind, blind).to_json(),
        }
        for blind in ((0.6, 0.9), (0.0, 0.9), (0.0, 0.1))
    ]
    found = documents_rerun.count_selection(
        rows, resolve(DocumentsConfig, sets=[f"select.filter_pairs={str(filtered).lower()}"]).config
    )
    assert (found["unknown"], found["pairs"]) == (1, pairs)
