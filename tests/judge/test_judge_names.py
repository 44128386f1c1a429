"""The names of judges that a setting may have, before there is a model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import pytest

from selfteach.config import CorrectionsConfig, TasksConfig
from selfteach.errors import UsageError
from selfteach.judge import setup
from selfteach.judge.pairwise import PAIRWISE_JUDGES, ModelPairwiseJudge, ReferencePairwiseJudge
from selfteach.judge.setup import CANDIDATES, JudgeSetup, find_judges, refuse_unknown_judge
from selfteach.methods.calibrate_pairwise_judges import list_pairwise_judges
from selfteach.methods.corrections import read_corrections
from selfteach.methods.tasks import read_tasks

MODEL: Any = SimpleNamespace(fingerprint="x")


@pytest.mark.parametrize("form", ["rule", "criticism"])
def test_the_known_names_are_those_of_the_registry(form: Literal["rule", "criticism"]) -> None:
    check = "contains dog" if form == "rule" else ""
    there = JudgeSetup(MODEL, "Mention a dog.", form, check=check, teacher=MODEL)
    assert sorted(judge.name for judge in find_judges(there)) == sorted(CANDIDATES[form])


def test_the_known_names_of_pairwise_judges_are_those_of_a_run() -> None:
    session: Any = SimpleNamespace(base=MODEL, teacher=MODEL)
    judges: list[ModelPairwiseJudge] = list_pairwise_judges(session)
    names = [judge.name for judge in judges]
    assert (*names, ReferencePairwiseJudge.name) == PAIRWISE_JUDGES


def test_a_judge_of_a_plug_in_is_known_once_there_is_a_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its candidates have names of their own, as `yes_no (chat)` is one of `yes_no`."""
    with pytest.raises(UsageError, match='no judge "mine'):
        refuse_unknown_judge("mine (chat)", ["rule"], has_teacher=False)
    monkeypatch.setattr(setup, "plug_ins", lambda group: {"mine": "A judge."})
    refuse_unknown_judge("mine (chat)", ["rule"], has_teacher=False)


def test_each_method_refuses_a_judge_that_there_is_not() -> None:
    for name in ("foo", "teacher"):
        with pytest.raises(UsageError, match=r"judge\.name"):
            read_tasks.check_settings(TasksConfig(judge={"name": name}))
        config = CorrectionsConfig(judge={"name": name})
        with pytest.raises(UsageError, match=r"judge\.name"):
            read_corrections.check_settings([{"prompt": "Hum."}], None, config)
    told = {"judge": {"name": "teacher"}, "teacher": "http://localhost:1/v1#m"}
    read_tasks.check_settings(TasksConfig(**told))
    read_corrections.check_settings([{"prompt": "Hum."}], None, CorrectionsConfig(**told))
