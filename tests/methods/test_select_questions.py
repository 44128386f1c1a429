"""Documents: what becomes of every question, and that nothing like the exam is learned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach import config
from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError, IntegrityError
from selfteach.generate.questions import Question, make_question_prompt
from selfteach.judge.contradiction import MatchJudge
from selfteach.judge.match import contains_answer
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.methods.documents import general_examples, read_chunks, write_questions
from selfteach.methods.documents.held_out_questions import (
    HeldOutQuestion,
    make_gap_questions,
    put_title_first,
)
from selfteach.methods.documents.label_questions import NO_LABEL, label_questions, select_pairs
from selfteach.methods.documents.own_questions import (
    can_be_asked,
    choose_own_questions,
    choose_wordings,
    count_shared,
    measure_answerable,
    name_topic,
)
from selfteach.methods.documents.read_chunks import TOO_LONG
from selfteach.methods.documents.select_study_rows import MeasuredQuestions, WrittenQuestions
from selfteach.methods.documents.write_questions import (
    HELD_OUT,
    LIKE_EXAM,
    OWN,
    drop_overlong_questions,
    hold_out_questions,
)
from selfteach.methods.write_prompts import WORKED
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Request, make_prompt
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger, Outcome
from selfteach.select.question_format import find_answer_fault, is_mixed

(CHUNK,) = split_chunks(
    Document("mill.txt", "Hale Mill", "Hale Mill was built in 1790. It stands at Wyle."),
    lambda t: len(t.split()),
)
WHEN = Question("When was Hale Mill built?", "1790", CHUNK, 0)
WHERE = Question("Where does Hale Mill stand?", "Wyle", CHUNK, 1)


class Lossy(Scripted):
    """Loses every label about Wyle, as an endpoint may."""

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """All but the lost ones."""
        return super().stream(
            [
                r
                for r in requests
                if r.stage != "answer"
                or not str(r.prompt).rstrip().endswith("Words: Wyle\nAnswer:")
            ]
        )


@pytest.fixture
def session(tmp_path: Path) -> Any:
    """As much of a session as steps 3 and 4 need."""
    ledger = Ledger(tmp_path / "run.db")
    told = {
        "answer": "Hale Mill was built in 1790.",
        "answerable": "Ann Ames built it at Wyle in 1790, and it burned in 1850.",
    }
    recorded = Recorded(ledger, Lossy(lambda r: told.get(r.stage, "Nobody knows.")))
    settings = config.DocumentsConfig(select={"calibrate": 0, "samples": 2})
    return SimpleNamespace(
        run=SimpleNamespace(ledger=ledger),
        config=settings,
        base=recorded,
        teacher=None,
        display=SilentDisplay(),
    )


def test_a_question_without_its_label_failed(session: Any) -> None:
    with session.run.ledger.open_funnel("select", [WHEN.id, WHERE.id]) as questions:
        measured = label_questions(session, [WHEN, WHERE], MatchJudge(), questions)
        (pair,) = select_pairs(session, measured, questions)
    assert pair.rejected == "Nobody knows."
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.requested, funnel.accepted, funnel.failed, funnel.pending) == (2, 1, 1, 0)
    assert funnel.reasons == {NO_LABEL: 1}


@pytest.mark.parametrize("has_teacher", [False, True])
def test_the_progress_of_the_answers_reaches_its_total(session: Any, has_teacher: bool) -> None:
    """A label, two answers with the document and two without it; the base gives the last two."""
    session.teacher = Scripted(lambda r: "It was built in 1790.") if has_teacher else None
    session.display = CountingDisplay()
    with session.run.ledger.open_funnel("select", [WHEN.id]) as questions:
        measured = label_questions(session, [WHEN], MatchJudge(), questions)
        select_pairs(session, measured, questions)
    assert (session.display.planned, session.display.done) == (5, 5)


class CountingDisplay(SilentDisplay):
    """Keeps what was announced and what was counted."""

    planned = 0
    done = 0

    def start_stage(self, name: str, total: int = 0, unit: str = "sampled") -> None:
        """The total of the last stage."""
        super().start_stage(name, total, unit)
        self.planned = total

    def advance(self, n: int = 1) -> None:
        """One more."""
        super().advance(n)
        self.done += n


def test_a_question_that_is_forgotten_on_the_way_is_an_error(session: Any) -> None:
    entered = session.run.ledger.open_funnel("select", [WHEN.id])
    questions = entered.__enter__()
    label_questions(session, [WHEN], MatchJudge(), questions)
    select_pairs(session, MeasuredQuestions([], [], None), questions)
    with pytest.raises(IntegrityError, match="entered the stage"):
        entered.__exit__(None, None, None)


def test_all_questions_of_people_are_held_out(session: Any) -> None:
    session.config = config.DocumentsConfig(exam={"questions": 1, "max_tokens": 4})
    session.model = SimpleNamespace(context_tokens=1000, encode=lambda prompt: str(prompt).split())
    quiz = [HeldOutQuestion(q.text, (q.short,), CHUNK, "people") for q in (WHEN, WHERE)]
    assert drop_overlong_questions(session, quiz) == quiz
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.accepted, funnel.reasons) == (1, {"held out, more than exam.questions": 1})
    session.model.context_tokens = 5
    assert drop_overlong_questions(session, quiz) == []


def test_one_question_about_two_passages_counts_twice(session: Any) -> None:
    session.config = config.DocumentsConfig(exam={"questions": 3, "max_tokens": 4})
    session.model = SimpleNamespace(context_tokens=1000, encode=lambda prompt: str(prompt).split())
    chunks = [
        split_chunks(Document(f"{name}.txt", name, f"{name} was built in 1790."), len)[0]
        for name in ("Hale", "Wyle")
    ]
    quiz = [
        HeldOutQuestion(text, ("1790",), chunk, "people")
        for chunk in chunks
        for text in ("When was it built?", "In which year?")
    ]
    assert drop_overlong_questions(session, quiz) == quiz
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.accepted, funnel.reasons) == (3, {"held out, more than exam.questions": 1})


def test_what_is_held_out_or_like_the_exam_is_accounted_for(session: Any) -> None:
    """Two facts: one of them gives the exam, in one wording; every wording of it, and what is like
    it, is dropped with that reason.
    """
    session.model = SimpleNamespace(context_tokens=1000, encode=lambda prompt: str(prompt).split())
    again = replace(WHEN, text="In what year was Hale Mill first built?")
    like = replace(WHEN, text="When was Hale Mill built then?", short="Hale")
    asked = [WHEN, again, like, WHERE]
    session.run.ledger.record_outcomes("questions", (Outcome(q.id, "accepted") for q in asked))
    quiz, left = hold_out_questions(session, [CHUNK], WrittenQuestions(asked, [WHEN, WHERE]))
    funnels = {funnel.stage: funnel for funnel in session.run.ledger.funnel()}
    assert set(funnels) == {"questions", OWN}
    assert funnels["questions"].reasons == {HELD_OUT: 2, LIKE_EXAM: 1}
    assert (funnels[OWN].requested, funnels[OWN].accepted) == (1, 1)
    assert [q.text for q in quiz] == [WHEN.text]
    assert left.all == left.trusted == [WHERE]


def name_reading(request: Request) -> str:
    """Return in which way the model reads: the open book's chat, the passage, or the sentence."""
    text = str(request.prompt)
    if "Answer in one sentence." in text:
        return "chat"
    return "passage" if "Passage: Hale Mill was" in text else "sentence"


