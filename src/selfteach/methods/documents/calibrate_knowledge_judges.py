"""Step 4 of documents: measure how well each judge of knowledge recognizes what the model knows.
The exam's questions are not used.

With `study.known=auto` the judge with the best ranking decides which sentences are known already.
Otherwise the configured judge decides, with the thresholds of the configuration.

    S_K  on common questions (CALIBRATION_QUESTIONS of evaluate/common_knowledge.py), of which the
         base knows some: does it rank the unknown ones higher?
    S_L  on the questions about the documents, with the labels as the model wrote them, before any
         repair: does it rank the wrong ones higher?

Our own: the AUROC of each judge against questions with known answers. There are two sets, because
the base knows nearly nothing about the documents, and its labels of common facts are nearly all
right. On one joint set, a judge that only tells the two kinds apart would get a high AUROC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from selfteach.evaluate.common_knowledge import CALIBRATION_QUESTIONS
from selfteach.evaluate.judge_calibration import JudgeCalibration, calibrate_knowledge_judges
from selfteach.generate.answers import LabelledQuestion, answer_questions
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeJudge
from selfteach.judge.match import contains_answer
from selfteach.judge.setup import KnowledgeSetup
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.registry import list_names, load_registered
from selfteach.select.evenly import choose_evenly

COMMON_TITLE = "General knowledge"


def calibrate_on_both_sets(
    session: Session, judges: Sequence[KnowledgeJudge], measured: Sequence[LabelledQuestion]
) -> list[JudgeCalibration]:
    """Measure each judge's AUROCs, in the order of the judges: of S_K on common questions, and of
    S_L on questions about the documents.

    Args:
        measured: questions about the documents with their labels as they were written.
    """
    config = session.config.select
    common = answer_questions(
        session.base,
        make_common_questions(config.calibrate),
        config.samples,
        session.config.seed,
        progress=session.display.advance,
    )
    accepted = {golds[0]: golds for _, golds in CALIBRATION_QUESTIONS}

    def is_right(answer: str, gold: str) -> bool:
        return any(contains_answer(answer, other) for other in accepted[gold])

    knowledge = calibrate_knowledge_judges(
        judges, common, map_answers(common), config.max_false_known, is_right
    )
    chosen = choose_evenly(measured, config.calibrate)
    labels = calibrate_knowledge_judges(judges, chosen, map_answers(chosen), config.max_false_known)
    return [
        replace(k, label=own.label, tau_label=own.tau_label)
        for k, own in zip(knowledge, labels, strict=True)
    ]


def map_answers(answered: Sequence[LabelledQuestion]) -> dict[str, str]:
    """Return the right answer of each question, by its text."""
    return {a.question.text: a.question.short for a in answered}


def describe_weak_judges(found: Sequence[JudgeCalibration], min_auroc: float) -> str:
    """Describe in one line that no judge ranks unknown questions well enough; "" if one does."""
    best = max(found, key=lambda one: one.knowledge.value, default=None)
    if best is None or not best.knowledge.n or best.knowledge.value >= min_auroc:
        return ""
    return (
        f"no judge tells what this model knows: the best, {best.judge}, has AUROC "
        f"{best.knowledge.value:.2f} on {best.knowledge.n} common questions (select.min_auroc is "
        f"{min_auroc:g}); the map's known and unknown are guesses"
    )


def make_common_questions(count: int) -> list[Question]:
    """Return questions that many people can answer, each with a sentence that answers it."""
    found = []
    for text, golds in CALIBRATION_QUESTIONS[:count]:
        sentence = f'The right answer to the question "{text[:-1]}" is {golds[0]}.'
        document = Document("common", COMMON_TITLE, sentence)
        (chunk,) = split_chunks(document, lambda text: len(text.split()))
        found.append(Question(text, golds[0], chunk, 0))
    return found


def list_judges(session: Session, used: KnowledgeJudge) -> list[KnowledgeJudge]:
    """Return all judges that work in this run; the one that selects comes first."""
    setup = make_knowledge_setup(session)
    found = [used]
    for name in list_names("knowledge_judges"):
        factory = load_registered("knowledge_judges", name)
        if name != session.config.select.judge and not factory.explain_unavailable(setup):
            found.append(factory.build(setup))
    return found


def make_knowledge_setup(session: Session) -> KnowledgeSetup:
    """Return the models from which the judges of knowledge are built in this run."""
    return KnowledgeSetup(
        session.base,
        session.config.select.nli,
        lambda scorer: Recorded(session.run.ledger, None, scorer),
    )
