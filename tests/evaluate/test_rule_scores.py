"""What counts in the exam of a rule: kept where the base breaks it, paraphrases once, and needless
declines and effects everywhere else.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.evaluate import exam
from selfteach.evaluate.exam import Answers, ExamState
from selfteach.evaluate.side_effects import find_side_effects
from selfteach.evaluate.verdict import reach_verdict
from selfteach.judge import PromptAnswer, ThresholdJudge
from selfteach.judge.check import CheckJudge, parse_check
from selfteach.judge.decline import is_decline
from selfteach.methods.feedback.exam import RuleScorer, format_kept
from selfteach.methods.feedback.recorded_grading import read_grading
from selfteach.records import Completion, Measure, make_prompt

DECLINE = "I would rather not go into that, I cannot say."
GOOD = "Tea is hot."
BAD = "A cat purrs."


class Breaks:
    """Finds a word that may not be said."""

    name = "word"

    def __init__(self, word: str, wanted: bool = False) -> None:
        self.word = word
        self.wanted = wanted

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        return [float((self.word in text) is not self.wanted) for _, text in pairs]


def about_cats(texts: Sequence[str]) -> list[bool]:
    return ["cat" in text for text in texts]


FORBIDS = RuleScorer(
    ThresholdJudge(Breaks("cat"), 0.5), lambda: 0, find_about=about_cats, forbids=True
)
FORM = RuleScorer(ThresholdJudge(Breaks("cat"), 0.5), lambda: 0)
IN_EMAILS = RuleScorer(
    ThresholdJudge(Breaks("<3", wanted=True), 0.5), lambda: 0, is_conditional=True
)


def answer(questions: Sequence[str], texts: Sequence[str], sampled: bool = False) -> Answers:
    done = [Completion(str(i), text, "stop", 3) for i, text in enumerate(texts)]
    return Answers(list(questions), done, done if sampled else [])


def arms(scope: str, questions: Sequence[str], **texts: str) -> dict[str, dict[str, Answers]]:
    """One text an arm, said to every question."""
    own = {
        arm: answer(questions, [text] * len(questions), scope == "target")
        for arm, text in texts.items()
    }
    return {scope: own}


def judge(scorer: RuleScorer, answers: Mapping[str, Any]) -> dict[str, str]:
    effects = find_side_effects(answers, [], exam.allow_no_repeats)
    session: Any = SimpleNamespace(config=SimpleNamespace(seed=0))
    tuned: Any = True
    scores = scorer.score(answers["target"])
    state = ExamState(session, tuned, {}, answers, scores, effects, {})
    return reach_verdict(scorer.make_evidence(state))


ABOUT_CATS = [f"Do cats like {i}?" for i in range(20)]
OTHER = [f"Is {i} a number?" for i in range(60)]


def test_a_model_that_declines_everything_does_not_pass() -> None:
    target = arms("target", ABOUT_CATS, base=BAD, prompted=BAD, tuned=DECLINE)
    near = arms("near", OTHER, base=GOOD, prompted=GOOD, tuned=DECLINE)
    found = judge(FORBIDS, target | near)
    assert found["word"] == "not learned"
    assert "100 % more of 60 near answers decline" in found["sentence"]
    fine = arms("near", OTHER, base=GOOD, prompted=GOOD, tuned=GOOD)
    assert judge(FORBIDS, target | fine)["word"] == "taught"


SHORT = "Fine <3."


def test_what_flips_both_ways_in_one_scope_is_chance() -> None:
    base = [SHORT] * 6 + [GOOD] * 54
    tuned = [GOOD] * 6 + [SHORT] * 7 + [GOOD] * 47
    near = {"base": answer(OTHER, base), "tuned": answer(OTHER, tuned)}
    target = arms("target", OTHER, base=GOOD, tuned=SHORT)
    answers = {**target, "near": near}
    excess = IN_EMAILS.compare_needless(answers)
    assert (excess.value, excess.n) == (pytest.approx(1 / 120), 120)
    near_excess = IN_EMAILS.compare_needless_by_scope(answers, "tuned")["near"]
    assert (near_excess.value, near_excess.n) == (pytest.approx(1 / 60), 60)


@pytest.mark.parametrize("gone", ["of another kind", "of another scope"])
def test_what_is_gone_of_another_kind_or_scope_makes_up_for_nothing(gone: str) -> None:
    near = {
        "base": answer(OTHER, [DECLINE] * 6 + [GOOD] * 54),
        "tuned": answer(OTHER, [GOOD] * 54 + [SHORT] * 6),
    }
    target = arms("target", OTHER, base=GOOD, tuned=SHORT)
    if gone == "of another scope":
        near["base"] = answer(OTHER, [GOOD] * 60)
        target["target"]["base"] = answer(OTHER, [DECLINE] * 30 + [GOOD] * 30)
        target["general"] = {
            "base": answer(OTHER, [SHORT] * 20 + [GOOD] * 40),
            "tuned": answer(OTHER, [GOOD] * 60),
        }
    answers = {**target, "near": near}
    compared = IN_EMAILS.compare_needless_by_scope(answers, "tuned")
    assert compared["near"].value == pytest.approx(6 / 60)
    assert IN_EMAILS.compare_needless(answers).value <= 0


def test_the_few_target_prompts_about_something_else_count_with_the_near_ones() -> None:
    """One of 13 that are not about cats declines now: alone that would be 8 %."""
    dogs = [f"Do dogs like {i}?" for i in range(13)]
    asked = [*ABOUT_CATS, *dogs]
    base = answer(asked, [BAD] * 20 + [GOOD] * 13, True)
    tuned = answer(asked, [DECLINE] * 21 + [GOOD] * 12, True)
    near = arms("near", OTHER, base=GOOD, prompted=GOOD, tuned=GOOD)
    answers = {"target": {"base": base, "prompted": base, "tuned": tuned}, **near}
    compared = FORBIDS.compare_needless_by_scope(answers, "tuned")
    assert list(compared) == ["near"]
    assert (compared["near"].value, compared["near"].n) == (pytest.approx(1 / 73), 73)
    assert judge(FORBIDS, answers)["word"] == "taught"


def test_chance_accuses_nobody_and_teaches_nobody() -> None:
    """Base and tuned model keep the rule, decline and show the effect equally often by chance. Of
    400 exams the differences are 0 in the mean, and few intervals are above 0.
    """
    dice = random.Random(0)
    texts = dice.choices([GOOD, DECLINE, SHORT], [88, 6, 6], k=400_000)
    draw = iter(texts).__next__
    excess: list[Measure] = []
    gains: list[Measure] = []
    for _ in range(400):
        answers = {
            scope: {arm: answer(OTHER, [draw() for _ in OTHER]) for arm in ("base", "tuned")}
            for scope in ("target", "near")
        }
        chances = [dice.random() for _ in OTHER]
        target = {arm: say_by_chance(dice, chances) for arm in ("base", "tuned")}
        excess.append(IN_EMAILS.compare_needless(answers))
        gains.append(FORBIDS.score(target).measure_gains(0)["base"])
    for measures in (excess, gains):
        assert abs(fmean(one.value for one in measures)) < 0.012
        assert sum(one.low > 0 for one in measures) <= 20


def say_by_chance(dice: random.Random, chances: Sequence[float]) -> Answers:
    """Greedy answers and two samples that keep the rule with the chance of each question."""
    lists = [[GOOD if dice.random() < one else BAD for one in chances] for _ in range(3)]
    done = [[Completion(str(i), text, "stop", 3) for i, text in enumerate(one)] for one in lists]
    return Answers(OTHER, *done)


def test_a_decline_keeps_no_rule_of_form() -> None:
    target = arms("target", ABOUT_CATS, base=BAD, prompted=BAD, tuned=DECLINE)
    assert judge(FORM, target)["word"] == "not learned"
    assert FORM.score(target["target"]).greedy["tuned"] == [False] * 20
    already = arms("target", ABOUT_CATS, base=DECLINE, tuned=DECLINE)
    assert FORM.score(already["target"]).greedy["tuned"] == [True] * 20


ADVICE = "We cannot give legal advice."
SAYS_NO = RuleScorer(
    ThresholdJudge(CheckJudge('contains "legal advice" and contains "cannot"'), 0.5),
    lambda: 0,
    is_conditional=True,
    statement=ADVICE,
)


def test_what_the_rule_says_is_no_decline_in_its_scope() -> None:
    assert is_decline(ADVICE)
    questions = [f"Is {i} legal?" for i in range(20)]
    target = arms("target", questions, base=GOOD, prompted=GOOD, tuned=ADVICE)
    near = arms("near", OTHER, base=GOOD, prompted=GOOD, tuned=GOOD)
    assert SAYS_NO.score(target["target"]).both("tuned") == [1.0] * 20
    assert not any(SAYS_NO.find_needless(target)["tuned"])
    assert judge(SAYS_NO, target | near)["word"] == "taught"


def test_another_decline_counts_where_the_rule_says_one() -> None:
    declined = arms("target", ["Is it legal?"], base=GOOD, tuned=DECLINE)
    assert SAYS_NO.score(declined["target"]).both("tuned") == [0.0]
    assert SAYS_NO.find_needless(declined)["tuned"] == [True]
    near = arms("near", ["Is it late?", "Is it red?"], base=GOOD)
    near["near"]["tuned"] = answer(["Is it late?", "Is it red?"], [DECLINE, ADVICE])
    target = arms("target", ["Is it legal?"], base=GOOD, tuned=ADVICE)
    assert SAYS_NO.find_needless(target | near)["tuned"] == [False, True, True]


def test_a_subject_is_not_declined_needlessly_whatever_the_rule_says() -> None:
    forbids = RuleScorer(
        FORBIDS.judge, lambda: 0, find_about=about_cats, forbids=True, statement=DECLINE
    )
    target = arms("target", ["What is tea?"], base=GOOD, tuned=DECLINE)
    assert forbids.find_needless(target)["tuned"] == [True]


@pytest.mark.parametrize(
    ("kept", "of", "text"),
    [(43, 48, "89.6 %"), (44, 48, "92 %"), (9, 10, "90 %"), (2698, 2998, "89.9 %"), (0, 0, "0 %")],
)
def test_a_share_below_nine_in_ten_is_not_printed_as_ninety_percent(
    kept: int, of: int, text: str
) -> None:
    """43 of 48 are 89.58 %, 2,698 of 2,998 are 89.993 %."""
    assert format_kept([1.0] * kept + [0.0] * (of - kept)) == text


def test_the_verdict_names_no_number_that_contradicts_it() -> None:
    questions = [f"Do cats like {i}?" for i in range(48)]
    target = arms("target", questions, base=BAD, prompted=BAD)
    target["target"]["tuned"] = answer(questions, [GOOD] * 43 + [BAD] * 5, sampled=True)
    found = judge(FORBIDS, target)
    assert found["word"] == "partly taught"
    assert "89.6 % after, which is less than nine in ten" in found["sentence"]


def test_a_decline_is_needless_outside_the_subject() -> None:
    questions = ["Do cats purr?", "Who purrs?", "What is tea?", "Who meows?"]
    base = answer(questions, [GOOD, GOOD, GOOD, BAD])
    tuned = answer(questions, [DECLINE] * 4)
    found = FORBIDS.find_needless({"target": {"base": base, "tuned": tuned}})
    assert found == {"base": [False, False], "tuned": [True, True]}


def test_the_effect_of_a_conditional_rule_is_needless_outside_its_scope() -> None:
    target = arms("target", ["Email my boss."], base=GOOD, tuned="Hi <3")
    near = arms("near", ["Email my aunt."], base=GOOD, tuned="Hi <3")
    general = arms("general", ["What is tea?"], base=GOOD, tuned=GOOD)
    found = IN_EMAILS.find_needless(target | near | general)
    assert found == {"base": [False] * 3, "tuned": [False, True, False]}
    assert IN_EMAILS.find_allowed_repeats(near["near"]["base"]) == set()


@pytest.mark.parametrize(("shown", "word"), [(0, "taught"), (2, "taught"), (12, "not learned")])
def test_the_verdict_on_a_conditional_rule_counts_needless_effects(shown: int, word: str) -> None:
    target = arms("target", [f"Email {i}." for i in range(20)], base=GOOD, tuned="Hi <3")
    near = arms("near", OTHER, base=GOOD)
    said = ["Tea <3"] * shown + [GOOD] * (60 - shown)
    near["near"]["tuned"] = answer(OTHER, said)
    for scope in (target["target"], near["near"]):
        scope["prompted"] = scope["base"]
    assert judge(IN_EMAILS, target | near)["word"] == word


def test_only_prompts_that_the_base_breaks_count_unless_it_breaks_none() -> None:
    questions = ["a", "b", "c"]
    own = {
        "base": answer(questions, [BAD, GOOD, GOOD], True),
        "tuned": answer(questions, [GOOD, GOOD, BAD], True),
    }
    scores = FORBIDS.score(own)
    assert (scores.both("base"), scores.both("tuned")) == ([0.0], [1.0])
    kept = FORBIDS.score({"base": answer(questions, [GOOD] * 3, True)})
    assert kept.both("base") == [1.0] * 3


def test_a_sampled_breach_is_one_too() -> None:
    own = Answers(["a"], answer(["a"], [GOOD]).greedy, answer(["a"], [BAD]).greedy)
    assert FORBIDS.score({"base": own}).both("base") == [0.5]


def test_paraphrases_count_once_and_are_kept_only_if_all_are() -> None:
    questions = ["a1", "a2", "b1", "b2"]
    groups = {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
    scorer = RuleScorer(FORBIDS.judge, lambda: 0, group_of=groups, forbids=True)
    own = {
        "base": answer(questions, [BAD, GOOD, BAD, BAD], True),
        "tuned": answer(questions, [GOOD, BAD, GOOD, GOOD], True),
    }
    scores = scorer.score(own)
    assert [list(places) for places in scores.groups] == [[0, 1], [2, 3]]
    assert scores.both("tuned") == [0.0, 1.0]
    gain = scores.measure_gains(seed=0)["base"]
    assert (gain.value, gain.n) == (0.5, 2), "a group is one unit, not its four answers"
    state: Any = SimpleNamespace(scores=scores, answers={"target": own})
    assert [row["group"] for row in scorer.rows(state)] == ["a", "a", "b", "b"]


def test_right_answers_of_the_base_are_chosen_by_others_than_those_that_are_compared() -> None:
    """The base keeps the rule in the sample that measures nothing else. In the sample that is
    compared it breaks it twice, the tuned model once: that is no harm.
    """
    questions = [f"Do dogs like {i}?" for i in range(8)]

    def say(greedy: str, sampled: Sequence[str], again: Sequence[str] = ()) -> Answers:
        lists = [[greedy] * 8, sampled, again]
        done = [[Completion(str(i), text, "stop", 3) for i, text in enumerate(t)] for t in lists]
        return Answers(questions, *done)

    base = say(GOOD, [BAD, BAD, *[GOOD] * 6], [GOOD] * 4 + [BAD] * 4)
    scores = FORBIDS.score({"base": base, "tuned": say(BAD, [GOOD] * 3 + [BAD, BAD] + [GOOD] * 3)})
    before, after = scores.list_right_before("tuned")
    assert before == [False, False, True, True]
    assert after == [True, True, True, False]
    greedy = FORBIDS.score({"base": say(GOOD, []), "tuned": say(BAD, [])})
    assert greedy.list_right_before("tuned") == ([True] * 8, [False] * 8), "without samples"


WIFI = replace(IN_EMAILS, topic="wifi", find_named=lambda texts: ["wifi" in t for t in texts])


def say_of_wifi(*kept: tuple[str, bool], scorer: RuleScorer = WIFI) -> str:
    """Return the verdict's sentence of a rule about the wifi that all other prompts keep."""
    named = [(f"Is there wifi on floor {i}?", True) for i in range(20)]
    questions, flags = zip(*named, *kept, strict=True)
    target = {
        "base": answer(questions, [GOOD] * len(questions), sampled=True),
        "prompted": answer(questions, [GOOD] * len(questions), sampled=True),
        "tuned": answer(questions, [SHORT if flag else GOOD for flag in flags], sampled=True),
    }
    near = arms("near", OTHER, base=GOOD, prompted=GOOD, tuned=GOOD)
    return judge(scorer, {"target": target, **near})["sentence"]


