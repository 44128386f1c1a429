"""Fixtures of the tests of the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from selfteach.serve import teach_addresses, teaching


@pytest.fixture(scope="session", autouse=True)
def look_often_at_the_student() -> Iterator[None]:
    """Look for changes of a student and of its jobs without long pauses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teaching, "WATCH_S", 0.05)
        patch.setattr(teach_addresses, "EVENT_S", 0.01)
        yield
