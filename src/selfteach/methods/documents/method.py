"""Documents: the model asks itself about them, maps what it knows, and learns every sentence in
many forms, or only what it does not know.

  1  read: documents become chunks of sentences; people's questions, or a share of the sentences,
     are set aside for the exam
  2  ask: the student (or the teacher) asks about every answer that a sentence offers
  3  answer: the label y* with the document, K samples with it, K samples without it
  4  score and filter: is the label consistent, and is it unknown? All K scores are kept, so that
     thresholds can be changed afterwards
  5  train: study data (each sentence in many forms), the filtered pairs, the base's own answers to
     anything else; stage by stage
  6  knowledge map: known, unknown or unsure, before and after, by document, chunk and question
  7  exam: base, open book, taught, on questions that nothing was chosen on

Source: Self-Learning-llm (arXiv 2406.11275).
Departs: 1. the label's words come from the text (generate/respond.py); 2. what is not consistent
enough for a pair still asks about its sentence, and the sentence answers it: it goes into the study
data; 3. one training on everything is the default, because the documents and the base's own answers
hold each other in place; the paper's two stages are `stages.general`; 4. before its last third the
training gives up what the lessons do not need (train/regmean.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from selfteach.config import DocumentsConfig as Settings
from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS
from selfteach.evaluate.exam import TunedModel
from selfteach.evaluate.judge_calibration import BestJudge, choose_best_judge
from selfteach.generate.answers import (
    MAX_TOKENS,
    LabelledQuestion,
    answer_questions,
    answer_without_document,
    make_open_book_chat,
)
from selfteach.generate.ask import Subject
from selfteach.generate.few_shot import FACTS, REQUESTS
from selfteach.generate.questions import (
    Question,
    QuestionPlan,
    generate_questions,
    make_question_prompt,
)
from selfteach.judge.contradiction import KnowledgeJudge, KnowledgeScores
from selfteach.judge.language import find_main_script
from selfteach.materials.documents.chunk import Chunk, split_chunks
from selfteach.materials.documents.material import Documents
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.methods.documents.calibrate import (
    calibrate_judges,
    describe_calibrations,
    knowledge_setup,
    list_judges,
)
from selfteach.methods.documents.exam import (
    HeldOutQuestion,
    build_exam,
    count_held_out,
    has_room,
    make_gap_questions,
    make_knowledge_map,
    make_own_questions,
    make_people_questions,
)
from selfteach.methods.documents.study import (
    MeasuredQuestions,
    WrittenQuestions,
    make_study_examples,
)
from selfteach.methods.method import Method, TrainingPlan, TrainStage
from selfteach.methods.prompts import write_scope_prompts
from selfteach.methods.session import Session
from selfteach.records import (
    GREEDY,
    Example,
    Request,
    SamplingParams,
    digest,
    get_user_text,
    make_prompt,
)
from selfteach.registry import load_registered
from selfteach.run.ledger import Outcome, OutcomeState
from selfteach.select.clusters import choose_evenly
from selfteach.select.knowledge import (
    ThresholdPoint,
    count_states,
    find_label_fault,
    make_examples,
    repair_label,
)
from selfteach.select.prompt_format import find_format_fault
from selfteach.select.question_format import (
    find_answer_fault,
    find_context_fault,
    has_foreign_names,
    is_off_sentence,
)
from selfteach.select.specificity import SpecificityCheck

OBJECTIVE_WEIGHTS = {
    "study": {"sft": 1.0},
    "pair": {"sft": 1.0, "dpo": 1.0},
    "unknown": {"sft": 1.0},
    "general": {"anchor": 8.0},
    "own": {"sft": 1.0},
    "reading": {"sft": 1.0},
}
DISTILL_WEIGHTS = {"study": {"distill": 1.0}}
LIKE_EXAM, HELD_OUT = "like a question of the exam", "held out for the exam"
TOO_MANY, TOO_LONG = "held out, more than exam.questions", "longer than the model's context"
NO_LABEL = "no answer came to be its label"
PEOPLE = "people's questions"
"""The stage that counts which held-out questions the exam asks."""
OWN = "questions of the exam"
"""The same, where nobody brought questions."""


def prepare(session: Session, material: Documents) -> TrainingPlan:
    """Turn documents into a training plan.

    Raises:
        DataError: nothing can be asked about the documents, or nothing is left to learn from.
    """
    run, config = session.run, session.config
    with run.time_stage("read"):
        chunks = read_chunks(session, material)  # 1
        knowledge_judge = make_knowledge_judge(session)
    with run.time_stage("ask"):
        kept_out, asked = split_questions(session, chunks, material.questions)  # 1, 2
    with run.time_stage("answer"):
        measured = label_questions(session, asked.trusted, knowledge_judge)  # 3, 4
        pairs = select_pairs(session, measured)  # 4
        # What the teacher's server lost stays lost, or a resumed run would make other examples.
        if session.teacher:
            session.teacher.freeze_failures()
    with run.time_stage("keep"):
        general = make_general_examples(session, kept_out)
    with run.time_stage("study"):
        examples = make_study_examples(session, chunks, asked, measured, kept_out)
    if config.stages.pairs:
        examples += pairs
    trainings = plan_stages(session, examples, general, measured.answered)  # 5

    def add_knowledge_map(tuned: TunedModel | None, exam: dict[str, Any]) -> None:
        """Add what the model knows before and after."""
        if tuned is None:
            return
        with run.time_stage("map"):
            exam["map"] = make_knowledge_map(  # 6
                session, tuned, chunks, measured.answered, measured.scored, exam["answers"]
            )

    quiz = choose_evenly(kept_out, config.exam.questions)
    taught_texts = list_taught_texts(chunks, measured.answered)
    prompts = [example.prompt for example in general["test"]]
    header = describe_material(session, material, chunks)
    return TrainingPlan(
        examples=collect_examples(trainings),
        objectives=OBJECTIVE_WEIGHTS | (DISTILL_WEIGHTS if config.study.distill else {}),
        exam=build_exam(session, quiz, prompts, taught_texts, header),  # 7
        stages=trainings,
        after=add_knowledge_map,
        shown=show_arms,
        overhead=make_prompt(chunks[0].passage + " x"),
    )


def collect_examples(trainings: Sequence[TrainStage]) -> list[Example]:
    """Return the examples of all trainings, each once."""
    found: dict[str, Example] = {}
    for training in trainings:
        for example in training.examples:
            found[example.id] = example
    return list(found.values())


def describe_material(
    session: Session, material: Documents, chunks: Sequence[Chunk]
) -> dict[str, Any]:
    """Return what exam.json says of the documents, and of the judges of what is known."""
    titles = ", ".join(sorted({chunk.title for chunk in chunks}))
    described = f"{len(material.reading.documents)} documents: {titles}"
    judges = session.run.ledger.get_note("judges") or []
    return {"material": described[:300], "judges": judges}


def show_arms(exam: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of each arm, for the result."""
    found: dict[str, Any] = {}
    for arm in exam["contains"]:
        found[arm] = {name: exam[name][arm] for name in ("contains", "f1") if arm in exam[name]}
    return found


