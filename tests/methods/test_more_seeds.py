"""`--seeds`: each seed is trained on the same examples and examined.

The best on dev is kept, or the first where a method has no score on dev.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfteach.config import TrainConfig
from selfteach.methods import more_seeds, runner, train_plan
from selfteach.methods.corrections.method import show_arms as show_corrections
from selfteach.methods.documents.method import show_arms as show_documents
from selfteach.methods.method import TrainingPlan, TrainStage
from selfteach.methods.tasks.method import show_arms as show_tasks
from selfteach.records import Example, Measure, make_prompt, measures_to_json
from selfteach.train.train import TrainingResult


class Model:
    """A tuned model that knows its seed and whether its memory was released."""

    def __init__(self, offset: int) -> None:
        self.trained = offset
        self.recorded = SimpleNamespace(released=False, offset=offset)
        self.recorded.release_memory = lambda: setattr(self.recorded, "released", True)


@pytest.mark.parametrize(
    ("dev", "kept"),
    [
        ([0.5, 0.7, 0.6], 1),
        ([0.9, 0.7, 0.6], 0),
        ([0.1, 0.2, 0.3], 2),
        ([1, 1], 0),
        ([None, None], 0),
    ],
)
def test_the_best_on_dev_is_kept_and_every_seed_is_reported(
    dev: list[float | None], kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[str, int]] = []
    opened: list[Model] = []
    held: list[Model] = []
    first: Any = Model(0)

    def train(
        session: Any, examples: Any, objectives: Any, name: str, *, seed_offset: int, start: Any
    ) -> int:
        assert start is None
        trained.append((name, seed_offset))
        held.extend(model for model in (first, *opened) if not model.recorded.released)
        return seed_offset

    def open_model(session: Any, offset: int) -> Model:
        opened.append(Model(offset))
        return opened[-1]

    monkeypatch.setattr(train_plan, "train_adapter", train)
    for module in (train_plan, more_seeds):
        monkeypatch.setattr(module, "open_tuned", open_model)
    plan: Any = SimpleNamespace(
        examples=[],
        stages=(),
        goes_on_from=None,
        objectives={},
        exam=SimpleNamespace(run=lambda session, tuned, brief: {"verdict": {"word": "taught"}}),
        score_on_dev=(lambda recorded: dev[recorded.offset]) if dev[0] is not None else None,
        shown=lambda exam: {"tuned": exam["verdict"]["word"]},
    )
    session: Any = SimpleNamespace(
        config=SimpleNamespace(seeds=len(dev), seed=7),
        run=SimpleNamespace(time_stage=lambda name: nullcontext()),
    )
    best, rows = more_seeds.train_more_seeds(session, plan, first)
    assert best.trained == kept
    assert not best.recorded.released
    assert held == [], "no tuned model is in memory beside a training"
    assert [model for model in (first, *opened) if not model.recorded.released] == [best]
    assert [row["seed"] for row in rows] == [7 + i for i in range(len(dev))]
    assert [row["dev"] for row in rows] == dev
    assert [row["kept"] for row in rows] == [i == kept for i in range(len(dev))]
    assert rows[0]["numbers"] == {"tuned": "taught"}
    assert trained == [(f"train-seed-{i}", i) for i in range(1, len(dev))]


def test_a_plan_with_stages_is_trained_by_them_with_each_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[str, str, int]] = []

    def train(
        session: Any, model: Any, examples: Any, weights: Any, folder: Path, name: str, **more: int
    ) -> Any:
        trained.append((str(folder.relative_to(tmp_path)), name, more["seed_offset"]))
        return SimpleNamespace(adapter=Path("adapter"))

    monkeypatch.setattr(train_plan, "run_training", train)
    monkeypatch.setattr(train_plan, "join_stage", lambda earlier, trained, folder: folder)
    monkeypatch.setattr(train_plan, "combine_stages", lambda done, adapter: len(done))
    for module in (train_plan, more_seeds):
        monkeypatch.setattr(module, "open_tuned", lambda session, trained: Model(trained))
    monkeypatch.setattr(train_plan.HfModel, "load", lambda *given, **more: None)
    examples = [Example(name, "study", make_prompt(name), "Yes.") for name in ("a", "b")]
    exam: Any = SimpleNamespace(run=lambda *given, **more: {"verdict": {"word": "taught"}})
    stages = [TrainStage("general", examples[:1]), TrainStage("documents", examples[1:])]
    plan = TrainingPlan(examples, {}, exam, stages)
    session: Any = SimpleNamespace(
        before_training=lambda: None,
        config=SimpleNamespace(seeds=2, seed=7, model="model"),
        model=None,
        run=SimpleNamespace(
            path=tmp_path, material={}, time_stage=lambda name: nullcontext(), ledger=None
        ),
    )
    first: Any = train_plan.train_plan(session, plan)
    train_plan.train_plan(session, plan, "2")
    more_seeds.train_more_seeds(session, plan, first)
    assert trained == [
        ("checkpoints/general", "train general", 0),
        ("checkpoints/documents", "train documents", 0),
        ("checkpoints/2/general", "train 2 general", 0),
        ("checkpoints/2/documents", "train 2 documents", 0),
        ("checkpoints/seed-1/general", "train seed 1 general", 1),
        ("checkpoints/seed-1/documents", "train seed 1 documents", 1),
    ]


def test_each_seed_takes_the_path_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that goes on from another one is trained after it, also with another seed."""
    trained: list[tuple[Any, ...]] = []

    def run(session: Any, *given: Any, seed_offset: int = 0) -> Any:
        _, examples, _, folder, name, _, offset, start = given
        place = str(start.relative_to(tmp_path)) if start else None
        trained.append((name, len(examples), offset, place))
        return make_result(folder / "adapter", steps=len(examples))

    monkeypatch.setattr(train_plan, "run_training", run)
    for module in (train_plan, more_seeds):
        monkeypatch.setattr(module, "open_tuned", lambda session, trained: Model(trained))
    examples = [Example(name, "in_scope", make_prompt(name), "Yes.") for name in "abc"]
    exam: Any = SimpleNamespace(run=lambda *given, **more: {"verdict": {"word": "taught"}})
    plans = [TrainingPlan(examples[:1], {}, exam)]
    plans.append(TrainingPlan(examples[:2], {}, exam, goes_on_from=plans[0]))
    plans.append(TrainingPlan(examples, {}, exam, goes_on_from=plans[1]))
    plans[0] = replace(plans[0], improve=lambda tuned: plans[1])
    plans[1] = replace(plans[1], improve=lambda tuned: plans[2])
    session: Any = SimpleNamespace(
        before_training=lambda: None,
        config=SimpleNamespace(seeds=2, seed=7),
        model=None,
        run=SimpleNamespace(path=tmp_path, material={}, time_stage=lambda name: nullcontext()),
    )
    plan, tuned = runner.train_and_improve(session, plans[0])
    assert plan is plans[2]
    assert (tuned.trained.steps, len(tuned.trained.curve)) == (6, 6), "of all three"
    more_seeds.train_more_seeds(session, plan, tuned)
    assert trained == [
        ("train", 1, 0, None),
        ("train-2", 2, 0, "checkpoints/train/adapter"),
        ("train-3", 3, 0, "checkpoints/train-2/adapter"),
        ("train-seed-1-part-1", 1, 1, None),
        ("train-seed-1-part-2", 2, 1, "checkpoints/train-seed-1-part-1/adapter"),
        ("train-seed-1", 3, 1, "checkpoints/train-seed-1-part-2/adapter"),
    ]


