"""The adapter of a rule with a condition is made weaker or stronger where that does better on
held-out prompts.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.ask import GeneratedPrompt
from selfteach.judge import ThresholdJudge
from selfteach.judge.check import CheckJudge
from selfteach.materials.rules.scopes.situation import read_situation
from selfteach.methods.calibrate_rule_judges import RuleJudges
from selfteach.methods.feedback import choose_strength as module
from selfteach.methods.feedback import method
from selfteach.methods.feedback.method import RuleTraining
from selfteach.models.recorded import Recorded
from selfteach.records import Request, get_user_text
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger

SIX = ThresholdJudge(CheckJudge('contains "six"'), 0.5)
TARGETS = [GeneratedPrompt(f"When do you close, {n}?", "target", "plain", "") for n in range(10)]
OUTSIDE = [GeneratedPrompt(f"Do you take cards, {n}?", "near", "plain", "") for n in range(20)]


def count(text: str) -> int:
    return int(text.rstrip("?").split()[-1])


class Adapter:
    """Say how many of ten prompts in scope, and of twenty outside, the model answers with "six" at
    each strength.
    """

    def __init__(self, effects: dict[float, tuple[int, int]]) -> None:
        self.effects = effects
        self.asked: list[tuple[float, str]] = []

    def open(self, ledger: Ledger, strength: float) -> Any:
        kept, needless = self.effects[strength]

        def reply(request: Request) -> str:
            text = get_user_text(request.prompt)
            self.asked.append((strength, text))
            shown = kept if "close" in text else needless
            return "At six." if count(text) < shown else "I do not know."

        model = Scripted(reply, name=f"tuned at {strength}")
        trained = SimpleNamespace(strength=strength)
        return SimpleNamespace(trained=trained, recorded=Recorded(ledger, model, model))


def choose(
    folder: Path, monkeypatch: pytest.MonkeyPatch, adapter: Adapter, reason: str = ""
) -> tuple[Any, Any]:
    """Return the chosen model and the note of the ledger."""
    ledger = Ledger(folder / "run.db")
    base = Scripted(lambda request: "I do not know.", name="base")
    session: Any = SimpleNamespace(
        run=SimpleNamespace(ledger=ledger),
        base=Recorded(ledger, base, base),
        display=SilentDisplay(),
        config=FeedbackConfig(),
    )
    monkeypatch.setattr(module, "explain_why_strength_is_fixed", lambda tuned: reason)
    monkeypatch.setattr(
        module, "change_strength", lambda session, tuned, s: adapter.open(ledger, s)
    )
    tuned = adapter.open(ledger, 1.0)
    chosen = module.choose_strength(session, tuned, TARGETS, OUTSIDE, SIX)
    return chosen.trained.strength, ledger.get_note("strength")


@pytest.mark.parametrize(
    ("effects", "strength"),
    [
        ({1.0: (10, 8), 0.85: (10, 2), 0.7: (8, 1)}, 0.85),
        ({1.0: (10, 8), 0.85: (10, 6), 0.7: (10, 4)}, 0.7),
        ({1.0: (6, 1), 1.15: (9, 2), 1.3: (10, 8)}, 1.15),
        ({1.0: (6, 1), 1.15: (8, 1), 1.3: (10, 1)}, 1.3),
        ({1.0: (10, 8), 0.85: (8, 6)}, 1.0),
        ({1.0: (8, 8), 0.85: (4, 6), 1.15: (10, 8), 1.3: (10, 8)}, 1.15),
        ({1.0: (6, 2), 1.15: (6, 2), 0.85: (6, 0), 0.7: (2, 0)}, 0.85),
        ({1.0: (6, 2), 1.15: (6, 2), 0.85: (6, 2)}, 1.0),
        ({1.0: (10, 0)}, 1.0),
    ],
    ids=[
        "weaker",
        "weaker by two steps",
        "stronger",
        "stronger by two steps",
        "weaker gains nothing and nothing is broken",
        "stronger where weaker gains nothing",
        "weaker where stronger gains nothing",
        "neither gains anything",
        "nothing is wrong",
    ],
)
def test_it_changes_as_long_as_a_step_gains_more_than_it_costs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    effects: dict[float, tuple[int, int]],
    strength: float,
) -> None:
    chosen, note = choose(tmp_path, monkeypatch, Adapter(effects))
    assert chosen == strength
    assert [row["strength"] for row in note] == list(effects), "no further one is tried"
    found = {row["strength"]: (row["kept"], row["needless"]) for row in note}
    for tried, (kept, needless) in effects.items():
        assert found[tried] == pytest.approx((kept / 10, needless / 20))


def test_an_adapter_that_cannot_be_scaled_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = Adapter({1.0: (5, 8)})
    assert choose(tmp_path, monkeypatch, adapter, "its kind is another") == (1.0, None)
    assert not adapter.asked


def test_every_seed_is_tried_with_the_same_prompts_which_no_example_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    written: list[list[str]] = []

    def write(session: Any, known: Any, pool: Any, count: int) -> Any:
        written.append([prompt.text for prompt in known])
        return OUTSIDE[:count]

    def note(session: Any, tuned: Any, targets: Any, outside: Any, judge: Any) -> Any:
        given.append((targets, outside))
        return tuned

    monkeypatch.setattr(method, "write_held_out_neighbors", write)
    monkeypatch.setattr(method, "choose_strength", note)
    session: Any = SimpleNamespace(
        run=SimpleNamespace(time_stage=lambda name: nullcontext()),
        config=FeedbackConfig(),
        understood=SimpleNamespace(situation=read_situation("asked about opening hours")),
        request_judge=None,
    )
    monkeypatch.setattr(method, "drop_insiders", lambda session, prompts: list(prompts))
    rule: Any = SimpleNamespace(text="", id="")
    parts = {"train": OUTSIDE[:1], "dev": [*TARGETS, *OUTSIDE], "test": []}
    made = RuleTraining(session, rule, parts, OverlapIndex(), RuleJudges(SIX, SIX))
    made.tried = OUTSIDE[1:2]
    tuned: Any = object()
    assert made.finish(tuned) is tuned
    made.finish(tuned)
    assert given == [(TARGETS, OUTSIDE)] * 2
    assert written == [[OUTSIDE[0].text, OUTSIDE[1].text]]
    session.config = FeedbackConfig(balance={"choose_strength": False})
    assert made.finish(tuned) is tuned
    assert len(given) == 2
