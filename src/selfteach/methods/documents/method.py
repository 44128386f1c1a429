"""Documents: the model writes questions about them, finds out what it knows, and learns every
sentence in many forms, or only what it does not know.

  1  read: split documents into chunks of sentences; set people's questions, or a share of the
     sentences, aside for the exam (`read_chunks`, `held_out_questions`, `match_passages`)
  2  ask: let the model (or the teacher) write questions about every answer that a sentence offers
     (`write_questions`, `own_questions`)
  3  answer: write the label y* with the document; sample K answers with it and K without it
  4  score and filter: keep consistent labels of unknown facts. All K scores are stored, so that
     thresholds can be changed afterwards (`label_questions`, `calibrate_knowledge_judges`)
  5  train on study data (each sentence in many forms), the filtered pairs, and the base's own
     answers to other prompts; in one stage or several (`select_study_rows`,
     `general_examples`, `plan_stages`)
  6  knowledge map: known, unknown or unsure, before and after, by document, chunk and question
     (`knowledge_map`)
  7  exam: base, open book and tuned model, on questions that no lesson was chosen by
     (`exam`)

Source: Self-Learning-llm (arXiv 2406.11275).
Departs: 1. the label's words come from the text (generate/answers.py); 2. a question whose label
is too inconsistent for a pair still goes into the study data, where its sentence answers it; 3. one
training on everything is the default, because the documents and the base's own answers hold each
other in place; the paper's two stages are `stages.general`; 4. before the last third of the steps,
RegMean removes weight changes that the examples do not need (train/regmean_to_base.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.config import DocumentsConfig as Settings
from selfteach.evaluate.exam import TunedModel
from selfteach.generate.answers import LabelledQuestion
from selfteach.materials.documents.chunk import Chunk
from selfteach.materials.documents.material import Documents
from selfteach.methods.anchor_weights import ANCHOR_WEIGHT
from selfteach.methods.documents.describe_size import doubt_size
from selfteach.methods.documents.exam import build_exam, read_grading
from selfteach.methods.documents.general_examples import count_anchors, make_general_examples
from selfteach.methods.documents.knowledge_map import make_knowledge_map
from selfteach.methods.documents.label_questions import (
    label_questions,
    make_knowledge_judge,
    rank_judges,
    select_pairs,
)
from selfteach.methods.documents.plan_stages import plan_stages
from selfteach.methods.documents.plan_work import PLAN
from selfteach.methods.documents.read_chunks import read_chunks
from selfteach.methods.documents.read_documents import count_sentences
from selfteach.methods.documents.select_study_rows import make_study_examples
from selfteach.methods.documents.write_questions import split_questions
from selfteach.methods.method import Method, TrainingPlan
from selfteach.methods.session import Session
from selfteach.models.kept_engine import count_model_weights
from selfteach.records import JsonMapping, JsonObject, make_prompt
from selfteach.select.evenly import choose_evenly
from selfteach.text import format_count

OBJECTIVE_WEIGHTS = {
    "study": {"sft": 1.0},
    "pair": {"sft": 1.0, "dpo": 1.0},
    "unknown": {"sft": 1.0},
    "general": {"anchor": ANCHOR_WEIGHT},
    "own": {"sft": 1.0},
    "reading": {"sft": 1.0},
}
DISTILL_WEIGHTS = {"study": {"distill": 1.0}}
"""The objectives of study data with `study.distill`."""
COSTS_OF_CHOICE = ("samples", "calibrate")
"""Settings of `select` that are lowered to save time, as the preset `quick` does."""


def describe_idle_choice(config: Settings) -> str:
    """Return which settings of `select` were changed and choose nothing that is trained, or ""."""
    if config.stages.pairs or config.study.known is not True:
        return ""
    usual = Settings().select
    changed = [
        f"select.{name}"
        for name in type(usual).model_fields
        if name not in COSTS_OF_CHOICE and getattr(config.select, name) != getattr(usual, name)
    ]
    if not changed:
        return ""
    return (
        f"{', '.join(changed)}: changes what the report says is known, and nothing that is "
        "trained; set stages.pairs=true, or study.known=false or auto"
    )


def prepare(session: Session, material: Documents) -> TrainingPlan:
    """Turn documents into a training plan.

    Raises:
        DataError: no question can be written about the documents, or no example is left.
    """
    run = session.run
    config = session.config
    with run.time_stage("read"):
        chunks = read_chunks(session, material)  # 1
        doubt = doubt_size(count_sentences(material), count_model_weights(session.model))
        if doubt:
            session.display.print_line(doubt)
        if idle := describe_idle_choice(config):
            session.display.print_line(idle)
        knowledge_judge = make_knowledge_judge(session)
    with run.time_stage("questions"):
        people = material.questions
        held_out, written = split_questions(session, chunks, people, material.left_out)  # 1, 2
    with run.time_stage("answers"):
        with run.ledger.open_funnel("select", (q.id for q in written.trusted)) as funnel:
            measured = label_questions(session, written.trusted, knowledge_judge, funnel)  # 3, 4
            pairs = select_pairs(session, measured, funnel)  # 4
        # A resumed run must make the same examples: a failed request is not sent again.
        if session.teacher:
            session.teacher.freeze_failures()
    if config.select.calibrate:
        with run.time_stage("calibrate"):
            measured.best_judge = rank_judges(session, knowledge_judge, measured)  # 4
    with run.time_stage("anchors"):
        general = make_general_examples(session, held_out, count_anchors(session, chunks))
    with run.time_stage("study"):
        examples = make_study_examples(session, chunks, written, measured, held_out)
    if config.stages.pairs:
        examples += pairs
    stages = plan_stages(session, examples, general, measured.answered)  # 5
    all_examples = {example.id: example for stage in stages for example in stage.examples}

    def add_knowledge_map(tuned: TunedModel | None, exam: JsonObject) -> None:
        """Add what the model knows before and after (step 6)."""
        if tuned is None:
            return
        with run.time_stage("knowledge map"):
            exam["map"] = make_knowledge_map(
                session, tuned, chunks, measured.answered, measured.scored, exam["answers"]
            )

    questions = choose_evenly(held_out, config.exam.questions)
    taught_texts = list_taught_texts(chunks, measured.answered)
    prompts = [example.prompt for example in general["test"]]
    header = describe_material(session, material, chunks)
    return TrainingPlan(
        examples=list(all_examples.values()),
        objectives=OBJECTIVE_WEIGHTS | (DISTILL_WEIGHTS if config.study.distill else {}),
        exam=build_exam(session, questions, prompts, taught_texts, header),  # 7
        stages=stages,
        after=add_knowledge_map,
        shown=show_arms,
        overhead=make_prompt(chunks[0].passage + " x"),
    )


def describe_material(session: Session, material: Documents, chunks: Sequence[Chunk]) -> JsonObject:
    """Return the keys of exam.json about the documents and the judges of knowledge."""
    titles = ", ".join(sorted({chunk.title for chunk in chunks}))
    count = format_count(len(material.reading.documents), "documents")
    described = f"{count}: {titles}"
    get_note = session.run.ledger.get_note
    return {
        "material": described[:300],
        "judges": get_note("judges") or [],
        "judges_doubt": get_note("doubt about judges") or "",
    }


def show_arms(exam: JsonMapping) -> JsonObject:
    """Return the numbers of each arm, for the result."""
    return {
        arm: {"contains": share, "f1": exam["f1"][arm]} for arm, share in exam["contains"].items()
    }


def list_taught_texts(chunks: Sequence[Chunk], answered: Sequence[LabelledQuestion]) -> list[str]:
    """Return the texts that training teaches: every sentence, and the labels."""
    sentences = [chunk.words(i) for chunk in chunks for i in chunk.find_informative_sentences()]
    return [*sentences, *(a.best for a in answered)]


METHOD = Method(
    name="documents",
    settings=Settings,
    prepare=prepare,
    samples=PLAN.samples,
    plan_work=PLAN.plan_work,
    read_grading=read_grading,
    kinds=OBJECTIVE_WEIGHTS.keys(),
)
"""`selfteach documents`."""
