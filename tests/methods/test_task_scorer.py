"""The exam of tasks on answers made by hand: metrics, contests, every rung of the verdict."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from scripted import Scripted
from selfteach import statistics
from selfteach.evaluate.exam import Answers, Arm, ExamState
from selfteach.evaluate.scopes import GENERAL, TARGET
from selfteach.evaluate.side_effects import find_side_effects
from selfteach.evaluate.verdict import reach_verdict
from selfteach.judge.pairwise import ReferencePairwiseJudge
from selfteach.methods.tasks.exam import TaskScorer, measure_loss
from selfteach.methods.tasks.exam_questions import TaskQuestion
from selfteach.methods.tasks.method import show_arms
from selfteach.methods.tasks.pairwise_exam import compare_arms
from selfteach.records import Completion, LogProb, Measure, make_prompt, measures_to_json
from selfteach.report.page import render_report
from selfteach.report.result_table import make_result_table
from selfteach.report.rows import make_result_rows

GOLD = "one two three four"
NEAR = GOLD
HALF = "one two five six"
FAR = "seven eight"
"""ROUGE-L to the gold answer: 1, 2 * 2 / 8 = .5, 0."""
GENERAL_ANSWER = "Tea is hot."


def questions(
    count: int = 8, gold: str = GOLD, part: str = "seed", classification: bool = False
) -> list[TaskQuestion]:
    return [
        TaskQuestion(part, f"{part}:{i}", make_prompt(f"{part} {i}"), (gold,), classification)
        for i in range(count)
    ]


def completions(texts: Sequence[str]) -> list[Completion]:
    return [Completion(str(i), text) for i, text in enumerate(texts)]


def answers(greedy: Sequence[str], sampled: Sequence[str] | None = None) -> Answers:
    asked = [f"q{i}" for i in range(len(greedy))]
    return Answers(asked, completions(greedy), completions(greedy if sampled is None else sampled))


class FixedScorer(Scripted):
    """A model that finds every text equally likely: -2 nats, 4 tokens."""

    def __init__(self) -> None:
        super().__init__({})

    def score(self, items: Sequence[Any]) -> list[tuple[LogProb, ...]]:
        return [(LogProb(-2.0, 4),) for _ in items]


def exam_state(
    scorer: TaskScorer,
    arms: Mapping[str, Answers],
    general: Mapping[str, Sequence[str]] | None = None,
    found: Mapping[str, Any] | None = None,
) -> ExamState:
    """The state of an exam whose arms answered so; `general` holds answers to general prompts."""
    asked: dict[str, Mapping[str, Answers]] = {TARGET: dict(arms)}
    if general:
        asked[GENERAL] = {arm: answers(texts) for arm, texts in general.items()}
    prompts = {TARGET: [question.prompt for question in scorer.questions]}
    model: Any = FixedScorer()
    models = {name: Arm(model, prompts) for name in arms}
    session: Any = SimpleNamespace(config=SimpleNamespace(seed=0))
    effects = find_side_effects(asked, (), lambda base: ())
    return ExamState(session, None, models, asked, scorer.score(arms), effects, found or {})


def alike(base: str, prompted: str, tuned: str | None = None, count: int = 8) -> dict[str, Answers]:
    """Arms that give every question the same answer."""
    found = {"base": answers([base] * count), "prompted": answers([prompted] * count)}
    if tuned is not None:
        found["tuned"] = answers([tuned] * count)
    return found


def degraded(count: int, prompted: int = 0) -> dict[str, list[str]]:
    """Ten general answers of each arm; so many of the tuned and the prompted model's are empty."""
    own = [GENERAL_ANSWER] * 10
    lost = {"base": 0, "prompted": prompted, "tuned": count}
    return {arm: [""] * empty + own[empty:] for arm, empty in lost.items()}


def changed(value: float, low: float, high: float) -> dict[str, Any]:
    return {"retention": {"change": Measure(value, low, high, 60)}}


RETAINED = changed(0.0, -0.01, 0.01)


