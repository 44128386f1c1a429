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

from selfteach.config import Documents as Settings
from selfteach.errors import DataError, UsageError
from selfteach.evaluate.calibration import Sure, surest
from selfteach.evaluate.common import COMMON
from selfteach.evaluate.exam import TunedModel
from selfteach.generate.ask import Subject
from selfteach.generate.question import Plan, Question, ask_about, asking
from selfteach.generate.respond import MAX_TOKENS, Answered, open_chat, respond, without_document
from selfteach.generate.shots import FACTS, REQUESTS
from selfteach.judge.contradiction import Gain, KnowledgeJudge, Match, Prompted, Scored
from selfteach.judge.language import main_script
from selfteach.materials.documents.chunk import Chunk, chunked
from selfteach.materials.documents.material import Documents
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.methods.documents.calibrate import calibrated, judges_of, stored
from selfteach.methods.documents.exam import (
    Quiz,
    build_exam,
    gap_quiz,
    known_map,
    own_quiz,
    people_quiz,
    roomy,
    share_of,
)
from selfteach.methods.documents.study import Asked, Measured, study_data
from selfteach.methods.method import Method, TrainingPlan, TrainStage
from selfteach.methods.prompts import asked_for
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import GREEDY, Example, Request, Sampling, digest, question, user
from selfteach.run.ledger import Fate, State
from selfteach.select.balance import spread
from selfteach.select.form import form_fault
from selfteach.select.knowledge import Point, label_fault, lessons, mended, sizes
from selfteach.select.overlap import Overlap
from selfteach.select.pointing import Pointing
from selfteach.select.question import answer_fault, foreign, stands_fault, strays

