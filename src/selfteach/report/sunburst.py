"""The geometry of a sunburst: verbs in the inner ring, their nouns outside of them, each with the
angle of its share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfteach.report.read_run import list_objects, read_number

INNER_RADIUS, MIDDLE_RADIUS, OUTER_RADIUS = 16.0, 33.0, 49.0
MIN_LABEL_SHARE = 0.035
"""Of the whole circle; narrower slices have no words in them."""
NUM_LOOKS = 6


@dataclass(frozen=True)
class Slice:
    """One part of a ring: its SVG path in a box of 100 by 100, the look of its verb, its words, and
    where they stand if they fit.
    """

    path: str
    look: int
    words: str
    label: str = ""
    x: float = 0.0
    y: float = 0.0


def make_slices(verbs: Any) -> list[Slice]:
    """Slices for the verbs and their nouns (the note "inspection"); nothing where there are none."""
    rows = [
        (str(row.get("verb", "")), count, _list_nouns(row))
        for row in list_objects(verbs)
        if (count := read_number(row.get("count")) or 0) > 0
    ]
    total = sum(count for _, count, _ in rows)
    found: list[Slice] = []
    at = 0.0
    for place, (verb, count, nouns) in enumerate(rows):
        found.append(
            _make_slice(
                at,
                count / total,
                INNER_RADIUS,
                MIDDLE_RADIUS,
                place % NUM_LOOKS,
                verb,
                f"{verb}: {count:.0f} tasks",
            )
        )
        inner = at
        for noun, share in nouns:
            found.append(
                _make_slice(
                    inner,
                    share / total,
                    MIDDLE_RADIUS,
                    OUTER_RADIUS,
                    place % NUM_LOOKS,
                    noun,
                    f"{verb} {noun}: {share:.0f} tasks",
                )
            )
            inner += share / total
        at += count / total
    return found


def _list_nouns(row: Mapping[str, Any]) -> list[tuple[str, float]]:
    pairs: Sequence[Any] = row.get("nouns") or []
    return [
        (str(pair[0]), count)
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and (count := read_number(pair[1]) or 0) > 0
    ]


def _make_slice(
    start: float, share: float, inner: float, outer: float, look: int, label: str, words: str
) -> Slice:
    """From `start` on, `share` of the circle; both in turns, clockwise from the top."""
    end = start + min(share, 0.9999)
    wide = 1 if end - start > 0.5 else 0
    (a, b), (c, d), (e, f), (g, h) = (
        _to_point(start, outer),
        _to_point(end, outer),
        _to_point(end, inner),
        _to_point(start, inner),
    )
    path = (
        f"M{a} {b}A{outer} {outer} 0 {wide} 1 {c} {d}L{e} {f}A{inner} {inner} 0 {wide} 0 {g} {h}Z"
    )
    x, y = _to_point((start + end) / 2, (inner + outer) / 2)
    return Slice(path, look, words, label if share >= MIN_LABEL_SHARE else "", x, y)


def _to_point(turn: float, radius: float) -> tuple[float, float]:
    angle = 2 * math.pi * turn
    return round(50 + radius * math.sin(angle), 3), round(50 - radius * math.cos(angle), 3)
