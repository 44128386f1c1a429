"""The geometry of a sunburst: verbs in the inner ring, their nouns in the outer ring.

The angle of each slice is its share of the tasks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from selfteach.records import JsonMapping
from selfteach.report.read_run import list_objects, list_values, read_number
from selfteach.text import format_count

INNER_RADIUS = 16.0
MIDDLE_RADIUS = 33.0
OUTER_RADIUS = 49.0
MIN_LABEL_SHARE = 0.035
"""A share of the whole circle; narrower slices have no label."""
NUM_LOOKS = 6


@dataclass(frozen=True)
class Slice:
    """Represent one part of a ring.

    Attributes:
        path: an SVG path in a box of 100 by 100.
        look: the class of its verb in the style sheet.
        words: the text on hover.
        label: the text in the slice, at `x` and `y`; "" if it does not fit.
    """

    path: str
    look: int
    words: str
    label: str = ""
    x: float = 0.0
    y: float = 0.0


def make_slices(verbs: Any) -> list[Slice]:
    """Return slices for the verbs and their nouns (the note "inspection")."""
    rows = [row for row in list_objects(verbs) if _read_count(row.get("count"))]
    total = sum(_read_count(row["count"]) for row in rows)
    inner_ring = (INNER_RADIUS, MIDDLE_RADIUS)
    outer_ring = (MIDDLE_RADIUS, OUTER_RADIUS)
    found: list[Slice] = []
    start = 0.0
    for place, row in enumerate(rows):
        verb = str(row.get("verb", ""))
        look = place % NUM_LOOKS
        count = _read_count(row["count"])
        words = f"{verb}: {format_count(int(count), 'tasks')}"
        found.append(_make_slice(start, count / total, inner_ring, look, verb, words))
        noun_start = start
        for noun, number in _list_nouns(row):
            share = number / total
            words = f"{verb} {noun}: {format_count(int(number), 'tasks')}"
            found.append(_make_slice(noun_start, share, outer_ring, look, noun, words))
            noun_start += share
        start += count / total
    return found


def _read_count(value: Any) -> float:
    return max(read_number(value) or 0, 0)


def _list_nouns(row: JsonMapping) -> list[tuple[str, float]]:
    nouns = list_values(row.get("nouns"))
    pairs = [pair for pair in nouns if isinstance(pair, list) and len(pair) == 2]
    return [(str(noun), count) for noun, count in pairs if _read_count(count)]


def _make_slice(
    start: float, share: float, ring: tuple[float, float], look: int, label: str, words: str
) -> Slice:
    """Return a slice from `start` over `share` of the circle, clockwise from the top.

    Args:
        ring: its inner and its outer radius.
    """
    inner, outer = ring
    end = start + min(share, 0.9999)
    wide = 1 if end - start > 0.5 else 0
    path = (
        f"M{_format_point(start, outer)}A{outer} {outer} 0 {wide} 1 {_format_point(end, outer)}"
        f"L{_format_point(end, inner)}A{inner} {inner} 0 {wide} 0 {_format_point(start, inner)}Z"
    )
    x, y = _to_point((start + end) / 2, (inner + outer) / 2)
    return Slice(path, look, words, label if share >= MIN_LABEL_SHARE else "", x, y)


def _format_point(turn: float, radius: float) -> str:
    x, y = _to_point(turn, radius)
    return f"{x} {y}"


def _to_point(turn: float, radius: float) -> tuple[float, float]:
    angle = 2 * math.pi * turn
    return round(50 + radius * math.sin(angle), 3), round(50 - radius * math.cos(angle), 3)
