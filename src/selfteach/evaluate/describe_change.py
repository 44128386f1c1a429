"""What is left of an earlier run, in one line."""

from __future__ import annotations

from selfteach.records import JsonMapping


def describe_change(entry: JsonMapping) -> str:
    """Describe in one line what is left of an earlier run."""
    count = len(entry["questions"])
    start = f"{count} questions of {entry['run']} again: "
    if entry["change"] is None:
        return f"{start}ROUGE-L {entry['alike']['value']:.2f} to its answers"
    first, now = (100 * entry[key]["value"] for key in ("first", "now"))
    change = entry["change"]
    interval = f"[{100 * change['low']:+.0f}, {100 * change['high']:+.0f}]"
    return f"{start}{first:.0f} % right after it, {now:.0f} % now {interval}"
