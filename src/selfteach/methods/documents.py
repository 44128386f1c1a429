"""Documents: the model asks itself about them, measures what it does not know, and learns only that.

  1  read: documents become chunks of sentences; people's questions, or a share of the sentences, are set aside for the exam
  2  ask: the student (or the teacher) asks about every answer that a sentence offers
  3  answer: the label y* with the document, K draws with it, K draws without it
  4  score and filter: is the label consistent, and is it unknown? All K scores are kept, so that thresholds can be changed afterwards
  5  train: study data (each sentence in many forms), the filtered pairs, the base's own answers to anything else; stage by stage
  6  knowledge map: known, unknown or unsure, before and after, by document, chunk and question
  7  exam: base, open book, taught, on questions that nothing was chosen on

Source: Self-Learning-llm (arXiv 2406.11275); METHODS.md of this project, section 2.
Departs: 1. the label's words come from the text (generate/respond.py); 2. what is not consistent enough for a pair still asks about its
sentence, and the sentence answers it: it goes into the study data; 3. one training on everything is the default, because the documents and
the base's own answers hold each other in place; the paper's two stages are `stages.general`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from selfteach.config import Documents as Settings
from selfteach.errors import DataError, UsageError
from selfteach.generate.ask import Subject
from selfteach.generate.question import Plan, Question, ask_about, asking
from selfteach.generate.respond import MAX_TOKENS, Answered, open_chat, respond, without_document
from selfteach.generate.study import facts, study, vocabulary
from selfteach.judge.contradiction import Gain, KnowledgeJudge, Match, Prompted, Scored
from selfteach.materials.documents.chunk import Chunk, chunked
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.materials.documents.read import Reading
from selfteach.methods.asking import asked_for
from selfteach.methods.calibrating import calibrated, judges_of
from selfteach.methods.quizzing import Quiz, examine, known_map, own_quiz, people_quiz
from selfteach.methods.road import Road, open_road
from selfteach.methods.stages import Stage, teach_stages
from selfteach.methods.teaching import publish, tidy
from selfteach.models.meaning import alike
from selfteach.models.recorded import Recorded
from selfteach.records import GREEDY, Example, Request, Sampling, digest, user
from selfteach.run.display import Display
from selfteach.run.folder import Run
from selfteach.run.ledger import Fate
from selfteach.select.form import form_fault
from selfteach.select.knowledge import label_fault, lessons, mended, sizes, state
from selfteach.select.overlap import Overlap
from selfteach.select.pointing import Pointing
from selfteach.select.question import answer_fault, foreign, stands_fault, strays

KINDS = {"study": {"sft": 1.0}, "pair": {"sft": 1.0, "dpo": 1.0}, "unknown": {"sft": 1.0}, "general": {"anchor": 8.0}, "own": {"sft": 1.0}}
DISTILLED = {"study": {"distill": 1.0}}


@dataclass
class Documents:
    """What the person brings: documents, and questions that people asked about them, for the exam alone."""

    reading: Reading
    questions: list[PeopleQuestion] = field(default_factory=list)


@dataclass
class Asked:
    """The questions that were kept: `all` ask about their sentence; `trusted` also get their own answer back from it."""

    all: list[Question]
    trusted: list[Question]


@dataclass
class Measured:
    """The trusted questions with their draws and scores, in one order."""

    answered: list[Answered]
    scored: list[Scored]


def teach(run: Run, material: Documents, config: Settings, display: Display) -> dict[str, Any]:
    """Teaches documents in a run folder; returns what `selfteach documents --json` prints.

    Raises:
        DataError: nothing can be asked about the documents, or nothing is left to learn from.
    """
    if done := run.ledger.noted("result"):
        tidy(run)
        display.say("this run is done: here is its result again")
        return dict(done)
    with run.stage("load"):
        road = open_road(run, config, display)
    with run.stage("read"):
        chunks, judged = read(road, material), judge(road)  # 1
        quiz = fitting(road, people_quiz(chunks, material.questions))[: config.exam.questions]
    with run.stage("ask"):
        asked = questions(road, chunks, quiz)  # 2
        if not quiz:
            quiz, asked = held_out(road, asked)
    with run.stage("answer"):
        measured = answer(road, asked.trusted, judged)  # 3, 4
        pairs = select(road, measured)  # 4
    with run.stage("keep"):
        general = replay(road)
    examples = [*study_data(road, chunks, asked, measured, quiz), *(pairs if config.stages.pairs else ())]
    with run.stage("exam of the base"):
        examine(road, None, quiz, general["test"], measured.answered)  # 7
        road.student.rest()
    taught = teach_stages(road, stages(road, examples, general["train"]), KINDS | (DISTILLED if config.study.distill else {}))  # 5
    with run.stage("exam"):
        exam = examine(road, taught, quiz, general["test"], measured.answered)  # 7
        exam["map"] = known_map(road, taught, chunks, measured.answered, measured.scored, exam["answers"])  # 6
    shown = {arm: {name: exam[name][arm] for name in ("contains", "f1") if arm in exam[name]} for arm in exam["contains"]}
    told = f"{len(material.reading.documents)} documents: " + ", ".join(sorted({c.title for c in chunks}))
    prompted = user(chunks[0].passage + " x")
    judges = road.run.ledger.noted("judges") or []
    return publish(road, exam | {"material": told[:300], "judges": judges}, [*examples, *general["train"]], taught, shown, prompted)


def read(road: Road, material: Documents) -> list[Chunk]:
    """Step 1: the chunks; each document and each file that was put aside is accounted for."""
    config, reading = road.config.read, material.reading
    fates = [Fate(d.id, "accepted", "", {"file": d.source, "title": d.title}) for d in reading.documents]
    fates += [Fate(digest(["aside", line.where]), "dropped", line.fault, {"file": line.where}) for line in reading.aside]
    road.run.ledger.place("read", fates)

    def count(text: str) -> int:
        return len(road.base.encode_answer(text, end=False))

    chunks = [chunk for document in reading.documents for chunk in chunked(document, count, config.chunk_tokens)]
    if road.teacher is None:
        longest = max(
            (Plan(c, i, c.words(i).split()[0], 0) for c in chunks for i in range(len(c.sentences))),
            key=lambda plan: count(plan.chunk.words(plan.sentence)),
        )
        if (needed := len(road.base.encode(asking(longest))) + 2 * MAX_TOKENS) > road.base.context_tokens:
            raise DataError(
                f"a sentence of {count(longest.chunk.words(longest.sentence))} tokens and the worked examples need {needed}, more than the "
                f"model's context of {road.base.context_tokens}.", where=longest.chunk.document.source,
                cure="Lower read.chunk_tokens, which cuts it, or use a model with a longer context.",
            )  # fmt: skip
    return chunks


def fitting(road: Road, quiz: Sequence[Quiz]) -> list[Quiz]:
    """The questions of the exam that fit into the model's context with their document; the others are dropped with that reason."""
    kept, fates = [], []
    for q in quiz:
        needed = len(road.base.encode(open_chat(q.text, q.chunk))) + road.config.exam.max_tokens
        reason = "" if needed <= road.base.context_tokens else "longer than the model's context"
        fates.append(Fate(digest(["quiz", q.text]), "dropped" if reason else "accepted", reason, {"question": q.text[:200]}))
        kept += [] if reason else [q]
    road.run.ledger.place("people's questions", fates)
    return kept


