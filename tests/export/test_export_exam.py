"""Exams that are sat again on an exported file, and exports of students."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from lesson_runs import make_cell, script, write_lora, write_run
from selfteach import cli
from selfteach.commands.benchmark import hash_adapter
from selfteach.config import FeedbackConfig, resolve
from selfteach.errors import UsageError
from selfteach.export import export_run, sit_exam
from selfteach.export.check_export import describe_request
from selfteach.export.export_run import (
    ExportJob,
    check_job,
    describe_thinking,
    describe_use,
    explain_why_not_asked,
)
from selfteach.export.inspect_log import make_results, make_sample
from selfteach.export.sit_exam import ExportedExam, ExportedSampler
from selfteach.models.check_safety import compute_fingerprint
from selfteach.models.hf import HfModel
from selfteach.records import GREEDY, JsonObject, Measure, Request, SamplingParams, make_prompt
from selfteach.run.run_folder import open_run
from selfteach.students.exam_models import ExamSource
from selfteach.students.folder import open_student
from selfteach.students.lessons import add_lesson, begin_state
from selfteach.students.state import Cell
from selfteach.students.take_back import switch_lessons
from tiny_tokenizer import NO_SYSTEM

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


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("gguf", "llama.cpp is not installed"),
        ("lora-gguf", "llama.cpp is not installed"),
        ("hub:me/mine", 'plain PEFT does not know this kind of adapter: its kind is "reft"'),
    ],
)
def test_an_exam_that_no_program_can_sit_is_refused_before_anything_is_loaded(
    form: str, words: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "a", base=compute_fingerprint(tiny), model=str(tiny))
    if form.startswith("hub"):
        settings = json.dumps({"selfteach_adapter": "reft"})
        (run / "adapter/adapter_config.json").write_text(settings)
    monkeypatch.setenv("HF_TOKEN", "token")
    monkeypatch.setattr(export_run, "is_llama_cpp_installed", lambda: False)
    source = ExamSource("a", "feedback", run, tmp_path / "scratch")
    job = ExportJob(run, str(tiny), run / "adapter", form, "f16", tmp_path / "out")
    check_job(job)
    with pytest.raises(UsageError, match=f"--exam: {words}"):
        check_job(replace(job, exams=[(source, None)]))


@pytest.mark.parametrize(
    ("settings", "word", "why"),
    [
        ({"selfteach_adapter": "reft"}, "HfModel.load(BASE", "plain PEFT does not know this kind"),
        ({"peft_type": "PROMPT_TUNING"}, "PeftModel.from", "plain PEFT is asked with a LoRA alone"),
        ({"peft_type": "LORA"}, "PeftModel.from", ""),
    ],
)
def test_a_card_loads_an_adapter_with_what_knows_its_kind(
    settings: JsonObject, word: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    job = ExportJob(tmp_path, "owner/base", tmp_path, "hub:me/mine", "f16", tmp_path / "out")
    assert word in describe_use(job, "owner/base")
    reason = explain_why_not_asked(tmp_path)
    assert reason.startswith(why)
    assert bool(reason) == bool(why)


def weaken(fall: float, low: float) -> Cell:
    """Return the cell of an exam so far below that of the run, at least by `low`."""
    return Cell("weakened", fall=Measure(fall, low, 0.9, 40), verdict="taught")


def test_what_the_student_had_lost_already_is_no_fault_of_its_export() -> None:
    assert not ExportedExam("a", "taught", weaken(0.25, 0.1), fall_before=0.25).is_failed
    assert ExportedExam("a", "taught", weaken(0.25, 0.1)).is_failed
    assert ExportedExam("a", "taught", weaken(0.5, 0.3), fall_before=0.25).is_failed
    lost = ExportedExam("a", "not learned", make_cell(0), fall_before=1.0)
    assert (lost.cell.state, lost.is_failed) == ("lost", False)


def test_a_fall_that_chance_explains_is_no_fault_of_an_export() -> None:
    """Another program samples with other random numbers."""
    assert not ExportedExam("a", "taught", weaken(0.1, 0.0), fall_before=0.0).is_failed
    assert not ExportedExam("a", "taught", weaken(0.1, 0.01), fall_before=0.02).is_failed
    assert ExportedExam("a", "taught", weaken(0.1, 0.03), fall_before=0.02).is_failed


@pytest.mark.long
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


@pytest.mark.long
def test_a_student_that_changes_meanwhile_is_not_exported(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Another program adds a lesson while the prompts are asked, which takes minutes."""
    base = compute_fingerprint(tiny)
    anna = tmp_path / "anna"
    runs = [
        write_run(tmp_path / name, f"Do not {name}.", seed, base=base, model=str(tiny))
        for seed, name in enumerate("ab")
    ]
    with open_student(anna, partial(begin_state, runs[0])) as opened:
        add_lesson(opened, runs[0], script())
    check_answers = export_run.check_answers

    def add_and_check(*given: Any) -> Any:
        with open_student(anna) as opened:
            add_lesson(opened, runs[1], script())
        return check_answers(*given)

    words = ["export", "--student", f"{anna}/", "--to", "vllm", "--prompts", "2"]
    with monkeypatch.context() as patch:
        patch.setattr(export_run, "check_answers", add_and_check)
        assert cli.run_command(words) == 2
    assert "the student has changed while it was exported" in capfd.readouterr().err
    assert not (anna / "exports/vllm").exists()
    assert cli.run_command(words) == 0
    assert "do\\-not\\-b" in (anna / "exports/vllm/README.md").read_text()


