"""The geometry of the plots."""

from __future__ import annotations

import math
import time

import pytest
from fixture import make_curve, make_measure

from selfteach.report.figures import (
    choose_ticks,
    make_bars,
    map_prompts,
    plot_data_need,
    plot_losses,
    sort_tries,
    to_percent,
)


def test_places():
    """A quarter of the way from 2 to 6 is 3; what lies outside stays at the edge."""
    assert to_percent(3, 2, 6) == 25
    assert to_percent(9, 2, 6) == 100
    assert to_percent(1, 2, 6) == 0
    assert to_percent(5, 5, 5) == 50


@pytest.mark.parametrize(
    ("low", "high", "known"),
    [
        (0.1, 2.6, [0, 1, 2, 3]),
        (0.021, 0.044, [0.02, 0.03, 0.04, 0.05]),
        (2, 2, [2, 3]),
        (0, 0, [0, 0.5]),
    ],
)
def test_ticks_are_round_and_cover_the_values(low: float, high: float, known: list[float]):
    assert choose_ticks(low, high)[: len(known)] == known
    assert choose_ticks(low, high)[-1] >= high


def test_a_step_done_twice_counts_by_its_last_row():
    rows = [
        {"step": 1, "loss": 4.0, "losses": {"sft": 4.0}},
        {"step": 2, "loss": 9.0},
        {"step": 2, "loss": 2.0, "losses": {"sft": None}},
        {"step": 3, "loss": math.nan},
        {"loss": 1},
    ]
    total, sft = plot_losses(rows)
    assert (total.title, len(total.lines[0].dots), sft.title) == (
        "all objectives, weighted",
        2,
        "sft",
    )
    assert total.lines[0].path == "M0 0L100 100", "from 4, the highest tick, down to 2, the lowest"


def test_no_steps_no_plots():
    assert plot_losses([]) == []
    assert plot_losses([{"loss": 1.0}]) == []


def test_one_step_is_drawn_as_a_level():
    (plot,) = plot_losses([{"step": 7, "loss": 2.0}])
    assert len({dot.y for dot in plot.lines[0].dots}) == 1
    assert [tick.text for tick in plot.x_ticks] == ["7", ""]


def test_the_curve_of_data_need_is_logarithmic():
    plot = plot_data_need(make_curve())
    assert plot is not None
    assert [tick.at for tick in plot.x_ticks] == [0, 25, 50, 75, 100]
    assert [line.look for line in plot.lines] == ["tuned", "prompted", "base"]
    assert plot_data_need(None) is None
    assert (
        plot_data_need([{"examples": 0, "order": "balanced", "kept": make_measure(1, 2)}]) is None
    )


def test_the_map_keeps_every_prompt_inside_its_frame_and_counts_failures():
    points = [
        {"x": k, "y": -k, "cluster": k % 2, "scope": "target", "prompt": f"p{k}", "failed": k == 3}
        for k in range(4)
    ]
    found = map_prompts({"points": points, "failure_rate": {"1": 0.5}})
    assert found is not None
    assert all(0 < spot.x < 100 and 0 < spot.y < 100 for spot in found.spots)
    assert [(row["name"], row["size"], row["failed"], row["rate"]) for row in found.clusters] == [
        ("0", 2, 0, None),
        ("1", 2, 1, 0.5),
    ]
    assert found.spots[-1].failed, "failures are drawn on top"
    assert map_prompts({"points": []}) is None
    assert map_prompts("nonsense") is None


def test_the_time_of_the_map_grows_with_its_prompts_and_not_with_their_square():
    """20,000 prompts took half a minute where each one looked for the ends of both axes."""
    points = [{"x": k, "y": -k, "cluster": k % 6, "prompt": f"p{k}"} for k in range(20_000)]
    start = time.process_time()
    assert map_prompts({"points": points}) is not None
    assert time.process_time() - start < 5


def test_tries_are_in_the_order_of_their_numbers():
    counts = {"1": 4, "10": 1, "2": 3, "gave up": 5}
    assert list(sort_tries(counts)) == ["1", "2", "10", "gave up"]
    assert sort_tries(None) is None


def test_bars():
    assert make_bars({"1": 4, "2": 1, "x": None}) == [("1", 4, 100), ("2", 1, 25)]
    assert make_bars({"1": 0}) == [("1", 0, 0)]
    assert make_bars(None) == []
