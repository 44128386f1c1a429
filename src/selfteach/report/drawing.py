"""Plots in files of their own, drawn by matplotlib, in the reader's light or dark theme.

The report page draws its plots without matplotlib. Its content security policy allows no style
attribute, its plots fit every width, and a point shows its prompt.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER = "#fbfaf8"
INK = "#1d2024"
SOFT = "#6b7078"
TUNED = "#0b6e62"
PROMPTED = "#a35a08"
DARK = {
    PAPER: "#14161a",
    INK: "#e9e7e2",
    SOFT: "#a0a6af",
    TUNED: "#58c7b3",
    PROMPTED: "#e3a355",
}
"""The color that replaces each color in the dark theme."""
SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "selfteach",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
}


def draw(
    paint: Callable[[Axes], Sequence[tuple[Any, str]]],
    label: str,
    width: float = 7.6,
    height: float = 4.4,
) -> str:
    """Return a plot as SVG that follows the theme; the same data give the same text.

    Args:
        paint: draws on the axes, and returns the legend: (mark, name).
        label: a description of the plot for screen readers.
        width: inches.
        height: inches.
    """
    import matplotlib
    from matplotlib.figure import Figure

    file = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        if legend := paint(figure.subplots()):
            marks, names = zip(*legend, strict=True)
            figure.legend(marks, names, loc="outside right upper")
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=nothing)
    svg = file.getvalue()
    for number, color in enumerate(DARK):
        svg = svg.replace(color, f"var(--color-{number})")
    tag = f'<svg role="img" aria-label="{escape(label)}" '
    style = f">\n<style>{_make_themes()}</style>"
    return tag + svg.partition("<svg ")[2].replace(">", style, 1)


def _make_themes() -> str:
    light = "".join(f"--color-{number}:{color};" for number, color in enumerate(DARK))
    dark = "".join(f"--color-{number}:{color};" for number, color in enumerate(DARK.values()))
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
