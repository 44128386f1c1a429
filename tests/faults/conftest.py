"""What the fault tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture
def quick() -> Iterator[None]:
    """Retries of an endpoint wait for nothing: as many attempts, no seconds between them."""
    with stamina.set_testing(True, attempts=99, cap=True):
        yield
