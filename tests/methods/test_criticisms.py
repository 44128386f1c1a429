"""What a criticism makes of answers, where no model is needed."""

from __future__ import annotations

import inspect
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach import config
from selfteach.errors import DataError, UsageError
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.correct import Correctable, Revision
from selfteach.generate.subject import Subject
from selfteach.judge import ThresholdJudge
from selfteach.judge.check import CheckJudge, parse_check
from selfteach.judge.setup import JudgeSetup, find_judges
from selfteach.materials.corrections import Corrections, Edit
from selfteach.methods.brief_answers import limits_length
from selfteach.methods.corrections import criticisms_to_corrections
from selfteach.methods.corrections.amounts import MIN_SIMILAR
from selfteach.methods.corrections.critic import (
    ENOUGH_REVISIONS,
    NOT_REVISED,
    Critic,
    find_text_fault,
)
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.methods.understood_rule import NO_RULE, UnderstoodRule
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Completion,
    Continuations,
    ItemScores,
    LogProb,
    Prompt,
    Request,
    get_user_text,
    make_prompt,
)
from selfteach.run.display import open_display
from selfteach.run.ledger import Ledger
from selfteach.select.task_filter import MORE_THAN_ASKED

TAIL = (
    " And then there is much more to say of tea, of cups, of water, of leaves and of all "
    "those who drink it."
)
BEGINNING = "Tea is an old and mild and warm and clear drink for all of those who wake up early"
QUESTION = make_prompt("What is tea?")


class Brief:
    """A base that answers each question, after whatever instruction, with its next text of a table;
    "" is no answer.
    """

    def __init__(self, texts: Mapping[str, Sequence[str]] | None = None) -> None:
        self.texts = texts or {}
        self.fingerprint = "brief"
        self.seen: list[Request] = []

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        self.seen += requests
        found = []
        for request in requests:
            own = self.texts.get(get_user_text(request.prompt).splitlines()[-1], ())
            found.append(Completion("x", own[request.draw] if request.draw < len(own) else ""))
        return found

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        """A text is likely after a question with its first word."""
        for item in items:
            words = [text.split()[0] for text in item.texts]
            fits = [word in get_user_text(item.prompt) for word in words]
            yield (
                item.id(self.fingerprint),
                tuple(LogProb(-1.0 if own else -9.0, 1) for own in fits),
            )


LIMITS = criticisms_to_corrections.read_limits(config.CorrectionsConfig(correct={"max_tokens": 64}))


def critic() -> Critic:
    edits = [Edit("x:1", QUESTION, "long", None, "too long")]
    base: Any = Brief()
    writer: Any = None
    return Critic(
        base,
        LIMITS,
        "too long",
        edits,
        writer,
        checks=("max_words=18",),
        judge=ThresholdJudge(CheckJudge("max_words=18"), 0.5),
    )


def answers(count: int, words: int, cut: bool = False) -> list[Correctable]:
    start = " ".join(BEGINNING.split()[:words]) + "."
    return [
        Correctable(make_prompt(f"What is tea number {n} of {words}?"), start + TAIL, cut=cut)
        for n in range(count)
    ]


def test_examples_that_only_just_meet_a_bound_are_dropped() -> None:
    asked = [
        *answers(ENOUGH_REVISIONS, 10),
        *answers(3, 15),
        Correctable(QUESTION, answers(1, 16)[0].answer),
    ]
    found = critic().revise_for_training(asked)
    assert [r.fault for r in found] == [""] * ENOUGH_REVISIONS + [
        "meets the criticism only just"
    ] * 3 + [""], "what was criticised is always learned"
    assert [len(r.text.split()) for r in found if not r.fault] == [10] * ENOUGH_REVISIONS + [16]
    assert not any(r.fault for r in critic().revise_for_training(asked[1:])), "one too few"


def test_a_criticised_answer_is_never_held_as_it_is() -> None:
    """Of several answers that are too long, one may be within the bound of all."""
    short = Correctable(QUESTION, "Tea is a hot drink of leaves and water.")
    own = replace(critic(), edits=[Edit("x:1", QUESTION, short.answer, None, "too long")])
    other = Correctable(make_prompt("What is milk?"), short.answer)
    found = own.revise_for_training([short, other])
    assert [(r.fault, r.unchanged) for r in found] == [(NOT_REVISED, False), ("", True)]


