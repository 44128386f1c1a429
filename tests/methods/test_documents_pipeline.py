"""The whole run of documents on a toy that can learn eight facts: a model that knows none, and a
teacher who asks well (scholar.py).
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import scholar
from margins import assert_at_least, assert_at_most
from selfteach.dedup.overlap import OverlapIndex
from talker import open_ledger, read_rows, run_json

pytestmark = [pytest.mark.training, pytest.mark.long]

SAME = ("examples.jsonl", "dropped.jsonl", "exam.json", "adapter/adapter_model.safetensors")
QUICK = ("--set", "train.epochs=2", "--set", "train.batch_size=32")


def test_facts_are_learned_that_nobody_knew(learned: tuple[Path, Path, dict[str, Any]]) -> None:
    """The verdict is left open: what happens to the general answers of a toy is chance."""
    _, run, result = learned
    exam = json.loads((run / "exam.json").read_text())
    assert exam["asked_by"] == "people"
    assert_at_most("right answers, base", exam["contains"]["base"]["value"], 0.1)
    assert_at_least("right answers, taught", exam["contains"]["tuned"]["value"], 0.5)
    assert exam["sampled"]["tuned"]["n"] == len(scholar.FACTS)
    assert_at_least("gain, lower end", exam["gain"]["low"], 0.0)
    assert exam["base_proof"]["same"] is True
    report = Path(result["report"]).read_text()
    assert "What is known" in report
    assert "Where does the Fox live today?" in report


def test_the_map_shows_every_question_before_and_after(
    learned: tuple[Path, Path, dict[str, Any]],
) -> None:
    _, run, _ = learned
    documents = json.loads((run / "exam.json").read_text())["map"]
    asked = [q for d in documents for c in d["chunks"] for q in c["questions"]]
    assert len(documents) == 4
    assert sum(q["held_out"] for q in asked) == len(scholar.FACTS)
    assert {q["before"] for q in asked} == {"unknown"}
    assert [q["after"] for q in asked if not q["held_out"]].count("known") >= len(scholar.FACTS)


def test_no_row_is_like_a_question_of_the_exam(
    learned: tuple[Path, Path, dict[str, Any]],
) -> None:
    documents, run, _ = learned
    texts = {f"{documents.name}:{n}": row["text"] for n, row in enumerate(read_rows(documents), 1)}
    exam = OverlapIndex(scholar.PEOPLE.format(a) for a in scholar.FACTS)
    trained = [row for row in read_rows(run / "examples.jsonl") if row["kind"] != "general"]
    assert {row["kind"] for row in trained} >= {"study", "pair"}
    for row in trained:
        place = row["source"]
        whole = texts[place["file"]][place["start"] : place["end"]]
        assert whole in row["chosen"][0]["content"] or place.get("form") in (
            "recite",
            "backwards",
        )
        assert exam.nearest(row["prompt"][-1]["content"]).similarity < 0.7
    with open_ledger(run) as ledger:
        for f in ledger.funnel():
            assert f.requested == f.accepted + f.dropped + f.failed + f.pending
            assert sum(f.reasons.values()) == f.dropped + f.failed
            assert f.pending == 0
        funnel = {f.stage: f for f in ledger.funnel()}
        assert funnel["select"].requested == len(ledger.get_note("knowledge"))
    assert funnel["select"].accepted == sum(row["kind"] == "pair" for row in trained)
    assert (
        funnel["anchors"].accepted
        >= sum(row["kind"] == "general" for row in read_rows(run / "examples.jsonl"))
        > 0
    )


def test_a_pair_rejects_what_the_student_answered_by_itself(
    learned: tuple[Path, Path, dict[str, Any]],
) -> None:
    _, run, _ = learned
    pairs = [row for row in read_rows(run / "examples.jsonl") if row["kind"] == "pair"]
    assert pairs
    for row in pairs:
        assert "lives in" in row["chosen"][0]["content"]
        assert "lives in" not in row["rejected"][0]["content"]
        assert row["scores"]["knowledge"] > 0.5 >= row["scores"]["label"]


def test_two_seeds_are_both_trained_by_the_stages_of_the_plan(
    scholar_model: Path, server: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    documents = scholar.write_documents(tmp_path)
    more = ("--set", "stages.healing=true", "--seeds", "2", "--teacher", server.address)
    run = tmp_path / "run"
    line = scholar.documents_command(scholar_model, documents, run, *QUICK, *more)
    assert run_json(line)[0] == 0
    assert "seeds: 0 is kept, the first" in capfd.readouterr().err
    stages = json.loads((run / "cost.json").read_text())["stages"]
    assert [name for name in stages if name.startswith("train")] == [
        "train documents",
        "train healing",
        "train seed 1 documents",
        "train seed 1 healing",
    ]
    assert [name for name in stages if name.startswith("exam of seed")] == [
        "exam of seed 0",
        "exam of seed 1",
    ]
    rows = json.loads((run / "exam.json").read_text())["seeds"]
    assert [(row["seed"], row["kept"]) for row in rows] == [(0, True), (1, False)]


def test_the_same_command_again_is_a_lookup(
    learned: tuple[Path, Path, dict[str, Any]], scholar_model: Path, server: Any
) -> None:
    documents, run, result = learned
    before = {name: (run / name).read_bytes() for name in (*SAME, "report.html")}
    asked = len(server.completion_calls)
    assert run_json(
        scholar.documents_command(scholar_model, documents, run, "--teacher", server.address)
    ) == (0, result)
    assert {name: (run / name).read_bytes() for name in before} == before
    assert len(server.completion_calls) == asked


def test_thresholds_change_without_sampling(
    learned: tuple[Path, Path, dict[str, Any]], server: Any
) -> None:
    _, run, _ = learned
    asked = len(server.completion_calls)
    code, all_of_them = run_json(["select", "--run", str(run), "--json"])
    assert code == 0
    code, none = run_json(
        ["select", "--run", str(run), "--set", "select.tau_knowledge=1.0", "--json"]
    )
    assert code == 0
    assert all_of_them["pairs"] == all_of_them["unknown"] == 2 * len(scholar.FACTS)
    assert none["pairs"] == 0
    assert none["known"] == all_of_them["unknown"]
    assert [p["unknown"] for p in none["sizes"]] == sorted(
        (p["unknown"] for p in none["sizes"]), reverse=True
    )
    assert run_json(["select", "--run", str(run), "--set", "train.epochs=2"])[0] == 2
    assert len(server.completion_calls) == asked


@pytest.mark.slow
def test_rows_that_are_too_long_are_counted_by_their_policy(
    scholar_model: Path, server: Any, tmp_path: Path
) -> None:
    """Row 14: a person's question that leaves no room in the context, and rows that exceed
    train.max_tokens.
    """
    documents = scholar.write_documents(tmp_path, 4)
    asked = tmp_path / "asked.jsonl"
    texts = [scholar.PEOPLE.format("Fox"), "Where " + "does the Fox live " * 400 + "?"]
    asked.write_text(
        "".join(json.dumps({"question": text, "answer": "Sweden"}) + "\n" for text in texts),
        "utf-8",
    )
    sets = (
        "--questions",
        str(asked),
        "--set",
        "train.max_tokens=24",
        "--set",
        "stages.pairs=false",
    )
    code, _ = run_json(
        scholar.documents_command(
            scholar_model, documents, tmp_path / "run", "--teacher", server.address, *QUICK, *sets
        )
    )
    assert code == 0
    dropped = [
        row
        for row in read_rows(tmp_path / "run" / "dropped.jsonl")
        if row["stage"] == "people's questions"
    ]
    assert [row["reason"] for row in dropped] == ["longer than the model's context"]
    exam = json.loads((tmp_path / "run" / "exam.json").read_text())
    assert exam["contains"]["base"]["n"] == 1
    with open_ledger(tmp_path / "run") as ledger:
        ((_, body),) = [event for event in ledger.get_events() if event[0] == "overlong"]
    assert body["drop"] >= 1
    assert body["max_tokens"] == 24


def test_without_people_s_questions_the_exam_is_about_sentences_set_aside(
    scholar_model: Path, server: Any, tmp_path: Path
) -> None:
    documents = scholar.write_documents(tmp_path, questions=False)
    code, _ = run_json(
        scholar.documents_command(
            scholar_model,
            documents,
            tmp_path / "run",
            "--teacher",
            server.address,
            *QUICK,
            "--set",
            "study.per_document=5",
            "--set",
            "exam.general=0",
        )
    )
    assert code == 0
    exam = json.loads((tmp_path / "run" / "exam.json").read_text())
    assert "general" not in exam, "nothing was asked, so nothing is degraded"
    assert "side_effects" not in exam
    assert "drift" not in exam
    assert "cleanly" not in exam["verdict"]["sentence"]
    assert exam["asked_by"] == "the model"
    held_out = {row["prompt"] for row in exam["answers"] if row["scope"] == "target"}
    learned = {
        row["prompt"][-1]["content"] for row in read_rows(tmp_path / "run" / "examples.jsonl")
    }
    assert held_out
    assert not held_out & learned
    study = Counter(
        row["source"]["file"]
        for row in read_rows(tmp_path / "run" / "examples.jsonl")
        if row["kind"] == "study"
    )
    assert set(study.values()) == {5}, "no document outweighs the others (row 33)"
    assert any(
        row["reason"] == "more than study.per_document"
        for row in read_rows(tmp_path / "run" / "dropped.jsonl")
    )


@pytest.mark.slow
def test_trainings_one_after_the_other_leave_one_adapter(
    scholar_model: Path, server: Any, tmp_path: Path
) -> None:
    documents = scholar.write_documents(tmp_path, 4)
    sets = (
        "--set",
        "stages.general=true",
        "--set",
        "stages.healing=true",
        "--set",
        "stages.pairs=false",
        "--set",
        "stages.general_tokens=8",
    )
    code, result = run_json(
        scholar.documents_command(
            scholar_model, documents, tmp_path / "run", "--teacher", server.address, *QUICK, *sets
        )
    )
    assert code == 0
    config = json.loads((Path(result["adapter"]) / "adapter_config.json").read_text())
    assert config["r"] == 3 * 32, "three trainings, joined"
    steps = [row["step"] for row in read_rows(tmp_path / "run" / "metrics.jsonl")]
    assert steps == list(range(1, len(steps) + 1))
    kinds = Counter(row["kind"] for row in read_rows(tmp_path / "run" / "examples.jsonl"))
    assert set(kinds) == {"study", "general", "own", "reading"}, "and no pair"
    assert kinds["own"] <= 8
    assert 2 * kinds["reading"] <= kinds["own"], (
        "in the first stage two to one; all of the base's answers come again when it heals"
    )


def test_every_judge_is_held_against_known_answers(
    learned: tuple[Path, Path, dict[str, Any]],
) -> None:
    _, run, result = learned
    judges = json.loads((run / "exam.json").read_text())["judges"]
    assert [(j["judge"], j["used"]) for j in judges] == [
        ("match", True),
        ("prompted", False),
        ("gain", False),
        ("entropy", False),
    ]
    assert all(j["knowledge"]["n"] == 4 and j["label"]["n"] == 4 for j in judges), (
        "as many as select.calibrate allows"
    )
    assert "The judges of what is known" in Path(result["report"]).read_text()
