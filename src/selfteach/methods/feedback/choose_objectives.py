"""Choose how each kind of example is trained (step 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from selfteach.evaluate.scopes import GENERAL, NEAR, TARGET
from selfteach.generate.ask import GeneratedPrompt
from selfteach.judge import ViolationJudge
from selfteach.methods.anchor_weights import ANCHOR_WEIGHT, HIGH_ANCHOR_WEIGHT
from selfteach.methods.feedback.dev_answers import measure_kept, measure_needless
from selfteach.methods.feedback.own_mistakes import has_correctable_mistakes
from selfteach.methods.feedback.training_settings import (
    OBJECTIVE,
    UNLIKELIHOOD,
    choose_objective,
)
from selfteach.methods.learn_mistakes import OWN_MISTAKE, OWN_MISTAKE_WEIGHTS
from selfteach.methods.session import Session
from selfteach.methods.train_plan import tune, without_taught_weights
from selfteach.methods.understood_rule import get_check
from selfteach.methods.worked_turns import make_worked_turns
from selfteach.records import (
    Example,
    JsonObject,
    ObjectiveWeights,
    Prompt,
    add_worked_turns,
    get_user_text,
    make_prompt,
    prompt_to_json,
)
from selfteach.train.on_policy import sample_only_for

UNLIKELIHOOD_WEIGHT = 3.0
"""Of a text that is forbidden everywhere, beside SFT and DPO."""
HOLD_WEIGHT = 32.0
"""What holds an answer in place for a rule of form: "Answer in one sentence." was kept as often
with it, and the drift on what the rule leaves fell from .39 to .02 nats
(docs/log/2026-11-rules.md).
"""
NUM_WORKED = 16
MAX_WORKED_WORDS = 700
"""Worked examples in a context, and their words."""


def choose_objectives(
    session: Session,
    examples: Sequence[Example],
    dev: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> ObjectiveWeights:
    """Choose the objectives of each kind of example (step 7). `auto` tries each candidate for a few
    steps and keeps the best on dev.

    Distillation is a candidate only where the rule in the prompt helps this base. A choice that
    the ledger holds is not made again.
    """
    choice = session.config.train.objective or OBJECTIVE
    if choice == "auto":
        noted = session.run.ledger.get_note("objective")
        choice = (noted or try_objectives(session, examples, dev, judge))["chosen"]
        train = sample_only_for(choose_weights(session, choice), session.config.train)
        session.config = session.config.model_copy(update={"train": train})
    return choose_weights(session, choice)


def choose_weights(session: Session, choice: str) -> ObjectiveWeights:
    """Return the weights of a choice for the rule of a session."""
    rule = session.understood
    is_everywhere = not rule.has_condition and not rule.forbidden_topic
    weights = parse_objective_weights(
        choice,
        has_condition=rule.has_condition,
        is_form=is_everywhere and get_check(rule) is not None,
    )
    draws = has_correctable_mistakes(session.config, rule)
    return {**weights, OWN_MISTAKE: OWN_MISTAKE_WEIGHTS} if draws else weights


def parse_objective_weights(
    choice: str, *, has_condition: bool = False, is_form: bool = False
) -> ObjectiveWeights:
    """Return the weights of "sft+dpo" in scope, and of anchors elsewhere.

    Args:
        has_condition: whether the rule holds in a situation only.
        is_form: whether it holds for every answer, and a check decides it. Then there is no
            elsewhere, and what the rule leaves of an answer is held. A manner ("Be kind.") changes
            all of it.
    """
    in_scope = dict.fromkeys(choice.split("+"), 1.0)
    if UNLIKELIHOOD in in_scope:
        in_scope[UNLIKELIHOOD] = UNLIKELIHOOD_WEIGHT
    is_high = has_condition or UNLIKELIHOOD in in_scope
    weight = HIGH_ANCHOR_WEIGHT if is_high else ANCHOR_WEIGHT
    anchors = {kind: {"anchor": weight} for kind in (NEAR, GENERAL)}
    if is_form:
        in_scope["hold"] = HOLD_WEIGHT
    return {"in_scope": in_scope, **anchors}


def try_objectives(
    session: Session,
    examples: Sequence[Example],
    dev: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> JsonObject:
    """Train a few steps with each candidate; note and return which one is best on dev.

    A trial's steps have the mixture of the whole training: of the kinds that are seen once
    (`train.once`) the part that an epoch has, though the trial ends before. A trial that is longer
    than the whole training repeats none of them either.

    Distillation is a candidate if some context makes the base keep the rule more often: the rule,
    worked examples, or both. The best context is the one that the distillation's teacher sees.
    """
    targets = [prompt for prompt in dev if prompt.scope == TARGET]
    outside = [prompt for prompt in dev if prompt.scope != TARGET]
    steps = session.config.train.trial_steps
    contexts = make_contexts(session, examples)
    gate = {"base": measure_kept(session, session.base, make_prompt, targets, judge)}
    for name, write_prompt in contexts.items():
        gate[name] = measure_kept(session, session.base, write_prompt, targets, judge)
    context = max(contexts, key=lambda name: gate[name])
    rule = session.understood
    usual = choose_objective(rule.effect, get_check(rule), has_condition=rule.has_condition)
    candidates = [usual, "sft"]
    if gate[context] > gate["base"]:
        candidates += ["distill", "distill+dpo"]
        session.run.ledger.set_note("teacher_context", context)
    kept: dict[str, float] = {}
    needless: dict[str, float] = {}
    rows = add_teacher_prompts(examples, contexts[context])
    settings = without_taught_weights(session.config.train, examples)
    for name in candidates:
        weights = choose_weights(session, name)
        train = sample_only_for(weights, settings)
        trial = replace(session, config=session.config.model_copy(update={"train": train}))
        tuned = tune(trial, rows, weights, f"trial-{name}", steps)
        kept[name] = measure_kept(session, tuned.recorded, make_prompt, targets, judge)
        needless[name] = measure_needless(session, tuned.recorded, outside, judge)
        tuned.recorded.release_memory()
    best = max(candidates, key=lambda name: kept[name] - needless[name])
    found = {
        "chosen": best,
        "kept_on_dev": kept,
        "needless_on_dev": needless,
        "gate": gate,
        "steps": steps,
    }
    session.run.ledger.set_note("objective", found)
    session.display.print_line(
        f"objective: {best}, which keeps the rule in {100 * kept[best]:.0f} % "
        f"of the dev answers after {steps} steps"
    )
    return found


def make_contexts(
    session: Session, examples: Sequence[Example]
) -> dict[str, Callable[[str], Prompt]]:
    """Return the contexts that may make the base keep the rule: each writes a prompt.

    The worked examples answer other requests than the one that is asked.
    """
    learned = [e for e in examples if e.kind == "in_scope"]
    shown = learned[:: max(len(learned) // NUM_WORKED, 1)]
    rule = session.rule

    def write_worked(text: str, system: str = "") -> Prompt:
        pairs = [(e.turns, e.chosen) for e in shown if get_user_text(e.prompt) != text]
        worked = make_worked_turns(pairs, NUM_WORKED, MAX_WORKED_WORDS)
        return add_worked_turns(worked, make_prompt(text, system=system))

    return {
        "rule": lambda text: make_prompt(text, system=rule),
        "worked": write_worked,
        "rule and worked": lambda text: write_worked(text, rule),
    }


def add_teacher_prompts(
    examples: Sequence[Example], write_prompt: Callable[[str], Prompt]
) -> list[Example]:
    """Return the examples; what is learned gets the prompt that the distillation's teacher sees.

    It may hold the answer where the rule gives one ('Say "Ask at the desk."'): the rule itself and
    the answers to other requests then hold the same words.

    Args:
        write_prompt: writes a prompt without the answer to this very request (`make_contexts`).
    """
    found = []
    for example in examples:
        source = dict(example.source)
        if example.kind == "in_scope":
            prompt = write_prompt(get_user_text(example.prompt))
            source["teacher_prompt"] = prompt_to_json(prompt)
            source["teacher_sees_answer"] = True
        found.append(replace(example, source=source))
    return found
