"""The exam of documents on answers written by hand: scores, harm, and every rung of the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import DocumentsConfig
from selfteach.evaluate.common_knowledge import COMMON_QUESTIONS
from selfteach.evaluate.exam import Answers, ExamState
from selfteach.evaluate.knowledge import GradedAnswers, grade_answers
from selfteach.evaluate.scopes import GENERAL, TARGET
from selfteach.evaluate.side_effects import find_side_effects
from selfteach.evaluate.verdict import choose_verdict, reach_verdict
from selfteach.generate.answers import LabelledQuestion
from selfteach.generate.questions import Question
from selfteach.judge.contradiction import KnowledgeScores
from selfteach.materials.documents import Document
from selfteach.materials.documents.chunk import split_chunks
from selfteach.materials.documents.material import Documents
from selfteach.materials.documents.questions import PeopleQuestion
from selfteach.materials.documents.read import ReadDocuments
from selfteach.methods.calibrate_pairwise_judges import AT_CHANCE, choose_pairwise_judge
from selfteach.methods.documents import exam as documents_exam
from selfteach.methods.documents.exam import (
    KnowledgeScorer,
    build_arms,
    build_exam,
    compare_common,
    doubt_own_questions,
    make_known_pairs,
    measure_common,
    measure_pairwise,
)
from selfteach.methods.documents.held_out_questions import HeldOutQuestion
from selfteach.methods.documents.knowledge_map import make_knowledge_map
from selfteach.methods.documents.plan_work import plan_work
from selfteach.records import Completion, Measure, Prompt, Request, make_prompt, measures_to_json
from selfteach.run.display import SilentDisplay
from selfteach.run.workload import PlannedStage

TEXT = "Hale Mill was built in 1790 by Ann Ames. It stands at Wyle in the south."
(CHUNK,) = split_chunks(Document("mill.txt", "Hale Mill", TEXT), lambda text: len(text.split()))
COMMON_COUNT = 60
RIGHT = "It was 1790."
WRONG = "Nobody knows it."
"""As long as the right answer, so that no answer is cut."""


def quiz(count: int) -> list[HeldOutQuestion]:
    return [
        HeldOutQuestion(f"When was it built ({n})?", ("1790",), CHUNK, "people")
        for n in range(count)
    ]


def prompts(
    questions: Sequence[HeldOutQuestion], general: Sequence[Prompt] = ()
) -> dict[str, Sequence[Prompt]]:
    return {TARGET: [make_prompt(q.text) for q in questions], GENERAL: general}


def answers(flags: str, *, sampled: bool = True) -> Answers:
    """An answer for each flag: + is right."""
    texts = [RIGHT if flag == "+" else WRONG for flag in flags]
    completions = [
        Completion(str(n), text, "stop", len(text.split())) for n, text in enumerate(texts)
    ]
    return Answers([q.text for q in quiz(len(flags))], completions, completions if sampled else ())


def general(flags: str) -> Answers:
    """An answer to a general prompt for each flag: - repeats what was taught."""
    texts = ["Tea is hot." if flag == "+" else TEXT for flag in flags]
    completions = [Completion(str(n), text, "stop", 3) for n, text in enumerate(texts)]
    return Answers([f"general {n}" for n in range(len(flags))], completions)


def state(
    base: str,
    prompted: str,
    trained: str,
    degraded: int = 0,
    lost: int = 0,
    knew: int = COMMON_COUNT,
) -> ExamState:
    """A whole exam; `trained` is empty before the training.

    Args:
        degraded: how many of 20 general answers are degraded.
        lost: how many of the `knew` common questions are not answered any more.
    """
    target = {"base": answers(base), "prompted": answers(prompted, sampled=False)}
    outside = {"base": general("+" * 20)}
    common = {"base": [True] * knew + [False] * (COMMON_COUNT - knew)}
    if trained:
        target["tuned"] = answers(trained)
        outside["tuned"] = general("-" * degraded + "+" * (20 - degraded))
        common["tuned"] = [False] * lost + common["base"][lost:]
    scorer = KnowledgeScorer(quiz(len(base)))
    scores = scorer.score(target)
    everything = {TARGET: target, GENERAL: outside}
    effects = find_side_effects(everything, [TEXT], lambda own: ())
    session: Any = SimpleNamespace(config=SimpleNamespace(seed=0))
    tuned: Any = object() if trained else None
    found: dict[str, Any] = {}
    made = ExamState(session, tuned, {}, everything, scores, effects, found)
    found |= scorer.measure(made)
    found |= compare_common(common, scores, 0)
    return made


def verdict(*flags: str, **harm: int) -> dict[str, str]:
    made = state(*flags, **harm)
    return reach_verdict(KnowledgeScorer(quiz(len(flags[0]))).make_evidence(made))


NONE = "-" * 20
FEW = "+" * 5 + "-" * 15
HALF = "+" * 10 + "-" * 10
ALL = "+" * 20


@pytest.mark.parametrize(
    ("flags", "harm", "word", "end"),
    [
        (
            (HALF, ALL, ""),
            {},
            "nothing to learn",
            "the base answers 50 % of the held-out questions, and nothing was trained.",
        ),
        (
            (NONE, NONE, "+" + "-" * 19),
            {},
            "not learned",
            "0 % of the held-out questions are answered before and 5 % after, open book 0 %, "
            "which is no more than chance explains.",
        ),
        ((ALL, ALL, NONE), {}, "not learned", "which is no more than chance explains."),
        (
            (NONE, FEW, HALF),
            {"degraded": 8},
            "not learned",
            "open book 25 %, but 40 % more of 20 general answers are degraded.",
        ),
        (
            (NONE, FEW, HALF),
            {"degraded": 3},
            "not enough prompts",
            "open book 25 %, but 15 % more of 20 general answers are degraded.",
        ),
        (
            (NONE, FEW, HALF),
            {"lost": 8},
            "not learned",
            "but 13 % more of 60 common questions are answered wrongly.",
        ),
        (
            (NONE, FEW, HALF),
            {"lost": 4},
            "not enough prompts",
            "but 7 % more of 60 common questions are answered wrongly.",
        ),
        (
            (NONE, HALF, FEW),
            {},
            "just prompt it",
            "the base answers 50 % of the held-out questions with the document in its prompt, the "
            "tuned model 25 % without it.",
        ),
        ((NONE, HALF, HALF), {}, "taught", "what was known before is not degraded."),
        (
            (NONE, FEW, HALF),
            {},
            "taught",
            "0 % of the held-out questions are answered before and 50 % after, open book 25 %; "
            "what was known before is not degraded.",
        ),
        ((NONE, FEW, HALF), {"degraded": 2}, "taught", "what was known before is not degraded."),
        (
            (NONE, FEW, HALF),
            {"lost": 3},
            "taught",
            "; of what the base answered rightly 5 % is answered wrongly now.",
        ),
        ((NONE, FEW, HALF), {"knew": 0}, "taught", "; the base knew nothing else that was asked."),
    ],
)
def test_every_rung_of_the_verdict(
    flags: tuple[str, str, str], harm: dict[str, int], word: str, end: str
) -> None:
    found = verdict(*flags, **harm)
    assert found["word"] == word
    assert found["sentence"].endswith(end)
    start = "not learned cleanly" if harm and word == "not learned" else word
    assert found["sentence"].lower().startswith(start)


def test_harm_speaks_louder_than_a_good_prompt_and_chance_louder_than_harm() -> None:
    assert "cleanly" in verdict(NONE, ALL, HALF, degraded=20)["sentence"]
    assert "chance" in verdict(NONE, ALL, NONE, degraded=20)["sentence"]


def test_who_recites_until_the_answer_comes_by_is_only_partly_taught() -> None:
    """The open book answers in three words; the tuned model's fourth word is the right one."""
    made = state(NONE, FEW, HALF)
    scorer = KnowledgeScorer(quiz(20))
    reciting = [replace(c, text=f"Hale Mill was {c.text}") for c in answers(HALF).greedy]
    graded = {**made.scores.graded, "tuned": scorer.grade(reciting)}
    assert graded["tuned"].right == made.scores.graded["tuned"].right
    recited = replace(made, scores=replace(made.scores, graded=graded))
    found = reach_verdict(scorer.make_evidence(recited))
    assert found["word"] == "partly taught"
    assert "within the first 3 words" in found["sentence"]
    assert "0 % before and 0 % after" in found["sentence"]
    assert reach_verdict(scorer.make_evidence(made))["word"] == "taught"


