"""Documents: the model writes questions about them, finds out what it knows, and learns every
sentence in many forms, or only what it does not know.

  1  read: split documents into chunks of sentences; set people's questions, or a share of the
     sentences, aside for the exam
  2  ask: let the model (or the teacher) write questions about every answer that a sentence offers
  3  answer: write the label y* with the document; sample K answers with it and K without it
  4  score and filter: keep consistent labels of unknown facts. All K scores are stored, so that
     thresholds can be changed afterwards
  5  train on study data (each sentence in many forms), the filtered pairs, and the base's own
     answers to other prompts; in one stage or several
  6  knowledge map: known, unknown or unsure, before and after, by document, chunk and question
  7  exam: base, open book and tuned model, on questions that were not used to choose anything

Source: Self-Learning-llm (arXiv 2406.11275).
Departs: 1. the label's words come from the text (generate/answers.py); 2. a question whose label
is too inconsistent for a pair still goes into the study data, where its sentence answers it; 3. one
training on everything is the default, because the documents and the base's own answers hold each
other in place; the paper's two stages are `stages.general`; 4. before the last third of the steps,
RegMean removes weight changes that the examples do not need (train/regmean_to_base.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

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
from selfteach.methods.anchors import make_anchors
from selfteach.methods.documents.calibrate_knowledge_judges import (
    calibrate_judges,
    describe_calibrations,
    describe_weak_judges,
    list_judges,
    make_knowledge_setup,
)
from selfteach.methods.documents.exam import (
    HeldOutQuestion,
    build_exam,
    has_room,
    make_gap_questions,
    make_knowledge_map,
    make_people_questions,
    read_grading,
)
from selfteach.methods.documents.own_questions import choose_own_questions, find_fact
from selfteach.methods.documents.plan_work import count_anchor_prompts, plan_work
from selfteach.methods.documents.select_study_rows import (
    MeasuredQuestions,
    WrittenQuestions,
    make_study_examples,
)
from selfteach.methods.method import Method, TrainingPlan, TrainStage
from selfteach.methods.plan_parts import TRAIN_SHARE
from selfteach.methods.session import Session
from selfteach.methods.write_prompts import write_scope_prompts
from selfteach.records import (
    GREEDY,
    Example,
    JsonMapping,
    JsonObject,
    SamplingParams,
    digest,
    get_user_text,
    make_prompt,
)
from selfteach.registry import load_registered
from selfteach.run.ledger import OpenFunnel, Outcome, make_outcome
from selfteach.select.evenly import choose_evenly
from selfteach.select.knowledge import (
    KNOWLEDGE_STATES,
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
"""Share of the general prompts that become anchors; the others are for the exam."""
LIKE_EXAM = "like a question of the exam"
HELD_OUT = "held out for the exam"
TOO_MANY = "held out, more than exam.questions"
TOO_LONG = "longer than the model's context"
NO_LABEL = "no answer came to be its label"
ID_WORDS = {"general": "replay", "own": "own"}
"""The word in the id of an anchor, by its kind."""
PEOPLE = "people's questions"
"""The ledger's stage of people's held-out questions."""
OWN = "questions of the exam"
"""The ledger's stage of held-out questions where nobody brought any."""


def prepare(session: Session, material: Documents) -> TrainingPlan:
    """Turn documents into a training plan.

    Raises:
        DataError: no question can be written about the documents, or no example is left.
    """
    run = session.run
    config = session.config
    with run.time_stage("read"):
        chunks = read_chunks(session, material)  # 1
        knowledge_judge = make_knowledge_judge(session)
    with run.time_stage("questions"):
        held_out, written = split_questions(session, chunks, material.questions)  # 1, 2
    with run.time_stage("answers"):
        with run.ledger.open_funnel("select", (q.id for q in written.trusted)) as funnel:
            measured = label_questions(session, written.trusted, knowledge_judge, funnel)  # 3, 4
            pairs = select_pairs(session, measured, funnel)  # 4
        # A resumed run must make the same examples: a failed request is not sent again.
        if session.teacher:
            session.teacher.freeze_failures()
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
    described = f"{len(material.reading.documents)} documents: {titles}"
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


