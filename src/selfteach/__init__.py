"""Fine-tune a language model from instructions instead of datasets.

    import selfteach
    run = selfteach.feedback("Do not talk about elephants.", model="Qwen/Qwen3-0.6B")
    run.verdict
    run.model().answer("Tell me a story about an elephant.")

Every name below is loaded when it is first used, so `import selfteach` is instant.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from selfteach.version import VERSION as __version__

__all__ = [
    "AnsweringModel",
    "ComparisonResult",
    "ExamResult",
    "FinishedRun",
    "Student",
    "__version__",
    "answer",
    "compare",
    "corrections",
    "documents",
    "errors",
    "feedback",
    "open_run",
    "open_student",
    "tasks",
    "teach",
    "train",
]

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
"""Threads that wait for each other sleep, those of GNU's OpenMP after a fraction of a millisecond.
Without end, spinning makes a training step beside other work up to ten times as long. Without any
spinning, a step on a quiet virtual machine takes two thirds more: waking a thread is slow there.
This has an effect only before torch is loaded (docs/log/2026-11-speed.md).
"""

if TYPE_CHECKING:
    from selfteach import errors
    from selfteach.api import (
        answer,
        compare,
        corrections,
        documents,
        feedback,
        open_run,
        open_student,
        tasks,
        teach,
        train,
    )
    from selfteach.results import AnsweringModel, ComparisonResult, ExamResult, FinishedRun, Student

MODULES = ("errors", "train")
"""Names that are modules; `selfteach.train` is the trainer's package and can be called as well."""
RESULTS = ("AnsweringModel", "ComparisonResult", "ExamResult", "FinishedRun", "Student")


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'selfteach' has no attribute {name!r}")
    if name in MODULES:
        return importlib.import_module(f"selfteach.{name}")
    if name in RESULTS:
        return getattr(importlib.import_module("selfteach.results"), name)
    words = importlib.import_module("selfteach.python_words")
    api = importlib.import_module("selfteach.api")
    return words.raise_with_keywords(getattr(api, name))


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted({*globals(), *__all__})
