"""Whole runs of the four methods on toy models, with a fault at any change of any file.

    python method_sweep.py METHOD DIR STRIDE [START]

A walk through the run copies its folder before every STRIDE-th change, from the START-th on. Each
copy is what a kill leaves there. The same command goes on from each copy until it meets another
fault, at a change chosen by lot. Given again, it must end with the same bytes.

Every run is a fork of a process that has done the same run before, so that nothing is loaded twice.

The toys compute in float32. Prompts that are left after a kill are drawn in other batches, and in
bfloat16 a batch decides a near tie between two tokens.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tests/, whoever starts this file
sys.path.insert(0, str(Path(__file__).resolve().parent))
from file_layer import Call, FileLayer
from method_runs import write_material
from scripted_run import ALLOWED, CLOSED, KINDS, NOT_COMPARED, STAYS

from selfteach import cli
from selfteach.models import memory_allocator, recorded
from selfteach.run.finished import COST_FILE
from selfteach.run.ledger import Ledger
from switches import choose_toy_dtype

FAULTS = ("torn", "failing", "broken", "full")
MAX_DISTANCE = 160
"""A run that goes on meets its fault at one of so many changes. The first hundred of them or so
open the run again."""
TIMES = (
    re.compile(rb'<section id="cost">.*?</section>', re.DOTALL),
    re.compile(rb"<li><span>From [^<]*</span> <b>[^<]*</b></li>"),
    re.compile(rb" [^ ]* requests were sent again [^<]*"),
)
"""What the report says of times, memory and attempts."""


class Sweep:
    """Run one command again and again, always in the same folder."""

    def __init__(self, method: str, root: Path) -> None:
        recorded.COMMIT_EVERY_S = 0.0  # a commit for every answer: more points to die at
        self.root = root
        self.place = root / "disk"
        self.run = self.place / "run"
        command = write_material(method, root / "material")
        self.command = [*command[:1], "--out", str(self.run), *command[1:]]
        if library := memory_allocator.load_glibc():
            library.malloc_trim = lambda _: None  # slower than a step of a toy
        self.place.mkdir()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = cli.run_command(self.command)
        assert code == 0, f"{method} ends with {code} without a fault"
        self.expected = read_results(self.run)
        self.clear()

    def clear(self) -> None:
        """Empty the disk."""
        shutil.rmtree(self.run, ignore_errors=True)

    def walk(self, stride: int, start: int) -> tuple[list[int], int]:
        """Run once and copy the folder before every stride-th change.

        Return the numbers of these changes, and how many changes there were.
        """

        def copy(call: Call) -> None:
            if call.number % stride == start % stride and call.number >= start:
                target = self.root / "copies" / str(call.number)
                target.mkdir(parents=True)
                if self.run.exists():
                    shutil.copytree(self.run, target / "run")

        code, said, passed = self.start(copy)
        assert code == 0, said
        assert read_results(self.run) == self.expected
        self.clear()
        numbers = sorted(int(path.name) for path in (self.root / "copies").iterdir())
        return numbers, passed

    def restore(self, number: int) -> None:
        """Put a copy in the place of the run."""
        self.clear()
        copy = self.root / "copies" / str(number) / "run"
        if copy.exists():
            shutil.copytree(copy, self.run)

    def start(self, at: Callable[[Call], object] | None = None) -> tuple[int, str, int]:
        """Run the command in a forked process; return its exit code, what it said, and how many
        changes it made.
        """
        read, write = os.pipe()
        said = self.root / "said.txt"
        pid = os.fork()
        if pid == 0:
            out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            layer = FileLayer(self.place, at or (lambda call: None))
            layer.install()
            code = cli.run_command(self.command)
            os.write(write, str(layer.passed).encode())
            os._exit(code)
        os.close(write)
        with os.fdopen(read) as handle:
            passed = int(handle.read() or 0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return code, said.read_text(errors="replace"), passed

    def finish(self) -> list[str]:
        """Run the command to its end; return what is wrong."""
        code, said, _ = self.start()
        if code:
            return [f"the command ends with {code}: {said[-600:]}"]
        found = read_results(self.run)
        names = sorted(found.keys() | self.expected.keys())
        return [name for name in names if found.get(name) != self.expected.get(name)]


def make_fault(kind: str, distance: int, met: Path) -> Callable[[Call], None]:
    """Return a fault of a kind: it comes at the first change that it fits, from a distance on.

    `met` is a file that then holds the name of that change.
    """
    done = False

    def at(call: Call) -> None:
        nonlocal done
        fits = call.name in KINDS[kind]
        if call.number < distance or not fits or (done and kind not in STAYS):
            return
        if not done:
            met.write_text(call.name)
        done = True
        if kind in STAYS:
            raise OSError(STAYS[kind], os.strerror(STAYS[kind]))
        if kind == "failing":
            raise OSError(5, os.strerror(5))
        call.write_half()
        os.kill(os.getpid(), signal.SIGKILL)

    return at


def read_results(run: Path) -> dict[str, str]:
    """Return a sum of each file that must be the same, and the counts of the ledger."""
    found = {}
    left_out = {*NOT_COMPARED, COST_FILE}
    for path in sorted(run.rglob("*")):
        if path.is_dir() or path.name in left_out:
            continue
        data = path.read_bytes()
        if path.name == "metrics.jsonl":
            rows = [json.loads(line) | {"seconds": 0} for line in data.splitlines()]
            data = json.dumps(rows).encode()
        if path.name == "report.html":
            for part in TIMES:
                data = part.sub(b"", data)
        found[str(path.relative_to(run))] = hashlib.sha256(data).hexdigest()[:16]
    with closing(Ledger(run / "run.db", readonly=True)) as ledger:
        counts = {stage: row[:2] for stage, row in ledger.count_requests().items()}
    return found | {"requests": json.dumps(counts, sort_keys=True)}


def sweep(method: str, root: Path, stride: int, start: int = 1) -> dict[str, Any]:
    """Go through a method's run; return what was tried, the exit codes and what was wrong."""
    place = Sweep(method, root)
    numbers, changes = place.walk(stride, start)
    choose = random.Random(f"{method} {stride} {start}")
    tried: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    wrong: list[list[Any]] = []
    for turn, number in enumerate(numbers):
        kind = FAULTS[turn % len(FAULTS)]
        distance = choose.randint(1, MAX_DISTANCE)
        met = root / "met.txt"
        met.unlink(missing_ok=True)
        place.restore(number)
        code, said, _ = place.start(make_fault(kind, distance, met))
        tried["kill"] += 1
        codes[code] += 1
        faults = []
        if met.exists():  # else the run came to its end before
            tried[kind] += 1
            closed = code == 2 and met.read_text() == "open" and CLOSED in said
            if code not in ALLOWED[kind] and not closed:
                faults.append(f"with the fault it ends with {code}: {said[-600:]}")
        elif code:
            faults.append(f"it ends with {code}: {said[-600:]}")
        if "Traceback" in said:
            faults.append(f"it shows a traceback: {said[-600:]}")
        faults += place.finish()
        if faults:
            wrong.append([number, kind, distance, met.exists() and met.read_text(), faults])
        if (turn + 1) % 10 == 0 or faults:
            print(f"{method} {turn + 1}/{len(numbers)}: {wrong}", file=sys.stderr, flush=True)
    return {
        "method": method,
        "changes": changes,
        "tried": tried,
        "codes": codes,
        "compared": sorted(place.expected),
        "wrong": wrong,
    }


def main(words: Sequence[str]) -> None:
    """Run the command line."""
    method, root, stride, *more = words
    with choose_toy_dtype("float32"):
        found = sweep(method, Path(root).resolve(), int(stride), *map(int, more))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
