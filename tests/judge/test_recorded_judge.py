"""Every judge of the registry is recorded, and judges as before whatever prompts a new one has."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from sat_again import change_steps
from scripted import Scripted
from selfteach import registry
from selfteach.generate.subject import Subject
from selfteach.judge import PromptAnswer, ThresholdJudge
from selfteach.judge.recorded_judge import describe_judge, read_judge
from selfteach.judge.setup import JudgeSetup, find_judges
from selfteach.records import Prompt, make_prompt

RULE = "Do not talk about foxes."
PAIRS: list[PromptAnswer] = [
    (make_prompt("Which animals are clever?"), "Foxes are {clever}."),
    (make_prompt("Which animals are clever?"), "Crows are."),
]


def make_model(name: str = "base") -> Scripted:
    """A model whose scores tell every prompt from every other one."""

    def score(prompt: Prompt, text: str) -> float:
        return -float(sum(map(ord, f"{prompt}{text}")) % 997)

    return Scripted({}, score, name)


def test_a_recorded_judge_judges_as_the_run_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    base, teacher = make_model(), make_model("teacher")
    judges = []
    for form in ("rule", "criticism"):
        setup = JudgeSetup(
            base, RULE, form, Subject("foxes", (), ("crows",)), "not contains fox", teacher
        )
        judges += find_judges(setup)
    values = [judge.values(PAIRS) for judge in judges]
    found = [describe_judge(ThresholdJudge(judge, 0.25)) for judge in judges]
    records = [json.loads(json.dumps(record)) for record in found]
    assert {record["kind"] for record in records} == set(registry.BUILT_IN_NAMES["judges"])
    assert "teacher" in {record.get("name") for record in records}
    change_steps(monkeypatch)
    for record, judge, before in zip(records, judges, values, strict=True):
        again = read_judge(record, base, lambda: teacher)
        assert (again.name, again.threshold) == (judge.name, 0.25)
        assert again.judge.values(PAIRS) == before


def test_a_judge_that_cannot_be_recorded_has_no_record() -> None:
    class Length:
        name = "length"

        def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
            return [float(len(text)) for _, text in pairs]

    assert describe_judge(ThresholdJudge(Length(), 2.0)) is None
