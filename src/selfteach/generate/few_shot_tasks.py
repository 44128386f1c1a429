"""The worked examples for tasks: classifications, inputs and outputs. We wrote all of them;
few_shot_tasks.json holds them.

Source: Self-Instruct (arXiv 2212.10560), tables 6 to 8, for the forms: 12 classification tasks
against 19 others; input first, with tasks that need no input among them; output first for
classifications, so that every label gets its case.
"""

from __future__ import annotations

from selfteach.generate.few_shot import Pairs, read_tables

_TABLES = read_tables("few_shot_tasks.json")
CLASSIFIED: tuple[tuple[str, bool], ...] = _TABLES["classified"]
"""(task, whether its output is one of a few labels): 12 yes and 19 no."""
INPUT_FIRST: tuple[tuple[str, Pairs], ...] = _TABLES["input_first"]
"""(task, its cases): an empty input stands for a task that needs none."""
OUTPUT_FIRST: tuple[tuple[str, Pairs], ...] = _TABLES["output_first"]
"""(classification task, its cases as (label, input))."""