def read_chunks(session: Session, material: Documents) -> list[Chunk]:
    """Return the chunks of the documents, and account for each document and each file that was put
    aside (step 1).

    Raises:
        DataError: a sentence is longer than the model's context.
    """
    reading = material.reading
    fates = []
    for document in reading.documents:
        body = {"file": document.source, "title": document.title}
        fates.append(Outcome(document.id, "accepted", "", body))
    for line in reading.skipped:
        fates.append(
            Outcome(digest(["aside", line.where]), "dropped", line.fault, {"file": line.where})
        )
    session.run.ledger.record_outcomes("read", fates)
    count = partial(count_tokens, session)
    chunks: list[Chunk] = []
    for document in reading.documents:
        chunks += split_chunks(document, count, session.config.read.chunk_tokens)
    if session.teacher is None:
        refuse_long_sentences(session, chunks)
    return chunks


def count_tokens(session: Session, text: str) -> int:
    """Return how many tokens a text has."""
    return len(session.model.encode_answer(text, end=False))


def refuse_long_sentences(session: Session, chunks: Sequence[Chunk]) -> None:
    """Check that the model can be asked about its longest sentence.

    Raises:
        DataError: it does not fit into the context.
    """
    plans = []
    for chunk in chunks:
        for i in range(len(chunk.sentences)):
            plans.append(QuestionPlan(chunk, i, chunk.words(i).split()[0], 0))
    sizes = [count_tokens(session, plan.chunk.words(plan.sentence)) for plan in plans]
    size, longest = max(zip(sizes, plans, strict=True), key=lambda pair: pair[0])
    needed = len(session.model.encode(make_question_prompt(longest))) + 2 * MAX_TOKENS
    if needed > session.model.context_tokens:
        raise DataError(
            f"a sentence of {size} tokens and the worked examples need {needed}, more than the "
            f"model's context of {session.model.context_tokens}.",
            where=longest.chunk.document.source,
            cure="Lower read.chunk_tokens, which cuts it, or use a model with a longer context.",
        )


