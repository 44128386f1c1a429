"""The curve of recovery against passages, read from finished runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.passages import FinishedRun, format_row, format_tables, read_run

from bench import passages

Learned = tuple[Path, Path, dict[str, Any]]


def test_the_interval_of_the_recovery_is_over_passages() -> None:
    """Each passage has eight questions that go together: 8 passages tell less than 64 questions."""
    right = {
        f"{number}": [{"base": False, "prompted": True, "tuned": number % 2 == 0}] * 8
        for number in range(8)
    }
    apart = {
        f"{id} {place}": [question]
        for id, questions in right.items()
        for place, question in enumerate(questions)
    }
    together, alone = (
        format_row(FinishedRun({}, rows, 0.0), sorted(rows)) for rows in (right, apart)
    )
    assert together.split()[1] == alone.split()[1] == "64"
    low, high = (
        [float(row.rpartition("[")[2].split(",")[0]) for row in (together, alone)],
        [float(row.rstrip("]").rpartition(" ")[2]) for row in (together, alone)],
    )
    assert low[0] < low[1] - 0.1
    assert high[0] > high[1] + 0.1


def test_a_passage_may_hold_any_line_separator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passages.jsonl"
    rows = [{"text": f"The mill {n}.\u2028It stands\x85 {n}.\x0b"} for n in range(3)]
    lines = [json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows]
    file.write_bytes("".join(lines).encode())
    monkeypatch.setattr(passages.selfteach, "documents", lambda file, **more: None)
    passages.teach(file, tmp_path / "runs", 2, [])
    part = tmp_path / "runs" / "first-2.jsonl"
    assert part.read_bytes() == "".join(lines[:2]).encode()
    passages.teach(file, tmp_path / "runs", 9, [])
    assert (tmp_path / "runs" / "first-9.jsonl").read_bytes() == file.read_bytes()


@pytest.mark.slow
@pytest.mark.training
def test_a_run_has_a_row_with_the_figures_of_its_exam(learned: Learned) -> None:
    _, run, result = learned
    exam = json.loads((run / "exam.json").read_text())
    head, row, cost = format_tables([read_run(run)]).split("\n")
    assert head.split()[:2] == ["passages", "questions"]
    assert row.split()[:2] == ["4", "8"]
    shares = [round(100 * exam["contains"][arm]["value"]) for arm in ("base", "prompted", "tuned")]
    assert [int(word) for word in row.replace("%", "").split()[2:5]] == shares
    assert f"{result['seconds']:,.0f} s" in cost
    assert f"damage {exam['damage']['value']:.2f}" in cost


@pytest.mark.slow
@pytest.mark.training
def test_runs_are_compared_on_the_passages_that_all_share(learned: Learned) -> None:
    whole = read_run(learned[1])
    first = dict(list(whole.right.items())[:1])
    lines = format_tables([whole, replace(whole, right=first)]).split("\n")
    assert [line.split()[0] for line in lines[1:3]] == ["1", "4"], "the fewest first"
    shared = lines[lines.index("The questions about the 1 passages that all share:") + 2 :]
    assert [line.split()[:2] for line in shared] == [["1", "2"], ["4", "2"]]


@pytest.mark.slow
@pytest.mark.training
def test_the_first_passages_are_taught_by_the_api(
    learned: Learned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents, run, _ = learned
    calls: list[tuple[Path, dict[str, Any]]] = []
    monkeypatch.setattr(
        passages.selfteach, "documents", lambda file, **more: calls.append((file, more))
    )
    monkeypatch.setattr(passages, "read_run", lambda folder: read_run(run))
    passages.main([str(documents), str(tmp_path), "--counts", "1", "3", "--set", "train.epochs=2"])
    assert [(tmp_path / f"first-{n}.jsonl").read_text().count("\n") for n in (1, 3)] == [1, 3]
    assert calls[1] == (
        tmp_path / "first-3.jsonl",
        {"out": tmp_path / "run-3", "sets": ["exam.questions=100000", "train.epochs=2"]},
    )
    with pytest.raises(SystemExit):
        passages.main([str(documents)])