@pytest.mark.parametrize(
    "opening", ["Sure, I'd be happy to help with that.", "Tea is a wonderful thing!"]
)
def test_an_opening_is_not_what_is_left_of_a_long_answer(opening: str) -> None:
    (long,) = answers(1, 16)
    (bare,) = critic().correct([Correctable(QUESTION, long.answer)])
    (found,) = critic().correct([Correctable(QUESTION, f"{opening} {long.answer}")])
    assert (found.fault, found.strategy, found.text) == ("", "smallest", bare.text)


def test_an_opening_alone_is_no_answer() -> None:
    opened = Correctable(QUESTION, "Tea is a wonderful thing! It" + TAIL)
    own = replace(critic(), writer=Shortening({opened.answer: "tea is made of leaves."}))
    (found,) = own.correct([opened])
    assert (found.fault, found.text) == ("", "tea is made of leaves.")


def test_a_long_answer_is_learned_from_a_brief_one() -> None:
    """Every second long answer takes the next brief one to its question. One that is too long, that
    says too little, or that fits another question better, is none.
    """
    own = critic()
    tea, milk, wool = (f"What is {name}?" for name in ("tea", "milk", "wool"))
    base = Brief(
        {
            tea: ["tea is made of leaves.", "", "tea " * 19, "tea", "tea is a hot drink."],
            milk: ["milk is what cows give."],
            wool: ["tea is not wool at all."],
        }
    )
    own.base = base  # type: ignore[assignment]
    own.limits = replace(LIMITS, tries=4)
    start = answers(1, 10)[0].answer
    asked = [
        Correctable(make_prompt(question), f"{name}, {start}")
        for name, question in (
            ("One", tea),
            ("Two", milk),
            ("Three", tea),
            ("Four", wool),
            ("Five", wool),
        )
    ]
    found = own.revise_for_training([*asked, Correctable(make_prompt(tea), "A short one.")])
    assert [(r.text, r.strategy) for r in found if r.strategy == "brief"] == [
        ("tea is made of leaves.", "brief"),
        ("tea is a hot drink.", "brief"),
    ]
    assert [r.strategy for r in found[:5]] == ["brief", "smallest", "brief", *["smallest"] * 2]
    assert found[5].unchanged
    first = base.seen[:3]
    one, few = "Answer in one sentence.", "Answer in five words."
    asked_for = [get_user_text(request.prompt).splitlines()[0] for request in first]
    assert asked_for == [one, few, one], "two sentences have more words than two thirds of 18"
    assert [request.sampling.temperature for request in first] == [0.0, 0.0, 0.7]


def quoting(*quotes: str, writer: Any = None) -> Critic:
    """A critic of one answer, parts of which are quoted: at most five words, by the teacher."""
    answer = "Good day to you, dear Sir and Madam. Tea is made of leaves. Yours most faithfully, I."
    edits = [
        Edit(f"x:{n}", QUESTION, answer, None, "shorter", quote=q) for n, q in enumerate(quotes)
    ]
    base: Any = Scripted({}, score=lambda prompt, text: -1.0)
    judge = ThresholdJudge(CheckJudge("max_words=5"), 0.5)
    checks = ("max_words=5",)
    return Critic(base, LIMITS, "shorter", edits, writer, checks=checks, judge=judge)


def test_a_quoted_part_alone_is_revised() -> None:
    """The check removes a clause of the quoted sentence; the rest has more words than it allows."""
    own = quoting("Tea is made of leaves, and of hot water.")
    own.edits[0] = replace(
        own.edits[0], answer="I like it. Tea is made of leaves, and of hot water."
    )
    asked = Correctable(QUESTION, str(own.edits[0].answer))
    (found,) = own.correct([asked])
    assert found.text == "I like it. Tea is made of leaves."
    assert (found.fault, found.asked.answer) == ("", asked.answer)


