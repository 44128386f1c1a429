"""tools/mutants.py lists the mutants that are asked for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "mutants.py"


def test_the_list_has_only_the_mutants_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("mutants", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    mutants = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mutants", mutants)  # its dataclasses look it up
    spec.loader.exec_module(mutants)
    words = ["mutants", "--group", "statistics", "--list", "--only", "find_bound"]
    monkeypatch.setattr(sys, "argv", words)
    assert mutants.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all("find_bound" in line for line in lines)
