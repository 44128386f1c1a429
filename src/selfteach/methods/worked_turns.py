"""Worked examples in the prompt: earlier turns of a conversation that show what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from selfteach.records import Message, Turns


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
        shown = [turn for turn in prompt if turn.role != "system"]
        texts = [answer, *(turn.content for turn in shown)]
        words += sum(len(text.split()) for text in texts)
        if words > max_words and turns:
            break
        turns += [*shown, Message("assistant", answer)]
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


def add_worked_turns(worked: Turns, prompt: Turns) -> Turns:
    """Return a prompt with worked turns before it; a system message of its own stays first."""
    system = prompt[:1] if prompt[0].role == "system" else ()
    return (*system, *worked, *prompt[len(system) :])
