"""Step 5 of documents: choose the rows of study data to learn from, limit the rows of one document,
leave out sentences that the model knows, and keep the whole answer in a part of the rows.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial

from selfteach.dedup.overlap import OverlapIndex, split_written_words
from selfteach.evaluate.judge_calibration import BestJudge
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.generate.similar_words import find_similar_words
from selfteach.generate.study import collect_sentences, collect_vocabulary, make_study_data
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.materials.documents.chunk import Chunk, SentencePlace
from selfteach.methods.documents.held_out_questions import HeldOutQuestion
from selfteach.methods.session import Session
from selfteach.models.hf import HfModel
from selfteach.records import Example, digest, get_user_text
from selfteach.select.knowledge import decide_state, find_label_fault
from selfteach.text import REPLACEMENT

ENOUGH_ROWS = "more than study.per_document"
ALREADY_KNOWN = "known"
WHOLE_CHUNK_FORM = "recite"
"""The form of study data that is about a whole chunk, not about one sentence."""
OTHER_ANSWERS = (WHOLE_CHUNK_FORM, "backwards")
"""Forms whose answer does not begin with the sentence that other rows repeat."""


@dataclass
class WrittenQuestions:
    """Hold the usable questions.

    Attributes:
        all: questions about their sentence.
        trusted: those whose expected answer the model finds in the sentence.
    """

    all: list[Question]
    trusted: list[Question]


@dataclass
class MeasuredQuestions:
    """Hold the trusted questions with their answers and scores, in the same order.

    Attributes:
        best_judge: scores of the judge with the best ranking, where one is good enough.
        as_written: the questions with their labels before any repair.
    """

    answered: list[LabelledQuestion]
    scored: list[KnowledgeScores]
    best_judge: BestJudge | None = None
    as_written: list[LabelledQuestion] = field(default_factory=list)


def make_study_examples(
    session: Session,
    chunks: Sequence[Chunk],
    written: WrittenQuestions,
    measured: MeasuredQuestions,
    held_out: Sequence[HeldOutQuestion],
) -> list[Example]:
    """Return every sentence in many forms.

    No prompt of a row has a ROUGE-L of `questions.max_overlap` or more to a wording of a question
    of the exam. Rows in other words may be about the same sentence.
    """
    config = session.config
    if not config.stages.study:
        return []
    answered = {a.question.id for a in measured.answered if a.best and not find_label_fault(a)}
    session.display.start_stage("study")
    asked = [(q, q.id in answered) for q in written.all]
    sentences = collect_sentences(chunks, asked)
    known = choose_skipped_sentences(session, measured)
    synonyms = find_similar_words(session.model, sorted(collect_vocabulary(sentences)))
    make_rows = partial(make_study_data, sentences, config.study, config.seed, synonyms)
    rows = make_rows(not_recited=known)
    reasons = find_drop_reasons(session, rows, held_out, known)
    with session.run.ledger.open_funnel("study") as funnel:
        for example in rows:
            body = {"file": example.source["file"]}
            funnel.decide(example.id, reasons.get(example.id, ""), body)
    for line in describe_shortened(rows, reasons, config.study.per_document):
        session.display.print_line(line)
    if known:
        taught = [e for e in rows if reasons.get(e.id) != ALREADY_KNOWN]
        before, after = (shorten_rows(session, own) for own in (make_rows(), taught))
        session.display.print_line(describe_left_out(before, after))
    return shorten_rows(session, [example for example in rows if example.id not in reasons])


def find_drop_reasons(
    session: Session,
    rows: Sequence[Example],
    held_out: Sequence[HeldOutQuestion],
    known: Set[SentencePlace],
) -> dict[str, str]:
    """Return why rows are not learned, by their ids: they are like a question of the exam, their
    sentence is known, or their document has enough.
    """
    config = session.config
    exam = OverlapIndex(text for q in held_out for text in q.list_wordings())
    most = config.questions.max_overlap
    reasons = {}
    for example in rows:
        if exam.nearest(get_user_text(example.prompt), most).similarity >= most:
            reasons[example.id] = "like a question of the exam"
        elif find_sentences([example]) & known:
            reasons[example.id] = ALREADY_KNOWN
    left = [example for example in rows if example.id not in reasons]
    surplus = find_surplus(left, config.study.per_document)
    return reasons | dict.fromkeys(surplus, ENOUGH_ROWS)


def shorten_rows(session: Session, rows: Sequence[Example]) -> list[Example]:
    """Return the rows; of each sentence `study.whole_rows` keep their whole answer, and the others
    its first `study.first_tokens`.

    What a question asks for is decided by the first tokens: they say which sentence answers it. The
    rest of a sentence is the same in every row, and learned after a few of them
    (docs/log/2026-11-documents.md).
    """
    settings = session.config.study
    by_sentence: dict[SentencePlace, list[Example]] = defaultdict(list)
    for example in rows:
        if example.source["form"] not in OTHER_ANSWERS:
            place = example.source["document"], example.source["start"]
            by_sentence[place].append(example)
    shortened: set[str] = set()
    for place, own in by_sentence.items():
        dice = random.Random(f"{session.config.seed} whole rows {place}")
        shuffled = dice.sample(own, len(own))
        shortened |= {example.id for example in shuffled[settings.whole_rows :]}
    return [
        keep_first_tokens(session.model, example, settings.first_tokens)
        if example.id in shortened
        else example
        for example in rows
    ]


def keep_first_tokens(model: HfModel, example: Example, count: int) -> Example:
    """Return an example with the first tokens of its answer, if it has more.

    A token may be a part of a character; a torn one at the end is left out.
    """
    tokens = model.encode_answer(example.chosen, end=False)
    beginning = model.decode(tokens[:count]).rstrip(REPLACEMENT)
    if len(tokens) <= count or not beginning:
        return example
    source = {**example.source, "cut": ["chosen"]}
    return replace(example, chosen=beginning, source=source)


def describe_left_out(before: Sequence[Example], after: Sequence[Example]) -> str:
    """Describe how much study data is left out because it is known.

    Args:
        before: all rows, as they would be learned.
        after: those that are not known; recited parts are shorter.
    """
    words = 1 - count_answer_words(after) / max(count_answer_words(before), 1)
    return (
        f"known: {len(before) - len(after)} of {len(before)} rows of study data are left out, with "
        f"{100 * words:.0f} % of the words to learn"
    )


def count_answer_words(rows: Sequence[Example]) -> int:
    """Return the number of words that are learned."""
    return sum(len(split_written_words(example.chosen)) for example in rows)


def find_surplus(rows: Sequence[Example], limit: int) -> list[str]:
    """Return the ids of the rows beyond `limit` of one document.

    Rows are kept in turns: the first row of every sentence and of every recited part, then the
    second row of each, and so on. So every sentence of a long document keeps as many rows as
    possible. The last turn may have too many rows; a hash decides which of them are kept.
    """
    turns: Counter[tuple[str, int, bool]] = Counter()
    ranked: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for example in rows:
        source = example.source
        place = (source["document"], source["start"], source["form"] == WHOLE_CHUNK_FORM)
        turns[place] += 1
        ranked[source["document"]].append((turns[place], digest(place), example.id))
    return [id for own in ranked.values() for _, _, id in sorted(own)[limit:]]


def describe_shortened(
    rows: Sequence[Example], reasons: Mapping[str, str], limit: int
) -> list[str]:
    """Describe each document with too many rows in one line: the number of rows that are kept, and
    of sentences without any.
    """
    documents: dict[str, list[Example]] = defaultdict(list)
    for example in rows:
        documents[example.source["document"]].append(example)
    found = []
    for own in documents.values():
        kept = [example for example in own if example.id not in reasons]
        cut = [example for example in own if reasons.get(example.id) == ENOUGH_ROWS]
        if not cut:
            continue
        wanted = find_sentences([e for e in own if reasons.get(e.id) != ALREADY_KNOWN])
        untaught = wanted - find_sentences(kept)
        without = ""
        if untaught:
            without = f"; {len(untaught)} of its {len(wanted)} sentences are not taught at all"
        found.append(
            f"{own[0].source['file']}: {len(kept)} of {len(kept) + len(cut)} rows of study data, "
            f"{limit} at most from one document{without} (study.per_document)"
        )
    return found


def find_sentences(rows: Sequence[Example]) -> set[SentencePlace]:
    """Return the sentences of the rows; rows about a whole part are left out."""
    return {
        (example.source["document"], example.source["start"])
        for example in rows
        if example.source["form"] != WHOLE_CHUNK_FORM
    }


def choose_skipped_sentences(session: Session, measured: MeasuredQuestions) -> set[SentencePlace]:
    """Return the sentences to leave out because the model knows them, as `study.known` says; with
    `auto`, print the finding.
    """
    config = session.config
    if config.study.known is True:
        return set()
    if config.study.known is False:
        return find_known_sentences(measured, config.select.tau_label, config.select.tau_knowledge)
    best = measured.best_judge
    if best is None:
        session.display.print_line(
            "study.known=auto: no judge tells well enough what is known (select.min_auroc, "
            "select.max_false_known); all is taught"
        )
        return set()
    by_best = MeasuredQuestions(measured.answered, list(best.scored))
    found = find_known_sentences(by_best, best.tau_label, best.known.tau)
    asked = {a.question.chunk.get_place(a.question.sentence) for a in measured.answered}
    session.display.print_line(
        f"study.known=auto: by {best.judge} (AUROC {best.auroc:.2f}), {len(found)} of "
        f"{len(asked)} sentences with a question are known and left out; {describe_errors(best)}"
    )
    return found


def describe_errors(best: BestJudge) -> str:
    """Describe how often the judge was wrong where it said "known", in its calibration."""
    false, right = best.known.false_known, best.known.found
    return (
        f"of {false.n} unknown calibration questions it calls {100 * false.value:.0f} % known "
        f"[{100 * false.low:.0f}, {100 * false.high:.0f}], of {right.n} known ones "
        f"{100 * right.value:.0f} %"
    )


def find_known_sentences(
    measured: MeasuredQuestions, tau_label: float, tau_knowledge: float
) -> set[SentencePlace]:
    """Return the sentences of which every measured question is known."""
    states: dict[SentencePlace, set[str]] = defaultdict(set)
    for a, scores in zip(measured.answered, measured.scored, strict=True):
        states[a.question.chunk.get_place(a.question.sentence)].add(
            decide_state(scores, tau_label, tau_knowledge)
        )
    return {place for place, found in states.items() if found == {"known"}}
