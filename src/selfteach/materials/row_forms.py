"""Read the forms of rows that several kinds of data share: whole conversations, a prompt with an
answer, and pairs of a better and a worse answer.

An answer may be a list of messages: its last turn is the answer, and the turns before it begin with
the prompt or go on after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfteach.errors import DataError
from selfteach.records import JsonMapping, JsonObject, Message, Turns, parse_messages

LISTS = frozenset({"messages", "conversations", "instances"})
"""The parts of a row that are lists."""
SPEAKERS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "system": "system",
}


def refuse_bad_label(row: JsonMapping, where: str) -> None:
    """Refuse a bad answer without a good one, as KTO's.

    Raises:
        DataError: the row is no pair, and its `label` is false.
    """
    label = row.get("label")
    is_false = label is False or (isinstance(label, str) and label.lower() == "false")  # as in CSV
    if is_false and not is_whole_pair(row):
        raise DataError(
            'its "label" is false, and unpaired preferences are not read: the answer would be '
            "learned as a good one.",
            where=where,
            cure="Remove such rows, or give pairs: prompt, chosen, rejected.",
        )


def find_unweighted(row: JsonMapping) -> set[int]:
    """Return the numbers of the turns with OpenAI's `"weight": 0`, which are not learned."""
    turns = row.get("messages", row.get("conversations"))
    return {
        number
        for number, turn in enumerate(turns if isinstance(turns, list) else [])
        if isinstance(turn, dict) and turn.get("weight") is not None and turn["weight"] == 0
    }


def is_whole_pair(row: JsonMapping) -> bool:
    """Return whether a row has both answers and their prompt. Preference data may have `messages`
    too, which repeat the chosen answer.
    """
    chosen, rejected = row.get("chosen"), row.get("rejected")
    if isinstance(chosen, list):
        return isinstance(rejected, list | str)
    return isinstance(chosen, str) and isinstance(rejected, str) and "prompt" in row


def ends_with_question(value: Any) -> bool:
    """Return whether an answer is a list of messages whose last one somebody else says."""
    last = value[-1] if isinstance(value, list) and value else None
    return isinstance(last, dict) and last.get("role", "assistant") != "assistant"


def drop_unfilled(row: JsonMapping) -> JsonObject:
    """Return a row without the parts that are null, and without empty texts in the place of turns
    or cases: files that join several forms leave the columns of the others so.
    """
    return {
        key: value
        for key, value in row.items()
        if value is not None and not (key in LISTS and value == "")
    }


def read_conversation(row: JsonMapping, where: str) -> Sequence[Message]:
    """Return the turns of `messages` or of ShareGPT's `conversations`.

    Raises:
        DataError: they are no turns.
    """
    if "messages" in row:
        return parse_messages(row["messages"], where)
    turns = row["conversations"] if isinstance(row["conversations"], list) else []
    named = [
        {"role": SPEAKERS.get(str(turn.get("from"))), "content": turn.get("value")}
        if isinstance(turn, dict)
        else turn
        for turn in turns
    ]
    return parse_messages(named, where)


def read_pair_prompt(row: JsonMapping, where: str) -> Turns:
    """Return the prompt of a preference, with the turns before the last one of `chosen`.

    Raises:
        DataError: there is no prompt, or `prompt`, `chosen` and `rejected` are not of one
            conversation.
    """
    given = parse_messages(row["prompt"], where) if row.get("prompt") is not None else ()
    turns = add_leading_turns(given, row.get("chosen"), "chosen", where)
    if not turns:
        raise DataError(
            "has no prompt.",
            where=where,
            cure='Give "prompt", or write chosen and rejected as whole conversations.',
        )
    rejected = row.get("rejected")
    if rejected is None:
        return turns
    other = add_leading_turns(given, rejected, "rejected", where)
    if other and not _is_beginning(other, turns, len(_get_spoken(turns))):
        raise DataError("chosen and rejected are answers to different conversations.", where=where)
    return turns


def add_leading_turns(prompt: Turns, answer: Any, name: str, where: str) -> Turns:
    """Return the turns before the last one of an answer, after those of its prompt: a list of
    messages may be the whole conversation, or go on where the prompt ends.

    A system message that only one of both has belongs to the conversation.

    Args:
        prompt: () if the row has none.
        name: the column of the answer.

    Raises:
        DataError: the answer is not the assistant's, or the turns neither begin with the prompt nor
            go on after it.
    """
    if ends_with_question(answer):
        raise DataError(f"the last turn of its {name} answer is no answer.", where=where)
    if not isinstance(answer, list) or len(answer) < 2:
        return prompt
    leading = parse_messages(answer[:-1], where)
    if _get_spoken(prompt) and leading[0].role == "assistant":
        return (*prompt, *leading)
    if not _is_beginning(prompt, leading, len(_get_spoken(prompt))):
        raise DataError(
            f'"prompt" is not the beginning of the conversation in "{name}".',
            where=where,
            cure=f'Remove "prompt", or give the last turn alone as "{name}".',
        )
    return leading if _get_system(leading) else (*_get_system(prompt), *leading)


def _is_beginning(one: Turns, other: Turns, length: int) -> bool:
    """Return whether turns are the first `length` ones of others but for the space around them. A
    system message that only one of both has does not count.
    """
    systems = {_get_system(one), _get_system(other)} - {()}
    return len(systems) < 2 and _get_spoken(one) == _get_spoken(other)[:length]


def _get_spoken(turns: Turns) -> Turns:
    """Return the turns of the user and of the assistant without the space around them."""
    return tuple(
        Message(turn.role, turn.content.strip()) for turn in turns if turn.role != "system"
    )


def _get_system(turns: Turns) -> Turns:
    return tuple(turn for turn in turns if turn.role == "system")
