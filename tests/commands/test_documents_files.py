"""What stands for documents in a run's identity: their texts, titles and questions, whatever their order and their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfteach.commands.documents import Files

ROWS: list[dict[str, Any]] = [
    {"title": "Mill", "text": "The old mill stands by the river.", "questions": [{"question": "Where?", "answer": "by the river"}]},
    {"title": "Inn", "text": "The old inn stands by the road."},
]


def identity(folder: Path, rows: list[dict[str, Any]], name: str = "d.jsonl") -> dict[str, Any]:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = Files([folder / name])
    return files.json(files.read())


@pytest.mark.parametrize("change", [
    {"text": "The new mill."}, {"title": "Hale Mill"}, {"questions": []}, {"questions": [{"question": "Where?", "answer": "at Hale"}]},
    {"questions": [{"question": "Where is it?", "answer": "by the river"}]},
])  # fmt: skip
def test_a_changed_text_title_question_or_answer_is_another_run(tmp_path: Path, change: dict[str, Any]) -> None:
    assert identity(tmp_path, [{**ROWS[0], **change}, ROWS[1]]) != identity(tmp_path, ROWS)


def test_another_order_or_place_is_the_same_run(tmp_path: Path) -> None:
    assert identity(tmp_path, ROWS[::-1], "e.jsonl") == identity(tmp_path, ROWS)