@pytest.mark.parametrize(
    ("arms", "general", "found", "word", "says"),
    [
        (
            alike(FAR, FAR),
            None,
            {},
            "nothing to learn",
            "Nothing to learn: 3 usable examples; the base has ROUGE-L 0.00.",
        ),
        (alike(FAR, FAR, FAR), None, {}, "not learned", "no more than chance explains."),
        (
            alike(FAR, FAR, NEAR),
            degraded(6),
            RETAINED,
            "not learned",
            "Not learned cleanly: ROUGE-L to people's answers is 0.00 before and 1.00 after, on "
            "held-out seeds +1.000 [+0.351, +1.000], "
            "but 60 % more of 10 general answers are degraded.",
        ),
        (
            alike(FAR, FAR, NEAR),
            degraded(2),
            RETAINED,
            "not enough prompts",
            "but 20 % more of 10 general answers are degraded.",
        ),
        (
            alike(FAR, FAR, NEAR),
            degraded(0),
            changed(-0.02, -0.04, 0.0),
            "not learned",
            "but what everybody knows changes by -2.0 points [-4.0, +0.0].",
        ),
        (
            alike(FAR, NEAR, HALF),
            degraded(0),
            RETAINED,
            "just prompt it",
            "Just prompt it: ROUGE-L to people's answers is 0.00 before and 0.50 after, on "
            "held-out seeds +0.500 [+0.013, +0.662]; with worked tasks in the prompt it is 1.00.",
        ),
        (alike(FAR, NEAR, NEAR), degraded(0), RETAINED, "just prompt it", "it is 1.00."),
        (alike(FAR, NEAR, NEAR), degraded(0, prompted=8), RETAINED, "taught", "(1.00 with"),
        (
            alike(FAR, HALF, NEAR),
            degraded(1),
            RETAINED,
            "taught",
            "Taught: ROUGE-L to people's answers is 0.00 before and 1.00 after, on "
            "held-out seeds +1.000 [+0.351, +1.000] (0.50 with worked tasks in the prompt).",
        ),
        (alike(FAR, HALF, NEAR), None, {}, "taught", "Taught:"),
    ],
    ids=[
        "nothing",
        "chance",
        "degraded",
        "perhaps degraded",
        "forgotten",
        "prompt is better",
        "prompt is as good",
        "prompt does harm",
        "taught",
        "taught without general prompts",
    ],
)
def test_every_rung_of_the_verdict(
    arms: dict[str, Answers], general: Any, found: Any, word: str, says: str
) -> None:
    scorer = TaskScorer(questions(), 3)
    reached = reach_verdict(scorer.make_evidence(exam_state(scorer, arms, general, found)))
    assert reached["word"] == word
    assert says in reached["sentence"]


def test_without_a_usable_example_the_tasks_were_not_learned() -> None:
    scorer = TaskScorer(questions(7), 0)
    arms = {"base": answers([FAR] * 7), "prompted": answers([FAR] * 7)}
    reached = reach_verdict(scorer.make_evidence(exam_state(scorer, arms)))
    assert reached["word"] == "not learned"
    assert reached["sentence"].startswith("Not learned: 0 usable examples")


def test_two_answers_to_one_question_are_one_piece_of_evidence() -> None:
    """Greedy and sampled answers that are the same say nothing new: 7 questions, of which 5 gain
    and 2 lose half as much, are chance. Counted as 14 of their own they would be "taught".
    """
    scorer = TaskScorer(questions(7), 1)
    arms = {
        "base": answers([FAR] * 5 + [HALF] * 2),
        "prompted": answers([FAR] * 7),
        "tuned": answers([NEAR] * 5 + [FAR] * 2),
    }
    state = exam_state(scorer, arms)
    tuned, base = (state.scores.average(arm) for arm in ("tuned", "base"))
    assert tuned == [1.0] * 5 + [0.0] * 2
    single = TaskScorer(questions(1), 1)
    assert single.score({"tuned": answers([NEAR], [FAR])}).average("tuned") == [0.5]
    once = statistics.paired_bootstrap(tuned, base, seed=0)
    twice = statistics.paired_bootstrap(2 * tuned, 2 * base, seed=0)
    assert once.low <= 0 < twice.low
    assert reach_verdict(scorer.make_evidence(state))["word"] == "not enough prompts"


def width(measure: Measure) -> float:
    return measure.high - measure.low


def test_answers_to_the_inputs_of_one_task_go_together() -> None:
    """Of 20 questions 15 gain, and those are one task; the other five gain nothing."""
    one = [TaskQuestion("seed", "s:0", make_prompt(f"Q{i}"), (GOLD,)) for i in range(15)]
    texts = [NEAR] * 15 + [FAR] * 5
    arms = {"base": answers([FAR] * 20), "prompted": answers([FAR] * 20), "tuned": answers(texts)}
    words, widths = [], []
    for asked in (questions(20), [*one, *questions(20)[15:]]):
        scorer = TaskScorer(asked, 1)
        state = exam_state(scorer, arms)
        words.append(reach_verdict(scorer.make_evidence(state))["word"])
        measured = scorer.measure(state)
        own = {key: width(measured[key]["seed"]["tuned"]) for key in ("bleu", "token_f1")}
        own["rouge_l"] = width(measured["rouge_l"]["seed"]["tuned"]["greedy"])
        own["gain"] = width(measured["gain"]["seed"]["base"])
        own["noise"] = width(scorer.measure_noise(arms["tuned"], state)["rouge_l"])
        widths.append(own)
    alone, together = widths
    assert words == ["taught", "not enough prompts"]
    assert {key for key in alone if together[key] > 1.2 * alone[key]} == set(alone)


