"""Which prompts are turns of one conversation, by hand."""

from __future__ import annotations

from selfteach.records import Message, Turns, make_prompt
from selfteach.select.conversations import MIN_SYSTEMS, find_conversations, share_conversations

FIRST = make_prompt("Tea?")
SECOND = (*FIRST, Message("assistant", "A drink."), *make_prompt("Hot?"))
THIRD = (*SECOND, Message("assistant", "Yes."), *make_prompt("Why?"))
BRIEF: Turns = (Message("system", "Be brief."),)


def test_a_conversation_is_named_by_its_shortest_prompt() -> None:
    other = make_prompt("Milk?")
    assert find_conversations([SECOND, other, FIRST, THIRD]) == [2, 1, 2, 2]
    assert find_conversations([THIRD, SECOND]) == [1, 1]
    assert find_conversations([FIRST, (*BRIEF, *SECOND)]) == [0, 0], "the system's words are none"
    assert find_conversations([BRIEF, FIRST]) == [0, 1]
    assert find_conversations([]) == []


def test_a_prompt_shares_the_conversation_of_what_it_begins_or_continues() -> None:
    other = (*FIRST, Message("assistant", "Leaves."), *make_prompt("Hot?"))
    prompts = [FIRST, SECOND, THIRD, other, make_prompt("Hot?"), BRIEF]
    assert share_conversations(prompts, [SECOND]) == [True, True, True, False, False, False]
    assert share_conversations(prompts, []) == [False] * 6


def test_a_greeting_that_many_answers_follow_joins_nothing() -> None:
    greeting = make_prompt("Hi")
    answered = [(*greeting, Message("assistant", f"Hello {i}."), *FIRST) for i in range(4)]
    assert find_conversations([greeting, *answered]) == [0, 1, 2, 3, 4]
    assert find_conversations([greeting, *answered[:3]]) == [0, 0, 0, 0]
    longer = (*answered[0], Message("assistant", "A drink."), *make_prompt("Hot?"))
    assert find_conversations([*answered, longer]) == [0, 1, 2, 3, 0]
    assert share_conversations(answered, [greeting]) == [False] * 4
    assert share_conversations([longer, greeting], answered) == [True, False]


def test_a_question_under_many_system_messages_is_many_questions() -> None:
    """Each system message holds a task of its own; a conversation goes on under its own one."""
    asked = [make_prompt("Who are you?", system=f"You are {i}.") for i in range(MIN_SYSTEMS)]
    own = list(range(MIN_SYSTEMS))
    assert find_conversations(asked) == own
    assert find_conversations(asked[1:]) == [0] * (MIN_SYSTEMS - 1)
    later = (*asked[2], Message("assistant", "2."), *make_prompt("And your age?"))
    assert find_conversations([*asked, later]) == [*own, 2]
    apart = [place == 2 for place in own]
    assert share_conversations(asked, [later]) == apart
    assert share_conversations(asked[:4], asked[4:]) == [False] * 4
    assert share_conversations([later, asked[1]], [*asked[2:], asked[0]]) == [True, False]