def make_result(adapter: Path, steps: int) -> TrainingResult:
    curve = [{"step": step, "tokens": 10} for step in range(1, steps + 1)]
    return TrainingResult(adapter, steps, 10 * steps, 1.0, curve, 0, {})


def test_a_later_training_takes_half_the_epochs_and_half_the_rate() -> None:
    found = [
        train_plan.shorten_training(TrainConfig(epochs=epochs, learning_rate=rate))
        for epochs, rate in ((4, 2e-3), (3, 2e-3), (1, None))
    ]
    assert [one.epochs for one in found] == [2, 2, 1]
    assert [one.learning_rate for one in found] == [1e-3, 1e-3, 5e-4]


def test_the_models_own_samples_differ_with_the_seed_of_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[tuple[int, int]] = []

    def train(*given: Any, seed: int, sample_tuned: int, **more: Any) -> Any:
        seeds.append((seed, sample_tuned))
        return SimpleNamespace(events=[], overlong={}, left_out={})

    monkeypatch.setattr(train_plan, "train", train)
    monkeypatch.setattr(train_plan, "make_on_policy_sampler", lambda model, sampling, seed: seed)
    config = SimpleNamespace(seed=7, train=TrainConfig(on_policy=0.5))
    display = SimpleNamespace(start_stage=lambda *given, **more: None, print_line=print)
    session: Any = SimpleNamespace(config=config, display=display)
    model: Any = None
    for offset in (0, 2):
        train_plan.run_training(session, model, [], {}, tmp_path, "train", seed_offset=offset)
    assert seeds == [(7, 7), (9, 9)]


