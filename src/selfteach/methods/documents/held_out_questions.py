"""The held-out questions of the exam: people's, or gaps in sentences of the documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from selfteach.generate.answers import make_open_book_chat
from selfteach.generate.listing import to_one_line
from selfteach.generate.spans import find_answer_spans, replace_answer
from selfteach.generate.study import GAP, GAPS
from selfteach.judge.match import contains_answer
from selfteach.judge.pairwise import ModelPairwiseJudge
from selfteach.materials.documents.chunk import Chunk
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.methods.documents.match_passages import PassageIndex
from selfteach.methods.session import Session
from selfteach.records import Prompt, digest, make_prompt


@dataclass(frozen=True)
class HeldOutQuestion:
    """A held-out question with its right answers.

    Attributes:
        chunk: the piece of a document that contains the answer.
        origin: who wrote it, in words.
    """

    text: str
    answers: tuple[str, ...]
    chunk: Chunk
    origin: str

    @property
    def passage(self) -> str:
        """Return the id of its chunk; questions of one passage go together."""
        return self.chunk.id

    def list_wordings(self) -> list[str]:
        """Return the question, and the same without the words in front, where these are the title
        or ask for a gap: what is like either is not learned.
        """
        fronts = ("", put_title_first(self.chunk, ""), put_gap_request_first(self.chunk, ""))
        return list(dict.fromkeys(self.text.removeprefix(front) for front in fronts))


@dataclass(frozen=True)
class RecordedQuestion:
    """Hold what grading needs of a held-out question."""

    text: str
    answers: tuple[str, ...]
    passage: str


def put_title_first(chunk: Chunk, text: str) -> str:
    """Return a text with the title of its document in front."""
    return f"{to_one_line(chunk.title)}: {text}"


def put_gap_request_first(chunk: Chunk, text: str) -> str:
    """Return the question for the gap in a sentence."""
    return GAPS[0].format(title=chunk.title, text=text)


def make_people_questions(
    chunks: Sequence[Chunk], questions: Sequence[PeopleQuestion]
) -> list[HeldOutQuestion]:
    """Return people's questions, each with the best matching chunk of its document. A question
    without a known document is matched with all chunks.
    """
    own: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        own[chunk.document.id].append(chunk)
    known = [q.document if q.document in own else "" for q in questions]
    indexes = {document: PassageIndex(own.get(document, chunks)) for document in set(known)}
    return [
        HeldOutQuestion(q.text, q.answers, indexes[document].find_best(q), "people")
        for q, document in zip(questions, known, strict=True)
    ]


def count_held_out(count: int, share: float) -> int:
    """Return how many of `count` to hold out: at least one, and not all."""
    return min(max(1, round(share * count)), count - 1)


def make_gap_questions(chunks: Sequence[Chunk], share: float, seed: int) -> list[HeldOutQuestion]:
    """Return a share of the sentences, each with a gap in place of an answer. Return nothing where
    fewer than two sentences offer an answer.

    The sentence itself must count as right with this answer; "d'Angleterre" does not with
    "Angleterre".
    """
    offers: dict[tuple[str, int], HeldOutQuestion] = {}
    for chunk in chunks:
        for i in chunk.find_informative_sentences():
            text = chunk.words(i)
            spans = find_answer_spans(text, chunk.title)
            name = next((span for span in spans if contains_answer(text, span)), "")
            if name:
                gapped = replace_answer(text, name, GAP)
                prompt = put_gap_request_first(chunk, gapped)
                question = HeldOutQuestion(prompt, (name,), chunk, "gaps in its sentences")
                offers[chunk.id, i] = question
    if len(offers) < 2:
        return []
    shuffled = sorted(offers, key=lambda place: digest([seed, *place]))
    return [offers[place] for place in shuffled[: count_held_out(len(offers), share)]]


def has_room(session: Session, q: HeldOutQuestion) -> bool:
    """Return whether every prompt of the exam about a question fits into the context: the open book
    with its answer, and the passage with two answers to compare.
    """
    encode = session.model.encode
    answer_tokens: int = session.config.exam.max_tokens
    comparison = ModelPairwiseJudge(session.base).asked(add_passage(q), "", "")
    open_book = len(encode(make_open_book_chat(q.text, q.chunk))) + answer_tokens
    compared = len(encode(comparison)) + 2 * answer_tokens
    return max(open_book, compared) <= session.model.context_tokens


def add_passage(q: HeldOutQuestion) -> Prompt:
    """Return the question after the passage that contains its answer."""
    return make_prompt(f"{q.chunk.passage} {q.text}")


def holds_answer(text: str, q: HeldOutQuestion) -> bool:
    """Return whether a text contains a right answer."""
    return any(contains_answer(text, answer) for answer in q.answers)