def questions(road: Road, chunks: Sequence[Chunk], quiz: Sequence[Quiz]) -> Asked:
    """Step 2: questions that make sense by themselves, are new, and are unlike those of the exam."""
    config = road.config.questions
    exam, seen, pointing = Overlap(q.text for q in quiz), set[str](), Pointing(chunks)

    def fault(question: Question) -> str:
        reason = form_fault(question.text) or stands_fault(question.text, question.chunk.title) or pointing.fault(question)
        if not reason and (foreign(question) or (strays(question) and answer_fault(question))):
            reason = "asks about something else"
        if not reason and question.text.lower() in seen:
            reason = "repeats another question"
        if not reason and exam.nearest(question.text).similarity >= config.max_overlap:
            reason = "like a question of the exam"
        seen.add(question.text.lower())
        return reason

    road.display.stage("ask", config.per_chunk * len(chunks), "questions")
    found, fates = Asked([], []), dict[str, Fate]()
    for question, reason in ask_about(
        road.teacher or road.student, chunks, config.per_chunk, fault, config.rounds, road.config.seed,
        instructed=road.teacher is not None, progress=road.display.advance,
    ):  # fmt: skip
        doubt = answer_fault(question)
        body = {"question": question.text, "answer": question.short, "back": question.back, "doubt": doubt,
                **question.chunk.place(question.sentence)}  # fmt: skip
        fates.setdefault(question.id, Fate(question.id, "dropped" if reason else "accepted", reason, body))
        if not reason:
            found.all.append(question)
            found.trusted += [] if doubt else [question]
    road.run.ledger.place("ask", fates.values())
    return found


