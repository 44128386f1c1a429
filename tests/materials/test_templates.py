"""Prompt templates: what is filled in, which one is sampled, and that a value never becomes a
template.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfteach.errors import UsageError
from selfteach.materials.templates import (
    LIBRARY,
    fill_template,
    get_templates,
    make_template,
    sample_template,
)
from selfteach.records import make_prompt

BARE = {"instruction": "Name a colour.", "input": "", "output": "Blue."}
FULL = {"instruction": "Translate.", "input": "Wasser", "output": "water"}


def test_the_plain_one_by_hand() -> None:
    bare, full = get_templates(["plain"])
    assert bare.fill(BARE) == (make_prompt("Name a colour."), "Blue.")
    assert full.fill(FULL) == (make_prompt("Translate.\n\nWasser"), "water")
    assert not full.fits(BARE)


def test_a_completion_goes_on_after_the_prompt() -> None:
    output = next(t for t in LIBRARY if t.name == "output" and "input" not in t.columns)
    assert output.fill(BARE) == ("Name a colour.\n\nOutput:", " Blue.")
    sections = next(t for t in LIBRARY if t.name == "sections" and "input" not in t.columns)
    assert sections.fill(BARE)[1] == "Blue.", "after a line break no space"


@given(st.text(), st.text())
def test_what_a_value_holds_is_never_filled_in_again(one: str, other: str) -> None:
    row = {"a": "{b}" + one, "b": other}
    assert fill_template("<{a}|{b}>", row) == f"<{row['a']}|{row['b']}>", "with its indentation"


def test_an_input_that_is_there_is_shown_and_each_template_gets_its_turn() -> None:
    sampled = {sample_template(LIBRARY, FULL, 0, str(k)) for k in range(200)}
    assert None not in sampled
    assert {t.name for t in sampled if t} == {t.name for t in LIBRARY}
    assert all("input" in t.columns for t in sampled if t)
    assert sample_template(LIBRARY, FULL, 3, "x") == sample_template(LIBRARY, FULL, 3, "x")
    assert sample_template(LIBRARY, {"question": "?"}, 0, "x") is None


def test_an_own_template_needs_columns_and_names_are_guessed() -> None:
    own = make_template("Translate: {german}", "{english}", "completion")
    assert own.columns == ("german", "english")
    assert own.fill({"german": "Brot", "english": "bread"}) == ("Translate: Brot", " bread")
    with pytest.raises(UsageError, match="needs a column"):
        make_template("Translate:", "{english}")
    with pytest.raises(UsageError, match='Did you mean "alpaca"'):
        get_templates(["alpacca"])
