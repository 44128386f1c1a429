"""The curve on hand-written prompts: which prompts a point takes, what is measured again, N90."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from bench.curve import list_points, main, order_prompts

CLUSTERS = {"a": 0, "b": 0, "c": 0, "d": 1, "e": 1}


def make_row(order: str, prompts: int, broken: float, needless: float = 0.0) -> dict[str, Any]:
    return {
        "rule": "dogs",
        "seed": 0,
        "order": order,
        "prompts": prompts,
        "tuned": {"greedy broken": broken, "T=1 broken": broken},
        "needless neighbors": needless,
        "needless general": 0.0,
    }


@pytest.mark.parametrize("seed", range(4))
def test_a_seed_draws_the_prompts_and_balanced_takes_each_cluster(seed: int) -> None:
    drawn = order_prompts("abcde", CLUSTERS, "random", seed)
    balanced = order_prompts("abcde", CLUSTERS, "balanced", seed)
    assert sorted(drawn) == sorted(balanced) == list("abcde")
    assert [CLUSTERS[prompt] for prompt in balanced] == [0, 1, 0, 1, 0]
    assert len({tuple(order_prompts("abcde", CLUSTERS, "random", n)) for n in range(9)}) > 4


def test_measured_points_are_not_measured_again(tmp_path: Path) -> None:
    out = tmp_path / "points.jsonl"
    out.write_text(json.dumps(make_row("balanced", 4, 0.5)) + "\n", "utf-8")
    given = Namespace(
        out=out, file=Path("dogs.yaml"), seeds=[0], orders=["balanced", "random"], sizes=[4, 8]
    )
    assert list(list_points(given)) == [(0, "balanced", 8), (0, "random", 4), (0, "random", 8)]


def test_the_table_has_n90_of_each_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        make_row("balanced", 4, 0.3),
        make_row("balanced", 8, 0.1),
        make_row("random", 8, 0.0, needless=0.0625),
    ]
    out = tmp_path / "points.jsonl"
    out.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    main(["--table", str(out)])
    told = capsys.readouterr().out
    assert "dogs balanced seed 0: N90 8" in told
    assert "dogs random seed 0: N90 None" in told
    assert "dogs balanced 4 (1 seeds): greedy broken 30 (30 to 30)" in told
