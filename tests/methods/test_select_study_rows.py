"""Which rows of study data are learned: a share for every sentence of a long document, and what is
surely known left out.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach import records
from selfteach.config import DocumentsConfig, StudyConfig
from selfteach.errors import DataError
from selfteach.evaluate.judge_calibration import (
    BestJudge,
    JudgeCalibration,
    KnownThreshold,
    choose_best_judge,
    find_known_threshold,
)
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.generate.study import collect_sentences
from selfteach.generate.study import make_study_data as write_study
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import Chunk, split_chunks
from selfteach.methods.documents import select_study_rows
from selfteach.methods.documents.calibrate_knowledge_judges import describe_weak_judges
from selfteach.methods.documents.held_out_questions import (
    HeldOutQuestion,
    make_gap_questions,
    make_people_questions,
)
from selfteach.methods.documents.method import describe_idle_choice
from selfteach.methods.documents.plan_stages import mix_sft_stage, plan_stages
from selfteach.methods.documents.select_study_rows import (
    MeasuredQuestions,
    WrittenQuestions,
    choose_skipped_sentences,
    find_known_sentences,
    keep_first_tokens,
    make_study_examples,
)
from selfteach.methods.documents.write_questions import drop_overlong_questions
from selfteach.records import Example, Measure, get_user_text, make_prompt
from selfteach.run.ledger import OpenFunnel
from selfteach.select.evenly import choose_evenly
from selfteach.select.specificity import SpecificityCheck
from selfteach.statistics import share

pytestmark = pytest.mark.long

(CHUNK,) = split_chunks(
    Document("x", "Tea", "Tea was sold in 1657. It came from China by ship. It is made in Japan."),
    lambda t: len(t.split()),
)


def session(**settings: Any) -> Any:
    """A session whose model only counts words as tokens; `printed` has its lines, `outcomes` what
    became of the rows.
    """
    printed: list[str] = []
    fates: list[Any] = []

    @contextmanager
    def open_funnel(stage: str) -> Iterator[OpenFunnel]:
        funnel = OpenFunnel()
        yield funnel
        fates.extend(funnel.outcomes.values())

    display = SimpleNamespace(print_line=printed.append, start_stage=lambda name: None)
    run = SimpleNamespace(ledger=SimpleNamespace(open_funnel=open_funnel))
    return SimpleNamespace(
        config=DocumentsConfig.model_validate(settings),
        run=run,
        model=SimpleNamespace(encode_answer=lambda text, end: text.split(), decode=" ".join),
        display=display,
        printed=printed,
        outcomes=fates,
    )


def book(sentences: int) -> list[Chunk]:
    """A document of so many sentences, each of which offers answers."""
    text = "\n\n".join(
        f"The mill of Hale{n} was built by Ann Ames in {1000 + n}." for n in range(sentences)
    )
    return split_chunks(Document("book.txt", "Mills", text), lambda t: len(t.split()), 120)


@pytest.fixture(autouse=True)
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model says which words are alike."""
    monkeypatch.setattr(select_study_rows, "find_similar_words", lambda *given: {})


#
# ---------------------------------------------------------------------------
# long documents


def test_what_is_printed_of_a_long_document_counts_what_is_kept_of_it() -> None:
    here = session(study={"per_document": 60})
    chunks = book(20)
    exam = [
        HeldOutQuestion(f"Who built the mill of Hale{n}?", ("Ann Ames",), chunks[0], "people")
        for n in range(20)
    ]
    kept = make_study_examples(
        here, chunks, WrittenQuestions([], []), MeasuredQuestions([], []), exam
    )
    reasons = Counter(fate.reason for fate in here.outcomes)
    assert reasons["like a question of the exam"] > 0
    (line,) = here.printed
    assert line.startswith(
        f"book.txt: {len(kept)} of {len(kept) + reasons[select_study_rows.ENOUGH_ROWS]} rows of "
        "study data, 60 at most"
    )


