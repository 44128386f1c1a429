"""The exam's questions where nobody brought any: chosen from those that the model asks itself.

  1  A fact is an answer of a chunk. All wordings that ask for it are one question; one of them is
     asked in the exam, and none of them is learned from
  2  A wording is clear if the model, with the passage in the prompt of the open book, answers it
     rightly in at least `questions.min_answerable` of a few samples. Others are not asked
  3  So many facts are held out, evenly over the chunks, as people would ask: some for each chunk,
     and at most a share of all facts, so that others are left to learn from

Departs: Self-Learning-llm examines on questions of people. An exam of 14 questions of its own said
"not learned" where 80 of people's rose from 1 to 40 %.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from selfteach.generate.answers import SAMPLED, make_open_book_chat
from selfteach.generate.questions import Question
from selfteach.judge.match import contains_answer, normalize_answer
from selfteach.methods.session import Session
from selfteach.models.ordered import sample_in_order
from selfteach.records import Request
from selfteach.select.evenly import choose_evenly
from selfteach.select.question_format import ANOTHER_ANSWER, NO_ANSWER_BACK, find_answer_fault

SAMPLES = 5
"""Answers to a question with the passage in the prompt."""
PER_CHUNK = 4
"""Questions that the exam asks about a chunk, on average."""
MIN_QUESTIONS = 20
"""Questions of the exam about few chunks, if there are so many."""
Fact = tuple[str, str]
"""The id of a chunk, and the answer's words."""


def find_fact(question: Question) -> Fact:
    """Return the fact that a question asks for."""
    return question.chunk.id, normalize_answer(question.short)


def choose_own_questions(session: Session, questions: Sequence[Question]) -> list[Question]:
    """Return the questions of the exam, one for each held-out fact, in the order of the chunks.

    Args:
        questions: all usable questions.
    """
    config = session.config
    candidates = [q for q in questions if can_be_asked(q)]
    shares = measure_answerable(session, candidates)
    best = choose_wordings(candidates, shares, config.questions.min_answerable)
    facts = {find_fact(q) for q in questions}
    chunks = {q.chunk.id for q in questions}
    wanted = min(config.exam.questions, max(MIN_QUESTIONS, PER_CHUNK * len(chunks)))
    found = choose_evenly(best, min(wanted, int(config.questions.held_out * len(facts))))
    session.display.print_line(
        f"{len(questions)} questions ask for {len(facts)} facts; with the passage the model "
        f"answers {len(best)} of them, and the exam asks {len(found)}"
    )
    return found


def can_be_asked(question: Question) -> bool:
    """Return whether the answer is in the passage and not in the question.

    The answer that came back from the sentence alone does not decide: the passage will.
    """
    return find_answer_fault(question) in ("", ANOTHER_ANSWER, NO_ANSWER_BACK)


def measure_answerable(session: Session, questions: Sequence[Question]) -> dict[str, float]:
    """Return for each question, by its id, the share of answers with the passage that are right."""
    requests = []
    for question in questions:
        prompt = make_open_book_chat(question.text, question.chunk)
        for number in range(SAMPLES):
            requests.append(Request("answerable", prompt, SAMPLED, number, session.config.seed))
    session.display.start_stage("answerable", len(requests))
    model = session.teacher or session.base
    completions = iter(sample_in_order(model, requests, session.display.advance))
    shares = {}
    for question in questions:
        answers = [next(completions) for _ in range(SAMPLES)]
        right = [a is not None and contains_answer(a.text, question.short) for a in answers]
        shares[question.id] = sum(right) / SAMPLES
    return shares


def choose_wordings(
    questions: Sequence[Question], shares: Mapping[str, float], min_share: float
) -> list[Question]:
    """Return the clearest wording of each fact; facts without a clear one are left out.

    Args:
        shares: by the id of a question, the share of right answers with the passage.
    """
    wordings: dict[Fact, list[Question]] = defaultdict(list)
    for question in questions:
        if shares[question.id] >= min_share:
            wordings[find_fact(question)].append(question)
    return [max(own, key=lambda q: shares[q.id]) for own in wordings.values()]
