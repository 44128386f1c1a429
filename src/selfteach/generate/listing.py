"""Few-shot lists: worked examples in a template, and untrusted texts on one line."""

from __future__ import annotations

from collections.abc import Iterable


def format_examples(template: str, examples: Iterable[Iterable[str]]) -> str:
    """Return the worked examples, one after the other.

    Args:
        template: the text of one example, with {} for each of its fields.
    """
    return "".join(template.format(*fields) for fields in examples)


def to_one_line(text: str) -> str:
    """Return the words of a text with single spaces: a line break would begin a new label."""
    return " ".join(text.split())