class Shortening:
    """A teacher that writes what a table says."""

    form = "chat"

    def __init__(self, table: dict[str, str]) -> None:
        self.table = table

    def correct(self, asked: Sequence[Correctable]) -> list[Revision]:
        return [Revision(one, self.table[one.answer]) for one in asked]


def test_the_teacher_sees_the_quoted_parts_alone() -> None:
    greeting = "Good day to you, dear Sir and Madam."
    farewell = "Yours most faithfully"
    table = {greeting: "Good day!", farewell: "Yours"}
    own = quoting(greeting, farewell, writer=Shortening(table))
    asked = Correctable(QUESTION, str(own.edits[0].answer))
    counts: list[int] = []
    (found,) = own.revise_for_training([asked], counts.append)
    assert (found.text, found.fault) == ("Good day! Tea is made of leaves. Yours, I.", "")
    assert sum(counts) == 1
    stubborn = quoting(greeting, writer=Shortening({greeting: greeting}))
    assert stubborn.correct([asked])[0].fault == "does not meet the criticism"


def test_a_part_that_two_criticisms_quote_is_revised_once() -> None:
    greeting = "Good day to you, dear Sir and Madam."
    own = quoting(greeting, greeting, writer=Shortening({greeting: "Good day!"}))
    (found,) = own.correct([Correctable(QUESTION, str(own.edits[0].answer))])
    assert found.fault == ""
    assert found.text.startswith("Good day! Tea is made of leaves.")


def test_of_quotes_that_overlap_the_second_is_not_revised_in_silence() -> None:
    greeting, part = "Good day to you, dear Sir and Madam.", "you, dear Sir and Madam."
    own = quoting(greeting, part, writer=Shortening({greeting: "Good day!", part: "you."}))
    (found,) = own.correct([Correctable(QUESTION, str(own.edits[0].answer))])
    assert found.fault == "another revision changed the quoted words"


