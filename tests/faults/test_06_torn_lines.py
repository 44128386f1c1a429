"""Row 6: a torn or corrupt line of a JSONL file is put aside with file and line; the others are
read.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfteach.errors import DataError
from selfteach.files import UTF16_PREFIXES, BadLine, read_jsonl

LINES = [
    b'{"a": 1}',
    b'{"a": 2, "b": "x',
    b"[1]",
    b'{"a": 3}',
    b"",
    b"nonsense",
    b'{"a": 4}\r',
    b'{"a": NaN}',
    b'{"a": 1, "a": 2}',
    b"\x00\x00\x00",
]


def test_bad_lines_are_put_aside_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(LINES))
    bad: list[BadLine] = []
    assert list(read_jsonl(path, bad)) == [
        ("rows.jsonl:1", {"a": 1}),
        ("rows.jsonl:4", {"a": 3}),
        ("rows.jsonl:7", {"a": 4}),
    ]
    assert [line.where for line in bad] == [f"rows.jsonl:{n}" for n in (2, 3, 6, 8, 9, 10)]
    assert "NaN is no JSON number" in bad[3].fault
    assert "a key stands twice" in bad[4].fault


def test_without_a_place_for_them_the_first_one_stops(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(LINES))
    rows = read_jsonl(path)
    assert next(rows)[1] == {"a": 1}
    with pytest.raises(DataError, match=r"rows.jsonl:2: not JSON .*Correct or remove the line"):
        next(rows)


@settings(deadline=None)
@given(cut=st.integers(0, 400))
def test_a_file_cut_anywhere_loses_its_last_line_at_most(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    rows = [{"id": n, "text": "é" * n} for n in range(12)]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()[:cut]
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    path.write_bytes(data)
    bad: list[BadLine] = []
    found = [row for _, row in read_jsonl(path, bad)]
    whole = data.count(b"\n")
    assert found[:whole] == rows[:whole]
    assert len(found) + len(bad) == whole + bool(data[data.rfind(b"\n") + 1 :])
    assert len(bad) <= 1


@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_put_aside(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(data)
    bad: list[BadLine] = []
    if data[:2] in UTF16_PREFIXES:
        with pytest.raises(DataError, match="UTF-16"):
            list(read_jsonl(path, bad))
        return
    found = list(read_jsonl(path, bad))
    assert len(found) + len(bad) == sum(
        bool(line.removeprefix(b"\xef\xbb\xbf").strip()) for line in data.split(b"\n")
    )
