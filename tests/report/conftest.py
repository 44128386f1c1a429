"""One finished run folder with its page for the whole session; the tests only read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixture import write_run
from reading import Page

from selfteach.report.page import write_report


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "2026-11-20-do-not-talk-about-elephants")


@pytest.fixture(scope="session")
def page(folder: Path) -> Page:
    return Page(write_report(folder).read_text("utf-8"))
