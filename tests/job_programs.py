"""A program in place of a job's command, for tests of jobs without a training."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfteach.files import write_text

PATIENCE_S = 30.0
SOURCE = """
import json, pathlib, sys, time
place = sys.argv.index("--student") + 1 if "--student" in sys.argv else 3
go = pathlib.Path(sys.argv[place]) / "go"
print("[probe] 0/4 sampled", file=sys.stderr, flush=True)
while not go.exists():
    time.sleep(0.01)
if not go.read_text():
    print("{}")
elif "--accept" in sys.argv or go.read_text() == "added":
    print(json.dumps({"student": {"lesson": "do-not-b"}}))
elif go.read_text() == "refused":
    what = '"b" was not added: it is lost.'
    print("selfteach:", what, "The same command with --accept adds it.", file=sys.stderr)
    print(json.dumps({"refused": {"what": what, "worse": ["do-not-a"], "acceptable": True}}))
    sys.exit(1)
elif go.read_text() == "nothing to add":
    what = "there is nothing to add."
    print("selfteach:", what, file=sys.stderr)
    print(json.dumps({"refused": {"what": what, "worse": [], "acceptable": False}}))
    sys.exit(1)
else:
    sys.exit(go.read_text())
"""
PROGRAM = (sys.executable, "-I", "-S", "-c", SOURCE)
"""It waits for the file `go` in the student's folder, and ends as this file says."""


def let_go(student: Path, how: str) -> None:
    """Let the program end as `how` says. The file is there at once and whole: an empty one means
    something else.
    """
    write_text(student / "go", how)


def wait_until(true: Callable[[], Any]) -> Any:
    """Wait for a value that is not false, and return it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")