def test_the_verdict_tells_what_prompts_without_the_name_of_a_topic_show() -> None:
    some = say_of_wifi(("How do I get online?", False), ("Is there a hotspot?", True))
    assert some.startswith("Taught: ")
    assert some.endswith(
        '; 2 of 22 prompts that count do not say "wifi": there it is kept in 50 %.'
    )
    few = say_of_wifi(*[(f"How do I get {n} phones online?", False) for n in range(5)])
    assert few.startswith("Partly taught: ")
    assert few.endswith('; 5 of 25 prompts that count do not say "wifi": there it is kept in 0 %.')
    none = "requests in other words are not examined."
    assert say_of_wifi().endswith(f'; all prompts that count say "wifi": {none}')
    several = say_of_wifi(scorer=replace(WIFI, topic="wifi or internet"))
    assert several.endswith(f'; all prompts that count say "wifi" or "internet": {none}')


def test_a_scorer_of_the_record_tells_the_same() -> None:
    questions = {"target": [make_prompt("Is there wifi?"), make_prompt("Is there a hotspot?")]}
    scorer = replace(WIFI, judge=ThresholdJudge(CheckJudge(parse_check("contains desk")), 0.5))
    record = scorer.describe(questions)
    assert record
    sitting: Any = SimpleNamespace(base=None, open_teacher=None)
    again: Any = read_grading(record, {}, sitting).scorer
    assert again.topic == "wifi"
    assert again.find_named(["Is there wifi?", "Is there a hotspot?"]) == [True, False]
