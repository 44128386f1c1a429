"""The progress of a run, read without changing it."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfteach.records import JsonObject
from selfteach.run import manifest
from selfteach.run.ledger import Funnel, Ledger
from selfteach.run.lock import find_lock_owner
from selfteach.run.run_folder import COMMAND, FINISHED, IDENTITY, LEDGER_FILE, read_stages


@dataclass(frozen=True)
class RunStatus:
    """Hold the status of one run.

    `pid` is the process that works on it; `again` counts requests that were sent more than once.
    """

    path: Path
    state: Literal["running", "done", "stopped", "empty"]
    pid: int | None
    kind: str
    material: JsonObject
    command: str
    stages: dict[str, JsonObject]
    funnel: list[Funnel]
    again: int

    @property
    def seconds(self) -> float:
        """Return the seconds of all stages over all attempts, up to now."""
        return float(sum(stage["seconds"] for stage in self.stages.values()))


def read_status(folder: Path) -> RunStatus:
    """Read the status of one run folder.

    Raises:
        IntegrityError: its ledger or its manifest is damaged.
    """
    pid = find_lock_owner(folder)
    with closing(Ledger(folder / LEDGER_FILE, readonly=True)) as ledger:
        identity = ledger.get_note(IDENTITY) or {"kind": "", "material": {}}
        stages = read_stages(ledger, time.time() if pid is not None else None)
        funnel = ledger.funnel()
        again = sum(repeated for _, _, repeated in ledger.count_requests().values())
        finished = ledger.get_note(FINISHED) is not None
        command = ledger.get_note(COMMAND)
    state: Literal["running", "done", "stopped", "empty"]
    if pid is not None:
        state = "running"
    else:
        state = "done" if finished else "stopped" if stages else "empty"
        for stage in stages.values():
            if stage["state"] == "running":  # its process was killed
                stage["state"] = "killed"
    if command is None:  # a run that began before the ledger noted it
        command = str(manifest.read_manifest(folder).get("command", ""))
    return RunStatus(
        folder, state, pid, identity["kind"], identity["material"], command, stages, funnel, again
    )


def list_runs(below: Path) -> list[Path]:
    """Return the run folders directly below a folder, sorted by name."""
    return sorted(path.parent for path in below.glob(f"*/{LEDGER_FILE}")) if below.is_dir() else []
