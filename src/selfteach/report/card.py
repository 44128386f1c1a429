"""The model card: README.md of a run folder, with the front matter that model hubs read.

Text by people or models is in fenced blocks that it cannot close; none of it acts as Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from selfteach.models.check_safety import ADAPTER_CONFIG_FILE, LOAD_IN_4BIT
from selfteach.models.fetch_default_model import EMBEDDED, HUB_NAME, LICENSE
from selfteach.models.resolve_model_path import find_hub_name
from selfteach.report import sections
from selfteach.report.format_text import (
    format_count,
    format_decimal,
    format_interval,
    format_measure,
    format_megabytes,
    shorten,
)
from selfteach.report.labels import get_heading, get_labels
from selfteach.report.read_run import RunData, get_path, read_measure, read_run
from selfteach.report.result_table import SMOKE_TEST_NOTICE
from selfteach.report.rows import ELSEWHERE_ROWS, make_result_rows, make_rows
from selfteach.text import clean_text

LINES_IN_4BIT = (
    "from transformers import BitsAndBytesConfig",
    "",
    "how = BitsAndBytesConfig(",
    '    load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True',
    ")",
)
"""How plain transformers loads a base as `load_in_4bit` does."""
PEFT_KINDS = ("lora", "prompt_tuning")
"""The kinds of adapters that plain PEFT loads."""
TASK = "text-generation"
EXAMPLE_FILES = [{"config_name": "default", "data_files": "examples.jsonl"}]
"""What `datasets` loads of a run folder."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>:@/$])")


