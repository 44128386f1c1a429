"""The script of a text, by which a question about it is judged."""

from __future__ import annotations

import pytest

from selfteach.judge.language import find_main_script
from selfteach.select.prompt_format import find_format_fault


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("The mill is old.", "Latin"),
        ("Мельница в Hale стара.", "Cyrillic"),
        ("Ο μύλος είναι παλιός.", "Greek"),
        ("水车很古老。", "Han"),
        ("1790.", "Latin"),
        ("", "Latin"),
    ],
)
def test_the_script_of_most_letters(text: str, script: str) -> None:
    assert find_main_script(text) == script


def test_a_question_may_be_in_the_script_of_its_text_and_in_no_other() -> None:
    asked = "Когда была построена мельница?"
    assert (
        find_format_fault(asked, script=find_main_script("Мельница была построена в 1790 году."))
        is None
    )
    assert find_format_fault(asked) == "other script"
