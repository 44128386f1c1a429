"""A run's own exam beside people's questions."""

from typing import Any

import pytest
from bench.own_exam import compare_exams, read_own


def make_exam(right: dict[str, list[bool]]) -> Any:
    rows = []
    for i in range(len(right["base"])):
        arms = {arm: {"ok": flags[i]} for arm, flags in right.items()}
        rows.append({"scope": "target", "chunk": f"chunk {i}", "arms": arms})
    return {"answers": [*rows, {"scope": "general", "arms": {}}]}


def test_both_exams_get_their_shares_and_their_verdict() -> None:
    none, every = [False] * 20, [True] * 20
    taught = read_own(make_exam({"base": none, "prompted": none, "tuned": every}))
    half = [n % 2 == 0 for n in range(20)]
    prompted = read_own(make_exam({"base": none, "prompted": every, "tuned": half}))
    found = compare_exams(taught, prompted)
    assert found["own"] == {
        "questions": 20,
        "base": 0,
        "prompted": 0,
        "tuned": 1,
        "verdict": "taught",
    }
    assert found["people"]["verdict"] == "just prompt it"
    assert found["apart"] == pytest.approx(0.5)
    assert not found["agree"]
    assert compare_exams(taught, taught)["agree"]
