"""The scopes of prompts: where the material applies, close to it, and any other subject. Questions
that have something in common are one cluster of an interval.

Source: C3PO (arXiv 2402.10893).
"""

from selfteach.records import JsonMapping

TARGET = "target"
NEAR = "near"
GENERAL = "general"
CLUSTERS = ("chunk", "task", "group")
"""What a question of exam.json has in common with others: a passage, a task, an occasion."""


def find_cluster(question: JsonMapping) -> str:
    """Return what a question of exam.json has in common with others, or ""."""
    return next((str(question[name]) for name in CLUSTERS if question.get(name)), "")
