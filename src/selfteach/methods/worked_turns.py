"""Worked examples in the prompt: earlier turns of a conversation that show what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from selfteach.records import Message, Turns, make_worked_example


def make_worked_turns(
    pairs: Sequence[tuple[Turns, str]], count: int, max_words: int = 400
) -> Turns:
    """Return worked examples as turns: each prompt without its system message, then its answer.

    Args:
        pairs: (prompt, answer); the first `count` of them are taken, as many as have at most
            `max_words` words together, but at least one.
    """
    turns: list[Message] = []
    words = 0
    for prompt, answer in pairs[:count]:
        shown = make_worked_example(prompt, answer)
        words += sum(len(turn.content.split()) for turn in shown)
        if words > max_words and turns:
            break
        turns += shown
    return tuple(turns)


def fit_worked_turns(
    pairs: Sequence[tuple[Turns, str]], count: int, fits: Callable[[Turns], bool]
) -> Turns:
    """Return as many worked examples as fit, at most `count`.

    Args:
        fits: whether worked turns leave room for everything else.
    """
    for number in range(count, 0, -1):
        worked = make_worked_turns(pairs, number)
        if fits(worked):
            return worked
    return ()
