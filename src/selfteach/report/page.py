"""The report: one HTML page that opens offline and explains a run.

The file contains everything: style sheet, plots (SVG) and text. It has no script. A content
security policy forbids all but the page's own style, so no text of a model can become active or
load anything. Every value is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from selfteach.files import write_text
from selfteach.records import JsonMapping
from selfteach.report import (
    corrections_page,
    documents_page,
    figures,
    format_text,
    rows,
    sections,
    tasks_page,
)
from selfteach.report.gains import list_gains
from selfteach.report.labels import get_heading, get_labels
from selfteach.report.read_run import (
    RunData,
    clean_json,
    get_path,
    list_objects,
    read_measure,
    read_number,
    read_run,
)
from selfteach.run.finished import CALIBRATION, REPAIRED
from selfteach.text import clean_text

TEMPLATES_FOLDER = Path(__file__).parent / "templates"


def write_report(folder: Path, template: str = "page.j2", out: Path | None = None) -> Path:
    """Write report.html into a run folder, and return its path; the page names missing parts.

    Args:
        template: another page of the same run; `out` is its path.
    """
    page = out or folder / "report.html"
    write_text(page, render_report(folder, template))
    return page


def render_inspection(name: str, found: JsonMapping) -> str:
    """Return the page about a file of tasks without a run."""
    return _render_page(
        RunData(clean_text(name), notes={"inspection": clean_json(found)}), "inspect.j2"
    )


def render_report(folder: Path, template: str = "page.j2") -> str:
    """Return the page as text."""
    return _render_page(read_run(folder), template)


def render_template(template: str, **values: Any) -> str:
    """Return a page of a template, with the style sheet and the policy that allows it alone."""
    style = read_palette() + (TEMPLATES_FOLDER / "style.css").read_text("utf-8")
    found = _make_environment().get_template(template)
    return found.render(style=Markup(style), policy=_make_policy(style), **values)


def _render_page(run: RunData, template: str) -> str:
    exam = run.exam
    notes = run.notes
    labels = get_labels(exam)
    search = notes.get("search")
    recorded = {
        "map": figures.map_prompts(notes.get("clusters")),
        "search": figures.make_bars(figures.sort_tries(get_path(search, "tries"))),
        "judge": sections.describe_judges(notes.get(CALIBRATION), exam),
    }
    return render_template(
        template,
        run=run,
        exam=exam,
        arms=labels.arms,
        wording=labels,
        heading=get_heading(exam),
        verdicts=sections.VERDICT_LOOKS,
        scopes=figures.SCOPES,
        result=rows.make_result_rows(exam),
        headline=sections.make_headline(exam),
        elsewhere=rows.make_rows(exam, rows.ELSEWHERE_ROWS),
        sanity=rows.make_rows(exam, rows.SANITY_ROWS),
        changes=sections.list_changes(exam),
        checked=sections.list_checked_scopes(exam),
        noise=sections.list_noise(exam),
        gains=list_gains(exam),
        known={
            "map": documents_page.describe_knowledge(exam),
            "lengths": documents_page.read_lengths(exam),
            "passages": documents_page.count_passages(exam),
            "sizes": documents_page.plot_sizes(notes.get("sizes")),
            "judges": documents_page.list_judges(exam),
        },
        answers=sections.compare_answers(exam),
        examples=[sections.describe_example(row) for row in run.examples],
        dropped=sections.list_dropped(run),
        repaired=sections.list_repaired(notes.get(REPAIRED)),
        sections=sections.choose_sections(exam, recorded),
        nothing_trained=sections.was_nothing_trained(exam),
        map=recorded["map"],
        no_clusters=figures.find_missing_clusters(notes.get("clusters")),
        tries=recorded["search"],
        traces=list_objects(get_path(search, "traces"))[:20],
        judges=recorded["judge"],
        losses=figures.plot_losses(run.metrics),
        need=figures.plot_data_need(notes.get("curve")),
        following={
            "plain": tasks_page.make_number_rows(exam),
            "inspection": tasks_page.describe_inspection(notes.get("inspection")),
            "classification": tasks_page.describe_classification(notes.get("classification")),
        },
        edits={
            "headline": corrections_page.make_headline(exam),
            "rounds": corrections_page.plot_rounds(exam),
            "earlier": corrections_page.list_earlier_rounds(exam),
        },
        stages=sections.list_stages(run),
        settings=sections.list_settings(run.config),
        made=sections.describe_origin(run),
        reproduce=sections.list_texts(exam.get("reproduce")),
    )


def read_palette() -> str:
    """Return the colors and typefaces of every page, light and dark, as a style sheet."""
    return (TEMPLATES_FOLDER / "palette.css").read_text("utf-8")


def _make_policy(style: str) -> str:
    """Return a policy that allows this style sheet, by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _make_environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(TEMPLATES_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "percent": format_text.format_percent,
        "interval": format_text.format_interval,
        "decimal": format_text.format_decimal,
        "change": format_text.format_change,
        "count": format_text.format_count,
        "duration": format_text.format_duration,
        "megabytes": format_text.format_megabytes,
        "size": format_text.format_bytes,
        "short": format_text.shorten,
        "at": get_path,
        "number": read_number,
        "measure": read_measure,
        "items": list_objects,
        "prose": format_text.format_sentence,
        "place": figures.to_percent,
    }
    return found
