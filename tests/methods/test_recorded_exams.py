"""Records of exams of format 1, which every later version must read and grade: the file that holds
them is never changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from sat_again import change_steps
from scripted import Scripted
from selfteach import registry
from selfteach.errors import IntegrityError
from selfteach.evaluate.exam import TunedModel
from selfteach.evaluate.recorded_exam import ExamSetup, read_exam, read_settings
from selfteach.evaluate.verdict import Word
from selfteach.models.recorded import Recorded
from selfteach.records import Prompt, Request, get_user_text
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger
from selfteach.students.exam_models import make_no_training
from selfteach.students.gate import read_exam_scores

CASES = json.loads(Path(__file__).with_name("exams_format_1.json").read_text())
CORRECTED = "The color of it is grey."


class Weights:
    """A base with one logit a token, and a token a word."""

    context_tokens = 1000

    def __init__(self) -> None:
        self.module = torch.nn.Linear(1, 1)

    def answer_logits(self, pairs: Sequence[Any]) -> Iterator[tuple[int, torch.Tensor]]:
        for i in range(len(pairs)):
            yield i, torch.zeros(2, 3)

    def encode_answer(self, text: str, end: bool = True) -> list[int]:
        return [len(word) for word in text.split()]

    def room_tokens(self, prompt: Prompt) -> float:
        return self.context_tokens


def judge_foxes(prompt: Prompt, text: str) -> float:
    """Score Yes, and the rule on foxes, high after a reply about a fox; else shorter texts."""
    reply = str(prompt).rpartition("Reply:")[2]
    if text.strip() in ("Yes", "foxes.", "No", "bears.", "bread."):
        return 0.0 if ("fox" in reply) == (text.strip() in ("Yes", "foxes.")) else -1.0
    return -float(len(text))


def sit(case: dict[str, Any], folder: Path) -> Any:
    """Sit the exam of a case: its tables answer, and the teacher writes "color"."""

    def script(table: dict[str, str]) -> Any:
        return lambda request: table.get(get_user_text(request.prompt), CORRECTED)

    def correct(request: Request) -> str:
        text = get_user_text(request.prompt)
        return text.partition(">\n")[2] and text.split("\n")[-4].replace("colour", "color")

    ledger = Ledger(folder / "run.db")
    base = Scripted(script(case["base"]), judge_foxes)
    teacher = Scripted(correct, name="teacher")
    sitting = ExamSetup(
        read_settings(case["record"]),
        SilentDisplay(),
        Weights(),
        Recorded(ledger, base, base),
        [torch.zeros(2, 3)] * 2,
        lambda: Recorded(ledger, teacher, teacher),
    )
    read_grading = registry.load_registered("methods", case["method"]).read_grading
    exam = read_exam(case["record"], sitting, read_grading)
    tuned = Scripted(script(case["tuned"]), judge_foxes, name="tuned")
    recorded = Recorded(ledger, tuned, tuned)
    found = exam.run(sitting, TunedModel(make_no_training(folder), tuned, recorded), brief=True)
    ledger.close()
    return json.loads(json.dumps(found))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_record_of_format_1_is_read_by_every_version(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_steps(monkeypatch)
    scores = read_exam_scores(case["method"], sit(case, tmp_path))
    expected = case["expected"]
    assert scores.verdict in get_args(Word)
    assert scores.base == pytest.approx(expected["base"], abs=1e-3)
    assert scores.tuned == pytest.approx(expected["tuned"], abs=1e-3)


def test_a_record_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    case = deepcopy(CASES[0])
    case["record"]["format"] = 2
    with pytest.raises(IntegrityError, match="has the format 2, and this version knows 1"):
        sit(case, tmp_path)
