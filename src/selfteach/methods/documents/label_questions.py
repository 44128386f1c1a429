"""Steps 3 and 4 of documents: label the questions, score what the model knows, and choose pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from selfteach.evaluate.judge_calibration import BestJudge, choose_best_judge
from selfteach.generate.answers import LabelledQuestion, answer_questions, answer_without_document
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeJudge, KnowledgeScores
from selfteach.methods.documents.calibrate_knowledge_judges import (
    calibrate_on_both_sets,
    describe_weak_judges,
    list_judges,
    make_knowledge_setup,
)
from selfteach.methods.documents.select_study_rows import MeasuredQuestions
from selfteach.methods.session import Session
from selfteach.records import Example, JsonObject
from selfteach.registry import load_registered
from selfteach.run.ledger import OpenFunnel
from selfteach.select.knowledge import (
    KNOWLEDGE_STATES,
    count_states,
    find_label_fault,
    make_examples,
    repair_label,
)

NO_LABEL = "no answer came to be its label"


def make_knowledge_judge(session: Session) -> KnowledgeJudge:
    """Return the judge of knowledge that the configuration names.

    Raises:
        UsageError: it is `nli`, and no model is named for it.
    """
    factory = load_registered("knowledge_judges", session.config.select.judge)
    found: KnowledgeJudge = factory.build(make_knowledge_setup(session))
    return found


def label_questions(
    session: Session, trusted: Sequence[Question], judge: KnowledgeJudge, funnel: OpenFunnel
) -> MeasuredQuestions:
    """Label the questions, repair labels that lost the words of the answer, and score with the
    judge whether the model knows the answer (steps 3 and 4).

    Args:
        funnel: counts a question without a label as failed.
    """
    config = session.config.select
    session.display.start_stage("answers", len(trusted) * (1 + 2 * config.samples))
    written = write_labels(session, trusted)
    labelled = {a.question.id for a in written}
    for question in trusted:
        if question.id not in labelled:
            funnel.decide(question.id, NO_LABEL, {"question": question.text}, failed=True)
    answered = [repair_label(a) for a in written]
    scored = judge.scores(answered)
    rows = [describe_scores(a, s) for a, s in zip(answered, scored, strict=True)]
    session.run.ledger.set_note("knowledge", rows)
    return MeasuredQuestions(answered, scored, as_written=written)


def write_labels(session: Session, trusted: Sequence[Question]) -> list[LabelledQuestion]:
    """Return each question with its label, answers with the document and answers without it.

    The base gives the answers without it, also where a teacher writes the labels.
    """
    teacher = session.teacher
    count = session.config.select.samples
    seed = session.config.seed
    answered = answer_questions(
        teacher or session.base,
        trusted,
        count,
        seed,
        instructed=teacher is not None,
        blind=teacher is None,
        progress=session.display.advance,
    )
    if teacher is None:
        return answered
    asked = [a.question for a in answered]
    advance = session.display.advance
    blind = answer_without_document(session.base, asked, count, seed, progress=advance)
    return [
        replace(a, blind=own.texts, cut_blind=own.cut)
        for a, own in zip(answered, blind, strict=True)
    ]


def rank_judges(
    session: Session, judge: KnowledgeJudge, measured: MeasuredQuestions
) -> BestJudge | None:
    """Measure how well each judge recognizes what the model knows; with `study.known=auto` return
    the best judge, if it is good enough.

    Args:
        judge: the judge that selects.
    """
    config = session.config.select
    session.display.start_stage("calibrate")
    judges = list_judges(session, judge)
    found = calibrate_on_both_sets(session, judges, measured.as_written)
    rows = [asdict(one) | {"used": one.judge == config.judge} for one in found]
    session.run.ledger.set_note("judges", rows)
    doubt = describe_weak_judges(found, config.min_auroc)
    session.run.ledger.set_note("doubt about judges", doubt)
    if doubt:
        session.display.print_line(doubt)
    if session.config.study.known != "auto":
        return None
    return choose_best_judge(judges, found, measured.answered, config.min_auroc, config.tau_label)


def describe_scores(answered: LabelledQuestion, scores: KnowledgeScores) -> JsonObject:
    """Return a labeled question with its answers and scores, as JSON."""
    q = answered.question
    return {
        "id": q.id,
        "question": q.text,
        "short": q.short,
        "label": answered.best,
        "fault": find_label_fault(answered),
        "informed": answered.informed,
        "blind": answered.blind,
        "scores": scores.to_json(),
        **q.chunk.describe_source(q.sentence),
    }


def select_pairs(
    session: Session, measured: MeasuredQuestions, funnel: OpenFunnel
) -> list[Example]:
    """Return the pairs to learn from. Drop, with the reason, questions that are known or unsure,
    and labels that lost the answer (step 4).
    """
    config = session.config.select
    taus = (config.tau_label, config.tau_knowledge) if config.filter_pairs else (1.0, -1.0)
    kept, dropped = make_examples(measured.answered, measured.scored, *taus)
    reasons = {a.question.id: reason for a, reason in dropped}
    for a in measured.answered:
        body = {"question": a.question.text, "label": a.best}
        funnel.decide(a.question.id, reasons.get(a.question.id, ""), body)
    sizes = []
    for point in count_states(measured.scored, taus[0]):
        row: dict[str, float] = {state: getattr(point, state) for state in KNOWLEDGE_STATES}
        sizes.append({**row, "tau": point.tau_knowledge})
    session.run.ledger.set_note("sizes", sizes)
    return kept
