"""Rows 14, 19, 22 for documents: too long, nothing to learn from, another encoding. No model but in row 14. Rows of files:
test_19_every_material.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import scholar
from selfteach import cli


def run(path: Path, *more: str) -> int:
    """The exit code of the command on this file; a model that does not exist shows that none was loaded before."""
    model = [] if "--model" in more else ["--model", str(path.parent / "no-model")]
    return cli.run(["documents", str(path), *model, "--out", str(path.parent / "run"), *more])


def write(folder: Path, data: bytes, name: str = "tea.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("text", ["", " \n\n", "Tea.", "One sentence about tea stands here alone."])
def test_nothing_to_learn_from_ends_before_the_model(text: str, tmp_path: Path) -> None:
    assert run(write(tmp_path, text.encode(), "tea.txt")) == 3


def test_utf_16_is_read_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "Tea came to Europe in 1610 by ship.\nIt was sold in London from 1657 on.\n"
    assert run(write(tmp_path, text.encode("utf-16"), "tea.txt"), "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["characters"] >= len(text) - 2


def test_a_sentence_that_does_not_fit_the_context_is_named_before_anything_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = scholar.write_scholar(tmp_path / "model")
    long = " ".join(["tea"] * 900) + ".\nTea came to Europe in 1610 by ship.\n"
    path = write(tmp_path, long.encode(), "tea.txt")
    assert run(path, "--model", str(model), "--set", "engine=hf", "--set", "read.chunk_tokens=1000") == 3
    said = capsys.readouterr().err
    assert "tea.txt" in said
    assert "read.chunk_tokens" in said
