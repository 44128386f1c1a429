"""What of a general answer becomes an anchor, where the teacher would correct it; and which
corrections end of themselves.
"""

import pytest

from selfteach.generate.correct import Correctable, Revision, find_common_start
from selfteach.methods.corrections.make_examples import make_examples
from selfteach.records import make_prompt


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
    assert find_common_start(answer, correction) == start


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("It rains. We go, and", ["chosen"]),
        ("It rains! We go and", ["chosen", "rejected"]),
        ("It rains.", ["rejected"]),
    ],
)
def test_a_correction_that_stops_before_the_limit_teaches_its_end(
    text: str, cut: list[str]
) -> None:
    (example,) = make_examples(
        Revision(Correctable(make_prompt("?"), "It rains. We go, and", cut=True), text),
        "teacher",
        1,
    ).examples
    assert example.source["cut"] == cut
