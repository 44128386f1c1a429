"""What `--dry-run` states: the cost of a run on this machine, before it starts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from selfteach.config import Feedback
from selfteach.generate.ask import listings, read_subject
from selfteach.materials.rule import read_rule
from selfteach.models import Drawer
from selfteach.models.hf import Hf
from selfteach.models.opening import open_drawer
from selfteach.records import Request, Sampling, user
from selfteach.run.display import Display

TRAINED_TOKENS, TRAINING = 56, 2
"""Answer tokens that are trained for each prompt and epoch, and as how many drawn ones each takes
time (docs/log.md, runs 41 and 42).
"""
MEASURED = 32


def plan(
    text: str, config: Feedback, display: Display, earlier: Path | None = None
) -> dict[str, Any]:
    """Measured speeds of this machine, then requests, tokens, minutes and disk; what is not in
    them; and three rendered prompts.

    Args:
        earlier: the adapter that the run would go on from.
    """
    rule = read_rule(text)
    display.stage("measure")
    base = Hf.load(config.model, adapter=earlier, progress=display.say)
    drawer = open_drawer(base, config.engine)
    subject = read_subject(drawer, base, rule.text, config.seed)
    drawn_per_s = speed(drawer)
    asked = config.ask.target + config.ask.near * bool(subject.topic) + config.ask.general
    train_prompts = int(asked * config.ask.train_share)
    sat = 3 * (3 * config.exam.target + config.exam.near + config.exam.general)
    requests = (
        int(1.5 * asked)
        + 2 * config.judge.pairs
        + train_prompts * config.probe.draws
        + config.ask.target
        + sat
    )
    answer_tokens = (
        0.7
        * (
            train_prompts * config.probe.draws * config.probe.max_tokens
            + sat * config.exam.max_tokens
        )
        + 30 * config.ask.target
        + 20 * asked
    )
    trained = config.train.epochs * train_prompts * TRAINED_TOKENS
    prompted = base.tokenizer.decode(base.encode(user("What is a tree?", system=rule.text)))
    return {
        "subject": subject.topic or "none: the rule may fire on every prompt",
        "requests": requests,
        "drawn_tokens": int(answer_tokens),
        "trained_tokens": trained,
        "drawn_tokens_a_second_here": round(drawn_per_s),
        "minutes": round((answer_tokens + TRAINING * trained) / drawn_per_s / 60 + 0.5, 1),
        "disk_mb": round(2 * sum(p.numel() for p in base.module.parameters()) / 1e6 + 80),
        "not_counted": not_counted(config),
        "three_of_the_prompts": [*listings(subject, 2), prompted],
    }


def not_counted(config: Feedback) -> list[str]:
    """What the configuration asks for beside the straight road, and what depends on answers that
    nobody has yet.
    """
    more = (
        "more requests, where the base breaks the rule on fewer than "
        f"ask.in_scope={config.ask.in_scope}"
    )
    rounds = (
        f"balance.rounds={config.balance.rounds}: for each round up to "
        f"{config.balance.prompts} requests, and another training"
    )
    rows = {
        more: config.ask.in_scope,
        rounds: config.balance.rounds,
        f"the trials of objectives, {config.train.trial_steps} steps each": config.train.objective
        == "auto",
        "the trainings and exams of the data-need curve": config.curve,
        (
            f"what the student answers in training (train.on_policy={config.train.on_policy:g})"
        ): config.train.on_policy,
        "the time and the price of the teacher, which drafts and judges": config.teacher,
    }
    return [what for what, wanted in rows.items() if wanted]


def speed(drawer: Drawer) -> float:
    """Tokens drawn a second, many requests at once as in a run."""
    asked = [
        Request("plan", user(q), Sampling(1.0, 1.0, 48), k)
        for k in range(MEASURED)
        for q in ("What is a tree?", "Name a colour.")
    ]
    started = time.monotonic()
    return sum(draw.tokens for draw in drawer.draw(asked)) / (time.monotonic() - started)
