"""A column with a misspelt name loses its data; one line says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfteach import cli
from selfteach.materials.corrections import KEYS
from selfteach.materials.examples import KEYS as EXAMPLE_KEYS
from selfteach.materials.unread_columns import describe_unread_columns, find_misspelt_columns


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["prompt", "answr", "correction"], {"answr": "answer"}),
        (["prompt", "anwser", "correction"], {"anwser": "answer"}),
        (["prompt", "chosen", "rejectd"], {"rejectd": "rejected"}),
        (["prompt", "chosen", "Rejected"], {"Rejected": "rejected"}),
        (["prompt", "answer", "answers", "correction"], {}),
        (["prompt", "chosen", "rejected", "correct", "score", "prompt_id", "id", "date"], {}),
        (["prompt", "chosen", "rejected"], {}),
    ],
)
def test_a_name_that_is_nearly_one_of_ours_is_found(
    names: list[str], expected: dict[str, str]
) -> None:
    assert find_misspelt_columns(names, KEYS) == expected


def test_a_column_that_only_some_rows_have_is_named_once(tmp_path: Path) -> None:
    pair = {"prompt": "Say 1.", "chosen": "One."}
    rows = [pair, {**pair, "rejectd": "Two."}, {**pair, "rejectd": "Three."}]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    line = 'rows.jsonl: the column "rejectd" is not read. Did you mean "rejected"?'
    assert describe_unread_columns(file, EXAMPLE_KEYS) == [line]


def test_a_part_of_the_conversation_that_is_not_read_is_named(tmp_path: Path) -> None:
    row = {
        "prompt": "Say 1.",
        "response": "Two.",
        "correction": "One.",
        "System": "Be brief.",
        "id": 7,
    }
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row))
    assert describe_unread_columns(file, KEYS, {}) == [
        "rows.jsonl: not read: response, System (--columns answer=response reads it as the answer)"
    ]
    assert describe_unread_columns(file, KEYS, {"response": "answer", "system": "quote"}) == []


def test_a_column_that_is_named_otherwise_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("prompt,Answr,correction\nSay 1.,1,One.\n")
    assert describe_unread_columns(file, KEYS, {"answr": "answer"}) == []
    assert len(describe_unread_columns(file, KEYS)) == 1


def test_what_has_no_columns_or_cannot_be_read_is_left_to_its_reader(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("answr\n")
    (tmp_path / "bad.csv").write_bytes(b"a,a\n\xff\n")
    for name in ("prompts.txt", "bad.csv", "absent.csv"):
        assert describe_unread_columns(tmp_path / name, KEYS) == []
    assert describe_unread_columns(None, KEYS) == []


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        (["corrections"], "prompt,answr,correction"),
        (["train", "--dev", "0"], "prompt,chosen,rejectd"),
        (["tasks"], "instruction,output,inputt"),
    ],
)
def test_a_command_says_which_column_it_does_not_read(
    command: list[str], columns: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("\n".join([columns, *(f"Say {i}.,It is {i}.,No: {i}." for i in range(60))]))
    words = [command[0], str(file), *command[1:], "--model", "nobody/absent", "--dry-run"]
    assert cli.run_command(words) == 0
    notices = [line for line in capfd.readouterr().err.splitlines() if "is not read" in line]
    assert len(notices) == 1
    assert notices[0].startswith("selfteach: rows.csv: the column ")


def test_a_reader_that_does_not_mind_the_case_reads_capitals(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("Prompt,Answr\nTea?,A drink.\n", encoding="utf-8")
    known = ("prompt", "answer", "correction")
    (line,) = describe_unread_columns(path, known, {})
    assert '"Answr"' in line
    assert len(describe_unread_columns(path, known)) == 2
