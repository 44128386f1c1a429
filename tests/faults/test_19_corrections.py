"""Rows 6, 19, 20, 21, 22 for corrections: torn rows, nothing to learn from, monsters, unsafe text, wrong encodings. No model is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfteach import cli
from selfteach.materials.corrections import read_corrections

GOOD = [{"prompt": f"What is {n}?", "answer": "A color.", "correction": "A colour."} for n in ("tea", "milk", "ink", "snow", "salt")]
LINES = [json.dumps(row).encode() for row in GOOD]


def run(folder: Path, data: bytes, *more: str, name: str = "edits.jsonl") -> int:
    """The exit code of the command on this file; a model that does not exist shows that none was loaded before."""
    (folder / name).write_bytes(data)
    return cli.run(["corrections", str(folder / name), "--model", str(folder / "no-model"), "--out", str(folder / "run"), *more])


TORN = {
    "torn": b'{"prompt": "Tea?", "corr',
    "no correction": b'{"prompt": "Tea?", "answer": "A."}',
    "not an object": b"[1, 2]",
    "not utf-8": b'{"prompt": "caf\xe9", "correction": "x"}',
    "key twice": b'{"prompt": "a", "prompt": "b", "correction": "c"}',
    "nested": b'{"prompt": ' + b"[" * 200_000 + b"}",
    "integer": b'{"prompt": "a", "correction": "b", "n": ' + b"9" * 5000 + b"}",
    "nan": b'{"prompt": "a", "correction": "b", "n": NaN}',
    "long": b'{"prompt": "' + b"x" * (10 << 20) + b'", "correction": "b"}',
}


@pytest.mark.parametrize("kind", TORN)
def test_a_bad_row_stops_before_the_model_with_its_line(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, b"\n".join([*LINES, TORN[kind]])) == 3
    said = capsys.readouterr().err
    assert "edits.jsonl:6" in said
    assert "--skip-bad-rows continues without them (1 of 6 rows)" in said
    assert len(said) < 2000
    assert not (tmp_path / "run").exists()


def test_bad_rows_are_left_out_when_asked_and_only_up_to_the_threshold(tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    path.write_bytes(b"\n".join([*LINES, TORN["torn"]]))
    found = read_corrections(path, skip=True, most_bad=0.2)
    assert len(found.edits) == 5
    assert found.fates["edits.jsonl:6"].reason == "cannot be read"
    assert run(tmp_path, path.read_bytes(), "--skip-bad-rows", "--dry-run", "--set", "max_bad_rows=0.2") == 0
    assert run(tmp_path, path.read_bytes(), "--skip-bad-rows", "--dry-run") == 3


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "there is no correction in it"),
        (b"\n \n", "there is no correction in it"),
        (LINES[0], "too little to learn from"),
        (b"\n".join([LINES[0]] * 5), "1 corrections, 0 unchanged answers, 0 other prompts, 4 rows left out"),
        (b'{"prompt": "a b?", "answer": "x", "correction": "x"}\n{"prompt": "c d?", "answer": "y", "correction": "y"}', "0 corrections"),
    ],
    ids=["empty", "blank", "one row", "one row five times", "nothing but approvals"],
)
def test_too_little_is_said_before_the_model_loads(data: bytes, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, data) == 3
    assert why in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
@pytest.mark.parametrize("name", ["edits.jsonl", "edits.csv", "edits.json"])
def test_another_encoding_is_named_with_its_cure(encoding: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "answer": "Un café."} for row in GOOD]
    texts = {
        "edits.jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        "edits.json": json.dumps(rows, ensure_ascii=False),
        "edits.csv": "prompt,answer,correction\n" + "\n".join(",".join(row.values()) for row in rows),
    }
    assert run(tmp_path, texts[name].encode(encoding), name=name) == 3
    assert "iconv" in capsys.readouterr().err


def test_unsafe_characters_are_replaced_once_and_the_rows_named(tmp_path: Path) -> None:
    row = {"prompt": "What is \ud800 tea\u2028?", "answer": "A\x00 color\u202e.", "correction": "A colour.\ufeff"}
    for name, text in (("e.jsonl", json.dumps(row)), ("e.json", json.dumps([row]))):
        (tmp_path / name).write_text("\ufeff" * (name == "e.jsonl") + text)
        found = read_corrections(tmp_path / name)
        (edit,) = found.edits
        assert (edit.prompt[0].content, edit.answer, edit.correction) == ("What is \ufffd tea\n?", "A\ufffd color.", "A colour.")
        assert [line.where for line in found.mended] == [edit.where]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ((), "there is nothing to correct"),
        (("--prompts", "p.txt"), "nobody corrects"),
        (("--prompts", "p.txt", "--review", "--teacher", "cmd:cat"), "exclude each other"),
        (("edits.jsonl", "--rounds", "2"), "needs someone who corrects"),
        (("edits.jsonl", "--set", "train.correction.bound=none"), "--allow-unbounded"),
    ],
)
def test_what_does_not_fit_together_is_refused(more: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["corrections", *more]) == 2
    assert why in capsys.readouterr().err
