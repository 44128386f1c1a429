"""A comparison as a printed table, and as a plot of score against drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from selfteach.records import JsonMapping, Measure
from selfteach.report.drawing import PROMPTED, SOFT, TUNED, draw
from selfteach.report.format_text import MISSING
from selfteach.report.labels import find_plug_in
from selfteach.report.read_run import get_path, list_objects, read_measure, read_number
from selfteach.report.result_table import strip_controls

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MIN_KL = 1e-4
MAX_KL = 100.0
"""Nats a token: the ends of the logarithmic axis; values outside are shown at the ends."""
COLORS = (TUNED, "#2a78d6", "#8a63d2", "#c2417c", "#7a8b1f", "#c98a00")
SHAPES = ("o", "^", "D", "v", "P")
"""A shape for the first six rows, another for the next six, and so on."""


@dataclass(frozen=True)
class ScorePath:
    """Hold the place of a method's score in its exam.

    It is `path`, then the arm, then `greedy` or `sampled`. `instead` is the path in an exam that
    has nothing there.
    """

    name: str
    path: tuple[str, ...]
    greedy: tuple[str, ...] = ()
    sampled: tuple[str, ...] = ()
    lower_is_better: bool = False
    instead: tuple[str, ...] = ()

    def choose_path(self, exam: JsonMapping) -> tuple[str, ...]:
        """Return the path that an exam has."""
        is_absent = get_path(exam, *self.path) is None
        return self.instead if is_absent and self.instead else self.path


SCORES: Mapping[str, ScorePath] = {
    "feedback": ScorePath("rule kept", ("kept",), ("greedy",), ("sampled",)),
    "corrections": ScorePath(
        "words changed", ("distance",), ("greedy",), ("sampled",), lower_is_better=True
    ),
    "documents": ScorePath("answered", ("contains",)),
    "tasks": ScorePath(
        "ROUGE-L", ("rouge_l", "seed"), ("greedy",), ("sampled",), instead=("rouge_l", "human")
    ),
}
"""The methods that can be compared."""
TRAIN = ScorePath("loss, nats a token", ("loss_nats",), lower_is_better=True)
PLUG_IN = ScorePath("score", ("score",))
"""The default for a method of another package."""


def find_score(method: str) -> ScorePath:
    """Return the place of the score in a method's exam."""
    if method in SCORES:
        return SCORES[method]
    if method == "train":
        return TRAIN
    found: ScorePath = getattr(find_plug_in(method), "score", None) or PLUG_IN
    return found


def make_comparison_table(found: JsonMapping) -> Group:
    """Return the rows, and below them what was left out and the meaning of the columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("what", overflow="fold")
    for column in (
        str(found["score"]),
        "T = 1",
        "near degraded",
        "general degraded",
        "known",
        "KL",
        "top-1",
        "trained",
        "MB",
        "peak MB",
        "s",
        "tokens/query",
        "rate",
    ):
        table.add_column(Text(column), justify="right", overflow="fold")
    for name, row in _list_rows(found):
        table.add_row(Text(strip_controls(name, 40)), *(Text(cell) for cell in _format_cells(row)))
    notes = [f"left out: {name}: {reason}" for name, reason in found["left_out"].items()]
    better = "Lower is better. " if find_score(str(found["kind"])).lower_is_better else ""
    notes += [
        f"{better}Degraded: share of good answers lost by the training. KL(base || tuned) in nats "
        "a token on the base's own general answers.",
        "Known: change of retention in points, and the lower end of its interval (passed above "
        "-3).",
    ]
    return Group(table, *(Text(strip_controls(note), "dim") for note in notes))


def _list_rows(found: JsonMapping) -> Iterator[tuple[str, JsonMapping]]:
    for arm in ("base", "prompted"):
        if row := get_path(found, "base", arm):
            yield arm, row
    for row in list_objects(found.get("rows")):
        yield str(row["name"]), row


def _format_cells(row: JsonMapping) -> Iterator[str]:
    for key in ("score", "sampled", "near", "general"):
        yield _format_percent(read_measure(row.get(key)), spread=key == "score")
    known = read_measure(row.get("retention"))
    yield f"{100 * known.value:+.1f} > {100 * known.low:+.1f}" if known else MISSING
    kl = read_measure(row.get("kl_nats"))
    yield f"{kl.value:.4f}" if kl else MISSING
    yield _format_percent(read_measure(row.get("top1")))
    share = read_number(row.get("trained_share"))
    yield f"{100 * share:.3g} %" if share is not None else MISSING
    for key, form in (
        ("adapter_mb", ".2f"),
        ("peak_memory_mb", ".0f"),
        ("seconds", ".0f"),
        ("prompt_tokens", ".0f"),
        ("learning_rate", "g"),
    ):
        value = read_number(row.get(key))
        yield format(value, form) if value is not None else MISSING


def _format_percent(found: Measure | None, *, spread: bool = False) -> str:
    if found is None:
        return MISSING
    shown = spread and found.has_interval
    interval = f" {100 * found.low:.0f}-{100 * found.high:.0f}" if shown else ""
    return f"{100 * found.value:.0f} %{interval}"


def draw_figure(found: JsonMapping) -> str:
    """Return the plot as an SVG file; drift increases to the right, the score upwards."""
    return draw(partial(_paint, found), f"{found['score']} against drift")


def _paint(found: JsonMapping, axes: Axes) -> list[tuple[Any, str]]:
    """Draw a mark with both intervals for each row. Return the marks with their names."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_autoscalex_on(False)  # it warns about a single value
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.4g} %")
    axes.set_xlabel("drift: KL(base || tuned), nats a token, logarithmic")
    axes.set_ylabel(str(found["score"]))
    legend: list[tuple[Any, str]] = []
    lowest = highest = 0.01
    for place, row in enumerate(list_objects(found.get("rows"))):
        kl = read_measure(row.get("kl_nats"))
        score = read_measure(row.get("score"))
        if not kl or not score:
            continue
        in_prompt = "shots" in row
        drift = _clip_to_axis(kl)
        mark = axes.errorbar(
            drift.value,
            score.value,
            xerr=_get_error_bars(drift),
            yerr=_get_error_bars(score),
            fmt="s" if in_prompt else SHAPES[place // len(COLORS) % len(SHAPES)],
            color=PROMPTED if in_prompt else COLORS[place % len(COLORS)],
            markersize=8,
            elinewidth=1,
        )
        legend.append((mark, f"{row['name']}: {score.value:.0%}, KL {kl.value:.4f}"))
        lowest = min(lowest, drift.low)
        highest = max(highest, drift.high)
    axes.set_xlim(lowest / 2, highest * 2)
    if base := read_measure(get_path(found, "base", "base", "score")):
        line = axes.axhline(base.value, color=SOFT, linestyle="--", linewidth=1)
        legend.append((line, f"base: {base.value:.0%}"))
    return legend


def _clip_to_axis(kl: Measure) -> Measure:
    value, low, high = (min(max(x, MIN_KL), MAX_KL) for x in (kl.value, kl.low, kl.high))
    return replace(kl, value=value, low=low, high=high)


def _get_error_bars(found: Measure) -> list[list[float]]:
    """Return the length of the interval below and above the value, in the form of matplotlib."""
    return [[max(found.value - found.low, 0.0)], [max(found.high - found.value, 0.0)]]
