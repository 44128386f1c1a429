"""The comparison of two versions over rules and seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.adherence import make_violation_finder
from bench.prompt_files import PROMPTS, read_lines

from bench import rules


def write_runs(path: Path, greedy: dict[tuple[str, int], float]) -> Path:
    rows = []
    for (rule, seed), value in greedy.items():
        figures = dict.fromkeys(rules.FIGURES, 0.0) | {"greedy broken": value}
        rows.append(json.dumps({"rule": rule, "seed": seed, **figures}))
    path.write_text("\n".join(rows) + "\n")
    return path


def test_only_the_same_rule_and_seed_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write_runs(tmp_path / "old", {("dogs", 0): 0.1, ("dogs", 1): 0.2, ("cars", 0): 0.9})
    new = write_runs(tmp_path / "new", {("dogs", 1): 0.3, ("dogs", 0): 0.2, ("music", 0): 0.0})
    rules.compare(old, new)
    printed = capsys.readouterr().out
    assert "2 runs of each" in printed
    assert "greedy broken: 0.1500 -> 0.2500, +0.1000 [" in printed


def test_every_rule_has_hand_written_prompts_that_name_what_breaks_it() -> None:
    for name, pattern in rules.PATTERNS.items():
        finds = make_violation_finder(pattern)
        assert finds(f"I like {name}.")
        assert len(read_lines(PROMPTS / f"{name}.txt")) >= 25
