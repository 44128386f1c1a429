"""The geometry of the page's plots. Values become positions in percent, so that a plot fits every
width without scaling its text; templates/figures.j2 draws them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfteach.records import Measure
from selfteach.report.read_run import get_path, list_objects, read_measure, read_number

MAX_POINTS = 1500
SCOPES = ("target", "near", "general")


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: its place in percent, and its words."""

    at: float
    text: str


@dataclass(frozen=True)
class Dot:
    """A marked point: place in percent, the interval's ends if it has one, and the words shown on
    hover.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    text: str = ""


@dataclass(frozen=True)
class PlotLine:
    """A line through points; `look` is one of the style sheet's classes, `path` an SVG path in a
    box of 100 by 100.
    """

    name: str
    look: str
    dots: Sequence[Dot]
    path: str


@dataclass(frozen=True)
class Plot:
    """Lines over two axes. `words` says in text what the picture shows."""

    title: str
    lines: Sequence[PlotLine]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    words: str = ""


def to_percent(value: float, low: float, high: float) -> float:
    """Where a value lies between two ends, in percent, never outside."""
    if high <= low:
        return 50.0
    return round(min(1.0, max(0.0, (value - low) / (high - low))) * 100, 2)


def choose_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers from below `low` to above `high`, some `most` steps of 1, 2 or 5 times a power
    of ten.
    """
    span = high - low or abs(high) or 1.0
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * k, 12) for k in range(first, max(last, first + 1) + 1)]


def make_line(name: str, look: str, dots: Sequence[Dot]) -> PlotLine:
    return PlotLine(
        name, look, dots, "M" + "L".join(f"{dot.x:g} {dot.y:g}" for dot in dots) if dots else ""
    )


def plot_losses(rows: Sequence[Mapping[str, Any]]) -> list[Plot]:
    """One plot per objective, the sum first. A step that was done twice (after a resume) counts by
    its last row.
    """
    steps = {int(step): row for row in rows if (step := read_number(row.get("step"))) is not None}
    if not steps:
        return []
    names = sorted(
        {
            name
            for row in steps.values()
            if isinstance(row.get("losses"), Mapping)
            for name in row["losses"]
        }
    )
    curves = [
        (
            "all objectives, weighted",
            {step: read_number(row.get("loss")) for step, row in steps.items()},
        )
    ]
    curves += [
        (name, {step: read_number(get_path(row, "losses", name)) for step, row in steps.items()})
        for name in names
    ]
    return [plot for name, values in curves if (plot := _plot_loss(name, values))]


def _plot_loss(name: str, values: Mapping[int, float | None]) -> Plot | None:
    known = sorted((step, value) for step, value in values.items() if value is not None)
    if not known:
        return None
    first, last = known[0][0], known[-1][0]
    y = choose_ticks(min(v for _, v in known), max(v for _, v in known), 3)
    known = known if first < last else known * 2
    dots = [
        Dot(
            to_percent(s, first, last) if first < last else 100.0 * k,
            100 - to_percent(v, y[0], y[-1]),
        )
        for k, (s, v) in enumerate(known)
    ]
    smooth = _smooth([v for _, v in known])
    trend = [
        Dot(dot.x, 100 - to_percent(v, y[0], y[-1])) for dot, v in zip(dots, smooth, strict=True)
    ]
    words = f"{smooth[0]:.3g} → {smooth[-1]:.3g}"
    return Plot(
        name,
        [make_line("each step", "faint", dots), make_line("trend", "taught", trend)],
        [Tick(0, str(first)), Tick(100, str(last) if first < last else "")],
        [Tick(100 - to_percent(v, y[0], y[-1]), f"{v:g}") for v in y],
        words,
    )


