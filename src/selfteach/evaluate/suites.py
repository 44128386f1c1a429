"""Well-known suites as lm-eval's tasks. Any other name is one of lm-eval's own."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from selfteach.errors import UsageError

TASK_LINE = re.compile(r"^(?:task|group): *([\w-]+) *$", re.M)
"""The line of a task's file that gives its name."""
READERS = 32
"""Threads that read: they mostly wait for the disk."""
FILES_AT_ONCE = 512


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

    Many files are read at once: there are 15,000 small ones, and a slow disk takes minutes for them
    one after another. A name that a file holds may still be no task; lm-eval itself says so later.

    Raises:
        UsageError: there is no such task, or no such file; the nearest names follow.
    """
    missing = {name for name in names if not name.endswith((".yaml", ".yml"))}
    known: set[str] = set()
    files = list_task_files(missing) if missing else []
    with ThreadPoolExecutor(READERS) as pool:
        for first in range(0, len(files), FILES_AT_ONCE):
            for text in pool.map(read_file, files[first : first + FILES_AT_ONCE]):
                missing = {name for name in missing if name not in text}
                known.update(TASK_LINE.findall(text))
            if not missing:
                return
    if missing:
        name = min(missing)
        raise UsageError(
            f'lm-eval has no task "{name}".',
            where="--tasks",
            cure=name_nearest(name, [*SUITES, *known]),
        )


def list_task_files(names: Collection[str]) -> list[Path]:
    """Return the files that may hold lm-eval's tasks; first those whose path holds a name."""
    spec = find_spec("lm_eval")
    folder = Path((spec and spec.origin) or "").with_name("tasks")
    files = [
        Path(place) / name
        for place, _, inside in os.walk(folder)
        for name in inside
        if Path(name).suffix in ("", ".yaml", ".py")
    ]
    return sorted(files, key=lambda file: not any(name in str(file) for name in names))


def read_file(file: Path) -> str:
    """Return the text of a file; characters that are none are left out."""
    return file.read_text("utf-8", "ignore")


def name_nearest(name: str, known: Collection[str]) -> str:
    """Return the nearest names; where none is near, the suites."""
    near = difflib.get_close_matches(name, dict.fromkeys(known), n=3)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"For instance: {', '.join(SUITES)}; `lm-eval ls tasks` lists all others."


def combine_suites(names: Sequence[str]) -> Suite:
    """Return several suites as one, each task once."""
    tasks: dict[str, None] = {}
    without: dict[str, str] = {}
    for name in names:
        suite = get_suite(name)
        tasks |= dict.fromkeys(suite.tasks)
        without |= suite.without
    return Suite(tuple(tasks), without)
