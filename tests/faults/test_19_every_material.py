"""Rows 6, 19, 20, 21, 22 for every command that reads rows: a torn, monstrous or odd row stops
before the model with its line, or is left out up to a threshold; an empty file, too few rows, an
odd encoding and unsafe characters are reported. No model is loaded: the one named is not there.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from selfteach import api, cli
from selfteach.run import finished
from talker import open_ledger

WORDS = (
    "kettle",
    "window",
    "garden",
    "violin",
    "harbour",
    "pencil",
    "lantern",
    "meadow",
    "saddle",
    "anchor",
)


@dataclass(frozen=True)
class Material:
    """What a command reads: good rows, the field of text that comes first in them, and a row that
    is JSON but no such row.
    """

    rows: list[dict[str, Any]]
    field: str
    odd: str
    skip: tuple[str, ...] = ("--skip-bad-rows",)


MATERIALS = {
    "corrections": Material(
        [
            {"prompt": f"What is a {w}?", "answer": "A color.", "correction": "A colour."}
            for w in WORDS
        ],
        "prompt",
        '{"prompt": "Tea?", "answer": "A."}',
    ),
    "tasks": Material(
        [{"instruction": f"Explain to a child what a {w} is", "output": f"A {w}."} for w in WORDS],
        "instruction",
        '{"instruction": "Tea?", "instances": []}',
    ),
    "documents": Material(
        [
            {"text": f"The first {w} was made in 18{n:02d} by Anna Low."}
            for n, w in enumerate(WORDS)
        ],
        "text",
        '{"title": "Tea"}',
        (),
    ),
    "train": Material(
        [{"prompt": f"What is a {w}?", "completion": "A thing."} for w in WORDS],
        "prompt",
        '{"prompt": "Tea?"}',
    ),
}
BAD = {
    "torn": '{"FIELD": "Tea", "te',
    "not an object": "[1, 2]",
    "not utf-8": '{"FIELD": "caf\udce9"}',  # one byte of Latin-1
    "key twice": '{"FIELD": "a", "FIELD": "b"}',
    "nested": '{"FIELD": ' + "[" * 200_000 + "}",
    "integer": '{"FIELD": "a", "n": ' + "9" * 5000 + "}",
    "nan": '{"FIELD": "a", "n": NaN}',
    "long": '{"FIELD": "' + "x" * (10 << 20) + '"}',
}


def run(command: str, folder: Path, data: bytes, *more: str, name: str = "rows.jsonl") -> int:
    """The exit code of the command on this file."""
    (folder / name).write_bytes(data)
    absent = (
        "nobody/no-model" if "--dry-run" in more else str(folder / "no-model")
    )  # a hub might know the first: it is not asked
    return cli.run_command(
        [command, str(folder / name), "--model", absent, "--out", str(folder / "run"), *more]
    )


def lines(material: Material, *more: str) -> bytes:
    """Good rows, and others after them."""
    return "\n".join([*map(json.dumps, material.rows), *more]).encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("kind", [*BAD, "odd"])
@pytest.mark.parametrize("command", MATERIALS)
def test_a_bad_row_stops_before_the_model_with_its_line(
    command: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    material = MATERIALS[command]
    bad = material.odd if kind == "odd" else BAD[kind].replace("FIELD", material.field)
    assert run(command, tmp_path, lines(material, bad), "--set", "max_bad_rows=0.05") == 3
    printed = capsys.readouterr().err
    assert "rows.jsonl:11" in printed
    assert "1 of 11 rows" in printed
    assert len(printed) < 2000
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", MATERIALS)
def test_bad_rows_are_left_out_when_asked_and_only_up_to_the_threshold(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    material = MATERIALS[command]
    data = lines(material, BAD["torn"].replace("FIELD", material.field))
    more = (*material.skip, "--dry-run", "--json", "--set")
    assert run(command, tmp_path, data, *more, "max_bad_rows=0.2") == 0
    assert json.loads(capsys.readouterr().out)["dropped_rows"][0].startswith("rows.jsonl:11: ")
    assert run(command, tmp_path, data, *more, "max_bad_rows=0.05") == 3


@pytest.mark.parametrize("data", [b"", b"\n \n"], ids=["empty", "blank"])
@pytest.mark.parametrize("command", MATERIALS)
def test_an_empty_file_ends_before_the_model(command: str, data: bytes, tmp_path: Path) -> None:
    assert run(command, tmp_path, data) == 3
    assert not (tmp_path / "run").exists()


CORRECTIONS = [json.dumps(row) for row in MATERIALS["corrections"].rows]
TASKS = [json.dumps(row) for row in MATERIALS["tasks"].rows]
APPROVALS = [
    '{"prompt": "a b?", "answer": "x", "correction": "x"}',
    '{"prompt": "c d?", "answer": "y", "correction": "y"}',
]


@pytest.mark.parametrize(
    ("command", "rows", "why"),
    [
        ("corrections", CORRECTIONS[:1], "too little to learn from"),
        (
            "corrections",
            CORRECTIONS[:1] * 5,
            "1 correction, 0 unchanged answers, 0 other prompts, 4 rows left out",
        ),
        ("corrections", APPROVALS, "0 corrections"),
        ("tasks", TASKS[:1], "too few different seed tasks (1)"),
        ("tasks", TASKS[:1] * 9, "too few different seed tasks (1); rows left out: 8"),
        ("tasks", TASKS[:7], "At least 8 are needed"),
    ],
)
def test_too_little_is_reported_before_the_model_loads(
    command: str, rows: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, tmp_path, "\n".join(rows).encode()) == 3
    assert why in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("command", ["corrections", "tasks", "train"])
def test_another_encoding_is_named_with_its_cure(
    command: str, form: str, encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**row, next(reversed(row)): "Un café."} for row in MATERIALS[command].rows]
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    texts = {
        "jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        "json": json.dumps(rows, ensure_ascii=False),
        "csv": table.getvalue(),
    }
    assert run(command, tmp_path, texts[form].encode(encoding), name=f"rows.{form}") == 3
    assert "iconv" in capsys.readouterr().err


@pytest.mark.parametrize("command", MATERIALS)
def test_unsafe_characters_are_replaced_and_their_rows_named(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    material = MATERIALS[command]
    unsafe = {
        **material.rows[0],
        material.field: "What \ud800 is a tea\u2028 of\x00 old times\u202e called?",
    }
    data = lines(material, json.dumps(unsafe))
    assert run(command, tmp_path, data, "--dry-run", "--json") == 0
    (repaired,) = json.loads(capsys.readouterr().out)["repaired_rows"]
    assert repaired.startswith("rows.jsonl:11: ")

    (tmp_path / "no-model").mkdir()  # as much of a model as is looked at before a run is opened
    (tmp_path / "no-model" / "config.json").write_text("{}")
    (tmp_path / "no-model" / "x.safetensors").touch()
    monkeypatch.setattr(api, "call_method", lambda *given: {"report": "none", "adapter": None})
    monkeypatch.setattr(finished, "read_exam", lambda folder: {})
    assert run(command, tmp_path, data, "--json") == 0
    with open_ledger(tmp_path / "run") as ledger:
        assert ledger.get_note("repaired") == [repaired]
