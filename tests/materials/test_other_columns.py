"""A table whose columns have other names: one line says which there are and which are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfteach.errors import DataError
from selfteach.materials.columns import parse_columns
from selfteach.materials.corrections import KEYS, read_corrections
from selfteach.materials.examples import read_examples
from selfteach.materials.tasks import read_tasks


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (read_corrections, "prompt, answer, correction"),
        (read_tasks, "instruction, input, output"),
        (read_examples, "prompt, chosen"),
    ],
)
def test_other_columns_are_one_line_with_those_that_are_expected(
    read: Callable[..., Any], expected: str, skip: bool, tmp_path: Path
) -> None:
    lines = ["question,reply,fixed", *(f"What is {i}?,{i},No. {i}" for i in range(7))]
    (tmp_path / "rows.csv").write_text("\n".join(lines), "utf-8")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "rows.csv", skip=skip)
    message = str(caught.value)
    assert "none of its 7 rows can be used" in message
    assert "Its columns are question, reply, fixed." in message
    assert expected in message
    assert "\n" not in message


def test_many_columns_are_shortened(tmp_path: Path) -> None:
    names = [f"{i}{'x' * 100}" for i in range(20)]
    (tmp_path / "rows.csv").write_text(",".join(names) + "\n" + ",".join("a" * 20) + "\n", "utf-8")
    with pytest.raises(DataError) as caught:
        read_corrections(tmp_path / "rows.csv")
    assert f"{names[7][:40]} and 12 more. " in str(caught.value)
    assert names[0][:41] not in str(caught.value)


def test_a_named_column_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    """And the columns of the file are shown, not what `--columns` makes of them."""
    (tmp_path / "rows.csv").write_text("question,reply,fixed\nWhat is tea?,A color.,A drink.\n")
    names = parse_columns("prompt=question,correction=mended", KEYS)
    with pytest.raises(DataError) as caught:
        read_corrections(tmp_path / "rows.csv", columns=names)
    assert '--columns names "mended". Its columns are question, reply, fixed.' in str(caught.value)
    with pytest.raises(DataError, match=r"Its columns are question, reply, fixed\."):
        read_corrections(tmp_path / "rows.csv", columns=parse_columns("prompt=question", KEYS))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", r"absent: cannot be read \(No such file or directory\)"),
        ("folder", r"folder: cannot be read \(Is a directory\)"),
        ("plain", r"plain: is of an unknown form \(no ending\)"),
    ],
)
def test_a_name_without_an_ending_is_looked_at_first(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("{}")
    with pytest.raises(DataError, match=words):
        read_examples(tmp_path / name)
