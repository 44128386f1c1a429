"""A rule with a condition, from the words to the exam, on a model that talks by a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talker import feedback_command, open_ledger, read_rows, run_json

pytestmark = pytest.mark.training

FEW = [
    "train.max_steps=2",
    "balance.rounds=0",
    "balance.outside=8",
    "ask.target=20",
    "exam.target=8",
    "ask.general=6",
]


@pytest.fixture(scope="module")
def run(talker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a rule that holds in emails to one person."""
    folder = tmp_path_factory.mktemp("conditional") / "run"
    sets = [word for item in FEW for word in ("--set", item)]
    rule = "In emails to my boss do not talk about the fox."
    code, _ = run_json(feedback_command(talker, folder, *sets, rule=rule))
    assert code == 0
    return folder


def prompts(run: Path, kind: str) -> list[str]:
    rows = read_rows(run / "examples.jsonl")
    return [row["prompt"][-1]["content"] for row in rows if row["kind"] == kind]


def test_only_emails_to_the_boss_are_learned_and_neighbors_hold_the_base(run: Path) -> None:
    learned = prompts(run, "in_scope")
    held = prompts(run, "near")
    assert learned
    assert held
    assert all("my boss" in text.lower() for text in learned)
    about_boss = [text.lower() for text in held if "boss" in text.lower()]
    assert about_boss
    assert not any("mail" in text for text in about_boss)


def test_the_exam_asks_about_other_occasions_and_counts_what_is_needless(run: Path) -> None:
    exam: dict[str, Any] = json.loads((run / "exam.json").read_text())
    asked = {row["prompt"] for row in exam["answers"]}
    assert not asked & {*prompts(run, "in_scope"), *prompts(run, "near")}
    assert set(exam["needless"]) == {"base", "prompted", "tuned", "excess", "excess_by_scope"}
    target = [row for row in exam["answers"] if row["scope"] == "target"]
    assert exam["target_prompts"] == len(target)
    assert exam["kept"]["base"]["greedy"]["n"] <= len(target)


def test_the_tuned_model_is_tried_outside_the_condition_once(run: Path) -> None:
    stages = json.loads((run / "manifest.json").read_text())["stages"]
    assert stages["needless effects"]["attempts"] == 1
    assert "needless effects 2" not in stages
    with open_ledger(run) as ledger:
        asked = ledger.count_requests()
    assert "dev" in asked


def test_every_prompt_and_answer_is_accounted_for(run: Path) -> None:
    with open_ledger(run) as ledger:
        funnel = {row.stage: row for row in ledger.funnel()}
    assert sum(row.pending for row in funnel.values()) == 0
    assert funnel["search"].accepted == len(set(prompts(run, "in_scope")))