def make_card(folder: Path, usage: str = "", library: str = "", *, examples: bool = False) -> str:
    """Return the card as Markdown: base, usage, exam, data, answers and limits.

    Args:
        usage: the section on loading of an export; by default that of the run's own adapter.
        library: the hub's name of the library that loads an export.
        examples: whether the card's folder holds the examples, which `datasets` then loads.
    """
    run = read_run(folder)
    kind = read_adapter_kind(folder / "adapter")
    parts = [
        _make_run_matter(run, kind, library, examples),
        f"# {escape_markdown(get_labels(run.exam).card)}",
        _make_rule_section(run),
        _make_verdict_section(run),
        _make_base_section(run),
        usage or _make_usage_section(run, kind),
        _make_exam_section(run),
        _make_data_section(run),
        _make_answers_section(run),
        _make_limits_section(run),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def make_adapter_card(folder: Path, adapter: Path, heading: str) -> str:
    """Return the card of an adapter's own folder, which is used without its run.

    Args:
        folder: the run's folder, for the base and the day.
        adapter: the adapter's folder.
        heading: what the adapter teaches.
    """
    run = replace(read_run(folder), exam={})  # which a run has only when it is written again
    kind = read_adapter_kind(adapter)
    usage = _make_usage_section(run, kind).replace('"adapter"', '"."')
    parts = [
        _make_run_matter(run, kind, "", False),
        "# An adapter of selfteach",
        fence_text(heading),
        _make_base_section(run),
        usage,
        "The card of the run, beside this folder, has the exam, the data and the limits.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def read_adapter_kind(adapter: Path) -> str:
    """Return the kind of an adapter as its configuration names it, or an empty text."""
    try:
        settings = json.loads((adapter / ADAPTER_CONFIG_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    kind = get_path(settings, "selfteach_adapter") or get_path(settings, "peft_type") or ""
    return clean_text(str(kind).lower())[:40]


def escape_markdown(text: Any, length: int = 300) -> str:
    """Return a text as one line of Markdown without any formatting."""
    line = escape(" ".join(shorten(text, length).split()), quote=False)
    return _SPECIAL.sub(r"\\\1", line)


def fence_text(text: Any, length: int = 2000) -> str:
    """Return a text in a fenced block, with a fence longer than any in the text."""
    body = shorten(text, length).replace("\r", "\n")
    longest = max(map(len, re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}"


def make_front_matter(library: str, tags: list[str], base: str, **more: Any) -> str:
    """Return the metadata that the hub and `datasets` read.

    Args:
        library: the hub's name of the library that loads the model.
        base: the hub's name of the base; "" if it has none.
        more: further fields of `ModelCardData`.
    """
    from huggingface_hub import ModelCardData

    fields = ModelCardData(
        library_name=library,
        pipeline_tag=TASK,
        tags=tags,
        base_model=base or None,
        license=LICENSE if base == HUB_NAME else None,
        **more,
    )
    return f"---\n{fields.to_yaml()}\n---"


def _make_run_matter(run: RunData, kind: str, library: str, examples: bool) -> str:
    """Return the metadata of a run, with the results of its exam."""
    from huggingface_hub import EvalResult

    own = "peft" if kind in PEFT_KINDS else "selfteach"
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type="selfteach",
            dataset_name="held-out prompts of the run",
            metric_type="share",
            metric_name=str(row["label"]),
            metric_value=round(tuned.value, 4),
        )
        for row in make_result_rows(run.exam)
        if (tuned := row["measures"].get("tuned"))
    ]
    return make_front_matter(
        library or own,
        list(filter(None, ["selfteach", kind.replace("_", "-"), get_labels(run.exam).tag])),
        sections.describe_origin(run)["hub"],
        model_name=run.name if results else None,
        eval_results=results or None,
        configs=EXAMPLE_FILES if examples else None,
    )


def _make_rule_section(run: RunData) -> str:
    return f"{get_labels(run.exam).about}\n\n{fence_text(get_heading(run.exam) or run.name)}"


def _make_verdict_section(run: RunData) -> str:
    if not run.exam:
        return "The run has not reached its exam: there is no result yet."
    found = run.exam.get("verdict")
    sentence = get_path(found, "sentence") or get_path(found, "word")
    verdict = f"**Verdict:** {escape_markdown(sentence, 600)}"
    if run.exam.get("smoke_test") is True:
        return f"{verdict}\n\n**{SMOKE_TEST_NOTICE}**"
    return verdict


def _make_base_section(run: RunData) -> str:
    """Return the section with the base, its fingerprint, the day, the seed and the versions."""
    if not run.manifest:
        return ""
    made = sections.describe_origin(run)
    versions = ", ".join(
        f"{escape_markdown(package, 40)} {escape_markdown(version, 40)}"
        for package, version in made["versions"].items()
    )
    fingerprint, day, seed, platform = (
        escape_markdown(made[key], 80) for key in ("fingerprint", "day", "seed", "platform")
    )
    return (
        f"## Base\n\n{name_base(made['base'])}. Its fingerprint: {fingerprint}.\n"
        f"Made on {day} with seed {seed}, on {platform}: {versions}."
    )


def name_base(base: Any) -> str:
    """Return the name of a base in Markdown."""
    hub = find_hub_name(base)
    if base == EMBEDDED:
        return f"`{hub}`, as selfteach's `{EMBEDDED}`: its weights packed to four bits and unpacked"
    return f"`{hub}`" if hub else "a model in a local folder"


def _make_usage_section(run: RunData, kind: str) -> str:
    """Return the section on loading: with PEFT if it knows the kind, else with selfteach."""
    if not kind:
        return ""
    made = sections.describe_origin(run)
    if kind in PEFT_KINDS:
        lines = _list_peft_lines(run, made["hub"], is_embedded=made["base"] == EMBEDDED)
        return "\n".join(("## Use\n", "```python", *lines, "```"))
    name = EMBEDDED if made["base"] == EMBEDDED else made["hub"] or "BASE"
    code = (
        "from pathlib import Path\n\nfrom selfteach.models.hf import HfModel\n\nmodel = "
        f'HfModel.load("{name}", adapter=Path("adapter"))'
    )
    return (
        f"## Use\n\nPlain PEFT does not know this kind of adapter ({escape_markdown(kind, 40)}); "
        f"selfteach does:\n\n```python\n{code}\n```\n\n"
        "Or, without code, in this folder: `selfteach answer --run . --in prompts.txt`."
    )


def _list_peft_lines(run: RunData, hub: str, *, is_embedded: bool) -> list[str]:
    """Return the lines of Python that load the adapter and its base with PEFT.

    Args:
        hub: the hub's name of the base; "" if it has none.
    """
    settings = sections.list_settings(run.config)
    in_4bit = any(row["key"] == LOAD_IN_4BIT and row["value"] == "true" for row in settings)
    how = ", quantization_config=how" if in_4bit else ""
    if hub and not is_embedded:
        imports = ["from peft import AutoPeftModelForCausalLM"]
        loading = [f'model = AutoPeftModelForCausalLM.from_pretrained("adapter"{how})']
    else:
        base = "fetch_embedded_model()" if is_embedded else '"BASE"'
        imports = ["from peft import PeftModel"]
        if is_embedded:
            imports.append("from selfteach.models.fetch_default_model import fetch_embedded_model")
        imports.append("from transformers import AutoModelForCausalLM")
        loading = [
            f"base = AutoModelForCausalLM.from_pretrained({base}{how})",
            'model = PeftModel.from_pretrained(base, "adapter")',
        ]
    return [*imports, *(LINES_IN_4BIT if in_4bit else [""]), *loading]


def _make_exam_section(run: RunData) -> str:
    rows = make_result_rows(run.exam) + make_rows(run.exam, ELSEWHERE_ROWS)
    if not rows:
        return ""
    arms = " | ".join(get_labels(run.exam).arms.values())
    lines = [
        "## Exam\n",
        f"| held-out prompts, 95 % intervals | {arms} | n |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        measures = row["measures"].values()
        counts = [str(found.n) if found else "-" for found in measures]
        n = ", ".join(counts if len(set(counts) - {"-"}) > 1 else sorted(set(counts) - {"-"}))
        cells = " | ".join(format_measure(found) for found in measures)
        lines.append(f"| {escape_markdown(row['label'])} | {cells} | {n} |")
    judge = get_path(run.exam, "judge", "name") or run.exam.get("teacher") or "nobody"
    lines.append(f"\nJudged by {escape_markdown(judge, 80)}.")
    names = get_path(run.exam, "judge", "names")
    if isinstance(names, list):
        counted = escape_markdown(", ".join(map(str, names)), 600)
        lines.append(f"It finds these names of the subject, and no others: {counted}.")
    drift = read_measure(get_path(run.exam, "drift", "kl_nats"))
    if drift:
        on = get_path(run.exam, "drift", "on")
        where = escape_markdown(on, 80) if on else sections.DRIFT_PROMPTS
        lines.append(
            f"\nDrift on {where}: KL(base, tuned) {format_decimal(drift.value)} nats a token "
            f"({format_interval(drift, 3)})."
        )
    for line in sections.list_changes(run.exam):
        lines.append(f"\nOf a run that this one continues: {escape_markdown(line, 400)}.")
    return "\n".join(lines)


def _make_data_section(run: RunData) -> str:
    if not run.kinds:
        return ""
    kinds = ", ".join(
        f"{escape_markdown(kind, 40)} {format_count(number)}" for kind, number in run.kinds.items()
    )
    lines = [
        f"{get_labels(run.exam).data}: {kinds}.",
        "All examples are in `examples.jsonl`. All dropped candidates are in `dropped.jsonl`, "
        "with the reason.",
    ]
    cost = run.exam.get("cost")
    if isinstance(cost, Mapping):
        tokens = (
            f"{format_count(cost.get('sampled_tokens'))} sampled and "
            f"{format_count(cost.get('trained_tokens'))} trained tokens"
        )
        lines.append(
            f"It took {tokens}; the adapter has {format_megabytes(cost.get('adapter_mb'))}."
        )
    return "## Data\n\n" + "\n".join(lines)


def _make_limits_section(run: RunData) -> str:
    return (
        f"## Limits\n\n{get_labels(run.exam).limits}; `report.html` shows all of it.\n"
        "The adapter works with its base model alone, and the license of that model applies."
    )


def _make_answers_section(run: RunData) -> str:
    parts = ["## Before and after"]
    for why, row in sections.pick_card_answers(run.exam):
        texts = {
            "Prompt": row.get("prompt"),
            "Base": get_path(row, "arms", "base", "greedy"),
            "Tuned": get_path(row, "arms", "tuned", "greedy"),
        }
        parts += [f"An answer that {why}." if why else ""]
        parts += [f"{name}:\n\n{fence_text(text, 600)}" for name, text in texts.items()]
    return "\n\n".join(part for part in parts if part) if len(parts) > 1 else ""
