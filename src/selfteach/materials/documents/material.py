"""The material of `selfteach documents`.

This is a module of its own, so that a mistyped path is reported before a model's library loads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.materials.documents.read import ReadDocuments


@dataclass
class Documents:
    """Hold documents, and people's questions about them, which are only for the exam."""

    reading: ReadDocuments
    questions: list[PeopleQuestion] = field(default_factory=list)
