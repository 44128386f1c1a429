"""The result of a run as lines for a terminal: the exam's table with intervals, the cost, the verdict, the report's path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from selfteach.run.display import printable

ARMS = {"base": "base", "prompted": "rule in the prompt", "taught": "taught"}
SCOPES = {"target": "rule kept", "near": "near prompts unharmed", "general": "general answers unharmed"}


def lines(result: Mapping[str, Any]) -> Iterable[str]:
    """Yields the lines."""
    yield from table(result["exam"])
    yield ""
    yield printable(result["verdict"])
    yield ""
    cost = [f"{result['seconds']:.0f} s"]
    cost += [
        f"{result[key]:,} {text}" for key, text in (("drawn_tokens", "drawn tokens"), ("trained_tokens", "trained tokens")) if key in result
    ]
    cost += [f"adapter {result['adapter_bytes'] / 1e6:.1f} MB"] if result.get("adapter_bytes") else []
    yield ", ".join(cost)
    yield f"report: {result['report']}"


def table(exam: Mapping[str, Any]) -> Iterable[str]:
    """Yields a table: a row for each scope, a column for each arm, each cell with its 95 % interval."""
    arms = [arm for arm in ARMS if arm in exam]
    rows = [["", *(ARMS[arm] for arm in arms)]]
    for scope, name in SCOPES.items():
        cells = [exam[arm].get(scope) for arm in arms]
        if any(cells):
            rows.append([name, *(_cell(cell) for cell in cells)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(
            text.ljust(width) if i == 0 else text.rjust(width) for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()


def _cell(measure: Mapping[str, float] | None) -> str:
    if not measure:
        return "-"
    return f"{100 * measure['value']:.0f} % ({100 * measure['low']:.0f}-{100 * measure['high']:.0f}, n={measure['n']})"
