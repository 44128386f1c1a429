"""Measure how the steps over all requests of a run grow: processor seconds and peak memory at 10^3,
10^4 and 10^5 requests, each size in a process of its own.

python -m bench.scale [--sizes 1000 10000 100000] [--dims 576]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.overlap import InstructionWriter, read_instructions
from selfteach.dedup.overlap import OverlapIndex
from selfteach.models.recorded import Recorded
from selfteach.records import Prompt, make_prompt
from selfteach.run.ledger import Ledger
from selfteach.select.clusters import cluster_prompts, split_prompts

SIZES = (1_000, 10_000, 100_000)
SUBJECTS = 200
SHARES = (0.7, 0.1, 0.2)
MAX_OVERLAP = 0.7
MAX_CLUSTERS = 12


class RandomEmbedder:
    """Embed prompts as points around the centers of `SUBJECTS` subjects, without a model."""

    name = fingerprint = "random"

    def __init__(self, dims: int) -> None:
        self._random = np.random.default_rng(0)
        self._centers = 3 * self._random.standard_normal((SUBJECTS, dims), np.float32)

    def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
        """Return one row for each prompt: float32 (len(prompts), dims)."""
        rows = self._random.standard_normal((len(prompts), self._centers.shape[1]), np.float32)
        rows += self._centers[self._random.integers(0, SUBJECTS, len(prompts))]
        return rows


def write_requests(count: int) -> list[str]:
    """Return instructions as a model writes them."""
    writer = InstructionWriter(read_instructions())
    return [writer.next() for _ in range(count)]


def measure_steps(count: int, dims: int, folder: Path) -> dict[str, float]:
    """Return the seconds of each step, the ledger's size in MB and the peak memory in GB."""
    texts = write_requests(count)
    prompts = list(map(make_prompt, texts))
    seconds: dict[str, float] = {}

    def measure(name: str, step: Callable[[], object]) -> None:
        began = time.process_time()
        step()
        seconds[name] = time.process_time() - began

    def reject_overlapping() -> None:
        pool = OverlapIndex()
        for text in texts:
            pool.add_if_new(text, MAX_OVERLAP)

    measure("overlap", reject_overlapping)
    path = folder / "run.db"
    ledger = Ledger(path)
    recorded = Recorded(ledger, scorer=RandomEmbedder(dims))  # type: ignore[arg-type]
    measure("record embeddings", lambda: recorded.embed(prompts))
    ledger.close()
    measure("open the ledger again", lambda: Ledger(path, readonly=True).close())
    ledger = Ledger(path, readonly=True)
    rows = np.zeros((0, dims))

    def read() -> None:
        nonlocal rows
        rows = Recorded(ledger, scorer=RandomEmbedder(dims)).embed(prompts)  # type: ignore[arg-type]

    measure("read embeddings", read)
    ledger.close()
    measure("split", lambda: split_prompts(texts, rows, SHARES, 0, max_overlap=MAX_OVERLAP))
    measure("cluster", lambda: cluster_prompts(rows, MAX_CLUSTERS, 0))
    seconds["ledger, MB"] = path.stat().st_size / 1e6
    seconds["peak, GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return seconds


def measure_in_child(count: int, dims: int) -> dict[str, float]:
    """Return the figures of `measure_steps` from a process of its own, whose peak is theirs."""
    command = [sys.executable, "-m", "bench.scale", "--one", "--sizes", str(count)]
    command += ["--dims", str(dims)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table: a line for each step, a column for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--dims", type=int, default=576)
    parser.add_argument("--one", action="store_true", help="print one size as JSON")
    given = parser.parse_args(arguments)
    if given.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure_steps(given.sizes[0], given.dims, Path(folder))))
        return
    found = [measure_in_child(size, given.dims) for size in given.sizes]
    print(f"{'requests':>22}" + "".join(f"{size:>12,}" for size in given.sizes))
    for step in found[0]:
        print(f"{step:>22}" + "".join(f"{figures[step]:>12.2f}" for figures in found))


if __name__ == "__main__":
    main()
