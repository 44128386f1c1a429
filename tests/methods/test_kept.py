"""What of a general answer becomes an anchor, where the teacher would correct it."""

import pytest

from selfteach.methods.corrections import unchanged_start


@pytest.mark.parametrize(
    ("answer", "correction", "start"),
    [
        ("I like red and blue.", "I like red and blue.", "I like red and blue."),
        ("I like red, and blue.", "I like red and blue.", "I like"),
        ("Many colors.", "Many colours.", "Many"),
        ("It is", "It is so", "It is"),
        ("It's a dog.", "It is a dog.", ""),
        ("One.\n\nTwo!", "One.\n\nTwo.", "One."),
    ],
)
def test_whole_words_before_the_first_change(answer: str, correction: str, start: str) -> None:
    assert unchanged_start(answer, correction) == start
