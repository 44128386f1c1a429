"""Fixtures of the tests of the review page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from service import Page, serve_page, write_ledger

from selfteach.run.ledger import Ledger


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Ledger]:
    """Open an empty ledger."""
    ledger = Ledger(tmp_path / "run.db")
    yield ledger
    ledger.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a ledger with three waiting answers."""
    return write_ledger(tmp_path / "run")


@pytest.fixture
def page(path: Path) -> Iterator[Page]:
    """Serve the page over `path`."""
    with serve_page(path) as page:
        yield page