def split_questions(
    session: Session, chunks: Sequence[Chunk], people: Sequence[PeopleQuestion]
) -> tuple[list[HeldOutQuestion], WrittenQuestions]:
    """Return the questions of the exam, people's where there are any, and those that are asked
    besides (steps 1 and 2).
    """
    quiz = drop_overlong_questions(session, make_people_questions(chunks, people), PEOPLE)
    asked = write_questions(session, chunks, quiz)
    return (quiz, asked) if quiz else hold_out_questions(session, chunks, asked)


def drop_overlong_questions(
    session: Session, questions: Sequence[HeldOutQuestion], stage: str = PEOPLE
) -> list[HeldOutQuestion]:
    """Return the questions that fit into the model's context with their document.

    All of them are held out; the exam asks `exam.questions` of them, evenly over all. Those that it
    does not ask are dropped with the reason.

    Args:
        stage: where they are counted.
    """
    kept = [q for q in questions if has_room(session, q)]
    fits = {q.text for q in kept}
    asked = {q.text for q in choose_evenly(kept, session.config.exam.questions)}
    fates = []
    for q in questions:
        reason = ""
        if q.text not in fits:
            reason = TOO_LONG
        elif q.text not in asked:
            reason = TOO_MANY
        state: OutcomeState = "dropped" if reason else "accepted"
        fates.append(Outcome(digest(["quiz", q.text]), state, reason, {"question": q.text[:200]}))
    session.run.ledger.record_outcomes(stage, fates)
    return kept


def write_questions(
    session: Session, chunks: Sequence[Chunk], questions: Sequence[HeldOutQuestion]
) -> WrittenQuestions:
    """Ask questions that make sense by themselves, are new, and are unlike those of the exam
    (step 2).
    """
    config = session.config.questions
    exam = OverlapIndex(q.text for q in questions)
    seen: set[str] = set()
    pointing = SpecificityCheck(chunks)
    scripts = {chunk.id: find_main_script(chunk.passage) for chunk in chunks}

    def find_fault(question: Question) -> str:
        reason = (
            find_format_fault(question.text, script=scripts[question.chunk.id])
            or find_context_fault(question.text, question.chunk.title)
            or pointing.fault(question)
        )
        if reason:
            return reason
        if has_foreign_names(question) or (
            is_off_sentence(question) and find_answer_fault(question)
        ):
            return "asks about something else"
        if question.text.lower() in seen:
            return "repeats another question"
        if exam.nearest(question.text).similarity >= config.max_overlap:
            return LIKE_EXAM
        # A question that was refused until here may be asked well of another sentence.
        seen.add(question.text.lower())
        return ""

    session.display.start_stage("ask")
    written = generate_questions(
        session.teacher or session.base,
        chunks,
        config.per_chunk,
        find_fault,
        config.rounds,
        session.config.seed,
        instructed=session.teacher is not None,
        progress=session.display.advance,
    )
    found = WrittenQuestions([], [])
    fates: dict[str, Outcome] = {}
    for one, reason in written:
        if one.id not in fates or not reason:
            fates[one.id] = _make_outcome(one, reason)
        if reason:
            continue
        found.all.append(one)
        if not find_answer_fault(one):
            found.trusted.append(one)
    session.run.ledger.record_outcomes("ask", fates.values())
    session.display.print_line(
        f"{len(found.all)} questions of use, {len(found.trusted)} of them came back "
        "with their answer"
    )
    return found


def _make_outcome(asked: Question, reason: str = "") -> Outcome:
    body = {
        "question": asked.text,
        "answer": asked.short,
        "back": asked.back,
        "doubt": find_answer_fault(asked),
        **asked.chunk.describe_source(asked.sentence),
    }
    return Outcome(asked.id, "dropped" if reason else "accepted", reason, body)


