"""The exam's target prompts: as many on which the base breaks the rule as it takes to tell."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.exam import Arm, plan_second_sample
from selfteach.evaluate.scopes import TARGET
from selfteach.generate.ask import SIMILAR, GeneratedPrompt
from selfteach.judge import ThresholdJudge
from selfteach.judge.check import CheckJudge
from selfteach.methods.feedback.choose_exam_prompts import choose_exam_prompts
from selfteach.methods.feedback.write_rule_prompts import compute_shares
from selfteach.methods.understood_rule import NO_RULE
from selfteach.models.recorded import Recorded
from selfteach.records import Request, get_user_text, make_prompt
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger

CATS = ThresholdJudge(CheckJudge('not contains "cat"'), 0.5)
WORDS = ["sleep", "eat", "hide", "climb", "hunt", "purr", "drink", "jump", "play", "wash", "run"]


def write_about(topic: str, number: int, scope: Any = "target") -> list[GeneratedPrompt]:
    return [
        GeneratedPrompt(f"How long will {topic} number {n} {word}?", scope, "plain", "")
        for n, word in zip(range(number), WORDS, strict=False)
    ]


def open_session(folder: Path, *, target: int = 10, written: str = "cats") -> Any:
    """A session whose model speaks of what it is asked, and writes new requests about a word."""
    numbers = count(100)

    def answer(request: Request) -> str:
        if request.stage == "ask exam":
            n = next(numbers)
            return f" {written} {n} {WORDS[n % 11]}{n} {WORDS[n % 7]}{n + 1} thing{n}?"
        return f"Well, {get_user_text(request.prompt)}"

    model = Scripted(answer)
    ledger = Ledger(folder / "run.db")
    return SimpleNamespace(
        base=Recorded(ledger, model, model),
        run=SimpleNamespace(ledger=ledger),
        display=SilentDisplay(),
        config=FeedbackConfig(exam={"target": target}),
        understood=NO_RULE,
        request_judge=None,
        asked=model,
    )


def test_more_prompts_are_written_until_the_base_breaks_enough(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    written = [*write_about("dogs", 8), *write_about("cats", 4), *write_about("tea", 3, "near")]
    pool = OverlapIndex([prompt.text for prompt in written])
    chosen = choose_exam_prompts(session, written, CATS, pool)
    asked = [prompt.text for prompt in chosen[:10]]
    assert sum("cats" in text for text in asked) == 7
    assert sum("dogs" in text for text in asked) == 3
    assert sum(prompt.form == SIMILAR for prompt in chosen[:10]) == 3
    assert [p for p in chosen if p.scope == "near"] == written[-3:]
    assert {prompt.text for prompt in written} <= {prompt.text for prompt in chosen}


@pytest.mark.parametrize(("broken", "topic"), [(3, "cats"), (8, "cats"), (4, "birds")])
def test_nothing_is_written_where_it_helps_nobody(tmp_path: Path, broken: int, topic: str) -> None:
    """Too few examples to continue; enough already; what is written tempts nobody."""
    session = open_session(tmp_path, written=topic)
    written = [*write_about("dogs", 8), *write_about("cats", broken)]
    pool = OverlapIndex([prompt.text for prompt in written])
    chosen = choose_exam_prompts(session, written, CATS, pool)
    asked = [prompt.text for prompt in chosen[:10]]
    assert sum("cats" in text for text in asked) == min(broken, 7)
    assert not any("birds" in prompt.text for prompt in chosen)
    is_asked = any(row.stage == "more exam prompts" for row in session.run.ledger.funnel())
    assert is_asked is (topic == "birds")


def test_the_second_sample_of_the_exam_is_the_one_that_chose(tmp_path: Path) -> None:
    """Choosing costs the exam nothing: its own requests are on the ledger already."""
    session = open_session(tmp_path)
    written = write_about("cats", 8)
    choose_exam_prompts(session, written, CATS, OverlapIndex())
    model = session.asked
    before = len(model.asked)
    prompts = [make_prompt(prompt.text) for prompt in written]
    session.base.sample(plan_second_sample(session, Arm(session.base, {TARGET: prompts}))[1])
    assert len(model.asked) == before


@pytest.mark.parametrize(
    ("count", "held_out", "in_test"), [(250, 0, 63), (250, 10, 53), (80, 0, 40)]
)
def test_the_exam_gets_some_prompts_to_spare(
    tmp_path: Path, count: int, held_out: int, in_test: int
) -> None:
    """Some may turn out to name the subject; of few prompts the exam takes half."""
    session = open_session(tmp_path, target=60)
    shares = compute_shares(session, {"target": count}, {"target": held_out})["target"]
    assert round(shares[2] * count) == in_test
    assert sum(shares) == pytest.approx(1.0)
