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
from typing import Any

from selfteach.config import Documents as Settings
from selfteach.errors import DataError, UsageError
from selfteach.evaluate.calibration import surest
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
from selfteach.records import GREEDY, Example, Request, Sampling, digest, user
from selfteach.run.ledger import Fate
from selfteach.select.balance import spread
from selfteach.select.form import form_fault
from selfteach.select.knowledge import label_fault, lessons, mended, sizes
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
LOST = "no answer came to be its label"


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
        examples=unique(trainings),
        objectives=KINDS | (DISTILLED if config.study.distill else {}),
        exam=build_exam(session, quiz, prompts, taught_texts, header),  # 7
        stages=trainings,
        after=add_knowledge_map,
        shown=show_arms,
        overhead=user(chunks[0].passage + " x"),
    )


def unique(trainings: Sequence[TrainStage]) -> list[Example]:
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
    """Step 1: the chunks; each document and each file that was put aside is accounted for."""
    config, reading = session.config.read, material.reading
    fates = [
        Fate(d.id, "accepted", "", {"file": d.source, "title": d.title}) for d in reading.documents
    ]
    fates += [
        Fate(digest(["aside", line.where]), "dropped", line.fault, {"file": line.where})
        for line in reading.aside
    ]
    session.run.ledger.place("read", fates)

    def count(text: str) -> int:
        return len(session.model.encode_answer(text, end=False))

    chunks = [
        chunk
        for document in reading.documents
        for chunk in chunked(document, count, config.chunk_tokens)
    ]
    if session.teacher is None:
        longest = max(
            (Plan(c, i, c.words(i).split()[0], 0) for c in chunks for i in range(len(c.sentences))),
            key=lambda plan: count(plan.chunk.words(plan.sentence)),
        )
        if (
            needed := len(session.model.encode(asking(longest))) + 2 * MAX_TOKENS
        ) > session.model.context_tokens:
            raise DataError(
                f"a sentence of {count(longest.chunk.words(longest.sentence))} tokens "
                f"and the worked examples need {needed}, more than the "
                f"model's context of {session.model.context_tokens}.",
                where=longest.chunk.document.source,
                cure=(
                    "Lower read.chunk_tokens, which cuts it, or use a model with a longer context."
                ),
            )
    return chunks


def fitting(session: Session, quiz: Sequence[Quiz]) -> list[Quiz]:
    """The questions that fit into the model's context with their document; those that do not are
    dropped with that reason. Nothing like one of these is learned, also where the exam asks only
    `exam.questions` of them, evenly over all."""
    kept = [q for q in quiz if roomy(session, q)]
    fits, asked = (
        {q.text for q in some} for some in (kept, spread(kept, session.config.exam.questions))
    )
    fates = []
    for q in quiz:
        reason = (
            ""
            if q.text in asked
            else "held out, more than exam.questions"
            if q.text in fits
            else "longer than the model's context"
        )
        fates.append(
            Fate(
                digest(["quiz", q.text]),
                "dropped" if reason else "accepted",
                reason,
                {"question": q.text[:200]},
            )
        )
    session.run.ledger.place("people's questions", fates)
    return kept


def asked_apart(
    session: Session, chunks: Sequence[Chunk], people: Sequence[PeopleQuestion]
) -> tuple[list[Quiz], Asked]:
    """Steps 1 and 2: the questions that are set aside, people's where there are any, and those that
    are asked beside them.
    """
    quiz = fitting(session, people_quiz(chunks, people))
    asked = questions(session, chunks, quiz)
    return (quiz, asked) if quiz else held_out(session, chunks, asked)


def questions(session: Session, chunks: Sequence[Chunk], quiz: Sequence[Quiz]) -> Asked:
    """Step 2: questions that make sense by themselves, are new, and are unlike those of the exam."""
    config = session.config.questions
    exam, seen, pointing = Overlap(q.text for q in quiz), set[str](), Pointing(chunks)
    written_in = {chunk.id: main_script(chunk.passage) for chunk in chunks}

    def fault(question: Question) -> str:
        reason = (
            form_fault(question.text, script=written_in[question.chunk.id])
            or stands_fault(question.text, question.chunk.title)
            or pointing.fault(question)
        )
        if not reason and (foreign(question) or (strays(question) and answer_fault(question))):
            reason = "asks about something else"
        if not reason and question.text.lower() in seen:
            reason = "repeats another question"
        if not reason and exam.nearest(question.text).similarity >= config.max_overlap:
            reason = LIKE_EXAM
        if not reason:  # what is refused here may be asked well of another sentence
            seen.add(question.text.lower())
        return reason

    session.display.stage("ask")
    found, fates = Asked([], []), dict[str, Fate]()
    for one, reason in ask_about(
        session.teacher or session.base,
        chunks,
        config.per_chunk,
        fault,
        config.rounds,
        session.config.seed,
        instructed=session.teacher is not None,
        progress=session.display.advance,
    ):
        if one.id not in fates or not reason:
            fates[one.id] = _fate(one, reason)
        if not reason:
            found.all.append(one)
            found.trusted += [] if answer_fault(one) else [one]
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
    }
    body |= asked.chunk.place(asked.sentence)
    return Fate(asked.id, "dropped" if reason else "accepted", reason, body)


