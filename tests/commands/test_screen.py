"""The streams of a command: what is said after a fault, and on which of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from selfteach.commands.screen import open_screen

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_disk_behind_stdout_is_named_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    kept = os.dup(1)
    full = os.open(FULL, os.O_WRONLY)
    os.dup2(full, 1)
    try:
        with pytest.raises(OSError, match="No space left"), open_screen(None) as screen:
            print("a result", file=screen.out)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(full)
    os.write(2, b"the disk is full\n")
    assert capfd.readouterr().err == "the disk is full\n"
