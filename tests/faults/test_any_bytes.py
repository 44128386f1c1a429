"""Every reader of a user's file, and every file that a command reads back, on any bytes: it reads
them, or raises an error of selfteach. Nothing takes long, or much memory.

A few inputs for each in `make test`, 10,000 in `make test-all`; 1,000 where a page is made or a
process started. `tools/any_bytes.py` does the same for chosen readers.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from readers import READERS, try_inputs

from selfteach.errors import SelfteachError


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("many", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", READERS)
def test_any_bytes_are_read_or_refused(name: str, many: bool, tmp_path: Path) -> None:
    reader = READERS[name]
    inputs = reader.inputs if many else min(6, reader.inputs // 500)
    found = try_inputs(reader, tmp_path, inputs)
    assert found["read"] + found["refused"] >= inputs


def test_a_good_file_is_read_by_each_reader(tmp_path: Path) -> None:
    """Else the readers would refuse everything, and nothing would be tested."""
    refused = {}
    for number, (name, reader) in enumerate(READERS.items()):
        path = tmp_path / str(number) / reader.file
        path.parent.mkdir(parents=True)
        path.write_bytes(reader.good)
        try:
            reader.read(path)
        except SelfteachError as error:
            refused[name] = str(error)
    assert refused == {}
