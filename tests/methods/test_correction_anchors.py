"""What of a general answer becomes an anchor, where the teacher would correct it; and which
corrections end of themselves.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.generate.correct import (
    NO_CORRECTION,
    Correctable,
    Corrector,
    Revision,
    find_common_start,
)
from selfteach.methods.corrections.make_examples import (
    WOULD_CORRECT,
    find_accepted_starts,
    make_example,
    make_examples_from_answers,
)
from selfteach.methods.corrections.sample_and_correct import Batch
from selfteach.models.recorded import Recorded
from selfteach.records import make_prompt
from selfteach.run.display import open_display
from selfteach.run.ledger import Ledger


@pytest.mark.parametrize(
    ("answer", "correction", "start"),
    [
        ("I like red and blue.", "I like red and blue.", "I like red and blue."),
        ("I like red, and blue.", "I like red and blue.", "I like"),
        ("Many colors.", "Many colours.", "Many"),
        ("It is", "It is so", "It is"),
        ("It's a dog.", "It is a dog.", ""),
        ("One.\n\nTwo!", "One.\n\nTwo.", "One."),
        ("这座桥是铁的，很长。", "这座桥是铁的，很短。", "这座桥是铁的，很"),
        ("Tea 茶很好", "Tea 茶不好", "Tea 茶"),
        ("นี่ดี", "นี่คือ", "นี่"),
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
    example = make_example(
        Revision(Correctable(make_prompt("?"), "It rains. We go, and", cut=True), text),
        "teacher",
        1,
    )
    assert example.source["cut"] == cut


class Teacher:
    """Loses the requests of short answers, and rewrites all others."""

    def without_style_check(self) -> "Teacher":
        return self

    def correct(self, asked: Sequence[Correctable], progress: Any = None) -> list[Revision]:
        return [
            Revision(
                a, "" if len(a.answer) < 9 else "Red.", NO_CORRECTION if len(a.answer) < 9 else ""
            )
            for a in asked
        ]


def test_the_first_words_of_an_answer_need_not_follow_the_style(tmp_path: Path) -> None:
    """Else every anchor would be refused: the answer of the teacher's own begins otherwise."""
    text = "Tea is a drink. It is hot. Many like"
    asked = [Correctable(make_prompt("What is tea?"), text, cut=True)]
    with closing(Ledger(tmp_path / "run.db")) as ledger:
        copies: Any = Scripted(lambda request: text if request.draw < 2 else "Leaves.")
        teacher = Corrector(
            Recorded(ledger, copies), "chat", 0, follows=lambda text: text.count(".") < 2
        )
        assert [revision.text for revision in teacher.correct(asked)] == ["Leaves."]
        starts = find_accepted_starts(asked, teacher, [])
    assert list(starts.values()) == [(text, "")]


def test_a_lost_correction_is_a_failure_and_no_refusal(tmp_path: Path) -> None:
    asked = [Correctable(make_prompt(text), text) for text in ("Tea?", "Many colors.", "Red.")]
    teacher: Any = Teacher()
    starts = find_accepted_starts(asked, teacher, [])
    assert list(starts.values()) == [("", NO_CORRECTION), ("", WOULD_CORRECT), ("", NO_CORRECTION)]
    ledger = Ledger(tmp_path / "run.db")
    session: Any = SimpleNamespace(
        run=SimpleNamespace(ledger=ledger),
        display=open_display(),
        model=SimpleNamespace(encode_answer=str.split),
    )
    make_examples_from_answers(session, [Batch("correct", "teacher", 1, asked, teacher.correct)])
    states = [outcome.state for _, outcome in ledger.read_outcomes("correct")]
    assert sorted(states) == ["accepted", "failed", "failed"]
    ledger.close()
