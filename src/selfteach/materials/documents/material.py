"""What a person brings to be taught of documents. A module of its own, so that a mistyped path is
told before any model's library loads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.materials.documents.read import ReadDocuments


@dataclass
class Documents:
    """Documents, and questions that people asked about them, for the exam alone."""

    reading: ReadDocuments
    questions: list[PeopleQuestion] = field(default_factory=list)
