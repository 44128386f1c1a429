"""Mistakes in calls from Python are named with their cure, before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfteach
from selfteach import api
from selfteach.config import FeedbackConfig
from selfteach.errors import DataError, UsageError
from selfteach.results import FinishedRun, Student
from selfteach.students.folder import open_student as open_student_folder
from selfteach.students.state import StudentState

ANNA: Any = Student(Path("anna"))


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"config": {"train": {"epochs": 2}}}, "config of selfteach.feedback: a dict is no path"),
        ({"config": {"train": {"epochs": 2}}}, "Settings are keywords: train="),
        ({"out": 5}, "out of selfteach.feedback: an int is no path"),
        ({"from_run": 5}, "from_run of selfteach.feedback: an int is no path"),
        ({"student": ["anna"]}, "student of selfteach.feedback: a list is no path"),
        ({"sets": "train.epoch=2"}, 'Did you mean "train.epochs"?'),
        ({"sets": None}, "sets: None is no list"),
        ({"sets": {"train.epochs": 2}}, "sets: a dict is no list"),
        ({"sets": [("train.epochs", 2)]}, "sets: a tuple is no setting"),
        ({"new": "no"}, "new: a str is not True or False"),
        ({"student": "anna", "accept": "no"}, "accept: a str is not True or False"),
    ],
)
def test_a_wrong_keyword_of_a_call_is_named(
    keywords: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as fault:
        selfteach.feedback("Do not hum.", **keywords)
    assert words in str(fault.value)
    assert not list(tmp_path.iterdir())


def test_a_single_setting_may_be_a_text() -> None:
    call = api.PythonCall("feedback", {}, None, None, "train.epochs=7", None)
    assert call.resolve().config.train.epochs == 7


def test_a_set_of_texts_has_one_order() -> None:
    for names in (set("jumbo"), frozenset("jumbo")):
        call = api.PythonCall("feedback", {"also": names}, None, None, (), None)
        assert call.resolve().config.also == ("b", "j", "m", "o", "u")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: selfteach.open_run(None), "path: None is no path"),  # type: ignore[arg-type]
        (lambda: selfteach.open_run(""), "path: is empty"),
        (lambda: selfteach.open_student(None), "name: None is no path"),  # type: ignore[arg-type]
        (lambda: selfteach.answer("Hum.", run=3), "run: an int is no path"),  # type: ignore[call-overload]
        (lambda: selfteach.answer("Hum.", run=""), "run: is empty"),
        (
            lambda: selfteach.answer("Hum.", model="embedded", engine=None),  # type: ignore[call-overload]
            "engine: is None. Give a name.",
        ),
        (
            lambda: selfteach.corrections([], columns=3),  # type: ignore[arg-type]
            "columns: an int names no columns",
        ),
        (lambda: ANNA.add(None), "run: None is no path"),
        (lambda: ANNA.add("runs/A", accept="no"), "accept: a str is not True or False"),
        (lambda: ANNA.add("runs/A", instead_of=3), "instead_of: an int is no list"),
        (lambda: ANNA.add("runs/A", instead_of=[3]), "an int is no name of a lesson"),
        (lambda: ANNA.remove(["brief"]), "a list is no name of a lesson"),
        (lambda: ANNA.retrain("brief", alone="yes"), "alone: a str is not True or False"),
        (lambda: ANNA.switch(["brief"], on=True), "a list is no name of a lesson"),
        (lambda: ANNA.switch("brief", on="off"), "on: a str is not True or False"),
        (lambda: ANNA.consolidate(accept="no"), "accept: a str is not True or False"),
    ],
)
def test_a_value_of_another_kind_is_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError) as fault:
        call()
    assert str(fault.value).startswith(words)


def test_a_lesson_is_switched_by_what_equals_true_or_false(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    monkeypatch.setattr(
        "selfteach.students.take_back.switch_lessons",
        lambda student, names, *, on: given.append(on),
    )
    with open_student_folder(tmp_path / "anna", lambda: StudentState("tiny", "0" * 64)):
        pass
    anna: Any = Student(tmp_path / "anna")
    for on in (True, 0, np.True_):
        anna.switch("brief", on=on)
    assert [str(on) for on in given] == ["True", "False", "True"]


def test_a_lesson_alone_may_stand_for_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    monkeypatch.setattr(
        "selfteach.students.lessons.add_lesson",
        lambda *args, instead_of, **keywords: given.append(instead_of),
    )
    monkeypatch.setattr("selfteach.students.lessons.find_lesson_of_run", lambda *args: None)
    with open_student_folder(tmp_path / "anna", lambda: StudentState("tiny", "0" * 64)):
        pass
    Student(tmp_path / "anna").add(tmp_path, instead_of="brief")
    assert given == [["brief"]]


def test_a_conversation_beside_no_list_is_told_how_to_be_written() -> None:
    asked: Any = [{"role": "user", "content": "Hum a tune."}]
    with pytest.raises(DataError, match=r"question 1: a message alone .* \[\[\{"):
        selfteach.answer(asked, model="embedded")


def test_columns_of_a_call_have_the_rows_name_behind_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the docstring has it, and as `--columns correction=fixed` on the command line."""
    taken: list[api.RunSpec] = []

    def keep(spec: api.RunSpec, progress: api.Progress) -> FinishedRun:
        taken.append(spec)
        return FinishedRun(tmp_path)

    monkeypatch.setattr(api, "teach_run", keep)
    rows = [{"question": f"Hum tune {i}.", "answer": "Hm!", "fixed": "Hm."} for i in range(4)]
    names = {"prompt": "question", "correction": "fixed"}
    selfteach.corrections(rows, columns=names)
    selfteach.corrections(rows, columns="prompt=question,correction=fixed")
    one, other = taken
    assert [edit.correction for edit in one.material.value.edits] == ["Hm."] * 4
    assert one.material.identity == other.material.identity
    assert "columns={'prompt': 'question', 'correction': 'fixed'}" in one.command
    for wrong in ({"fixed": "correction"}, {"correction": ""}, {"correction": 5}):
        with pytest.raises(UsageError, match=r"^columns:"):
            selfteach.corrections(rows, columns=wrong)


