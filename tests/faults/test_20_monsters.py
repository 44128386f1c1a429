"""Row 20: a line of 10 MB, deep JSON and huge integers are put aside, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from selfteach import files
from selfteach.errors import DataError
from selfteach.files import MAX_DEPTH, BadLine, parse_json, read_jsonl
from selfteach.materials import rows
from selfteach.materials.corrections import read_corrections


def read(path: Path, data: bytes) -> tuple[list[dict[str, object]], list[BadLine]]:
    path.write_bytes(b'{"first": 1}\n' + data + b'\n{"last": 1}\n')
    bad: list[BadLine] = []
    return [row for _, row in read_jsonl(path, bad)], bad


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"a": "' + b"x" * (10 << 20) + b'"}', "longer than 8 MB"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", f"nested deeper than {MAX_DEPTH}"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, f"nested deeper than {MAX_DEPTH}"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "more than 64 bits"),
        (b'{"a": 18446744073709551616}', "more than 64 bits"),
        (b'{"a": -' + b"9" * 25 + b"}", "more than 64 bits"),
        (b'{"a": 1e999}', "out of range"),
        (b'{"a": -Infinity}', "no JSON number"),
    ],
)
def test_monsters_are_put_aside_and_the_next_line_is_read(
    tmp_path: Path, line: bytes, fault: str
) -> None:
    rows, bad = read(tmp_path / "rows.jsonl", line)
    assert rows == [{"first": 1}, {"last": 1}]
    assert [b.where for b in bad] == ["rows.jsonl:2"]
    assert fault in bad[0].fault


def test_the_largest_that_are_allowed_pass(tmp_path: Path) -> None:
    depth = MAX_DEPTH - 2
    rows, bad = read(
        tmp_path / "rows.jsonl",
        b'{"a": ' + b"[" * depth + b"]" * depth + b', "b": 18446744073709551615, "c": 1e308}',
    )
    assert bad == []
    assert rows[1]["b"] == 2**64 - 1


@pytest.mark.parametrize("row", ["{}", "1", "[]", '"text"', '{"prompt": ""}'])
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_reading_ends_where_a_file_is_hardly_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, form: str
) -> None:
    """31 MB of such rows took 130 s and 4 GB."""
    monkeypatch.setattr(files, "MAX_BAD_LINES", 100)
    text = f"[{','.join([row] * 1000)}]" if form == "json" else f"{row}\n" * 1000
    path = tmp_path / f"rows.{form}"
    path.write_text(text)
    with pytest.raises(DataError, match=r"reading ends at bad row 100; the first is rows.json"):
        read_corrections(path, skip=True)


def test_rows_of_a_json_list_are_held_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"a": 1}, {"a": "' + "x" * (9 << 20) + '"}, {"a": 2}, {"a"')
    bad: list[BadLine] = []
    found = rows.read_rows(path, bad)
    assert [next(found), next(found)] == [("rows.json[1]", {"a": 1}), ("rows.json[3]", {"a": 2})]
    assert [(line.where, line.fault) for line in bad] == [
        ("rows.json[2]", "the row is longer than 8 MB")
    ]
    with pytest.raises(DataError, match=r"not JSON \(Expecting ':' delimiter: line 1 column 94"):
        next(found)


def test_a_json_list_is_read_as_its_whole_text_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if any of its characters is missing or another one."""
    whole = ' [ {"a": "]\\"}", "b": [1, {"c": []}]} ,{},\n\t{"a": -1.5e3, "\\\\": null}]\n'
    for place in range(len(whole)):
        for other in ("", "[", "]", "{", "}", '"', ",", "1", "\\", " "):
            text = whole[:place] + other + whole[place + 1 :]
            monkeypatch.setattr(rows, "read_utf8", lambda path, text=text: text)
            try:
                expected = parse_json(text)
            except ValueError:
                expected = None
            bad: list[BadLine] = []
            try:
                found = [row for _, row in rows.read_rows(Path("rows.json"), bad)]
            except DataError:
                assert not isinstance(expected, list), text
            else:
                assert expected is not None, text
                assert found == [row for row in expected if isinstance(row, dict)], text
                assert len(found) + len(bad) == len(expected), text


READER = """
import resource, sys
from pathlib import Path
from selfteach.files import read_jsonl
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
bad = []
print(len(list(read_jsonl(Path(sys.argv[1]), bad))), len(bad), bad[0].fault)
"""


def test_a_line_without_end_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """A line of 300 MB (a sparse file) within 256 MB of address space."""
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as handle:
        handle.write(b'{"a": 1}\n')
        handle.truncate(300 << 20)
        handle.seek(0, 2)
        handle.write(b'\n{"a": 2}\n')
    done = subprocess.run(
        [sys.executable, "-c", READER, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split(maxsplit=2) == ["2", "1", "the line is longer than 8 MB\n"], (
        done.stderr
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_csv_file_is_read_line_by_line(tmp_path: Path, end: str) -> None:
    """Whatever ends its lines; a cell may hold such ends, and they are read as one kind."""
    path = tmp_path / "rows.csv"
    lines = ["\ufeffa,b", f'1,"x{end}y"', "2", "3,z"]
    path.write_bytes(end.join(lines).encode())
    rows_found = [(where, row) for where, row in rows.read_rows(path)]
    assert rows_found == [
        ("rows.csv:2", {"a": "1", "b": "x\ny"}),
        ("rows.csv:4", {"a": "2"}),
        ("rows.csv:5", {"a": "3", "b": "z"}),
    ]


def test_a_long_line_of_a_csv_file_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_LINE_BYTES", 1 << 20)
    path = tmp_path / "rows.csv"
    path.write_text(f"a;b\n1;x\n{'x' * (3 << 20)};y\n3;z\n")
    bad: list[BadLine] = []
    assert [row["a"] for _, row in rows.read_rows(path, bad)] == ["1", "3"]
    assert [line.fault for line in bad] == ["the line is longer than 1 MB"]
    with path.open("ab") as file:
        file.write(b"4;\xff\n")
    with pytest.raises(DataError, match="not UTF-8") as caught:
        list(rows.read_rows(path, []))
    assert caught.value.where == "rows.csv:5"
