"""The exam's questions where nobody brought any: chosen from those that the model asks itself.

  1  A fact is an answer of a chunk. All wordings that ask for it are one question; one of them is
     asked in the exam, and none of them is learned from
  2  A wording is answerable if the model finds the answer in at least `questions.min_answerable` of
     its readings: from the sentence alone, from the passage after worked examples, and from the
     passage as in the exam's open book. A teacher reads in two ways, without worked examples
  3  So many facts are held out, evenly over the chunks: some for each chunk, and at most a share of
     all facts, so that others are left to learn from
  4  A program asks too, in the word order of people (generate/plain_questions.py). Where both ask
     for too few facts, clauses with a question word in the answer's place follow

Departs: Self-Learning-llm examines on questions of people. An exam of 14 questions of its own said
"not learned" where 80 of people's rose from 1 to 40 %.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from selfteach.generate.answers import GREEDY, make_open_book_chat, make_open_book_prompt
from selfteach.generate.plain_questions import make_clause_question, make_fronted_question
from selfteach.generate.questions import Question, make_answer_prompt
from selfteach.generate.spans import find_answer_spans, is_latin
from selfteach.generate.study import put_question_word
from selfteach.judge.match import contains_answer, normalize_answer
from selfteach.materials.documents.chunk import Chunk
from selfteach.methods.session import Session
from selfteach.models.ordered import sample_in_order
from selfteach.records import Prompt, Request
from selfteach.select.evenly import choose_evenly
from selfteach.select.question_format import (
    ANOTHER_ANSWER,
    NO_ANSWER_BACK,
    find_answer_fault,
    find_context_fault,
)

PER_CHUNK = 4
"""Questions that the exam asks about a chunk, on average."""
MIN_QUESTIONS = 20
"""Questions of the exam about few chunks, if there are so many."""
SPARE = 3
"""Clauses with a question word that are read for each question that is missing."""
Fact = tuple[str, str]
"""The id of a chunk, and the answer's words."""


def find_fact(question: Question) -> Fact:
    """Return the fact that a question asks for."""
    return question.chunk.id, normalize_answer(question.short)


def choose_own_questions(
    session: Session, chunks: Sequence[Chunk], questions: Sequence[Question]
) -> list[Question]:
    """Return the questions of the exam, one for each held-out fact.

    Args:
        questions: all usable questions of the model.
    """
    config = session.config
    unwritten = list_unwritten_questions(chunks)
    fronted = write_questions(unwritten, lambda q: make_fronted_question(q.evidence, q.short))
    clauses = write_questions(unwritten, ask_with_clause)
    facts = {find_fact(q) for q in (*questions, *unwritten)}
    wanted = min(
        config.exam.questions,
        max(MIN_QUESTIONS, PER_CHUNK * len(chunks)),
        int(config.questions.held_out * len(facts)),
    )
    clear = choose_wordings(session, [q for q in (*questions, *fronted) if can_be_asked(q)])
    found = choose_evenly(clear, wanted)
    missing = wanted - len(found)
    known = {find_fact(q) for q in clear}
    left = [q for q in clauses if find_fact(q) not in known and can_be_asked(q)]
    more = choose_wordings(session, choose_evenly(left, SPARE * missing))
    found += choose_evenly(more, missing)
    session.display.print_line(
        f"questions for {len(clear)} facts are clear; the exam asks {len(found)}, "
        f"{len(found) - min(len(clear), wanted)} of them clauses with a question word"
    )
    return found


def list_unwritten_questions(chunks: Sequence[Chunk]) -> list[Question]:
    """Return a question without words for each answer that a sentence offers; the surest answers of
    all sentences come first.
    """
    ranked = []
    for chunk in chunks:
        for i in chunk.find_informative_sentences():
            for rank, name in enumerate(find_answer_spans(chunk.words(i), chunk.title)):
                ranked.append((rank, Question("", name, chunk, i)))
    return [question for _, question in sorted(ranked, key=lambda row: row[0])]


def write_questions(
    unwritten: Sequence[Question], write: Callable[[Question], str]
) -> list[Question]:
    """Return the questions that `write` finds words for and that make sense without the text."""
    written = (replace(question, text=write(question)) for question in unwritten)
    return [q for q in written if q.text and not find_context_fault(q.text, q.chunk.title)]


def ask_with_clause(question: Question) -> str:
    """Return the clause around an answer as a question; the whole sentence in another script."""
    if is_latin(question.evidence):
        return make_clause_question(question.evidence, question.short)
    return put_question_word(question.chunk.title, question.evidence, question.short)


def can_be_asked(question: Question) -> bool:
    """Return whether the answer is in the passage and not in the question.

    The answer that came back from the sentence alone does not decide by itself.
    """
    return find_answer_fault(question) in ("", ANOTHER_ANSWER, NO_ANSWER_BACK)


def choose_wordings(session: Session, questions: Sequence[Question]) -> list[Question]:
    """Return the clearest wording of each fact; facts without an answerable one are left out."""
    shares = measure_answerable(session, questions)
    wordings: dict[Fact, list[Question]] = defaultdict(list)
    for question in questions:
        if shares[question.id] >= session.config.questions.min_answerable:
            wordings[find_fact(question)].append(question)
    return [max(own, key=lambda q: shares[q.id]) for own in wordings.values()]


def measure_answerable(session: Session, questions: Sequence[Question]) -> dict[str, float]:
    """Return for each question, by its id, the share of readings that find the answer (step 2)."""
    instructed = session.teacher is not None
    readings: list[Callable[[Question], Prompt]] = [
        lambda q: make_open_book_chat(q.text, q.chunk),
        lambda q: make_answer_prompt(q, instructed),
    ]
    if not instructed:
        readings.append(lambda q: make_open_book_prompt(replace(q, sentence=None)))
    requests = []
    for question in questions:
        prompts = [make(question) for make in readings]
        requests += [Request("answerable", p, GREEDY, 0, session.config.seed) for p in prompts]
    session.display.start_stage("answerable", len(requests))
    model = session.teacher or session.base
    completions = iter(sample_in_order(model, requests, session.display.advance))
    shares: dict[str, float] = {}
    for question in questions:
        answers = [next(completions) for _ in readings]
        right = [a is not None and contains_answer(a.text, question.short) for a in answers]
        shares[question.id] = sum(right) / len(readings)
    return shares
