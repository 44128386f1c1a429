"""The experiment on forgetting, on a tiny model with two tasks that it can learn: it answers as the
last training taught it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.forgetting import FIRST, SECOND, ExperimentPlan, TaskData
from forgetting_toy import ARMS, make_plan

from bench import forgetting
from margins import assert_at_least, assert_at_most

SOME = [
    arm
    for arm in ARMS
    if arm.name in ("nothing", "replay 10 %", "LoRA", "control: the first again")
]


def test_the_tasks_have_one_right_answer() -> None:
    (example,) = FIRST.examples([("lamp", "river", "stone")])
    assert example.prompt[0].content == "Zib: lamp river stone"  # type: ignore[union-attr]
    assert example.chosen == "[stone] [river] [lamp]"
    assert SECOND.examples([("lamp", "river", "stone")])[0].chosen == "lamp-stone!"


def test_held_out_words_are_in_no_training_example() -> None:
    tasks = TaskData(ExperimentPlan(num_examples=50, num_held_out=20), seed=1)
    examples = [example for rows in tasks.data.values() for example in rows]
    prompts = {example.prompt[0].content for example in examples}  # type: ignore[union-attr]
    answers = {example.chosen for example in examples}
    assert len(prompts) == 100
    for task in (FIRST, SECOND):
        assert not prompts & {task.prompt.format(*words) for words in tasks.held_out}
    assert not answers & {FIRST.answer(*words) for words in tasks.held_out}


def test_anchors_that_repeat_the_first_task_are_counted() -> None:
    first = FIRST.examples([("lamp", "river", "stone"), ("rope", "key", "sun")])
    general = SECOND.examples([("a", "b", "c")] * 3)
    assert forgetting.measure_echo([*general, first[0]], first) == 0.25


def test_the_interval_covers_seeds_and_prompts() -> None:
    same = forgetting.bootstrap_mean([[True, False] * 30] * 3)
    apart = forgetting.bootstrap_mean([[True] * 60, [False] * 60, [True, False] * 30])
    assert same.value == apart.value == 0.5
    assert 0.13 < same.high - same.low < 0.16  # 180 prompts: 2 * 1.96 * sqrt(.25 / 180)
    assert apart.high - apart.low > 0.6


def test_kept_rows_are_those_of_the_plan_and_each_arm_counts_once(tmp_path: Path) -> None:
    """A seed that was stopped after its first arm begins again, so that arm is there twice."""
    plan = ExperimentPlan()
    row = {"arm": "nothing", "seed": 0, "first": [True], "steps": 30}
    rows = [
        row,  # of before model and rate were noted
        {**row, **plan.describe(), "first": [False]},
        {**row, **plan.describe(), "steps": 60},
        {**row, **plan.describe(), "rate": 1e-3},
        {**row, **plan.describe(), "model": "big"},
        {**row, **plan.describe(), "seed": 1},
    ]
    kept = tmp_path / "rows.jsonl"
    kept.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    assert forgetting.read_kept_rows(kept, plan) == [rows[1], rows[5]]
    assert forgetting.read_kept_rows(tmp_path / "no file", plan) == []


@pytest.mark.slow
@pytest.mark.training
def test_the_whole_experiment(
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = tmp_path / "rows.jsonl"
    found = forgetting.main(
        replace(make_plan(tiny, 40, 6), arms=SOME), [0], tmp_path / "plot.svg", kept
    )
    first = {arm: scores["first"][0].value for arm, scores in found.items()}
    second = {arm: scores["second"][0].value for arm, scores in found.items()}
    assert first["after the first task"] == first["control: the first again"] == 1
    assert second["after the first task"] == second["control: the first again"] == 0
    assert second["nothing"] == second["replay 10 %"] == 1
    assert_at_least("first task with replay", first["replay 10 %"], first["nothing"] + 0.01)
    assert 0 <= json.loads(kept.read_text().splitlines()[0])["echo"] <= 1
    nats = {arm: scores["nats"][0] for arm, scores in found.items()}
    assert_at_least("nats with replay", nats["replay 10 %"], nats["nothing"] + 0.05)
    assert_at_most("nats with replay, below zero", nats["replay 10 %"], 0)
    figure = ElementTree.fromstring((tmp_path / "plot.svg").read_text())
    texts = {node.text for node in figure.iter("{http://www.w3.org/2000/svg}text")}
    assert {"after the first task", *(arm.name for arm in SOME)} <= texts
    assert '"steps": 14' in capsys.readouterr().out
    assert len(kept.read_text().splitlines()) == 1 + len(SOME)
    monkeypatch.delattr(forgetting, "run_seed")
    assert forgetting.main(replace(make_plan(tiny, 40, 6), arms=SOME[:2]), [0], None, kept) == {
        a: found[a] for a in list(found)[:3]
    }
