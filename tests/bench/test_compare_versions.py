"""The comparison of two versions over rules and seeds."""

from __future__ import annotations

import argparse
import json
import threading
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


def test_files_that_share_no_run_are_not_compared(tmp_path: Path) -> None:
    old = write_runs(tmp_path / "old", {("dogs", 0): 0.1})
    new = write_runs(tmp_path / "new", {("dogs", 1): 0.3})
    with pytest.raises(SystemExit, match=r"old and .*new share no rule with one seed"):
        rules.compare(old, new)


def test_the_seeds_of_a_rule_are_no_runs_of_their_own_for_the_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight rules change by 0 or .5 in all of eight seeds: 8 rules tell less than 64 runs."""
    lows = []
    for name in ("one rule", "another rule each"):
        runs = {
            (f"r{rule}" if name == "one rule" else f"r{rule} {seed}", seed): 0.5 * (rule % 2)
            for rule in range(8)
            for seed in range(8)
        }
        old = write_runs(tmp_path / "old", dict.fromkeys(runs, 0.0))
        rules.compare(old, write_runs(tmp_path / "new", runs))
        (line,) = [
            line for line in capsys.readouterr().out.splitlines() if line.startswith("greedy")
        ]
        assert "+0.2500 [" in line
        lows.append(float(line.partition("[")[2].partition(",")[0]))
    assert lows[0] < lows[1] - 0.05


def test_several_runs_at_once_fill_what_the_file_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both runs of seed 1 wait for each other, so they are at work at the same time."""
    together = threading.Barrier(2, timeout=30)

    def measure(name: str, seed: int, given: argparse.Namespace) -> rules.Row:
        together.wait()
        return {"refused": False, "seconds": 1.0}

    monkeypatch.setattr(rules, "measure_rule", measure)
    out = tmp_path / "rules.jsonl"
    out.write_text("".join(json.dumps({"rule": r, "seed": 0}) + "\n" for r in ("dogs", "cars")))
    given = argparse.Namespace(
        out=out,
        seeds=2,
        rules=["dogs", "cars"],
        jobs=2,
        code=tmp_path,
        model="embedded",
        config="quick",
        also=False,
    )
    rules.run_rules(given)
    found = rules.read_rows(out)
    assert sorted((row["rule"], row["seed"]) for row in found[2:]) == [("cars", 1), ("dogs", 1)]
    rules.run_rules(given)
    assert rules.read_rows(out) == found, "nothing is left"


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
    assert "| dogs | 0 | embedded, quick |  | 0.250 |" in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("| cars")]
    assert line.endswith("| refused |")
    assert "| no commit | 2 | 0.2500 |" in printed


def answers(*texts: str) -> list[Completion]:
    return [Completion(str(i), text, "stop", 3) for i, text in enumerate(texts)]


def test_the_table_has_intervals_and_counts_rules_of_one_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for rule, seed, verdict in (("dogs", 0, "taught"), ("dogs", 1, "taught"), ("tea", 0, "taught")):
        row = {"rule": rule, "seed": seed, "refused": False, "verdict": verdict}
        rows.append(row | {"greedy broken": 0.1, "intervals": {"greedy broken": [0.02, 0.3]}})
    rows.append(rows[2] | {"seed": 1, "verdict": "partly taught"})
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rules.print_table(path)
    printed = capsys.readouterr().out
    assert "| dogs | 0 | embedded, quick |  | 0.100 [0.020, 0.300] |" in printed
    assert "the same verdict on all seeds: 1 of 2 rules with several seeds" in printed


def test_a_rule_is_one_of_ours_or_a_file(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("rule: Be brief.\n")
    assert rules.find_rule_file(str(own)) == own
    assert rules.find_rule_file("dogs").name == "dogs.yaml"
    with pytest.raises(SystemExit, match="cats is no file, and none of ahoy"):
        rules.find_rule_file("cats")


def test_two_samples_of_a_prompt_are_one_unit() -> None:
    always = rule_prompts.measure_samples([True, False] * 10, 2)
    spread = rule_prompts.measure_samples([True, False, True, False], 4)
    assert (always.value, always.n) == (spread.value, 2) == (0.5, 2)
    assert spread.n == 4


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
    assert found["intervals"]["greedy broken"] == [0.0945, 0.9055]


def test_wording_is_needless_where_it_was_written_not_where_a_word_is_missing() -> None:
    spec = {
        "kind": "wording in a scope",
        "broken": 'not contains "and"',
        "effect": "regex '&'",
        "in_scope": [],
    }
    base = {"in_scope": [], "sampled": [], "neighbors": answers("Tea and ink.", "Tea and ink.")}
    tuned = {"in_scope": [], "sampled": [], "neighbors": answers("Tea & ink.", "Tea.")}
    both = {"general": answers("Tea.")}
    found = rule_prompts.summarize(spec, base | both, tuned | both)
    assert (found["needless neighbors"], found["needless general"]) == (0.5, 0.0)


def test_a_row_names_its_commit_and_its_processor(tmp_path: Path) -> None:
    assert rules.read_processor()
    assert rules.read_commit(tmp_path) == "", "no checkout"
