"""How far a run is, read without touching it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfteach.run import manifest
from selfteach.run.folder import FINISHED, IDENTITY, LEDGER, stages_of
from selfteach.run.ledger import Funnel, Ledger
from selfteach.run.lock import holder


@dataclass(frozen=True)
class Standing:
    """Where one run stands. `pid` is the process that works on it; `again` counts requests that
    were asked more than once.
    """

    path: Path
    state: Literal["running", "done", "stopped", "empty"]
    pid: int | None
    kind: str
    material: dict[str, Any]
    command: str
    stages: dict[str, dict[str, Any]]
    funnel: list[Funnel]
    again: int

    @property
    def seconds(self) -> float:
        """Seconds of all stages over all attempts."""
        return float(sum(stage["seconds"] for stage in self.stages.values()))


def standing(folder: Path) -> Standing:
    """Reads one run folder.

    Raises:
        IntegrityError: its ledger is damaged.
    """
    ledger = Ledger(folder / LEDGER, readonly=True)
    try:
        identity = ledger.noted(IDENTITY) or {"kind": "", "material": {}}
        stages = stages_of(ledger)
        funnel, again = (
            ledger.funnel(),
            sum(repeated for _, _, repeated in ledger.counts().values()),
        )
        finished = ledger.noted(FINISHED) is not None
    finally:
        ledger.close()
    pid = holder(folder)
    state: Any = (
        "running" if pid is not None else "done" if finished else "stopped" if stages else "empty"
    )
    if pid is None:  # a stage that a killed process left behind
        stages = {
            name: {**stage, "state": "killed"} if stage["state"] == "running" else stage
            for name, stage in stages.items()
        }
    command = manifest.read(folder).get("command", "")
    return Standing(
        folder, state, pid, identity["kind"], identity["material"], command, stages, funnel, again
    )


def runs(below: Path) -> list[Path]:
    """The run folders directly below a folder, oldest first."""
    return sorted(path.parent for path in below.glob(f"*/{LEDGER}")) if below.is_dir() else []
