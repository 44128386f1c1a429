"""Does a question point to its sentence? A question that fits another sentence as well is useless.

Of all sentences, its own must share most content words with it. Rare words weigh more:

    w(question, s) = sum over the stems t of both of log((N + 1) / n_t), N sentences, n_t of which
    hold t

Source: inverse document frequency (Sparck Jones 1972). A round trip alone (generate/questions.py)
accepts "Which type of building construction is?", because a model that sees no other sentence gives
this sentence's answer.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from selfteach.generate.questions import Question
from selfteach.materials.documents.chunk import Chunk, SentencePlace
from selfteach.select.question_format import list_content_words

NOT_SPECIFIC = "could be asked about another sentence"
_ENDING = re.compile(r"(?<=\w{3})(?:ings?|ions?|ly|e?s|e?d|e)$")


class SpecificityCheck:
    """Find the sentence of all documents that a question points to."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._held: dict[str, set[SentencePlace]] = defaultdict(set)
        self._texts: dict[SentencePlace, str] = {
            c.get_place(i): c.words(i) for c in chunks for i in range(len(c.sentences))
        }
        for place, text in self._texts.items():
            for stem in stem_words(text):
                self._held[stem].add(place)

    def fault(self, question: Question) -> str:
        """Return NOT_SPECIFIC if another sentence is as near as the question's own, else ""."""
        if question.sentence is None:
            return ""
        near = Counter[SentencePlace]()
        for stem in stem_words(question.text):
            for place in (held := self._held.get(stem, set())):
                near[place] += math.log((len(self._texts) + 1) / len(held))  # type: ignore[assignment]
        own = question.chunk.get_place(question.sentence)
        others = (
            weight for place, weight in near.items() if self._texts[place] != self._texts[own]
        )
        return "" if near[own] > max(others, default=0) + 1e-9 else NOT_SPECIFIC


def stem_words(text: str) -> set[str]:
    """Return the content words of a text, without their endings."""
    return {_ENDING.sub("", word) for word in list_content_words(text)}
