"""The curve of a training on the disk: one JSON object a step, in metrics.jsonl."""

from __future__ import annotations

import json
import os
from pathlib import Path

from selfteach.disk import convert_disk_errors
from selfteach.errors import IntegrityError
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
        """Return the entries so far.

        Raises:
            IntegrityError: a line is not as it was written.
        """
        if not self.path.exists():
            return []
        found = []
        for number, line in enumerate(self.path.read_bytes().splitlines(), start=1):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                entry = None
            if not isinstance(entry, dict):
                raise IntegrityError(
                    "is not as it was written.",
                    where=f"{self.path}:{number}",
                    cure=f"Remove {self.path.parent}: the training then begins anew.",
                )
            found.append(entry)
        return found

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
