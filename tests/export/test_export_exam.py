"""Exams that are sat again on an exported file, and exports of students."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lesson_runs import script, write_run
from selfteach import cli
from selfteach.export import sit_exam
from selfteach.export.sit_exam import ExportedExam, ExportedSampler, describe_request
from selfteach.models.check_safety import compute_fingerprint
from selfteach.records import GREEDY, Request, SamplingParams, make_prompt
from selfteach.students.folder import open_student
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.state import Cell
from selfteach.students.take_back import switch_lessons

Learned = tuple[Path, Path, dict[str, Any]]


def read_report(folder: Path) -> Any:
    return json.loads((folder / "export.json").read_text())


@pytest.mark.training
def test_the_exam_of_a_good_export_ends_as_that_of_the_run(
    learned: Learned, tmp_path: Path
) -> None:
    _, run, _ = learned
    words = ["export", "--run", str(run), "--to", "hf", "--prompts", "0", "--exam"]
    assert cli.run_command([*words, "--out", str(tmp_path / "out")]) == 0
    (exam,) = read_report(tmp_path / "out")["exams"]
    assert exam["same"]
    assert exam["verdict"] == json.loads((run / "exam.json").read_text())["verdict"]["word"]
    assert "## Exams sat again with this export" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (Cell("lost", verdict="not learned"), 'ends with "not learned", and before with "taught"'),
        (Cell("weakened", verdict="taught"), "is weakened"),
        (Cell("not examined", reason="it is gone"), "not examined (it is gone)"),
    ],
    ids=["lost", "weakened", "not-examined"],
)
def test_an_export_with_another_verdict_is_marked_as_failed(
    cell: Cell,
    words: str,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = write_run(tmp_path / "a", base=compute_fingerprint(tiny), model=str(tiny))
    found = ExportedExam("a", "taught", cell)
    monkeypatch.setattr(sit_exam, "sit_exams", lambda *given: [found])
    line = ["export", "--run", str(run), "--to", "vllm", "--prompts", "0", "--exam"]
    assert cli.run_command([*line, "--out", str(tmp_path / "out")]) == 1
    printed = capfd.readouterr().err
    assert 'this export is marked as failed: the exam of "a"' in printed
    assert words in printed
    assert read_report(tmp_path / "out")["exams"][0]["same"] is False
    assert "**Failed.**" in (tmp_path / "out/README.md").read_text()


def test_a_student_is_exported_with_the_lessons_that_are_on(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    base = compute_fingerprint(tiny)
    anna = tmp_path / "anna"
    for seed, name in enumerate("abc"):
        run = write_run(tmp_path / name, f"Do not {name}.", seed, base=base, model=str(tiny))
        with open_student(anna, partial(begin_state, run)) as opened:
            add_lesson(opened, run, script())
    with open_student(anna) as opened:
        switch_lessons(opened, ["do-not-c"], on=False)
    words = ["export", "--student", f"{anna}/", "--to", "vllm", "--prompts", "4", "--json"]
    assert cli.run_command(words) == 0
    printed = json.loads(capfd.readouterr().out)
    assert (printed["check"]["prompts"], printed["check"]["equal"]) == (4, 4)
    out = anna / "exports/vllm"
    card = (out / "README.md").read_text()
    assert "## Lesson 1: do\\-not\\-a" in card
    assert "## Lesson 2: do\\-not\\-b" in card
    assert "do\\-not\\-c" not in card
    assert (out / "adapter/adapter_model.safetensors").exists()
    with open_student(anna) as opened:
        switch_lessons(opened, ["do-not-a", "do-not-b"], on=False)
    assert cli.run_command(words) == 2
    assert "no lesson is on" in capfd.readouterr().err
    assert cli.run_command(["export", "--to", "vllm"]) == 2
    assert "give either --run DIR or --student NAME" in capfd.readouterr().err


def test_an_exam_is_a_log_of_inspect_ai_for_each_arm(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """inspect_ai 0.3.285 reads the same files; its package is no part of the tests."""
    run = write_run(tmp_path / "a")
    words = ["export", "--run", str(run), "--to", "inspect", "--out", str(tmp_path / "o"), "--json"]
    assert cli.run_command(words) == 0
    assert json.loads(capfd.readouterr().out)["files"] == ["base.json", "tuned.json"]
    log = json.loads((tmp_path / "o/tuned.json").read_text())
    assert (log["version"], log["status"], log["eval"]["model"]) == (
        2,
        "success",
        "selfteach/tuned",
    )
    assert {"created", "task", "dataset", "model", "config"} <= log["eval"].keys()
    (score,) = log["results"]["scores"]
    assert (score["name"], score["metrics"]["accuracy"]["value"]) == ("right: target", 1.0)
    sample = log["samples"][0]
    assert {"id", "epoch", "input", "target"} <= sample.keys()
    assert sample["scores"]["right"] == {"value": "C", "answer": "no"}
    base = json.loads((tmp_path / "o/base.json").read_text())
    assert base["results"]["scores"][0]["metrics"]["accuracy"]["value"] == 0.0
    assert cli.run_command(words) == 2, "nothing is written over"


def test_a_request_to_another_program_has_its_own_seed_and_all_of_its_settings() -> None:
    warm = SamplingParams(1.0, 1.0, max_tokens=8)
    bodies = [describe_request(Request("exam", make_prompt("Yes?"), warm, n)) for n in range(2)]
    assert bodies[0]["seed"] != bodies[1]["seed"]
    assert bodies[0]["top_k"] == 0, "llama.cpp would take the 40 most probable tokens alone"
    assert bodies[0]["messages"] == [{"role": "user", "content": "Yes?"}]
    greedy = describe_request(Request("exam", "Once", GREEDY))
    assert (greedy["prompt"], greedy["temperature"]) == ("Once", 0)


def test_answers_of_an_export_are_never_taken_for_those_of_the_run() -> None:
    request = Request("exam", make_prompt("Yes?"), GREEDY)
    found = {"text": " Yes.", "finish": "stop", "tokens": 2, "prompt_tokens": 3}
    sampler = ExportedSampler("llama.cpp", "run", lambda asked: [found] * len(asked))
    (done,) = sampler.stream([request])
    assert (done.text, done.finish) == ("Yes.", "stop")
    assert done.id == request.id(sampler.fingerprint) != request.id("run")
