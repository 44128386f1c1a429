"""Corrections: the model learns to need fewer of them.

  1  read: corrections, approvals, criticisms and bare prompts; every prompt goes to train, dev or
     test at once
  2  draw: the student answers the prompts whose answer is missing
  3  correct: the teacher (a program, a model, a person; or the file itself) makes the smallest
     revision, given question and answer; a criticism reaches prompts like the criticised ones, and
     becomes corrections (criticisms.py)
  4  keep: what the teacher leaves as it is, and the beginnings of the base's own answers to other
     prompts, become anchors
  5  train: each correction against the answer that it replaces, with the objective `correction` and
     its bound
  6  again: the taught student answers anew, is corrected, learns from that too; until it needs no
     less correction than before
  7  exam: base, corrections in the prompt, taught, on prompts that nothing was chosen on

Source: correction-optimization (docs/sources.md). CIPHER (arXiv 2404.15269) for measuring in edits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Any

from selfteach import statistics
from selfteach.config import Corrections as Settings
from selfteach.evaluate import corrections as paper
from selfteach.evaluate.exam import as_json
from selfteach.evaluate.held_out import Pair
from selfteach.generate.correct import (
    Answered,
    Corrector,
    Form,
    Revision,
    Turns,
    pieces,
    unchanged_start,
)
from selfteach.materials.corrections import Corrections, Edit
from selfteach.methods.corrections.exam import (
    CHANGED,
    Questions,
    by_prompt,
    examine,
    file_teacher,
    longer,
)
from selfteach.methods.corrections.examples import FILE, Lessons, lesson
from selfteach.methods.corrections.split import Parts, fits, fitted, parted, sized
from selfteach.methods.runner import Taught, publish, teach_adapter, tidy
from selfteach.methods.session import Session, open_session
from selfteach.models.recorded import Recorded
from selfteach.records import GREEDY, Draw, Example, Request, Sampling, messages, question, user
from selfteach.run.display import Display
from selfteach.run.folder import Run
from selfteach.run.ledger import Fate

KINDS = {
    "correction": {"correction": 1.0, "hold": 8.0},
    "criticised": {"sft": 1.0, "dpo": 1.0},
    "kept": {"anchor": 8.0},
    "general": {"anchor": 8.0},
}
EMPTY = "the model's own answer is empty"
WARM, COOLER = Sampling(1.0, 1.0), Sampling(0.7, 0.95)
"""How answers are drawn beside the greedy one. What is left of a criticised one becomes a lesson,
so it should make sense.
"""


def teach(run: Run, material: Corrections, config: Settings, display: Display) -> dict[str, Any]:
    """Teaches corrections in a run folder; returns what `selfteach corrections --json` prints.

    Raises:
        DataError: too few prompts to learn from and to be examined on.
    """
    if done := run.ledger.noted("result"):
        tidy(run)
        display.say("this run is done: here is its result again")
        return dict(done)
    with run.stage("load"):
        session = open_session(run, config, display, programs=True)
    with run.stage("read"):
        run.ledger.place("read", material.fates.values())
        for line in material.conflicts():
            display.say(line)
        session, material = prepared(session, material)  # 1
    if config.review:
        with run.stage("review"):
            material = fitted(session, reviewed(session, material))  # 2, 3
    teacher = corrector(session)
    with run.stage("part"):
        parts = parted(session, material, teacher or own_corrector(session))  # 1
    with run.stage("correct"):
        own = own_answers(session, material)  # 2
        lessons = given(session, material, parts, own)  # 3
        lessons += corrected(
            session,
            session.base,
            parts,
            teacher,
            known={e.prompt for e in (*material.edits, *material.approved)},
        )  # 2, 3
    with run.stage("keep"):
        anchors = kept(session, parts, teacher, lessons)  # 4
    asked = questions(material, parts, teacher, own)
    with run.stage("exam of the base"):
        examine(session, None, asked, lessons)  # 7
        session.base.rest()
    taught = None
    if any(e.kind in CHANGED for e in lessons.examples):
        taught = rounds(session, parts, teacher, lessons, anchors)  # 5, 6
    with run.stage("exam"):
        exam = examine(session, taught, asked, lessons)  # 7
    if taught and config.exam.longer:
        with run.stage("exam of a longer training"):
            steps = config.exam.longer * taught.trained.steps
            other = teach_adapter(session, [*lessons.examples, *anchors], KINDS, "longer", steps)
            exam["longer"] = longer(session, other, asked)
    return finish(session, exam, [*lessons.examples, *anchors], taught, material)


def prepared(session: Session, material: Corrections) -> tuple[Session, Corrections]:
    """Step 1: the road with its lengths, and the material without the rows for which the model has
    no room.
    """
    session = sized(session, material)
    return session, fitted(session, material)


def corrector(session: Session) -> Corrector | None:
    """The living teacher, if there is one."""
    if session.teacher is None:
        return None
    address, config = session.config.teacher, session.config.correct
    form: Form = (
        "program"
        if address.startswith("cmd:")
        else "chat"
        if "#" in address or "://" in address
        else "few-shot"
    )
    return Corrector(
        session.teacher,
        form,
        session.config.seed,
        config.tries,
        config.max_distance,
        2 * config.max_tokens,
        partial(fits, session),
    )


def own_corrector(session: Session) -> Corrector:
    """The student, who revises by a criticism where no teacher does."""
    return Corrector(
        session.base,
        "few-shot",
        session.config.seed,
        session.config.correct.tries,
        fits=partial(fits, session),
    )


def reviewed(session: Session, material: Corrections) -> Corrections:
    """Steps 2, 3 with a person as the teacher: the student's answers wait in the review page until
    each has a decision.
    """
    from selfteach.review.queue import corrections, put, waiting
    from selfteach.review.serve import serve

    answered = draws(session, session.base, "draw", material.prompts, 1, session.config.seed)
    rows = [
        {"prompt": p, "answer": row[0].text, "cut": row[0].finish == "length"}
        for p, row in answered.items()
        if row[0].text.strip()
    ]
    empty = [
        Fate(row[0].id, "dropped", EMPTY, {"prompt": question(p)})
        for p, row in answered.items()
        if not row[0].text.strip()
    ]
    session.run.ledger.place("answers for review", empty)
    ids = put(session.run, rows)
    if waiting(session.run):
        serve(session.run.ledger, name=session.run.path.name, say=session.display.say)
    for row in corrections(session.run, ids):
        edit = Edit(
            f"review {row['id']}",
            messages(row["prompt"]),
            row["answer"],
            row["correction"],
            cut=row["cut"],
        )
        (material.approved if edit.unchanged else material.edits).append(edit)
    material.prompts = []  # one that was skipped has no correction to be examined by
    return material


def own_answers(session: Session, material: Corrections) -> Mapping[Turns, Draw]:
    """Step 2: the student's answers where a correction came without the answer that it corrects."""
    missing = [e.prompt for e in material.edits if e.answer is None]
    return {
        prompt: row[0]
        for prompt, row in draws(
            session, session.base, "draw missing", missing, 1, session.config.seed
        ).items()
    }