def hold_out_questions(
    session: Session, chunks: Sequence[Chunk], asked: WrittenQuestions
) -> tuple[list[HeldOutQuestion], WrittenQuestions]:
    """Set questions about a share of the sentences aside for the exam, where nobody brought any;
    return them and the questions that are left to learn from.

    Too few may have come back with their answer, as in a language that the model does not ask in.
    Then the exam asks for words left out of sentences.

    Raises:
        DataError: there are too few to learn from some and to be examined on others.
    """
    config = session.config.questions
    places = {(q.chunk.id, q.sentence) for q in asked.trusted}
    where = sorted(places, key=lambda place: digest([session.config.seed, *place]))
    gaps: list[HeldOutQuestion] = []
    if len(where) < 2:
        gaps = make_gap_questions(chunks, config.held_out, session.config.seed)
        if not gaps:
            raise DataError(
                f"{len(asked.trusted)} questions about {len(where)} sentences are too few to "
                "learn from some and to be examined on others.",
                cure="Bring more text, questions of people (--questions), or a model that asks "
                "better (--teacher).",
            )
        session.display.print_line(
            f"{len(asked.trusted)} questions came back with their answer; the exam asks "
            f"for words left out of {len(gaps)} sentences"
        )
    aside = set(where[: count_held_out(len(where), config.held_out)])
    own = make_own_questions([q for q in asked.trusted if (q.chunk.id, q.sentence) in aside])
    quiz = drop_overlong_questions(session, gaps or own, OWN)
    if not quiz:
        raise DataError(
            "no question of the exam fits into the model's context with its piece.",
            cure="Lower read.chunk_tokens.",
        )
    exam = OverlapIndex(q.text for q in quiz)
    reasons = {}
    for q in asked.all:
        if (q.chunk.id, q.sentence) in aside:
            reasons[q.id] = HELD_OUT
        elif exam.nearest(q.text).similarity >= config.max_overlap:
            reasons[q.id] = LIKE_EXAM
    fates = [_make_outcome(q, reasons[q.id]) for q in asked.all if q.id in reasons]
    session.run.ledger.record_outcomes("ask", fates)
    left = [q for q in asked.all if q.id not in reasons]
    trusted = [q for q in asked.trusted if q.id not in reasons]
    return quiz, WrittenQuestions(left, trusted)


def label_questions(
    session: Session, trusted: Sequence[Question], judged: KnowledgeJudge
) -> MeasuredQuestions:
    """Label the questions, repair the labels that lost the answer's words, and let the judge score
    what is known (steps 3 and 4).
    """
    config = session.config.select
    ledger = session.run.ledger
    ledger.register("select", (q.id for q in trusted))
    session.display.start_stage("answer", len(trusted) * (1 + 2 * config.samples))
    written = write_labels(session, trusted)
    labelled = {a.question.id for a in written}
    lost = [q for q in trusted if q.id not in labelled]
    ledger.record_outcomes(
        "select", (Outcome(q.id, "failed", NO_LABEL, {"question": q.text}) for q in lost)
    )
    answered = [repair_label(a) for a in written]
    scored = judged.scores(answered)
    sure = rank_judges(session, judged, written, answered) if config.calibrate else None
    ledger.set_note(
        "knowledge", [_make_answer_row(a, s) for a, s in zip(answered, scored, strict=True)]
    )
    return MeasuredQuestions(answered, scored, sure)


def write_labels(session: Session, trusted: Sequence[Question]) -> list[LabelledQuestion]:
    """Return each question with its label, samples with the document and samples without it. The
    base answers without it, also where a teacher writes the labels.
    """
    teacher = session.teacher
    draws, seed = session.config.select.samples, session.config.seed
    answered = answer_questions(
        teacher or session.base,
        trusted,
        draws,
        seed,
        instructed=teacher is not None,
        blind=teacher is None,
        progress=session.display.advance,
    )
    if teacher is None:
        return answered
    blind = answer_without_document(session.base, [a.question for a in answered], draws, seed)
    return [replace(a, blind=own) for a, own in zip(answered, blind, strict=True)]


