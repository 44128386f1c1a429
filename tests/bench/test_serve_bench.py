"""The measurement of the server: parts that are kept in a file, and what it is given."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import serve


def test_kept_parts_are_those_of_the_same_command(tmp_path: Path) -> None:
    """Answers of 32 tokens at most are no answers of 64."""
    path = tmp_path / "parts.json"
    assert serve.PartFile(path, {"tokens": 32}).take("alone", lambda: "first") == "first"
    again = serve.PartFile(path, {"tokens": 32})
    assert again.take("alone", lambda: pytest.fail("it is kept")) == "first"
    with pytest.raises(SystemExit, match="of another command"):
        serve.PartFile(path, {"tokens": 64})


def test_a_single_run_is_refused_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["serve", "runs/one"])
    with pytest.raises(SystemExit):
        serve.main()
    assert "give two runs or more" in capsys.readouterr().err
