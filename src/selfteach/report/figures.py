"""The geometry of the page's plots; templates/macros.j2 draws them.

Values become positions in percent, so a plot fits every width without scaling its text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from selfteach.records import JsonMapping, Measure
from selfteach.report.read_run import get_path, list_objects, read_measure, read_number

MAX_POINTS = 1500
NUM_STEPS = 3
"""Steps between the numbers of an axis, about."""
MIN_SILHOUETTE = 0.1
"""Below this silhouette there are no clusters that a map could show."""
SCOPES = ("target", "near", "general")


@dataclass(frozen=True)
class Tick:
    """Hold a mark of an axis: its place in percent, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Dot:
    """Hold a marked point: place in percent, ends of its interval, and the text on hover."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    text: str = ""


@dataclass(frozen=True)
class PlotLine:
    """Hold a line through points.

    Attributes:
        look: a class of the style sheet.
        path: an SVG path in a box of 100 by 100.
    """

    name: str
    look: str
    dots: Sequence[Dot]
    path: str


@dataclass(frozen=True)
class Plot:
    """Hold lines over two axes; `words` describes the plot as text."""

    title: str
    lines: Sequence[PlotLine]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    words: str = ""


def to_percent(value: float, low: float, high: float) -> float:
    """Return the place of a value between two ends, in percent, clipped to the ends."""
    if high <= low:
        return 50.0
    return round(min(1.0, max(0.0, (value - low) / (high - low))) * 100, 2)


def choose_ticks(low: float, high: float) -> list[float]:
    """Return round numbers from below `low` to above `high`.

    There are about NUM_STEPS steps of 1, 2 or 5 times a power of ten.
    """
    span = high - low or abs(high) or 1.0
    rough = span / NUM_STEPS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(step * k, 12) for k in range(first, max(last, first + 1) + 1)]


def place_value(value: float, ticks: Sequence[float]) -> float:
    """Return how far below the highest tick a value stands, in percent of the axis."""
    return 100 - to_percent(value, ticks[0], ticks[-1])


def label_ticks(ticks: Sequence[float]) -> list[Tick]:
    """Return the ticks of a vertical axis with their numbers."""
    return [Tick(place_value(value, ticks), f"{value:g}") for value in ticks]


def make_line(name: str, look: str, dots: Sequence[Dot]) -> PlotLine:
    """Return a line through dots, without a path if there is none."""
    path = "M" + "L".join(f"{dot.x:g} {dot.y:g}" for dot in dots) if dots else ""
    return PlotLine(name, look, dots, path)


def plot_losses(rows: Sequence[JsonMapping]) -> list[Plot]:
    """Return one plot per objective, the weighted sum first.

    A step that was done twice (after a resume) counts by its last row.
    """
    totals: dict[int, float] = {}
    curves: dict[str, dict[int, float]] = {}
    for row in rows:
        step = read_number(row.get("step"))
        if step is None:
            continue
        losses = row.get("losses")
        named = losses if isinstance(losses, Mapping) else {}
        _set_value(totals, int(step), row.get("loss"))
        for name, value in named.items():
            _set_value(curves.setdefault(name, {}), int(step), value)
    plots = [_plot_loss("all objectives, weighted", totals)] if totals else []
    return plots + [_plot_loss(name, curves[name]) for name in sorted(curves) if curves[name]]


def _set_value(values: dict[int, float], step: int, value: Any) -> None:
    """Set the loss of a step, or remove it if the step was done again without one."""
    values.pop(step, None)
    number = read_number(value)
    if number is not None:
        values[step] = number


def _plot_loss(name: str, values: Mapping[int, float]) -> Plot:
    steps = sorted(values)
    losses = [values[step] for step in steps]
    ticks = choose_ticks(min(losses), max(losses))
    xs = [to_percent(step, steps[0], steps[-1]) for step in steps]
    if len(steps) == 1:
        xs = [0.0, 100.0]
        losses = losses * 2
    smooth = _smooth(losses)
    dots = [Dot(x, place_value(value, ticks)) for x, value in zip(xs, losses, strict=True)]
    trend = [Dot(x, place_value(value, ticks)) for x, value in zip(xs, smooth, strict=True)]
    return Plot(
        name,
        [make_line("each step", "faint", dots), make_line("trend", "tuned", trend)],
        [Tick(0, str(steps[0])), Tick(100, str(steps[-1]) if len(steps) > 1 else "")],
        label_ticks(ticks),
        f"{smooth[0]:.3g} → {smooth[-1]:.3g}",
    )


def _smooth(values: Sequence[float]) -> list[float]:
    """Return centered means over about a tenth of the steps; fewer than 20 steps stay alone."""
    reach = len(values) // 20
    windows = (values[max(0, k - reach) : k + reach + 1] for k in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def plot_data_need(rows: Any) -> Plot | None:
    """Plot rule kept (per order) and general answers against the number of examples.

    The axis of the examples is logarithmic.
    """
    known = [row for row in list_objects(rows) if (read_number(row.get("examples")) or 0) > 0]
    if not known:
        return None
    known.sort(key=lambda row: row["examples"])
    counts = sorted({int(row["examples"]) for row in known})
    low = math.log(counts[0])
    high = math.log(counts[-1])
    lines = []
    for name, key, order, look in (
        ("rule kept, balanced order", "kept", "balanced", "tuned"),
        ("rule kept, random order", "kept", "random", "prompted"),
        ("general answers, balanced order", "general", "balanced", "base"),
    ):
        dots = []
        for row in known:
            found = read_measure(row.get(key))
            if row.get("order") == order and found:
                x = to_percent(math.log(row["examples"]), low, high)
                text = f"{int(row['examples'])} examples, {name}"
                dots.append(_make_share_dot(x, found, text))
        if dots:
            lines.append(make_line(name, look, dots))
    return Plot(
        "share of test prompts",
        lines,
        [Tick(to_percent(math.log(n), low, high), str(n)) for n in counts],
        [Tick(100 - 25 * k, f"{25 * k} %") for k in range(5)],
    )


def _make_share_dot(x: float, found: Measure, name: str) -> Dot:
    shares = (found.value, found.low, found.high)
    y, low, high = (100 - to_percent(share, 0, 1) for share in shares)
    text = f"{name}: {found.value:.0%} [{found.low:.0%}, {found.high:.0%}], n {found.n}"
    return Dot(x, y, low, high, text)


@dataclass(frozen=True)
class MapPoint:
    """Hold one prompt on the map."""

    x: float
    y: float
    scope: str
    failed: bool
    text: str


@dataclass(frozen=True)
class PromptMap:
    """Hold prompts in the plane, the label of each cluster at its center, and a row per cluster."""

    spots: Sequence[MapPoint]
    labels: Sequence[Dot]
    clusters: Sequence[JsonMapping] = field(default_factory=list)
    left_out: int = 0


def find_missing_clusters(note: Any) -> float | None:
    """Return the silhouette of prompts that form no clusters, else None."""
    silhouette = read_number(get_path(note, "silhouette"))
    return silhouette if silhouette is not None and silhouette < MIN_SILHOUETTE else None


def map_prompts(note: Any) -> PromptMap | None:
    """Return the map of the prompts from the note "clusters"."""
    points = [
        point
        for point in list_objects(get_path(note, "points"))
        if read_number(point.get("x")) is not None and read_number(point.get("y")) is not None
    ]
    if not points:
        return None
    spots: list[MapPoint] = []
    groups: dict[str, list[MapPoint]] = {}
    prompts: dict[str, str] = {}
    for point, (x, y) in zip(points, _place_points(points), strict=True):
        name = str(point.get("cluster", ""))
        prompt = str(point.get("prompt", ""))
        scope = point["scope"] if point.get("scope") in SCOPES else "general"
        spot = MapPoint(x, y, scope, point.get("failed") is True, f"cluster {name}: {prompt}")
        spots.append(spot)
        groups.setdefault(name, []).append(spot)
        prompts.setdefault(name, prompt)
    labels = []
    for name, group in groups.items():
        x = round(fmean(spot.x for spot in group), 2)
        y = round(fmean(spot.y for spot in group), 2)
        labels.append(Dot(x, y, text=name[:4]))
    rows = []
    for name, group in sorted(groups.items()):
        row = {
            "name": name,
            "size": len(group),
            "failed": sum(spot.failed for spot in group),
            "rate": read_number(get_path(note, "failure_rate", name)),
            "prompt": prompts[name],
        }
        rows.append(row)
    shown = sorted(spots[:MAX_POINTS], key=lambda spot: spot.failed)
    return PromptMap(shown, labels, rows, len(spots) - len(shown))


def _place_points(points: Sequence[JsonMapping]) -> Iterator[tuple[float, float]]:
    """Yield the points in percent of a frame, with a margin; the y axis points down."""
    xs = [point["x"] for point in points]
    ys = [point["y"] for point in points]
    left, right = min(xs), max(xs)
    bottom, top = min(ys), max(ys)
    for x, y in zip(xs, ys, strict=True):
        along = to_percent(x, left, right)
        up = to_percent(y, bottom, top)
        yield round(3 + 0.94 * along, 2), round(97 - 0.94 * up, 2)


def sort_tries(counts: Any) -> Any:
    """Return the counts of a search by the number of tries, and "gave up" last.

    The ledger sorts names as text, where 10 comes before 2.
    """
    if not isinstance(counts, Mapping):
        return counts
    return {name: counts[name] for name in sorted(counts, key=lambda name: (len(name), name))}


def make_bars(counts: Any) -> list[tuple[str, float, float]]:
    """Return (name, value, width in percent of the largest) for each count, in the given order."""
    known = {}
    for name, value in counts.items() if isinstance(counts, Mapping) else ():
        number = read_number(value)
        if number is not None:
            known[str(name)] = number
    largest = max(known.values(), default=0.0)
    if largest <= 0:
        return [(name, value, 0.0) for name, value in known.items()]
    return [(name, value, to_percent(value, 0, largest)) for name, value in known.items()]