def drop_time(file: str) -> str:
    """Return the name of a log behind its time. `inspect view` lists no file that has none: it
    looks for this pattern at the start of the name.
    """
    folder, _, name = file.rpartition("/")
    time = re.match(r"\d{4}-\d{2}-\d{2}T\d{2}[:-]\d{2}[:-]\d{2}\S*_selfteach-", name)
    return f"{folder}/{name[time.end() :]}".lstrip("/") if time else file


def test_an_exam_is_a_log_of_inspect_ai_for_each_arm(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """inspect_ai 0.3.285 reads the same files; its package is no part of the tests."""
    run = write_run(tmp_path / "a")
    words = ["export", "--run", str(run), "--to", "inspect", "--out", str(tmp_path / "o"), "--json"]
    assert cli.run_command(words) == 0
    files = json.loads(capfd.readouterr().out)["files"]
    assert list(map(drop_time, files)) == ["feedback_base.json", "feedback_tuned.json"]
    base, log = (json.loads((tmp_path / "o" / file).read_text()) for file in files)
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
    assert base["results"]["scores"][0]["metrics"]["accuracy"]["value"] == 0.0
    assert cli.run_command(words) == 2, "nothing is written over"


@pytest.mark.parametrize(
    ("row", "target"),
    [
        ({"gold": ["1871", "in 1871"]}, ["1871", "in 1871"]),
        ({"gold": "A", "golds": ["A", "B"]}, ["A", "B"]),
        ({"gold": "A"}, "A"),
        ({}, ""),
    ],
)
def test_each_right_answer_is_a_target(row: JsonObject, target: object) -> None:
    """An exam of documents has a list of them: a text of it would be its spelling in Python."""
    asked = {"prompt": "When?", "scope": "target", "arms": {"base": {"greedy": "1871"}}}
    assert make_sample(1, asked | row, "base", is_about_tasks=False)["target"] == target


def test_an_answer_to_a_task_has_its_score_and_no_flag() -> None:
    """Its flag says that it is no further from a person's answer than the base's."""
    arms = {"tuned": {"greedy": "Rain.", "ok": True, "rouge_l": 0.25}}
    rows = [{"prompt": "Snow?", "scope": scope, "arms": arms} for scope in ("target", "general")]
    samples = [make_sample(n, row, "tuned", is_about_tasks=True) for n, row in enumerate(rows)]
    assert [list(sample["scores"]) for sample in samples] == [["rouge_l"], ["right"]]
    of_tasks, of_others = make_results(samples)
    assert (of_tasks["name"], of_tasks["metrics"]["mean"]["value"]) == ("rouge_l: target", 0.25)
    assert (of_others["name"], of_others["metrics"]["accuracy"]["value"]) == ("right: general", 1.0)


def write_benchmark(folder: Path) -> None:
    """Write what `selfteach benchmark` would, of the adapter that is there now."""
    row = {"task": "animals", "metric": "acc", "n": 12, "higher_is_better": True, "change": None}
    row |= {"values": {"base": 0.5, "tuned": 0.75}, "errors": {"base": 0.1, "tuned": None}}
    found = {"lm_eval": "0.4.9", "limit": None, "shots": 2, "rows": [row]}
    found["adapter_sum"] = hash_adapter(folder / "adapter")
    (folder / "benchmark.json").write_text(json.dumps(found))


def read_metadata(log: Path) -> Any:
    return json.loads(log.read_text())["eval"]["metadata"]


def test_the_numbers_of_lm_eval_stand_beside_an_exam(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "a")
    write_benchmark(run)
    words = ["export", "--run", str(run), "--to", "inspect", "--json", "--out"]
    assert cli.run_command([*words, str(tmp_path / "o")]) == 0
    files = json.loads(capfd.readouterr().out)["files"]
    logs = ["feedback_base.json", "feedback_tuned.json"]
    assert list(map(drop_time, files)) == [*logs, "benchmark.json"]
    copied = (tmp_path / "o/benchmark.json").read_bytes()
    assert copied == (run / "benchmark.json").read_bytes()
    about = {"of": "a", "lm_eval": "0.4.9", "limit": None, "shots": 2}
    shared = {"task": "animals", "metric": "acc", "n": 12, "higher_is_better": True}
    for file, value, error in zip(files, (0.5, 0.75), (0.1, None), strict=False):
        rows = [{**shared, "value": value, "error": error}]
        assert read_metadata(tmp_path / "o" / file)["lm_eval"] == {**about, "rows": rows}

    write_lora(run / "other", seed=5)
    other = json.loads(copied) | {"adapter_sum": hash_adapter(run / "other")}
    (run / "benchmark.json").write_text(json.dumps(other))
    assert cli.run_command([*words, str(tmp_path / "p")]) == 0
    captured = capfd.readouterr()
    assert "benchmark.json is not of this adapter" in captured.err
    files = json.loads(captured.out)["files"]
    assert list(map(drop_time, files)) == logs
    assert "lm_eval" not in read_metadata(tmp_path / "p" / files[1])


def test_the_numbers_of_a_student_stand_beside_the_exams_of_its_lessons(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    anna = tmp_path / "anna"
    for seed, name in enumerate("ab"):
        run = write_run(tmp_path / name, f"Do not {name}.", seed)
        with open_student(anna, partial(begin_state, run)) as opened:
            add_lesson(opened, run, script())
    write_benchmark(anna)
    words = ["export", "--student", f"{anna}/", "--to", "inspect", "--json", "--out"]
    assert cli.run_command([*words, str(tmp_path / "o")]) == 0
    files = json.loads(capfd.readouterr().out)["files"]
    arms = ("base", "tuned")
    lessons = [f"do-not-{name}/feedback_{arm}.json" for name in "ab" for arm in arms]
    assert list(map(drop_time, files)) == ["benchmark.json", *lessons]
    assert read_metadata(tmp_path / "o" / files[-1])["lm_eval"]["of"] == "anna"
    with open_student(anna) as opened:
        switch_lessons(opened, ["do-not-b"], on=False)
    assert cli.run_command([*words, str(tmp_path / "p")]) == 0
    captured = capfd.readouterr()
    assert list(map(drop_time, json.loads(captured.out)["files"])) == lessons[:2]
    assert "benchmark it again" in captured.err, "it was measured of both lessons"


def test_an_exam_without_scores_has_no_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """That of `selfteach train` has no answers."""
    run = write_run(tmp_path / "a")
    resolved = resolve(FeedbackConfig, options={"model": "tiny", "seed": 0})
    with open_run(run, "Do not hum.", "feedback", resolved, {"rule": "Do not hum."}) as opened:
        exam = json.loads((run / "exam.json").read_text())
        opened.export_json("exam.json", exam | {"answers": []})
    words = ["export", "--run", str(run), "--to", "inspect", "--out", str(tmp_path / "o")]
    assert cli.run_command(words) == 2
    assert "Exams of rules, corrections, documents and tasks say so." in capfd.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "option",
    [["--quant", "q8_0"], ["--prompts", "3"], ["--public"], ["--exam"], ["--adapter", "nosuch"]],
)
def test_options_about_a_model_do_not_go_with_an_exam_alone(
    option: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "a")
    words = ["export", "--run", str(run), "--to", "inspect", "--out", str(tmp_path / "o")]
    assert cli.run_command([*words, *option]) == 2
    said = capfd.readouterr().err
    assert f"{option[0]}: --to inspect writes the exam and no model." in said
    assert not (tmp_path / "o").exists()


def test_an_export_without_an_exam_says_that_no_verdict_was_reached(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "a", base=compute_fingerprint(tiny), model=str(tiny))
    words = ["export", "--run", str(run), "--to", "vllm", "--prompts", "2"]
    assert cli.run_command([*words, "--out", str(tmp_path / "o")]) == 0
    said = "no verdict was reached with this export; `selfteach export --exam`"
    assert said in capfd.readouterr().err
    assert said in (tmp_path / "o/README.md").read_text()


def test_a_request_to_another_program_has_its_own_seed_and_all_of_its_settings() -> None:
    warm = SamplingParams(1.0, 1.0, max_tokens=8)
    bodies = [describe_request(Request("exam", make_prompt("Yes?"), warm, n)) for n in range(2)]
    bodies.append(describe_request(Request("exam", make_prompt("No?"), warm)))
    assert len({body["seed"] for body in bodies}) == 3, "another draw, and another prompt"
    assert all(0 <= body["seed"] < 1 << 31 for body in bodies)
    assert bodies[0]["top_k"] == 0, "llama.cpp would take the 40 most probable tokens alone"
    assert bodies[0]["messages"] == [{"role": "user", "content": "Yes?"}]
    greedy = describe_request(Request("exam", "Once", GREEDY))
    assert (greedy["prompt"], greedy["temperature"]) == ("Once", 0)


def test_answers_of_an_export_are_never_taken_for_those_of_the_run(tiny_hf: HfModel) -> None:
    request = Request("exam", make_prompt("Yes?"), GREEDY)
    found = {"text": " Yes.", "finish": "stop", "tokens": 2, "prompt_tokens": 3}
    sampler = ExportedSampler("llama.cpp", tiny_hf, lambda asked: [found] * len(asked))
    (done,) = sampler.stream([request])
    assert (done.text, done.finish) == ("Yes.", "stop")
    assert done.id == request.id(sampler.fingerprint) != request.id(tiny_hf.fingerprint)


def test_another_program_is_asked_as_the_template_takes_it(make_tiny: Any, tmp_path: Path) -> None:
    tuned = HfModel.load(make_tiny(tmp_path / "tiny", chat_template=NO_SYSTEM))
    request = Request("exam", make_prompt("Yes?", system="Be brief."), GREEDY)
    asked: list[Request] = []

    def answer(requests: Sequence[Request]) -> list[JsonObject]:
        asked.extend(requests)
        return [{"text": "Yes.", "finish": "stop", "tokens": 2, "prompt_tokens": 3}]

    sampler = ExportedSampler("transformers", tuned, answer)
    (done,) = sampler.stream([request])
    assert [own.prompt for own in asked] == [make_prompt("Be brief.\n\nYes?")]
    assert done.id == request.id(sampler.fingerprint), "the request stays the one of the exam"


def test_a_card_says_how_a_template_that_thinks_is_told_not_to(tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    assert describe_thinking(tokenizer) == ""
    off = "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
    tokenizer.chat_template += off
    assert '"chat_template_kwargs": {"enable_thinking": false}' in describe_thinking(tokenizer)