def rank_judges(
    session: Session,
    judged: KnowledgeJudge,
    written: Sequence[LabelledQuestion],
    answered: Sequence[LabelledQuestion],
) -> BestJudge | None:
    """Measure how well each judge tells what is known; with `study.known=auto` return the best one,
    if it is good enough.

    Args:
        written: the questions with their labels as they were written.
        answered: the same with repaired labels.
    """
    config = session.config.select
    session.display.start_stage("calibrate")
    judges = list_judges(session, judged)
    found = calibrate_judges(session, judges, written)
    session.run.ledger.set_note("judges", describe_calibrations(found, config.judge))
    if session.config.study.known != "auto":
        return None
    return choose_best_judge(judges, found, answered, config.min_auroc, config.tau_label)


def make_knowledge_judge(session: Session) -> KnowledgeJudge:
    """Return the judge of knowledge that the configuration names.

    Raises:
        UsageError: it is `nli`, and no model is named for it.
    """
    factory = load_registered("knowledge_judges", session.config.select.judge)
    found: KnowledgeJudge = factory.build(knowledge_setup(session))
    return found


def _make_answer_row(answered: LabelledQuestion, scored: KnowledgeScores) -> dict[str, Any]:
    q = answered.question
    return {
        "id": q.id,
        "question": q.text,
        "short": q.short,
        "label": answered.best,
        "fault": find_label_fault(answered),
        "informed": answered.informed,
        "blind": answered.blind,
        "scores": scored.to_json(),
        **q.chunk.describe_source(q.sentence),
    }


def select_pairs(session: Session, measured: MeasuredQuestions) -> list[Example]:
    """Return the pairs that are learned; what is known, unsure or lost its answer is dropped with
    that reason (step 4).
    """
    config = session.config.select
    tau_label, tau_knowledge = 1.0, -1.0
    if config.filter_pairs:
        tau_label, tau_knowledge = config.tau_label, config.tau_knowledge
    kept, dropped = make_examples(measured.answered, measured.scored, tau_label, tau_knowledge)
    reasons = {a.question.id: reason for a, reason in dropped}
    fates = []
    for a in measured.answered:
        reason = reasons.get(a.question.id, "")
        body = {"question": a.question.text, "label": a.best}
        fates.append(Outcome(a.question.id, "dropped" if reason else "accepted", reason, body))
    session.run.ledger.finish_stage("select", fates)
    session.run.ledger.set_note(
        "sizes", [_make_size_row(p) for p in count_states(measured.scored, tau_label)]
    )
    return [replace(e, kind="pair" if e.rejected else "unknown") for e in kept]


def _make_size_row(point: ThresholdPoint) -> dict[str, Any]:
    return {
        "tau": point.tau_knowledge,
        "known": point.known,
        "unknown": point.unknown,
        "unsure": point.unsure,
    }


def list_taught_texts(chunks: Sequence[Chunk], answered: Sequence[LabelledQuestion]) -> list[str]:
    """Return what is taught: every sentence, and the labels."""
    sentences = [chunk.words(i) for chunk in chunks for i in chunk.find_informative_sentences()]
    return [*sentences, *(a.best for a in answered)]


def make_general_examples(
    session: Session, questions: Sequence[HeldOutQuestion]
) -> dict[str, list[Example]]:
    """Return general prompts that the base asks itself, with its own answers.

    `train`: four fifths of them, each with the beginning of the base's answer. `test`: the rest,
    for the exam. `own`: where a stage wants them, whole answers to the prompts of `train`, sampled
    at T = 1.

    Nearly half of the prompts are plain questions of fact, which look like what is taught and are
    about something else. No prompt is like a question of the exam, a common one included.
    """
    config, wanted = session.config.anchors, session.config.stages
    max_overlap = session.config.questions.max_overlap
    pool = OverlapIndex([*(q.text for q in questions), *(text for text, _ in COMMON_QUESTIONS)])

    def find_fault(text: str) -> str:
        if fault := find_format_fault(text):
            return fault
        if pool.nearest(text).similarity >= max_overlap:
            return "like another prompt"
        pool.add(text)
        return ""

    forms = REQUESTS | FACTS
    asked = write_scope_prompts(
        session, Subject(""), "general", config.general, config.rounds, find_fault, forms
    )
    prompts = [a.text for a in asked]
    shuffled = sorted(prompts, key=lambda text: digest([session.config.seed, text]))
    train = shuffled[: round(0.8 * len(prompts))]
    rest = [text for text in prompts if text not in set(train)]
    beginnings = SamplingParams(GREEDY.temperature, 1.0, config.anchor_tokens)
    found = {
        "train": sample_base_answers(session, train, "general", beginnings),
        "test": general_questions(session, rest),
        "own": [],
    }
    if wanted.general or wanted.healing:
        found["own"] = sample_base_answers(
            session, train, "own", SamplingParams(1.0, 1.0, wanted.general_tokens)
        )
    return found


