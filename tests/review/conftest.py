"""What the tests of the review page share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from service import Page, seed, serving

from selfteach.run.ledger import Ledger


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    ledger = Ledger(tmp_path / "run.db")
    yield ledger
    ledger.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with three answers that wait."""
    return seed(tmp_path / "run")


@pytest.fixture
def page(path: Path) -> Iterator[Page]:
    """The page over `path`."""
    with serving(path) as page:
        yield page
