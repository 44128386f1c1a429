"""A comparison as a printed table and as a picture: score against drift, a mark for each adapter
and objective.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from selfteach.records import Measure
from selfteach.report.figures import place, ticks
from selfteach.report.read import at, items, measure, number
from selfteach.report.table import inert
from selfteach.report.wording import find_plug_in
from selfteach.report.words import NONE

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 760, 440, 70, 30, 56
LETTER, LINE = 6.4, 13.0
LADDER = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Marks of the axis of drift, which is logarithmic; what is less than the first lies on it."""
STYLE = """text{font:12px sans-serif;fill:#1d2024}.soft,.soft text{fill:#5a5f66}.grid{stroke:#dedad3}.paper{fill:#fbfaf8}
.zero{stroke:#6b7078;stroke-dasharray:4 4}.tuned{fill:#0b6e62;stroke:#0b6e62}.told{fill:#a35a08;stroke:#a35a08}.span{stroke-opacity:.35}
@media(prefers-color-scheme:dark){text{fill:#e9e7e2}.soft,.soft text{fill:#a5aab2}.grid{stroke:#363b43}.paper{fill:#14161a}
.zero{stroke:#a0a6af}.tuned{fill:#58c7b3;stroke:#58c7b3}.told{fill:#e3a355;stroke:#e3a355}}"""


@dataclass(frozen=True)
class Score:
    """Where a method's exam keeps its score: `path`, then the arm, then `greedy` or `drawn`."""

    name: str
    path: tuple[str, ...]
    greedy: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    lower_is_better: bool = False


SCORES: Mapping[str, Score] = {
    "feedback": Score("rule kept", ("kept",), ("greedy",), ("drawn",)),
    "corrections": Score(
        "words changed", ("distance",), ("greedy",), ("drawn",), lower_is_better=True
    ),
    "documents": Score("answered", ("contains",)),
    "tasks": Score("ROUGE-L", ("rouge_l", "seed"), ("greedy",), ("drawn",)),
}
"""The methods that can be compared."""
TRAIN = Score("loss, nats a token", ("loss_nats",), lower_is_better=True)
PLUG_IN = Score("score", ("score",))
"""A method of another package keeps its score under `score`, unless it says where."""


def find_score(method: str) -> Score:
    """Return where a method's exam keeps its score."""
    if method in SCORES:
        return SCORES[method]
    if method == "train":
        return TRAIN
    found: Score = getattr(find_plug_in(method), "score", None) or PLUG_IN
    return found


