"""The report: one HTML page that opens offline and explains a run.

Everything is inside the file: style sheet, plots (SVG), text. There is no script, and a content
security policy forbids all but the page's own style, so that nothing that a model wrote can become
active or reach out. Every value goes through autoescaping.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from selfteach.records import clean, write_text
from selfteach.report import edits, figures, following, known, view, words
from selfteach.report.read import Run, at, cleaned, items, measure, number, read
from selfteach.report.wording import heading, wording

HERE = Path(__file__).parent / "templates"


def render(folder: Path, template: str = "page.j2", out: Path | None = None) -> Path:
    """Writes report.html into a run folder from what the folder holds; missing parts are named as
    missing.

    Args:
        template: another page of the same run; `out` is its path.

    Returns:
        the path of the page.
    """
    page = out or folder / "report.html"
    write_text(page, html(folder, template))
    return page


def inspected(name: str, found: Mapping[str, Any]) -> str:
    """The page about a file of tasks that is no run's."""
    return _page(Run(clean(name), notes={"inspection": cleaned(found)}), "inspect.j2")


def html(folder: Path, template: str = "page.j2") -> str:
    """The page as text."""
    return _page(read(folder), template)


def _page(run: Run, template: str) -> str:
    style = palette() + (HERE / "style.css").read_text("utf-8")
    exam, notes = run.exam, run.notes
    return (
        _templates()
        .get_template(template)
        .render(
            run=run,
            exam=exam,
            style=Markup(style),
            policy=_policy(style),
            arms=wording(exam).arms,
            wording=wording(exam),
            heading=heading(exam),
            verdicts=view.VERDICTS,
            scopes=figures.SCOPES,
            result=view.result(exam),
            headline=view.headline(exam),
            elsewhere=view.elsewhere(exam),
            sanity=view.sanity(exam),
            noise=view.noise(exam),
            known={
                "map": known.knowledge(exam),
                "lengths": known.lengths(exam),
                "sizes": known.sizes(notes.get("sizes")),
                "judges": known.judges(exam),
            },
            answers=view.answers(exam),
            examples=[view.example(row) for row in run.examples],
            dropped=view.dropped(run),
            map=figures.scatter(notes.get("clusters")),
            tries=figures.bars(at(notes.get("search"), "tries")),
            traces=items(at(notes.get("search"), "traces"))[:20],
            judge=view.judge(notes.get("calibration"), exam),
            losses=figures.losses(run.metrics),
            need=figures.need(notes.get("curve")),
            following={
                "plain": following.plain(exam),
                "inspection": following.inspection(notes.get("inspection")),
            },
            edits={"headline": edits.headline(exam), "rounds": edits.by_round(exam)},
            stages=view.stages(run),
            settings=view.settings(run.config),
            made=view.made(run),
            reproduce=view.texts(exam.get("reproduce")),
        )
    )


def palette() -> str:
    """The colours and typefaces of every page, light and dark, as a style sheet."""
    return (HERE / "palette.css").read_text("utf-8")


def _policy(style: str) -> str:
    """A policy that allows this style sheet, by its hash, and nothing else."""
    seen = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{seen}'; base-uri 'none'; form-action 'none'"


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    found.filters |= {
        "percent": words.percent,
        "interval": words.interval,
        "decimal": words.decimal,
        "count": words.count,
        "duration": words.duration,
        "megabytes": words.megabytes,
        "size": words.size,
        "short": words.short,
        "at": at,
        "number": number,
        "measure": measure,
        "items": items,
        "prose": words.prose,
        "place": figures.place,
    }
    return found
