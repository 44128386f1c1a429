"""Conversations: prompts of which one is the beginning of another belong together.

A file often has a row for each turn of a conversation. The prompt of a later turn then holds the
question of an earlier one, and mostly its answer, so one must not be learned where the other
measures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selfteach.records import Turns


def find_conversations(prompts: Sequence[Turns]) -> list[int]:
    """Return the number of each prompt's conversation: the place of the shortest prompt that it
    begins with, or its own.

    System messages are not compared: one is often in some turns of a conversation only.

    Shapes: (N,) prompts -> (N,) places in 0..N-1.
    """
    bare = [_leave_out_system(prompt) for prompt in prompts]
    places: dict[Turns, int] = {}
    for place, turns in enumerate(bare):
        places.setdefault(turns, place)
    found = []
    for turns in bare:
        found.append(next(places[start] for start in _iterate_starts(turns) if start in places))
    return found


def share_conversations(prompts: Sequence[Turns], others: Sequence[Turns]) -> list[bool]:
    """Return for each prompt whether it begins with one of the others, or one of them with it."""
    whole = {_leave_out_system(other) for other in others}
    starts = {start for other in whole for start in _iterate_starts(other)}
    found = []
    for prompt in prompts:
        turns = _leave_out_system(prompt)
        begins = any(start in whole for start in _iterate_starts(turns))
        found.append(begins or turns in starts)
    return found


def _leave_out_system(prompt: Turns) -> Turns:
    """Return the turns of a prompt without system messages."""
    return tuple(turn for turn in prompt if turn.role != "system")


def _iterate_starts(turns: Turns) -> Iterator[Turns]:
    """Yield the beginnings of a prompt, the shortest first and itself last."""
    for length in range(1, len(turns)):
        yield turns[:length]
    yield turns
