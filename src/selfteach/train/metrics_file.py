"""The curve of a training on the disk: one JSON object a step, in metrics.jsonl."""

from __future__ import annotations

import json
import os
from pathlib import Path

from selfteach.disk import convert_disk_errors
from selfteach.records import JsonMapping, JsonObject

Curve = list[JsonObject]
"""The entries of metrics.jsonl, one a step."""


class MetricsFile:
    """Write one line a step; `truncate` restores the length at a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entry: JsonMapping) -> None:
        """Write the entry of a step."""
        line = json.dumps(entry) + "\n"
        with (
            convert_disk_errors(self.path, len(line)),
            self.path.open("a", encoding="utf-8") as handle,
        ):
            handle.write(line)

    def read(self) -> Curve:
        """Return the entries so far."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]

    def sync(self) -> int:
        """Flush the file to the disk and return its bytes."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as handle:
            os.fsync(handle.fileno())
        return self.path.stat().st_size

    def truncate(self, size: int) -> int:
        """Cut the file to its size at a checkpoint, a shorter one to its whole lines.

        Returns:
            The bytes before.
        """
        data = self.path.read_bytes() if self.path.exists() else b""
        if len(data) < size:
            size = data.rfind(b"\n") + 1
        if data:
            os.truncate(self.path, size)
        return len(data)