def test_the_exam_asks_what_one_of_two_readings_finds(session: Any) -> None:
    """The open book's own prompt is no reading: it finds the town in vain. Of the two wordings of
    the year the one is asked that shares as many words with the sentence as people's questions.
    """
    rough = replace(WHEN, text="What year was the Hale one from?")
    assert [count_shared(q) for q in (rough, WHEN)] == [1, 3]
    said = {
        WHEN.text: {"passage": "In 1790.", "sentence": "1790"},
        rough.text: {"passage": "Long ago.", "sentence": "1790"},
        WHERE.text: {"chat": "At Wyle.", "passage": "There.", "sentence": "It"},
    }

    def answer(request: Request) -> str:
        (asked,) = (text for text in said if text in str(request.prompt))
        return said[asked][name_reading(request)]

    session.base = Recorded(session.run.ledger, Scripted(answer))
    copied = replace(WHERE, text="Does Hale Mill stand at Wyle?")
    asked = [WHEN, rough, WHERE, copied]
    assert choose_own_questions(session, [CHUNK], asked) == [WHEN]
    shares = measure_answerable(session, [rough, WHEN, WHERE])
    assert list(shares.values()) == pytest.approx([1 / 2, 1, 0])


def test_a_question_that_names_nothing_gets_the_title() -> None:
    assert name_topic(WHEN) == WHEN
    bare = replace(WHERE, text="Where does it all stand?")
    assert name_topic(bare) == replace(WHERE, text="Hale Mill: Where does it all stand?")
    year = replace(WHEN, text="what opened in 1790?")
    assert name_topic(year) == year


