"""Measure how much longer sampling and training take beside one other busy process.

    python -m bench.beside_other_work [--rounds 2]

Both are measured alone and beside the other process, in turns; the best round counts. The number
of threads that training took is printed: it leaves cores to the other process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import sampling, training
from bench.prompt_files import read_all_prompts
from selfteach.models.hf import HfModel

BUSY = "while True: pass"
STEPS = 3
PROMPTS = 96
TOKENS = 48


@contextmanager
def run_busy_process() -> Iterator[None]:
    """Keep one core busy with another process."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as other:
        try:
            yield
        finally:
            other.kill()


def measure(hf: HfModel) -> dict[str, float]:
    """Return the seconds of 1,000 sampled tokens, and of STEPS training steps, whose threads are
    printed where they are fewer than torch's.
    """
    prompts = read_all_prompts()[:PROMPTS]
    rows = training.make_examples(STEPS * training.BATCH)
    with tempfile.TemporaryDirectory() as folder:
        trained = sum(training.measure_ours(hf, rows, "dpo", Path(folder), say=print_threads))
    return {"sampling": 1e3 / sampling.measure_ours(hf, prompts, TOKENS, 1), "training": trained}


def print_threads(line: str) -> None:
    """Print what training says of its threads, and nothing else that it says."""
    if "threads" in line:
        print(line, flush=True)


def main(rounds: int = 2) -> dict[str, float]:
    """Measure and print; return the ratio of each part."""
    hf = HfModel.load("embedded")
    alone: list[dict[str, float]] = []
    beside: list[dict[str, float]] = []
    for _ in range(rounds):
        alone.append(measure(hf))
        with run_busy_process():
            beside.append(measure(hf))
    ratios = {}
    for part in alone[0]:
        best = [min(row[part] for row in found) for found in (alone, beside)]
        ratios[part] = round(best[1] / best[0], 2)
        print(f"{part}: {best[0]:.1f} s alone, {best[1]:.1f} s beside: {ratios[part]:.2f}x")
    return ratios


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=2)
    main(parser.parse_args().rounds)
