"""The first tokens of every conversation, computed once for each model that is served.

Chat templates begin alike: with a role, and often with a default system prompt. Of 36 tokens of a
short question to the embedded model, 24 are such.
"""

from __future__ import annotations

from weakref import ReferenceType, ref

from selfteach.models.decode import PromptPrefix, read_prefix
from selfteach.models.hf import HfModel
from selfteach.models.pending import PendingCompletion
from selfteach.models.tokens import count_common_prefix
from selfteach.records import make_prompt
from selfteach.serve.lesson_rows import LessonRows, LessonWeights, RowLessons

MIN_TOKENS = 8
"""A shorter beginning is computed as fast as it is copied."""
MAX_MODELS = 64
EXAMPLES = (make_prompt("What is rain?"), make_prompt("Tell me a story."))
"""Two conversations that have only the template's words in common."""


class PromptPrefixes:
    """Hold the keys and values of the template's first tokens, for each set of lessons.

    One thread uses it. What belongs to lessons that nobody refers to any more is removed.
    """

    def __init__(self, hf: HfModel, lessons: LessonRows) -> None:
        self._hf = hf
        self._lessons = lessons
        self._ids = find_common_tokens(hf)
        self._known: dict[tuple[ReferenceType[LessonWeights], ...], PromptPrefix | None] = {}

    def find(self, lessons: RowLessons, row: PendingCompletion) -> PromptPrefix | None:
        """Return the prefix of a row's prompt as its model computes it; None if it has another
        beginning.
        """
        if len(self._ids) < MIN_TOKENS or tuple(row.prompt_ids[: len(self._ids)]) != self._ids:
            return None
        key = tuple(ref(lesson) for lesson in lessons)
        if key not in self._known:
            self._forget()
            with self._lessons.use([lessons]):
                self._known[key] = read_prefix(self._hf, self._ids)
        prefix = self._known[key]
        return prefix if prefix and prefix.starts(row) else None

    def _forget(self) -> None:
        """Remove what belongs to lessons that are gone, and the oldest one where there are many."""
        alive = [key for key in self._known if all(own() is not None for own in key)]
        self._known = {key: self._known[key] for key in alive[-MAX_MODELS + 1 :]}


def find_common_tokens(hf: HfModel) -> tuple[int, ...]:
    """Return the tokens that every conversation without a system prompt of its own begins with."""
    one, two = (hf.encode(prompt) for prompt in EXAMPLES)
    return tuple(one[: count_common_prefix(one, two)])