def answer_of(edit: Edit, own: Mapping[Turns, Draw]) -> Answered:
    """The answer that a person corrected, or the student's own."""
    if edit.answer is not None:
        return Answered(edit.prompt, edit.answer, edit.feedback, edit.cut)
    return Answered(
        edit.prompt, own[edit.prompt].text, edit.feedback, own[edit.prompt].finish == "length"
    )


def given(
    session: Session, material: Corrections, parts: Parts, own: Mapping[Turns, Draw]
) -> Lessons:
    """Step 3: the corrections and approvals that the person brought, as far as their prompts are
    for training.
    """
    train, edits = set(parts.own["train"]), [*material.edits, *material.approved]
    session.run.ledger.expect("lessons of the file", (e.where for e in edits))
    found, fates = Lessons(), []
    for edit in edits:
        revision = Revision(answer_of(edit, own), edit.correction or "", strategy=FILE)
        fault = "kept for the exam" if edit.prompt not in train else unlearnable(session, revision)
        fates.append(Fate(edit.where, "dropped" if fault else "accepted", fault, edit.json()))
        if not fault:
            found += lesson(revision, edit.where, 1)
    session.run.ledger.settle("lessons of the file", fates)
    return found


def unlearnable(session: Session, revision: Revision) -> str:
    """Why nothing can be learned from a revision, or an empty text."""
    answer, text = (session.model.encode_answer(t) for t in (revision.asked.answer, revision.text))
    if not revision.asked.answer.strip():
        return EMPTY
    return "changes no token" if answer == text and not revision.unchanged else ""


def questions(
    material: Corrections, parts: Parts, teacher: Corrector | None, own: Mapping[Turns, Draw]
) -> Questions:
    """What the exam asks, and who corrects. Without a living teacher the corrections of held-out
    answers are asked for themselves.
    """
    tested = set(parts.own["test"])
    rows = (
        [(answer_of(e, own), e.correction or "") for e in material.edits if e.prompt in tested]
        if teacher is None
        else []
    )
    held = [
        Pair(a.prompt, a.answer, text, a.cut)
        for a, text in rows
        if a.answer.strip() and a.answer.strip() != text.strip()
    ]
    correct = by_prompt(parts.criticised, teacher.correct if teacher else file_teacher(material))
    return Questions(parts.tested(), parts.general["test"], correct, parts.criticised_tests(), held)


