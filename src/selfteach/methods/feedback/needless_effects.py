"""Find where the tuned model shows a rule's effect outside its condition, and hold the base's
answers there (step 7).

A small model learns a condition from the prompts that it was shown, and other prompts like them
reach too far: "We close at six." to "Do you sell gift cards?". Further prompts of the same kind
would mostly be answered well, so only those are learned on which the tuned model fails.

Source: hard negative mining (Shrivastava et al. 2016, arXiv 1604.03540), as balance rounds do for
prompts in scope. Departs: at most `balance.outside_tries` times, and the label is the base's own
answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress

from selfteach.generate.ask import GeneratedPrompt
from selfteach.judge import ViolationJudge
from selfteach.judge.decline import is_decline
from selfteach.methods.anchors import OwnAnswer, keep_answers
from selfteach.methods.feedback.amounts import NEEDLESS_STAGE
from selfteach.methods.feedback.probe import truncate_answer
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import (
    GREEDY,
    Completion,
    Example,
    Prompt,
    Request,
    digest,
    make_prompt,
    prompt_to_json,
)

MIN_NEEDLESS_SHARE = 0.02
"""With a smaller share of needless effects nothing is trained again."""


def find_needless_effects(
    session: Session, model: Recorded, prompts: Sequence[GeneratedPrompt], judge: ViolationJudge
) -> list[tuple[GeneratedPrompt, Completion]]:
    """Return the prompts outside the scope whose greedy answer shows the effect, or declines, and
    the base's answer does not; each with the latter.
    """
    turns = [make_prompt(prompt.text) for prompt in prompts]
    sampling = replace(GREEDY, max_tokens=session.config.probe.max_tokens)
    requests = [Request("dev", one, sampling, 0, session.config.seed) for one in turns]
    session.display.start_stage(NEEDLESS_STAGE, 2 * len(requests))
    session.base.release_memory()  # base and tuned model are not in memory together
    after = model.sample(requests, session.display.advance)
    model.release_memory()
    shown = _flag_shown(turns, after, judge)  # only these need the base's answer
    session.display.advance(shown.count(False))
    before = session.base.sample(list(compress(requests, shown)), session.display.advance)
    shown_after = list(compress(after, shown))
    flags = flag_needless(list(compress(turns, shown)), before, shown_after, judge)
    return list(compress(zip(compress(prompts, shown), before, strict=True), flags))


def _flag_shown(
    turns: Sequence[Prompt], answers: Sequence[Completion], judge: ViolationJudge
) -> list[bool]:
    """Return for each answer whether it shows the effect or declines."""
    broken = judge.broken(
        [(turn, answer.text) for turn, answer in zip(turns, answers, strict=True)]
    )
    return [
        not is_broken or is_decline(answer.text)
        for answer, is_broken in zip(answers, broken, strict=True)
    ]


def flag_needless(
    turns: Sequence[Prompt],
    before: Sequence[Completion],
    after: Sequence[Completion],
    judge: ViolationJudge | None,
) -> list[bool]:
    """Return for each prompt whether the answer after training declines, or shows the effect, and
    the base's answer before it does not. Without a judge only declines count.
    """
    declines = [
        is_decline(own.text) and not is_decline(base.text)
        for base, own in zip(before, after, strict=True)
    ]
    if judge is None:
        return declines
    broken_before = judge.broken([(t, a.text) for t, a in zip(turns, before, strict=True)])
    broken_after = judge.broken([(t, a.text) for t, a in zip(turns, after, strict=True)])
    rows = zip(declines, broken_before, broken_after, strict=True)
    return [decline or (base and not own) for decline, base, own in rows]


def make_needless_anchors(
    session: Session, found: Sequence[tuple[GeneratedPrompt, Completion]], reach: int
) -> list[Example]:
    """Make an anchor of the base's answer to each prompt with a needless effect.

    Args:
        found: (prompt, the base's answer).
        reach: how many tokens of an answer to keep.
    """
    answers = []
    for prompt, answer in found:
        text, cut = truncate_answer(session, answer, reach)
        turns = make_prompt(prompt.text)
        id = digest(["needless effect", prompt_to_json(turns)])
        source = {"scope": prompt.scope}
        answers.append(OwnAnswer(id, turns, text, cut, kind=prompt.scope, source=source))
    return keep_answers(session, answers, NEEDLESS_STAGE)
