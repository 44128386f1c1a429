"""The runs of the development rules: which are done, and which are compared."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from bench import rules

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
    for model, config in (("embedded", "quick"), ("a/big", "quick"), ("a/big", "b/half.yaml")):
        given.model, given.config = model, config
        rules.run_rules(given)
        rules.run_rules(given)
    found = [(row.get("model"), row.get("config")) for row in rules.read_rows(out)]
    assert found == [(None, None), ("big", "quick"), ("big", "half")]


def test_only_runs_of_the_same_model_are_compared() -> None:
    new = [{**ROW, "model": "embedded", "config": "quick"}, {**ROW, "model": "big"}]
    assert rules.pair_rows([ROW], new) == [(ROW, new[0])]


def test_a_run_finds_the_packages_of_pythonpath(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("found = 7\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = ["-c", "import only_here, selfteach; print(only_here.found, selfteach.__file__)"]
    found = rules.call(rules.ROOT, words, must=True).stdout
    assert found.startswith("7 ")
    assert str(rules.ROOT / "src") in found
