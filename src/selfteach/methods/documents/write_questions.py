"""Steps 1 and 2 of documents: the questions of the exam, and those of the model to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError
from selfteach.generate.questions import Question, generate_questions
from selfteach.judge.language import find_main_script
from selfteach.materials.documents.chunk import Chunk
from selfteach.materials.documents.material import identify_question
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.methods.documents.held_out_questions import (
    HeldOutQuestion,
    has_room,
    holds_answer,
    make_gap_questions,
    make_people_questions,
)
from selfteach.methods.documents.own_questions import choose_own_questions, find_fact
from selfteach.methods.documents.read_chunks import TOO_LONG
from selfteach.methods.documents.select_study_rows import WrittenQuestions
from selfteach.methods.session import Session
from selfteach.run.ledger import Outcome, make_outcome
from selfteach.select.evenly import choose_evenly
from selfteach.select.prompt_format import find_format_fault
from selfteach.select.question_format import (
    find_answer_fault,
    find_context_fault,
    has_foreign_names,
    is_off_sentence,
)
from selfteach.select.specificity import SpecificityCheck
from selfteach.text import format_count

LIKE_EXAM = "like a question of the exam"
HELD_OUT = "held out for the exam"
TOO_MANY = "held out, more than exam.questions"
ABOUT_FORGOTTEN = "about a forgotten document"
PEOPLE = "people's questions"
"""The ledger's stage of people's held-out questions."""
OWN = "questions of the exam"
"""The ledger's stage of held-out questions where nobody brought any."""


def split_questions(
    session: Session,
    chunks: Sequence[Chunk],
    people: Sequence[PeopleQuestion],
    left_out: Sequence[str] = (),
) -> tuple[list[HeldOutQuestion], WrittenQuestions]:
    """Return the held-out questions, people's where there are any, and the model's questions to
    learn from (steps 1 and 2).

    Args:
        left_out: ids of people's questions about forgotten documents.
    """
    if line := record_left_out(session, left_out, len(people)):
        session.display.print_line(line)
    held_out = drop_overlong_questions(session, make_people_questions(chunks, people))
    if line := describe_unanswered(held_out):
        session.display.print_line(line)
    written = write_questions(session, chunks, held_out)
    return (held_out, written) if held_out else hold_out_questions(session, chunks, written)


def record_left_out(session: Session, left_out: Sequence[str], asked: int) -> str:
    """Record the questions about forgotten documents as dropped, without their words. Return a line
    about them; "" if there are none.

    Args:
        asked: how many other questions people brought.
    """
    if not left_out:
        return ""
    with session.run.ledger.open_funnel(PEOPLE) as funnel:
        for id in left_out:
            funnel.decide(id, ABOUT_FORGOTTEN, {})
    return (
        f"{len(left_out)} of {len(left_out) + asked} questions are left out of the exam: of all "
        "passages, one of a forgotten document fits them best"
    )


def describe_unanswered(questions: Sequence[HeldOutQuestion]) -> str:
    """Return a line about questions of which no passage contains an answer, as where another file
    answers them; "" if there are none.
    """
    lost = [q for q in questions if not holds_answer(q.chunk.passage, q)]
    if not lost:
        return ""
    return (
        f"no passage contains the answer to {len(lost)} of {len(questions)} questions of the exam, "
        f'for instance "{lost[0].text[:80]}": the open book cannot help there'
    )


def drop_overlong_questions(
    session: Session, questions: Sequence[HeldOutQuestion], stage: str = PEOPLE
) -> list[HeldOutQuestion]:
    """Return the questions that fit into the model's context with their document.

    All of them are held out. The exam takes `exam.questions` of them, evenly over all; the others
    are dropped with the reason.

    Args:
        stage: the ledger's stage.
    """
    roomy = [q for q in questions if has_room(session, q)]
    chosen = choose_evenly(roomy, session.config.exam.questions)
    reasons = dict.fromkeys(((q.text, q.passage) for q in questions), TOO_LONG)
    reasons |= dict.fromkeys(((q.text, q.passage) for q in roomy), TOO_MANY)
    reasons |= dict.fromkeys(((q.text, q.passage) for q in chosen), "")
    first = dict(reversed(reasons))  # the passage that each question is first asked about
    with session.run.ledger.open_funnel(stage) as funnel:
        for (text, passage), reason in reasons.items():
            id = identify_question(text, "" if passage == first[text] else passage)
            funnel.decide(id, reason, {"question": text[:200]})
    return roomy


