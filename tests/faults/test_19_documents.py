"""Rows 14, 19, 22 for documents: too long, nothing to learn from, another encoding. No model but in
row 14. Rows of files: test_19_every_material.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import scholar
from selfteach import cli


def run(path: Path, *more: str) -> int:
    """The exit code of the command on this file; a model that does not exist shows that none was
    loaded before.
    """
    absent = (
        "nobody/no-model" if "--dry-run" in more else str(path.parent / "no-model")
    )  # a hub might know the first: it is not asked
    model = [] if "--model" in more else ["--model", absent]
    return cli.run_command(
        ["documents", str(path), *model, "--out", str(path.parent / "run"), *more]
    )


def write(folder: Path, data: bytes, name: str = "tea.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("text", ["", " \n\n", "Tea.", "One sentence about tea stands here alone."])
def test_nothing_to_learn_from_ends_before_the_model(text: str, tmp_path: Path) -> None:
    assert run(write(tmp_path, text.encode(), "tea.txt")) == 3


FACTS = "".join(
    json.dumps({"text": f"Tea number {n} came to Europe in 16{n:02d} by ship."}) + "\n"
    for n in range(10)
).encode()
ASKED = "".join(
    json.dumps({"question": f"When did tea number {n} come?", "answer": f"16{n:02d}"}) + "\n"
    for n in range(20)
).encode()


@pytest.mark.parametrize("name", ["tea.txt", "tea.jsonl"])
def test_a_bad_question_of_many_stops_nothing(tmp_path: Path, name: str) -> None:
    documents = write(
        tmp_path, FACTS if name == "tea.jsonl" else b"Tea came to Europe in 1610 by ship.", name
    )
    asked = write(tmp_path, ASKED + b'{"question": "Who?"}\n', "asked.jsonl")
    assert run(documents, "--dry-run", "--questions", str(asked)) == 0


def test_bad_questions_are_counted_among_the_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = write(
        tmp_path, ASKED[: ASKED.index(b"\n") + 1] + b'{"question": "Who?"}\n', "asked.jsonl"
    )
    assert run(write(tmp_path, FACTS), "--dry-run", "--questions", str(asked)) == 3
    assert (
        'asked.jsonl:2: 1 of 2 rows cannot be used; the first: has no "answer".'
        in capsys.readouterr().err
    )


def test_a_passage_in_every_row_is_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"text": "Tea came to Europe in 1610 by ship.", "answer": "1610"}
    data = "".join(json.dumps({**row, "question": f"When, number {n}?"}) + "\n" for n in range(5))
    assert run(write(tmp_path, data.encode()), "--dry-run", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["documents"], printed["questions"]) == (1, 5)


def test_a_folder_may_hold_the_questions_and_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "all/runs/old").mkdir(parents=True)
    for name in ("run.db", "manifest.json", "report.html"):
        (tmp_path / "all/runs/old" / name).write_text("<p>The exam of an old run asks for tea.")
    write(tmp_path / "all", b"Tea came to Europe in 1610 by ship.", "tea.txt")
    asked = write(tmp_path / "all", ASKED, "test.jsonl")
    assert run(tmp_path / "all", "--dry-run", "--json", "--questions", str(asked)) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["documents"], printed["questions"], len(printed["dropped_rows"])) == (1, 20, 2)


def test_utf_16_is_read_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "Tea came to Europe in 1610 by ship.\nIt was sold in London from 1657 on.\n"
    assert run(write(tmp_path, text.encode("utf-16"), "tea.txt"), "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["characters"] >= len(text) - 2


def test_sentences_that_do_not_fit_the_context_are_named_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = scholar.write_scholar(tmp_path / "model")
    long = "\n".join(" ".join([word] * 900) + "." for word in ("tea", "ship"))
    path = write(tmp_path, long.encode(), "tea.txt")
    assert (
        run(path, "--model", str(model), "--set", "engine=hf", "--set", "read.chunk_tokens=1000")
        == 3
    )
    printed = capsys.readouterr().err
    assert "tea.txt" in printed
    assert "read.chunk_tokens" in printed
