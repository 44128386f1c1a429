"""Worked examples in the prompt: earlier turns of a conversation that show what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from selfteach.records import Turns, make_worked_example


def make_worked_turns(
    pairs: Sequence[tuple[Turns, str]], count: int, max_words: int = 400
) -> Turns:
    """Return worked examples as turns: each prompt without its system message, then its answer.

    Args:
        pairs: (prompt, answer), see `choose_worked_examples`.
    """
    return tuple(chain.from_iterable(choose_worked_examples(pairs, count, max_words)))


def choose_worked_examples(
    pairs: Sequence[tuple[Turns, str]], count: int, max_words: int = 400
) -> list[Turns]:
    """Return the turns of each worked example.

    Args:
        pairs: (prompt, answer); the first `count` of them are taken, as many as have at most
            `max_words` words together, but at least one.
    """
    chosen: list[Turns] = []
    words = 0
    for prompt, answer in pairs[:count]:
        shown = make_worked_example(prompt, answer)
        words += sum(len(turn.content.split()) for turn in shown)
        if words > max_words and chosen:
            break
        chosen.append(shown)
    return chosen


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
