"""The exam's questions where nobody brought any: chosen from those that the model asks itself.

  1  A fact is an answer of a chunk. All wordings that ask for it are one question; one of them is
     asked in the exam, and no question or row that is like one of them (ROUGE-L of
     `questions.max_overlap` or more) is learned from
  2  A wording is answerable if the model finds the answer in at least `questions.min_answerable` of
     its readings: from the sentence alone, and from the passage, both after worked examples. The
     exam's open book is none of them: chosen by its own answers, it would look better than it is.
     A teacher reads without worked examples
  3  A wording repeats of its sentence as much as people's do: at most MAX_SHARED content words,
     and of a fact's wordings the one nearest to TYPICAL_SHARED is asked. What is trained is the
     sentence, so one with more of its words is easier than people's, and one with fewer is vague
  4  So many facts are held out, evenly over the chunks: some for each chunk, and at most a share of
     all facts, so that others are left to learn from
  5  A program asks too, in the word order of people (generate/plain_questions.py). Where both ask
     for too few facts, some words of the clause with a question word in the answer's place follow

Departs: Self-Learning-llm examines on questions of people. Of 545 questions of people about 80
development passages half share at most three content words with their sentence, three in four at
most four (docs/log/).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from selfteach.generate.answers import GREEDY_LINE, make_open_book_chat, make_open_book_prompt
from selfteach.generate.plain_questions import make_clause_question, make_fronted_question
from selfteach.generate.questions import Question, make_answer_prompt
from selfteach.generate.spans import find_answer_spans, is_latin
from selfteach.generate.study import put_question_word
from selfteach.judge.match import contains_answer, normalize_answer
from selfteach.materials.documents.chunk import Chunk
from selfteach.methods.documents.amounts import SPARE, count_wanted
from selfteach.methods.documents.held_out_questions import put_title_first
from selfteach.methods.session import Session
from selfteach.models.ordered import sample_in_order
from selfteach.records import Prompt, Request
from selfteach.select.evenly import choose_evenly
from selfteach.select.question_format import (
    ANOTHER_ANSWER,
    NO_ANSWER_BACK,
    asks_about_unnamed,
    find_answer_fault,
    find_context_fault,
    has_foreign_numbers,
    has_name,
    is_mixed,
    is_torn,
)
from selfteach.select.specificity import stem_words

MAX_SHARED = 4
"""Content words that a question of the exam shares with its sentence."""
TYPICAL_SHARED = 3
"""Content words that most questions of people share with their sentence."""
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
    fronted = phrase_questions(unwritten, lambda q: make_fronted_question(q.evidence, q.short))
    clauses = list_clauses(unwritten)
    facts = {find_fact(q) for q in (*questions, *unwritten)}
    wanted = count_wanted(len(facts), len(chunks), config)
    clear = choose_wordings(session, [q for q in (*questions, *fronted) if can_be_asked(q)])
    found = choose_evenly(clear, wanted)
    missing = wanted - len(found)
    known = {find_fact(q) for q in clear}
    left = [q for q in clauses if find_fact(q) not in known and can_be_asked(q)]
    wordings = group_wordings(left)
    read = choose_evenly(list(wordings), SPARE * missing)
    more = choose_wordings(session, [q for fact in read for q in wordings[fact]])
    found += choose_evenly(more, missing)
    session.display.print_line(
        f"questions for {len(clear)} facts are clear; the exam asks {len(found)}, "
        f"{len(found) - min(len(clear), wanted)} of them clauses with a question word"
    )
    return [name_topic(q) for q in found]


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


def phrase_questions(
    unwritten: Sequence[Question], write: Callable[[Question], str]
) -> list[Question]:
    """Return the questions that `write` finds words for and that make sense without the text."""
    written = (replace(question, text=write(question)) for question in unwritten)
    return [q for q in written if q.text and not find_context_fault(q.text, q.chunk.title)]


def list_clauses(unwritten: Sequence[Question]) -> list[Question]:
    """Return words of the clause around each answer as questions."""
    found = {question.id: question for question in phrase_questions(unwritten, ask_with_clause)}
    return list(found.values())


def ask_with_clause(question: Question) -> str:
    """Return words around an answer as a question; the whole sentence in another script."""
    if is_latin(question.evidence):
        return make_clause_question(question.evidence, question.short)
    return put_question_word(question.chunk.title, question.evidence, question.short)


def can_be_asked(question: Question) -> bool:
    """Return whether the answer is in the passage and not in the question, and whether the question
    repeats little of its sentence.

    The answer that came back from the sentence alone does not decide by itself.
    """
    is_usable = find_answer_fault(question) in ("", ANOTHER_ANSWER, NO_ANSWER_BACK)
    is_usable = is_usable and not is_unclear(question)
    return is_usable and (count_shared(question) <= MAX_SHARED or not is_latin(question.evidence))


def is_unclear(question: Question) -> bool:
    """Return whether a question lacks a word, names nothing, or has numbers of its own."""
    text, title = question.text, question.chunk.title
    return is_torn(text) or asks_about_unnamed(text, title) or has_foreign_numbers(question)


def name_topic(question: Question) -> Question:
    """Return the question with its title in front, unless it names something itself."""
    title = question.chunk.title
    if not title or has_name(question.text, title):
        return question
    return replace(question, text=put_title_first(question.chunk, question.text))


def count_shared(question: Question) -> int:
    """Return how many content words a question shares with its sentence."""
    return len(stem_words(question.text) & stem_words(question.evidence))


def group_wordings(questions: Sequence[Question]) -> dict[Fact, list[Question]]:
    """Return the questions by the fact that they ask for."""
    wordings: dict[Fact, list[Question]] = defaultdict(list)
    for question in questions:
        wordings[find_fact(question)].append(question)
    return wordings


def choose_wordings(session: Session, questions: Sequence[Question]) -> list[Question]:
    """Return the answerable wording of each fact that repeats of its sentence most nearly what
    people's do, one of whole English first; facts without an answerable one are left out.
    """
    shares = measure_answerable(session, questions)
    least = session.config.questions.min_answerable
    wordings = group_wordings([q for q in questions if shares[q.id] >= least])

    def rank(question: Question) -> tuple[bool, int, float]:
        distance = abs(count_shared(question) - TYPICAL_SHARED)
        return is_mixed(question.text), distance, -shares[question.id]

    return [min(own, key=rank) for own in wordings.values()]


def make_passage_prompt(question: Question, instructed: bool) -> Prompt:
    """Return the question with its whole passage, after worked examples or in plain words."""
    if instructed:
        return make_open_book_chat(question.text, question.chunk)
    return make_open_book_prompt(replace(question, sentence=None))


def measure_answerable(session: Session, questions: Sequence[Question]) -> dict[str, float]:
    """Return for each question, by its id, the share of readings that find the answer (step 2)."""
    instructed = session.teacher is not None
    readings: list[Callable[[Question], Prompt]] = [
        lambda q: make_answer_prompt(q, instructed),
        lambda q: make_passage_prompt(q, instructed),
    ]
    requests = []
    for question in questions:
        prompts = [make(question) for make in readings]
        requests += [Request("answerable", p, GREEDY_LINE, 0, session.config.seed) for p in prompts]
    session.display.start_stage("answerable", len(requests))
    model = session.teacher or session.base
    completions = iter(sample_in_order(model, requests, session.display.advance))
    shares: dict[str, float] = {}
    for question in questions:
        answers = [next(completions) for _ in readings]
        right = [a is not None and contains_answer(a.text, question.short) for a in answers]
        shares[question.id] = sum(right) / len(readings)
    return shares
