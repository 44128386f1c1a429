"""The drift of a rule: how far the tuned model moved where nothing should change.

A rule about a subject, or with a condition, asks for nothing on general prompts: the base's answers
to them should stay. A rule of form holds for every answer, so each one should stay but for its
form. There the base's answer is changed as little as the rule wants, and the drift is measured on
the tokens that this leaves as they are. The objective `hold` keeps the same tokens in training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from selfteach.evaluate.exam import Answers, ArmAnswers, ExamState, measure_drift
from selfteach.evaluate.scopes import GENERAL, TARGET
from selfteach.records import JsonObject
from selfteach.train.edit_mask import EditMask, mark_edited_tokens

ON_GENERAL = "general answers"
ON_CHANGED_LEAST = "answers of the base, changed as little as the rule wants"
RepairAnswer = Callable[[str], str]
"""Returns an answer that breaks the rule with the least change with which it keeps it; "" if none
is known.
"""


def measure_rule_drift(repair: RepairAnswer, state: ExamState) -> JsonObject:
    """Return the drift on general answers; for a rule that holds for every answer, on the tokens of
    the base's target answers that the rule leaves as they are.
    """
    if state.tuned is None:
        return {}
    general: Mapping[str, Answers] = state.answers.get(GENERAL, {})
    if general and general["base"].questions:
        found = measure_drift(state.session, state.tuned, general)
        return {"drift": {"on": ON_GENERAL, **found}}
    answers, changed = change_least(repair, state)
    if not changed:
        return {}
    found = measure_drift(state.session, state.tuned, answers, changed)
    return {"drift": {"on": ON_CHANGED_LEAST, **found}}


def change_least(repair: RepairAnswer, state: ExamState) -> tuple[ArmAnswers, list[EditMask]]:
    """Return the target answers of base and tuned model, the base's changed so that they keep the
    rule, and for each one the tokens that were changed. What no small change mends is left out.
    """
    arms = state.answers[TARGET]
    base = arms["base"]
    kept = state.scores.greedy["base"]
    encode = state.session.model.encode_answer
    questions, greedy, tuned, changed = [], [], [], []
    rows = zip(base.questions, base.greedy, arms["tuned"].greedy, kept, strict=True)
    for question, own, other, is_kept in rows:
        text = own.text if is_kept else repair(own.text)
        if not text:
            continue
        is_cut = own.finish == "length"
        before = encode(own.text, end=not is_cut)
        after = own if text == own.text else replace(own, text=text, finish="stop")
        edited = mark_edited_tokens(encode(text, end=after.finish != "length"), before)[0]
        questions.append(question)
        greedy.append(after)
        tuned.append(other)
        changed.append(edited)
    return {"base": Answers(questions, greedy), "tuned": Answers(questions, tuned)}, changed