def test_a_title_in_front_hides_no_row_that_is_like_the_exam() -> None:
    """A row of study data becomes the exam's question, with a long title in front."""
    here = session()
    title = "The very long and complete history of all the mills"
    chunks = [replace(c, document=replace(c.document, title=title)) for c in book(6)]
    row = next(
        e
        for e in write_study(collect_sentences(chunks, []), StudyConfig(), 0)
        if e.source["form"] == "clauses"
    )
    text = get_user_text(row.prompt)
    exam = [HeldOutQuestion(f"{title}: {text}", ("Ann Ames",), chunks[0], "the model")]
    make_study_examples(here, chunks, WrittenQuestions([], []), MeasuredQuestions([], []), exam)
    refused = [f.id for f in here.outcomes if f.reason == "like a question of the exam"]
    assert row.id in refused


@pytest.mark.parametrize(("limit", "least"), [(200, 4), (30, 0)])
def test_every_sentence_of_a_long_document_is_taught_while_there_is_room(
    limit: int, least: int
) -> None:
    here = session(study={"per_document": limit})
    kept = make_study_examples(
        here, book(40), WrittenQuestions([], []), MeasuredQuestions([], []), []
    )
    rows = Counter(e.source["start"] for e in kept if e.source["form"] != "recite")
    starts = {sentence.start for chunk in book(40) for sentence in chunk.sentences}
    counts = sorted(rows.get(start, 0) for start in starts)
    assert len(kept) == limit
    assert counts[0] >= least
    assert counts[-1] - counts[0] <= 1, "no sentence has more than another"
    (printed,) = here.printed
    assert f"{limit} of" in printed
    assert ("sentences are not taught at all" in printed) == (least == 0)
    dropped = [f for f in here.outcomes if f.state == "dropped"]
    assert {f.reason for f in dropped} == {select_study_rows.ENOUGH_ROWS}
    assert len(here.outcomes) == len(kept) + len(dropped)


def test_a_short_document_is_taught_whole_and_in_its_order() -> None:
    here = session(study={"whole_rows": 100})
    kept = make_study_examples(
        here, book(6), WrittenQuestions([], []), MeasuredQuestions([], []), []
    )
    assert kept == write_study(collect_sentences(book(6), []), StudyConfig(), 0)
    assert here.printed == []


@pytest.mark.parametrize("seed", [0, 1])
def test_some_rows_of_a_sentence_keep_their_whole_answer_and_the_others_how_it_begins(
    seed: int,
) -> None:
    here = session(study={"whole_rows": 3, "first_tokens": 5}, seed=seed)
    kept = make_study_examples(
        here, book(4), WrittenQuestions([], []), MeasuredQuestions([], []), []
    )
    before = write_study(collect_sentences(book(4), []), StudyConfig(), seed)
    assert [(e.id, e.prompt) for e in kept] == [(e.id, e.prompt) for e in before]
    whole: Counter[int] = Counter()
    for example, full in zip(kept, before, strict=True):
        if example == full:
            whole[example.source["start"]] += example.source["form"] != "recite"
            continue
        assert example.chosen.split() == full.chosen.split()[:5]
        assert example.source == {**full.source, "cut": ["chosen"]}, "its end of turn is unknown"
        assert example.source["form"] != "recite", "what is recited stays whole"
    assert set(whole.values()) == {3}
    again = session(study={"whole_rows": 3, "first_tokens": 5}, seed=seed)
    written, measured = WrittenQuestions([], []), MeasuredQuestions([], [])
    assert make_study_examples(again, book(4), written, measured, []) == kept


def test_an_answer_that_is_no_longer_is_not_cut() -> None:
    here = session(study={"whole_rows": 1, "first_tokens": 11})
    kept = make_study_examples(
        here, book(1), WrittenQuestions([], []), MeasuredQuestions([], []), []
    )
    assert kept
    assert not any("cut" in example.source for example in kept)


def test_a_character_that_is_torn_by_the_cut_is_left_out() -> None:
    """A token is a byte here."""
    model: Any = SimpleNamespace(
        encode_answer=lambda text, end: list(text.encode()),
        decode=lambda ids: bytes(ids).decode(errors="replace"),
    )
    example = Example("a", "study", make_prompt("大象?"), "大象是陆地上最大的动物。", None, {}, {})
    assert keep_first_tokens(model, example, 7).chosen == "大象"
    assert keep_first_tokens(model, example, 2) == example, "nothing whole would be left"
    assert keep_first_tokens(model, example, 100) == example


