"""What other libraries print while a model is loaded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import transformers
from huggingface_hub.utils import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from selfteach.models.silence import silence_libraries

logging = transformers.utils.logging


@pytest.fixture
def hidden_bars() -> Iterator[None]:
    """Hide all progress bars, as a program may that uses this package."""
    disable_progress_bars()
    logging.disable_progress_bar()
    yield
    enable_progress_bars()
    logging.enable_progress_bar()


@pytest.mark.usefixtures("hidden_bars")
def test_hidden_progress_bars_stay_hidden() -> None:
    with silence_libraries():
        assert are_progress_bars_disabled()
    assert are_progress_bars_disabled()
    assert not logging.is_progress_bar_enabled()


def test_shown_progress_bars_come_back() -> None:
    enable_progress_bars()
    logging.enable_progress_bar()
    with silence_libraries():
        assert are_progress_bars_disabled()
        assert not logging.is_progress_bar_enabled()
    assert not are_progress_bars_disabled()
    assert logging.is_progress_bar_enabled()
