"""A run's own exam beside people's questions."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench.own_exam import compare_exams, read_own

from bench import own_exam


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


def test_the_base_of_the_run_can_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = []

    def load(name: str, adapter: Path | None = None) -> Any:
        loaded.append((name, adapter))
        return SimpleNamespace(adapter=adapter)

    (question,) = (SimpleNamespace(text="q", chunk=SimpleNamespace(id="c")),)
    monkeypatch.setattr(own_exam.HfModel, "load", load)
    monkeypatch.setattr(own_exam, "open_sampler", lambda model: model)
    monkeypatch.setattr(own_exam, "read_people_questions", lambda file, model: [question])
    monkeypatch.setattr(own_exam, "make_open_book_chat", lambda text, chunk: text)
    monkeypatch.setattr(own_exam, "grade", lambda model, *_: [model.adapter is not None])
    exam = make_exam({arm: [True] for arm in ("base", "prompted", "tuned")})
    opened = SimpleNamespace(exam=SimpleNamespace(raw=exam))
    monkeypatch.setattr(own_exam.selfteach, "open_run", lambda run: opened)
    found = own_exam.main([str(tmp_path), "passages.jsonl", "--model", "models/half"])
    assert loaded == [("models/half", None), ("models/half", tmp_path / "adapter")]
    assert [found["people"][arm] for arm in ("base", "prompted", "tuned")] == [0, 0, 1]
