"""Run a module in a process of its own, with bounds on processor time, memory and output.

Files of others may make a parser loop or exhaust memory. They end only that process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence

PASSED_VARIABLES = ("PATH", "PYTHONPATH", "SYSTEMROOT", "LANG", "LC_ALL")
"""Environment variables that the child gets: no key, no token."""


def run_module(
    module: str,
    arguments: Sequence[str],
    *,
    cpu_s: int,
    memory_bytes: int,
    wall_s: int,
    given: bytes = b"",
) -> bytes:
    """Run `python -P -m MODULE ARGUMENTS CPU_S MEMORY_BYTES`, and return what it prints.

    The module calls `limit_resources` with the last two arguments. The output is empty if the
    process exceeded a bound.

    Args:
        given: the input of the process.

    Raises:
        TimeoutError: more than `wall_s` seconds passed.
    """
    bounds = [str(cpu_s), str(memory_bytes)]
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module, *arguments, *bounds],
            capture_output=True,
            timeout=wall_s,
            env={name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ},
            input=given,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return b"" if done.returncode else done.stdout


def limit_resources(cpu_s: int, memory_bytes: int) -> None:
    """Limit this process. On Windows only the deadline of the parent limits it."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