def test_two_thousand_sentences_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole text is hashed once; nothing else grows with the square. In seconds of the
    processor, some ten times what is needed.
    """
    whole: list[int] = []

    def sha256(data: bytes) -> Any:
        whole.append(len(data))
        return hashlib.sha256(data)

    monkeypatch.setattr(records, "hashlib", SimpleNamespace(sha256=sha256))
    before = time.process_time()
    chunks = book(2000)
    length = len(chunks[0].document.text)
    rows = write_study(collect_sentences(chunks, []), StudyConfig(per_sentence=2), 0)
    SpecificityCheck(chunks)
    make_people_questions(chunks[:20], [])
    assert len(rows) > 4000
    assert sum(size > length for size in whole) == 1
    assert time.process_time() - before < 60, "of the processor's seconds"


#
# ---------------------------------------------------------------------------
# what is known


def measured(rows: list[tuple[int, float]]) -> MeasuredQuestions:
    """(sentence, S_K) of each question."""
    answered = [
        LabelledQuestion(Question(f"q{i}", "", CHUNK, sentence), "a", (), ())
        for i, (sentence, _) in enumerate(rows)
    ]
    return MeasuredQuestions(
        answered, [KnowledgeScores("match", (0.0,), (value,)) for _, value in rows]
    )


def test_a_sentence_is_known_where_all_its_questions_are() -> None:
    found = measured([(0, 0.1), (0, 0.2), (1, 0.1), (1, 0.9), (2, 0.9)])
    start = CHUNK.describe_source(0)["start"]
    assert find_known_sentences(found, 0.5, 0.5) == {(CHUNK.document.id, start)}
    assert find_known_sentences(found, 0.5, 0.05) == set()
    assert len(find_known_sentences(found, 0.5, 1.0)) == 3
    assert find_known_sentences(found, -1.0, 0.5) == set(), "an unsure label says nothing"


def test_known_says_what_is_left_out() -> None:
    found = measured([(0, 0.1), (1, 0.4), (2, 0.9)])
    assert choose_skipped_sentences(session(), found) == set()
    assert len(choose_skipped_sentences(session(study={"known": False}), found)) == 2
    auto = session(study={"known": "auto"})
    assert choose_skipped_sentences(auto, found) == set()
    assert "all is taught" in auto.printed[0]
    found.best_judge = BestJudge("gain", 0.8, found.scored, 0.5, KNOWN)
    assert choose_skipped_sentences(auto, found) == {
        (CHUNK.document.id, CHUNK.describe_source(0)["start"])
    }
    assert "by gain (AUROC 0.80), 1 of 3 sentences" in auto.printed[1]
    assert "of 51 unknown calibration questions it calls 4 % known [1, 13]" in auto.printed[1]
    assert "of 9 known ones 67 %" in auto.printed[1]


KNOWN = KnownThreshold(0.2, share([True] * 2 + [False] * 49), share([True] * 6 + [False] * 3))


def test_what_is_known_is_neither_taught_nor_recited() -> None:
    here = session(study={"known": False})
    rows = make_study_examples(here, [CHUNK], WrittenQuestions([], []), measured([(1, 0.1)]), [])
    start = CHUNK.describe_source(1)["start"]
    assert {e.source["form"] for e in rows if e.source["start"] == start} == set()
    recited = [e.chosen for e in rows if e.source["form"] == "recite"]
    assert recited
    assert not any("China" in text for text in recited)
    lost = len(here.outcomes) - len(rows)
    assert lost > 0
    assert here.printed[0].startswith(f"known: {lost} of {len(here.outcomes)} rows")
    assert {f.reason for f in here.outcomes if f.state == "dropped"} == {
        select_study_rows.ALREADY_KNOWN
    }


def test_the_known_threshold_states_how_often_it_is_wrong() -> None:
    """Known questions score 0 to 11 hundredths, unknown ones 12 to 19: .11 errs never. With an
    unknown one of eight at .05, .04 errs never and .11 in one of eight.
    """
    scores = [0.01 * n for n in range(20)]
    apart = find_known_threshold([False] * 12 + [True] * 8, scores, 0.05)
    assert apart is not None
    assert apart.tau == pytest.approx(0.11)
    assert (apart.false_known.value, apart.false_known.n) == (0.0, 8)
    assert apart.false_known.high == pytest.approx(0.324, abs=1e-3)
    assert (apart.found.value, apart.found.n) == (1.0, 12)
    mixed = [n == 5 or n > 11 for n in range(19)]
    strict = find_known_threshold(mixed, scores[:19], 0.05)
    lenient = find_known_threshold(mixed, scores[:19], 0.13)
    assert strict is not None
    assert lenient is not None
    assert (strict.tau, lenient.tau) == pytest.approx((0.04, 0.11))
    assert (strict.found.value, lenient.false_known.value) == pytest.approx((5 / 11, 1 / 8))
    three = find_known_threshold([False, False, True], [0.1, 0.2, 0.9], 0.05)
    assert three is not None, "few questions say so by their interval, not by silence"
    assert three.false_known.high > 0.7
    assert find_known_threshold([True, False], [0.1, 0.2], 0.05) is None
    assert find_known_threshold([], [], 0.05) is None


def test_the_best_judge_that_is_good_enough_is_believed() -> None:
    def row(name: str, auroc: float, known: KnownThreshold | None) -> JudgeCalibration:
        found = Measure(auroc, auroc, auroc, 60)
        return JudgeCalibration(name, found, found, 0.5, 0.5, known)

    judges: list[Any] = [
        SimpleNamespace(name=n, scores=lambda answered, n=n: [KnowledgeScores(n, (), ())])
        for n in ("a", "b", "c")
    ]
    rows = [row("a", 0.8, KNOWN), row("b", 0.9, None), row("c", 0.78, KNOWN)]
    best = choose_best_judge(judges, rows, [], 0.75, 0.5)
    assert best is not None
    assert (best.judge, best.known, best.scored[0].judge) == ("a", KNOWN, "a")
    assert choose_best_judge(judges, rows, [], 0.85, 0.5) is None


def test_a_run_says_where_no_judge_tells_what_is_known() -> None:
    def row(name: str, auroc: float, n: int = 60) -> JudgeCalibration:
        found = Measure(auroc, 0.0, 1.0, n)
        return JudgeCalibration(name, found, found, 0.5, 0.5)

    said = describe_weak_judges([row("match", 0.62), row("gain", 0.41)], 0.75)
    assert "match" in said
    assert "0.62 on 60" in said
    assert describe_weak_judges([row("match", 0.62), row("gain", 0.75)], 0.75) == ""
    assert describe_weak_judges([row("match", 0.5, 0)], 0.75) == ""
    assert describe_weak_judges([], 0.75) == ""


#
# ---------------------------------------------------------------------------
# stages, exam


@pytest.mark.parametrize(
    ("own", "read", "kept"), [(10, 30, (10, 5)), (100, 7, (14, 7)), (9, 4, (8, 4)), (5, 0, (5, 0))]
)
def test_two_own_answers_to_one_worked_reading(own: int, read: int, kept: tuple[int, int]) -> None:
    rows = {
        kind: [Example(f"{kind} {n}", kind, make_prompt("?"), "!") for n in range(count)]
        for kind, count in (("own", own), ("reading", read))
    }
    found = Counter(e.kind for e in mix_sft_stage(rows["own"], rows["reading"]))
    assert (found["own"], found["reading"]) == kept


@pytest.mark.parametrize(("healing", "dropped"), [(False, 6), (True, 0)])
def test_what_the_mixed_stage_leaves_out_is_counted(healing: bool, dropped: int) -> None:
    """Two worked readings take four of ten answers; the stage `healing` learns all ten."""
    here = session(stages={"general": True, "healing": healing})
    own = [Example(f"own {n}", "own", make_prompt("?"), "!") for n in range(10)]
    study_row = Example("study", "study", make_prompt("?"), "!")
    answered = measured([(0, 0.9), (1, 0.9)]).answered
    found = plan_stages(here, [study_row], {"own": own, "train": []}, answered)
    names = ["general", "documents", *(["healing"] if healing else [])]
    assert [stage.name for stage in found] == names
    assert Counter(e.kind for e in found[0].examples) == {"own": 4, "reading": 2}
    lost = [fate for fate in here.outcomes if fate.state == "dropped"]
    assert len(lost) == dropped
    assert {fate.reason for fate in lost} <= {"more than its share of the stage"}
    learned = {e.id for stage in found for e in stage.examples}
    assert {fate.id for fate in here.outcomes if fate.state == "accepted"} <= learned
    assert not learned & {fate.id for fate in lost}


def test_surplus_readings_are_counted_too() -> None:
    here = session(stages={"general": True})
    own = [Example(f"own {n}", "own", make_prompt("?"), "!") for n in range(2)]
    answered = measured([(0, 0.9), (1, 0.9), (2, 0.9)]).answered
    plan_stages(
        here,
        [Example("study", "study", make_prompt("?"), "!")],
        {"own": own, "train": []},
        answered,
    )
    assert Counter(fate.state for fate in here.outcomes) == {"accepted": 3, "dropped": 2}


def test_without_anything_to_learn_there_is_no_training() -> None:
    with pytest.raises(DataError, match="nothing is left to learn"):
        plan_stages(session(), [], {"own": [], "train": []}, [])


def test_rows_are_left_out_evenly() -> None:
    assert choose_evenly(range(10), 20) == list(range(10))
    assert choose_evenly(range(100), 4) == [0, 25, 50, 75]


def test_people_s_questions_are_taken_from_every_document() -> None:
    here = session(exam={"questions": 3})
    here.model = SimpleNamespace(
        encode=lambda prompt: [0] * len(prompt if isinstance(prompt, str) else prompt[-1].content),
        context_tokens=1000,
    )
    here.base = None
    quiz = [HeldOutQuestion(f"q{n}", ("a",), CHUNK, "people") for n in range(9)]
    long = HeldOutQuestion("long " * 300, ("a",), CHUNK, "people")
    assert drop_overlong_questions(here, [*quiz, long]) == quiz, "all are held out"
    assert [f.body["question"] for f in here.outcomes if f.state == "accepted"] == [
        "q0",
        "q3",
        "q6",
    ]
    assert Counter(f.reason for f in here.outcomes if f.reason) == {
        "held out, more than exam.questions": 6,
        "longer than the model's context": 1,
    }


def test_where_no_question_is_of_use_the_exam_asks_for_left_out_words() -> None:
    text = "东京有1400万人口。\n\n大阪建于1496年。\n\n京都有1600座寺庙。"
    chunks = split_chunks(Document("a", "日本", text), len, 100)
    (first,) = make_gap_questions(chunks, 0.2, 0)
    assert "____" in first.text
    assert first.answers[0].isdigit()
    assert first.answers[0] not in first.text
    assert len(make_gap_questions(chunks, 1.0, 0)) == 2, "one is left to learn from"
    assert (
        make_gap_questions(
            split_chunks(Document("a", "T", "Nothing here that counts."), len, 100), 0.2, 0
        )
        == []
    )


def test_a_setting_of_the_choice_that_chooses_nothing_is_named() -> None:
    def describe(**values: object) -> str:
        return describe_idle_choice(DocumentsConfig.model_validate(values))

    assert describe() == ""
    assert describe(select={"samples": 2, "calibrate": 0}) == "", "as the preset quick, for time"
    changed = {"judge": "entropy", "filter_pairs": False, "calibrate": 0}
    assert describe(select=changed).startswith("select.judge, select.filter_pairs: changes what")
    assert describe(select=changed, stages={"pairs": True}) == ""
    assert describe(select={"judge": "entropy"}, study={"known": False}) == ""