def test_the_exam_asks_no_torn_question() -> None:
    torn = (
        "Who restored the to a second mill?",
        "What is the difference between and stone?",
        "Who held the?",
        "Who held Hale Mill on every?",
        "What is of the old mill?",
        "What did farmers pay a toll of for each sack?",
        "How many was the first mill?",
    )
    for text in torn:
        assert not can_be_asked(replace(WHERE, text=text))
    whole = (
        "Who is the miller between the wars?",
        "Who held the mill in the end?",
        "How many were the millers?",
        "What was made out of oak for the mill?",
    )
    for text in whole:
        assert can_be_asked(replace(WHERE, text=text))


def test_the_exam_asks_about_what_is_named_in_the_question_or_the_text() -> None:
    unclear = (
        "Where did she live in Rome?",
        "What was it before the War?",
        "Where did Hale Mill stand in 2023?",
    )
    for text in unclear:
        assert not can_be_asked(replace(WHERE, text=text))
    clear = (
        "When Ann Ames came, where did she live?",
        "When the mill was built, where was it?",
        "What is it called when the wheel is still?",
        "Where did Hale Mill stand in 1790?",
    )
    for text in clear:
        assert can_be_asked(replace(WHERE, text=text))


@pytest.mark.parametrize(
    ("text", "mixed"),
    [
        ("When did the mill be built?", True),
        ("When was the mill built?", False),
        ("What did Ann want to be?", False),
        ("What did Ann say the mill would be?", False),
    ],
)
def test_two_questions_in_one_are_mixed(text: str, mixed: bool) -> None:
    assert is_mixed(text) is mixed


def test_a_wording_that_is_mixed_is_asked_where_there_is_no_other(session: Any) -> None:
    mixed = replace(WHEN, text="In what year did Hale Mill be built?")
    assert choose_wordings(session, [mixed, WHEN]) == [WHEN]
    assert choose_wordings(session, [mixed]) == [mixed]


def test_the_exam_repeats_little_of_a_sentence() -> None:
    """Five content words of the sentence are too many; in a script without question words the
    whole sentence may stand.
    """
    text = "The square granite mill of Ann Ames stands by a slow river."
    chinese = "磨坊建于 1790 年，位于河边，属于安娜。"
    chunks = split_chunks(
        Document("mill.txt", "Mill", f"{text} {chinese}"), lambda t: len(t.split())
    )
    (place,) = [(c, i) for c in chunks for i in range(len(c.sentences)) if "slow" in c.words(i)]
    (other,) = [(c, i) for c in chunks for i in range(len(c.sentences)) if "1790" in c.words(i)]
    little = "By what does the granite mill of Ann stand?"
    much = "By what does the square granite mill of Ann Ames stand?"
    assert can_be_asked(Question(little, "a slow river", *place))
    assert not can_be_asked(Question(much, "a slow river", *place))
    assert can_be_asked(Question("Mill: 磨坊建于 ____ 年，位于河边，属于安娜?", "1790", *other))


def test_a_program_asks_where_the_model_asks_too_few(session: Any) -> None:
    """Half of six facts are for the exam; the model asks clearly for one of them. Rules ask for the
    owner; the river has words of its clause only.
    """
    text = (
        "Hale Mill was first built in 1790. The tall stone mill stands by a slow river. "
        "The old mill was owned by Ann Ames. Nearly all of it burned at Wyle in 1850."
    )
    (chunk,) = split_chunks(Document("mill.txt", "Hale Mill", text), lambda t: len(t.split()))
    when = Question(WHEN.text, "1790", chunk, 0)
    found = {"Ann Ames": "Ann Ames.", "a slow river": "By a slow river.", "1790": "1790"}
    asked = {WHEN.text: "1790", "owned by?": "Ann Ames", "stands by what?": "a slow river"}

    def answer(request: Request) -> str:
        shorts = [short for part, short in asked.items() if part in str(request.prompt)]
        return found[shorts[0]] if shorts else "No."

    session.base = Recorded(session.run.ledger, Scripted(answer))
    texts = [q.text for q in choose_own_questions(session, [chunk], [when])]
    assert texts == [WHEN.text, "Who was the old mill owned by?", "stone mill stands by what?"]


