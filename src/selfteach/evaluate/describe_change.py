"""What is left of an earlier run, in one line and in a few numbers."""

from __future__ import annotations

from selfteach.records import JsonMapping, JsonObject
from selfteach.text import format_count


def describe_change(entry: JsonMapping) -> str:
    """Describe in one line what is left of an earlier run."""
    questions = format_count(len(entry["questions"]), "questions")
    start = f"{questions} of {entry['run']} again: "
    if entry["change"] is None:
        return f"{start}ROUGE-L {entry['alike']['value']:.2f} to its answers"
    change = entry["change"]
    if entry.get("method") == "tasks":  # graded by overlap, and no answer is right or wrong
        first, now = (entry[key]["value"] for key in ("first", "now"))
        interval = f"[{change['low']:+.2f}, {change['high']:+.2f}]"
        people = "to people's answers"
        return f"{start}ROUGE-L {people} {first:.2f} right after it, {now:.2f} now {interval}"
    first, now = (100 * entry[key]["value"] for key in ("first", "now"))
    interval = f"[{100 * change['low']:+.0f}, {100 * change['high']:+.0f}]"
    return f"{start}{first:.0f} % right after it, {now:.0f} % now {interval}"


def summarize_change(entry: JsonMapping) -> JsonObject:
    """Return the numbers of what is left of an earlier run, without its questions."""
    measures = {key: entry[key] for key in ("first", "now", "change", "alike")}
    return {"run": entry["run"], "questions": len(entry["questions"]), **measures}
