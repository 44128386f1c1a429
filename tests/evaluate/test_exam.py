"""The exam: what is asked, how it is scored, which verdict follows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from scripted import Scripted
from selfteach import config
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate import exam
from selfteach.evaluate.drift import compute_drift
from selfteach.evaluate.exam import Answers, Arm, Exam, ExamState, TunedModel
from selfteach.evaluate.side_effects import find_side_effects, mark_intact
from selfteach.evaluate.verdict import Evidence, make_not_examined, reach_verdict
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.subject import Subject
from selfteach.judge import PromptAnswer, ThresholdJudge
from selfteach.judge.check import CheckJudge
from selfteach.methods.feedback import exam as feedback
from selfteach.methods.feedback import rule_drift
from selfteach.methods.feedback.conversations import (
    Conversations,
    add_turn,
    measure_conversations,
)
from selfteach.methods.feedback.exam import RuleScorer
from selfteach.methods.understood_rule import NO_RULE
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Measure, Message, Request, make_prompt
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger

CONFIG = config.FeedbackExamConfig(target=3, near=2, general=2, max_tokens=20)
TAUGHT = "I am sorry, but I do not talk about that."
CLEAN = "++++++++++"


class Cats:
    name = "cats"

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        return [float("cat" in text.lower()) for _, text in pairs]


JUDGE = ThresholdJudge(Cats(), 0.5)
SCORER = RuleScorer(JUDGE, lambda: 0)


class Base:
    """A model whose logits are all `shift`."""

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift
        self.module = torch.nn.Linear(1, 1)

    def answer_logits(self, pairs: Sequence[Any]) -> Iterator[tuple[int, torch.Tensor]]:
        for i in range(len(pairs)):
            yield i, torch.full((2, 3), self.shift)


def answers(*texts: str, sampled: Sequence[str] = ()) -> Answers:
    prompts = [f"q{i}" for i in range(len(texts))]
    return Answers(prompts, complete(texts), complete(sampled))


def complete(texts: Sequence[str]) -> list[Completion]:
    """Texts as completions."""
    return [Completion(str(i), text, "stop", len(text.split())) for i, text in enumerate(texts)]


def session(folder: Path, model: Scripted, **changes: Any) -> Any:
    base = Recorded(Ledger(folder / "run.db"), model, model)
    settings = SimpleNamespace(exam=CONFIG, seed=0, smoke_test=False, check="")
    proof = [torch.zeros(2, 3)] * len(exam.PROBE_PAIRS)
    run = SimpleNamespace(ledger=base.ledger)
    fields = {
        "run": run,
        "config": settings,
        "display": SilentDisplay(),
        "base": base,
        "model": Base(),
    }
    fields |= {"request_judge": None, "may_change": lambda answer: False}
    fields |= {"understood": replace(NO_RULE, subject=Subject("cats"))}
    return SimpleNamespace(**(fields | {"base_logits": proof, "rule": "A rule."} | changes))


def prompts_of(asked: dict[str, list[str]]) -> list[GeneratedPrompt]:
    """Prompts of each scope."""
    return [
        GeneratedPrompt(text, scope, "plain", "")  # type: ignore[arg-type]
        for scope, texts in asked.items()
        for text in texts
    ]


def state(arms: dict[str, str], near: dict[str, str] | None = None, tuned: Any = True) -> ExamState:
    """A state from flags as + and -: a target answer keeps the rule, a near one is not degraded."""
    target = {}
    for arm, flags in arms.items():
        texts = ["Dogs." if flag == "+" else "Cats." for flag in flags]
        target[arm] = answers(*texts, sampled=texts)
    count = max(map(len, (near or {"": CLEAN}).values()))
    outside = dict.fromkeys(("base", "prompted", "tuned"), count * "+") | (near or {})
    beside = {}
    for arm in arms:
        texts = ["Tea is hot." if flag == "+" else "" for flag in outside[arm]]
        beside[arm] = answers(*texts)
    found = {"target": target, "near": beside}
    effects = find_side_effects(found, [TAUGHT], exam.allow_no_repeats)
    own: Any = SimpleNamespace(config=SimpleNamespace(seed=0))
    return ExamState(own, tuned, {}, found, SCORER.score(target), effects, {})


def lose(lost: int, count: int) -> str:
    """Flags of so many answers, the last ones degraded."""
    return (count - lost) * "+" + lost * "-"


def verdict(
    base: str, prompted: str, tuned: str, near: dict[str, str] | None = None
) -> dict[str, str]:
    arms = {"base": base, "prompted": prompted, "tuned": tuned}
    return reach_verdict(SCORER.make_evidence(state(arms, near)))


def test_only_the_target_is_also_answered_at_temperature_one(
    tmp_path: Path,
) -> None:
    model = Scripted(lambda request: f"{request.stage} {request.sampling.temperature}")
    own = session(tmp_path, model)
    asked = {"target": ["a", "b"], "near": ["c"], "general": []}
    built = feedback.build_exam(own, JUDGE, prompts_of(asked), [], "r")
    found = exam.answer_all(own, built.arms(None), built)
    assert list(found) == list(asked)
    assert all(set(row) == {"base", "prompted"} for row in found.values())
    assert [d.text for d in found["target"]["base"].sampled] == ["exam target 1.0"] * 2
    assert [d.text for d in found["near"]["base"].greedy] == ["exam near 0.0"]
    assert found["near"]["base"].sampled == []
    assert {r.sampling.max_tokens for r in model.asked} == {20}
    systems = [r.prompt[0].content for r in model.asked if len(r.prompt) == 2]
    assert systems == ["A rule."] * 5


def test_each_model_answers_in_one_call(tmp_path: Path) -> None:
    """Also what later steps look up; so batches are full."""
    model = Scripted(lambda request: "x")
    own = session(tmp_path, model)
    calls: list[int] = []
    stream = model.stream

    def count(requests: Any) -> Any:
        calls.append(len(requests))
        return stream(requests)

    model.stream = count  # type: ignore[method-assign]
    asked = {"target": ["a", "b"], "near": ["c"], "general": ["d"]}
    built = feedback.build_exam(own, JUDGE, prompts_of(asked), [], "r")
    arms = built.arms(None)
    assert built.plan_extra is not None
    also = [*built.plan_extra(arms), exam.plan_second_sample(own, arms["base"])]
    exam.answer_all(own, arms, built, also)
    assert calls == [2 * (2 + 2 + 1 + 1) + 2 * 2 * 2 + 2]


def test_answers_come_in_the_order_of_the_questions(tmp_path: Path) -> None:
    class Backwards(Scripted):
        def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
            return reversed(list(super().stream(requests)))

    own = session(tmp_path, Backwards(lambda r: r.prompt[0].content))
    found = exam.answer(own, own.base, "s", [make_prompt(text) for text in "abc"], 1.0)
    assert [one.text for one in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "own", "good", "wrong"),
    [
        ("Tea is hot.", "Tea is hot.", True, False),
        (TAUGHT, "Tea is hot.", False, True),
        ("I am sorry, but I do not talk about this.", "Tea is hot.", False, True),
        (TAUGHT, TAUGHT, True, False),
        ("", "Tea is hot.", False, False),
        ("...", "", False, False),
        ("tea " * 30, "Tea is hot.", False, False),
        ("tea " * 30, "tea " * 30, False, False),
    ],
)
def test_degraded_is_a_taught_text_nothing_or_a_loop(
    text: str, own: str, good: bool, wrong: bool
) -> None:
    found = mark_intact(answers(text).greedy, answers(own).greedy, OverlapIndex([TAUGHT]))
    assert found == ([good], [wrong])


def test_harm_is_the_difference_of_the_loops_of_both_arms() -> None:
    """Two of sixty answers loop now and one loops no more: 1.7 %, by an interval around 0."""
    loop, fine = "tea " * 30, "Tea is hot."
    rest = [fine] * 57
    near = {"base": answers(loop, fine, fine, *rest), "tuned": answers(fine, loop, loop, *rest)}
    found = find_side_effects({"near": near}, [TAUGHT], exam.allow_no_repeats)
    assert found.intact["near"]["base"][:3] == [False, True, True]
    assert found.intact["near"]["tuned"][:3] == [True, False, False]
    harm = found.measure()["side_effects"]["near"]
    assert harm.value == pytest.approx(1 / 60)
    assert harm.low < 0 < harm.high


def test_a_taught_text_is_in_place_where_the_base_breaks_the_rule() -> None:
    near = {"base": answers("Dogs.", "A cat.", "Birds."), "tuned": answers(TAUGHT, TAUGHT, "Cat.")}
    found = find_side_effects({"near": near}, [TAUGHT], SCORER.find_allowed_repeats)
    assert found.intact["near"]["tuned"] == [False, True, True]
    assert found.overapplied["tuned"] == [True, False, False]


def test_without_taught_texts_nothing_tells_what_is_overapplied() -> None:
    near = {"base": answers("Tea.", "Milk."), "tuned": answers("Tea.", "")}
    measured = find_side_effects({"near": near}, [], exam.allow_no_repeats).measure()
    assert set(measured["side_effects"]) == {"near"}
    assert measured["side_effects"]["near"].value == pytest.approx(0.5)
    before = find_side_effects({"near": {"base": near["base"]}}, [], exam.allow_no_repeats)
    assert set(before.measure()) == {"near"}


def test_side_effects_of_all_scopes() -> None:
    found = find_side_effects(
        {
            "target": {"base": answers("Cats."), "tuned": answers(TAUGHT)},
            "near": {"base": answers("Tea."), "tuned": answers(TAUGHT)},
            "general": {"base": answers("Tea.", "Milk."), "tuned": answers("Tea.", "")},
            "empty": {"base": answers(), "tuned": answers()},
        },
        [TAUGHT],
        exam.allow_no_repeats,
    )
    assert found.intact == {
        "near": {"base": [True], "tuned": [False]},
        "general": {"base": [True, True], "tuned": [True, False]},
    }
    assert found.overapplied == {"base": [False] * 3, "tuned": [True, False, False]}
    numbers = found.measure()
    assert numbers["side_effects"]["overapplied"].value == pytest.approx(1 / 3)
    assert numbers["side_effects"]["general"].value == pytest.approx(0.5)
    assert numbers["near"]["tuned"].value == 0.0
    assert found.count_intact("tuned") == "1 of 3"
    assert found.find_harm("absent") == ("", "")
    certain, uncertain = found.find_harm("tuned")
    assert certain == "", "one answer of two cannot tell"
    assert uncertain == (
        "100 % more of 1 near answers are degraded and 50 % more of 2 general answers are degraded"
    )
    broken = [(r["scope"], not r["arms"]["tuned"]["ok"]) for r in found.rows()]
    assert broken == [("near", True), ("general", False), ("general", True)]


def test_scores_and_rows_of_a_rule() -> None:
    found = state({"base": "-+", "prompted": "-+", "tuned": "+-"})
    assert found.scores.greedy == {
        "base": [False, True],
        "prompted": [False, True],
        "tuned": [True, False],
    }
    kept = SCORER.measure(found)["kept"]
    assert (kept["base"]["greedy"].value, kept["tuned"]["sampled"].value) == (0.0, 1.0)
    assert kept["tuned"]["greedy"].n == 1, "only what the base breaks counts"
    assert SCORER.measure(found)["target_prompts"] == 2
    assert [r["arms"]["tuned"]["ok"] for r in SCORER.rows(found)] == [True, False]
    assert [r["counts"] for r in SCORER.rows(found)] == [True, False]
    before = SCORER.measure(state({"base": "-+"}, tuned=None))
    assert not {"recovery", "gain"} & set(before)


def test_the_gain_of_a_rule_is_paired_and_is_the_one_of_the_verdict() -> None:
    """Of the ten prompts that the base breaks the prompted base keeps four and the tuned model
    nine, among them those four: 9/10 - 0 and 9/10 - 4/10. What the base kept before is left out.
    """
    found = state(
        {"base": "----------+", "prompted": "++++------+", "tuned": "+++++++++--"},
    )
    gain = SCORER.measure(found)["gain"]
    assert set(gain) == {"base", "prompted"}
    assert gain["base"].value == pytest.approx(0.9)
    assert gain["prompted"].value == pytest.approx(0.5)
    assert gain["base"].n == gain["prompted"].n == 10
    evidence = SCORER.make_evidence(found)
    assert (evidence.gain, evidence.over_prompt) == (gain["base"], gain["prompted"])
    apart = {"base": "----------", "prompted": "-----+++++", "tuned": "+++++-----"}
    even = SCORER.measure(state(apart))["gain"]["prompted"]
    assert even.value == 0
    assert even.low < -0.3
    assert even.high > 0.3, "as many kept, but other ones: pairs tell more than two shares"


@pytest.mark.parametrize(
    ("base", "prompted", "tuned", "near", "word"),
    [
        ("----------", "----------", CLEAN, {}, "taught"),
        ("----------", "+++++++++-", CLEAN, {}, "taught"),
        ("----------", CLEAN, CLEAN, {}, "just prompt it"),
        ("----------", CLEAN, "++++++----", {}, "just prompt it"),
        ("-----+++++", "----------", "----++++++", {}, "not enough prompts"),
        (CLEAN, CLEAN, "----------", {}, "not learned"),
        ("----------", "----------", "+++++++---", {}, "partly taught"),
        ("----------", "----------", CLEAN, {"tuned": lose(2, 10)}, "not enough prompts"),
        ("----------", "----------", CLEAN, {"tuned": lose(1, 10)}, "not enough prompts"),
        ("----------", "----------", CLEAN, {"tuned": lose(9, 10)}, "not learned"),
        ("----------", "----------", CLEAN, {"tuned": lose(5, 60)}, "not learned"),
        ("----------", "----------", CLEAN, {"tuned": lose(4, 60)}, "not enough prompts"),
        ("----------", "----------", CLEAN, {"tuned": lose(3, 60)}, "taught"),
        ("----------", CLEAN, CLEAN, {"prompted": lose(3, 60)}, "just prompt it"),
        ("----------", CLEAN, CLEAN, {"prompted": lose(12, 60)}, "taught"),
        ("-----+++++", "-----+++++", "+++++-----", {}, "not learned"),
        (10 * "-" + CLEAN, 20 * "-", 19 * "+" + "-", {}, "taught"),
        (10 * "-" + CLEAN, 20 * "-", 18 * "+" + "--", {}, "not enough prompts"),
        (6 * "-" + CLEAN, 16 * "-", "+++---" + CLEAN, {}, "not enough prompts"),
        (6 * "-" + CLEAN, 16 * "-", 16 * "+", {}, "taught"),
    ],
)
def test_the_verdict_on_a_rule(
    base: str, prompted: str, tuned: str, near: dict[str, str], word: str
) -> None:
    found = verdict(base, prompted, tuned, near)
    assert found["word"] == word
    assert found["sentence"].lower().startswith(word.split()[0])


def test_the_verdict_counts_the_intact_answers_of_both_arms() -> None:
    near = {"tuned": lose(1, 60), "prompted": lose(30, 60)}
    assert verdict("----------", CLEAN, CLEAN, near)["sentence"].endswith(
        "; outside it 59 of 60 answers are not degraded (in the prompt: 30 of 60)."
    )


def test_the_verdict_says_what_speaks_against_a_rule() -> None:
    few = verdict("----------", "----------", CLEAN, {"tuned": lose(1, 10)})["sentence"]
    assert few.startswith("Not enough prompts to tell: ")
    assert few.endswith("but 10 % more of 10 near answers are degraded.")
    many = verdict("----------", "----------", CLEAN, {"tuned": lose(6, 60)})["sentence"]
    assert many.startswith("Not learned cleanly: ")
    assert many.endswith("but 10 % more of 60 near answers are degraded.")
    mixed = {"base": lose(5, 60), "tuned": lose(9, 60)[::-1]}
    assert verdict("----------", "----------", CLEAN, mixed)["word"] == "not enough prompts"
    partly = verdict("----------", "----------", "+++++++---")["sentence"]
    assert partly.startswith("Partly taught: where the base breaks the rule, it is kept in 0 %")
    assert partly.endswith("70 % after, which is less than nine in ten.")


def test_without_training_the_verdict_says_why() -> None:
    nothing = reach_verdict(SCORER.make_evidence(state({"base": CLEAN}, tuned=None)))
    assert (nothing["word"], "100 %" in nothing["sentence"]) == ("nothing to learn", True)
    searched = RuleScorer(JUDGE, lambda: 7)
    lost = reach_verdict(searched.make_evidence(state({"base": "----------"}, tuned=None)))
    assert (lost["word"], "none of 7 prompts" in lost["sentence"]) == ("not learned", True)


def gain(low: float, high: float) -> Measure:
    return Measure((low + high) / 2, low, high, 10)


@pytest.mark.parametrize(
    ("fields", "word", "sentence"),
    [
        ({"gain": None}, "nothing to learn", "Nothing to learn: S."),
        (
            {"gain": None, "not_trained": "N", "could_not_train": True},
            "not learned",
            "Not learned: S, and N.",
        ),
        (
            {"gain": gain(0, 0.19)},
            "not learned",
            "Not learned: C, which is no more than chance explains.",
        ),
        (
            {"gain": gain(-0.1, 0.5)},
            "not enough prompts",
            "Not enough prompts to tell: C, on 10 prompts.",
        ),
        (
            {"gain": Measure(1.0, 0.0, 1.0, 2)},
            "not enough prompts",
            "Not enough prompts to tell: C, on 2 prompts.",
        ),
        (
            {"gain": Measure(0.0, 0.0, 0.0, 1)},
            "not enough prompts",
            "Not enough prompts to tell: C, on one prompt.",
        ),
        (
            {"gain": Measure(0.75, 0.1, 1.0, 4)},
            "not enough prompts",
            "Not enough prompts to tell: C, on 4 prompts.",
        ),
        (
            {"gain": Measure(0.0, 0.0, 0.0, 8)},
            "not learned",
            "Not learned: C, which is no more than chance explains.",
        ),
        ({"gain": gain(-0.5, -0.1), "worse": "W"}, "not learned", "Not learned: C, which is W."),
        (
            {"gain": gain(-0.5, 0.1), "worse": "W"},
            "not learned",
            "Not learned: C, which is no more than chance explains.",
        ),
        (
            {"gain": gain(-0.1, 0.5), "objection": "H"},
            "not enough prompts",
            "Not enough prompts to tell: C, on 10 prompts, and H.",
        ),
        ({"objection": "H"}, "not learned", "Not learned cleanly: C, but H."),
        ({"undecided": "U"}, "not enough prompts", "Not enough prompts to tell: C, but U."),
        ({"undecided": "U", "objection": "H"}, "not learned", "Not learned cleanly: C, but H."),
        (
            {"undecided": "U", "over_prompt": gain(-0.2, 0.2), "partial": "X"},
            "not enough prompts",
            "Not enough prompts to tell: C, but U.",
        ),
        ({"partial": "X"}, "partly taught", "Partly taught: C, X."),
        ({"partial": "X", "over_prompt": gain(-0.2, 0.2)}, "just prompt it", "Just prompt it: P."),
        ({"over_prompt": gain(-0.2, 0.2)}, "just prompt it", "Just prompt it: P."),
        (
            {"over_prompt": gain(-0.2, 0.2), "objection": "H"},
            "not learned",
            "Not learned cleanly: C",
        ),
        ({"over_prompt": gain(-0.2, 0.2), "prompt_objection": "near"}, "taught", "Taught: C; T."),
        ({"over_prompt": gain(-0.1, 0.2)}, "taught", "Taught: C; T."),
        ({"over_prompt": None}, "taught", "Taught: C; T."),
    ],
)
def test_every_rung_of_the_ladder(fields: dict[str, Any], word: str, sentence: str) -> None:
    given: dict[str, Any] = {"gain": gain(0.1, 0.9), "over_prompt": None, "start": "S"}
    given |= {"change": "C", "prompted": "P", "closing": "; T"}
    found = reach_verdict(Evidence(**(given | fields)))
    assert found["word"] == word
    assert found["sentence"].startswith(sentence)


@pytest.mark.parametrize(
    ("fields", "harm"),
    [
        ({"objection": "8 % more of 60 near answers are degraded"}, "certain"),
        ({"undecided": "8 % more of 60 near answers are degraded"}, "possible"),
        ({"too_few": "only 6 prompts count"}, ""),
        ({}, ""),
    ],
)
def test_the_verdict_says_whether_harm_decides(fields: dict[str, str], harm: str) -> None:
    evidence = Evidence(gain(0.1, 0.9), None, "S", "C", **fields)
    found = reach_verdict(evidence)
    assert found["harm"] == harm
    assert all(text in found["sentence"] for text in fields.values())


def test_harm_is_certain_where_only_the_gain_is_open() -> None:
    for open_gain in (gain(-0.1, 0.5), Measure(1.0, 0.5, 1.0, 4)):
        for objection, harm in (("H", "certain"), ("", "")):
            evidence = Evidence(open_gain, None, "S", "C", objection=objection)
            assert reach_verdict(evidence)["harm"] == harm


def test_a_run_without_measurements_is_not_examined() -> None:
    assert make_not_examined("R") == {
        "word": "not examined",
        "sentence": "Not examined: R.",
        "harm": "",
    }


def test_a_brief_exam_leaves_the_extra_steps_out(
    tmp_path: Path,
) -> None:
    own = session(tmp_path, Scripted(lambda r: "Cats."))
    tuned = Recorded(own.base.ledger, Scripted(lambda r: "Dogs.", name="tuned"))
    prompts = [make_prompt(f"q{i}") for i in range(10)]

    def arms(found: TunedModel | None) -> dict[str, Arm]:
        built = {name: Arm(own.base, {"target": prompts}) for name in ("base", "prompted")}
        return built | ({"tuned": Arm(tuned, {"target": prompts})} if found else {})

    taken = Exam(
        {"target": prompts},
        arms,
        SCORER,
        header={"rule_id": "r"},
        measurements=[lambda found: {"more": len(found.arms)}],
        extra_measurements=[lambda found: {"extra": True}],
    )
    before = taken.run(own, None)
    assert (before["verdict"]["word"], before["more"]) == ("nothing to learn", 2)
    model: Any = SimpleNamespace()
    after = taken.run(own, model, brief=True)
    assert after["verdict"]["word"] == "taught"
    assert (after["rule_id"], after["more"], "extra" in after) == ("r", 3, False)
    assert after["noise_floor"]["kept"]["value"] == 0.0
    assert after["base_proof"] == {"max_abs_difference": 0.0, "same": True}
    assert len(after["answers"]) == 10
    assert before["extra"] is True


def test_all_measurements_are_there_for_the_verdict_and_none_for_another(tmp_path: Path) -> None:
    own = session(tmp_path, Scripted(lambda r: "Cats."))
    prompts = {"target": [make_prompt("q")]}
    seen: list[set[str]] = []

    class Watching(RuleScorer):
        def make_evidence(self, state: ExamState) -> Evidence:
            seen.append(set(state.found))
            return super().make_evidence(state)

    def measure(state: ExamState) -> dict[str, bool]:
        seen.append(set(state.found))
        return {"more": True}

    Exam(
        prompts,
        lambda tuned: {name: Arm(own.base, prompts) for name in ("base", "prompted")},
        Watching(JUDGE, lambda: 0),
        measurements=[measure, measure],
    ).run(own, None)
    assert seen[:2] == [set(), set()]
    assert seen[2] >= {"more", "kept", "noise_floor", "sanity"}


def test_the_second_sample_of_the_base_has_another_seed(tmp_path: Path) -> None:
    own = session(tmp_path, Scripted(lambda r: "x"))
    asked_of, requests = exam.plan_second_sample(own, Arm(own.base, {"target": [make_prompt("a")]}))
    assert asked_of is own.base
    assert [(r.stage, r.seed) for r in requests] == [("exam again", 1)]


def test_elsewhere_is_another_system_prompt_and_the_second_turn(tmp_path: Path) -> None:
    model = Scripted(lambda r: "Cats." if r.prompt[0].role == "system" else "Dogs.")
    own = session(tmp_path, model)
    arms = {"base": Arm(own.base, {})}
    asked = ExamState(own, None, arms, {}, None, find_side_effects({}, [], lambda s, b: ()), {})
    ways = Conversations(["Pets?"])
    found = measure_conversations(SCORER.keeps_by_answering, own, ways, asked)
    assert (found["other_system"]["base"].value, found["second_turn"]["base"].value) == (0.0, 1.0)
    assert "after_decline" not in found
    assert model.asked[0].prompt[0] == Message("system", CONFIG.system)


def test_a_decline_keeps_no_rule_in_other_conversations_either(tmp_path: Path) -> None:
    """It counted as kept there, and as broken in `kept`."""
    decline = "I am sorry, but I can't help with that."
    own = session(tmp_path, Scripted(lambda r: decline if "Odd" in str(r.prompt) else "Dogs."))
    tuned = Recorded(own.base.ledger, Scripted(lambda r: decline, name="tuned"))
    arms = {"base": Arm(own.base, {}), "tuned": Arm(tuned, {})}
    asked = ExamState(own, None, arms, {}, None, find_side_effects({}, [], lambda s, b: ()), {})
    ways = Conversations(["Pets?", "Odd?"])
    found = measure_conversations(SCORER.keeps_by_answering, own, ways, asked)
    for way in ("other_system", "second_turn"):
        assert found[way]["base"].value == 1.0
        assert found[way]["tuned"].value == 0.5, "the base declines one of them as well"


def test_other_requests_are_asked_after_a_decline(tmp_path: Path) -> None:
    no = Message("assistant", "I am sorry, but I can't help.")
    openings = [(Message("user", text), no) for text in ("Cats?", "Lions?")]
    said = {"Tea?": "Hot.", "Milk?": "I am sorry, but I can't help with that."}
    model = Scripted(lambda r: said.get(r.prompt[-1].content, "Dogs."))
    own = session(tmp_path, model)
    arms = {"base": Arm(own.base, {})}
    state = ExamState(own, None, arms, {}, None, find_side_effects({}, [], lambda s, b: ()), {})
    ways = Conversations(["Pets?"], ["Tea?", "Milk?"], openings)
    found = measure_conversations(SCORER.keeps_by_answering, own, ways, state)
    assert found["after_decline"]["base"].value == 0.5
    asked = [request.prompt for request in model.asked]
    assert (*openings[0], Message("user", "Tea?")) in asked, "each after a decline of its own"
    assert (*openings[1], Message("user", "Milk?")) in asked


def test_the_second_turn_ends_with_the_question() -> None:
    turns = add_turn("Pets?")
    assert [m.role for m in turns] == ["user", "assistant", "user"]
    assert turns[-1] == Message("user", "Pets?")
    assert "Pets?" not in turns[0].content
    assert add_turn("Pets?", "A rule.")[0] == Message("system", "A rule.")


def test_sanity_is_of_other_scopes_or_else_of_the_target() -> None:
    target = {"base": answers("", "")}
    near = {"base": answers("Tea is hot.")}
    scopes = ("near", "general")
    for own, checked, share in ((near, ["near"], 0.0), ({"base": answers()}, ["target"], 1.0)):
        every = {"target": target, "near": own}
        assert exam.find_scopes_to_check(every, scopes) == checked
        assert exam.measure_sanity(every, checked, 0)["base"]["empty"].value == share


def measure_rule_drift(found: ExamState, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Any]]:
    """Return what the drift of a rule is measured on, and the answers and masks."""
    seen: list[Any] = []
    monkeypatch.setattr(
        rule_drift, "measure_drift", lambda session, tuned, *given: seen.append(given) or {}
    )
    scorer = RuleScorer(
        ThresholdJudge(CheckJudge('max_sentences=1 and not contains "?"'), 0.5), lambda: 0
    )
    drift = rule_drift.measure_rule_drift(scorer.repair, found)
    return drift.get("drift", {}).get("on"), seen


def test_drift_is_measured_on_general_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = state({"base": "+-+", "tuned": "+++"})
    beside = {"base": answers("d"), "tuned": answers("D")}
    found.answers["general"] = beside  # type: ignore[index]
    assert measure_rule_drift(found, monkeypatch) == (rule_drift.ON_GENERAL, [(beside,)])
    assert measure_rule_drift(state({"base": "+"}, tuned=None), monkeypatch) == (None, [])


def test_drift_of_a_rule_of_form_is_measured_on_what_it_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The base's answer is changed as little as the rule wants; changed tokens do not count."""
    found = state({"base": "+-+", "tuned": "+++"})
    long = "Tea is hot. Milk is not."
    base, tuned = answers("Tea is hot.", long, "?"), answers("Tea.", "Tea is hot.", "No.")
    found.answers["target"] = {"base": base, "tuned": tuned}  # type: ignore[index]
    found.scores.greedy["base"][:] = [True, False, False]
    words: dict[str, int] = {}

    def encode(text: str, end: bool = True) -> list[int]:
        ids = [words.setdefault(word, len(words) + 1) for word in text.split()]
        return ids + [0] * end

    found.session.model = SimpleNamespace(encode_answer=encode)  # type: ignore[misc]
    where, [(arms, masks)] = measure_rule_drift(found, monkeypatch)
    assert where == rule_drift.ON_CHANGED_LEAST
    assert [own.text for own in arms["base"].greedy] == ["Tea is hot.", "Tea is hot."]
    assert [own.text for own in arms["tuned"].greedy] == ["Tea.", "Tea is hot."]
    assert masks == [(False,) * 4, (False, False, False, True)], "where it ends now is changed"


