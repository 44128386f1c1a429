"""The help of the measuring programs says in whole sentences what they do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
PROGRAMS = [path for path in sorted(BENCH.glob("*.py")) if "ArgumentParser(" in path.read_text()]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_description_does_not_end_within_a_sentence(path: Path) -> None:
    text = path.read_text("utf-8")
    about = ast.get_docstring(ast.parse(text)) or ""
    assert about.partition("\n\n")[0].endswith((".", "?"))
    assert "__doc__.splitlines()[0]" not in text, "a line is not always a sentence"
