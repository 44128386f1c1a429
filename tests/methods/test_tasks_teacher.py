"""A run of tasks with an endpoint as the teacher: it invents, classifies, answers and may judge;
what it loses is counted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "faults"))
from hostile import Behave, Call, answer, hostile

from talker import open_ledger, read_rows, run_json
from tasker import COLOURS, NUMBERS, PLURALS, VERBS_OF_TASKS, tasks_command, write_seeds

pytestmark = [pytest.mark.training, pytest.mark.long]

SHORT = (
    "anchors.general=0",
    "exam.general=0",
    "train.max_steps=2",
    "count=4",
    "exam.tasks=3",
    "max_failures=0.5",
    "judge.name=teacher",
    "instances.samples=1",
    "instances.min_agreement=0",
)


def teacher(logprobs: bool) -> Behave:
    """By the prompt's own words. Of the log-probabilities of a label every third lacks both words,
    where there are any at all.
    """

    def behave(call: Call) -> None:
        text = call.last
        if "logprobs" in call.body:
            pair = ("A", "B") if "Answer A" in text else (" label", " text")
            shown = dict(zip(pair if call.number % 3 else ("x", "y"), (-0.5, -1.5), strict=True))
            answer("A", usage=None, **(logs(call, shown) if logprobs else {}))(call)
        elif text.startswith("Come up with"):
            answer(
                f" {task(2 * call.number)} of the list\n10. {task(2 * call.number + 1)}\n11.",
                usage=None,
            )(call)
        else:
            answer(
                f"The bear- eats {task(call.number)}!" if "messages" in call.body else " honey",
                usage=None,
            )(call)

    return behave


def logs(call: Call, shown: dict[str, float]) -> dict[str, Any]:
    """Log-probabilities in the form of the server's two paths."""
    if "messages" not in call.body:
        return {"logprobs": {"top_logprobs": [shown]}}
    return {
        "logprobs": {
            "content": [
                {
                    "token": "x",
                    "top_logprobs": [{"token": t, "logprob": p} for t, p in shown.items()],
                }
            ]
        }
    }


def task(number: int) -> str:
    """A task whose words another number has not."""
    verb = VERBS_OF_TASKS[number % 8]
    count = NUMBERS[number % 6]
    colour = COLOURS[number % 5]
    plural = PLURALS[number // 8 % 8]
    return f"{verb} {count} {colour} {plural} in the given list"


def run_tasks(
    tasker: Path, folder: Path, behave: Behave, *more: str
) -> tuple[int, Any, list[Call]]:
    sets = (word for item in (*SHORT, *more) for word in ("--set", item))
    with hostile(behave) as server:
        line = tasks_command(
            tasker,
            folder / "run",
            *sets,
            "--teacher",
            server.address,
            str(write_seeds(folder / "seeds.jsonl")),
        )
        code, result = run_json(line)
        return code, result, server.completion_calls


def test_a_teacher_that_loses_scores_teaches_and_they_are_counted(
    tasker: Path, tmp_path: Path
) -> None:
    code, result, calls = run_tasks(tasker, tmp_path, teacher(logprobs=True))
    assert code == 0
    assert {call.path.rpartition("/v1/")[2] for call in calls} == {
        "completions",
        "chat/completions",
    }
    with open_ledger(tmp_path / "run") as ledger:
        funnel = {stage.stage: stage for stage in ledger.funnel()}
    kinds = funnel["kinds of tasks"]
    assert kinds.failed > 0
    assert kinds.reasons == {"no score came": kinds.failed}
    assert kinds.requested == kinds.accepted + kinds.failed
    made = read_rows(tmp_path / "run" / "tasks.jsonl")
    assert 1 <= len(made) <= 4
    assert all(row["instances"][0]["output"].startswith("The bear- eats") for row in made)
    exam = json.loads((tmp_path / "run" / "exam.json").read_text())
    assert set(exam["judge"]["agreement"]) == {"teacher"}
    assert exam["judge"]["agreement"]["teacher"]["value"] == 0.5, (
        "it likes the first place, so every duel is a tie"
    )
    assert result["adapter"]


def test_without_log_probabilities_the_student_classifies(
    tasker: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, _ = run_tasks(tasker, tmp_path, teacher(logprobs=False))
    assert code == 0
    assert (
        "the base decides which tasks are classifications, because the teacher gives no "
        "log-probabilities" in capfd.readouterr().err
    )
    exam = json.loads((tmp_path / "run" / "exam.json").read_text())
    assert "gives no log-probabilities" in exam["judge"]["left_out"]["teacher"]
    assert exam["judge"]["name"] == "closer"
