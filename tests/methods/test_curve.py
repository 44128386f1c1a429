"""The data-need curve, a named judge, and objectives on trial: what `--set` turns on beside the straight road."""

from __future__ import annotations

import json
from pathlib import Path

from selfteach.methods.curve import in_turn, sizes
from selfteach.run.ledger import Ledger
from talker import lesson, said

SHORT = ["--set", "train.epochs=1", "--set", "balance.rounds=0", "--set", "exam.target=4"]


def test_sizes_double_up_to_all():
    assert sizes(4) == [4]
    assert sizes(5) == [4, 5]
    assert sizes(20) == [4, 8, 16, 20]
    assert sizes(3) == [3]


def test_balanced_takes_the_clusters_in_turn():
    place = {"a": 0, "b": 0, "c": 0, "d": 1, "e": 1}
    assert in_turn("abcde", place) == ["a", "d", "b", "e", "c"]
    assert in_turn(["x", "a"], place) == ["x", "a"]  # a prompt without a cluster comes first


def test_curve_has_both_orders_and_ends_with_all(talker: Path, tmp_path: Path):
    code, result = said(lesson(talker, tmp_path / "run", *SHORT, "--set", "curve=true"))
    assert code == 0
    points = Ledger(Path(result["run"]) / "run.db", readonly=True).noted("curve")
    assert {point["order"] for point in points} == {"balanced", "random"}
    by_order = {order: [p["examples"] for p in points if p["order"] == order] for order in ("balanced", "random")}
    assert by_order["balanced"] == by_order["random"] == sizes(by_order["random"][-1])
    assert all(0 <= point["kept"]["low"] <= point["kept"]["value"] <= point["kept"]["high"] <= 1 for point in points)


def test_auto_tries_the_objectives_and_says_which(talker: Path, tmp_path: Path):
    code, result = said(lesson(talker, tmp_path / "run", *SHORT, "--set", "train.objective=auto", "--set", "train.trial_steps=2"))
    assert code == 0
    choice = Ledger(Path(result["run"]) / "run.db", readonly=True).noted("objective")
    assert choice["chosen"] in choice["kept_on_dev"]
    assert choice["kept_on_dev"][choice["chosen"]] == max(choice["kept_on_dev"].values())
    assert choice["steps"] == 2


def test_a_judge_that_is_not_there_is_a_usage_error(talker: Path, tmp_path: Path):
    command = lesson(talker, tmp_path / "run", *SHORT, "--set", "judge.name=oracle", check="")
    code, _ = said(command)
    assert code == 2


def test_distillation_from_the_prompted_base_partly_on_own_draws(talker: Path, tmp_path: Path):
    own = ["--set", "train.objective=distill", "--set", "train.on_policy=0.5"]
    code, result = said(lesson(talker, tmp_path / "run", *SHORT, *own))
    assert code == 0
    losses = [row["losses"] for row in map(json.loads, (Path(result["run"]) / "metrics.jsonl").read_text().splitlines())]
    assert any("distill" in row for row in losses)
    assert not any("sft" in row for row in losses)