def split_questions(
    session: Session, chunks: Sequence[Chunk], people: Sequence[PeopleQuestion]
) -> tuple[list[HeldOutQuestion], WrittenQuestions]:
    """Return the held-out questions, people's where there are any, and the model's questions to
    learn from (steps 1 and 2).
    """
    held_out = drop_overlong_questions(session, make_people_questions(chunks, people))
    written = write_questions(session, chunks, held_out)
    return (held_out, written) if held_out else hold_out_questions(session, chunks, written)


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
    reasons = dict.fromkeys((q.text for q in questions), TOO_LONG)
    reasons |= dict.fromkeys((q.text for q in roomy), TOO_MANY)
    reasons |= dict.fromkeys((q.text for q in chosen), "")
    with session.run.ledger.open_funnel(stage) as funnel:
        for text, reason in reasons.items():
            funnel.decide(digest(["quiz", text]), reason, {"question": text[:200]})
    return roomy


def write_questions(
    session: Session, chunks: Sequence[Chunk], questions: Sequence[HeldOutQuestion]
) -> WrittenQuestions:
    """Write questions that make sense by themselves, are new, and are unlike those of the exam
    (step 2).
    """
    config = session.config.questions
    exam = OverlapIndex(q.text for q in questions)
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
            f"{len(gaps)} sentences"
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
    best_judge = rank_judges(session, judge, written, answered) if config.calibrate else None
    rows = [describe_scores(a, s) for a, s in zip(answered, scored, strict=True)]
    session.run.ledger.set_note("knowledge", rows)
    return MeasuredQuestions(answered, scored, best_judge)


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
    blind = answer_without_document(session.base, [a.question for a in answered], count, seed)
    return [replace(a, blind=own) for a, own in zip(answered, blind, strict=True)]


def rank_judges(
    session: Session,
    judge: KnowledgeJudge,
    written: Sequence[LabelledQuestion],
    answered: Sequence[LabelledQuestion],
) -> BestJudge | None:
    """Measure how well each judge recognizes what the model knows; with `study.known=auto` return
    the best judge, if it is good enough.

    Args:
        judge: the judge that selects.
        written: the questions with their labels as they were written.
        answered: the same with repaired labels.
    """
    config = session.config.select
    session.display.start_stage("calibrate")
    judges = list_judges(session, judge)
    found = calibrate_judges(session, judges, written)
    session.run.ledger.set_note("judges", describe_calibrations(found, config.judge))
    doubt = describe_weak_judges(found, config.min_auroc)
    session.run.ledger.set_note("doubt about judges", doubt)
    if doubt:
        session.display.print_line(doubt)
    if session.config.study.known != "auto":
        return None
    return choose_best_judge(judges, found, answered, config.min_auroc, config.tau_label)


def make_knowledge_judge(session: Session) -> KnowledgeJudge:
    """Return the judge of knowledge that the configuration names.

    Raises:
        UsageError: it is `nli`, and no model is named for it.
    """
    factory = load_registered("knowledge_judges", session.config.select.judge)
    found: KnowledgeJudge = factory.build(make_knowledge_setup(session))
    return found


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
    return [replace(e, kind="pair" if e.rejected else "unknown") for e in kept]


def list_taught_texts(chunks: Sequence[Chunk], answered: Sequence[LabelledQuestion]) -> list[str]:
    """Return the texts that training teaches: every sentence, and the labels."""
    sentences = [chunk.words(i) for chunk in chunks for i in chunk.find_informative_sentences()]
    return [*sentences, *(a.best for a in answered)]


def count_anchors(session: Session, chunks: Sequence[Chunk]) -> int:
    """Return how many general prompts to write beside the study data of these chunks."""
    sentences = sum(len(chunk.find_informative_sentences()) for chunk in chunks)
    return count_anchor_prompts(sentences, session.config)


def make_general_examples(
    session: Session, questions: Sequence[HeldOutQuestion], count: int
) -> dict[str, list[Example]]:
    """Return general prompts that the base writes, with its own answers.

    `train`: four fifths of them, each with the beginning of the base's answer. `test`: the rest,
    for the exam. `own`: where a stage needs them, whole answers to the prompts of `train`, sampled
    at T = 1.

    Nearly half of the prompts are plain questions of fact. They look like the questions of the
    documents but are about something else. No prompt is like a question of the exam, common
    questions included.

    Args:
        count: how many prompts to write.
    """
    config = session.config.anchors
    stages = session.config.stages
    max_overlap = session.config.questions.max_overlap
    asked = [text for q in questions for text in q.list_wordings()]
    pool = OverlapIndex([*asked, *(text for text, _ in COMMON_QUESTIONS)])

    def find_fault(text: str) -> str:
        fault = find_format_fault(text)
        if fault:
            return fault
        if pool.nearest(text, max_overlap).similarity >= max_overlap:
            return "like another prompt"
        pool.add(text)
        return ""

    written = write_scope_prompts(
        session, Subject(""), "general", count, range(config.rounds), find_fault, REQUESTS | FACTS
    )
    texts = [prompt.text for prompt in written]
    shuffled = sorted(texts, key=lambda text: digest([session.config.seed, text]))
    train = shuffled[: round(TRAIN_SHARE * len(texts))]
    learned = set(train)
    beginnings = SamplingParams(GREEDY.temperature, 1.0, config.anchor_tokens)
    found = {
        "train": keep_base_answers(session, train, "anchors", "general", beginnings),
        "test": make_test_prompts(session, [text for text in texts if text not in learned]),
        "own": [],
    }
    if stages.general or stages.healing:
        whole = SamplingParams(1.0, 1.0, stages.general_tokens)
        found["own"] = keep_base_answers(session, train, "base answers", "own", whole)
    return found


