"""Step 5 of documents: which rows of study data are learned, how much one document may weigh, and
what is left out because it is known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
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
    """The questions that were kept.

    Attributes:
        all: they ask about their sentence.
        trusted: those of them that also get their own answer back from it.
    """

    all: list[Question]
    trusted: list[Question]


@dataclass
class Measured:
    """The trusted questions with their samples and scores, in one order.

    Attributes:
        sure: the same by the judge that knows best, where one does.
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
    """Return every sentence in many forms. No row is like a question of the exam, and no question
    about a sentence that was set aside is asked.
    """
    config = session.config
    if not config.stages.study:
        return []
    statements = {a.question.id: a.best for a in measured.answered if not label_fault(a)}
    found = facts(chunks, [(q, statements.get(q.id, "")) for q in asked.all])
    session.display.stage("study")
    left_out = known(session, measured)
    synonyms = alike(session.model, sorted(vocabulary(found)))
    rows = study(found, config.study, config.seed, synonyms)
    exam = Overlap(q.text for q in quiz)
    reasons: dict[str, str] = {}
    for example in rows:
        place = (example.source["document"], example.source["start"])
        if exam.nearest(question(example.prompt)).similarity >= config.questions.max_overlap:
            reasons[example.id] = "like a question of the exam"
        elif place in left_out and example.source["form"] != "recite":
            reasons[example.id] = KNOWN
    limit = config.study.per_document
    wanted = [example for example in rows if example.id not in reasons]
    reasons |= dict.fromkeys(surplus(wanted, limit), ENOUGH)
    fates = []
    for example in rows:
        reason = reasons.get(example.id, "")
        body = {"file": example.source["file"]}
        fates.append(Fate(example.id, "dropped" if reason else "accepted", reason, body))
    session.run.ledger.place("study", fates)
    kept = [example for example in rows if example.id not in reasons]
    for line in shortened(rows, kept, reasons, limit):
        session.display.say(line)
    return kept


def surplus(rows: Sequence[Example], limit: int) -> list[str]:
    """Return the ids of the rows beyond `limit` of one document.

    Rows are dealt: the first of every sentence and of every part that is recited, then the second
    of each, and so on. So every sentence of a long document keeps as many as there is room for.
    Where there is no room for one of each, chance spreads those that stay.
    """
    turns: Counter[tuple[str, int, bool]] = Counter()
    dealt: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for example in rows:
        source = example.source
        place = (source["document"], source["start"], source["form"] == "recite")
        turns[place] += 1
        dealt[source["document"]].append((turns[place], digest(place), example.id))
    found = []
    for own in dealt.values():
        found += [id for _, _, id in sorted(own)[limit:]]
    return found


def shortened(
    rows: Sequence[Example], kept: Sequence[Example], reasons: Mapping[str, str], limit: int
) -> list[str]:
    """Describe each document that has too many rows, in one line: how many were kept, and how many
    sentences go untaught.
    """
    taught = find_sentences(kept)
    documents: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in rows:
        documents[example.source["document"], example.source["file"]].append(example)
    found = []
    for (_, file), own in documents.items():
        cut = sum(reasons.get(example.id) == ENOUGH for example in own)
        if not cut:
            continue
        stay = sum(example.id not in reasons for example in own)
        wanted = find_sentences([e for e in own if reasons.get(e.id) != KNOWN])
        untaught = wanted - taught
        without = ""
        if untaught:
            without = f"; {len(untaught)} of its {len(wanted)} sentences are not taught at all"
        found.append(
            f"{file}: {stay} of {stay + cut} rows of study data, {limit} at most "
            f"from one document{without} (study.per_document)"
        )
    return found


def find_sentences(rows: Sequence[Example]) -> set[Place]:
    """Return the sentences that rows are about; recited parts are left out."""
    return {
        (example.source["document"], example.source["start"])
        for example in rows
        if example.source["form"] != "recite"
    }


def known(session: Session, measured: Measured) -> set[Place]:
    """Return the sentences that are left out because they are known, as `study.known` says; with
    `auto`, say what was found.
    """
    config = session.config
    if config.study.known is True:
        return set()
    if config.study.known is False:
        return known_sentences(measured, config.select.tau_label, config.select.tau_knowledge)
    sure = measured.sure
    if sure is None:
        session.display.say(
            "study.known=auto: no judge tells well enough what is known (AUROC); all is taught"
        )
        return set()
    by_best = Measured(measured.answered, list(sure.scored))
    found = known_sentences(by_best, sure.tau_label, sure.tau_knowledge)
    asked = {_place(a.question) for a in measured.answered}
    session.display.say(
        f"study.known=auto: by {sure.judge} (AUROC {sure.auroc:.2f}), {len(found)} of "
        f"{len(asked)} sentences that were asked about are known and left out"
    )
    return found


def known_sentences(measured: Measured, tau_label: float, tau_knowledge: float) -> set[Place]:
    """Return the sentences of which every measured question is known."""
    found: dict[Place, set[str]] = {}
    for a, scores in zip(measured.answered, measured.scored, strict=True):
        found.setdefault(_place(a.question), set()).add(state(scores, tau_label, tau_knowledge))
    return {place for place, states in found.items() if states == {"known"}}


def _place(question: Question) -> Place:
    place = question.chunk.place(question.sentence)
    return place["document"], place["start"]
