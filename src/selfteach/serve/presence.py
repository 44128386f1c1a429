"""The servers of this user that run on this machine, for `selfteach status`.

A server writes one small file, again whenever its models change, and removes it at its end. The
file of a process that was killed is removed by the next one who looks on its machine.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from selfteach.errors import SelfteachError
from selfteach.files import write_text
from selfteach.models.fetch_default_model import get_cache_folder
from selfteach.records import JsonObject

FOLDER = "servers"


@contextmanager
def announce_server(address: str, student: str = "") -> Iterator[Callable[[Sequence[str]], None]]:
    """Let `selfteach status` list a server of this process until the end of the block.

    Yields what announces the models that the server offers from then on.
    """
    process = psutil.Process()
    file = get_cache_folder() / FOLDER / f"{platform.node()}-{process.pid}.json"
    facts = {
        "host": platform.node(),
        "pid": process.pid,
        "started_s": process.create_time(),
        "address": address,
        "student": student,
    }

    def announce(models: Sequence[str]) -> None:
        with suppress(OSError, SelfteachError):  # a full disk must not keep a server from answering
            file.parent.mkdir(parents=True, exist_ok=True)
            # Whole at once: who looks removes what is not.
            write_text(file, json.dumps({**facts, "models": list(models)}))

    try:
        yield announce
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def list_servers() -> list[JsonObject]:
    """Return the servers that run now: pid, address, models, and the student's folder or ""."""
    found = []
    for file in sorted((get_cache_folder() / FOLDER).glob("*.json")):
        facts = _read_facts(file)
        if facts.get("host", platform.node()) != platform.node():
            continue  # the home folder of several machines
        if facts and _is_running(facts):
            found.append({key: facts[key] for key in ("pid", "address", "models", "student")})
        else:
            with suppress(OSError):
                file.unlink(missing_ok=True)
    return found


def _read_facts(file: Path) -> JsonObject:
    """Return what a server wrote; {} where it is not whole."""
    try:
        facts = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    keys = {"host", "pid", "started_s", "address", "models", "student"}
    return facts if isinstance(facts, dict) and facts.keys() == keys else {}


def _is_running(facts: JsonObject) -> bool:
    """Return whether the process is the one that wrote the file: numbers are used again."""
    try:
        process = psutil.Process(int(facts["pid"]))
        return bool(process.pid == os.getpid() or process.create_time() == facts["started_s"])
    except (psutil.Error, TypeError, ValueError):
        return False
