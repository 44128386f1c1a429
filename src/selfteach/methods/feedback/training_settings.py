"""Choose the settings of training that a person left open: they depend on the rule."""

from __future__ import annotations

import math
from typing import Any

from selfteach.config.training import FeedbackTrainConfig
from selfteach.errors import UsageError
from selfteach.evaluate.scopes import GENERAL, NEAR
from selfteach.judge.check import Check
from selfteach.judge.violation import list_forbidden_texts
from selfteach.materials.rules.effects.effect_checks import Effect
from selfteach.methods.brief_answers import limits_words
from selfteach.methods.lora_rate import find_lora_rate
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import UnderstoodRule, get_check

EPOCHS = 2
MORE_EPOCHS = 4
"""A condition is harder to tell than a subject: who is written to, not what about. And nothing in
an answer tells that its words are used up, as the end of a sentence does
(docs/log/2026-11-rules.md).
"""
ONCE = (NEAR, GENERAL)
"""Anchors are many and hold much the same: seen once they hold as much in .6 of the steps
(docs/log/2026-11-rules.md).
"""
LORA_RATE = 2.5e-3
"""Of the default model. A larger one takes a lower rate (`find_lora_rate`)."""
LEAST_PATH = 0.04
"""The sum of the learning rates of all steps with which a rule is learned. A larger model takes a
lower rate, so few examples are too few steps: on .5 billion weights 117 lessons on "Answer in one
sentence." were broken in 49 % of the answers at T = 1 after 16 steps, in 25 % after 32, in 8 %
after 64 (docs/log/2026-11-rules.md).
"""
MOST_EPOCHS = 8
OBJECTIVE = "sft+dpo"
UNLIKELIHOOD = "unlikelihood"
OBJECTIVE_OF_TEXTS = f"sft+dpo+{UNLIKELIHOOD}"
"""A rule that forbids a text: DPO has nothing left to learn once a decline is likely, and never
touches the text in other answers (docs/log/2026-11-rules.md).
"""
OBJECTIVE_OF_WORDS = "sft+correction"
"""An answer with some words replaced differs in these words alone, and only they count in
`correction`. The sums of whole answers, which DPO compares, hide them.
"""


def complete_training(
    settings: FeedbackTrainConfig,
    *,
    forbids_subject: bool,
    epochs: int = EPOCHS,
    objective: str = OBJECTIVE,
    lora_rate: float = LORA_RATE,
) -> FeedbackTrainConfig:
    """Return the settings with the epochs, the kinds that are seen once, the learning rate and the
    objective of a rule where they are null.

    Args:
        epochs: those of such a rule (`choose_epochs`).
        objective: the one of such a rule (`choose_objective`).
        lora_rate: the one of such a model (`find_lora_rate`).
    """
    changes: dict[str, Any] = {}
    if settings.objective is None:
        changes["objective"] = objective
    if settings.epochs is None:
        changes["epochs"] = epochs
    if settings.once is None:
        changes["once"] = list(ONCE) if forbids_subject and not settings.min_share else []
    if settings.learning_rate is None and settings.adapter == "lora":
        changes["learning_rate"] = lora_rate
    return settings.model_copy(update=changes)


def choose_epochs(check: Check | None, *, has_condition: bool) -> int:
    """Return how often the examples of a rule are seen.

    Args:
        check: what an answer must meet, given or suggested by the rule.
    """
    is_hard = has_condition or (check is not None and limits_words(check))
    return MORE_EPOCHS if is_hard else EPOCHS


def raise_epochs(settings: FeedbackTrainConfig, rows: int) -> FeedbackTrainConfig:
    """Return the settings with as many epochs as a model larger than the default one needs for
    LEAST_PATH, up to MOST_EPOCHS.

    Args:
        settings: complete (`complete_training`).
        rows: the examples. Anchors that are seen once count as if they were seen in each epoch: a
            forbidden subject has a thousand of them and was learned in the usual epochs
            (docs/log/, 7771ac1d).
    """
    rate = settings.learning_rate
    if settings.max_steps or settings.adapter != "lora" or not rate or rate >= LORA_RATE:
        return settings
    steps = math.ceil(rows / settings.batch_size)
    needed = math.ceil(LEAST_PATH / (rate * max(steps, 1)))
    epochs = max(settings.epochs or EPOCHS, min(needed, MOST_EPOCHS))
    return settings.model_copy(update={"epochs": epochs})


def choose_objective(effect: Effect | None, check: Check | None, *, has_condition: bool) -> str:
    """Return the objective of the examples in scope of a rule.

    Args:
        effect: what the rule demands, if its form is recognized.
        check: what an answer must meet, given or suggested by the rule.
    """
    if replaces_words(effect):
        return OBJECTIVE_OF_WORDS
    if forbids_texts(check) and not has_condition:
        return OBJECTIVE_OF_TEXTS
    return OBJECTIVE


def choose_training(session: Session) -> None:
    """Complete the settings of the session's training, once the rule is understood.

    Raises:
        UsageError: the settings name `unlikelihood`, and the rule forbids no text; or
            `train.on_policy` would do nothing.
    """
    rule = session.understood
    check = get_check(rule)
    train = complete_training(
        session.config.train,
        forbids_subject=bool(rule.forbidden_topic),
        epochs=choose_epochs(check, has_condition=rule.has_condition),
        objective=choose_objective(rule.effect, check, has_condition=rule.has_condition),
        lora_rate=find_lora_rate(session.config.model, LORA_RATE),
    )
    is_named = UNLIKELIHOOD in str(train.objective).split("+")
    if is_named and not forbids_texts(check):
        raise UsageError(
            "the rule forbids no text that can be looked for, which unlikelihood needs.",
            where="train.objective",
            cure='Leave train.objective out, or give --check "not contains ...".',
        )
    if train.objective != "auto":
        from selfteach.train.on_policy import refuse_idle_sampling  # it loads torch

        named = dict.fromkeys(str(train.objective).split("+"), 1.0)
        refuse_idle_sampling(train, {"in_scope": named, **train.weights})
    session.config = session.config.model_copy(update={"train": train})


def forbids_texts(check: Check | None) -> bool:
    """Return whether a check forbids a text wherever it stands."""
    return check is not None and bool(list_forbidden_texts(check))


def may_train_unlikelihood(settings: FeedbackTrainConfig) -> bool:
    """Return whether `unlikelihood` is an objective, or a candidate of `auto`."""
    return not {UNLIKELIHOOD, "auto"}.isdisjoint(str(settings.objective).split("+"))


def replaces_words(effect: Effect | None) -> bool:
    """Return whether the effect of a rule is to write some words for others."""
    return effect is not None and bool(effect.replacements)


def only_replaces_words(rule: UnderstoodRule) -> bool:
    """Return whether a rule demands nothing else, and its own check decides: then every answer of
    the base is corrected by writing the words, and nothing is searched.
    """
    effect = rule.effect
    if effect is None or rule.unchecked:
        return False
    return effect.only_replaces and rule.deciding_check == effect.check
