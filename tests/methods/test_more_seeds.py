"""`--seeds`: each seed is trained on the same examples and examined; the best on dev is kept."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.methods import runner


class Model:
    """A tuned model that knows its seed and whether its memory was released."""

    def __init__(self, offset: int) -> None:
        self.trained = offset
        self.recorded = SimpleNamespace(released=False, offset=offset)
        self.recorded.release_memory = lambda: setattr(self.recorded, "released", True)


@pytest.mark.parametrize(
    ("dev", "kept"), [([0.5, 0.7, 0.6], 1), ([0.9, 0.7, 0.6], 0), ([0.1, 0.2, 0.3], 2), ([1, 1], 0)]
)
def test_the_best_on_dev_is_kept_and_every_seed_is_reported(
    dev: list[float], kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[str, int]] = []
    opened: list[Model] = []

    def train(session: Any, examples: Any, objectives: Any, name: str, *, seed_offset: int) -> int:
        trained.append((name, seed_offset))
        return seed_offset

    def open_model(session: Any, offset: int) -> Model:
        opened.append(Model(offset))
        return opened[-1]

    monkeypatch.setattr(runner, "train_adapter", train)
    monkeypatch.setattr(runner, "open_tuned", open_model)
    plan: Any = SimpleNamespace(
        examples=[],
        objectives={},
        exam=SimpleNamespace(run=lambda session, tuned, brief: {"verdict": {"word": "taught"}}),
        score_on_dev=lambda recorded: dev[recorded.offset],
        shown=lambda exam: {"tuned": exam["verdict"]["word"]},
    )
    session: Any = SimpleNamespace(
        config=SimpleNamespace(seeds=len(dev), seed=7),
        run=SimpleNamespace(time_stage=lambda name: nullcontext()),
    )
    first: Any = Model(0)
    best, rows = runner.train_more_seeds(session, plan, first)
    assert best.trained == kept
    assert not best.recorded.released
    assert [row["seed"] for row in rows] == [7 + i for i in range(len(dev))]
    assert [row["dev"] for row in rows] == dev
    assert rows[0]["numbers"] == {"tuned": "taught"}
    assert trained == [(f"train-seed-{i}", i) for i in range(1, len(dev))]


def test_the_seeds_are_described_by_verdicts_median_and_range() -> None:
    rows = [
        {"verdict": {"word": word}, "numbers": {"tuned": {"target": {"value": value}}}}
        for word, value in (("taught", 0.9), ("taught", 1.0), ("not learned", 0.5))
    ]
    assert runner.describe_seeds(rows) == [
        "seeds: 2 taught, 1 not learned",
        "seeds: target 90 % (50 to 100)",
    ]
