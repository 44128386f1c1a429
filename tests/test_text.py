"""Counts in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.methods.documents.method import describe_material
from selfteach.text import format_count


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (0, "documents", "0 documents"),
        (1, "documents", "1 document"),
        (1, "unchanged answers", "1 unchanged answer"),
        (1, "found", "1 found"),
        (1200, "tasks", "1,200 tasks"),
    ],
)
def test_one_thing_is_named_in_the_singular(number: int, nouns: str, text: str) -> None:
    assert format_count(number, nouns) == text


@pytest.mark.parametrize(("number", "text"), [(1, "1 document: Mill"), (2, "2 documents: Mill")])
def test_a_run_says_how_many_documents_it_read(number: int, text: str) -> None:
    material: Any = SimpleNamespace(reading=SimpleNamespace(documents=[None] * number))
    ledger = SimpleNamespace(get_note=lambda name: None)
    there: Any = SimpleNamespace(run=SimpleNamespace(ledger=ledger))
    chunk: Any = SimpleNamespace(title="Mill")
    assert describe_material(there, material, [chunk])["material"] == text