@pytest.mark.parametrize(
    ("asked_by", "open_book", "doubt"),
    [
        ("the model", "+++++-----", "answers 5 of 10"),
        ("the model", "++++++----", ""),
        ("people", "----------", ""),
    ],
)
def test_own_questions_that_the_open_book_cannot_answer_are_doubted(
    asked_by: str, open_book: str, doubt: str
) -> None:
    lines: list[str] = []
    made = state("-" * 10, open_book, "")
    here: Any = SimpleNamespace(display=SimpleNamespace(print_line=lines.append))
    found = doubt_own_questions(asked_by, replace(made, session=here))
    assert doubt in found.get("open_book_doubt", "")
    assert bool(found) == bool(doubt) == bool(lines)


def test_the_doubt_is_printed_once_before_the_training() -> None:
    lines: list[str] = []
    here: Any = SimpleNamespace(display=SimpleNamespace(print_line=lines.append))
    for tuned in ("", "-" * 10):
        made = replace(state("-" * 10, "-" * 10, tuned), session=here)
        assert (made.tuned is None) == (not tuned)
        assert "answers 0 of 10" in doubt_own_questions("the model", made)["open_book_doubt"]
    (line,) = lines
    assert line.startswith("doubt about the exam")


def test_evidence_is_paired_by_question() -> None:
    scorer = KnowledgeScorer(quiz(20))
    evidence = scorer.make_evidence(state(NONE, FEW, HALF))
    assert evidence.gain is not None
    assert evidence.over_prompt is not None
    assert (evidence.gain.value, evidence.gain.n) == (0.5, 20)
    assert evidence.over_prompt.value == pytest.approx(0.5 - 0.9 * 0.25)
    assert evidence.over_prompt.n == 20


