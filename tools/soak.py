"""Soak test: many tiny runs in a row, most of them with a fault, in one process and beside it.

python tools/soak.py --runs 200 --seed 0

A round begins a run in a process of its own, where a fault meets it: a kill, a signal, a torn
write, a failing or a full disk, or a second process in the same folder. The same command then ends
the run in this process. Its exports must be those of a run without a fault. At the end the memory,
open files and threads of this process, and the files that it left in the folder of temporary
files, must be what they were after the first rounds.

It prints one JSON object, and exits with 1 if a run was wrong or something grew.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from selfteach import cli

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS / "faults"), str(TESTS)]
scripted_run: Any = importlib.import_module("scripted_run")

FAULTS = (*scripted_run.KINDS, "SIGTERM", "SIGINT", "second process", "none")
WARM_UP_ROUNDS = 20
MAX_GROWTH_MB = 30.0
MAX_CHANGES = 320
"""About as many changes of files as one run makes."""


def measure(temporary: Path) -> dict[str, float]:
    """Return what must not grow: memory, open files, threads, temporary files."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "memory_mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "open_files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "temporary_files": len(list(temporary.iterdir())),
    }


def run_here(folder: Path) -> int:
    """Run the command in this process; return its exit code."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return cli.run_command(["feedback", "Do not hum.", "--out", str(folder), "--json"])


def meet_fault(folder: Path, fault: str, choose: random.Random) -> int:
    """Begin a run in a process of its own with a fault; return its exit code."""
    if fault in scripted_run.KINDS:
        return int(scripted_run.run_child(folder, fault, choose.randint(1, MAX_CHANGES))[0])
    os.environ["SCRIPTED_WAIT_S"] = "0.02" if fault != "none" else "0"
    delay_s = choose.uniform(0.0, 0.15)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os._exit(run_here(folder))
    if fault == "second process":
        meet = run_here(folder)
        assert meet in (0, 2), f"a second process ended with {meet}"
    elif fault != "none":
        threading.Event().wait(delay_s)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, getattr(signal, fault))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.environ["SCRIPTED_WAIT_S"] = "0"
    return code


def soak(root: Path, runs: int, seed: int) -> dict[str, Any]:
    """Do the rounds; return what was tried, what was wrong, and what grew."""
    choose = random.Random(seed)
    temporary = root / "temporary"
    temporary.mkdir()
    tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
    straight = root / "straight"
    assert run_here(straight) == 0
    expected = scripted_run.hash_exports(straight)
    tried: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    wrong: list[list[Any]] = []
    before: dict[str, float] = {}
    for number in range(runs):
        folder = root / "run"
        fault = choose.choice(FAULTS)
        tried[fault] += 1
        code = meet_fault(folder, fault, choose)
        codes[code] += 1
        again = run_here(folder)
        if again or code == 70 or scripted_run.hash_exports(folder) != expected:
            wrong.append([number, fault, code, again])
        shutil.rmtree(folder)
        (root / "run.txt").unlink(missing_ok=True)
        if number + 1 == min(WARM_UP_ROUNDS, runs):
            before = measure(temporary)
    after = measure(temporary)
    grown = {
        name: [before[name], value]
        for name, value in after.items()
        if value > before[name] + (MAX_GROWTH_MB if name == "memory_mb" else 0)
    }
    return {
        "runs": runs,
        "tried": tried,
        "exit_codes": codes,
        "wrong": wrong,
        "before": before,
        "after": after,
        "grown": grown,
    }


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Soak test of run folders.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    scripted_run.install()
    with tempfile.TemporaryDirectory() as root:
        found = soak(Path(root), options.runs, options.seed)
    print(json.dumps(found))
    return int(bool(found["wrong"] or found["grown"]))


if __name__ == "__main__":
    sys.exit(main())
