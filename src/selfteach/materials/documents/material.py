"""The material of `selfteach documents`.

This is a module of its own, so that a mistyped path is reported before a model's library loads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.materials.documents.read import ReadDocuments
from selfteach.records import digest


@dataclass
class Documents:
    """Hold documents, and people's questions about them, which are only for the exam.

    `left_out` are questions that are not asked, because they are about a forgotten document: the
    ids of their texts (`identify_question`).
    """

    reading: ReadDocuments
    questions: list[PeopleQuestion] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def identify_question(text: str, passage: str = "") -> str:
    """Return the id of a person's question, in the ledger and in the note of left out ones.

    Args:
        passage: the id of its passage, where the same question is asked about several.
    """
    return digest(["quiz", text, passage] if passage else ["quiz", text])
