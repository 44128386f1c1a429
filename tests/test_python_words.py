"""Errors of the Python API name keywords, those of a command name options."""

from __future__ import annotations

import pytest

import selfteach
from selfteach import api
from selfteach.errors import SelfteachError, UsageError
from selfteach.python_words import name_keywords


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
