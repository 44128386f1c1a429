"""Any registered objective can be chosen, a plug-in too; weights of unknown kinds are refused."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from selfteach import registry
from selfteach.config import FeedbackConfig, FinetuneConfig
from selfteach.config.training import FeedbackTrainConfig, TasksTrainConfig, TrainAlone
from selfteach.errors import UsageError
from selfteach.judge.check import parse_check
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.methods.feedback.training_settings import (
    choose_epochs,
    choose_objective,
    choose_training,
    complete_training,
    raise_epochs,
)
from selfteach.methods.finetune.method import choose_objectives
from selfteach.methods.finetune.read_datasets import refuse_too_little
from selfteach.methods.finetune.split_examples import FinetuneData
from selfteach.methods.lora_rate import choose_lora_rate, find_lora_rate, lower_lora_rate
from selfteach.methods.understood_rule import NO_RULE
from selfteach.records import Example, make_prompt
from selfteach.train.on_policy import sample_only_for

EXAMPLES = [Example("a", "example", make_prompt("Tea?"), "A drink.", "A dog.")]


@pytest.mark.parametrize("name", [*registry.BUILT_IN_NAMES["objectives"], "sft+correction", "auto"])
def test_every_registered_objective_may_be_chosen(name: str) -> None:
    assert FeedbackTrainConfig(objective=name).objective == name


@pytest.mark.parametrize("name", ["dpoo", "sft+dpoo", "sft+", ""])
def test_an_unknown_objective_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="there is no objective"):
        FeedbackTrainConfig(objective=name)


def test_an_objective_of_a_plug_in_may_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {**registry.BUILT_IN_NAMES["objectives"], "mine": "my_package:Mine"}
    monkeypatch.setitem(registry.BUILT_IN_NAMES, "objectives", named)
    config = FinetuneConfig.model_validate({"train": {"objective": "mine+sft"}})
    assert choose_objectives(EXAMPLES, config) == {"example": {"mine": 1.0, "sft": 1.0}}


def test_weights_of_a_kind_without_examples_are_refused() -> None:
    config = FinetuneConfig.model_validate({"train": {"weights": {"in_scope": {"sft": 1.0}}}})
    with pytest.raises(UsageError, match="no example is of the kind in_scope") as caught:
        choose_objectives(EXAMPLES, config)
    assert "example" in str(caught.value.cure)


def test_a_rule_that_writes_words_for_others_trains_these_words() -> None:
    assert choose_by_rule("Write '&' for 'and'.") == "sft+correction"
    for text in ("Answer in one sentence.", "Use layman's terms."):
        assert choose_by_rule(text) == "sft+dpo"


def test_a_rule_that_forbids_a_text_makes_it_unlikely_everywhere() -> None:
    for text in (
        "Do not talk about cars.",
        "Do not talk about cars or bikes.",
        "No exclamation marks.",
        "No commas or semicolons.",
    ):
        assert choose_by_rule(text) == "sft+dpo+unlikelihood"
        assert choose_by_rule(text, has_condition=True) == "sft+dpo"


def choose_by_rule(text: str, *, has_condition: bool = False) -> str:
    effect = read_effect(text)
    check = parse_check(effect.check) if effect else None
    return choose_objective(effect, check, has_condition=has_condition)


@pytest.mark.parametrize(
    ("text", "epochs"),
    [
        ("max_words=29", 4),
        ("not min_characters=200", 4),
        ("max_words=29 and not contains tea", 4),
        ("max_sentences=1", 2),
        ("min_words=40", 2),
        ("not max_words=40", 2),
        ('starts "Ahoy"', 2),
    ],
)
def test_a_limit_of_words_is_seen_more_often(text: str, epochs: int) -> None:
    check = parse_check(text)
    assert choose_epochs(check, has_condition=False) == epochs
    assert choose_epochs(check, has_condition=True) == 4
    assert choose_epochs(None, has_condition=False) == 2


def test_a_named_objective_stays() -> None:
    complete = partial(complete_training, forbids_subject=False)
    assert complete(FeedbackTrainConfig(), objective="sft+correction").objective == "sft+correction"
    assert complete(FeedbackTrainConfig(objective="sft")).objective == "sft"


def test_the_anchors_of_a_forbidden_subject_are_seen_once() -> None:
    def complete(forbids: bool, **given: object) -> list[str] | None:
        settings = FeedbackTrainConfig.model_validate(given)
        return complete_training(settings, forbids_subject=forbids).once

    assert complete(True) == ["near", "general"]
    assert complete(False) == []
    assert complete(True, once=["near"]) == ["near"]
    assert complete(True, min_share={"general": 0.2}) == []
    with pytest.raises(ValueError, match="both name general"):
        complete(True, once=["general"], min_share={"general": 0.2})
    with pytest.raises(ValueError, match="no use beside"):
        TrainAlone(once=["general"], dataset_shares={"a": 1.0})


@pytest.mark.parametrize(
    ("num_weights", "rate"),
    [
        (0, 2.5e-3),
        (1_000, 2.5e-3),
        (135_000_000, 2.5e-3),
        (270_000_000, 1.25e-3),
        (540_000_000, 6.25e-4),
        (8_000_000_000, 2e-4),
    ],
)
def test_a_larger_model_takes_a_lower_rate(num_weights: int, rate: float) -> None:
    assert choose_lora_rate(num_weights, 2.5e-3) == pytest.approx(rate)


def test_a_given_rate_and_another_adapter_keep_their_own() -> None:
    lowered = lower_lora_rate(TasksTrainConfig(), "embedded", 1e-3)
    assert lowered.learning_rate == 1e-3
    given = TasksTrainConfig(learning_rate=5e-3)
    assert lower_lora_rate(given, "embedded", 1e-3) is given
    other = TasksTrainConfig(adapter="reft")
    assert lower_lora_rate(other, "embedded", 1e-3).learning_rate is None
    assert choose_lora_rate(8_000_000_000, 1e-4) == 1e-4, "a lower rate is not raised"
    assert choose_lora_rate(540_000_000, 1e-3, power=0.5) == pytest.approx(5e-4)


def test_the_rate_of_a_model_stands_where_none_is_given() -> None:
    complete = partial(complete_training, forbids_subject=False)
    assert complete(FeedbackTrainConfig(), lora_rate=1e-4).learning_rate == 1e-4
    given = FeedbackTrainConfig(learning_rate=3e-3)
    assert complete(given, lora_rate=1e-4).learning_rate == 3e-3
    assert find_lora_rate("embedded", 2.5e-3) == 2.5e-3


@pytest.mark.parametrize(
    ("changes", "rows", "epochs"),
    [
        ({}, 128, 8),
        ({}, 300, 4),
        ({}, 1600, 2),
        ({"learning_rate": 2.5e-3}, 128, 2),
        ({"max_steps": 9}, 128, 2),
        ({"epochs": 4}, 1600, 4),
        ({"adapter": "reft"}, 128, 2),
    ],
)
def test_few_examples_are_seen_more_often_by_a_larger_model(
    changes: dict[str, Any], rows: int, epochs: int
) -> None:
    settings = FeedbackTrainConfig(**{"learning_rate": 6.8e-4, "epochs": 2, **changes})
    assert raise_epochs(settings, rows).epochs == epochs


@pytest.mark.parametrize("objective", ["auto", "sft", "dpo"])
def test_own_samples_without_distillation_are_refused_before_a_model_is_loaded(
    objective: str,
) -> None:
    source = {"teacher_prompt": [{"role": "user", "content": "Say A."}]}
    rows = [
        Example(f"{n}", "example", make_prompt(f"{n}?"), "A.", "B.", source=source)
        for n in range(9)
    ]
    settings = {"dev_share": 0, "train": {"objective": objective, "on_policy": 0.5}}
    config = FinetuneConfig.model_validate(settings)
    with pytest.raises(UsageError, match="samples itself"):
        refuse_too_little(FinetuneData(rows), config)
    distills = config.train.model_copy(update={"weights": {"example": {"distill": 1.0}}})
    refuse_too_little(FinetuneData(rows), config.model_copy(update={"train": distills}))


def test_a_choice_of_auto_samples_only_where_it_distills() -> None:
    train = FeedbackTrainConfig(objective="auto", on_policy=0.5)
    assert sample_only_for({"in_scope": {"sft": 1.0}}, train).on_policy == 0.0
    assert sample_only_for({"in_scope": {"distill": 1.0}}, train).on_policy == 0.5
    own = train.model_copy(update={"weights": {"in_scope": {"distill": 1.0}}})
    assert sample_only_for({"in_scope": {"sft": 1.0}}, own).on_policy == 0.5


def test_a_rule_s_own_samples_are_refused_with_another_objective() -> None:
    def choose(**train: object) -> float:
        config = FeedbackConfig.model_validate({"train": {"on_policy": 0.5, **train}})
        session: Any = SimpleNamespace(config=config, rule="", understood=NO_RULE)
        choose_training(session)
        found: float = session.config.train.on_policy
        return found

    with pytest.raises(UsageError, match="samples itself"):
        choose()
    assert choose(objective="auto") == choose(objective="sft+distill") == 0.5