def comparison_table(found: Mapping[str, Any]) -> Group:
    """The rows, and below them what was left out and what the columns mean."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("what")
    for column in (
        str(found["score"]),
        "T = 1",
        "near harm",
        "general harm",
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
        table.add_column(Text(column), justify="right", no_wrap=True)
    for name, row in _rows(found):
        table.add_row(Text(inert(name, 40)), *(Text(cell) for cell in _cells(row)))
    notes: list[RenderableType] = [
        Text(inert(f"left out: {name}: {reason}"), "dim")
        for name, reason in found["left_out"].items()
    ]
    better = "Lower is better. " if find_score(str(found["kind"])).lower_is_better else ""
    notes.append(
        Text(
            (
                f"{better}Harm: share of unharmed answers lost. KL(base || it) in nats a "
                "token on the base's own general answers."
            ),
            "dim",
        )
    )
    notes.append(
        Text(
            (
                "Known: change of retention in points, and the lower end of its interval "
                "(passed above -3)."
            ),
            "dim",
        )
    )
    return Group(table, *notes)


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for arm in ("base", "prompted"):
        if row := at(found, "base", arm):
            yield arm, row
    for row in items(found.get("rows")):
        yield str(row["name"]), row


def _cells(row: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        _percent(measure(row.get(key)), spread=key == "score")
        for key in ("score", "drawn", "near", "general")
    )
    known = measure(row.get("retention"))
    yield f"{100 * known.value:+.1f} > {100 * known.low:+.1f}" if known else NONE
    kl = measure(row.get("kl_nats"))
    yield f"{kl.value:.4f}" if kl else NONE
    yield _percent(measure(row.get("top1")))
    share = number(row.get("trained_share"))
    yield f"{100 * share:.3g} %" if share is not None else NONE
    for key, form in (
        ("adapter_mb", ".2f"),
        ("peak_memory_mb", ".0f"),
        ("seconds", ".0f"),
        ("prompt_tokens", ".0f"),
        ("learning_rate", "g"),
    ):
        value = number(row.get(key))
        yield format(value, form) if value is not None else NONE


def _percent(found: Measure | None, *, spread: bool = False) -> str:
    if found is None:
        return NONE
    return f"{100 * found.value:.0f} %" + (
        f" {100 * found.low:.0f}-{100 * found.high:.0f}" if spread else ""
    )


@dataclass(frozen=True)
class Mark:
    """One dot: where, in nats and share; its intervals; its name."""

    name: str
    look: str
    kl: Measure
    score: Measure


def figure(found: Mapping[str, Any]) -> str:
    """The picture as SVG that stands alone: to the right is more harm, upwards a greater score."""
    marks = list(_marks(found))
    bounds = [value for mark in marks for value in (mark.score.low, mark.score.high)] or [0.0, 1.0]
    base = measure(at(found, "base", "base", "score"))
    y = ticks(
        min([*bounds, *([base.value] if base else [])]),
        max([*bounds, *([base.value] if base else [])]),
        5,
    )
    x = rungs([mark.kl.low for mark in marks], [mark.kl.high for mark in marks])
    score = escape(str(found["score"]))
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'role="img" aria-label="{score} against drift">'
        ),
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        '<g class="soft">',
    ]
    for value in y:
        at_y = _y(value, y)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 20}" y1="{at_y:.1f}" y2="{at_y:.1f}"/>'
        )
        parts.append(
            f'<text x="{LEFT - 8}" y="{at_y + 4:.1f}" text-anchor="end">{100 * value:.4g} %</text>'
        )
    parts += [
        (
            f'<text x="{_x(value, x):.1f}" y="{HEIGHT - BOTTOM + 20}" '
            f'text-anchor="middle">{value:g}</text>'
        )
        for value in x
    ]
    parts.append(
        f'<text x="{WIDTH - 20}" y="{HEIGHT - 12}" text-anchor="end">harm: KL(base || '
        "it), nats a token, logarithmic</text>"
    )
    parts.append(f'<text x="8" y="18">{score}</text></g>')
    if base:
        at_y = _y(base.value, y)
        parts.append(
            f'<line class="zero" x1="{LEFT}" x2="{WIDTH - 20}" y1="{at_y:.1f}" y2="{at_y:.1f}"/>'
        )
        parts.append(
            f'<text class="soft" x="{WIDTH - 20}" y="{at_y - 5:.1f}" text-anchor="end">base</text>'
        )
    taken = [
        (_x(mark.kl.value, x) - 6, _x(mark.kl.value, x) + 6, _y(mark.score.value, y) + 4)
        for mark in marks
    ]
    for mark in sorted(marks, key=lambda mark: -mark.score.value):
        parts += _drawn(mark, x, y, taken)
    return "\n".join([*parts, "</svg>", ""])


def _marks(found: Mapping[str, Any]) -> Iterator[Mark]:
    for row in items(found.get("rows")):
        kl, score = measure(row.get("kl_nats")), measure(row.get("score"))
        if kl and score:
            yield Mark(str(row["name"]), "told" if "shots" in row else "tuned", kl, score)


def rungs(low: Sequence[float], high: Sequence[float]) -> list[float]:
    """The part of the ladder that holds all values."""
    first = max((k for k, rung in enumerate(LADDER) if rung <= min(low, default=0.003)), default=0)
    last = min(
        (k for k, rung in enumerate(LADDER) if rung >= max(high, default=0.1)),
        default=len(LADDER) - 1,
    )
    return list(LADDER[first : max(last, first + 1) + 1])


def _x(value: float, marks: Sequence[float]) -> float:
    found = place(math.log(max(value, marks[0])), math.log(marks[0]), math.log(marks[-1]))
    return LEFT + found / 100 * (WIDTH - 20 - LEFT)


def _y(value: float, marks: Sequence[float]) -> float:
    return HEIGHT - BOTTOM - place(value, marks[0], marks[-1]) / 100 * (HEIGHT - BOTTOM - TOP)


def _drawn(
    mark: Mark, x: Sequence[float], y: Sequence[float], taken: list[tuple[float, float, float]]
) -> list[str]:
    """A mark with both intervals and its name, where no other name or mark stands: `taken` has the
    left, right and height of these.
    """
    cx, cy = _x(mark.kl.value, x), _y(mark.score.value, y)
    wide = LETTER * len(mark.name)
    for turn in range(40):
        left = cx + 8 if cx + 8 + wide < WIDTH - 20 else cx - 8 - wide
        height = cy + 4 + LINE * ((turn + 1) // 2) * (1 if turn % 2 else -1)
        if TOP - 8 < height < HEIGHT - BOTTOM and not any(
            left < r and left + wide > l and abs(height - h) < LINE for l, r, h in taken
        ):
            break
    taken.append((left, left + wide, height))
    words = f"{mark.name}: {100 * mark.score.value:.0f} %, KL {mark.kl.value:.4f}"
    spans = (
        (cx, cx, _y(mark.score.low, y), _y(mark.score.high, y)),
        (_x(mark.kl.low, x), _x(mark.kl.high, x), cy, cy),
    )
    lines = [
        f'<line class="span" x1="{a:.1f}" x2="{b:.1f}" y1="{c:.1f}" y2="{d:.1f}"/>'
        for a, b, c, d in spans
    ]
    dot = (
        f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="5"/>'
        if mark.look == "tuned"
        else f'<path d="M{cx - 5:.1f} {cy - 5:.1f}h10v10h-10Z"/>'
    )
    name = f'<text x="{left:.1f}" y="{height:.1f}">{escape(mark.name)}</text>'
    if abs(height - 4 - cy) > LINE / 2:
        lines.append(
            f'<line class="span" x1="{cx:.1f}" '
            f'x2="{left if left > cx else left + wide:.1f}" y1="{cy:.1f}" '
            f'y2="{height - 4:.1f}"/>'
        )
    return [f'<g class="{mark.look}"><title>{escape(words)}</title>', *lines, dot, f"</g>{name}"]
