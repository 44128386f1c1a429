"""The file of `--out`: over what it is written, and over what it is not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from selfteach import cli, files
from selfteach.commands.output_file import open_atomic
from selfteach.errors import UsageError
from selfteach.files import write_text


def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """Root can put a file in the place of /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="is a pipe or a device"), open_atomic(pipe):
        pass
    with pytest.raises(UsageError, match="is a pipe or a device"):
        write_text(pipe, "page")
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_stays_and_its_file_is_written(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    for text in ("new", "newer"):
        with open_atomic(link) as handle:
            handle.write(text)
        assert (tmp_path / "file").read_text() == text
    assert link.is_symlink()


@pytest.mark.parametrize(
    "line",
    [
        "overlap rows.jsonl --out kept.csv",
        "overlap rows.jsonl --out kept.jsonl --dropped lost.JSON",
        "templates rows.jsonl --out rows.tsv",
        "answer --in rows.jsonl --model embedded --out answers.json",
    ],
)
def test_rows_in_jsonl_have_no_name_of_another_form(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A table program, and our own readers, would take the file for what its name says."""
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text('{"instruction": "Hum.", "output": "Hm.", "prompt": "Hum."}\n')
    assert cli.run_command(line.split()) == 2
    (told,) = capfd.readouterr().err.splitlines()
    named = Path(line.split()[-1])
    cure = f"Name it {named.with_suffix('.jsonl')}."
    assert told == f"selfteach: {named}: the rows are written as JSONL. {cure}"
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_the_bytes_of_a_folder_are_those_of_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("abc")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b").write_text("abc")
    assert files.count_folder_bytes(tmp_path) == 3


def test_a_taken_name_gets_the_next_free_number(tmp_path: Path) -> None:
    found = []
    (tmp_path / "run-3").touch()
    for _ in range(3):
        found.append(files.find_free_name(tmp_path / "run"))
        found[-1].touch()
    assert [path.name for path in found] == ["run", "run-2", "run-4"]
