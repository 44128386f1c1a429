"""HTML, PDF and DOCX are parsed in a process of their own, with bounds on memory, processor time
and output.

    python -P -m selfteach.materials.documents.child KIND PATH

It prints one line of JSON: {"title", "pages", "notes"} or {"fault"}. The parsers are other
people's, and their input is anybody's: a file that makes one of them loop or swallow memory ends
that process, and the run goes on with the reason on record.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from selfteach.materials.documents.encoding import decode_text
from selfteach.materials.documents.limits import (
    CPU_S,
    MAX_CHARS,
    MAX_MARKUP_BYTES,
    MEMORY_BYTES,
    WALL_S,
    TooLarge,
)

KINDS = ("html", "pdf", "docx")
PASSED_VARIABLES = ("PATH", "PYTHONPATH", "SYSTEMROOT", "LANG", "LC_ALL")
"""What the child sees of the environment: no key, no token."""


def parse_in_child(
    kind: str, path: Path, cpu_s: int = CPU_S, memory_bytes: int = MEMORY_BYTES
) -> tuple[str, list[str], tuple[str, ...]]:
    """(title, pages, notes) of a file, parsed apart.

    Raises:
        ValueError: the file cannot be parsed within the bounds; the message says why.
    """
    command = [
        sys.executable,
        "-P",
        "-m",
        __name__,
        kind,
        str(path.absolute()),
        str(cpu_s),
        str(memory_bytes),
    ]
    environment = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=WALL_S,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TooLarge(f"took more than {WALL_S} s to read") from None
    if done.returncode or not done.stdout:
        raise TooLarge(
            f"cannot be read within {cpu_s} s of processor time and "
            f"{memory_bytes >> 20} MB of memory"
        )
    found = json.loads(done.stdout)
    if "fault" in found:
        raise ValueError(found["fault"])
    return found["title"], found["pages"], tuple(found["notes"])


def _limit_resources(cpu_s: int, memory_bytes: int) -> None:
    """Bounds this process, where the system can (not on Windows, where the deadline alone holds)."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _parse_file(kind: str, path: Path) -> dict[str, Any]:
    from selfteach.materials.documents import markup, paged

    if kind == "html":
        with path.open("rb") as handle:
            data = handle.read(MAX_MARKUP_BYTES + 1)
        if len(data) > MAX_MARKUP_BYTES:
            raise TooLarge(f"is larger than {MAX_MARKUP_BYTES >> 20} MB")
        text, note = decode_text(data, markup.declared_encoding(data))
        title, body, left = markup.read_html(text)
        return {"title": title, "pages": [body], "notes": [said for said in (note, left) if said]}
    if kind == "pdf":
        title, pages = paged.read_pdf(path)
        return {"title": title, "pages": pages, "notes": []}
    title, body = paged.read_docx(path)
    return {"title": title, "pages": [body], "notes": []}


def main(kind: str, path: str, cpu_s: str, memory_bytes: str) -> None:
    """The child's own part."""
    logging.disable(logging.CRITICAL)  # parsers complain at length about files that they can read
    _limit_resources(int(cpu_s), int(memory_bytes))
    try:
        found = _parse_file(kind, Path(path))
        if sum(map(len, found["pages"])) > MAX_CHARS:
            raise TooLarge(f"holds more than {MAX_CHARS:,} characters")
    except MemoryError:
        found = {"fault": f"needs more than {int(memory_bytes) >> 20} MB of memory to be read"}
    except Exception as fault:  # a parser of hostile files may raise anything; it is reported to the parent, which puts the file aside
        own = isinstance(fault, ValueError) and str(fault)[:1].islower()
        found = {
            "fault": str(fault)
            if own
            else f"is damaged, or not of its kind ({type(fault).__name__}: {str(fault)[:120]})"
        }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
