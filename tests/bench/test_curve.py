"""The curve on hand-written prompts: which prompts a point takes, what is measured again, N90, and
the plot.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from bench.curve import (
    find_n90_of_medians,
    list_points,
    main,
    measure_points,
    order_prompts,
    paint_curve,
)
from bench.rule_prompts import FILES

from selfteach.errors import DataError

CLUSTERS = {"a": 0, "b": 0, "c": 0, "d": 1, "e": 1}


def make_row(
    order: str, prompts: int, broken: float, needless: float = 0.0, seed: int = 0
) -> dict[str, Any]:
    return {
        "rule": "dogs",
        "seed": seed,
        "order": order,
        "prompts": prompts,
        "base": {"greedy broken": 0.75, "T=1 broken": 0.75},
        "tuned": {"greedy broken": broken, "T=1 broken": broken},
        "needless neighbors": needless,
        "needless general": 0.0,
    }


def make_options(out: Path, **more: Any) -> Namespace:
    own = {"run": Path("runs/dogs-0"), "file": Path("dogs.yaml"), "model": "embedded"}
    points = {"seeds": [0], "orders": ["balanced", "random"], "sizes": [4, 8]}
    return Namespace(out=out, **{**own, **points, **more})


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
    given = make_options(out)
    assert list(list_points(given)) == [(0, "balanced", 8), (0, "random", 4), (0, "random", 8)]


@pytest.mark.parametrize("other", [{"run": Path("runs/dogs-1")}, {"model": "a/big"}])
def test_points_of_another_run_or_model_are_not_mixed(tmp_path: Path, other: Any) -> None:
    out = tmp_path / "points.jsonl"
    row = {**make_row("balanced", 4, 0.5), "run": "dogs-0", "model": "embedded"}
    out.write_text(json.dumps(row) + "\n", "utf-8")
    assert len(list(list_points(make_options(out)))) == 3
    with pytest.raises(SystemExit, match=r"dogs-0.*name another file"):
        list(list_points(make_options(out, **other)))


def test_the_folder_of_the_points_is_there_before_anything_is_measured(tmp_path: Path) -> None:
    given = make_options(tmp_path / "new" / "points.jsonl", run=tmp_path / "no run")
    given.file = FILES / "dogs.yaml"
    with pytest.raises(DataError):
        measure_points(given)
    assert given.out.parent.is_dir()


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


SEEDS = [
    make_row("random", 8, 0.25, seed=0),
    make_row("random", 8, 0.0, seed=1),
    make_row("random", 8, 0.05, seed=2),
    make_row("random", 4, 0.5, seed=0),
    make_row("random", 4, 0.0, seed=1),
    make_row("random", 4, 0.25, seed=2),
    make_row("balanced", 4, 0.0, needless=0.0625),
    make_row("balanced", 8, 0.1),
]
"""Kept of random: 50, 75, 100 % with 4 prompts, 75, 95, 100 % with 8."""


def write_rows(file: Path, rows: list[dict[str, Any]]) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(file)


def test_n90_of_the_medians_counts_what_is_needless() -> None:
    assert find_n90_of_medians(SEEDS, "random") == 8
    assert find_n90_of_medians(SEEDS, "balanced") == 8, "4 are needless in one of sixteen"
    assert find_n90_of_medians(SEEDS[:1], "random") is None
    assert find_n90_of_medians(SEEDS[:1], "balanced") is None


def test_a_line_has_the_medians_and_its_band_the_extremes() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    names = [name for _, name in paint_curve(SEEDS, axes)]
    assert names == ["balanced: N90 8", "random: N90 8", "the base", "90 % kept"]
    marked = {line.get_marker(): line for line in axes.lines}
    assert list(marked["s"].get_xdata()) == [4, 8]
    assert list(marked["s"].get_ydata()) == pytest.approx([0.75, 0.95])
    band = axes.collections[1].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == pytest.approx((0.5, 1.0))
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert [list(line.get_xdata()) for line in dotted] == [[8, 8], [8, 8]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["4", "8"]


def test_the_plot_needs_the_recorded_rows_alone(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "points.jsonl", SEEDS)
    plot = tmp_path / "curve.svg"
    main(["--table", table, "--plot", str(plot)])
    texts = {
        node.text
        for node in ElementTree.fromstring(plot.read_text("utf-8")).iter(
            "{http://www.w3.org/2000/svg}text"
        )
    }
    assert {"balanced: N90 8", "random: N90 8", "4", "8", "100 %"} <= texts
    assert "dogs, hand-written prompts (median of 3 seeds; band: lowest to highest)" in texts


def test_of_several_rules_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [make_row("balanced", 4, 0.5), {**make_row("balanced", 4, 0.0), "rule": "cats"}]
    table = write_rows(tmp_path / "points.jsonl", rows)
    plot = tmp_path / "curve.svg"
    for rule in ([], ["--rule", "cows"]):
        with pytest.raises(SystemExit):
            main(["--table", table, "--plot", str(plot), *rule])
        assert "there are: cats, dogs" in capsys.readouterr().err
        assert not plot.exists()
    main(["--table", table, "--plot", str(plot), "--rule", "dogs"])
    assert "balanced: N90 not reached" in plot.read_text("utf-8")
    assert "one seed" in plot.read_text("utf-8")
