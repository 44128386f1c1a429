"""Rows 6, 20, 21, 22: what may be wrong with a file of corrections is put aside with its place, and
the next row is read.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfteach.errors import DataError
from selfteach.materials.corrections import read_corrections

GOOD = {"prompt": "What is tea?", "answer": "Tea is a color.", "correction": "Tea is a drink."}
TORN = json.dumps(GOOD).encode()[:-9]
DEEP = b'{"prompt": ' + b"[" * 5000 + b"]" * 5000 + b"}"
HUGE = b'{"prompt": "x", "answer": ' + b"9" * 10_000 + b', "correction": "y"}'
LATIN = '{"prompt": "Où?", "answer": "là", "correction": "ici"}'.encode("latin-1")


def others(count: int) -> list[bytes]:
    return [
        json.dumps(GOOD | {"prompt": f"What is tea number {n}?"}).encode() for n in range(count)
    ]


@pytest.mark.parametrize(
    "line", [TORN, DEEP, HUGE, LATIN, b"null", b"[]", b'{"prompt": 7, "correction": "x"}']
)
def test_a_bad_row_is_named_and_the_rest_is_read(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "edits.jsonl"
    path.write_bytes(b"\n".join([*others(19), line, json.dumps(GOOD).encode()]))
    with pytest.raises(DataError) as stopped:
        read_corrections(path)
    assert "edits.jsonl:20" in str(stopped.value)
    found = read_corrections(path, skip=True)
    assert (len(found.edits), found.outcomes["edits.jsonl:20"].reason) == (20, "cannot be read")


def test_wide_encodings_are_refused_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    path.write_text(json.dumps(GOOD), "utf-16")
    with pytest.raises(DataError):
        read_corrections(path, skip=True)


def test_unsafe_text_is_repaired_once_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    path.write_text(json.dumps(GOOD | {"correction": "Tea\u0000 is a \ud83c drink."}), "utf-8")
    found = read_corrections(path)
    assert found.cleaned_rows
    text = found.edits[0].correction or ""
    assert "\u0000" not in text
    text.encode()
