"""One tree of errors: each says what, where and how to cure it, and carries an exit code that no
other kind shares.
"""

from __future__ import annotations

import pytest

from selfteach import errors
from selfteach.errors import SelfteachError

KINDS = sorted(
    (
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SelfteachError)
    ),
    key=lambda k: k.__name__,
)
CODES = {
    "RequirementNotMet": 1,
    "UsageError": 2,
    "DataError": 3,
    "EndpointError": 4,
    "ResourceError": 5,
    "IntegrityError": 6,
    "TooManyFailures": 7,
    "Interrupted": 130,
}


def test_the_exit_codes_are_the_documented_ones() -> None:
    assert {kind.__name__: kind.exit_code for kind in KINDS if kind is not SelfteachError} == CODES


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_what_where_and_cure_in_one_line(kind: type[SelfteachError]) -> None:
    fault = kind("is empty.", where="edits.jsonl:14", cure="Remove the line.")
    assert str(fault) == "edits.jsonl:14: is empty. Remove the line."
    assert (fault.what, fault.where, fault.cure) == (
        "is empty.",
        "edits.jsonl:14",
        "Remove the line.",
    )
    assert kind.__doc__


def test_missing_parts_leave_no_gap() -> None:
    assert str(SelfteachError("broken.")) == "broken."
    assert str(SelfteachError("broken.", cure="Mend it.")) == "broken. Mend it."
    assert str(SelfteachError("broken.", where="here")) == "here: broken."


def test_the_tree_is_one_deep() -> None:
    assert {kind.__bases__ for kind in KINDS if kind is not SelfteachError} == {(SelfteachError,)}
