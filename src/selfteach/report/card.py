"""The model card: README.md of a run folder, with the front matter that model hubs read.

Text that people or models wrote stands in fenced blocks that it cannot close; nothing of it is
Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from selfteach.models.embedded import EMBEDDED
from selfteach.report import sections
from selfteach.report.format_text import (
    MISSING,
    format_count,
    format_decimal,
    format_duration,
    format_interval,
    format_megabytes,
    format_percent,
    shorten,
)
from selfteach.report.labels import get_heading, get_labels
from selfteach.report.read_run import RunData, get_path, list_objects, read_measure, read_run
from selfteach.text import clean_text

MAX_ANSWERS_SHOWN = 3
PEFT_KINDS = ("lora", "prompt_tuning")
"""The kinds of adapters that plain PEFT loads."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>:@/$])")

SMOKE_TEST_NOTICE = "**A rehearsal**: small budgets, wide intervals. Do not quote these numbers."


def make_card(folder: Path) -> str:
    """The card as Markdown: base, data, exam, how to use it, and what it is not."""
    run, kind = read_run(folder), read_adapter_kind(folder)
    parts = [
        _make_front_matter(run, kind),
        f"# {get_labels(run.exam).card}",
        _make_rule_section(run),
        _make_verdict_section(run),
        _make_base_section(run),
        _make_usage_section(run, kind),
        _make_exam_section(run),
        _make_data_section(run),
        _make_answers_section(run),
        _make_limits_section(run),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def read_adapter_kind(folder: Path) -> str:
    """The kind of the run's adapter, as its configuration names it; an empty text where there is
    none that can be read.
    """
    try:
        settings = json.loads((folder / "adapter" / "adapter_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return clean_text(
        str(
            get_path(settings, "selfteach_adapter") or get_path(settings, "peft_type") or ""
        ).lower()
    )[:40]


def escape_markdown(text: Any, length: int = 300) -> str:
    """A text as one line of Markdown that means nothing but itself."""
    line = " ".join(shorten(text, length).split())
    return _SPECIAL.sub(
        r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    )


def fence_text(text: Any, length: int = 2000) -> str:
    """A text in a fenced block, with a fence longer than any that it holds."""
    body = shorten(text, length).replace("\r", "\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return f"{fence}text\n{body}\n{fence}"


def _make_front_matter(run: RunData, kind: str) -> str:
    fields: dict[str, Any] = {
        "library_name": "peft" if kind in PEFT_KINDS else "selfteach",
        "pipeline_tag": "text-generation",
        "tags": [
            "selfteach",
            *([kind.replace("_", "-")] if kind else []),
            get_labels(run.exam).tag,
        ],
    }
    if base := sections.describe_origin(run)["hub"]:
        fields["base_model"] = base
    return f"---\n{yaml.safe_dump(fields, sort_keys=False)}---"


def _make_rule_section(run: RunData) -> str:
    return f"{get_labels(run.exam).about}\n\n{fence_text(get_heading(run.exam) or run.name)}"


def _make_verdict_section(run: RunData) -> str:
    if not run.exam:
        return "The run has not reached its exam: there is no result yet."
    verdict = (
        "**Verdict:** "
        f"{escape_markdown(get_path(run.exam, 'verdict', 'sentence') or get_path(run.exam, 'verdict', 'word'), 600)}"
    )
    return f"{verdict}\n\n{SMOKE_TEST_NOTICE}" if run.exam.get("smoke_test") is True else verdict


def _make_base_section(run: RunData) -> str:
    """The base and its fingerprint, the day, the seed and the versions."""
    if not run.manifest:
        return ""
    made = sections.describe_origin(run)
    name = f"`{made['hub']}`" if made["hub"] else "a model in a local folder"
    packed = (
        f", as selfteach's `{EMBEDDED}`: its weights packed to four bits and unpacked again"
        if made["base"] == EMBEDDED
        else ""
    )
    versions = ", ".join(
        f"{escape_markdown(package, 40)} {escape_markdown(version, 40)}"
        for package, version in made["versions"].items()
    )
    fingerprint, day, seed, platform = (
        escape_markdown(made[key], 80) for key in ("fingerprint", "day", "seed", "platform")
    )
    return (
        f"## Base\n\n{name}{packed}. Its fingerprint: {fingerprint}.\nMade on {day} with "
        f"seed {seed}, on {platform}: {versions}."
    )


def _make_usage_section(run: RunData, kind: str) -> str:
    """How to load it: plain PEFT where it knows the kind, else selfteach; nothing where nothing was
    trained.
    """
    if not kind:
        return ""
    made = sections.describe_origin(run)
    own, hub = made["base"] == EMBEDDED, made["hub"] or "BASE"
    if kind in PEFT_KINDS:
        base = "embedded_folder()" if own else f'"{hub}"'
        code = (
            "from peft import PeftModel\n"
            + ("from selfteach.models.embedded import fetch_embedded_model\n" if own else "")
            + "from transformers import AutoModelForCausalLM\n\n"
            + (
                "model = "
                f"PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({base}), "
                '"adapter")'
            )
        )
        return f"## Use\n\n```python\n{code}\n```"
    name = EMBEDDED if own else hub
    code = (
        "from pathlib import Path\n\nfrom selfteach.models.hf import HfModel\n\nmodel = "
        f'Hf.load("{name}", adapter=Path("adapter"))'
    )
    return (
        f"## Use\n\nPlain PEFT does not know this kind of adapter ({kind}); selfteach "
        f"does:\n\n```python\n{code}\n```\n\n"
        "Or, without a line of code, in this folder: `selfteach answer --run . --in prompts.txt`."
    )


def _make_exam_section(run: RunData) -> str:
    rows = sections.make_result_rows(run.exam) + sections.make_elsewhere_rows(run.exam)
    if not rows:
        return ""
    lines = [
        f"| held-out prompts, 95 % intervals | {' | '.join(get_labels(run.exam).arms.values())} | n |",
        "|---" * (len(sections.ARMS) + 2) + "|",
    ]
    for row in rows:
        known = [found for found in row["measures"].values() if found]
        cells = [
            f"{format_percent(found.value)} ({format_interval(found)})"
            if (found := row["measures"][arm])
            else MISSING
            for arm in sections.ARMS
        ]
        lines.append(
            f"| {row['label']} | {' | '.join(cells)} | {known[0].n if known else MISSING} |"
        )
    drift = read_measure(get_path(run.exam, "drift", "kl_nats"))
    where = get_path(run.exam, "drift", "on") or sections.DRIFT_PROMPTS
    after = (
        (
            f"\n\nDrift on {where}: KL(base, taught) {format_decimal(drift.value)} nats a token "
            f"({format_interval(drift, 3)})."
        )
        if drift
        else ""
    )
    return (
        "## Exam\n\n"
        + "\n".join(lines)
        + (
            "\n\nJudged by "
            f"{escape_markdown(get_path(run.exam, 'judge', 'name') or run.exam.get('teacher') or 'nobody', 80)}.{after}"
        )
    )


def _make_data_section(run: RunData) -> str:
    if not run.kinds:
        return ""
    kinds = ", ".join(
        f"{escape_markdown(kind, 40)} {format_count(number)}" for kind, number in run.kinds.items()
    )
    lines = [
        f"{get_labels(run.exam).data}: {kinds}.",
        "Each is in `examples.jsonl`, every rejected one with its reason in `dropped.jsonl`.",
    ]
    cost = run.exam.get("cost")
    if isinstance(cost, Mapping):
        tokens = (
            f"{format_count(cost.get('sampled_tokens'))} drawn and "
            f"{format_count(cost.get('trained_tokens'))} trained tokens"
        )
        lines.append(
            f"It took {format_duration(cost.get('seconds'))}, {tokens}; the adapter has "
            f"{format_megabytes(cost.get('adapter_mb'))}."
        )
    return "## Data\n\n" + "\n".join(lines)


def _make_limits_section(run: RunData) -> str:
    return (
        f"## Limits\n\n{get_labels(run.exam).limits}; `report.html` shows all of it.\n"
        "The adapter belongs to its base model alone and is under no other licence "
        "than that model's."
    )


def _make_answers_section(run: RunData) -> str:
    rows = [row for row in list_objects(run.exam.get("answers")) if row.get("scope") == "target"][
        :MAX_ANSWERS_SHOWN
    ]
    shown = [
        f"Prompt:\n\n{fence_text(row.get('prompt'), 600)}\n\nBase:\n\n{fence_text(get_path(row, 'arms', 'base', 'greedy'), 600)}\n\nTaught:\n\n"
        f"{fence_text(get_path(row, 'arms', 'taught', 'greedy'), 600)}"
        for row in rows
    ]
    return "## Before and after\n\n" + "\n\n".join(shown) if shown else ""