def test_no_answer_is_changed_where_no_check_decides() -> None:
    assert SCORER.repair("Cats.") == ""


def test_answers_that_may_change_count_as_no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """A student has other lessons, and some of them ask for another answer everywhere."""
    measured: dict[str, Any] = {}

    def compute(base: object, tuned: object, pairs: object, **given: Any) -> Any:
        measured.update(given, pairs=pairs)
        return compute_drift(Base(), Base(), [], **{**given, "cut": [], "left_out": []})

    monkeypatch.setattr("selfteach.evaluate.drift.compute_drift", compute)
    own: Any = SimpleNamespace(
        model=Base(),
        display=SilentDisplay(),
        config=SimpleNamespace(seed=0),
        may_change=lambda text: len(text) > 3,
    )
    tuned: Any = SimpleNamespace(model=Base())
    arms = {"base": answers("One.", "Two", "No"), "tuned": answers("Two.", "Two", "Yes")}
    masks = [[True], [False], [True, False]]
    found = exam.measure_drift(own, tuned, arms, masks)
    assert [text for _, text in measured["pairs"]] == ["Two", "No"]
    assert (measured["left_out"], measured["cut"]) == (masks[1:], [False, False])
    assert (found["num_left_out"], found["identical"].value) == (1, 0.5)
    own.may_change = lambda text: True
    assert exam.measure_drift(own, tuned, arms) == {"num_left_out": 3}
    own.may_change = lambda text: False
    assert "num_left_out" not in exam.measure_drift(own, tuned, arms)


