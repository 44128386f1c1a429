"""Freed memory is given back where a piece of work takes more and more of it."""

from __future__ import annotations

import pytest

from selfteach.models import memory_allocator
from selfteach.models.memory_allocator import MAX_GROWTH_BYTES, FreedPages


def test_freed_pages_go_back_once_the_process_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    held = [0]
    released: list[int] = []

    def release() -> None:
        released.append(held[0])
        held[0] = held[0] * 3 // 4

    monkeypatch.setattr(memory_allocator, "release_freed_pages", release)
    monkeypatch.setattr(FreedPages, "_read_held_bytes", lambda _: held[0])
    pages = FreedPages()
    for grown in (MAX_GROWTH_BYTES, MAX_GROWTH_BYTES + 2):  # from 0
        held[0] = grown
        pages.limit()
    assert released == [MAX_GROWTH_BYTES + 2]
    left = held[0]
    for grown in (MAX_GROWTH_BYTES // 2, MAX_GROWTH_BYTES + 1):  # from what was left
        held[0] = left + grown
        pages.limit()
    assert released == [MAX_GROWTH_BYTES + 2, left + MAX_GROWTH_BYTES + 1]


def test_what_the_process_holds_is_read() -> None:
    assert FreedPages()._read_held_bytes() > 1 << 20
