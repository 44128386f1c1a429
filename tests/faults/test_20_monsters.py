"""Row 20: a line of 10 MB, deep JSON and huge integers are put aside, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from selfteach.files import MAX_DEPTH, BadLine, read_jsonl


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


READER = """
import resource, sys
from pathlib import Path
from selfteach.files import read_jsonl
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
bad = []
print(len(list(read_jsonl(Path(sys.argv[1]), bad))), len(bad), bad[0].fault)
"""


def test_a_line_without_end_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """A line of 600 MB (a sparse file) within 256 MB of address space."""
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as handle:
        handle.write(b'{"a": 1}\n')
        handle.truncate(600 << 20)
        handle.seek(0, 2)
        handle.write(b'\n{"a": 2}\n')
    done = subprocess.run(
        [sys.executable, "-c", READER, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split(maxsplit=2) == ["2", "1", "the line is longer than 8 MB\n"], (
        done.stderr
    )