KINDS = {
    "study": {"sft": 1.0},
    "pair": {"sft": 1.0, "dpo": 1.0},
    "unknown": {"sft": 1.0},
    "general": {"anchor": 8.0},
    "own": {"sft": 1.0},
    "reading": {"sft": 1.0},
}
DISTILLED = {"study": {"distill": 1.0}}
LIKE_EXAM, HELD_OUT = "like a question of the exam", "held out for the exam"
TOO_MANY, TOO_LONG = "held out, more than exam.questions", "longer than the model's context"
LOST = "no answer came to be its label"
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
    with run.stage("read"):
        chunks = read(session, material)  # 1
        knowledge_judge = judge(session)
    with run.stage("ask"):
        kept_out, asked = asked_apart(session, chunks, material.questions)  # 1, 2
    with run.stage("answer"):
        measured = answer(session, asked.trusted, knowledge_judge)  # 3, 4
        pairs = select(session, measured)  # 4
        # What the teacher's server lost stays lost, or a resumed run would make other examples.
        if session.teacher:
            session.teacher.give_up()
    with run.stage("keep"):
        general = replay(session, kept_out)
    with run.stage("study"):
        examples = study_data(session, chunks, asked, measured, kept_out)
    if config.stages.pairs:
        examples += pairs
    trainings = stages(session, examples, general, measured.answered)  # 5

    def add_knowledge_map(tuned: TunedModel | None, exam: dict[str, Any]) -> None:
        """Add what the model knows before and after."""
        if tuned is None:
            return
        with run.stage("map"):
            exam["map"] = known_map(  # 6
                session, tuned, chunks, measured.answered, measured.scored, exam["answers"]
            )

    quiz = spread(kept_out, config.exam.questions)
    taught_texts = said_of(chunks, measured.answered)
    prompts = [example.prompt for example in general["test"]]
    header = describe_material(session, material, chunks)
    return TrainingPlan(
        examples=collect_examples(trainings),
        objectives=KINDS | (DISTILLED if config.study.distill else {}),
        exam=build_exam(session, quiz, prompts, taught_texts, header),  # 7
        stages=trainings,
        after=add_knowledge_map,
        shown=show_arms,
        overhead=user(chunks[0].passage + " x"),
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
    judges = session.run.ledger.noted("judges") or []
    return {"material": described[:300], "judges": judges}


def show_arms(exam: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of each arm, for the result."""
    found: dict[str, Any] = {}
    for arm in exam["contains"]:
        found[arm] = {name: exam[name][arm] for name in ("contains", "f1") if arm in exam[name]}
    return found


def read(session: Session, material: Documents) -> list[Chunk]:
    """Return the chunks of the documents, and account for each document and each file that was put
    aside (step 1).

    Raises:
        DataError: a sentence is longer than the model's context.
    """
    reading = material.reading
    fates = []
    for document in reading.documents:
        body = {"file": document.source, "title": document.title}
        fates.append(Fate(document.id, "accepted", "", body))
    for line in reading.aside:
        fates.append(
            Fate(digest(["aside", line.where]), "dropped", line.fault, {"file": line.where})
        )
    session.run.ledger.place("read", fates)
    count = partial(count_tokens, session)
    chunks: list[Chunk] = []
    for document in reading.documents:
        chunks += chunked(document, count, session.config.read.chunk_tokens)
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
            plans.append(Plan(chunk, i, chunk.words(i).split()[0], 0))
    sizes = [count_tokens(session, plan.chunk.words(plan.sentence)) for plan in plans]
    size, longest = max(zip(sizes, plans, strict=True), key=lambda pair: pair[0])
    needed = len(session.model.encode(asking(longest))) + 2 * MAX_TOKENS
    if needed > session.model.context_tokens:
        raise DataError(
            f"a sentence of {size} tokens and the worked examples need {needed}, more than the "
            f"model's context of {session.model.context_tokens}.",
            where=longest.chunk.document.source,
            cure="Lower read.chunk_tokens, which cuts it, or use a model with a longer context.",
        )


def asked_apart(
    session: Session, chunks: Sequence[Chunk], people: Sequence[PeopleQuestion]
) -> tuple[list[Quiz], Asked]:
    """Return the questions of the exam, people's where there are any, and those that are asked
    besides (steps 1 and 2).
    """
    quiz = fitting(session, people_quiz(chunks, people), PEOPLE)
    asked = questions(session, chunks, quiz)
    return (quiz, asked) if quiz else held_out(session, chunks, asked)


def fitting(session: Session, quiz: Sequence[Quiz], stage: str = PEOPLE) -> list[Quiz]:
    """Return the questions that fit into the model's context with their document.

    All of them are held out; the exam asks `exam.questions` of them, evenly over all. Those that it
    does not ask are dropped with the reason.

    Args:
        stage: where they are counted.
    """
    kept = [q for q in quiz if roomy(session, q)]
    fits = {q.text for q in kept}
    asked = {q.text for q in spread(kept, session.config.exam.questions)}
    fates = []
    for q in quiz:
        reason = ""
        if q.text not in fits:
            reason = TOO_LONG
        elif q.text not in asked:
            reason = TOO_MANY
        state: State = "dropped" if reason else "accepted"
        fates.append(Fate(digest(["quiz", q.text]), state, reason, {"question": q.text[:200]}))
    session.run.ledger.place(stage, fates)
    return kept


def questions(session: Session, chunks: Sequence[Chunk], quiz: Sequence[Quiz]) -> Asked:
    """Ask questions that make sense by themselves, are new, and are unlike those of the exam
    (step 2).
    """
    config = session.config.questions
    exam = Overlap(q.text for q in quiz)
    seen: set[str] = set()
    pointing = Pointing(chunks)
    scripts = {chunk.id: main_script(chunk.passage) for chunk in chunks}

    def find_fault(question: Question) -> str:
        reason = (
            form_fault(question.text, script=scripts[question.chunk.id])
            or stands_fault(question.text, question.chunk.title)
            or pointing.fault(question)
        )
        if reason:
            return reason
        if foreign(question) or (strays(question) and answer_fault(question)):
            return "asks about something else"
        if question.text.lower() in seen:
            return "repeats another question"
        if exam.nearest(question.text).similarity >= config.max_overlap:
            return LIKE_EXAM
        # A question that was refused until here may be asked well of another sentence.
        seen.add(question.text.lower())
        return ""

    session.display.stage("ask")
    written = ask_about(
        session.teacher or session.base,
        chunks,
        config.per_chunk,
        find_fault,
        config.rounds,
        session.config.seed,
        instructed=session.teacher is not None,
        progress=session.display.advance,
    )
    found = Asked([], [])
    fates: dict[str, Fate] = {}
    for one, reason in written:
        if one.id not in fates or not reason:
            fates[one.id] = _fate(one, reason)
        if reason:
            continue
        found.all.append(one)
        if not answer_fault(one):
            found.trusted.append(one)
    session.run.ledger.place("ask", fates.values())
    session.display.say(
        f"{len(found.all)} questions of use, {len(found.trusted)} of them came back "
        "with their answer"
    )
    return found


def _fate(asked: Question, reason: str = "") -> Fate:
    body = {
        "question": asked.text,
        "answer": asked.short,
        "back": asked.back,
        "doubt": answer_fault(asked),
        **asked.chunk.place(asked.sentence),
    }
    return Fate(asked.id, "dropped" if reason else "accepted", reason, body)


def held_out(session: Session, chunks: Sequence[Chunk], asked: Asked) -> tuple[list[Quiz], Asked]:
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
    gaps: list[Quiz] = []
    if len(where) < 2:
        gaps = gap_quiz(chunks, config.held_out, session.config.seed)
        if not gaps:
            raise DataError(
                f"{len(asked.trusted)} questions about {len(where)} sentences are too few to "
                "learn from some and to be examined on others.",
                cure="Bring more text, questions of people (--questions), or a model that asks "
                "better (--teacher).",
            )
        session.display.say(
            f"{len(asked.trusted)} questions came back with their answer; the exam asks "
            f"for words left out of {len(gaps)} sentences"
        )
    aside = set(where[: share_of(len(where), config.held_out)])
    own = own_quiz([q for q in asked.trusted if (q.chunk.id, q.sentence) in aside])
    quiz = fitting(session, gaps or own, OWN)
    if not quiz:
        raise DataError(
            "no question of the exam fits into the model's context with its piece.",
            cure="Lower read.chunk_tokens.",
        )
    exam = Overlap(q.text for q in quiz)
    reasons = {}
    for q in asked.all:
        if (q.chunk.id, q.sentence) in aside:
            reasons[q.id] = HELD_OUT
        elif exam.nearest(q.text).similarity >= config.max_overlap:
            reasons[q.id] = LIKE_EXAM
    fates = [_fate(q, reasons[q.id]) for q in asked.all if q.id in reasons]
    session.run.ledger.place("ask", fates)
    left = [q for q in asked.all if q.id not in reasons]
    trusted = [q for q in asked.trusted if q.id not in reasons]
    return quiz, Asked(left, trusted)


def answer(session: Session, trusted: Sequence[Question], judged: KnowledgeJudge) -> Measured:
    """Label the questions, repair the labels that lost the answer's words, and let the judge score
    what is known (steps 3 and 4).
    """
    config = session.config.select
    ledger = session.run.ledger
    ledger.expect("select", (q.id for q in trusted))
    session.display.stage("answer", len(trusted) * (1 + 2 * config.draws))
    written = write_labels(session, trusted)
    labelled = {a.question.id for a in written}
    lost = [q for q in trusted if q.id not in labelled]
    ledger.place("select", (Fate(q.id, "failed", LOST, {"question": q.text}) for q in lost))
    answered = [mended(a) for a in written]
    scored = judged.scores(answered)
    sure = rank_judges(session, judged, written, answered) if config.calibrate else None
    ledger.note("knowledge", [_stored(a, s) for a, s in zip(answered, scored, strict=True)])
    return Measured(answered, scored, sure)


def write_labels(session: Session, trusted: Sequence[Question]) -> list[Answered]:
    """Return each question with its label, samples with the document and samples without it. The
    base answers without it, also where a teacher writes the labels.
    """
    teacher = session.teacher
    draws, seed = session.config.select.draws, session.config.seed
    answered = respond(
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
    blind = without_document(session.base, [a.question for a in answered], draws, seed)
    return [replace(a, blind=own) for a, own in zip(answered, blind, strict=True)]


def rank_judges(
    session: Session,
    judged: KnowledgeJudge,
    written: Sequence[Answered],
    answered: Sequence[Answered],
) -> Sure | None:
    """Measure how well each judge tells what is known; with `study.known=auto` return the best one,
    if it is good enough.

    Args:
        written: the questions with their labels as they were written.
        answered: the same with repaired labels.
    """
    config = session.config.select
    session.display.stage("calibrate")
    judges = judges_of(session, judged)
    found = calibrated(session, judges, written)
    session.run.ledger.note("judges", stored(found, config.judge))
    if session.config.study.known != "auto":
        return None
    return surest(judges, found, answered, config.min_auroc, config.tau_label)


def judge(session: Session) -> KnowledgeJudge:
    """Return the judge of knowledge that the configuration names.

    Raises:
        UsageError: it is `nli`, and no model is named for it.
    """
    name = session.config.select.judge
    if name == "nli":
        from selfteach.judge.nli import Nli, NliModel

        if not session.config.select.nli:
            raise UsageError(
                "the judge nli needs a model.",
                where="select.nli",
                cure="Name an entailment model with --nli.",
            )
        return Nli(Recorded(session.run.ledger, None, NliModel.load(session.config.select.nli)))
    if name == "match":
        return Match()
    return Prompted(session.base) if name == "prompted" else Gain(session.base)


def _stored(answered: Answered, scored: Scored) -> dict[str, Any]:
    q = answered.question
    return {
        "id": q.id,
        "question": q.text,
        "short": q.short,
        "label": answered.best,
        "fault": label_fault(answered),
        "informed": answered.informed,
        "blind": answered.blind,
        "scores": scored.json(),
        **q.chunk.place(q.sentence),
    }


def select(session: Session, measured: Measured) -> list[Example]:
    """Return the pairs that are learned; what is known, unsure or lost its answer is dropped with
    that reason (step 4).
    """
    config = session.config.select
    tau_label, tau_knowledge = 1.0, -1.0
    if config.filter:
        tau_label, tau_knowledge = config.tau_label, config.tau_knowledge
    kept, dropped = lessons(measured.answered, measured.scored, tau_label, tau_knowledge)
    reasons = {a.question.id: reason for a, reason in dropped}
    fates = []
    for a in measured.answered:
        reason = reasons.get(a.question.id, "")
        body = {"question": a.question.text, "label": a.best}
        fates.append(Fate(a.question.id, "dropped" if reason else "accepted", reason, body))
    session.run.ledger.settle("select", fates)
    session.run.ledger.note("sizes", [_point(p) for p in sizes(measured.scored, tau_label)])
    return [replace(e, kind="pair" if e.rejected else "unknown") for e in kept]


def _point(point: Point) -> dict[str, Any]:
    return {
        "tau": point.tau_knowledge,
        "known": point.known,
        "unknown": point.unknown,
        "unsure": point.unsure,
    }


def said_of(chunks: Sequence[Chunk], answered: Sequence[Answered]) -> list[str]:
    """Return what is taught: every sentence, and the labels."""
    sentences = [chunk.words(i) for chunk in chunks for i in chunk.telling()]
    return [*sentences, *(a.best for a in answered)]


def replay(session: Session, quiz: Sequence[Quiz]) -> dict[str, list[Example]]:
    """Return general prompts that the base asks itself, with its own answers.

    `train`: four fifths of them, each with the beginning of the base's answer. `test`: the rest,
    for the exam. `own`: where a stage wants them, whole answers to the prompts of `train`, sampled
    at T = 1.

    Nearly half of the prompts are plain questions of fact, which look like what is taught and are
    about something else. No prompt is like a question of the exam, a common one included.
    """
    config, wanted = session.config.replay, session.config.stages
    max_overlap = session.config.questions.max_overlap
    pool = Overlap([*(q.text for q in quiz), *(text for text, _ in COMMON)])

    def find_fault(text: str) -> str:
        if fault := form_fault(text):
            return fault
        if pool.nearest(text).similarity >= max_overlap:
            return "like another prompt"
        pool.add(text)
        return ""

    forms = REQUESTS | FACTS
    asked = asked_for(
        session, Subject(""), "general", config.general, config.rounds, find_fault, forms
    )
    prompts = [a.text for a in asked]
    shuffled = sorted(prompts, key=lambda text: digest([session.config.seed, text]))
    train = shuffled[: round(0.8 * len(prompts))]
    rest = [text for text in prompts if text not in set(train)]
    beginnings = Sampling(GREEDY.temperature, 1.0, config.anchor_tokens)
    found = {
        "train": own_answers(session, train, "general", beginnings),
        "test": general_questions(session, rest),
        "own": [],
    }
    if wanted.general or wanted.healing:
        found["own"] = own_answers(session, train, "own", Sampling(1.0, 1.0, wanted.own_tokens))
    return found


def general_questions(session: Session, prompts: Sequence[str]) -> list[Example]:
    """Return the general prompts of the exam; those beyond `exam.general` are dropped."""
    count = session.config.exam.general
    ids = {text: digest(["replay", text]) for text in prompts}
    beyond = [
        Fate(ids[text], "dropped", "held out, more than exam.general", {"prompt": text})
        for text in prompts[count:]
    ]
    session.run.ledger.place("replay", beyond)
    return [Example(ids[text], "general", user(text), "") for text in prompts[:count]]


def own_answers(
    session: Session, prompts: Sequence[str], kind: str, sampling: Sampling
) -> list[Example]:
    """Return what the base answers; an empty answer is dropped."""
    name = "replay" if kind == "general" else kind
    ids = [digest([name, text]) for text in prompts]
    session.run.ledger.expect(name, ids)
    session.display.stage("keep", len(prompts))
    requests = [Request("keep", user(text), sampling, 0, session.config.seed) for text in prompts]
    draws = session.base.sample(requests, session.display.advance)
    found, fates = [], []
    for id, text, draw in zip(ids, prompts, draws, strict=True):
        if not draw.text.strip():
            fates.append(Fate(id, "dropped", "the base says nothing", {"prompt": text}))
            continue
        cut = ["chosen"] if draw.finish == "length" else []
        found.append(Example(id, kind, user(text), draw.text, None, {}, {"cut": cut}))
        fates.append(Fate(id, "accepted", "", {"prompt": text}))
    session.run.ledger.settle(name, fates)
    return found


def reading(answered: Sequence[Answered]) -> list[Example]:
    """Return worked reading: a question with its passage in the prompt, and the label."""
    found = []
    for a in answered:
        if label_fault(a):
            continue
        q = a.question
        id = digest(["reading", q.id, a.best])
        prompt = open_chat(q.text, q.chunk)
        found.append(Example(id, "reading", prompt, a.best, source=q.chunk.place(q.sentence)))
    return found


def schooled(own: Sequence[Example], read: Sequence[Example]) -> list[Example]:
    """Mix the paper's SFT stage: two of the base's own answers to one worked reading. Surplus of
    either is left out, evenly.
    """
    count = min(len(own) // 2, len(read))
    return [*spread(own, 2 * count), *spread(read, count)] if count else list(own)


def stages(
    session: Session,
    examples: Sequence[Example],
    replayed: Mapping[str, Sequence[Example]],
    answered: Sequence[Answered],
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
        read = reading(answered)
        mixed = schooled(own, read)
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
        body = {"prompt": question(example.prompt)}
        fates.append(Fate(example.id, "dropped" if reason else "accepted", reason, body))
    session.run.ledger.place(stage, fates)


METHOD = Method(name="documents", settings=Settings, prepare=prepare)
"""`selfteach documents`."""