@pytest.mark.parametrize(("num_tasks", "asked"), [(1, "one task"), (3, "3 tasks")])
def test_few_tasks_tell_nothing_however_many_inputs_they_have(num_tasks: int, asked: str) -> None:
    own = [
        TaskQuestion("seed", f"s:{i % num_tasks}", make_prompt(f"Q{i}"), (GOLD,)) for i in range(60)
    ]
    scorer = TaskScorer(own, 1)
    for tuned in (NEAR, FAR):
        state = exam_state(scorer, alike(FAR, FAR, tuned, 60))
        reached = reach_verdict(scorer.make_evidence(state))
        assert reached["word"] == "not enough prompts"
        assert reached["sentence"].endswith(f", on {asked}.")


def test_the_labels_and_the_loss_of_one_task_go_together() -> None:
    one = [TaskQuestion("seed", "s:0", make_prompt(f"Q{i}"), ("yes",), True) for i in range(6)]
    scorer = TaskScorer([*one, *questions(6, "yes", "seed", True)], 1)
    own = {"base": answers(["yes"] * 6 + ["no"] * 6)}
    exact = scorer.measure(exam_state(scorer, own))["exact"]["seed"]["base"]
    assert exact.value == 0.5
    assert exact.low < 0.1, "of seven tasks six are wrong"
    golds = [LogProb(-8.0, 4)] * 6 + [LogProb(-4.0, 4)] * 6
    alone = measure_loss(golds, list("abcdefghijkl"), 0)
    together = measure_loss(golds, ["a"] * 6 + list("ghijkl"), 0)
    assert alone.value == together.value == 1.5
    assert alone.n == together.n == 12
    assert width(together) > width(alone)
    assert measure_loss(golds, ["a"] * 12, 0) == alone, "one task tells nothing of the spread"


def test_each_part_has_a_gain_of_its_own() -> None:
    """The seeds gain 1 and people's tasks nothing; one sum would hide that."""
    scorer = TaskScorer([*questions(8), *questions(8, part="human")], 1)
    arms = {
        "base": answers([FAR] * 16),
        "prompted": answers([HALF] * 16),
        "tuned": answers([NEAR] * 8 + [FAR] * 8),
    }
    state = exam_state(scorer, arms)
    gain = scorer.measure(state)["gain"]
    assert [gain[part]["base"].value for part in ("seed", "human")] == [1.0, 0.0]
    assert [gain[part]["prompted"].value for part in ("seed", "human")] == [0.5, -0.5]
    assert gain["seed"]["base"].low > 0 > gain["human"]["base"].low
    assert gain["human"]["base"].n == 8
    sentence = reach_verdict(scorer.make_evidence(state))["sentence"]
    assert "on held-out seeds +1.000 [" in sentence
    assert "and on tasks by people +0.000 [" in sentence
    without = exam_state(scorer, {arm: arms[arm] for arm in ("base", "prompted")})
    assert scorer.measure(without)["gain"] == {}


def test_metrics_by_part_and_arm_with_values_by_hand() -> None:
    scorer = TaskScorer([*questions(2), *questions(2, part="human")], 1)
    own = answers([NEAR, HALF, FAR, FAR], [FAR, FAR, FAR, HALF])
    found = scorer.measure(exam_state(scorer, {"base": own}))
    average = found.pop("rouge_l_mean")["base"]
    assert (average.value, average.n) == (0.25, 4), "(.75 + 0 + 0 + .25) / 4 of both parts"
    seeds = {key: value["seed"]["base"] for key, value in found.items() if value}
    people = {key: value["human"]["base"] for key, value in found.items() if value}
    assert [seeds["rouge_l"][way].value for way in ("greedy", "sampled")] == [0.75, 0.0]
    assert seeds["rouge_1"].value == 0.75
    assert seeds["rouge_2"].value == pytest.approx((1 + 1 / 3) / 2), "one pair of three"
    assert seeds["token_f1"].value == 0.75
    assert seeds["loss_nats"].value == 0.5
    assert people["rouge_l"]["sampled"].value == 0.25
    assert seeds["bleu"].value > people["bleu"].value
    assert found["exact"] == found["labels"] == {}, "no question is a classification"


def test_only_classifications_have_labels() -> None:
    scorer = TaskScorer([*questions(2, "yes", classification=True), *questions(1)], 1)
    found = scorer.measure(exam_state(scorer, {"base": answers(["yes", "no", "yes"])}))
    assert found["exact"]["seed"]["base"].n == 2
    assert found["exact"]["seed"]["base"].value == 0.5
    assert found["labels"]["seed"]["base"]["each"]["yes"]["support"] == 2


