"""How everyday rules are read is counted by their answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.read_rules import count_readings

from selfteach.records import Completion, Request


class Teacher:
    """Say every rule as a ban of exclamation marks."""

    fingerprint = "teacher"

    def stream(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for request in requests:
            text = "When: everywhere\nThen: Do not use exclamation marks."
            yield Completion(request.id(self.fingerprint), text, "stop", 1)


def test_a_reading_is_right_only_if_every_answer_says_so() -> None:
    kept, broken = ["A yes."], ["A yes!"]
    rule = {"rule": "No exclamation marks.", "keep": kept, "break": broken}
    rows = [
        rule,
        {**rule, "break": [*broken, *kept]},
        {**rule, "keep": [*kept, *broken]},
        {**rule, "rule": "Tell it as a sailor would."},
        {**rule, "rule": "When pigs fly, use emojis."},
    ]
    assert count_readings(rows) == {"right": 1, "wrong": 2, "none": 1, "refused": 1}


def test_a_teacher_is_asked_for_rules_without_a_check_alone() -> None:
    row = {"rule": "Sailors shout, and I cannot bear it.", "keep": ["A yes."], "break": ["A yes!"]}
    rows = [row, {**row, "rule": "Do not use commas."}, {**row, "rule": "When pigs fly, hush."}]
    assert count_readings(rows) == {"none": 1, "wrong": 1, "refused": 1}
    assert count_readings(rows, Teacher()) == {"right": 1, "wrong": 1, "refused": 1}