def make_test_prompts(session: Session, prompts: Sequence[str]) -> list[Example]:
    """Return the general prompts of the exam; drop those beyond `exam.general`."""
    count = session.config.exam.general
    examples = [
        Example(digest([ID_WORDS["general"], text]), "general", make_prompt(text), "")
        for text in prompts
    ]
    with session.run.ledger.open_funnel("anchors") as funnel:
        for example in examples[count:]:
            body = {"prompt": get_user_text(example.prompt)}
            funnel.decide(example.id, "held out, more than exam.general", body)
    return examples[:count]


def keep_base_answers(
    session: Session, prompts: Sequence[str], stage: str, kind: str, sampling: SamplingParams
) -> list[Example]:
    """Return the base's own answers as examples of a kind; drop empty ones."""
    return make_anchors(
        session,
        [make_prompt(text) for text in prompts],
        sampling,
        lambda prompt, answer: digest([ID_WORDS[kind], get_user_text(prompt)]),
        kind=kind,
        stage=stage,
    )


def make_reading_examples(answered: Sequence[LabelledQuestion]) -> list[Example]:
    """Return reading examples: a question with its passage in the prompt, and the label."""
    found = []
    for a in answered:
        if find_label_fault(a):
            continue
        q = a.question
        id = digest(["reading", q.id, a.best])
        source = q.chunk.describe_source(q.sentence)
        prompt = make_open_book_chat(q.text, q.chunk)
        found.append(Example(id, "reading", prompt, a.best, source=source))
    return found


def mix_sft_stage(own: Sequence[Example], reading: Sequence[Example]) -> list[Example]:
    """Mix the paper's SFT stage: two of the base's own answers for each reading example. Leave the
    surplus of either out, evenly.
    """
    count = min(len(own) // 2, len(reading))
    if not count:
        return list(own)
    return [*choose_evenly(own, 2 * count), *choose_evenly(reading, count)]


def plan_stages(
    session: Session,
    examples: Sequence[Example],
    general: Mapping[str, Sequence[Example]],
    answered: Sequence[LabelledQuestion],
) -> list[TrainStage]:
    """Return the training stages in order (step 5).

    Raises:
        DataError: there is nothing to learn from the documents.
    """
    if not examples:
        raise DataError(
            "nothing is left to learn.",
            cure="Look into dropped.jsonl; lower select.tau_knowledge, or switch stages.study on.",
        )
    wanted = session.config.stages
    own = general["own"]
    stages = [TrainStage("documents", [*examples, *general["train"]])]
    if wanted.general:
        reading = make_reading_examples(answered)
        mixed = mix_sft_stage(own, reading)
        stages.insert(0, TrainStage("general", mixed))
        record_mixed(session, "reading examples", reading, mixed)
        if not wanted.healing:
            record_mixed(session, "base answers", own, mixed)
    if wanted.healing:
        stages.append(TrainStage("healing", own))
    return stages


def record_mixed(
    session: Session, stage: str, candidates: Sequence[Example], mixed: Sequence[Example]
) -> None:
    """Record which examples the mixed stage takes, and drop the others."""
    taken = {example.id for example in mixed}
    with session.run.ledger.open_funnel(stage) as funnel:
        for example in candidates:
            reason = "" if example.id in taken else "more than its share of the stage"
            funnel.decide(example.id, reason, {"prompt": get_user_text(example.prompt)})


METHOD = Method(
    name="documents",
    settings=Settings,
    prepare=prepare,
    plan_work=plan_work,
    read_grading=read_grading,
)
"""`selfteach documents`."""
