"""A measurement that was stopped goes on with its whole lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.kept_lines import append_line, open_lines


def test_a_line_that_was_cut_off_is_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "new" / "lines.jsonl"
    assert open_lines(file, {"seed": 0}) == []
    append_line(file, {"part": 1})
    file.write_text(file.read_text() + '{"part": 2, "found": {"x": 1}')
    assert open_lines(file, {"seed": 0}) == [{"part": 1}]
    append_line(file, {"part": 2})
    assert open_lines(file, {"seed": 0}) == [{"part": 1}, {"part": 2}]


def test_the_lines_of_other_settings_are_refused(tmp_path: Path) -> None:
    open_lines(tmp_path / "lines.jsonl", {"seed": 0})
    with pytest.raises(SystemExit, match="of another command"):
        open_lines(tmp_path / "lines.jsonl", {"seed": 1})
