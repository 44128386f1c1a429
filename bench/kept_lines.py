"""Keep the finished parts of a measurement, a JSON line each, and go on after a stop."""

from __future__ import annotations

import json
from pathlib import Path

from selfteach.records import JsonObject


def open_lines(file: Path, settings: JsonObject) -> list[JsonObject]:
    """Return the lines that the file holds already; the first one has the settings.

    A line that a stop cut off is removed: its part is measured again.

    Raises:
        SystemExit: the file belongs to another command.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    text = file.read_text("utf-8") if file.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole, "utf-8")
    if not whole:
        append_line(file, {"settings": settings})
        return []
    lines: list[JsonObject] = [json.loads(line) for line in whole.splitlines()]
    if lines[0] != {"settings": settings}:
        raise SystemExit(f"{file} is of another command: {lines[0]}; name another folder")
    return lines[1:]


def append_line(file: Path, line: JsonObject) -> None:
    """Write one line to the end of the file, at once."""
    with file.open("a", encoding="utf-8") as opened:
        opened.write(json.dumps(line) + "\n")
