"""The runs of the development rules: which are done, and which are compared."""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import rules
from selfteach.errors import DataError, ResourceError

ROW = {"rule": "coffee", "seed": 0, "refused": False, "verdict": "taught", "T=1 broken": 0.1}


def test_a_run_of_another_model_or_with_other_settings_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rules.jsonl"
    out.write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    monkeypatch.setattr(rules, "measure_rule", lambda name, seed, given: {"refused": False})
    given = argparse.Namespace(
        out=out, code=tmp_path, rules=["coffee"], seeds=1, jobs=1, model="embedded", config="quick"
    )
    for model, config, also in (
        ("embedded", "quick", False),
        ("a/big", "quick", False),
        ("a/big", "b/half.yaml", False),
        ("a/big", "b/half.yaml", True),
    ):
        given.model, given.config, given.also = model, config, also
        rules.run_rules(given)
        rules.run_rules(given)
    found = [(row.get("model"), row.get("config")) for row in rules.read_rows(out)]
    own = [("big", "quick"), ("big", "half"), ("big", "half --also")]
    assert found == [(None, None), *own]


def make_options(out: Path, keep: Path | None = None) -> argparse.Namespace:
    """Options for two rules with one seed; a folder that is no checkout stands for the code."""
    return argparse.Namespace(
        out=out,
        code=out.parent,
        rules=["coffee", "dogs"],
        seeds=1,
        jobs=1,
        model="embedded",
        config="quick",
        keep=keep,
        also=False,
    )


def end_with(code: int, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Let each run of the program end with an exit code, and return their command lines."""
    started: list[Sequence[str]] = []

    def call(
        checkout: Path, words: Sequence[str], *, must: bool = False
    ) -> subprocess.CompletedProcess[str]:
        started.append(words)
        return subprocess.CompletedProcess(words, code, "", "selfteach: why it ended")

    monkeypatch.setattr(rules, "call", call)
    return started


def test_a_rule_that_the_program_refuses_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = make_options(tmp_path / "rules.jsonl")
    started = end_with(DataError.exit_code, monkeypatch)
    rules.run_rules(given)
    rules.run_rules(given)
    assert len(started) == 2
    found = [(row["rule"], row["refused"], row["verdict"]) for row in rules.read_rows(given.out)]
    told = "selfteach: why it ended"
    assert found == [("coffee", True, told), ("dogs", True, told)]


@pytest.mark.parametrize("code", [-9, 1, 2, ResourceError.exit_code, 70, 130])
def test_a_run_that_failed_is_tried_again_and_stops_no_other(
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = make_options(tmp_path / "rules.jsonl")
    started = end_with(code, monkeypatch)
    for _ in range(2):
        with pytest.raises(SystemExit, match="2 of 2 runs failed"):
            rules.run_rules(given)
    assert len(started) == 4
    assert rules.read_rows(given.out) == []
    assert f"exit code {code}\nselfteach: why it ended" in capsys.readouterr().err


def test_a_measurement_that_failed_is_no_end_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(name: str, seed: int, given: argparse.Namespace) -> rules.Row:
        if name == "coffee":
            rules.call(tmp_path, ["-c", "raise SystemExit(9)"], must=True)
        return {"refused": False, "verdict": "taught"}

    monkeypatch.setattr(rules, "measure_rule", measure)
    given = make_options(tmp_path / "rules.jsonl")
    with pytest.raises(SystemExit, match="1 of 2 runs failed; the same command"):
        rules.run_rules(given)
    assert [row["rule"] for row in rules.read_rows(given.out)] == ["dogs"]


def test_a_rule_is_taught_again_at_another_commit_in_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = make_options(tmp_path / "rules.jsonl", keep=tmp_path / "runs")
    started = end_with(DataError.exit_code, monkeypatch)
    for commit in ("aaaa1111", "bbbb2222", "aaaa1111"):
        monkeypatch.setattr(rules, "read_commit", lambda code, name=commit: name)
        rules.run_rules(given)
    found = [(row["rule"], row["commit"]) for row in rules.read_rows(given.out)]
    assert found == [(r, c) for c in ("aaaa1111", "bbbb2222") for r in ("coffee", "dogs")]
    folders = [Path(words[words.index("--out") + 1]) for words in started]
    assert folders == [tmp_path / "runs" / commit / f"{rule}-0" for rule, commit in found]


def test_the_seconds_of_a_run_are_those_of_all_its_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is finished already ends at once."""
    measured: dict[str, Any] = {"tuned": {}, "needless neighbors": 0, "needless general": 0}
    measured["base"] = {"greedy broken": 0.9, "T=1 broken": 0.9}
    done = subprocess.CompletedProcess([], 0, json.dumps(measured), "")
    monkeypatch.setattr(rules, "call", lambda code, words, *, must=False: done)
    given = make_options(tmp_path / "rules.jsonl", keep=tmp_path / "runs")
    run = tmp_path / "runs" / "coffee-0"
    run.mkdir(parents=True)
    exam: dict[str, Any] = {"kept": {}, "verdict": {"word": "taught", "sentence": "Taught."}}
    (run / "exam.json").write_text(json.dumps(exam | {"cost": {"seconds": 12.04}}))
    assert rules.measure_rule("coffee", 0, given)["seconds"] == 12.0, "an earlier version"
    (run / "cost.json").write_text(json.dumps({"seconds": 947.5989}))
    assert rules.measure_rule("coffee", 0, given)["seconds"] == 947.6


def test_only_runs_of_the_same_model_are_compared() -> None:
    new = [{**ROW, "model": "embedded", "config": "quick"}, {**ROW, "model": "big"}]
    assert rules.pair_rows([ROW], new) == [(ROW, new[0])]


def test_two_commits_are_compared_and_of_several_in_a_file_the_last_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = ROW | dict.fromkeys(rules.FIGURES, 0.5)
    old = [{**figures, "commit": "aaaa1111"}]
    new = [{**figures, "commit": "bbbb2222"}, {**figures, "commit": "cccc3333", "kl_nats": 0.25}]
    assert rules.pair_rows(old, new) == [(old[0], new[1])]
    for name, rows in (("old", old), ("new", new)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    rules.compare(tmp_path / "old", tmp_path / "new")
    printed = capsys.readouterr().out
    assert "1 runs of each, of aaaa1111 and of cccc3333\n" in printed
    assert "kl_nats: 0.5000 -> 0.2500, -0.2500 [" in printed


def test_the_table_takes_the_runs_of_each_commit_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Coffee has one verdict on two seeds of one commit, and another one at another commit."""
    rows = [
        {**ROW, "seed": seed, "commit": commit, "verdict": verdict, "kl_nats": kl}
        for seed, commit, verdict, kl in (
            (0, "aaaa1111", "taught", 0.25),
            (1, "aaaa1111", "taught", 0.75),
            (0, "bbbb2222", "not learned", 0.125),
        )
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rules.print_table(path)
    printed = capsys.readouterr().out
    assert "| aaaa1111 | 2 |" in printed
    assert "| 0.5000, 0.2500 to 0.7500 |" in printed
    assert "| bbbb2222 | 1 |" in printed
    assert "| 0.1250 |" in printed
    assert "the same verdict on all seeds: 1 of 1 rules with several seeds" in printed


def test_a_run_finds_the_packages_of_pythonpath(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("found = 7\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = ["-c", "import only_here, selfteach; print(only_here.found, selfteach.__file__)"]
    found = rules.call(rules.ROOT, words, must=True).stdout
    assert found.startswith("7 ")
    assert str(rules.ROOT / "src") in found
