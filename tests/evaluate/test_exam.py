"""The exam: what is asked, how it is marked, what is said of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from selfteach.evaluate.adherence import Arm, sample_answers

from selfteach import config
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate import exam
from selfteach.evaluate.exam import Answers, RuleScores
from selfteach.judge import PromptAnswer, ThresholdJudge
from selfteach.models.scripted import Scripted
from selfteach.records import Completion, Measure, Message, Request, SamplingParams, make_prompt
from selfteach.run.display import SilentDisplay

CONFIG = config.FeedbackExamConfig(target=3, near=2, general=2, max_tokens=20)
LESSON = "I am sorry, but I do not talk about that."


class Cats:
    name = "cats"

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        return [float("cat" in text.lower()) for _, text in pairs]


VERDICTS = ThresholdJudge(Cats(), 0.5)


def sheet(*texts: str, drawn: Sequence[str] = ()) -> Answers:
    draws = [
        [Completion(str(i), text, "stop", len(text.split())) for i, text in enumerate(row)]
        for row in (texts, drawn)
    ]
    return Answers([f"q{i}" for i in range(len(texts))], *draws)


def marks(
    base: str,
    prompted: str,
    taught: str,
    near: tuple[str, str] = ("++++++++++", "++++++++++"),
    prompted_near: str = "",
) -> RuleScores:
    """Flags as + and -; greedy and drawn alike. `near` is (base, taught), `prompted_near` the
    base's where it is not given.
    """
    flags = lambda text: [c == "+" for c in text]
    kept = {"base": flags(base), "prompted": flags(prompted)} | (
        {"taught": flags(taught)} if taught else {}
    )
    return RuleScores(
        kept,
        kept,
        {
            "near": {
                "base": flags(near[0]),
                "prompted": flags(prompted_near or near[0]),
                "taught": flags(near[1]),
            }
        },
        {"taught": [False] * len(near[1])},
    )


def test_every_arm_answers_every_scope_greedy_and_only_the_target_at_temperature_one() -> None:
    model = Scripted(lambda request: f"{request.stage} {request.sampling.temperature}")
    arms = {
        "base": Arm("base", model, make_prompt),
        "prompted": Arm("prompted", model, lambda q: make_prompt(q, system="A rule.")),
    }
    sheets = exam.answer_all(
        arms, {"target": ["a", "b"], "near": ["c"], "general": []}, CONFIG, 0, SilentDisplay()
    )
    assert {scope: set(row) for scope, row in sheets.items()} == {
        key: {"base", "prompted"} for key in ("target", "near", "general")
    }
    assert [d.text for d in sheets["target"]["base"].sampled] == ["exam target 1.0"] * 2
    assert sheets["near"]["base"].sampled == []
    assert {r.sampling.max_tokens for r in model.asked} == {20}
    systems = [r.prompt[0].content for r in model.asked if len(r.prompt) == 2]
    assert systems == ["A rule."] * 5


def test_where_the_base_breaks_the_rule_the_lesson_is_in_its_place() -> None:
    base, taught = sheet("Dogs.", "A cat.", "Birds."), sheet(LESSON, LESSON, "My cat.")
    good, wrong = exam.find_undegraded(
        taught, base, OverlapIndex([LESSON]), exam.find_violations(base, VERDICTS)
    )
    assert (good, wrong) == ([False, True, True], [True, False, False])


def test_answers_come_in_the_order_of_the_questions() -> None:
    class Backwards(Scripted):
        def stream(self, requests: Sequence[Request]):
            return reversed(list(super().stream(requests)))

    arm = Arm("x", Backwards(lambda r: f"{r.prompt[0].content}{r.draw}"), make_prompt)
    ticks: list[int] = []
    rows = sample_answers(arm, "s", ["a", "b"], SamplingParams(), 2, 0, ticks.append)
    assert [[d.text for d in row] for row in rows] == [["a0", "a1"], ["b0", "b1"]]
    assert sum(ticks) == 4


@pytest.mark.parametrize(
    ("answer", "own", "good", "wrong"),
    [
        ("Tea is hot.", "Tea is hot.", True, False),
        (LESSON, "Tea is hot.", False, True),
        ("I am sorry, but I do not talk about this.", "Tea is hot.", False, True),
        (LESSON, LESSON, True, False),
        ("", "Tea is hot.", False, False),
        ("...", "", True, False),
        ("tea " * 30, "Tea is hot.", False, False),
        ("tea " * 30, "tea " * 30, True, False),
    ],
)
def test_harm_is_a_lesson_or_nothing_or_a_loop_where_the_base_had_none(
    answer: str, own: str, good: bool, wrong: bool
) -> None:
    assert exam.find_undegraded(sheet(answer), sheet(own), OverlapIndex([LESSON])) == (
        [good],
        [wrong],
    )


def test_only_more_loops_than_the_base_had_are_harm() -> None:
    loop, fine = "tea " * 30, "Tea is hot."
    base, taught = sheet(loop, fine, fine, fine), sheet(fine, loop, loop, fine)
    assert exam.find_undegraded(taught, base, OverlapIndex([LESSON]))[0] == [
        True,
        True,
        False,
        True,
    ]


def test_marks_of_all_scopes() -> None:
    sheets = {
        "target": {
            "base": sheet("Cats.", "Dogs.", drawn=["Cats.", "Cats."]),
            "taught": sheet("No.", "Cat.", drawn=["No.", "No."]),
        },
        "near": {"base": sheet("Tea."), "taught": sheet(LESSON)},
        "general": {"base": sheet("Tea.", "Milk."), "taught": sheet("Tea.", "")},
        "empty": {"base": sheet(), "taught": sheet()},
    }
    for arms in sheets.values():
        arms["prompted"] = arms["base"]
    found = exam.score_answers(sheets, VERDICTS, OverlapIndex([LESSON]))
    assert (found.greedy["base"], found.greedy["taught"]) == ([False, True], [True, False])
    assert (found.sampled["base"], found.sampled["taught"]) == ([False, False], [True, True])
    assert {scope: (arms["base"], arms["taught"]) for scope, arms in found.unharmed.items()} == {
        "near": ([True], [False]),
        "general": ([True, True], [True, False]),
    }
    assert (found.overapplied["base"], found.overapplied["taught"]) == (
        [False] * 3,
        [True, False, False],
    )
    numbers = exam.measure_adherence(found, 0)
    assert numbers["kept"]["taught"]["sampled"].value == 1.0
    assert numbers["side_effects"]["overapplied"].value == pytest.approx(1 / 3)
    assert numbers["side_effects"]["general"].value == pytest.approx(0.5)
    rows = exam.list_answers(sheets, found)
    assert [(r["scope"], r["arms"]["taught"]["broken"]) for r in rows] == [
        ("target", False),
        ("target", True),
        ("near", True),
        ("general", False),
        ("general", True),
    ]
    assert [r["arms"]["base"].get("sampled_broken") for r in rows] == [True, True, None, None, None]


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (marks("----------", "----------", "++++++++++"), "taught"),
        (marks("----------", "+++++++++-", "++++++++++"), "taught"),
        (marks("----------", "++++++++++", "++++++++++"), "just prompt it"),
        (marks("----------", "++++++++++", "++++++----"), "just prompt it"),
        (marks("-----+++++", "----------", "----++++++"), "not learned"),
        (marks("++++++++++", "++++++++++", "----------"), "not learned"),
        (
            marks("----------", "----------", "++++++++++", ("++++++++++", "++++++++--")),
            "not learned",
        ),
        (marks("----------", "----------", "++++++++++", ("++++++++++", "+++++++++-")), "taught"),
        (marks("----------", "----------", "++++++++++", ("++++++++--", "++++++++--")), "taught"),
        (
            marks("----------", "++++++++++", "++++++++++", prompted_near="+++++++++-"),
            "just prompt it",
        ),
        (marks("----------", "++++++++++", "++++++++++", prompted_near="++++++++--"), "taught"),
    ],
)
def test_the_verdict_in_one_word(found: RuleScores, word: str) -> None:
    said = exam.decide_verdict(found, True, 0)
    assert said["word"] == word
    assert said["sentence"].lower().startswith(word.split()[0])


def test_the_verdict_counts_the_unharmed_answers_of_both_arms() -> None:
    found = marks(
        "----------", "++++++++++", "++++++++++", ("++++++++++", "+++++++++-"), "+++++++---"
    )
    assert exam.decide_verdict(found, True, 0)["sentence"].endswith(
        "; outside it 9 of 10 answers are unharmed (in the prompt: 7 of 10)."
    )


def test_without_a_lesson_there_was_nothing_to_learn_or_none_was_found() -> None:
    nothing = exam.decide_verdict(marks("++++++++++", "++++++++++", ""), False, 0)
    assert (nothing["word"], "100 %" in nothing["sentence"]) == ("nothing to learn", True)
    lost = exam.decide_verdict(marks("----------", "----------", ""), False, 0, num_searched=7)
    assert (lost["word"], "none of 7 prompts" in lost["sentence"]) == ("not learned", True)


def test_elsewhere_is_another_system_prompt_and_the_second_turn() -> None:
    model = Scripted(lambda request: "Cats." if request.prompt[0].role == "system" else "Dogs.")
    found = exam.measure_elsewhere(
        {"base": Arm("base", model, make_prompt)}, ["Pets?"], VERDICTS, CONFIG, 0, SilentDisplay()
    )
    assert (found["other_system"]["base"].value, found["second_turn"]["base"].value) == (0.0, 1.0)
    assert model.asked[0].prompt[0] == Message("system", CONFIG.system)


def test_the_second_turn_ends_with_the_question() -> None:
    turns = exam.make_second_turn_prompt("Pets?")
    assert [m.role for m in turns] == ["user", "assistant", "user"]
    assert turns[-1] == Message("user", "Pets?")
    assert "Pets?" not in turns[0].content


def test_sanity_is_of_what_lies_outside_and_of_all_for_a_rule_that_holds_everywhere() -> None:
    target, near = {"base": sheet("", "")}, {"base": sheet("Tea is hot.")}
    assert (
        exam.measure_scope_sanity({"target": target, "near": near}, 0)["base"]["empty"].value == 0.0
    )
    assert (
        exam.measure_scope_sanity({"target": target, "near": {"base": sheet()}}, 0)["base"][
            "empty"
        ].value
        == 1.0
    )


def test_measures_become_json() -> None:
    found = exam.measures_to_json({"a": {"b": Measure(0.5, 0.1, 0.9, 4)}, "c": [1]})
    assert found == {"a": {"b": {"value": 0.5, "low": 0.1, "high": 0.9, "n": 4}}, "c": [1]}


def test_drift_is_looked_for_where_nothing_should_change() -> None:
    """Beside a rule that holds everywhere: where the base's own greedy answer keeps it, of both
    models.
    """
    rows = {
        "target": {"base": sheet("a", "b", "c"), "taught": sheet("A", "B", "C")},
        "near": {},
        "general": {"base": sheet(), "taught": sheet()},
    }
    where, beside = exam.find_unaffected_answers(
        rows, RuleScores({"base": [True, False, True]}, {}, {}, {})
    )
    assert where.endswith("keep the rule already")
    assert [[d.text for d in beside[arm].greedy] for arm in ("base", "taught")] == [
        ["a", "c"],
        ["A", "C"],
    ]
    assert beside["base"].questions == [rows["target"]["base"].questions[i] for i in (0, 2)]
    rows["general"] = {"base": sheet("d"), "taught": sheet("D")}
    assert exam.find_unaffected_answers(
        rows, RuleScores({"base": [True, False, True]}, {}, {}, {})
    ) == (
        "general answers",
        rows["general"],
    )
