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

from selfteach.models.embedded import NAME as EMBEDDED
from selfteach.records import clean
from selfteach.report import view
from selfteach.report.read import Run, at, items, measure, read
from selfteach.report.wording import heading, wording
from selfteach.report.words import (
    NONE,
    count,
    decimal,
    duration,
    interval,
    megabytes,
    percent,
    short,
)

SHOWN = 3
PEFT = ("lora", "prompt_tuning")
"""The kinds of adapters that plain PEFT loads."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>:@/$])")

REHEARSAL = "**A rehearsal**: small budgets, wide intervals. Do not quote these numbers."


def card(folder: Path) -> str:
    """The card as Markdown: base, data, exam, how to use it, and what it is not."""
    run, kind = read(folder), kind_of(folder)
    parts = [
        _front_matter(run, kind),
        f"# {wording(run.exam).card}",
        _rule(run),
        _verdict(run),
        _made(run),
        _use(run, kind),
        _exam(run),
        _data(run),
        _answers(run),
        _limits(run),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def kind_of(folder: Path) -> str:
    """The kind of the run's adapter, as its configuration names it; an empty text where there is
    none that can be read.
    """
    try:
        settings = json.loads((folder / "adapter" / "adapter_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return clean(str(at(settings, "selfteach_adapter") or at(settings, "peft_type") or "").lower())[
        :40
    ]


def plain(text: Any, length: int = 300) -> str:
    """A text as one line of Markdown that means nothing but itself."""
    line = " ".join(short(text, length).split())
    return _SPECIAL.sub(
        r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    )


def fenced(text: Any, length: int = 2000) -> str:
    """A text in a fenced block, with a fence longer than any that it holds."""
    body = short(text, length).replace("\r", "\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return f"{fence}text\n{body}\n{fence}"


def _front_matter(run: Run, kind: str) -> str:
    fields: dict[str, Any] = {
        "library_name": "peft" if kind in PEFT else "selfteach",
        "pipeline_tag": "text-generation",
        "tags": ["selfteach", *([kind.replace("_", "-")] if kind else []), wording(run.exam).tag],
    }
    if base := view.made(run)["hub"]:
        fields["base_model"] = base
    return f"---\n{yaml.safe_dump(fields, sort_keys=False)}---"


def _rule(run: Run) -> str:
    return f"{wording(run.exam).about}\n\n{fenced(heading(run.exam) or run.name)}"


def _verdict(run: Run) -> str:
    if not run.exam:
        return "The run has not reached its exam: there is no result yet."
    verdict = (
        "**Verdict:** "
        f"{plain(at(run.exam, 'verdict', 'sentence') or at(run.exam, 'verdict', 'word'), 600)}"
    )
    return f"{verdict}\n\n{REHEARSAL}" if run.exam.get("rehearsal") is True else verdict


def _made(run: Run) -> str:
    """The base and its fingerprint, the day, the seed and the versions."""
    if not run.manifest:
        return ""
    made = view.made(run)
    name = f"`{made['hub']}`" if made["hub"] else "a model in a local folder"
    packed = (
        f", as selfteach's `{EMBEDDED}`: its weights packed to four bits and unpacked again"
        if made["base"] == EMBEDDED
        else ""
    )
    versions = ", ".join(
        f"{plain(package, 40)} {plain(version, 40)}"
        for package, version in made["versions"].items()
    )
    fingerprint, day, seed, platform = (
        plain(made[key], 80) for key in ("fingerprint", "day", "seed", "platform")
    )
    return (
        f"## Base\n\n{name}{packed}. Its fingerprint: {fingerprint}.\nMade on {day} with "
        f"seed {seed}, on {platform}: {versions}."
    )


def _use(run: Run, kind: str) -> str:
    """How to load it: plain PEFT where it knows the kind, else selfteach; nothing where nothing was
    trained.
    """
    if not kind:
        return ""
    made = view.made(run)
    own, hub = made["base"] == EMBEDDED, made["hub"] or "BASE"
    if kind in PEFT:
        base = "embedded_folder()" if own else f'"{hub}"'
        code = (
            "from peft import PeftModel\n"
            + ("from selfteach.models.embedded import embedded_folder\n" if own else "")
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
        "from pathlib import Path\n\nfrom selfteach.models.hf import Hf\n\nmodel = "
        f'Hf.load("{name}", adapter=Path("adapter"))'
    )
    return (
        f"## Use\n\nPlain PEFT does not know this kind of adapter ({kind}); selfteach "
        f"does:\n\n```python\n{code}\n```\n\n"
        "Or, without a line of code, in this folder: `selfteach answer --run . --in prompts.txt`."
    )


def _exam(run: Run) -> str:
    rows = view.result(run.exam) + view.elsewhere(run.exam)
    if not rows:
        return ""
    lines = [
        f"| held-out prompts, 95 % intervals | {' | '.join(wording(run.exam).arms.values())} | n |",
        "|---" * (len(view.ARMS) + 2) + "|",
    ]
    for row in rows:
        known = [found for found in row["measures"].values() if found]
        cells = [
            f"{percent(found.value)} ({interval(found)})"
            if (found := row["measures"][arm])
            else NONE
            for arm in view.ARMS
        ]
        lines.append(f"| {row['label']} | {' | '.join(cells)} | {known[0].n if known else NONE} |")
    drift = measure(at(run.exam, "drift", "kl_nats"))
    where = at(run.exam, "drift", "on") or view.GENERAL
    after = (
        (
            f"\n\nDrift on {where}: KL(base, taught) {decimal(drift.value)} nats a token "
            f"({interval(drift, 3)})."
        )
        if drift
        else ""
    )
    return (
        "## Exam\n\n"
        + "\n".join(lines)
        + (
            "\n\nJudged by "
            f"{plain(at(run.exam, 'judge', 'name') or run.exam.get('teacher') or 'nobody', 80)}.{after}"
        )
    )


def _data(run: Run) -> str:
    if not run.kinds:
        return ""
    kinds = ", ".join(f"{plain(kind, 40)} {count(number)}" for kind, number in run.kinds.items())
    lines = [
        f"{wording(run.exam).data}: {kinds}.",
        "Each is in `examples.jsonl`, every rejected one with its reason in `dropped.jsonl`.",
    ]
    cost = run.exam.get("cost")
    if isinstance(cost, Mapping):
        tokens = (
            f"{count(cost.get('drawn_tokens'))} drawn and "
            f"{count(cost.get('trained_tokens'))} trained tokens"
        )
        lines.append(
            f"It took {duration(cost.get('seconds'))}, {tokens}; the adapter has "
            f"{megabytes(cost.get('adapter_mb'))}."
        )
    return "## Data\n\n" + "\n".join(lines)


def _limits(run: Run) -> str:
    return (
        f"## Limits\n\n{wording(run.exam).limits}; `report.html` shows all of it.\n"
        "The adapter belongs to its base model alone and is under no other licence "
        "than that model's."
    )


def _answers(run: Run) -> str:
    rows = [row for row in items(run.exam.get("answers")) if row.get("scope") == "target"][:SHOWN]
    shown = [
        f"Prompt:\n\n{fenced(row.get('prompt'), 600)}\n\nBase:\n\n{fenced(at(row, 'arms', 'base', 'greedy'), 600)}\n\nTaught:\n\n"
        f"{fenced(at(row, 'arms', 'taught', 'greedy'), 600)}"
        for row in rows
    ]
    return "## Before and after\n\n" + "\n\n".join(shown) if shown else ""
