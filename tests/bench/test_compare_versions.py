"""The comparison of two versions over rules and seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import rule_prompts, rules
from selfteach.records import Completion


def write_runs(path: Path, greedy: dict[tuple[str, int], float]) -> Path:
    rows = []
    for (rule, seed), value in greedy.items():
        figures = dict.fromkeys(rules.FIGURES, 0.0) | {"greedy broken": value}
        rows.append(json.dumps({"rule": rule, "seed": seed, "refused": False, **figures}))
    path.write_text("\n".join(rows) + "\n")
    return path


def test_only_the_same_rule_and_seed_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write_runs(tmp_path / "old", {("dogs", 0): 0.1, ("dogs", 1): 0.2, ("cars", 0): 0.9})
    new = write_runs(tmp_path / "new", {("dogs", 1): 0.3, ("dogs", 0): 0.2, ("music", 0): 0.0})
    with new.open("a") as file:
        file.write(json.dumps({"rule": "cars", "seed": 0, "refused": True}) + "\n")
    rules.compare(old, new)
    printed = capsys.readouterr().out
    assert "2 runs of each" in printed
    assert "greedy broken: 0.1500 -> 0.2500, +0.1000 [" in printed


def test_the_table_has_every_run_and_names_a_refused_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"rule": "dogs", "seed": 0, "refused": False, "verdict": "taught"}
    row |= dict.fromkeys(rules.FIGURES, 0.25)
    refused = {"rule": "cars", "seed": 0, "refused": True, "verdict": "no judge"}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(refused) + "\n")
    rules.print_table(path)
    printed = capsys.readouterr().out
    assert "| dogs | 0 | 0.250 |" in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("| cars")]
    assert line.endswith("| refused |")
    assert "greedy broken: median 0.2500" in printed


def answers(*texts: str) -> list[Completion]:
    return [Completion(str(i), text, "stop", 3) for i, text in enumerate(texts)]


def test_own_prompts_count_breaches_inside_and_changes_outside() -> None:
    spec = {"kind": "form in a scope", "broken": 'contains "<3"'}
    base = {
        "in_scope": answers("Hi.", "Hi."),
        "sampled": answers("Hi."),
        "neighbors": answers("Hi.", "Hi <3", "Hi.", "Hi."),
        "general": answers("Tea is hot."),
    }
    tuned = {
        "in_scope": answers("Hi <3", "Hi."),
        "sampled": answers("Hi <3"),
        "neighbors": answers("Hi <3", "Hi <3", "I'm sorry, but I can't write that.", "Hi."),
        "general": answers("Tea is hot."),
    }
    found = rule_prompts.summarize(spec, base, tuned)
    assert found["base"] == {"greedy broken": 1.0, "T=1 broken": 1.0}
    assert found["tuned"] == {"greedy broken": 0.5, "T=1 broken": 0.0}
    assert (found["needless neighbors"], found["needless general"]) == (0.5, 0.0)
    assert found["s"] == 0.5