@pytest.mark.parametrize(("right", "is_enough"), [(17, False), (18, False), (19, True), (21, True)])
def test_more_than_nine_tenths_of_the_open_book_are_worth_the_weights(
    right: int, is_enough: bool
) -> None:
    tuned = "+" * right + "-" * (40 - right)
    evidence = KnowledgeScorer(quiz(40)).make_evidence(state("-" * 40, "-" * 20 + "+" * 20, tuned))
    assert (choose_verdict(evidence)[0] == "taught") == is_enough


def test_scores_and_measures_of_all_arms() -> None:
    made = state("+---", "+++-", "++--", degraded=1)
    assert made.scores.sampled == {
        "base": [True, False, False, False],
        "tuned": [True, True, False, False],
    }
    found = made.found
    assert [found["contains"][arm].value for arm in ("base", "prompted", "tuned")] == [
        0.25,
        0.75,
        0.5,
    ]
    assert set(found["sampled"]) == {"base", "tuned"}, "the open book is not sampled"
    assert found["recovery"].value == pytest.approx(0.5)
    assert found["damage"].n == 1 + COMMON_COUNT
    assert made.side_effects.measure()["side_effects"]["general"].value == pytest.approx(0.05)


def test_the_noise_floor_compares_two_samples_of_the_base() -> None:
    scorer = KnowledgeScorer(quiz(4))
    made = state("+---", "+++-", "++--")
    found = scorer.measure_noise(answers("+++-"), made)
    assert found["contains"].value == pytest.approx(0.5)