def held_out(session: Session, chunks: Sequence[Chunk], asked: Asked) -> tuple[list[Quiz], Asked]:
    """Where nobody brought questions: those about a share of the sentences are for the exam, and
    not learned from. Where too few came back with their answer, as in a language that the model
    does not ask in, the exam asks for words left out of sentences.

    Raises:
        DataError: there are too few to learn from some and to be examined on others.
    """
    where = sorted(
        {(q.chunk.id, q.sentence) for q in asked.trusted},
        key=lambda place: digest([session.config.seed, *place]),
    )
    gaps = (
        []
        if len(where) > 1
        else gap_quiz(chunks, session.config.questions.held_out, session.config.seed)
    )
    if len(where) < 2 and not gaps:
        raise DataError(
            (
                f"{len(asked.trusted)} questions about {len(where)} sentences are too few "
                "to learn from some and to be examined on others."
            ),
            cure=(
                "Bring more text, questions of people (--questions), or a model that asks "
                "better (--teacher)."
            ),
        )
    aside = set(where[: share_of(len(where), session.config.questions.held_out)])
    if gaps:
        session.display.say(
            f"{len(asked.trusted)} questions came back with their answer; the exam asks "
            f"for words left out of {len(gaps)} sentences"
        )
    quiz = [
        q
        for q in gaps or own_quiz([q for q in asked.trusted if (q.chunk.id, q.sentence) in aside])
        if roomy(session, q)
    ]
    if not quiz:
        raise DataError(
            "no question of the exam fits into the model's context with its piece.",
            cure="Lower read.chunk_tokens.",
        )
    exam, limit = Overlap(q.text for q in quiz), session.config.questions.max_overlap
    reasons = {q.id: LIKE_EXAM for q in asked.all if exam.nearest(q.text).similarity >= limit}
    reasons |= {q.id: HELD_OUT for q in asked.all if (q.chunk.id, q.sentence) in aside}
    session.run.ledger.place("ask", (_fate(q, reasons[q.id]) for q in asked.all if q.id in reasons))
    return quiz, Asked(
        *([q for q in some if q.id not in reasons] for some in (asked.all, asked.trusted))
    )


def answer(session: Session, trusted: Sequence[Question], judged: KnowledgeJudge) -> Measured:
    """Steps 3, 4: draws and labels, the label mended where it lost the answer's words; and the
    judge's scores.
    """
    config, ledger = session.config.select, session.run.ledger
    ledger.expect("select", (q.id for q in trusted))
    session.display.stage("answer", len(trusted) * (1 + 2 * config.draws))
    answered = respond(
        session.teacher or session.base,
        trusted,
        config.draws,
        session.config.seed,
        instructed=session.teacher is not None,
        blind=session.teacher is None,
        progress=session.display.advance,
    )
    if session.teacher:
        blind = without_document(
            session.base, [a.question for a in answered], config.draws, session.config.seed
        )
        answered = [replace(a, blind=own) for a, own in zip(answered, blind, strict=True)]
    labelled = {a.question.id for a in answered}
    ledger.place(
        "select",
        (Fate(q.id, "failed", LOST, {"question": q.text}) for q in trusted if q.id not in labelled),
    )
    written, answered = answered, [mended(a) for a in answered]
    scored = judged.scores(answered)
    sure = None
    if config.calibrate:
        session.display.stage("calibrate")
        judges = judges_of(session, judged)
        found = calibrated(session, judges, written)
        ledger.note("judges", stored(found, config.judge))
        if session.config.study.known == "auto":
            sure = surest(judges, found, answered, config.min_auroc, config.tau_label)
    ledger.note("knowledge", [_stored(a, s) for a, s in zip(answered, scored, strict=True)])
    return Measured(answered, scored, sure)


def judge(session: Session) -> KnowledgeJudge:
    """The judge of knowledge that the configuration names."""
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
    """Step 4: the pairs that are learned; what is known, unsure or lost its answer is dropped with
    that reason.
    """
    config = session.config.select
    tau_label, tau_knowledge = (
        (config.tau_label, config.tau_knowledge) if config.filter else (1.0, -1.0)
    )
    kept, dropped = lessons(measured.answered, measured.scored, tau_label, tau_knowledge)
    reasons = {a.question.id: reason for a, reason in dropped}
    fates = []
    for a in measured.answered:
        body, reason = (
            {"question": a.question.text, "label": a.best},
            reasons.get(a.question.id, ""),
        )
        fates.append(Fate(a.question.id, "dropped" if reason else "accepted", reason, body))
    session.run.ledger.settle("select", fates)
    session.run.ledger.note("sizes", [_point(p) for p in sizes(measured.scored, tau_label)])
    return [
        Example(
            e.id,
            "pair" if e.rejected else "unknown",
            e.prompt,
            e.chosen,
            e.rejected,
            e.scores,
            e.source,
        )
        for e in kept
    ]