def general_questions(session: Session, prompts: Sequence[str]) -> list[Example]:
    """Return the general prompts of the exam; those beyond `exam.general` are dropped."""
    count = session.config.exam.general
    ids = {text: digest(["replay", text]) for text in prompts}
    beyond = [
        Outcome(ids[text], "dropped", "held out, more than exam.general", {"prompt": text})
        for text in prompts[count:]
    ]
    session.run.ledger.record_outcomes("replay", beyond)
    return [Example(ids[text], "general", make_prompt(text), "") for text in prompts[:count]]


def sample_base_answers(
    session: Session, prompts: Sequence[str], kind: str, sampling: SamplingParams
) -> list[Example]:
    """Return what the base answers; an empty answer is dropped."""
    name = "replay" if kind == "general" else kind
    ids = [digest([name, text]) for text in prompts]
    session.run.ledger.register(name, ids)
    session.display.start_stage("keep", len(prompts))
    requests = [
        Request("keep", make_prompt(text), sampling, 0, session.config.seed) for text in prompts
    ]
    draws = session.base.sample(requests, session.display.advance)
    found, fates = [], []
    for id, text, draw in zip(ids, prompts, draws, strict=True):
        if not draw.text.strip():
            fates.append(Outcome(id, "dropped", "the base says nothing", {"prompt": text}))
            continue
        cut = ["chosen"] if draw.finish == "length" else []
        found.append(Example(id, kind, make_prompt(text), draw.text, None, {}, {"cut": cut}))
        fates.append(Outcome(id, "accepted", "", {"prompt": text}))
    session.run.ledger.finish_stage(name, fates)
    return found


def make_reading_examples(answered: Sequence[LabelledQuestion]) -> list[Example]:
    """Return worked reading: a question with its passage in the prompt, and the label."""
    found = []
    for a in answered:
        if find_label_fault(a):
            continue
        q = a.question
        id = digest(["reading", q.id, a.best])
        prompt = make_open_book_chat(q.text, q.chunk)
        found.append(
            Example(id, "reading", prompt, a.best, source=q.chunk.describe_source(q.sentence))
        )
    return found


def mix_sft_stage(own: Sequence[Example], read: Sequence[Example]) -> list[Example]:
    """Mix the paper's SFT stage: two of the base's own answers to one worked reading. Surplus of
    either is left out, evenly.
    """
    count = min(len(own) // 2, len(read))
    return [*choose_evenly(own, 2 * count), *choose_evenly(read, count)] if count else list(own)


def plan_stages(
    session: Session,
    examples: Sequence[Example],
    replayed: Mapping[str, Sequence[Example]],
    answered: Sequence[LabelledQuestion],
) -> list[TrainStage]:
    """Return the trainings, which follow one another (step 5).

    Raises:
        DataError: there is nothing to learn from the documents.
    """
    if not examples:
        raise DataError(
            "nothing is left to learn.",
            cure="Look into dropped.jsonl; lower select.tau_knowledge, or switch stages.study on.",
        )
    wanted, own = session.config.stages, replayed["own"]
    found = [TrainStage("documents", [*examples, *replayed["train"]])]
    if wanted.general:
        read = make_reading_examples(answered)
        mixed = mix_sft_stage(own, read)
        found.insert(0, TrainStage("general", mixed))
        count_mixed(session, "reading", read, mixed)
        if not wanted.healing:
            count_mixed(session, "own", own, mixed)
    if wanted.healing:
        found.append(TrainStage("healing", own))
    return found


def count_mixed(
    session: Session, stage: str, candidates: Sequence[Example], mixed: Sequence[Example]
) -> None:
    """Record which examples the mixed stage takes, and drop the others."""
    taken = {example.id for example in mixed}
    fates = []
    for example in candidates:
        reason = "" if example.id in taken else "more than its share of the stage"
        body = {"prompt": get_user_text(example.prompt)}
        fates.append(Outcome(example.id, "dropped" if reason else "accepted", reason, body))
    session.run.ledger.record_outcomes(stage, fates)


METHOD = Method(name="documents", settings=Settings, prepare=prepare)
"""`selfteach documents`."""