def _smooth(values: Sequence[float]) -> list[float]:
    """Centred means over about a tenth of the steps."""
    reach = max(1, len(values) // 20)
    windows = (values[max(0, k - reach) : k + reach + 1] for k in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def plot_data_need(rows: Any) -> Plot | None:
    """Rule kept (per order) and general answers against the number of examples, on a logarithmic
    axis.
    """
    known = sorted(
        (row for row in list_objects(rows) if (read_number(row.get("examples")) or 0) > 0),
        key=lambda row: row["examples"],
    )
    if not known:
        return None
    counts = sorted({int(row["examples"]) for row in known})
    low, high = math.log(counts[0]), math.log(counts[-1])
    lines = []
    for name, key, order, look in (
        ("rule kept, balanced order", "kept", "balanced", "taught"),
        ("rule kept, random order", "kept", "random", "prompted"),
        ("general answers, balanced order", "general", "balanced", "base"),
    ):
        dots = [
            _make_share_dot(
                to_percent(math.log(row["examples"]), low, high),
                found,
                f"{int(row['examples'])} examples, {name}",
            )
            for row in known
            if row.get("order") == order and (found := read_measure(row.get(key)))
        ]
        lines.append(make_line(name, look, dots))
    return Plot(
        "share of test prompts",
        [line for line in lines if line.dots],
        [Tick(to_percent(math.log(n), low, high), str(n)) for n in counts],
        [Tick(100 - 25 * k, f"{25 * k} %") for k in range(5)],
    )


def _make_share_dot(x: float, found: Measure, name: str) -> Dot:
    mean, low, high = (
        100 - to_percent(share, 0, 1) for share in (found.value, found.low, found.high)
    )
    return Dot(
        x,
        mean,
        low,
        high,
        f"{name}: {found.value:.0%} [{found.low:.0%}, {found.high:.0%}], n {found.n}",
    )


@dataclass(frozen=True)
class MapPoint:
    """One prompt on the map."""

    x: float
    y: float
    scope: str
    failed: bool
    text: str


@dataclass(frozen=True)
class PromptMap:
    """Prompts in the plane, each cluster's number at its middle, and a row per cluster."""

    spots: Sequence[MapPoint]
    labels: Sequence[Dot]
    clusters: Sequence[Mapping[str, Any]] = field(default_factory=list)
    left_out: int = 0


def map_prompts(note: Any) -> PromptMap | None:
    """The map of the prompts from the note "clusters"."""
    points = [
        p
        for p in list_objects(get_path(note, "points"))
        if read_number(p.get("x")) is not None and read_number(p.get("y")) is not None
    ]
    if not points:
        return None
    spots: list[MapPoint] = []
    groups: dict[str, list[dict[str, Any]]] = {}
    places: dict[str, list[tuple[float, float]]] = {}
    for p, (x, y) in zip(points, _place_points(points), strict=True):
        name = str(p.get("cluster", ""))
        groups.setdefault(name, []).append(p)
        places.setdefault(name, []).append((x, y))
        spots.append(
            MapPoint(
                x, y, _scope(p), p.get("failed") is True, f"cluster {name}: {p.get('prompt', '')}"
            )
        )
    labels = [
        Dot(_mean(x for x, _ in spread), _mean(y for _, y in spread), text=name[:4])
        for name, spread in places.items()
    ]
    rows = [
        {
            "name": name,
            "size": len(group),
            "failed": sum(p.get("failed") is True for p in group),
            "rate": read_number(get_path(note, "failure_rate", name)),
            "prompts": [str(p.get("prompt", "")) for p in group[:3]],
        }
        for name, group in sorted(groups.items())
    ]
    shown = sorted(spots[:MAX_POINTS], key=lambda spot: spot.failed)
    return PromptMap(shown, labels, rows, len(spots) - len(shown))


def _place_points(points: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """The points in percent of a frame, with a margin; up is smaller."""
    xs, ys = [p["x"] for p in points], [p["y"] for p in points]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)
    return [
        (
            round(3 + 0.94 * to_percent(x, left, right), 2),
            round(97 - 0.94 * to_percent(y, low, high), 2),
        )
        for x, y in zip(xs, ys, strict=True)
    ]


def _scope(point: Mapping[str, Any]) -> str:
    return next((scope for scope in SCOPES if scope == point.get("scope")), "general")


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return round(sum(known) / len(known), 2)


def make_bars(counts: Any) -> list[tuple[str, float, float]]:
    """(name, value, width in percent of the largest) for each count, in the given order."""
    known = [
        (str(name), found)
        for name, value in (counts.items() if isinstance(counts, Mapping) else ())
        if (found := read_number(value)) is not None
    ]
    most = max((value for _, value in known), default=0.0)
    return [(name, value, to_percent(value, 0, most) if most > 0 else 0.0) for name, value in known]
