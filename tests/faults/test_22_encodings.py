"""Row 22: a file in another encoding is noticed, and the message says how to convert it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfteach.errors import DataError
from selfteach.files import BadLine, read_jsonl

ROW = json.dumps({"prompt": "Où est la bibliothèque?"}, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_encodings_are_refused_with_the_command_that_converts(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROW.encode(encoding) * 3)
    with pytest.raises(DataError, match=r"UTF-16.*iconv"):
        list(read_jsonl(path, []))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift-jis"])
def test_a_line_of_another_encoding_is_put_aside_with_a_hint(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "rows.jsonl"
    text = "図書館はどこ" if encoding == "shift-jis" else "Où est la bibliothèque?"
    path.write_bytes(
        b'{"prompt": "plain"}\n'
        + json.dumps({"prompt": text}, ensure_ascii=False).encode(encoding)
        + b"\n"
    )
    bad: list[BadLine] = []
    assert [row for _, row in read_jsonl(path, bad)] == [{"prompt": "plain"}]
    assert "not UTF-8" in bad[0].fault
    assert "iconv" in bad[0].fault


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8_with_or_without_its_mark_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROW.encode(encoding) * 2)
    assert [row["prompt"] for _, row in read_jsonl(path)] == ["Où est la bibliothèque?"] * 2
