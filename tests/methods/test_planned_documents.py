"""The plan of a run of documents, against what the run really asks: a toy, and its teacher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import scholar
from selfteach.methods import runner
from selfteach.methods.documents.read_documents import read_material
from selfteach.run.workload import PlannedStage, RemainingTime
from talker import run_json

pytestmark = [pytest.mark.training, pytest.mark.long]

ALLOWED = 0.3
SPARE = 3
"""Requests that are too few to be a share."""
QUICK = ("--set", "train.epochs=1", "--set", "train.batch_size=32")


class CountingWork(RemainingTime):
    """Count the requests of each stage."""

    def __init__(self, stages: Iterable[PlannedStage]) -> None:
        self.planned = {stage.name: stage.requests for stage in stages}
        self.counts = Counter[str]()
        self._name = ""
        super().__init__(stages)

    def begin_stage(self, name: str, spent_s: float = 0.0) -> None:
        self._name = name
        super().begin_stage(name, spent_s)

    def count_sampled(self, number: int, tokens: int) -> None:
        self.counts[self._name] += number
        super().count_sampled(number, tokens)


@pytest.mark.parametrize(
    ("by_people", "without"),
    [(True, set()), (False, {"answers", "knowledge map"})],
    ids=["people's exam", "own exam"],
)
def test_the_planned_requests_are_those_of_the_run(
    scholar_model: Path,
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by_people: bool,
    without: set[str],
) -> None:
    """The toy's questions are so alike that none is left to learn from where others are held out:
    then the stages about these are not compared.
    """
    works: list[CountingWork] = []

    def make(stages: Iterable[PlannedStage]) -> CountingWork:
        works.append(CountingWork(list(stages)))
        return works[-1]

    monkeypatch.setattr(runner, "RemainingTime", make)
    documents = scholar.write_documents(tmp_path, questions=by_people)
    more = ("--teacher", server.address, *QUICK)
    command = scholar.documents_command(scholar_model, documents, tmp_path / "run", *more)
    assert run_json(command)[0] == 0
    (work,) = works
    assert work.counts["calibrate"] == 4 * 5, "select.calibrate questions, five answers to each"
    wrong = {}
    for name in {*work.planned, *work.counts} - without:
        planned, asked = work.planned.get(name, 0), work.counts[name]
        if abs(planned - asked) > max(ALLOWED * asked, SPARE):
            wrong[name] = planned, asked
    assert not wrong, "planned, asked"


def test_headings_belong_to_the_identity_of_documents(tmp_path: Path) -> None:
    path, found = tmp_path / "a.md", set()
    for mark in ("## ", "", "## "):
        path.write_text(
            f"# Mill\n\n{mark}The old mill at Aldmoor\n\nIt was built in 1790.\n", "utf-8"
        )
        found.add(read_material([path]).identity["documents"])
    assert len(found) == 2