def test_the_exam_leaves_facts_to_learn_from(session: Any) -> None:
    """40 places of one chunk, each with a number: 20 of 80 facts are asked; of a tenth 8."""

    def answer(request: Request) -> str:
        return f"Wyle {re.findall('number ([0-9]+)[?]', str(request.prompt))[0]}"

    session.base = Recorded(session.run.ledger, Scripted(answer))
    places = "It stands at " + " and ".join(f"Wyle {n}" for n in range(40))
    (chunk,) = split_chunks(Document("mill.txt", "Mill", places), lambda t: len(t.split()))
    asked = []
    for n in range(40):
        text = f"At which place is number {n}?"
        asked.append(Question(text, f"Wyle {n}", chunk, 0))
    assert len(choose_own_questions(session, [chunk], asked)) == 20
    session.config = config.DocumentsConfig(questions={"held_out": 0.1})
    assert len(choose_own_questions(session, [chunk], asked)) == 8


def test_own_questions_that_the_exam_does_not_ask_are_counted(session: Any) -> None:
    """Three of four facts are set aside, of which one or two are too long; the exam asks one."""
    session.config = config.DocumentsConfig(
        exam={"questions": 3, "max_tokens": 4}, questions={"held_out": 0.9}
    )
    session.model = SimpleNamespace(context_tokens=1000, encode=lambda prompt: str(prompt).split())
    text = "Hale Mill was built in 1790. It stands at Wyle. Ann Ames built it. It burned in 1850."
    (chunk,) = split_chunks(Document("mill.txt", "Hale Mill", text), lambda t: len(t.split()))
    asked = [
        Question("When was Hale Mill built?", "1790", chunk, 0),
        Question("Which town is that in?", "Wyle", chunk, 1),
        Question(f"Who {'exactly ' * 900}built it?", "Ann Ames", chunk, 2),
        Question(f"When {'exactly ' * 900}did it burn?", "1850", chunk, 3),
    ]
    quiz, _ = hold_out_questions(session, [chunk], WrittenQuestions(asked, asked))
    (funnel,) = (found for found in session.run.ledger.funnel() if found.stage == OWN)
    assert funnel.requested == 3
    assert (funnel.accepted, funnel.reasons[TOO_LONG]) == (len(quiz), 3 - len(quiz))
    assert 0 < len(quiz) < 3


def test_general_prompts_that_the_exam_does_not_ask_are_counted(session: Any) -> None:
    session.config = config.DocumentsConfig(exam={"general": 2})
    prompts = [f"Question {n}?" for n in range(5)]
    kept = general_examples.make_test_prompts(session, prompts)
    assert [example.turns for example in kept] == [make_prompt(text) for text in prompts[:2]]
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.stage, funnel.dropped) == ("anchors", 3)
    assert funnel.reasons == {"held out, more than exam.general": 3}


def test_a_sentence_that_no_question_fits_is_counted(
    session: Any,
) -> None:
    session.model = SimpleNamespace(
        encode=lambda prompt: str(prompt).split(), encode_answer=lambda text, end: text.split()
    )
    (chunk,) = split_chunks(
        Document("mill.txt", "Hale Mill", f"Hale Mill was built in 1790.\n{'It ' * 60}stands."),
        lambda text: len(text.split()),
    )
    plan = read_chunks.QuestionPlan(chunk, 0, "1790", 0)
    needed = len(session.model.encode(make_question_prompt(plan))) + 2 * read_chunks.MAX_TOKENS
    session.model.context_tokens = needed + 10
    read_chunks.set_aside_long_sentences(session, [CHUNK, chunk])
    (funnel,) = session.run.ledger.funnel()
    assert (funnel.accepted, funnel.reasons) == (3, {TOO_LONG: 1})
    session.model.context_tokens = 20
    with pytest.raises(DataError, match=r"mill\.txt: a sentence of 61 tokens"):
        read_chunks.set_aside_long_sentences(session, [chunk])


def test_an_exam_that_does_not_fit_into_the_context_is_refused(session: Any) -> None:
    session.model = SimpleNamespace(context_tokens=20, encode=lambda prompt: str(prompt).split())
    with pytest.raises(
        DataError, match=r"does not|no question of the exam fits.*Lower read\.chunk_tokens"
    ):
        hold_out_questions(session, [CHUNK], WrittenQuestions([WHEN, WHERE], [WHEN, WHERE]))


