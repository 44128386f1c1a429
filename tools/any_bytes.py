"""Any bytes for every reader of a file: they are read, or refused with an error of selfteach.

python tools/any_bytes.py --inputs 10000 --seed 0 --reader HTML --reader Markdown

Without --reader all of them are tried (`tests/faults/readers.py` holds the list), without --inputs
each with as many inputs as in `make test-all`. Each reader has a process of its own, which may
take --memory-mb more than it has at the start. It prints one JSON object for each reader, with the
processor time of the slowest input and the memory that was added, and exits with 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import resource
import sys
import tempfile
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS / "faults"), str(TESTS)]
readers: Any = importlib.import_module("readers")


def measure_memory() -> float:
    """Return the most memory that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def limit_memory(more_mb: int) -> None:
    """Let this process take so much more memory than it has."""
    status = Path("/proc/self/status").read_text().splitlines()
    (data_kb,) = [int(line.split()[1]) for line in status if line.startswith("VmData")]
    limit = data_kb * 1024 + more_mb * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def try_reader(name: str, options: argparse.Namespace, answer: Connection) -> None:
    """Try one reader in this process, and send what was found."""
    limit_memory(options.memory_mb)
    reader, memory_mb, start = readers.READERS[name], measure_memory(), time.process_time()
    found: dict[str, Any] = {"inputs": options.inputs or reader.inputs}
    with tempfile.TemporaryDirectory() as folder:
        try:
            found |= readers.try_inputs(reader, Path(folder), found["inputs"], options.seed)
        except BaseException:
            found["wrong"] = traceback.format_exc()[-4000:]
    found["added_mb"] = round(measure_memory() - memory_mb, 1)
    found["seconds"] = round(time.process_time() - start, 1)
    answer.send(found)


def try_apart(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Try one reader in a process of its own; return what was found."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=try_reader, args=(name, options, there))
    process.start()
    there.close()
    try:
        found: dict[str, Any] = here.recv()
    except EOFError:
        found = {}
    process.join()
    if process.exitcode:
        found["wrong"] = f"the process ended with {process.exitcode}"
    return {"reader": name, "seed": options.seed, **found}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Any bytes for every reader of a file.")
    parser.add_argument("--inputs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory-mb", type=int, default=1000)
    parser.add_argument("--reader", action="append", choices=list(readers.READERS))
    options = parser.parse_args()
    wrong = 0
    for name in options.reader or readers.READERS:
        found = try_apart(name, options)
        wrong += "wrong" in found
        print(json.dumps(found), flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
