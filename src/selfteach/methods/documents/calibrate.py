"""Step 4 of documents: how well does each judge of knowledge tell what it should? Nothing of the
exam is used.

With `study.known=auto` the judge that ranks best says which sentences are known already. Otherwise
the judge that selects is the one that was named, with the thresholds of the configuration.

    S_K  on common questions (FURTHER of evaluate/common.py), of which the base knows some: are
         those that it does not know ranked higher?
    S_L  on the questions about the documents, with the labels as the model wrote them, before they
         were repaired: are wrong ones ranked higher?

Our own: the AUROC of each judge against questions with known answers. There are two sets, because
the base knows nearly nothing about the documents, and its labels of common facts are nearly all
right. In one set of both, a judge would shine that only tells the two kinds apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

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
from selfteach.select.clusters import choose_evenly

COMMON_TITLE = "General knowledge"


def calibrate_judges(
    session: Session, judges: Sequence[KnowledgeJudge], measured: Sequence[LabelledQuestion]
) -> list[JudgeCalibration]:
    """Measure each judge's AUROCs, in the order of the judges.

    Args:
        measured: questions about the documents with their labels as they were written.
    """
    count = session.config.select.calibrate
    common = answer_questions(
        session.base,
        make_common_questions(count),
        session.config.select.samples,
        session.config.seed,
        progress=session.display.advance,
    )
    accepted = {golds[0]: golds for _, golds in CALIBRATION_QUESTIONS}

    def says(answer: str, gold: str) -> bool:
        return any(contains_answer(answer, other) for other in accepted[gold])

    knowledge, _ = calibrate_knowledge_judges(
        judges, common, {a.question.text: a.question.short for a in common}, says
    )
    asked = choose_evenly(measured, count)
    labels, _ = calibrate_knowledge_judges(
        judges, asked, {a.question.text: a.question.short for a in asked}
    )
    return [
        replace(k, label=own.label, tau_label=own.tau_label)
        for k, own in zip(knowledge, labels, strict=True)
    ]


def describe_calibrations(found: Sequence[JudgeCalibration], used: str) -> list[dict[str, Any]]:
    """Return what the report shows; `used` marks the judge that selects."""
    return [one.to_json() | {"used": one.judge == used} for one in found]


def make_common_questions(count: int) -> list[Question]:
    """Return questions that many people can answer, each with a sentence that answers it."""
    found = []
    for text, golds in CALIBRATION_QUESTIONS[:count]:
        said = f'The right answer to the question "{text[:-1]}" is {golds[0]}.'
        (chunk,) = split_chunks(Document("common", COMMON_TITLE, said), lambda t: len(t.split()))
        found.append(Question(text, golds[0], chunk, 0))
    return found


def list_judges(session: Session, used: KnowledgeJudge) -> list[KnowledgeJudge]:
    """Return all judges that can be asked here; the one that selects comes first."""
    setup = knowledge_setup(session)
    found = [used]
    for name in list_names("knowledge_judges"):
        factory = load_registered("knowledge_judges", name)
        if name != session.config.select.judge and not factory.why_not(setup):
            found.append(factory.build(setup))
    return found


def knowledge_setup(session: Session) -> KnowledgeSetup:
    """Return what the judges of knowledge are built from in this run."""
    return KnowledgeSetup(
        session.base,
        session.config.select.nli,
        lambda scorer: Recorded(session.run.ledger, None, scorer),
    )
