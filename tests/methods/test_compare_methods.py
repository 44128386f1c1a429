"""`selfteach compare` on runs of every method: each by its own exam."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import scholar
from selfteach import cli
from selfteach.api import find_compared_method
from selfteach.errors import UsageError
from selfteach.methods.compare.compare_adapters import summarize_arm
from selfteach.records import Measure
from selfteach.registry import BUILT_IN_NAMES
from selfteach.report.comparison import SCORES
from selfteach.results import ExamResult
from talker import ADJECTIVES, NOUNS, VERBS, run_json
from tasker import tasks_command, write_seeds

pytestmark = pytest.mark.training

CORRECTING = """engine=hf correct.max_tokens=14 correct.max_overlap=0.8 correct.samples=1
    anchors.general=10 anchors.rounds=3 exam.max_tokens=14 exam.general=3 exam.shots=2
    train.max_tokens=200 train.batch_size=4 train.max_steps=3"""
EDITOR = """
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    print(json.dumps({"id": row["id"], "correction": row["answer"].replace("fox-", "bear-")}))
"""
LESS = ("--set", "train.max_steps=2", "--rates", "1,3", "--icl", "1", "--json")


def compare(run: Path, *more: str) -> dict[str, Any]:
    code, found = run_json(["compare", "--run", str(run), "--adapters", "lora", *LESS, *more])
    assert code == 0
    return dict(found)


def is_whole(found: dict[str, Any], kind: str, rows: list[str]) -> None:
    assert (found["kind"], found["score"]) == (kind, SCORES[kind].name)
    assert [row["name"] for row in found["rows"]] == rows
    assert all(row["score"]["n"] > 0 for row in found["rows"])
    assert found["base"]["base"]["score"]["n"] == found["rows"][0]["score"]["n"]
    assert all(len(row["rates"]) == 2 for row in found["rows"] if "adapter" in row), (
        "a rate was chosen on what was held out"
    )


def test_every_method_that_can_be_compared_has_a_score_of_its_own() -> None:
    assert set(SCORES) == set(BUILT_IN_NAMES["methods"]) - {"train"}
    assert len({score.name for score in SCORES.values()}) == len(SCORES)


def test_tasks_without_held_out_seeds_are_compared_by_those_of_people() -> None:
    """With `--test FILE --set test_share=0` no seed is held out."""
    value = {"value": 0.2, "low": 0.1, "high": 0.3, "n": 8}
    exam = {"method": "tasks", "rouge_l": {"human": {"base": {"greedy": value, "sampled": value}}}}
    assert summarize_arm("tasks", exam, "base") == {"score": value, "sampled": value}
    assert ExamResult(exam)["base"]["target"].greedy == Measure(**value)


def test_a_run_of_train_has_no_exam_to_compare_by() -> None:
    with pytest.raises(UsageError, match="no exam to compare by"):
        find_compared_method({"kind": "train"}, Path("run"))


@pytest.mark.slow
def test_tasks_by_rouge_l(tasker: Path, tmp_path: Path) -> None:
    seeds = write_seeds(tmp_path / "seeds.jsonl")
    more = ("--set", "count=6", "--set", "exam.tasks=3", "--set", "train.max_steps=2")
    assert run_json(tasks_command(tasker, tmp_path / "run", *more, str(seeds)))[0] == 0
    found = compare(tmp_path / "run", "--objectives", "own,dpo")
    is_whole(found, "tasks", ["lora-own", "1-shot"])
    assert "have no rejected answer" in found["left_out"]["lora-dpo"]
    seeds.write_text(
        seeds.read_text()
        + json.dumps({"instruction": "Greet nine old- crows", "output": "The bear- eats honey!"})
        + "\n"
    )
    assert (
        cli.run_command(["compare", "--run", str(tmp_path / "run"), "--adapters", "lora", *LESS])
        == 3
    ), "the seeds have changed"


@pytest.mark.slow
def test_corrections_by_what_the_teacher_changes(talker: Path, tmp_path: Path) -> None:
    (tmp_path / "editor.py").write_text(EDITOR)
    words = zip(
        ADJECTIVES * 3, NOUNS * 3, VERBS[::-1] * 3, [*NOUNS[3:], *NOUNS, *NOUNS[::-1]], strict=False
    )
    asked = [f"Can the {a} {b} {v} a {c}?" for a, b, v, c in words]
    (tmp_path / "p.jsonl").write_text(
        "".join(json.dumps({"prompt": text}) + "\n" for text in asked)
    )
    teacher = (
        "--prompts",
        str(tmp_path / "p.jsonl"),
        "--teacher",
        f"cmd:{sys.executable} {tmp_path / 'editor.py'}",
    )
    sets = [word for item in CORRECTING.split() for word in ("--set", item)]
    assert (
        run_json(
            [
                "corrections",
                "--model",
                str(talker),
                "--out",
                str(tmp_path / "run"),
                "--json",
                *sets,
                *teacher,
            ]
        )[0]
        == 0
    )
    is_whole(
        compare(tmp_path / "run", "--objectives", "own,dpo"),
        "corrections",
        ["lora-own", "lora-dpo", "1-shot"],
    )


@pytest.mark.slow
def test_documents_by_the_questions_that_are_answered(tmp_path: Path) -> None:
    model = scholar.write_scholar(tmp_path / "scholar")
    documents = scholar.write_documents(tmp_path)
    with scholar.serve_teacher() as server:
        code, _ = run_json(
            scholar.documents_command(
                model,
                documents,
                tmp_path / "run",
                "--set",
                "train.max_steps=2",
                "--teacher",
                server.address,
            )
        )
        assert code == 0
        is_whole(compare(tmp_path / "run"), "documents", ["lora-own", "1-shot"])
