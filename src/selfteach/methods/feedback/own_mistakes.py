"""Correct the tuned model's own answers that break the rule, and learn the corrections (step 7).

A lesson shows an answer that keeps the rule. It does not show where an answer that was begun
otherwise is to turn: a sampled email that has forty words already. So the tuned model answers its
own training prompts at temperature 1; what breaks the rule is repaired by the check with the
smallest change, and the loss counts what the change alone moves.

Sources: methods/learn_mistakes.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from selfteach.config import FeedbackConfig
from selfteach.judge.check import parse_check
from selfteach.judge.decline import is_decline
from selfteach.methods.feedback.correct_answers import correct_answer, list_cut
from selfteach.methods.learn_mistakes import OWN_MISTAKE, OWN_MISTAKES_STAGE
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import UnderstoodRule
from selfteach.models.recorded import Recorded
from selfteach.records import (
    GREEDY,
    Completion,
    Example,
    JsonObject,
    Request,
    digest,
    prompt_to_json,
)
from selfteach.run.stage_labels import label_stage

TAUGHT = ("teacher_prompt", "teacher_sees_answer")
"""What distillation needs to know of a lesson."""


def has_correctable_mistakes(config: FeedbackConfig, rule: UnderstoodRule) -> bool:
    """Return whether the tuned model's own answers are drawn and corrected: a check decides alone,
    and the adapter is not `closed_form`, which learns one answer to a prompt: that of the lesson.
    """
    is_drawn = config.balance.own_samples > 0 and config.train.adapter != "closed_form"
    return is_drawn and bool(rule.deciding_check)


def correct_own_mistakes(
    session: Session, model: Recorded, taught: Sequence[Example]
) -> list[Example]:
    """Return the tuned model's own sampled answers that break the rule, each with its smallest
    correction. An answer that was drawn several times stands there as often.

    Args:
        taught: the examples in scope, whose prompts are answered `balance.own_samples` times each.
    """
    config = session.config
    rule = session.understood
    check = parse_check(rule.deciding_check)
    by_prompt = {example.turns: example for example in taught}
    sampling = replace(GREEDY, temperature=1.0, max_tokens=config.probe.max_tokens)
    numbers = range(config.balance.own_samples)
    requests = [
        Request(OWN_MISTAKES_STAGE, turns, sampling, number, config.seed)
        for number, turns in product(numbers, by_prompt)
    ]
    label = label_stage(OWN_MISTAKES_STAGE)
    session.display.start_stage(label, len(requests))
    session.base.release_memory()  # base and tuned model are not in memory together
    answers = model.sample(requests, session.display.advance)
    model.release_memory()
    found = []
    with session.run.ledger.open_funnel(label) as funnel:
        asked = (by_prompt[turns] for _, turns in product(numbers, by_prompt))
        for lesson, answer in zip(asked, answers, strict=True):
            corrected, fault = correct_answer(rule, check, answer)
            if is_decline(answer.text):
                fault = fault or "declines"
            example = _make_example(lesson, answer, corrected)
            funnel.decide(example.id, fault, {"answer": answer.text})
            if not fault:
                found.append(example)
    return found


def _make_example(lesson: Example, answer: Completion, corrected: str) -> Example:
    """Return the example of an answer to the prompt of a lesson."""
    id = digest([OWN_MISTAKE, prompt_to_json(lesson.prompt), answer.text])
    source: JsonObject = {name: lesson.source[name] for name in TAUGHT if name in lesson.source}
    if cut := list_cut(answer, corrected):
        source["cut"] = cut
    return Example(id, OWN_MISTAKE, lesson.prompt, corrected, answer.text, source=source)
