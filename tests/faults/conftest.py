"""Fixtures of the fault tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture
def quick() -> Iterator[None]:
    """Retry requests to an endpoint without waiting, as often as usual."""
    with stamina.set_testing(True, attempts=99, cap=True):
        yield