def held_out(road: Road, asked: Asked) -> tuple[list[Quiz], Asked]:
    """Where nobody brought questions: those about a share of the sentences are for the exam, and not learned from.

    Raises:
        DataError: there are too few to learn from some and to be examined on others.
    """
    where = sorted({(q.chunk.id, q.sentence) for q in asked.trusted}, key=lambda place: digest([road.config.seed, *place]))
    count = min(max(1, round(road.config.questions.held_out * len(where))), len(where) - 1) if len(where) > 1 else 0
    if not count:
        raise DataError(
            f"{len(asked.trusted)} questions about {len(where)} sentences are too few to learn from some and to be examined on others.",
            cure="Bring more text, questions of people (--questions), or a model that asks better (--teacher).",
        )
    aside = set(where[:count])
    quiz = own_quiz([q for q in asked.trusted if (q.chunk.id, q.sentence) in aside])[: road.config.exam.questions]
    exam, limit = Overlap(q.text for q in quiz), road.config.questions.max_overlap
    rest = [q for q in asked.all if (q.chunk.id, q.sentence) not in aside and exam.nearest(q.text).similarity < limit]
    kept = {q.id for q in rest}
    return quiz, Asked(rest, [q for q in asked.trusted if q.id in kept])


def answer(road: Road, trusted: Sequence[Question], judged: KnowledgeJudge) -> Measured:
    """Steps 3, 4: draws and labels, the label mended where it lost the answer's words; and the judge's scores."""
    config = road.config.select
    road.display.stage("answer", len(trusted) * (1 + 2 * config.draws))
    answered = respond(
        road.teacher or road.student, trusted, config.draws, road.config.seed,
        instructed=road.teacher is not None, progress=road.display.advance,
    )  # fmt: skip
    if road.teacher:
        blind = without_document(road.student, [a.question for a in answered], config.draws, road.config.seed)
        answered = [replace(a, blind=own) for a, own in zip(answered, blind, strict=True)]
    written, answered = answered, [mended(a) for a in answered]
    scored = judged.scores(answered)
    if config.calibrate:
        road.display.stage("calibrate")
        road.run.ledger.note("judges", calibrated(road, judges_of(road, judged), written))
    road.run.ledger.note("knowledge", [_stored(a, s) for a, s in zip(answered, scored, strict=True)])
    return Measured(answered, scored)


def judge(road: Road) -> KnowledgeJudge:
    """The judge of knowledge that the configuration names."""
    name = road.config.select.judge
    if name == "nli":
        from selfteach.judge.nli import Nli, NliModel

        if not road.config.select.nli:
            raise UsageError("the judge nli needs a model.", where="select.nli", cure="Name an entailment model with --nli.")
        return Nli(Recorded(road.run.ledger, None, NliModel.load(road.config.select.nli)))
    if name == "match":
        return Match()
    return Prompted(road.student) if name == "prompted" else Gain(road.student)


def _stored(answered: Answered, scored: Scored) -> dict[str, Any]:
    q = answered.question
    return {"id": q.id, "question": q.text, "short": q.short, "label": answered.best, "fault": label_fault(answered),
            "informed": answered.informed, "blind": answered.blind, "scores": scored.json(), **q.chunk.place(q.sentence)}  # fmt: skip


def select(road: Road, measured: Measured) -> list[Example]:
    """Step 4: the pairs that are learned; what is known, unsure or lost its answer is dropped with that reason."""
    config = road.config.select
    tau_label, tau_knowledge = (config.tau_label, config.tau_knowledge) if config.filter else (1.0, -1.0)
    kept, dropped = lessons(measured.answered, measured.scored, tau_label, tau_knowledge)
    fates = [Fate(e.id, "accepted", "", {"question": e.prompt[-1].content}) for e in kept]
    fates += [Fate(a.question.id, "dropped", reason, {"question": a.question.text, "label": a.best}) for a, reason in dropped]
    road.run.ledger.place("select", fates)
    road.run.ledger.note("sizes", [_point(p) for p in sizes(measured.scored, tau_label)])
    return [Example(e.id, "pair" if e.rejected else "unknown", e.prompt, e.chosen, e.rejected, e.scores, e.source) for e in kept]