def test_a_run_is_published_before_its_seeds_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a description meets, the run is finished then."""
    done: list[str] = []
    exam: dict[str, Any] = {"verdict": {"word": "taught"}}
    rows = make_rows({})
    for name, found in {
        "find_result": None,
        "open_session": SimpleNamespace(),
        "correct_planned_training": None,
        "correct_planned_exams": None,
        "broadcast_from_first": None,
        "ask_earlier_questions": None,
    }.items():
        monkeypatch.setattr(runner, name, lambda *given, found=found, **more: found)
    monkeypatch.setattr(runner, "train_and_improve", lambda session, plan: (plan, Model(0)))
    monkeypatch.setattr(runner, "sit_exam", lambda session, plan, tuned: (plan, exam))
    monkeypatch.setattr(runner, "train_more_seeds", lambda session, plan, tuned: (tuned, rows))
    monkeypatch.setattr(runner, "publish", lambda *given: done.append("publish") or {"run": "x"})
    monkeypatch.setattr(runner, "describe_seeds", lambda rows: [f"{len(rows)} seeds"])
    run: Any = SimpleNamespace(time_stage=lambda name: nullcontext())
    display: Any = SimpleNamespace(print_line=done.append)
    plan = SimpleNamespace(
        trains=True, after=lambda *given: None, exam=SimpleNamespace(run_baselines=lambda s: None)
    )
    method: Any = SimpleNamespace(
        name="tasks",
        allows_programs=False,
        samples=True,
        kinds=(),
        rule_of=lambda material: "",
        plan_work=lambda *given: [],
        prepare=lambda *given: plan,
    )
    result = runner.teach(run, method, None, SimpleNamespace(seeds=2), display)
    assert result == {"run": "x"}
    assert done == ["publish", "2 seeds"]
    assert exam["seeds"] == rows


def make_rows(numbers: Any, dev: float | None = None, seeds: int = 2) -> list[dict[str, Any]]:
    """The rows of seeds with equal numbers, of which the first is kept."""
    return [
        {
            "seed": 7 + place,
            "dev": dev,
            "kept": place == 0,
            "verdict": {"word": "taught"},
            "numbers": numbers,
        }
        for place in range(seeds)
    ]


def test_the_seeds_are_described_by_verdicts_median_and_range() -> None:
    rows = make_rows({}, dev=0.5, seeds=3)
    for row, word, value in zip(
        rows, ("taught", "taught", "not learned"), (0.9, 1.0, 0.5), strict=True
    ):
        target = {"value": value, "low": value, "high": value, "n": 9}
        row |= {"verdict": {"word": word}, "numbers": {"tuned": {"target": target}}}
    assert more_seeds.describe_seeds(rows) == [
        "seeds: 2 taught, 1 not learned",
        "seeds: 7 is kept, the best on dev",
        "seeds: target 90 % (50 to 100)",
    ]
    assert more_seeds.describe_seeds([]) == []


HALF = {"base": Measure(0.1, 0, 1, 9), "tuned": Measure(0.5, 0, 1, 9)}
NATS = {"base": Measure(2.0, 1, 3, 9), "tuned": Measure(0.75, 0, 3, 9)}
BOTH = {arm: {"greedy": found, "sampled": found} for arm, found in HALF.items()}


@pytest.mark.parametrize(
    ("show", "exam", "lines"),
    [
        (
            show_corrections,
            {"distance": BOTH, "corrected": HALF, "amount_held_out": NATS, "amount_nats": NATS},
            [
                "distance greedy 50 % (50 to 50)",
                "distance sampled 50 % (50 to 50)",
                "corrected 50 % (50 to 50)",
                "amount held out 0.75 (0.75 to 0.75)",
                "amount nats 0.75 (0.75 to 0.75)",
            ],
        ),
        (
            show_tasks,
            {
                "sanity": HALF,
                "rouge_l": {"seed": BOTH},
                "token_f1": {"seed": HALF},
                "loss_nats": {"seed": NATS},
            },
            [
                "rouge l seed greedy 50 % (50 to 50)",
                "rouge l seed sampled 50 % (50 to 50)",
                "token f1 seed 50 % (50 to 50)",
                "loss nats seed 0.75 (0.75 to 0.75)",
            ],
        ),
        (
            show_documents,
            {"contains": HALF, "f1": HALF},
            ["contains 50 % (50 to 50)", "f1 50 % (50 to 50)"],
        ),
    ],
    ids=["corrections", "tasks", "documents"],
)
def test_the_numbers_of_every_method_are_described(show: Any, exam: Any, lines: list[str]) -> None:
    """Shares stand in percent, and nats as they are, also where they are below 1."""
    found = more_seeds.describe_seeds(make_rows(show(measures_to_json(exam))))
    assert found == [
        "seeds: 2 taught",
        "seeds: 7 is kept, the first, because this method has no score on dev",
        *(f"seeds: {line}" for line in lines),
    ]


def test_what_is_no_measure_or_no_share_is_not_printed_in_percent() -> None:
    score = {"value": 3.2, "low": 1.0, "high": 4.0, "n": 5}
    numbers = {"tuned": {"score": score, "note": "fine", "parts": [score], "count": 3}}
    assert more_seeds.describe_seeds(make_rows(numbers))[2:] == ["seeds: score 3.2 (3.2 to 3.2)"]
    assert len(more_seeds.describe_seeds(make_rows({"tuned": "taught"}))) == 2
