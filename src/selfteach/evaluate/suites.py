"""Well-known suites as lm-eval's tasks. Any other name is one of lm-eval's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


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


def combine_suites(names: Sequence[str]) -> Suite:
    """Return several suites as one, each task once."""
    tasks: dict[str, None] = {}
    without: dict[str, str] = {}
    for name in names:
        suite = get_suite(name)
        tasks |= dict.fromkeys(suite.tasks)
        without |= suite.without
    return Suite(tuple(tasks), without)