def test_the_noise_floor_holds_where_questions_of_a_passage_go_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = state("-" * 16, "-" * 16, "-" * 16)
    made.scores.sampled["base"][:] = [True] * 4 + [False] * 12
    second = answers("----" + "++++" + "-" * 8)

    def measure_width(passages: str) -> float:
        monkeypatch.setattr(KnowledgeScorer, "list_passages", lambda self: list(passages))
        floor = KnowledgeScorer(quiz(16)).measure_noise(second, made)["contains"]
        return floor.high - floor.low

    assert measure_width("aaaabbbbccccdddd") > 1.3 * measure_width("abcdefghijklmnop")


def quiz_of_passages(count: int) -> list[HeldOutQuestion]:
    """Four questions of each passage; the passages are alike but for their documents' ids."""
    questions = []
    for number in range(count):
        document = Document(f"mill {number}.txt", "Hale Mill", f"{TEXT} It has {number} wheels.")
        (chunk,) = split_chunks(document, lambda text: len(text.split()))
        for q in quiz(4):
            questions.append(replace(q, text=f"{q.text} {number}", chunk=chunk))
    return questions


def measure_width(found: Measure) -> float:
    return found.high - found.low


def test_shares_and_damage_hold_where_questions_of_a_passage_go_together() -> None:
    """Of four passages the base knows two, and the tuned model one of them."""
    known, kept = "+" * 8 + "-" * 8, "+" * 4 + "-" * 12
    target = {"base": answers(known), "prompted": answers(known), "tuned": answers(kept)}
    found: list[dict[str, Any]] = []
    for asked in (quiz_of_passages(4), quiz_of_passages(16)[::4]):
        scorer = KnowledgeScorer(asked)
        assert len(asked) == 16
        scores = scorer.score(target)
        made = replace(state(known, known, kept), scores=scores)
        common = dict.fromkeys(("base", "tuned"), [False] * 3)
        found.append(scorer.measure(made) | compare_common(common, scores, 0))
    together, alone = found
    for key in ("contains", "f1", "sampled"):
        wide, narrow = (measure_width(one[key]["base"]) for one in found)
        assert wide > 1.3 * narrow, key
    assert measure_width(together["damage"]) > 1.3 * measure_width(alone["damage"])
    assert together["damage"].value == alone["damage"].value == 0.5


def test_rows_show_every_arm_with_the_right_answers() -> None:
    scorer = KnowledgeScorer(quiz(2))
    first, second = scorer.rows(state("+-", "++", "-+"))
    assert (first["scope"], first["gold"], first["chunk"]) == (TARGET, ["1790"], CHUNK.id)
    assert [not first["arms"][arm]["ok"] for arm in ("base", "prompted", "tuned")] == [
        False,
        False,
        True,
    ]
    assert second["arms"]["tuned"] == {"greedy": RIGHT, "ok": True}


def session(model: Scripted, **settings: Any) -> Any:
    """As much of a session as arms and measurements need."""
    config = DocumentsConfig.model_validate(settings)
    return SimpleNamespace(config=config, display=SilentDisplay(), base=Sampled(model), model=None)


class Sampled:
    """A model that answers in the order of the requests, and notes them."""

    name = "sampled"

    def __init__(self, model: Scripted) -> None:
        self.model = model
        self.requests: list[Request] = []

    def sample(self, requests: Sequence[Request], on_sample: Any = None) -> list[Completion]:
        self.requests += requests
        return list(self.model.stream(requests))


def test_the_open_book_answers_the_held_out_questions_alone_and_greedily() -> None:
    here = session(Scripted(lambda request: WRONG))
    tuned: Any = SimpleNamespace(recorded=here.base)
    asked = quiz(3)
    arms = build_arms(here, tuned, asked, prompts(asked, [make_prompt("Name a colour.")]))
    assert set(arms) == {"base", "prompted", "tuned"}
    assert set(arms["prompted"].prompts) == {TARGET}
    assert not arms["prompted"].sampled
    assert arms["base"].sampled
    assert arms["tuned"].sampled
    assert all("1790" in str(prompt) for prompt in arms["prompted"].prompts[TARGET])
    assert arms["base"].prompts == arms["tuned"].prompts
    assert "tuned" not in build_arms(here, None, asked, prompts(asked))


