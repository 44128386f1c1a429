"""Well-known suites as lm-eval's tasks. Any other name is one of lm-eval's own."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from selfteach.errors import UsageError

TASK_LINE = re.compile(r"^(?:task|group): *([\w-]+) *$", re.M)
"""The line of a task's file that gives its name."""


@dataclass(frozen=True)
class Suite:
    """Hold a suite under lm-eval's names.

    Attributes:
        without: the parts of the suite that lm-eval lacks, with the reason.
    """

    tasks: tuple[str, ...]
    without: Mapping[str, str] = field(default_factory=dict)


HELM_LITE = Suite(
    (
        "nq_open",
        "openbookqa",
        "mmlu_abstract_algebra",
        "mmlu_college_chemistry",
        "mmlu_computer_security",
        "mmlu_econometrics",
        "mmlu_us_foreign_policy",
        "gsm8k",
        "minerva_math",
        "legalbench_abercrombie",
        "legalbench_corporate_lobbying",
        "legalbench_function_of_decision_section",
        "legalbench_international_citizenship_questions",
        "legalbench_proa",
        "medqa_4options",
        "wmt14-fr-en",
    ),
    {
        "NarrativeQA": (
            "HELM gives the summary of a story; lm-eval's scrolls_narrativeqa and "
            "longbench_narrativeqa give the story"
        ),
        "NaturalQuestions (open book)": "lm-eval has the closed-book form alone",
        "WMT 2014 cs-en, de-en, hi-en, ru-en": "of 2014 lm-eval has French alone",
    },
)
"""HELM Lite 1.0's ten scenarios (Stanford CRFM). The questions are the same; prompts, numbers of
shots and metrics are lm-eval's, so these are not HELM's scores."""
SUITES: dict[str, Suite] = {
    "glue": Suite(("glue",), {"STS-B": "lm-eval has no task for it: its labels are numbers"}),
    "superglue": Suite(("super-glue-lm-eval-v1",)),
    "mmlu": Suite(("mmlu",)),
    "bigbenchhard": Suite(("bbh",)),
    "bbh": Suite(("bbh",)),
    "helmlite": HELM_LITE,
}


def get_suite(name: str) -> Suite:
    """Return the suite of a name, or lm-eval's task of this name; ignore case and hyphens."""
    return SUITES.get(re.sub(r"[^a-z0-9]", "", name.lower()), Suite((name,)))


def refuse_unknown_tasks(names: Sequence[str]) -> None:
    """Refuse names that no file of lm-eval holds, without loading lm-eval (half a minute).

    A name that a file holds may still be no task; lm-eval itself says so later.

    Raises:
        UsageError: there is no such task, or no such file; the nearest names follow.
    """
    spec = find_spec("lm_eval")
    folder = Path((spec and spec.origin) or "").with_name("tasks")
    missing = {name for name in names if not name.endswith((".yaml", ".yml"))}
    known: set[str] = set()
    for file in folder.rglob("*"):
        if not missing:
            return
        if file.suffix in ("", ".yaml", ".py") and file.is_file():
            text = file.read_text("utf-8", "ignore")
            missing = {name for name in missing if name not in text}
            known.update(TASK_LINE.findall(text))
    if missing:
        first = min(missing)
        raise UsageError(
            f'lm-eval has no task "{first}".',
            where="--tasks",
            cure=name_nearest(first, [*SUITES, *known]),
        )


def name_nearest(name: str, known: Sequence[str]) -> str:
    """Return the nearest names; where none is near, the suites."""
    near = difflib.get_close_matches(name, known, n=3)
    return f"Did you mean {' or '.join(near)}?" if near else f"For instance: {', '.join(SUITES)}."


def combine_suites(names: Sequence[str]) -> Suite:
    """Return several suites as one, each task once."""
    tasks: dict[str, None] = {}
    without: dict[str, str] = {}
    for name in names:
        suite = get_suite(name)
        tasks |= dict.fromkeys(suite.tasks)
        without |= suite.without
    return Suite(tuple(tasks), without)
