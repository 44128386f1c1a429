"""Count how everyday rules are read, each with answers that keep it and answers that break it.

    python -m bench.read_rules bench/rule_wordings/*.jsonl [--teacher URL#NAME]

A line of a file is {"rule", "keep", "break"}; no model is loaded. With a teacher, a rule of no
known form is read in the teacher's plain words, as in a run. *Right*: the check that is read
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
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.rule import read_rule
from selfteach.methods.feedback.say_plainly import ask_for_wordings, choose_wording
from selfteach.methods.feedback.understand_rule import read_known_situation
from selfteach.models import Sampler
from selfteach.models.remote.endpoint import Endpoint


def judge_reading(row: dict[str, Any], teacher: Sampler | None = None) -> str:
    """Return how a rule is read: "right", "wrong", "none" or "refused".

    Args:
        teacher: a chat model that says rules of no known form plainly.
    """
    try:
        rule = read_rule(row["rule"])
        if rule.scope:
            read_known_situation(rule.scope)
        effect = read_effect(rule.effect, rule.scope)
    except SelfteachError:
        return "refused"
    if effect is None and teacher:
        wordings = ask_for_wordings(teacher, rule, 0, is_chat=True)
        plain = choose_wording(rule, wordings)
        effect = read_effect(plain.then) if plain else None
    if effect is None:
        return "none"
    check = parse_check(effect.check)
    is_right = all(map(check.keeps, row["keep"])) and not any(map(check.keeps, row["break"]))
    return "right" if is_right else "wrong"


def count_readings(
    rows: Iterable[dict[str, Any]], teacher: Sampler | None = None
) -> dict[str, int]:
    """Return how many rules are read in which way."""
    return dict(Counter(judge_reading(row, teacher) for row in rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--teacher", default="", help="a server, URL#NAME")
    asked = parser.parse_args()
    teacher = Endpoint(asked.teacher, concurrency=1) if asked.teacher else None
    for file in asked.files:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        counts = count_readings(rows, teacher)
        print(json.dumps({"file": file.name, "rules": len(rows), **counts}), flush=True)


if __name__ == "__main__":
    main()
