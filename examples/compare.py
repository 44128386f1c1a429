"""Compare adapters and objectives on the examples of a finished run.

python examples/compare.py runs/2026-11-20-do-not-talk-about-elephants
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import selfteach


def main(run: Path, **more: Any) -> list[tuple[str, float, float | None]]:
    """Print each row's score and drift, the best first; return them in the order of the table."""
    found = selfteach.compare(
        run, adapters=["lora", "reft"], objectives=["own", "sft"], progress=False, **more
    )
    rows = []
    for row in found.rows:
        drift = row["kl_nats"]["value"] if row["kl_nats"] else None
        rows.append((row["name"], row["score"]["value"], drift))
    for name, score, drift in sorted(rows, key=lambda row: -row[1]):
        print(f"{name:20} {score:6.1%}  KL {drift if drift is None else round(drift, 4)}")
    return rows


if __name__ == "__main__":
    main(Path(sys.argv[1]))
