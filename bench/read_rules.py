"""Count how everyday rules are read, each with answers that keep it and answers that break it.

    python -m bench.read_rules bench/rule_wordings/*.jsonl

A line of a file is {"rule", "keep", "break"}; no model is loaded. *Right*: the check that is read
from the rule keeps and breaks every answer as its writer says; *wrong*: it does not; *none*: no
check; *refused*: the rule is refused. All files are development data but 16-test.jsonl, of which
no rule was read when a reading was written: its counts alone were looked at.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from selfteach.errors import SelfteachError
from selfteach.judge.check import parse_check
from selfteach.materials.effect import read_effect
from selfteach.materials.rule import read_rule
from selfteach.methods.feedback.understand_rule import read_known_situation


def judge_reading(row: dict[str, Any]) -> str:
    """Return how a rule is read: "right", "wrong", "none" or "refused"."""
    try:
        rule = read_rule(row["rule"])
        if rule.scope:
            read_known_situation(rule.scope)
        effect = read_effect(rule.effect)
    except SelfteachError:
        return "refused"
    if effect is None:
        return "none"
    check = parse_check(effect.check)
    is_right = all(map(check.keeps, row["keep"])) and not any(map(check.keeps, row["break"]))
    return "right" if is_right else "wrong"


def count_readings(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Return how many rules are read in which way."""
    return dict(Counter(map(judge_reading, rows)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    for file in parser.parse_args().files:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        print(json.dumps({"file": file.name, "rules": len(rows), **count_readings(rows)}))


if __name__ == "__main__":
    main()
