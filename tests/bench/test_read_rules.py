"""How everyday rules are read is counted by their answers."""

from __future__ import annotations

from bench.read_rules import count_readings


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