def _point(point: Any) -> dict[str, Any]:
    return {
        "tau": point.tau_knowledge,
        "known": point.known,
        "unknown": point.unknown,
        "unsure": point.unsure,
    }


def said_of(chunks: Sequence[Chunk], answered: Sequence[Answered]) -> list[str]:
    """What is taught: every sentence, and the labels."""
    return [*(c.words(i) for c in chunks for i in c.telling()), *(a.best for a in answered)]


def replay(session: Session, quiz: Sequence[Quiz]) -> dict[str, list[Example]]:
    """The beginnings of the base's own answers to prompts that it asks itself: four fifths for
    training, the rest for the exam; and, where a stage of their own is wanted, the whole answers,
    drawn at T = 1. Nearly half of the prompts are plain questions of fact, which look like what is
    taught and are about something else. No prompt is like a question of the exam, a common one
    included."""
    config, wanted, seed = session.config.replay, session.config.stages, session.config.seed
    pool = Overlap([*(q.text for q in quiz), *(text for text, _ in COMMON)])

    def newness(text: str) -> str:
        reason = form_fault(text) or (
            "like another prompt"
            if pool.nearest(text).similarity >= session.config.questions.max_overlap
            else ""
        )
        if not reason:
            pool.add(text)
        return reason

    prompts = [
        a.text
        for a in asked_for(
            session,
            Subject(""),
            "general",
            config.general,
            config.rounds,
            newness,
            REQUESTS | FACTS,
        )
    ]
    train = sorted(prompts, key=lambda text: digest([seed, text]))[: round(0.8 * len(prompts))]
    held = set(prompts) - set(train)
    found = {
        "train": own_answers(
            session, train, "general", Sampling(GREEDY.temperature, 1.0, config.anchor_tokens)
        ),
        "test": [
            Example(digest(["replay", text]), "general", user(text), "")
            for text in prompts
            if text in held
        ],
    }
    whole = Sampling(1.0, 1.0, wanted.own_tokens)
    return found | {
        "own": own_answers(session, train, "own", whole) if wanted.general or wanted.healing else []
    }


def own_answers(
    session: Session, prompts: Sequence[str], kind: str, sampling: Sampling
) -> list[Example]:
    """What the base answers; an empty answer is dropped."""
    name = "replay" if kind == "general" else kind
    ids = {text: digest([name, text]) for text in prompts}
    session.run.ledger.expect(name, ids.values())
    requests = {
        text: Request("keep", user(text), sampling, 0, session.config.seed) for text in prompts
    }
    drawn = {draw.id: draw for draw in session.base.draw(list(requests.values()))}
    found, fates = [], []
    for text, request in requests.items():
        draw = drawn[request.id(session.base.fingerprint)]
        reason = "" if draw.text.strip() else "the base says nothing"
        fates.append(Fate(ids[text], "dropped" if reason else "accepted", reason, {"prompt": text}))
        if not reason:
            cut = ["chosen"] if draw.finish == "length" else []
            found.append(Example(ids[text], kind, user(text), draw.text, None, {}, {"cut": cut}))
    session.run.ledger.settle(name, fates)
    return found


def reading(answered: Sequence[Answered]) -> list[Example]:
    """Worked reading: a question with its passage in the prompt, and the label."""
    return [
        Example(
            digest(["reading", a.question.id, a.best]),
            "reading",
            open_chat(a.question.text, a.question.chunk),
            a.best,
            source=a.question.chunk.place(a.question.sentence),
        )
        for a in answered
        if not label_fault(a)
    ]


def schooled(own: Sequence[Example], read: Sequence[Example]) -> list[Example]:
    """The paper's SFT stage: two of the base's own answers to one worked reading; what is more of
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
    """Step 5: the trainings, one after the other.

    Raises:
        DataError: there is nothing to learn from the documents.
    """
    wanted, own = session.config.stages, replayed["own"]
    if not examples:
        raise DataError(
            "nothing is left to learn.",
            cure="Look into dropped.jsonl; lower select.tau_knowledge, or switch stages.study on.",
        )
    before = [TrainStage("general", schooled(own, reading(answered)))] if wanted.general else []
    after = [TrainStage("healing", own)] if wanted.healing else []
    return [*before, TrainStage("documents", [*examples, *replayed["train"]]), *after]


METHOD = Method(name="documents", settings=Settings, prepare=prepare)
"""`selfteach documents`."""