def test_a_folder_of_a_model_may_be_a_path(tmp_path: Path) -> None:
    settings = {"model": tmp_path, "teacher": Path("t")}
    config = api.PythonCall("feedback", settings, None, None, (), None).resolve().config
    assert (config.model, config.teacher) == (str(tmp_path), "t")


def test_a_number_alone_is_a_list_of_one(tmp_path: Path) -> None:
    """As the name of an adapter alone is; the folder is looked at after the numbers."""
    numbers: dict[str, Any] = {"rates": 0.3, "shots": 4}
    with pytest.raises(UsageError, match="is not a run folder"):
        selfteach.compare(tmp_path, adapters="lora", **numbers)


@pytest.mark.parametrize("rows", [[], [{"prompt": "Hum."}, {"prompt": "Sing."}]])
def test_rows_of_a_call_are_named_without_a_temporary_folder(rows: list[dict[str, str]]) -> None:
    with pytest.raises(DataError) as fault:
        selfteach.corrections(rows)
    assert fault.value.where == "corrections.jsonl"
    assert str(fault.value).startswith("corrections.jsonl: ")
    with pytest.raises(DataError, match=r"^documents\.jsonl: no document"):
        selfteach.documents([{"txt": "The mill."}])


@pytest.mark.parametrize("share", [0, 1])
def test_a_share_of_seeds_that_leaves_nothing_is_named(share: int) -> None:
    with pytest.raises(UsageError, match="leaves no") as fault:
        selfteach.tasks(test_share=share)
    assert fault.value.where == f"test_share={share}"


def test_a_share_of_prompts_that_leaves_nothing_to_learn_is_named() -> None:
    rows = [{"prompt": f"{n}?", "answer": "b", "correction": "c"} for n in range(3)]
    with pytest.raises(UsageError, match="leaves no prompt to learn from") as fault:
        selfteach.corrections(rows, correct={"train_share": 0})
    assert fault.value.where == "correct.train_share=0"


def test_the_folder_of_an_answering_model_may_be_a_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config\.json"):
        selfteach.answer("Hum a tune.", model=tmp_path)


def test_the_base_is_looked_for_before_the_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that are missing the message names the base, in every process."""
    looked: list[str] = []
    monkeypatch.setattr(api, "require_model", looked.append)
    wanted: list[str] = []
    for number in range(12):
        names = [f"a/base-{number}", f"a/teacher-{number}"]
        wanted += names
        api.require_models(FeedbackConfig(model=names[0], teacher=names[1]))
    assert looked == wanted
