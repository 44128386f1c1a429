"""Exams that are sat again, on toy models: the harness gives the numbers of the run itself, two
lessons are taught and consolidated, and what no longer fits says so.
"""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import lesson_runs
from margins import assert_at_least, assert_at_most
from sat_again import check_same_figures, sit_again
from selfteach import open_student as open_from_python
from selfteach import registry
from selfteach.errors import IntegrityError, UsageError
from selfteach.evaluate import exam
from selfteach.evaluate.exam import TunedModel
from selfteach.methods.lesson_record import read_lesson_record, read_whole_record
from selfteach.models.hf import HfModel
from selfteach.records import Continuations, Example
from selfteach.run.display import SilentDisplay, open_display
from selfteach.run.finished import read_exam
from selfteach.run.ledger import Ledger
from selfteach.students.exam_models import ExamSource, find_method
from selfteach.students.examine import (
    examine_lesson,
    examine_with,
    name_run_source,
    open_models,
    read_alone_cell,
)
from selfteach.students.folder import StudentFolder, open_student, read_student
from selfteach.students.gate import LessonRefused, compare_exams, read_exam_scores
from selfteach.students.lessons import add_lesson, begin_state, read_base_fingerprint
from selfteach.students.sit_again import grade_own_answers, sit_exam_again
from selfteach.students.state import Cell
from talker import feedback_command, read_rows, run_json

pytestmark = pytest.mark.training


def examine_alone(student: StudentFolder) -> Cell:
    """Sit the exam of the only lesson through the harness."""
    (lesson,) = student.state.lessons
    with student.compose(student.state) as adapter:
        models = open_models(student, student.state, [lesson], adapter)
        return examine_lesson(student, lesson, models, open_display(quiet=True))


def measure_margin(model: HfModel, run: Path) -> float:
    """Return by how many nats the answers that a run taught are likelier than the rejected ones."""
    rows = map(Example.from_json, read_rows(run / "examples.jsonl"))
    items = [
        Continuations(row.prompt, (row.chosen, row.rejected), end=True)
        for row in rows
        if row.rejected is not None
    ]
    return mean(chosen.logp - rejected.logp for _, (chosen, rejected) in model.stream_scores(items))


@pytest.mark.slow
def test_two_rules_in_one_student(talker: Path, tmp_path: Path) -> None:
    """The whole way of a person: two rules, off, exams, consolidation, removal."""
    student = tmp_path / "anna"
    more = ("--student", str(student), "--accept")
    rules = [
        ("Do not talk about the fox.", 'not contains "fox"'),
        ("Do not mention honey.", 'not contains "honey"'),
    ]
    for number, (rule, check) in enumerate(rules):
        out = tmp_path / f"run{number}"
        code, result = run_json(feedback_command(talker, out, *more, rule=rule, check=check))
        assert code == 0
        assert result["student"]["lesson"] == result["student"]["lessons"][number]["name"]
    state = read_student(student)
    names = [lesson.name for lesson in state.lessons]
    assert set(state.sittings[-1].cells) == set(names)
    found = open_from_python(student)
    assert found.lessons == names
    alone = (tmp_path / "run0/adapter/adapter_model.safetensors").read_bytes()
    found.switch(names[1], on=False)
    assert (student / "adapter/adapter_model.safetensors").read_bytes() == alone
    found.switch(names[1], on=True)
    assert found.describe()["examined"]
    found.consolidate(accept=True)
    state = read_student(student)
    assert state.consolidated is not None
    for sitting in state.sittings[-2:]:  # of the sum, and consolidated
        assert set(sitting.cells) == set(names)
        gains = [cell.gain for cell in sitting.cells.values() if cell.gain]
        assert len(gains) == len(names), "every exam was sat"
    base = HfModel.load(str(talker))
    together = base.with_adapter(student / "adapter")
    for number in range(len(rules)):
        run = tmp_path / f"run{number}"
        gained = measure_margin(together, run) - measure_margin(base, run)
        assert_at_least(f"margin gained on lesson {number}", gained, 0.5)
    config = json.loads((student / "adapter/adapter_config.json").read_text())
    lesson_config = json.loads((tmp_path / "run0/adapter/adapter_config.json").read_text())
    assert config["r"] == lesson_config["r"], "the rank does not grow with the lessons"
    assert not (student / "training").exists()
    found.model("hf").answer("Tell me about the fox.")  # a toy may have nothing to say
    found.remove(names[1])
    assert (student / "adapter/adapter_model.safetensors").read_bytes() == alone


