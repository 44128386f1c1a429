"""Step 5 of documents: which rows of study data are learned, how much one document may weigh, and
what is left out because it is known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.judge_calibration import BestJudge
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.generate.similar_words import find_similar_words
from selfteach.generate.study import collect_sentences, collect_vocabulary, make_study_data
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.materials.documents.chunk import Chunk
from selfteach.methods.documents.exam import HeldOutQuestion
from selfteach.methods.session import Session
from selfteach.records import Example, digest, get_user_text
from selfteach.run.ledger import Outcome
from selfteach.select.knowledge import decide_state, find_label_fault

ENOUGH_ROWS, ALREADY_KNOWN = "enough from this document", "known"
SentencePlace = tuple[str, int]
"""A document and where in it a sentence begins."""


@dataclass
class WrittenQuestions:
    """The questions that were kept.

    Attributes:
        all: they ask about their sentence.
        trusted: those of them that also get their own answer back from it.
    """

    all: list[Question]
    trusted: list[Question]


@dataclass
class MeasuredQuestions:
    """The trusted questions with their samples and scores, in one order.

    Attributes:
        sure: the same by the judge that knows best, where one does.
    """

    answered: list[LabelledQuestion]
    scored: list[KnowledgeScores]
    best_judge: BestJudge | None = None


def make_study_examples(
    session: Session,
    chunks: Sequence[Chunk],
    asked: WrittenQuestions,
    measured: MeasuredQuestions,
    questions: Sequence[HeldOutQuestion],
) -> list[Example]:
    """Return every sentence in many forms. No row is like a question of the exam, and no question
    about a sentence that was set aside is asked.
    """
    config = session.config
    if not config.stages.study:
        return []
    statements = {a.question.id: a.best for a in measured.answered if not find_label_fault(a)}
    found = collect_sentences(chunks, [(q, statements.get(q.id, "")) for q in asked.all])
    session.display.start_stage("study")
    left_out = choose_skipped_sentences(session, measured)
    synonyms = find_similar_words(session.model, sorted(collect_vocabulary(found)))
    rows = make_study_data(found, config.study, config.seed, synonyms)
    exam = OverlapIndex(q.text for q in questions)
    reasons: dict[str, str] = {}
    for example in rows:
        place = (example.source["document"], example.source["start"])
        if exam.nearest(get_user_text(example.prompt)).similarity >= config.questions.max_overlap:
            reasons[example.id] = "like a question of the exam"
        elif place in left_out and example.source["form"] != "recite":
            reasons[example.id] = ALREADY_KNOWN
    limit = config.study.per_document
    wanted = [example for example in rows if example.id not in reasons]
    reasons |= dict.fromkeys(find_surplus(wanted, limit), ENOUGH_ROWS)
    fates = []
    for example in rows:
        reason = reasons.get(example.id, "")
        body = {"file": example.source["file"]}
        fates.append(Outcome(example.id, "dropped" if reason else "accepted", reason, body))
    session.run.ledger.record_outcomes("study", fates)
    kept = [example for example in rows if example.id not in reasons]
    for line in describe_shortened(rows, kept, reasons, limit):
        session.display.print_line(line)
    return kept


def find_surplus(rows: Sequence[Example], limit: int) -> list[str]:
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


def describe_shortened(
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
        cut = sum(reasons.get(example.id) == ENOUGH_ROWS for example in own)
        if not cut:
            continue
        stay = sum(example.id not in reasons for example in own)
        wanted = find_sentences([e for e in own if reasons.get(e.id) != ALREADY_KNOWN])
        untaught = wanted - taught
        without = ""
        if untaught:
            without = f"; {len(untaught)} of its {len(wanted)} sentences are not taught at all"
        found.append(
            f"{file}: {stay} of {stay + cut} rows of study data, {limit} at most "
            f"from one document{without} (study.per_document)"
        )
    return found


def find_sentences(rows: Sequence[Example]) -> set[SentencePlace]:
    """Return the sentences that rows are about; recited parts are left out."""
    return {
        (example.source["document"], example.source["start"])
        for example in rows
        if example.source["form"] != "recite"
    }


def choose_skipped_sentences(session: Session, measured: MeasuredQuestions) -> set[SentencePlace]:
    """Return the sentences that are left out because they are known, as `study.known` says; with
    `auto`, say what was found.
    """
    config = session.config
    if config.study.known is True:
        return set()
    if config.study.known is False:
        return find_known_sentences(measured, config.select.tau_label, config.select.tau_knowledge)
    sure = measured.best_judge
    if sure is None:
        session.display.print_line(
            "study.known=auto: no judge tells well enough what is known (AUROC); all is taught"
        )
        return set()
    by_best = MeasuredQuestions(measured.answered, list(sure.scored))
    found = find_known_sentences(by_best, sure.tau_label, sure.tau_knowledge)
    asked = {_get_place(a.question) for a in measured.answered}
    session.display.print_line(
        f"study.known=auto: by {sure.judge} (AUROC {sure.auroc:.2f}), {len(found)} of "
        f"{len(asked)} sentences that were asked about are known and left out"
    )
    return found


def find_known_sentences(
    measured: MeasuredQuestions, tau_label: float, tau_knowledge: float
) -> set[SentencePlace]:
    """Return the sentences of which every measured question is known."""
    found: dict[SentencePlace, set[str]] = {}
    for a, scores in zip(measured.answered, measured.scored, strict=True):
        found.setdefault(_get_place(a.question), set()).add(
            decide_state(scores, tau_label, tau_knowledge)
        )
    return {place for place, states in found.items() if states == {"known"}}


def _get_place(question: Question) -> SentencePlace:
    place = question.chunk.describe_source(question.sentence)
    return place["document"], place["start"]
