"""Find the passage that fits a person's question best.

A passage that contains a right answer fits better than one that does not. Of those that are equal
in this, the passage with more of the question's words fits better, and then the first one. An index
of words finds it without a look at every passage.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence, Set

from selfteach.judge.match import (
    contains_answer,
    has_words,
    list_stems,
    normalize_answer,
    read_words,
)
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import Chunk, split_chunks
from selfteach.materials.documents.listed import count_words
from selfteach.materials.documents.questions import PeopleQuestion

PIECE_WORDS = 300
"""Words of a passage where no model has cut the documents yet."""


class _WordForm:
    """Hold the words of all passages in one of the two forms of `read_words`."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._places: dict[str, set[int]] = defaultdict(set)
        for number, text in enumerate(texts):
            for word in text.split():
                for form in (word, *list_stems(word)):
                    self._places[form].add(number)

    def search(self, words: str) -> Iterator[int]:
        """Yield the numbers of the passages that contain words one after another."""
        places = [self._places.get(word, set()) for word in words.split()]
        for number in min(places, key=len, default=()):
            if has_words(self._texts[number], words):
                yield number


class PassageIndex:
    """Hold passages and their words.

    Attributes:
        counts: for each word the numbers of the passages that contain it, with how often.
    """

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = chunks
        self.counts: dict[str, dict[int, int]] = defaultdict(dict)
        for number, chunk in enumerate(chunks):
            for word, count in Counter(normalize_answer(chunk.passage).split()).items():
                self.counts[word][number] = count
        forms = zip(*(read_words(chunk.passage) for chunk in chunks), strict=True)
        self._forms = [_WordForm(texts) for texts in forms]
        self._holders: dict[str, Set[int]] = {}

    def find_best(self, q: PeopleQuestion) -> Chunk:
        """Return the chunk whose passage fits a question best."""
        holders: Set[int] = set().union(*map(self.find_holders, q.answers))
        return self.chunks[self._find_most_alike(q.text, holders)]

    def find_holders(self, answer: str) -> Set[int]:
        """Return the numbers of the passages that contain an answer, as `contains_answer` says, but
        a single number may be a part of a telephone number.
        """
        if answer not in self._holders:
            self._holders[answer] = self._search(answer)
        return self._holders[answer]

    def _search(self, answer: str) -> set[int]:
        if not normalize_answer(answer):  # an article or a sign: it stands in no index of words
            passages = enumerate(chunk.passage for chunk in self.chunks)
            return {number for number, passage in passages if contains_answer(passage, answer)}
        forms = zip(self._forms, read_words(answer), strict=True)
        return {number for form, words in forms for number in form.search(words)}

    def _find_most_alike(self, text: str, among: Set[int]) -> int:
        """Return the number of the first passage with the most words of a text.

        Args:
            among: the numbers to choose from; all of them where it is empty.
        """
        shared: Counter[int] = Counter()
        for word, wanted in Counter(normalize_answer(text).split()).items():
            counts = self.counts.get(word, {})
            for number in counts.keys() & among if among else counts:
                shared[number] += min(wanted, counts[number])
        if not shared:
            return min(among, default=0)
        most = max(shared.values())
        return min(number for number, count in shared.items() if count == most)


def find_questions_about(
    questions: Sequence[PeopleQuestion], gone: Sequence[Document], kept: Sequence[Document]
) -> list[PeopleQuestion]:
    """Return the questions that are about a document that is gone, as far as matching shows it.

    Questions from a file name no document. So each is matched with the passages of all documents,
    and is about one that is gone if none of the others fits as well. Two documents may answer one
    question. Then the exam may lose a question that it could ask, which is the smaller harm: one
    about a forgotten document asks for what nobody teaches any more.
    """
    documents = [*kept, *gone]
    pieces = [split_chunks(document, count_words, PIECE_WORDS) for document in documents]
    chunks = [chunk for own in pieces for chunk in own]
    lost = {chunk.id for own in pieces[len(kept) :] for chunk in own}
    index = PassageIndex(chunks)
    return [q for q in questions if index.find_best(q).id in lost] if lost else []