@pytest.mark.slow
def test_a_lesson_that_contradicts_an_earlier_one_is_found_by_its_exam(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new lesson's LoRA is that of the first one with the opposite sign: their sum is the base,
    so that nothing is left of the first one. Its exam says so, and the person is asked.
    """
    run = tmp_path / "fox"
    assert run_json(feedback_command(talker, run))[0] == 0

    def write_opposite(folder: Path, seed: int, base: str) -> None:
        shutil.copytree(run / "adapter", folder)
        file = folder / "adapter_model.safetensors"
        tensors = load_file(file)
        opposite = {name: -own if "lora_B" in name else own for name, own in tensors.items()}
        save_file(opposite, file)

    monkeypatch.setattr(lesson_runs, "write_lora", write_opposite)
    base = read_base_fingerprint(run)
    other = lesson_runs.write_run(tmp_path / "talk", "Talk about it.", base=base, model=str(talker))
    examine = examine_with(open_display(quiet=True))
    with open_student(tmp_path / "anna", partial(begin_state, run)) as opened:
        first = add_lesson(opened, run, examine, accept=True)
        with pytest.raises(LessonRefused) as refused:
            add_lesson(opened, other, examine)
    assert refused.value.worse == [first.name]
    assert f"Which one counts? The new one: the same command with --instead-of {first.name}." in (
        str(refused.value)
    )
    assert refused.value.cells[first.name].state in ("weakened", "lost")


@pytest.mark.slow
def test_a_lesson_of_several_seeds_is_sat_again_with_the_same_numbers(
    talker: Path, tmp_path: Path
) -> None:
    """The kept seed is the lesson, and `--require` is checked after it was added."""
    student = tmp_path / "anna"
    more = ("--student", str(student), "--accept", "--seeds", "2", "--require", "kept>=0")
    rule = "Do not talk about the fox."
    command = feedback_command(
        talker, tmp_path / "run", *more, rule=rule, check='not contains "fox"'
    )
    code, result = run_json(command)
    assert code == 0
    assert result["student"]["lesson"]
    with open_student(student) as opened:
        assert examine_alone(opened) == read_alone_cell(opened, opened.state.lessons[0])


@pytest.mark.slow
def test_peft_alone_loads_the_sum(talker: Path, tmp_path: Path) -> None:
    """PEFT's own merge of the student's adapter is that of the lessons, one after the other."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    student = tmp_path / "anna"
    places = []
    for number, rule in enumerate(("Do not talk about the fox.", "Do not mention honey.")):
        check = 'not contains "fox"' if number == 0 else 'not contains "honey"'
        out = tmp_path / f"run{number}"
        command = feedback_command(
            talker, out, "--student", str(student), "--accept", rule=rule, check=check
        )
        assert run_json(command)[0] == 0
        places.append(out / "adapter")

    def load(adapters: list[Path]) -> Any:
        model = AutoModelForCausalLM.from_pretrained(talker, dtype=torch.float32)
        for adapter in adapters:
            model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
        return model.state_dict()

    summed = load([student / "adapter"])
    for name, weight in load(places).items():
        difference = float((weight - summed[name]).detach().abs().max())
        assert_at_most("difference of a merged weight", difference, 1e-5)


def test_documents_are_examined_again_whatever_the_steps_are_then(
    learned: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    check_same_figures(learned[1], tmp_path)


def test_a_version_that_grades_otherwise_grades_the_answers_of_the_lesson_alone_so_too(
    learned: tuple[Path, Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exam, "reach_verdict", lambda evidence: {"word": "not examined"})
    alone, now = sit_again(learned[1], tmp_path)
    before, after = (read_exam_scores("documents", found) for found in (alone, now))
    assert before.verdict == after.verdict == "not examined"
    assert compare_exams(before, after).state == "kept"


def test_what_the_run_did_not_record_of_its_own_answers_is_read_from_exam_json(
    learned: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    class LaterExam:
        """The exam of a later version, which scores what this one did not."""

        def run(self, sitting: Any, tuned: TunedModel, *, brief: bool) -> Any:
            assert brief
            return tuned.recorded.score([Continuations("Tea is", (" hot",))])

    run = learned[1]
    source = name_run_source(run, tmp_path)
    record = read_lesson_record(run)
    later: Any = LaterExam()
    with closing(Ledger(tmp_path / "answers.db")) as ledger:
        sitting: Any = SimpleNamespace(base=SimpleNamespace(ledger=ledger), display=SilentDisplay())
        assert record is not None
        found = grade_own_answers(source, record, later, sitting)
    assert found == read_exam(run)


def test_an_exam_that_cannot_be_sat_is_a_cell_with_the_reason(
    learned: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    run = learned[1]
    student = tmp_path / "anna"
    with open_student(student, partial(begin_state, run)) as opened:
        add_lesson(opened, run, examine_with(open_display(quiet=True)), title="facts", accept=True)
        record = student / "lessons/facts/lesson.json"
        record.write_text(record.read_text().replace("target", "tarred"))
        changed = examine_alone(opened)
        record.unlink()
        missing = examine_alone(opened)
    for cell, state in ((changed, "changed"), (missing, "missing")):
        assert cell.state == "not examined"
        assert f"lesson.json is {state}" in cell.reason
    with closing(Ledger(student / "student.db", readonly=True)) as ledger:
        assert ledger.get_note("state")["lessons"][0]["name"] == "facts"


def test_a_run_that_did_not_record_its_exam_says_so(tmp_path: Path) -> None:
    run = lesson_runs.write_run(tmp_path / "run")
    with pytest.raises(IntegrityError, match=r"no record of its exam \(lesson.json\)"):
        read_whole_record(run)


def test_of_a_training_on_ready_examples_no_record_is_missed(tmp_path: Path) -> None:
    """Teaching it again would not help."""
    nothing: Any = None
    source = ExamSource("x", "train", tmp_path, tmp_path)
    with pytest.raises(UsageError, match="a run of `train` has no exam that can be sat again"):
        sit_exam_again(source, nothing, SilentDisplay())


def test_a_method_that_does_not_record_its_exams_teaches_no_lesson(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    method = replace(find_method("feedback"), read_grading=None)
    monkeypatch.setattr(registry, "load_registered", lambda group, kind: method)
    with pytest.raises(UsageError, match="no exam that can be sat again, so it is no lesson"):
        find_method("of_a_package")
