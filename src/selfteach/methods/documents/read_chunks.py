"""Step 1 of documents: split them into chunks of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from selfteach.errors import DataError
from selfteach.generate.answers import MAX_TOKENS
from selfteach.generate.questions import QuestionPlan, make_question_prompt
from selfteach.materials.documents.chunk import Chunk, split_chunks
from selfteach.materials.documents.material import Documents
from selfteach.methods.session import Session
from selfteach.records import digest

TOO_LONG = "longer than the model's context"


def read_chunks(session: Session, material: Documents) -> list[Chunk]:
    """Return the chunks of the documents; record each document and each skipped file (step 1).

    Raises:
        DataError: every sentence is longer than the model's context.
    """
    reading = material.reading
    with session.run.ledger.open_funnel("read") as funnel:
        for document in reading.documents:
            funnel.accept(document.id, {"file": document.source, "title": document.title})
        for line in reading.skipped:
            funnel.decide(digest(["aside", line.where]), line.fault, {"file": line.where})
    count = partial(count_tokens, session)
    chunks: list[Chunk] = []
    for document in reading.documents:
        chunks += split_chunks(document, count, session.config.read.chunk_tokens)
    if session.teacher is None:
        set_aside_long_sentences(session, chunks)
    return chunks


def count_tokens(session: Session, text: str) -> int:
    """Return the number of tokens of a text."""
    return len(session.model.encode_answer(text, end=False))


def set_aside_long_sentences(session: Session, chunks: Sequence[Chunk]) -> None:
    """Count the sentences about which no question can be asked: the prompt for one does not fit
    into the context.

    Raises:
        DataError: no sentence fits.
    """
    places = [(chunk, i) for chunk in chunks for i in range(len(chunk.sentences))]
    sizes = [count_tokens(session, chunk.words(i)) for chunk, i in places]
    longest = max(sizes)
    chunk, i = places[sizes.index(longest)]
    plan = QuestionPlan(chunk, i, chunk.words(i).split()[0], 0)
    needed = len(session.model.encode(make_question_prompt(plan))) + 2 * MAX_TOKENS
    room = session.model.context_tokens - (needed - longest)
    if longest <= room:
        return
    if min(sizes) > room:
        raise DataError(
            f"a sentence of {longest} tokens and the worked examples need {needed}, more than "
            f"the model's context of {session.model.context_tokens}.",
            where=chunk.document.source,
            cure="Lower read.chunk_tokens, which cuts it, or use a model with a longer context.",
        )
    with session.run.ledger.open_funnel("sentences to ask about") as funnel:
        for (chunk, i), size in zip(places, sizes, strict=True):
            source = chunk.describe_source(i)
            id = digest(["sentence", source["document"], source["start"]])
            funnel.decide(id, "" if size <= room else TOO_LONG, {"file": source["file"]})
    count = sum(size > room for size in sizes)
    session.display.print_line(f"sentences without a question, {TOO_LONG}: {count}")
