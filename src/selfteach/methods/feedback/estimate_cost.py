"""The cost of a run on this machine, before it starts: what `--dry-run` prints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from selfteach.config import FeedbackConfig
from selfteach.generate.ask import format_few_shot_prompts
from selfteach.generate.situations import Occasion, build_requests, list_forms
from selfteach.materials.situation import Situation
from selfteach.methods.feedback.understand_rule import UnderstoodRule, understand_rule
from selfteach.models import Sampler
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import JsonObject, Request, SamplingParams, make_prompt
from selfteach.run.display import Display

EXAMPLE_OCCASIONS = {"clause": "I will be late tomorrow", "topic": "gravity"}
ASKING_TITLE = "# The model continues this list to write a prompt."
PROMPTED_TITLE = "# The base model with the rule in its prompt gets this."
TRAINED_TOKENS_PER_PROMPT = 56
"""Answer tokens that are trained for each prompt and epoch (docs/log/, runs 41 and 42)."""
TRAINING_COST_FACTOR = 2
"""A trained token takes as much time as so many sampled ones (docs/log/, runs 41 and 42)."""
NUM_TIMED_ROUNDS = 32


def estimate_cost(
    text: str, config: FeedbackConfig, display: Display, earlier: Path | None = None
) -> JsonObject:
    """Return the measured speed of this machine, then requests, tokens, minutes and disk.

    Return also what is not counted, and three rendered prompts.

    Args:
        earlier: the adapter that the run would continue.
    """
    display.start_stage("measure")
    base = HfModel.load(config.model, adapter=earlier, progress=display.print_line)
    sampler = open_sampler(base, config.engine)
    found = understand_rule(sampler, base, text, config)
    rule, subject = found.rule, found.subject
    sampled_per_s = measure_speed(sampler)
    has_outside = bool(subject.topic) or found.situation is not None
    num_prompts = config.ask.target + (config.ask.near + config.ask.general) * has_outside
    train_prompts = int(num_prompts * config.ask.train_share)
    probes = train_prompts * config.probe.samples
    exam_answers = 3 * (3 * config.exam.target + config.exam.near + config.exam.general)
    requests = int(1.5 * num_prompts) + 2 * config.judge.pairs + probes
    requests += config.ask.target + exam_answers
    longest = probes * config.probe.max_tokens + exam_answers * config.exam.max_tokens
    answer_tokens = 0.7 * longest + 30 * config.ask.target + 20 * num_prompts
    trained = config.train.epochs * train_prompts * TRAINED_TOKENS_PER_PROMPT
    seconds = (answer_tokens + TRAINING_COST_FACTOR * trained) / sampled_per_s
    prompted = base.tokenizer.decode(base.encode(make_prompt("What is a tree?", system=rule.text)))
    asked = format_few_shot_prompts(subject, 2)
    if found.situation and found.situation.kind == "writing":
        asked = show_situation_requests(found.situation, config.seed)
    return {
        **describe_plan(found, config),
        "requests": requests,
        "sampled_tokens": int(answer_tokens),
        "trained_tokens": trained,
        "sampled_tokens_per_second": round(sampled_per_s),
        "minutes": round(seconds / 60 + 0.5, 1),
        "disk_mb": round(2 * sum(p.numel() for p in base.module.parameters()) / 1e6 + 80),
        "not_counted": list_uncounted(config),
        "prompt_examples": [
            *(f"{ASKING_TITLE}\n{text}" for text in asked),
            f"{PROMPTED_TITLE}\n{prompted}",
        ],
    }


def describe_plan(found: UnderstoodRule, config: FeedbackConfig) -> dict[str, Any]:
    """Return how the rule was read: where it holds, what it demands, and what decides it."""
    rule = found.rule
    lines: dict[str, Any] = {
        "subject": found.subject.topic or "none recognized: the rule may apply to every prompt"
    }
    if rule.scope:
        lines["subject"] = found.subject.topic or rule.scope
        lines |= {"when": rule.scope, "then": rule.effect}
    if found.subject.siblings:
        lines["neighbors"] = ", ".join(found.subject.siblings)
    if found.forbidden_topic:
        lines["other_names"] = ", ".join(config.also) or "the run finds them in the base's answers"
    check = config.check or (found.effect.check if found.effect else "")
    lines["decided_by"] = f"the check {check}" if check else "the best calibrated judge"
    return lines


def show_situation_requests(situation: Situation, seed: int) -> list[str]:
    """Return a request in scope and a neighbor of it."""
    form = list_forms(situation)[0]
    occasions = [Occasion(form, EXAMPLE_OCCASIONS[form])]
    shown = []
    for scope in ("target", "near"):
        built = build_requests(situation, occasions, scope, 1, seed, for_exam=False)
        shown += [prompt.text for prompt in built]
    return shown


def list_uncounted(config: FeedbackConfig) -> list[str]:
    """Return the further steps that the configuration turns on, and what depends on answers that
    are not known yet.
    """
    more = (
        "more requests, if the base breaks the rule on fewer than "
        f"{config.ask.min_violations} prompts (ask.min_violations)"
    )
    rounds = (
        f"balance.rounds={config.balance.rounds}: for each round up to "
        f"{config.balance.prompts} requests, and another training"
    )
    rows = {
        more: config.ask.min_violations,
        rounds: config.balance.rounds,
        f"the trials of objectives, {config.train.trial_steps} steps each": config.train.objective
        == "auto",
        "the trainings and exams of the data-need curve": config.curve,
        (
            f"what the model answers in training (train.on_policy={config.train.on_policy:g})"
        ): config.train.on_policy,
        "the time and the price of the teacher, which drafts and judges": config.teacher,
    }
    return [what for what, wanted in rows.items() if wanted]


def measure_speed(sampler: Sampler) -> float:
    """Return how many tokens are sampled in a second, with many requests at once as in a run."""
    sampling = SamplingParams(1.0, 1.0, 48)
    requests = [
        Request("plan", make_prompt(text), sampling, number)
        for number in range(NUM_TIMED_ROUNDS)
        for text in ("What is a tree?", "Name a colour.")
    ]
    started = time.monotonic()
    tokens = sum(completion.tokens for completion in sampler.stream(requests))
    return tokens / (time.monotonic() - started)
