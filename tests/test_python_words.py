"""Errors of the Python API name keywords, those of a command name options."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest

import selfteach
from lesson_runs import write_run
from selfteach import api
from selfteach.errors import SelfteachError, UsageError
from selfteach.python_words import name_keywords
from selfteach.results import AnsweringModel, FinishedRun, Student


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("give either --run DIR or --model M.", "give either run or model."),
        ("--from and --student exclude each other.", "from_run and student exclude each other."),
        ("--not: a name is empty.", "not_also: a name is empty."),
        ("--skip-bad-rows leaves them out.", "skip_bad_rows leaves them out."),
        ("Use `selfteach answer --run DIR`.", "Use `selfteach answer --run DIR`."),
        ("a -- b --> c", "a -- b --> c"),
        ("/tmp/a--b/c.json and <!--x-->", "/tmp/a--b/c.json and <!--x-->"),
    ],
)
def test_options_are_named_as_keywords(text: str, expected: str) -> None:
    assert name_keywords(text) == expected


def test_a_call_from_python_names_keywords() -> None:
    with pytest.raises(UsageError, match=r"give either run or model") as fault:
        selfteach.answer("hi")
    assert "--" not in str(fault.value)
    with pytest.raises(UsageError, match="--run DIR"):
        api.answer("hi")


def test_a_reworded_error_keeps_its_parts() -> None:
    fault = SelfteachError("is odd.", where="--run", cure="Leave it out.")
    fault.reword(str.upper)
    assert (fault.where, str(fault)) == ("--RUN", "--RUN: IS ODD. LEAVE IT OUT.")


def test_the_methods_of_results_name_keywords(tmp_path: Path) -> None:
    base = FinishedRun(write_run(tmp_path / "run"))
    with pytest.raises(UsageError) as fault:
        base.model(engine="foo")
    assert fault.value.where == "engine"
    with pytest.raises(UsageError) as fault:
        base.model("no-such-adapter")
    assert "--" not in str(fault.value)
    assert list(signature(FinishedRun.model).parameters) == ["self", "adapter", "engine"]
    assert (AnsweringModel.answer.__doc__ or "").startswith("Answer one question")
    with pytest.raises(UsageError, match="run: None is no path"):
        Student(tmp_path).add(None)  # type: ignore[arg-type]