@pytest.mark.parametrize(("first", "kept"), [("pointing", 1), ("", 1)])
def test_a_question_refused_for_one_sentence_may_fit_another(
    first: str, kept: int, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = [replace(WHEN, back="1790"), replace(WHEN, sentence=1, back="1790")]
    monkeypatch.setattr(
        write_questions,
        "SpecificityCheck",
        lambda chunks: SimpleNamespace(fault=lambda q: first if q.sentence == 0 else ""),
    )
    monkeypatch.setattr(write_questions, "is_off_sentence", lambda q: False)
    monkeypatch.setattr(
        write_questions, "generate_questions", lambda *a, **k: [(q, a[3](q)) for q in twice]
    )
    found = write_questions.write_questions(session, [CHUNK], [])
    assert [q.sentence for q in found.all] == [1 if first else 0]
    reasons = {fate.reason for _, fate in session.run.ledger.read_outcomes("questions", "dropped")}
    assert reasons == {first or "repeats another question"}


def test_a_question_of_the_exam_is_not_learned_without_its_title_either(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = Document("a.txt", "All that the county knows of its mills and wheels", "Hale.")
    (long,) = split_chunks(document, lambda text: len(text.split()))
    asked = HeldOutQuestion(put_title_first(long, WHEN.text), ("1790",), long, "people")
    monkeypatch.setattr(
        write_questions, "SpecificityCheck", lambda chunks: SimpleNamespace(fault=lambda q: "")
    )
    monkeypatch.setattr(write_questions, "is_off_sentence", lambda q: False)
    monkeypatch.setattr(write_questions, "generate_questions", lambda *a, **k: [(WHEN, a[3](WHEN))])
    assert write_questions.write_questions(session, [CHUNK], [asked]).all == []
    assert write_questions.write_questions(session, [CHUNK], []).all == [WHEN]


def test_a_question_whose_check_was_lost_is_not_trusted() -> None:
    assert find_answer_fault(replace(WHEN, back=None)) == ""
    assert find_answer_fault(replace(WHEN, back="")) == "the model gives no answer to it"


def test_the_exam_asks_for_words_of_the_sentence_itself() -> None:
    french = "La reine d'Angleterre ouvrit le pont Alma en 1850."
    german = "Ein 15-jähriger Junge kam im Mai an."
    text = f"{french} The 3 oldest of the 30 houses of Wyle burned. {german}"
    chunks = split_chunks(Document("a.txt", "T", text), lambda t: len(t.split()))
    quiz = make_gap_questions(chunks, 0.9, 0)
    assert len(quiz) == 2
    assert all(contains_answer(text, q.answers[0]) for q in quiz)
    assert not any("0____" in q.text or "____0" in q.text for q in quiz)


def test_what_is_like_the_gapped_sentence_of_the_exam_is_like_its_question() -> None:
    text = "Er kam 1790 nach Dudley. Er starb 1712 in Paris."
    chunks = split_chunks(Document("a.txt", "Newcomen", text), lambda t: len(t.split()))
    offers = [q for seed in range(9) for q in make_gap_questions(chunks, 0.9, seed)]
    asked = next(q for q in offers if "Er kam ____ nach Dudley." in q.text)
    exam = OverlapIndex(asked.list_wordings())
    for row in ("Newcomen: Er kam when nach Dudley?", "When Newcomen Er kam nach Dudley?"):
        assert exam.nearest(row).similarity >= config.DocumentsConfig().questions.max_overlap


def test_no_answer_of_the_base_is_taught_to_a_question_of_the_exam(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [
        "What is the capital of France?",
        "When exactly was Hale Mill built?",
        "Who wrote the first cookery book?",
        min(WORKED),
    ]

    def asked_for(*args: Any) -> list[Any]:
        _, _, scope, count, _, find_fault, forms = args
        assert (scope, count) == ("general", 3)
        assert {"who", "when", "telling"} < forms.keys(), "questions of fact are among them"
        return [SimpleNamespace(text=text) for text in written if not find_fault(text)]

    monkeypatch.setattr(general_examples, "write_scope_prompts", asked_for)
    found = general_examples.make_general_examples(
        session, [HeldOutQuestion(WHEN.text, ("1790",), CHUNK, "people")], 3
    )
    assert [e.prompt for part in found.values() for e in part] == [make_prompt(written[2])]


def test_anchors_grow_with_the_study_data() -> None:
    """18 % of an epoch, .22 anchors a row: 100 sentences of 24 rows need .18 / .82 x 2400 = 527
    anchors, four fifths of 659 prompts.
    """
    two = [0, 1]

    def count(chunks: int, **settings: Any) -> int:
        chunk: Any = SimpleNamespace(find_informative_sentences=lambda: two)
        there: Any = SimpleNamespace(config=config.DocumentsConfig(**settings))
        return general_examples.count_anchors(there, [chunk] * chunks)

    assert count(50) == 659
    assert count(150) == 1976
    assert (count(1), count(100_000)) == (600, 4000)
    assert count(150, anchors={"general": 7}) == 7
    assert count(150, stages={"study": False, "pairs": True}) == 600
