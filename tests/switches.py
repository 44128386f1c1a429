"""Read the environment switches that vary how the tests train (tools/margins.py sets them).

SELFTEACH_TEST_SEED      a number that is added to the seeds of toy models, trainings and commands
SELFTEACH_TEST_THREADS   the number of threads of torch; 1 by default
SELFTEACH_TEST_DTYPE     float32, bf16, or auto: what a toy model computes in where a test names no
                         dtype; by default float32, which is the fastest for a toy; with auto the
                         processor decides, as it does for a user (`make test-all`)
SELFTEACH_TEST_DRAWS     how many examples hypothesis draws for a test that names no number; 30 by
                         default, 200 in `make test-all`
SELFTEACH_TEST_DEVICE    cuda (`make test-cuda`): tests may use CUDA, which is hidden from them by
                         default
SELFTEACH_TEST_MARGINS   a file that receives the margins of training outcomes (margins.py)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

SEED = int(os.environ.get("SELFTEACH_TEST_SEED", "0"))
THREADS = int(os.environ.get("SELFTEACH_TEST_THREADS", "1"))
DRAWS = int(os.environ.get("SELFTEACH_TEST_DRAWS", "30"))
ON_CUDA = os.environ.get("SELFTEACH_TEST_DEVICE") == "cuda"
DTYPES = {"float32": "float32", "bf16": "bfloat16", "auto": "auto"}
DTYPE = os.environ.get("SELFTEACH_TEST_DTYPE") or "float32"
TEACHING = ("feedback", "corrections", "documents", "tasks", "train")


def skip_with_threads() -> None:
    """Skip a test that forks where torch has a pool of threads, which a child does not inherit."""
    if THREADS != 1:
        pytest.skip("forks, and a child inherits no pool of threads")


def apply_switches() -> None:
    """Shift the seeds as the environment asks.

    Must be called before test modules are imported: they import `train` by name.

    Raises:
        ValueError: SELFTEACH_TEST_DTYPE is no dtype of a toy.
    """
    if DTYPE not in DTYPES:
        raise ValueError(f"SELFTEACH_TEST_DTYPE is {DTYPE!r}; it must be {' or '.join(DTYPES)}")
    if SEED:
        _shift_seeds()


@contextmanager
def choose_toy_dtype(dtype: str = DTYPES.get(DTYPE, DTYPE)) -> Iterator[None]:
    """Let models of which nobody names the dtype compute in another, that of the environment."""
    from selfteach.models import hf

    choose = hf._choose_dtype

    def choose_for_toy(name: str, device: Any) -> Any:
        return choose(dtype if name == "auto" else name, device)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hf, "_choose_dtype", choose_for_toy)
        yield


def _shift_seeds() -> None:
    """Add SEED to the seed of every training, and give every teaching command a seed."""
    from selfteach import cli
    from selfteach.train import train

    original_train = train.train
    run = cli.run_command

    def train_shifted(*given: Any, seed: int, **more: Any) -> Any:
        return original_train(*given, seed=seed + SEED, **more)

    def run_shifted(arguments: list[str]) -> int:
        if arguments and arguments[0] in TEACHING and "--seed" not in arguments:
            arguments = [arguments[0], "--seed", str(SEED), *arguments[1:]]
        return run(arguments)

    train.train = train_shifted
    cli.run_command = run_shifted