def corrected(
    session: Session,
    model: Recorded,
    parts: Parts,
    teacher: Corrector | None,
    turn: int = 1,
    known: Set[Turns] = frozenset(),
) -> Lessons:
    """Steps 2, 3: a student's answers to training prompts, corrected by the living teacher, and by
    each criticism on prompts like its own.

    Args:
        known: prompts whose corrections the person brought.
    """
    found = Lessons()
    if teacher:
        asked = answered(session, model, [p for p in parts.own["train"] if p not in known], turn)
        found += learned(
            session, teacher.correct, asked, f"correct {turn}", session.config.teacher, turn
        )
    for number, (critic, prompts) in enumerate(parts.criticised, 1):
        asked = answered(session, model, prompts["train"], turn, COOLER)
        if turn == 1:
            asked = [Answered(e.prompt, e.answer or "") for e in critic.edits] + asked
        found += learned(
            session,
            critic.lessons,
            asked,
            f"criticism {number}, round {turn}",
            critic.feedback,
            turn,
        )
    return found


def answered(
    session: Session, model: Recorded, prompts: Sequence[Turns], turn: int, warm: Sampling = WARM
) -> list[Answered]:
    """The student's answers to prompts, without empty ones and repeats."""
    found = draws(
        session,
        model,
        "draw",
        prompts,
        session.config.correct.draws,
        session.config.seed + turn - 1,
        warm,
    )
    items = (Answered(p, d.text, cut=d.finish == "length") for p in prompts for d in found[p])
    return list({a.id: a for a in items if a.answer.strip()}.values())


def learned(
    session: Session,
    correct: paper.Correct,
    asked: Sequence[Answered],
    stage: str,
    source: str,
    turn: int,
) -> Lessons:
    """What answers teach after their correction; those that got none are dropped with the reason."""
    session.display.stage("correct", len(asked))
    session.run.ledger.expect(stage, (a.id for a in asked))
    found, fates = Lessons(), []
    for a, revision in zip(
        asked, correct(asked), strict=True
    ):  # a criticism's revision is of the answer with its criticism
        session.display.advance()
        body = {"prompt": question(a.prompt), "answer": a.answer, "last": revision.text}
        fault = revision.fault or unlearnable(session, revision)
        fates.append(Fate(a.id, "dropped" if fault else "accepted", fault, body if fault else None))
        if not fault:
            found += lesson(revision, source, turn)
    session.run.ledger.settle(stage, fates)
    return found


def draws(
    session: Session,
    model: Recorded,
    stage: str,
    prompts: Sequence[Turns],
    count: int,
    seed: int,
    warm: Sampling = WARM,
) -> dict[Turns, list[Draw]]:
    """`count` answers to each prompt, the first one greedy."""
    limit = session.config.correct.max_tokens
    requests = {
        p: [
            Request(stage, p, replace(warm if k else GREEDY, max_tokens=limit), k, seed)
            for k in range(count)
        ]
        for p in prompts
    }
    session.display.stage(stage, count * len(requests))
    found = {}
    for draw in model.draw([r for row in requests.values() for r in row]):
        found[draw.id] = draw
        session.display.advance()
    return {p: [found[r.id(model.fingerprint)] for r in row] for p, row in requests.items()}


def kept(
    session: Session, parts: Parts, teacher: Corrector | None, lessons: Lessons
) -> list[Example]:
    """Step 4: the beginnings of the base's own answers to general prompts, without those that the
    teacher would correct.
    """
    prompts, reach = parts.general["train"], session.config.keep.anchor_tokens
    # "too long" teaches where to stop; an anchor that ends in its first sentence does not say where
    # not to
    if parts.criticised:
        reach *= 2
    limit = replace(GREEDY, max_tokens=reach)
    session.display.stage("keep", len(prompts))
    begun = paper.answer(
        session.base, "keep", prompts, limit, session.config.seed, session.display.advance
    )
    asked = [
        Answered(p, d.text, cut=d.finish == "length") for p, d in zip(prompts, begun, strict=True)
    ]
    session.run.ledger.expect("anchor", (a.id for a in asked))
    right = unobjected([a for a in asked if a.answer.strip()], teacher, lessons)
    found, fates = [], []
    for a in asked:
        text = right.get(a.id, "")
        reason = "" if text else "the teacher would correct it" if a.answer.strip() else EMPTY
        fates.append(
            Fate(
                a.id,
                "dropped" if reason else "accepted",
                reason,
                {"prompt": question(a.prompt), "answer": a.answer},
            )
        )
        if not reason:
            cut = ["chosen"] if a.cut or text != a.answer else []
            found.append(
                Example(a.id, "general", a.prompt, text, None, {}, {"scope": "general", "cut": cut})
            )
    session.run.ledger.settle("anchor", fates)
    return found