def test_request_stages_and_keys_of_the_exam_stay() -> None:
    """They are hashed into request ids: another word would be another run."""
    here = session(Scripted(lambda request: WRONG))
    exam = build_exam(here, quiz(2), [], [TEXT], {"material": "1 document: Hale Mill"})
    assert (exam.target_stage, exam.sampled_stage) == ("exam", "exam again")
    assert exam.header == {
        "method": "documents",
        "asked_by": "people",
        "material": "1 document: Hale Mill",
    }


def test_common_questions_are_asked_of_base_and_tuned_model() -> None:
    here = session(Scripted(lambda request: WRONG), exam={"common": 5})
    model = Sampled(Scripted(lambda request: WRONG))
    tuned: Any = SimpleNamespace(recorded=model)
    arms = build_arms(here, tuned, quiz(2), prompts(quiz(2)))
    made = state("+-", "++", "++")
    asked = COMMON_QUESTIONS[:5]
    found = measure_common(
        asked, ExamState(here, tuned, arms, made.answers, made.scores, made.side_effects, {})
    )
    assert {arm: share.n for arm, share in found["common"].items()} == {"base": 5, "tuned": 5}
    assert {request.stage for request in model.requests} == {"exam"}
    assert {request.sampling.temperature for request in model.requests} == {0.0}
    assert found["damage"].n == 1
    before = measure_common(
        asked,
        ExamState(
            here,
            None,
            build_arms(here, None, quiz(2), prompts(quiz(2))),
            made.answers,
            made.scores,
            made.side_effects,
            {},
        ),
    )
    assert set(before) == {"common"}


def test_the_map_measures_before_and_after_alike() -> None:
    """The tuned model says the year and no town; the second label is not consistent, and nobody
    says the builder, though the judge thinks that the base knows it.
    """
    here = session(Scripted(lambda request: WRONG))
    tuned: Any = SimpleNamespace(recorded=Sampled(Scripted(lambda request: RIGHT)))
    year = Question("When was it built?", "1790", CHUNK, 0)
    town = Question("Where is it?", "Wyle", CHUNK, 1)
    builder = Question("Who built it?", "Ann Ames", CHUNK, 0)
    answered = [LabelledQuestion(q, f"It is {q.short}.", (), ()) for q in (year, town, builder)]
    scored = [
        KnowledgeScores("match", (0.0,), (1.0,)),
        KnowledgeScores("match", (0.9,), (1.0,)),
        KnowledgeScores("match", (0.0,), (0.0,)),
    ]
    rows = KnowledgeScorer(quiz(1)).rows(state("-", "+", "+"))
    other: Mapping[str, Any] = {"scope": GENERAL, "prompt": "?", "arms": {}}
    (document,) = make_knowledge_map(here, tuned, [CHUNK], answered, scored, [*rows, other])
    assert (document["title"], document["file"]) == ("Hale Mill", "mill.txt")
    (chunk,) = document["chunks"]
    states = [
        (q["question"], q["held_out"], q.get("selected"), q["before"], q["after"])
        for q in chunk["questions"]
    ]
    assert states == [
        (year.text, False, "unknown", "unknown", "known"),
        (town.text, False, "unsure", "unsure", "unsure"),
        (builder.text, False, "known", "unknown", "unknown"),
        (quiz(1)[0].text, True, None, "unknown", "known"),
    ]


def test_marks_are_those_of_the_metrics() -> None:
    scores = KnowledgeScorer(quiz(2)).score({"base": answers("+-")})
    expected: GradedAnswers = grade_answers(answers("+-").greedy, [("1790",)] * 2)
    assert scores.graded["base"] == expected


def test_calibration_pairs_are_sentences_of_which_one_answers() -> None:
    unanswered = HeldOutQuestion("Who sold it?", ("Ben Bell",), CHUNK, "people")
    ((pair, passage),) = make_known_pairs([*quiz(1), unanswered])
    assert passage == CHUNK.id
    assert pair.ours == "Hale Mill was built in 1790 by Ann Ames."
    assert pair.theirs == "It stands at Wyle in the south."
    assert CHUNK.passage in str(pair.prompt)


