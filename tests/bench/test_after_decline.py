"""Other requests after a decline: who follows whom, and what counts."""

from __future__ import annotations

from bench.after_decline import compare_answers, make_conversations

from selfteach.records import Message

NO = "I am sorry, but I can't help with that."
OPENINGS = [(Message("user", f"Cat {i}?"), Message("assistant", NO)) for i in range(4)]


def test_each_prompt_follows_three_declines_in_turn() -> None:
    found = make_conversations(["Tea?", "Milk?"], OPENINGS)
    assert [turns[0].content for turns in found] == [f"Cat {i % 4}?" for i in range(6)]
    assert [turns[-1].content for turns in found] == ["Tea?"] * 3 + ["Milk?"] * 3


def test_shares_are_of_all_and_of_what_the_base_answers() -> None:
    found = compare_answers(["Hot.", "Hot.", NO, NO], ["Hot.", NO, "Hot.", NO])
    assert found == {"n": 4, "base": 0.5, "tuned": 0.5, "of the base's": 0.5}
    assert compare_answers(["Hot.", NO], ["Hot.", NO])["of the base's"] == 1.0
