"""The cores that this process may use, and several processes of one command, as `accelerate launch`
and `torchrun` start them.

The first one owns the run folder.
"""

from __future__ import annotations

import os

from selfteach.errors import UsageError


def get_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def count_processes() -> int:
    """Return the number of processes.

    Raises:
        UsageError: the launch's variable is no such number.
    """
    return _read_variable("WORLD_SIZE", 1, least=1)


def is_first_process() -> bool:
    """Return whether this process owns the run: its lock, its ledger, its files.

    Raises:
        UsageError: a variable of the launch is no number.
    """
    return count_processes() == 1 or _read_variable("RANK", 0) == 0


def get_local_rank() -> int:
    """Return the number of this process on its machine, which is that of its accelerator.

    Raises:
        UsageError: the launch's variable is no such number.
    """
    return _read_variable("LOCAL_RANK", 0)


def read_launched_sharding() -> str:
    """Return what the launch splits a training with, and its version or stage: `fsdp1`, `fsdp2`,
    `zero1`, `zero2`, `zero3`, `zero` for DeepSpeed without a stage, or "".
    """
    if _is_switched_on("ACCELERATE_USE_FSDP"):
        return f"fsdp{os.environ.get('FSDP_VERSION', '1')}"
    if _is_switched_on("ACCELERATE_USE_DEEPSPEED"):
        return f"zero{os.environ.get('ACCELERATE_DEEPSPEED_ZERO_STAGE', '')}"
    return ""


def _is_switched_on(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("true", "1", "yes")


def _read_variable(name: str, default: int, least: int = 0) -> int:
    text = os.environ.get(name) or str(default)
    if not text.strip().isdecimal() or int(text) < least:
        raise UsageError(
            f"is no whole number from {least} on.",
            where=f"{name}={text[:40]}",
            cure=f"Unset {name}; `accelerate launch` and `torchrun` set it themselves.",
        )
    return int(text)


def refuse_several_processes(what: str) -> None:
    """Refuse several processes of work that one does; only the first one says so.

    Raises:
        UsageError: there are several.
        SystemExit: there are several, and this is not the first.
    """
    if count_processes() == 1:
        return
    if not is_first_process():
        raise SystemExit(UsageError.exit_code)
    raise UsageError(
        f"{what} runs in one process, and {count_processes()} were launched.",
        cure="Start it without a launcher. `--set engine=ray` samples on all accelerators, and "
        "`accelerate launch -m selfteach train` trains on all of them.",
    )