class Preferring:
    """A judge that prefers an answer by a rule: + the first one, - the second one."""

    def __init__(self, name: str, rule: Callable[[str, str], float]) -> None:
        self.name = name
        self.rule = rule

    def values(self, pairs: Sequence[tuple[Prompt, str, str]]) -> list[float]:
        return [self.rule(first, second) for _, first, second in pairs]


def test_a_judge_at_chance_is_refused_and_its_bias_shown() -> None:
    """One always prefers the first place: every verdict is a tie. The other finds the year."""
    pairs = [pair for pair, _ in make_known_pairs(quiz(30))]
    stubborn: Any = Preferring("stubborn", lambda first, second: 1.0)
    able: Any = Preferring("able", lambda first, second: 1.0 if "1790" in first else -1.0)
    judge, found = choose_pairwise_judge([stubborn], pairs, 0)
    assert judge is None
    assert found["refused"] == AT_CHANCE
    assert found["agreement"]["stubborn"]["value"] == 0.5
    assert found["position_bias"]["stubborn"]["value"] == 0.5
    judge, found = choose_pairwise_judge([stubborn, able], pairs, 0)
    assert judge is able
    assert (found["name"], found["refused"]) == ("able", "")
    assert found["agreement"]["able"]["value"] == 1.0
    assert found["position_bias"]["able"]["value"] == 0.0
    assert choose_pairwise_judge([able], [], 0)[0] is None


