"""Step 5 of documents: which rows of study data are learned, how much one document may weigh, and
what is left out because it is known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from selfteach.evaluate.calibration import Sure
from selfteach.generate.question import Question
from selfteach.generate.respond import Answered
from selfteach.generate.study import facts, study, vocabulary
from selfteach.judge.contradiction import Scored
from selfteach.materials.documents.chunk import Chunk
from selfteach.methods.documents.exam import Quiz
from selfteach.methods.session import Session
from selfteach.models.meaning import alike
from selfteach.records import Example, digest, question
from selfteach.run.ledger import Fate
from selfteach.select.knowledge import label_fault, state
from selfteach.select.overlap import Overlap

ENOUGH, KNOWN = "enough from this document", "known"
Place = tuple[str, int]
"""A document and where in it a sentence begins."""


@dataclass
class Asked:
    """The questions that were kept: `all` ask about their sentence; `trusted` also get their own
    answer back from it.
    """

    all: list[Question]
    trusted: list[Question]


@dataclass
class Measured:
    """The trusted questions with their draws and scores, in one order. `sure`: the same by the
    judge that knows best, where one does.
    """

    answered: list[Answered]
    scored: list[Scored]
    sure: Sure | None = None


def study_data(
    session: Session,
    chunks: Sequence[Chunk],
    asked: Asked,
    measured: Measured,
    quiz: Sequence[Quiz],
) -> list[Example]:
    """Every sentence in many forms; no row is like a question of the exam, and no question about a
    sentence set aside is asked.
    """
    if not session.config.stages.study:
        return []
    statements = {a.question.id: a.best for a in measured.answered if not label_fault(a)}
    found = facts(chunks, [(q, statements.get(q.id, "")) for q in asked.all])
    exam, limit = Overlap(q.text for q in quiz), session.config.questions.max_overlap
    session.display.stage("study")
    left_out = known(session, measured)
    rows, reasons = (
        study(
            found,
            session.config.study,
            session.config.seed,
            alike(session.model, sorted(vocabulary(found))),
        ),
        dict[str, str](),
    )
    for example in rows:
        place = (example.source["document"], example.source["start"])
        if exam.nearest(question(example.prompt)).similarity >= limit:
            reasons[example.id] = "like a question of the exam"
        elif place in left_out and example.source["form"] != "recite":
            reasons[example.id] = KNOWN
    reasons |= dict.fromkeys(
        surplus([e for e in rows if e.id not in reasons], session.config.study.per_document), ENOUGH
    )
    fates = [
        Fate(
            e.id,
            "dropped" if e.id in reasons else "accepted",
            reasons.get(e.id, ""),
            {"file": e.source["file"]},
        )
        for e in rows
    ]
    session.run.ledger.place("study", fates)
    kept = [e for e in rows if e.id not in reasons]
    for line in shortened(rows, kept, reasons, session.config.study.per_document):
        session.display.say(line)
    return kept


def surplus(rows: Sequence[Example], limit: int) -> list[str]:
    """The ids of the rows that are more than `limit` from one document.

    Rows are dealt: the first of every sentence and of every part that is recited, then the second
    of each, and so on; so every sentence of a long document keeps as many as there is room for.
    Where there is no room for one of each, those that stay are spread by chance.
    """
    turns, dealt = (
        Counter[tuple[str, int, bool]](),
        defaultdict[str, list[tuple[int, str, str]]](list),
    )
    for example in rows:
        source = example.source
        place = (source["document"], source["start"], source["form"] == "recite")
        turns[place] += 1
        dealt[source["document"]].append((turns[place], digest(place), example.id))
    return [id for own in dealt.values() for _, _, id in sorted(own)[limit:]]


def shortened(
    rows: Sequence[Example], kept: Sequence[Example], reasons: dict[str, str], limit: int
) -> list[str]:
    """What is said of each document that has too many rows, in one line: how many were kept, and
    how many sentences go untaught.
    """
    taught = {
        (e.source["document"], e.source["start"]) for e in kept if e.source["form"] != "recite"
    }
    own = defaultdict[tuple[str, str], list[Example]](list)
    for example in rows:
        own[example.source["document"], example.source["file"]].append(example)
    found = []
    for (_, file), part in own.items():
        cut, stay = (sum(reasons.get(e.id) == why for e in part) for why in (ENOUGH, None))
        places = {
            (e.source["document"], e.source["start"])
            for e in part
            if e.source["form"] != "recite" and reasons.get(e.id) != KNOWN
        }
        without = (
            f"; {len(places - taught)} of its {len(places)} sentences are not taught at all"
            if places - taught
            else ""
        )
        if cut:
            found.append(
                f"{file}: {stay} of {stay + cut} rows of study data, {limit} at most "
                f"from one document{without} (study.per_document)"
            )
    return found


def known(session: Session, measured: Measured) -> set[Place]:
    """The sentences that are left out because they are known, as study.known says; with `auto` it
    is said what was found.
    """
    config = session.config
    if config.study.known is True:
        return set()
    if config.study.known is False:
        return known_sentences(measured, config.select.tau_label, config.select.tau_knowledge)
    if measured.sure is None:
        session.display.say(
            "study.known=auto: no judge tells well enough what is known (AUROC); all is taught"
        )
        return set()
    sure = measured.sure
    found = known_sentences(
        Measured(measured.answered, list(sure.scored)), sure.tau_label, sure.tau_knowledge
    )
    asked = {_place(a.question) for a in measured.answered}
    session.display.say(
        f"study.known=auto: by {sure.judge} (AUROC {sure.auroc:.2f}), {len(found)} of "
        f"{len(asked)} sentences that were asked about "
        "are known and left out"
    )
    return found


def known_sentences(measured: Measured, tau_label: float, tau_knowledge: float) -> set[Place]:
    """The sentences of which every measured question is known."""
    found: dict[Place, set[str]] = {}
    for a, s in zip(measured.answered, measured.scored, strict=True):
        found.setdefault(_place(a.question), set()).add(state(s, tau_label, tau_knowledge))
    return {place for place, states in found.items() if states == {"known"}}


def _place(question: Question) -> Place:
    place = question.chunk.place(question.sentence)
    return place["document"], place["start"]
