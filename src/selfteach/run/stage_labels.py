"""The words that people see for the stages of requests.

The name of a request's stage is a part of its id and its seed, so it never changes. A screen, the
funnel and dropped.jsonl show the words of this table instead.
"""

from __future__ import annotations

STAGE_LABELS = {
    "ask target": "target prompts",
    "ask near": "near prompts",
    "ask general": "general prompts",
    "ask names": "prompts about other names",
    "ask answered": "prompts that the answer fits",
    "ask asked": "worked prompts",
    "ask begun": "prompts that begin alike",
    "ask exam names": "exam prompts about other names",
    "ask corners": "prompts like failures",
    "ask alike": "prompts like others",
    "ask exam": "more exam prompts",
    "ask similar": "prompts like criticized ones",
    "draw": "sample answers",
    "draw missing": "sample missing answers",
}


def label_stage(stage: str) -> str:
    """Return the words that people see for a stage; a stage without any shows its own name."""
    return STAGE_LABELS.get(stage, stage)