def test_a_judge_that_is_right_in_a_few_passages_is_at_chance() -> None:
    """Right on all questions of six passages, wrong on all of two: 30 of 40, but 6 of 8."""
    pairs = [pair for pair, _ in make_known_pairs(quiz(1))] * 40
    numbered = [replace(pair, prompt=f"{n} {pair.prompt}") for n, pair in enumerate(pairs)]
    lucky: Any = SimpleNamespace(name="lucky")
    lucky.values = lambda asked: [
        (1.0 if "1790" in first else -1.0) * (1 if int(str(prompt).split()[0]) < 30 else -1)
        for prompt, first, _ in asked
    ]
    passages = [n // 5 for n in range(40)]
    assert choose_pairwise_judge([lucky], numbered, 0)[0] is lucky
    judge, found = choose_pairwise_judge([lucky], numbered, 0, clusters=passages)
    assert judge is None
    assert found["agreement"]["lucky"]["value"] == 0.75


def test_no_comparison_is_made_by_a_judge_at_chance() -> None:
    """The base gives both letters the same probability."""
    here = session(Scripted(lambda request: WRONG))
    here.teacher = None
    here.base = Scripted({}, score=lambda prompt, text: -1.0)
    made = replace(state("----", "+++-", "++--"), session=here)
    found = measure_pairwise(quiz(4), made)
    assert set(found) == {"pairwise_judge"}
    assert found["pairwise_judge"]["refused"] == AT_CHANCE


def test_answers_are_compared_by_the_judge_that_was_calibrated() -> None:
    """Its base prefers the answer with the year: tuned wins twice against the base, and loses once
    against the open book.
    """
    here = session(Scripted(lambda request: WRONG))
    here.teacher = None
    here.base = Scripted({}, score=prefer_the_year)
    made = replace(state("-" * 30, "+++" + "-" * 27, "++" + "-" * 28), session=here)
    found = measures_to_json(measure_pairwise(quiz(30), made))
    assert found["pairwise_judge"]["name"] == "preference"
    counts = [
        [found[key]["tuned"][word] for word in ("wins", "ties", "losses")] for key in CONTESTS
    ]
    assert counts == [[2, 28, 0], [0, 29, 1]]


CONTESTS = ("pairwise", "against_prompted")


def test_win_rates_hold_where_questions_of_a_passage_go_together() -> None:
    """Two passages of four are won."""
    widths = []
    for asked in (quiz_of_passages(4), quiz_of_passages(16)[::4]):
        here = session(Scripted(lambda request: WRONG))
        here.teacher = None
        here.base = Scripted({}, score=prefer_the_year)
        made = replace(state("-" * 16, "-" * 16, "+" * 8 + "-" * 8), session=here)
        found = measure_pairwise(asked, made)
        duels = (found["pairwise"]["tuned"], found["against_prompted"]["tuned"])
        assert [duel["wins"] for duel in duels] == [8, 8]
        widths.append([measure_width(duel["win_rate"]) for duel in duels])
    for wide, narrow in zip(*widths, strict=True):
        assert wide > 1.3 * narrow


def prefer_the_year(prompt: Prompt, text: str) -> float:
    """Score A above B where, of the last question's answers, A alone holds the year."""
    shown = str(prompt).rsplit("Answer A:", 1)[-1]
    first, second = shown.split("Answer B:")[:2]
    lead = float("1790" in first) - float("1790" in second)
    return lead if text.strip() == "A" else -lead


def test_the_plan_counts_the_rounds_of_the_exam_s_questions() -> None:
    """Each round asks twice for what is missing still, and reads its own questions for the exam."""
    text = "The mill of Hale was built in 1790. It burnt down in 1911."
    reading = ReadDocuments([Document("a.txt", "Hale", text)])

    def count_requests(exam_rounds: int, people: int = 0) -> int:
        questions = {"rounds": 2, "exam_rounds": exam_rounds, "per_chunk": 50}
        material = Documents(reading, [PeopleQuestion("Who?", ("Ann",))] * people)
        stages = plan_work(material, DocumentsConfig(questions=questions))
        return next(stage.requests for stage in stages if stage.name == "questions")

    few, more, most = (count_requests(number) for number in (0, 1, 3))
    assert 2 * 101 < few < more < most
    assert count_requests(3, people=1) == count_requests(0, people=1) < few


def test_the_plan_counts_the_calibration_of_the_judges() -> None:
    reading = ReadDocuments([Document("a.txt", "Hale", "The mill of Hale was built in 1790.")])

    def plan(calibrate: int) -> dict[str, int]:
        config = DocumentsConfig(select={"calibrate": calibrate, "samples": 5})
        return {stage.name: stage.requests for stage in plan_work(Documents(reading), config)}

    assert plan(60)["calibrate"] == 60 * 11
    assert "calibrate" not in plan(0)


def test_the_plan_counts_the_other_trainings_and_their_answers() -> None:
    reading = ReadDocuments([Document("a.txt", "Hale", "The mill of Hale was built in 1790.")])

    def plan(**stages: bool) -> dict[str, PlannedStage]:
        config = DocumentsConfig(stages=stages)
        return {stage.name: stage for stage in plan_work(Documents(reading), config)}

    plain, both = plan(), plan(general=True, healing=True)
    names = [name for name in both if name.startswith("train")]
    assert names == ["train general", "train documents", "train healing"]
    assert [name for name in plain if name.startswith("train")] == ["train documents"]
    assert all(both[name].trained_tokens for name in names)
    own = both["anchors"].requests - plain["anchors"].requests
    assert both["anchors"].sampled_tokens - plain["anchors"].sampled_tokens == 128 * own
    assert both["train healing"].trained_tokens == 128 * own * DocumentsConfig().train.epochs


def test_known_pairs_of_one_passage_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def choose(judges: Any, pairs: Any, seed: int, clusters: Any = ()) -> Any:
        seen.extend([len(pairs), list(clusters)])
        return None, {}

    monkeypatch.setattr(documents_exam, "choose_pairwise_judge", choose)
    monkeypatch.setattr(documents_exam, "list_pairwise_judges", lambda session: [])
    questions = quiz_of_passages(3)
    documents_exam.choose_judge_with_passage(object(), questions, 0)  # type: ignore[arg-type]
    assert seen == [12, [q.passage for q in questions]]
    assert len(set(seen[1])) == 3