def test_the_noise_floor_is_a_second_sample_against_the_first() -> None:
    """The first sample is the person's answer, the second has nothing in common with it: minus one,
    whatever was taught.
    """
    scorer = TaskScorer(questions(4), 1)
    state = exam_state(scorer, {"base": answers([FAR] * 4, [NEAR] * 4)})
    again = Answers(["q"] * 4, (), completions([FAR] * 4))
    assert scorer.measure_noise(again, state)["rouge_l"].value == -1.0


def test_every_arm_is_compared_with_the_base() -> None:
    asked = questions(4)
    arms = alike(FAR, HALF, NEAR, 4)
    judge = ReferencePairwiseJudge({question.prompt: question.golds for question in asked})
    against_base = compare_arms(judge, asked, arms, "base", 0)
    assert set(against_base) == {"prompted", "tuned"}
    assert (against_base["tuned"]["wins"], against_base["prompted"]["wins"]) == (4, 4)
    both = {arm: arms[arm] for arm in ("prompted", "tuned")}
    against_prompted = compare_arms(judge, asked, both, "prompted", 0)
    assert list(against_prompted) == ["tuned"]
    assert (against_prompted["tuned"]["wins"], against_prompted["tuned"]["losses"]) == (4, 0)


def test_an_answer_further_from_a_person_s_than_the_base_s_is_marked() -> None:
    scorer = TaskScorer(questions(1), 1)
    (row,) = scorer.rows(exam_state(scorer, alike(HALF, NEAR, FAR, 1)))
    assert {arm: not cell["ok"] for arm, cell in row["arms"].items()} == {
        "base": False,
        "prompted": False,
        "tuned": True,
    }
    assert not any(cell["nearer"] for cell in row["arms"].values() if not cell["ok"])
    assert row["arms"]["prompted"]["nearer"] is True
    assert row["arms"]["base"]["nearer"] is False, "as near as itself"
    assert (row["gold"], row["part"], row["prompt"]) == (GOLD, "seed", "seed 0")
    scores = [[cell["rouge_l"], cell["sampled_rouge_l"]] for cell in row["arms"].values()]
    assert (row["task"], scores) == (questions(1)[0].task, [[0.5] * 2, [1.0] * 2, [0.0] * 2])
    assert "golds" not in row
    several = [TaskQuestion("seed", "s:0", make_prompt("seed 0"), (GOLD, FAR))]
    (row,) = TaskScorer(several, 1).rows(exam_state(scorer, alike(HALF, NEAR, FAR, 1)))
    assert (row["gold"], row["golds"]) == (GOLD, [GOLD, FAR])


def test_the_result_shows_each_arm_where_there_are_no_general_prompts() -> None:
    scorer = TaskScorer(questions(2), 1)
    exam = scorer.measure(exam_state(scorer, alike(FAR, HALF, NEAR, 2)))
    exam |= {"sanity": {"base": {}, "tuned": {}}, "pairwise": {"tuned": {"wins": 2}}}
    shown = show_arms(exam)
    assert set(shown) == {"base", "tuned"}
    assert shown["tuned"]["pairwise"] == {"wins": 2}
    assert shown["tuned"]["rouge_l"]["seed"]["greedy"].value == 1.0
    assert set(shown["base"]) == {"rouge_l", "token_f1", "loss_nats"}


def test_the_mean_that_the_verdict_names_has_a_row_on_the_terminal_and_the_page(
    tmp_path: Path,
) -> None:
    """.00 and 1.00 of two parts, greedy and sampled: what the sentence says is in the table."""
    scorer = TaskScorer([*questions(8), *questions(8, part="human")], 1)
    arms = {"base": answers([FAR] * 16), "prompted": answers([FAR] * 16)}
    state = exam_state(scorer, arms | {"tuned": answers([NEAR] * 16)})
    verdict = reach_verdict(scorer.make_evidence(state))
    assert "ROUGE-L to people's answers is 0.00 before and 1.00 after" in verdict["sentence"]
    exam = measures_to_json({"method": "tasks", "verdict": verdict, **scorer.measure(state)})
    first, *others = make_result_rows(exam)
    assert first["decides"]
    assert not any(row["decides"] for row in others)
    assert first["measures"]["base"].value == 0.0
    assert (first["measures"]["tuned"].value, first["measures"]["tuned"].n) == (1.0, 16)
    console = Console(width=200, file=io.StringIO())
    console.print(make_result_table(exam))
    assert "ROUGE-L, all tasks, mean" in console.file.getvalue()
    (tmp_path / "exam.json").write_text(json.dumps(exam))
    assert "ROUGE-L, all tasks, mean" in render_report(tmp_path)