def unobjected(
    asked: Sequence[Answered], teacher: Corrector | None, lessons: Lessons
) -> dict[str, str]:
    """Of each answer all words before the first that the teacher would change, "" where that is
    none; without a living teacher an answer counts wholly or, where it makes an error which the
    corrections took out, not at all."""
    if teacher:
        return {r.asked.id: unchanged_start(r.asked.answer, r.text) for r in teacher.correct(asked)}
    known = paper.errors(lessons.pairs)
    return {a.id: "" if known & set(pieces(a.answer)) else a.answer for a in asked}


def rounds(
    session: Session,
    parts: Parts,
    teacher: Corrector | None,
    lessons: Lessons,
    anchors: Sequence[Example],
) -> Taught:
    """Steps 5, 6: trains; then as often as wanted draws, corrects and trains anew, while the dev
    answers need less and less correction.

    The curve, which the report shows, holds the amount of correction (nats) and the edit distance
    by round; round 0 is the base.
    """
    dev = parts.own["dev"]
    curve = [measured(session, 0, session.base, dev, teacher)] if teacher and dev else []
    best: Taught | None = None
    for turn in range(1, session.config.rounds + 1):
        with session.run.stage(f"train {turn}"):
            if best is not None:
                lessons += corrected(session, best.model, parts, teacher, turn)
                best.model.rest()
            taught = teach_adapter(session, [*lessons.examples, *anchors], KINDS, f"train-{turn}")
        if teacher and dev:
            curve.append(measured(session, turn, taught.model, dev, teacher))
            better = (
                best
                if best is not None and curve[-1]["distance"].value >= curve[-2]["distance"].value
                else None
            )
            kept = turn - 1 if better else turn
            session.run.ledger.note(
                "rounds", [as_json(point | {"kept": point["round"] == kept}) for point in curve]
            )
            if better:
                session.display.say(
                    f"round {turn} needs no less correction than round {kept}, which is kept"
                )
                return better
        best = taught
    assert best is not None
    return best


def measured(
    session: Session, turn: int, model: Recorded, dev: Sequence[Turns], teacher: Corrector
) -> dict[str, Any]:
    """One point of the curve: how much the teacher corrects of new answers to dev prompts."""
    session.display.stage("dev", 2 * len(dev))
    sheet = paper.sit(
        paper.Arm("dev", model),
        dev,
        teacher.correct,
        session.config.correct.max_tokens,
        session.config.seed,
        session.display.advance,
    )
    seed = session.config.seed
    distances = [*sheet.greedy.distances(), *sheet.drawn.distances()]
    amounts = [
        x
        for side in (sheet.greedy, sheet.drawn)
        for x in paper.amounts(paper.Arm("dev", model), side)
    ]
    return {
        "round": turn,
        "distance": statistics.mean(distances, seed=seed, limits=(0.0, 1.0)),
        "amount_nats": statistics.mean(amounts, seed=seed),
    }


def finish(
    session: Session,
    exam: dict[str, Any],
    examples: Sequence[Example],
    taught: Taught | None,
    material: Corrections,
) -> dict[str, Any]:
    """Writes the exports and the report; returns the result as JSON."""
    arms = {
        arm: {key: found[arm] for key, found in exam.items() if key in SHOWN and arm in found}
        for arm in exam["distance"]
    }
    worked = [(e.turns, e.chosen) for e in examples if e.kind in CHANGED]
    prompted = (*paper.shown(worked, session.config.exam.shots), *user("x"))
    return publish(
        session,
        exam | {"material": told(material, exam["teacher"])},
        examples,
        taught,
        arms,
        prompted,
    )


def told(material: Corrections, teacher: str) -> str:
    """What the person brought, in a line: the words of criticisms, the counts of everything else."""
    words = dict.fromkeys(e.feedback for e in material.criticisms)
    counts = {
        "corrections": len(material.edits),
        "approved answers": len(material.approved),
        "prompts": len(material.prompts),
    }
    parts = [f'"{text}"' for text in words] + [f"{n} {name}" for name, n in counts.items() if n]
    return ", ".join(parts) + (f"; corrected by {teacher}" if teacher != "the file" else "")


SHOWN = (
    "distance",
    "corrected",
    "preferred",
    "amount_held_out",
    "met",
    "repeated",
    "amount_nats",
    "length_tokens",
    "general",
)