def _point(point: Any) -> dict[str, Any]:
    return {"tau": point.tau_knowledge, "known": point.known, "unknown": point.unknown, "unsure": point.unsure}


def study_data(road: Road, chunks: Sequence[Chunk], asked: Asked, measured: Measured, quiz: Sequence[Quiz]) -> list[Example]:
    """Step 5: every sentence in many forms; no row is like a question of the exam, and none of it is about a sentence set aside."""
    if not road.config.stages.study:
        return []
    statements = {a.question.id: a.best for a in measured.answered if not label_fault(a)}
    found = facts(chunks, [(q, statements.get(q.id, "")) for q in asked.all])
    exam, limit = Overlap(q.text for q in quiz), road.config.questions.max_overlap
    left_out = (
        set() if road.config.study.known else known_sentences(measured, road.config.select.tau_label, road.config.select.tau_knowledge)
    )
    kept, fates, taken = [], [], Counter[str]()
    for example in study(found, road.config.study, road.config.seed, alike(road.base, sorted(vocabulary(found)))):
        origin = example.source["document"]
        reason = "like a question of the exam" if exam.nearest(example.prompt[-1].content).similarity >= limit else ""
        place = (origin, example.source["start"])
        reason = reason or ("known" if place in left_out and example.source["form"] != "recite" else "")
        reason = reason or ("enough from this document" if taken[origin] >= road.config.study.per_document else "")
        fates.append(Fate(example.id, "dropped" if reason else "accepted", reason, {"file": example.source["file"]}))
        if not reason:
            taken[origin] += 1
            kept.append(example)
    road.run.ledger.place("study", fates)
    return kept


def known_sentences(measured: Measured, tau_label: float, tau_knowledge: float) -> set[tuple[str, int]]:
    """(document, start) of the sentences of which every measured question is known."""
    found: dict[tuple[str, int], set[str]] = {}
    for a, s in zip(measured.answered, measured.scored, strict=True):
        place = a.question.chunk.place(a.question.sentence)
        found.setdefault((place["document"], place["start"]), set()).add(state(s, tau_label, tau_knowledge))
    return {place for place, states in found.items() if states == {"known"}}


def replay(road: Road) -> dict[str, list[Example]]:
    """The beginnings of the base's own answers to prompts that it asks itself: four fifths for training, the rest for the exam."""
    config, seed = road.config.replay, road.config.seed
    pool = Overlap()

    def newness(text: str) -> str:
        return form_fault(text) or ("" if pool.add_if_new(text, road.config.questions.max_overlap)[0] else "like another prompt")

    prompts = [a.text for a in asked_for(road, Subject(""), "general", config.general, config.rounds, newness)]
    train = sorted(prompts, key=lambda text: digest([seed, text]))[: round(0.8 * len(prompts))]
    limit = Sampling(GREEDY.temperature, 1.0, config.anchor_tokens)
    requests = {text: Request("keep", user(text), limit, 0, seed) for text in train}
    drawn = {draw.id: draw for draw in road.student.draw(list(requests.values()))}
    found = []
    for text, request in requests.items():
        draw = drawn[request.id(road.student.fingerprint)]
        if draw.text.strip():
            cut = ["chosen"] if draw.finish == "length" else []
            found.append(Example(digest(["replay", text]), "general", user(text), draw.text, None, {}, {"cut": cut}))
    test = [Example(digest(["replay", text]), "general", user(text), "") for text in prompts if text not in requests]
    return {"train": found, "test": test}


def stages(road: Road, examples: Sequence[Example], general: Sequence[Example]) -> list[Stage]:
    """Step 5: the trainings, one after the other.

    Raises:
        DataError: there is nothing to learn from the documents.
    """
    wanted = road.config.stages
    own = [Example(e.id, "own", e.prompt, e.chosen, None, {}, e.source) for e in general]
    if not examples:
        raise DataError("nothing is left to learn.", cure="Look into dropped.jsonl; lower select.tau_knowledge, or switch stages.study on.")
    before = [Stage("general", own)] if wanted.general else []
    after = [Stage("healing", own)] if wanted.healing else []
    return [*before, Stage("documents", [*examples, *general]), *after]