def write_questions(
    session: Session, chunks: Sequence[Chunk], questions: Sequence[HeldOutQuestion]
) -> WrittenQuestions:
    """Write questions that make sense by themselves, are new, and are unlike those of the exam
    (step 2).
    """
    config = session.config.questions
    exam = OverlapIndex(chain.from_iterable(q.list_wordings() for q in questions))
    seen: set[str] = set()
    specificity = SpecificityCheck(chunks)
    scripts = {chunk.id: find_main_script(chunk.passage) for chunk in chunks}

    def find_fault(question: Question) -> str:
        reason = (
            find_format_fault(question.text, script=scripts[question.chunk.id])
            or find_context_fault(question.text, question.chunk.title)
            or specificity.fault(question)
        )
        if reason:
            return reason
        if has_foreign_names(question) or (
            is_off_sentence(question) and find_answer_fault(question)
        ):
            return "asks about something else"
        if question.text.lower() in seen:
            return "repeats another question"
        if exam.nearest(question.text, config.max_overlap).similarity >= config.max_overlap:
            return LIKE_EXAM
        # Only a kept question counts as seen: a refused text may suit another sentence.
        seen.add(question.text.lower())
        return ""

    session.display.start_stage("questions")
    rounds = config.rounds if questions else config.rounds + config.exam_rounds
    written = generate_questions(
        session.teacher or session.base,
        chunks,
        config.per_chunk,
        find_fault,
        rounds,
        session.config.seed,
        instructed=session.teacher is not None,
        progress=session.display.advance,
    )
    usable = []
    outcomes = {}
    for question, reason in written:
        if question.id not in outcomes or not reason:
            outcomes[question.id] = make_question_outcome(question, reason)
        if not reason:
            usable.append(question)
    trusted = [question for question in usable if not find_answer_fault(question)]
    session.run.ledger.record_outcomes("questions", outcomes.values())
    session.display.print_line(
        f"{len(usable)} usable questions; the model found the expected answer to "
        f"{len(trusted)} of them"
    )
    return WrittenQuestions(usable, trusted)


def make_question_outcome(question: Question, reason: str) -> Outcome:
    """Return the outcome of a written question; an empty reason accepts it."""
    body = {
        "question": question.text,
        "answer": question.short,
        "back": question.back,
        "doubt": find_answer_fault(question),
        **question.chunk.describe_source(question.sentence),
    }
    return make_outcome(question.id, reason, body)


def hold_out_questions(
    session: Session, chunks: Sequence[Chunk], written: WrittenQuestions
) -> tuple[list[HeldOutQuestion], WrittenQuestions]:
    """Hold out some facts with all questions that ask for them, where nobody brought any; return
    the questions of the exam and those that are left to learn from (own_questions.py).

    The model may answer none of its questions, as in a language that it knows badly. Then the exam
    contains sentences with a word left out.

    Raises:
        DataError: there are too few to learn from some and to be examined on others.
    """
    config = session.config.questions
    asked = choose_own_questions(session, chunks, written.all)
    gaps = []
    if not asked:
        gaps = make_gap_questions(chunks, config.held_out, session.config.seed)
        if not gaps:
            raise DataError(
                f"{len(written.all)} questions are too few to learn from some and to be examined "
                "on others.",
                cure="Bring more text, questions of people (--questions), or a model that asks "
                "better (--teacher).",
            )
        session.display.print_line(
            f"no question of the model can be asked; the exam asks for words left out of "
            f"{format_count(len(gaps), 'sentences')}"
        )
    aside = {find_fact(q) for q in asked}
    own = [HeldOutQuestion(q.text, (q.short,), q.chunk, "the model") for q in asked]
    held_out = drop_overlong_questions(session, gaps or own, OWN)
    if not held_out:
        raise DataError(
            "no question of the exam fits into the model's context with its piece.",
            cure="Lower read.chunk_tokens.",
        )
    exam = OverlapIndex(text for q in held_out for text in q.list_wordings())
    reasons = {}
    for q in written.all:
        if find_fact(q) in aside:
            reasons[q.id] = HELD_OUT
        elif exam.nearest(q.text, config.max_overlap).similarity >= config.max_overlap:
            reasons[q.id] = LIKE_EXAM
    left = [q for q in written.all if q.id not in reasons]
    trusted = [q for q in written.trusted if q.id not in reasons]
    dropped = [q for q in written.all if q.id in reasons]
    session.run.ledger.record_outcomes(
        "questions", (make_question_outcome(q, reasons[q.id]) for q in dropped)
    )
    return held_out, WrittenQuestions(left, trusted)
