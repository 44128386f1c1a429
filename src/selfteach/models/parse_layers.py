"""The layers that a setting names. It needs no torch."""

from __future__ import annotations

import math

from selfteach.errors import UsageError


def parse_layers(text: str, count: int, where: str) -> list[int]:
    """Return the layers that a text names: `all`, `last 4`, `last 50%` (rounded up), or numbers
    such as `3,7,11`.

    Args:
        count: the number of layers of the model.
        where: the setting, for the message of an error.

    Raises:
        UsageError: another form, or a layer that the model lacks.
    """
    words = text.replace(",", " ").split()
    if words == ["all"]:
        return list(range(count))
    is_last = words[:1] == ["last"]
    numbers = words[1:] if is_last else words
    if is_last and len(numbers) == 1 and numbers[0][:-1].isdecimal() and numbers[0][-1] == "%":
        numbers = [str(math.ceil(count * int(numbers[0][:-1]) / 100))]
    if not numbers or not all(map(str.isdecimal, numbers)) or (is_last and len(numbers) > 1):
        raise UsageError(
            f"{text!r} names no layers.",
            where=where,
            cure='Write "all", "last 4", "last 50%" or "3,7,11".',
        )
    found = sorted(set(map(int, numbers)))
    if is_last:
        found = list(range(count - found[0], count))
    if not found or found[0] < 0 or found[-1] >= count:
        raise UsageError(
            f"{text!r} names layers that the model lacks.",
            where=where,
            cure=f"The model has layers 0 to {count - 1}.",
        )
    return found
