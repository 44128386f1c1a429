"""Tasks in the form of the well-known suites, on data that is written here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.local_tasks import SOURCES, main, make_rows

QUESTIONS = (
    ("What is the capital of France?", ("Paris",)),
    ("Who wrote Hamlet?", ("Shakespeare", "William Shakespeare")),
    ("What is the capital of Japan?", ("Tokyo",)),
    ("What is the capital of Italy?", ("Rome",)),
    ("Who wrote the Odyssey?", ("Homer",)),
)


def test_rows_have_the_columns_of_their_suite() -> None:
    rows = make_rows(QUESTIONS)
    assert rows["mmlu"][0]["answer"] == 0
    assert rows["mmlu"][0]["choices"][0] == "Paris"
    assert set(rows["mmlu"][0]["choices"][1:3]) == {"Tokyo", "Rome"}, "questions that begin alike"
    assert rows["mmlu"][1]["choices"][1] == "Shakespeare"
    for row, same in zip(rows["mmlu"], rows["bigbench"], strict=True):
        assert len(set(row["choices"])) == 4
        assert same["targets"] == [row["choices"][row["answer"]]]
        assert same["multiple_choice_targets"] == row["choices"]
    assert [row["label"] for row in rows["rte"]] == [0, 1, 0, 1, 0]
    assert [row["label"] for row in rows["boolq"]] == [1, 0, 1, 0, 1]
    assert rows["rte"][0]["sentence2"] == "The teacher said Paris."
    assert rows["rte"][1]["sentence2"] == "The teacher said Homer."
    assert rows["boolq"][1]["question"] == "was the right answer Homer"


@pytest.mark.slow
def test_lm_eval_runs_all_four_on_a_model(tiny: Path, tmp_path: Path) -> None:
    """Prompts, choices and metrics are lm-eval's own; only the rows are ours."""
    pytest.importorskip("lm_eval")
    from selfteach.evaluate.benchmarks import find_tasks, make_rows, run_benchmarks
    from selfteach.models.hf import HfModel

    files = main([str(tmp_path)])
    assert [file.stem for file in files] == list(SOURCES)
    tasks = find_tasks([str(file) for file in files])
    assert (tasks.missing, len(tasks.names)) == ({}, 4)
    model = HfModel.load(tiny, dtype="float32", device="cpu")
    found = run_benchmarks(model, tasks, limit=8)
    table = {row.task: row for row in make_rows({"base": found, "tuned": found})}
    assert table.keys() == {f"common_{name}" for name in SOURCES}
    for row in table.values():
        assert (row.metric, row.n) == ("acc", 8)
        assert row.change is not None
        assert row.change.value == 0
    (asked,) = found["samples"]["common_rte"][0]["arguments"][0][:1]
    assert asked.endswith("True or False?\nAnswer:")
    (asked,) = found["samples"]["common_mmlu"][0]["arguments"][0][:1]
    assert "\nB. " in asked
    assert json.loads((tmp_path / "boolq.yaml").read_text())["include"].endswith(
        "boolq/default.yaml"
    )
