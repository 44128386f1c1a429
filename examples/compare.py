"""Compares adapters and objectives on the examples of a finished run.

python examples/compare.py runs/2026-11-20-do-not-talk-about-elephants
"""

import json
import sys
from pathlib import Path

from selfteach import cli


def main(run: Path, *more: str) -> list[tuple[str, float, float | None]]:
    """Prints each cell's score and drift, the best first; returns them."""
    code = cli.run(
        ["compare", "--run", str(run), "--adapters", "lora,reft", "--objectives", "own,sft", *more]
    )
    if code:
        sys.exit(code)
    rows = json.loads((run / "compare" / "compare.json").read_text())["rows"]
    found = [
        (row["name"], row["score"]["value"], (row["kl_nats"] or {}).get("value")) for row in rows
    ]
    for name, score, kl in sorted(found, key=lambda row: -row[1]):
        print(f"{name:20} {score:6.1%}  KL {kl if kl is None else round(kl, 4)}")
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