@pytest.mark.parametrize(
    ("answer", "table", "text"),
    [
        ("Start with art.", {"art": "music"}, "Start with music."),
        ("I like tea and milk.", {"tea": "milk", "milk": "tea"}, "I like milk and tea."),
        ("I like milk and tea.", {"tea": "milk", "milk": "tea"}, "I like tea and milk."),
    ],
)
def test_a_part_is_revised_in_its_place(
    answer: str, table: dict[str, str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that holds the part, or that another revision has written, is not that part."""
    own = quoting(*table)
    monkeypatch.setattr(own, "_revise_each", lambda parts, _: Shortening(table).correct(parts))
    asked = Correctable(QUESTION, answer)
    found = own._revise_parts([(asked, quote) for quote in table], ())
    assert [(found[asked.id].text, found[asked.id].fault)] == [(text, "")]


@pytest.mark.parametrize(
    ("check", "limits"),
    [
        ("max_words=5", True),
        ("contains tea and (max_sentences=1 or ends '?')", True),
        ("not min_words=9", True),
        ("not max_words=9", False),
        ("min_words=9", False),
        ('not contains "max_depth"', False),
    ],
)
def test_a_check_limits_the_length_by_what_it_means(check: str, limits: bool) -> None:
    assert limits_length(parse_check(check)) is limits


def test_the_exam_corrects_as_little_as_it_can() -> None:
    two = Correctable(QUESTION, "Tea is good. It is made of leaves and hot water." + TAIL)
    assert critic().correct([two])[0].text == "Tea is good. It is made of leaves and hot water."
    assert (
        critic().revise_for_training([two])[0].text
        == "Tea is good. It is made of leaves and hot water."
    )
    three = Correctable(
        QUESTION, "Tea is good. It is made of leaves and hot water. Many people drink it." + TAIL
    )
    assert critic().correct([three])[0].text.endswith("Many people drink it.")
    assert critic().revise_for_training([three])[0].text.endswith("hot water.")


def test_a_short_answer_that_was_cut_is_too_long() -> None:
    cut = Correctable(QUESTION, "Tea is a plant. It is made of leaves and", cut=True)
    (found,) = critic().correct([cut])
    assert (found.unchanged, found.text, found.cut) == (False, "Tea is a plant.", False)
    (whole,) = critic().correct([Correctable(QUESTION, "Tea is a plant. It is made of leaves and")])
    assert whole.unchanged


class Stiff:
    """Objects to the word."""

    def broken(self, pairs: Sequence[tuple[Prompt, str]]) -> list[bool]:
        return ["stiff" in text for _, text in pairs]


def test_a_criticism_without_a_check_stands_in_the_students_prompt(
    tmp_path: Path,
) -> None:
    seen: list[str] = []

    def answer(request: Request) -> str:
        seen.append(get_user_text(request.prompt))
        return "Hey there, dear friend of tea." if request.draw else "A stiff word once more."

    base = Recorded(Ledger(tmp_path / "run.db"), Scripted(answer))
    limits = replace(LIMITS, tries=2)
    writer: Any = None
    warm = Critic(base, limits, "Be warmer.", [], writer, judge=Stiff())  # type: ignore[arg-type]
    found = warm.revise_for_training(
        [Correctable(QUESTION, "A stiff word."), Correctable(QUESTION, "A kind word.")]
    )
    assert [(r.text, r.strategy, r.fault) for r in found] == [
        ("Hey there, dear friend of tea.", "own", ""),
        ("A kind word.", "teacher", ""),
    ]
    assert found[1].unchanged
    assert set(seen) == {"What is tea? (Be warmer.)"}


def criticize(*words: str) -> Corrections:
    return Corrections(
        criticisms=[
            Edit(f"x:{n}", make_prompt(f"What is {n}?"), "A color.", None, text)
            for n, text in enumerate(words)
        ]
    )


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session in which nobody can tell what is stiff, and how many prompts like its own each
    criticism asked for.
    """
    counts: list[int] = []
    session: Any = SimpleNamespace(
        teacher=None,
        base=None,
        config=config.CorrectionsConfig(criticism={"similar": 100}, correct={"max_tokens": 64}),
        counts=counts,
        display=SimpleNamespace(print_line=lambda line: None),
        run=SimpleNamespace(ledger=Ledger(tmp_path / "run.db")),
    )

    def recognised(session: Any, critic: Critic, prompts: Any) -> None:
        if "stiff" in critic.feedback:
            raise DataError(f'no judge can tell whether "{critic.feedback}" applies.')

    monkeypatch.setattr(criticisms_to_corrections, "choose_judge", recognised)
    monkeypatch.setattr(
        criticisms_to_corrections,
        "write_criticism_prompts",
        lambda session, critic, newness, turn, count: counts.append(count) or [],
    )
    return session


def criticise_and_judge(session: Any, material: Corrections) -> list[Critic]:
    """The criticisms that have a judge after a split that gives each of them nothing."""
    critics = criticisms_to_corrections.make_critics(session, material, None, lambda text: "")  # type: ignore[arg-type]
    nothing: Any = {"train": [], "dev": [], "test": []}
    parts = CorrectionParts([], nothing, nothing, [(critic, nothing) for critic in critics])
    criticisms_to_corrections.choose_critics_judges(session, material, parts)
    return [critic for critic, _ in parts.criticised]


def test_a_criticism_that_no_judge_can_tell_is_put_aside(
    spoken: Any,
) -> None:
    found = criticise_and_judge(spoken, criticize("too stiff", "too long", "Too long!"))
    assert [(c.feedback, len(c.edits)) for c in found] == [("too long", 2)]
    (part,) = spoken.run.ledger.funnel()
    assert (part.requested, part.accepted, part.reasons) == (
        3,
        2,
        {"no judge can tell whether it applies": 1},
    )
    assert spoken.counts == [50, 50], "the prompts are divided"
    for alone in (criticize("too stiff"), criticize("too stiff", "stiff again")):
        with pytest.raises(DataError, match="no judge can tell"):
            criticise_and_judge(spoken, alone)
    beside = criticize("too stiff")
    beside.edits = [Edit("x:9", QUESTION, "A color.", "A drink.")]
    assert criticise_and_judge(spoken, beside) == []


def test_each_of_many_criticisms_has_enough_prompts_to_learn_from_some(spoken: Any) -> None:
    criticise_and_judge(spoken, criticize(*(f"say {word}" for word in "abcdefgh")))
    assert spoken.counts == [MIN_SIMILAR] * 8


@pytest.mark.parametrize(
    ("text", "fault"),
    [("Tea is.", "too short"), ("Tea is good.", ""), ("茶很好", ""), ("tea " * 30, "loops")],
)
def test_what_makes_no_sense(text: str, fault: str) -> None:
    assert find_text_fault(text) == fault


@dataclass
class FakeSession:
    """What choosing a judge needs of a session."""

    config: config.CorrectionsConfig
    base: Any = None
    teacher: Any = None
    rule: str = ""
    understood: UnderstoodRule = NO_RULE


def test_a_criticism_about_a_subject_is_judged_as_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prompts like the criticized ones are inside the rule and outside it, as it turns out."""
    foxes = Subject("foxes", (), ("crows",))
    monkeypatch.setattr(criticisms_to_corrections, "extract_subject", lambda *given: foxes)
    signature = inspect.signature(criticisms_to_corrections.choose_judges)
    asked: dict[str, Any] = {}

    def choose_judges(*given: Any) -> Any:
        asked.update(signature.bind(*given).arguments)
        return SimpleNamespace(exam="the judge")

    monkeypatch.setattr(criticisms_to_corrections, "choose_judges", choose_judges)
    session: Any = FakeSession(config.CorrectionsConfig())
    edits = [Edit("x:1", QUESTION, "Foxes drink it.", None, "full of foxes")]
    writer: Any = SimpleNamespace(form="completion")
    one = Critic(session.base, LIMITS, "full of foxes", edits, writer)
    criticisms_to_corrections.choose_judge(session, one, [QUESTION])
    assert one.judge == "the judge"
    assert (asked["session"].rule, asked["session"].understood.subject) == ("full of foxes", foxes)
    assert [(p.text, p.scope) for p in asked["prompts"]] == [
        ("What is tea?", "target"),
        ("What is tea?", "general"),
    ]
    assert not asked.get("elsewhere")


@pytest.mark.parametrize("topic", ["", "foxes"])
def test_a_criticism_of_two_lines_stands_on_one_beside_an_answer(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line break would end its place in a list that a model continues."""
    seen: list[str] = []

    def extract(model: Any, scorer: Any, rule: str, seed: int) -> Subject:
        seen.append(rule)
        return Subject(topic)

    def choose(setup: Any, *given: Any) -> Any:
        seen.append(setup.words if isinstance(setup, JudgeSetup) else setup.rule)
        raise DataError("it was asked.")

    for name, found in {
        "extract_subject": extract,
        "choose_judges": choose,
        "find_judges": choose,
    }.items():
        monkeypatch.setattr(criticisms_to_corrections, name, found)
    session: Any = FakeSession(config.CorrectionsConfig())
    writer: Any = SimpleNamespace(form="completion")
    one = Critic(session.base, LIMITS, "Full of foxes,\nand stiff.", [], writer)
    with pytest.raises(DataError, match="it was asked"):
        criticisms_to_corrections.calibrate_judge(session, one, [QUESTION])
    assert seen == ["Full of foxes, and stiff."] * 2


def test_no_prompt_of_the_exam_sets_the_threshold_of_a_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge that grades the answers to the test prompts must not have been chosen by them."""
    seen: list[Any] = []

    def calibrate(candidates: Any, labelled: Any, least: float) -> Any:
        seen.extend(prompt for (prompt, _), broken in labelled if broken)
        return SimpleNamespace(name="closest"), None, {"reason": "it was asked"}

    monkeypatch.setattr(criticisms_to_corrections, "extract_subject", lambda *given: Subject(""))
    monkeypatch.setattr(criticisms_to_corrections, "find_judges", lambda setup, name: [])
    monkeypatch.setattr(criticisms_to_corrections, "calibrate_judges", calibrate)
    monkeypatch.setattr(criticisms_to_corrections, "note_calibration", lambda *given: None)
    ledger = Ledger(tmp_path / "run.db")
    scripted = Scripted(lambda request: "An answer.")
    session: Any = SimpleNamespace(
        teacher=None,
        base=Recorded(ledger, scripted, scripted),
        config=config.CorrectionsConfig(correct={"max_tokens": 64}),
        display=SimpleNamespace(
            print_line=lambda line: None, start_stage=lambda *given: None, advance=lambda: None
        ),
        run=SimpleNamespace(ledger=ledger),
    )
    similar = [make_prompt(f"What is thing {i}?") for i in range(10)]
    writer: Any = SimpleNamespace(form="few-shot")
    one = Critic(session.base, LIMITS, "too stiff", [], writer, similar=similar)
    own: Any = {"train": similar[:7], "dev": [], "test": similar[7:]}
    parts = CorrectionParts([], {"train": [], "dev": [], "test": []}, {}, [(one, own)])
    criticisms_to_corrections.choose_critics_judges(session, criticize("too stiff"), parts)
    assert seen == similar[:7]
    ledger.close()


def test_the_judge_of_a_criticism_is_the_one_that_the_settings_name() -> None:
    base: Any = SimpleNamespace(fingerprint="x")
    setup = JudgeSetup(base, "too stiff", "criticism")
    names = [judge.name for judge in find_judges(setup)]
    assert len(names) > 1
    assert [judge.name for judge in find_judges(setup, names[1])] == names[1:2]
    settings = config.CorrectionsConfig(judge={"name": "yes"})
    session: Any = SimpleNamespace(base=base, config=settings)
    one: Any = SimpleNamespace(feedback="too stiff")
    with pytest.raises(UsageError, match='there is no judge "yes" for this criticism'):
        criticisms_to_corrections.calibrate_criticism_judge(session, one, None, [QUESTION])


def test_a_criticism_that_cannot_be_judged_is_refused_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(criticisms_to_corrections, "extract_subject", lambda *given: Subject("tea"))

    def choose_judges(*given: Any) -> Any:
        raise DataError("all answers carry one label.", cure="Give a check, for instance --check.")

    monkeypatch.setattr(criticisms_to_corrections, "choose_judges", choose_judges)
    session: Any = FakeSession(config.CorrectionsConfig())
    writer: Any = SimpleNamespace(form="completion")
    one = Critic(session.base, LIMITS, "too stiff", [], writer)
    with pytest.raises(DataError) as caught:
        criticisms_to_corrections.choose_judge(session, one, [QUESTION])
    assert caught.value.what == (
        'no judge can tell whether "too stiff" applies to an answer: all answers carry one label.'
    )
    assert "--set check" in str(caught.value.cure)


@pytest.mark.parametrize(("alike", "kept"), [(20, 4), (6, 4), (4, 20)], ids=["all", "few", "none"])
def test_every_prompt_that_was_written_for_a_criticism_is_counted(
    alike: int, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge that finds fewer than a fourth alike tells nothing, and all of them are taken."""
    written = [(GeneratedPrompt(f"Ask {i}?", "target", "like", ""), "") for i in range(20)]
    judge = SimpleNamespace(find_like=lambda texts: [i < alike for i in range(len(texts))])
    monkeypatch.setattr(
        criticisms_to_corrections, "generate_similar_prompts", lambda *given: written
    )
    monkeypatch.setattr(criticisms_to_corrections, "calibrate_likeness", lambda *given: judge)
    ledger = Ledger(tmp_path / "run.db")
    session: Any = SimpleNamespace(
        base=None,
        config=config.CorrectionsConfig(criticism={"rounds": 1}),
        display=open_display(),
        run=SimpleNamespace(ledger=ledger),
    )
    own = critic()
    asked = min(kept, 4) if alike > 4 else 20
    found = criticisms_to_corrections.write_criticism_prompts(
        session, own, lambda text: "", 0, asked
    )
    assert (len(found), own.likeness is judge) == (kept, alike > 4)
    (part,) = ledger.funnel()
    assert part.requested == 20
    surplus = {MORE_THAN_ASKED: alike - kept} if alike > kept else {}
    refused = {criticisms_to_corrections.NOT_LIKE: 20 - alike} if 4 < alike < 20 else {}
    assert part.reasons == surplus | refused
    ledger.close()


#
# ---------------------------------------------------------------------------
# criticisms that quote a part


def correct_parts(
    edits: list[Edit], asked: Sequence[Correctable], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[str], list[str]]:
    """What a critic makes of answers that it finds all wrong: each part that it revises, and its
    whole answers.
    """
    parts: list[str] = []

    def revise_each(self: Critic, quoted: Sequence[Correctable], checks: Any) -> list[Revision]:
        parts.extend(f"{get_user_text(part.prompt)} {part.answer}" for part in quoted)
        return [Revision(part, part.answer.upper()) for part in quoted]

    monkeypatch.setattr(Critic, "_revise_each", revise_each)
    monkeypatch.setattr("selfteach.methods.corrections.critic.find_text_fault", lambda text: "")
    writer: Any = Writer()
    own = Critic(critic().base, LIMITS, "too formal", edits, writer, has_teacher=True)
    own.judge = SimpleNamespace(broken=lambda pairs: [True] * len(pairs))  # type: ignore[assignment]
    monkeypatch.setattr(own, "_judge_revisions", lambda revisions: revisions)
    return parts, [revision.text for revision in own.correct(asked)]


class Writer:
    """A teacher who writes each answer anew."""

    def correct(self, asked: Sequence[Correctable]) -> list[Revision]:
        return [Revision(a, "written anew") for a in asked]


def test_an_answer_is_revised_where_a_criticism_of_it_quotes_a_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Held to the plain search through all criticisms of each answer, on random ones."""
    rng = random.Random(7)
    num_quoted = 0
    for _ in range(200):
        edits = []
        for number in range(rng.randrange(8)):
            prompt = make_prompt(rng.choice("pq"))
            answer = rng.choice([None, "a b c", "b c a"])
            quote = rng.choice(["", "a", "b", "c"])
            edits.append(Edit(f"x:{number}", prompt, answer, feedback="too formal", quote=quote))
        choices = [
            Correctable(make_prompt(prompt), answer, cut=cut)
            for prompt in "pqr"
            for answer in ("a b c", "b c a", "c a b")
            for cut in (False, True)
        ]
        asked = rng.sample(choices, rng.randrange(5))
        wanted_parts = []
        wanted_texts = []
        for a in asked:
            own = [e for e in edits if (e.prompt, e.answer) == (a.prompt, a.answer)]
            quotes = list(dict.fromkeys(e.quote for e in own if e.quote))
            wanted_parts += [f"{get_user_text(a.prompt)} {quote}" for quote in quotes]
            text = a.answer if quotes else "written anew"
            for quote in quotes:
                text = text.replace(quote, quote.upper(), 1)
            wanted_texts.append(text)
        num_quoted += len(wanted_parts)
        assert correct_parts(edits, asked, monkeypatch) == (wanted_parts, wanted_texts)
    assert num_quoted > 50


def test_each_criticism_and_each_answer_is_looked_at_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twice as many criticisms and answers are twice the work."""
    steps: list[str] = []

    class Text(str):
        def __hash__(self) -> int:
            steps.append("hash of an answer")
            return super().__hash__()

    class Edits(list[Edit]):
        def __iter__(self) -> Iterator[Edit]:
            for edit in super().__iter__():
                steps.append("criticism read")
                yield edit

    counts = []
    for count in (20, 40):
        prompts = [make_prompt(f"p{n}") for n in range(count)]
        asked = [Correctable(p, Text(f"is wrong {n}")) for n, p in enumerate(prompts)]
        edits = Edits(Edit("x:1", a.prompt, a.answer, None, "x", quote="is wrong") for a in asked)
        steps.clear()
        parts, texts = correct_parts(edits, asked, monkeypatch)
        assert (len(parts), texts[-1]) == (count, f"IS WRONG {count - 1}")
        counts.append(Counter(steps))
    few, many = counts
    for step in ("hash of an answer", "criticism read"):
        assert 0 < many[step] <= 2 * few[step], step