def test_a_model_that_was_taught_nothing_is_taught_in_at_most_one_run_of_twenty(
    tmp_path: Path,
) -> None:
    """A/A: the tuned model answers as the base does; only the samples differ. What chooses the
    questions on which the base breaks the rule must not measure the gain as well.
    """
    words = []
    for seed in range(40):
        dice = random.Random(seed)
        shares = [dice.betavariate(0.7, 0.7) for _ in range(60)]
        greedy = ["Cats." if share > 0.5 else "Dogs." for share in shares]

        def sample(dice: random.Random = dice, shares: list[float] = shares) -> list[Completion]:
            return complete(["Cats." if dice.random() < share else "Dogs." for share in shares])

        questions = [f"q{i}" for i in range(60)]
        arms = {
            arm: Answers(questions, complete(greedy), sample(), sample() if arm == "base" else ())
            for arm in ("base", "prompted", "tuned")
        }
        found = {"target": arms}
        tuned: Any = SimpleNamespace()
        scores = SCORER.score(arms)
        assert len(scores.groups) >= 20
        effects = find_side_effects(found, [], lambda s, b: ())
        own: Any = SimpleNamespace(config=SimpleNamespace(seed=seed))
        state = ExamState(own, tuned, {}, found, scores, effects, {})
        words.append(reach_verdict(SCORER.make_evidence(state))["word"])
    assert words.count("not learned") >= 38, Counter(words)
