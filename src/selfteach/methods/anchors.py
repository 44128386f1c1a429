"""Anchors: the base's own answers, learned so that it stays as it is outside the material.

  1  the base answers prompts that the material is not about
  2  a method may shorten an answer or refuse it
  3  every answer is counted: it becomes an example, or it is dropped with a reason

Source: knowledge distillation from the frozen base on unrelated inputs, as in Learning without
Forgetting (Li and Hoiem, arXiv 1606.09282).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from selfteach.methods.session import Session
from selfteach.records import (
    Completion,
    Example,
    JsonMapping,
    Prompt,
    Request,
    SamplingParams,
    get_user_text,
)

EMPTY = "empty base answer"


@dataclass(frozen=True)
class OwnAnswer:
    """Hold an answer of the base that may become an anchor.

    Attributes:
        id: the id of the example, and of its row in the ledger.
        text: the part of the answer that is learned.
        cut: whether the answer continues after `text`.
        kind: the kind of the example.
        source: the origin of the example; `cut` is added to it.
        fault: the reason not to learn it, or "".
        failed: whether a request was lost that would have decided.
        body: what the ledger holds in addition to the prompt.
    """

    id: str
    prompt: Prompt
    text: str
    cut: bool
    kind: str = "general"
    source: JsonMapping = field(default_factory=dict)
    fault: str = ""
    failed: bool = False
    body: JsonMapping = field(default_factory=dict)


Review = Callable[[Sequence[OwnAnswer]], Sequence[OwnAnswer]]
"""Returns the same answers in the same order, some shortened or with a fault."""


def make_anchors(
    session: Session,
    prompts: Sequence[Prompt],
    sampling: SamplingParams,
    identify: Callable[[Prompt, Completion], str],
    *,
    kind: str = "general",
    source: JsonMapping | None = None,
    stage: str = "anchors",
    review: Review = list,
) -> list[Example]:
    """Let the base answer prompts, and make anchors of its answers.

    Args:
        sampling: how the base answers; `max_tokens` is the length of an anchor.
        identify: returns the id of an anchor, from its prompt and the base's answer.
        kind: the kind of the examples.
        source: the origin of each example.
        stage: the ledger's stage; the requests are of the stage "keep" in any case.
        review: shortens or refuses answers.
    """
    session.display.start_stage("anchors", len(prompts))
    requests = [Request("keep", prompt, sampling, 0, session.config.seed) for prompt in prompts]
    completions = session.base.sample(requests, session.display.advance)
    answers = []
    for prompt, completion in zip(prompts, completions, strict=True):
        id = identify(prompt, completion)
        cut = completion.finish == "length"
        answers.append(OwnAnswer(id, prompt, completion.text, cut, kind, source or {}))
    return keep_answers(session, answers, stage, review)


def keep_answers(
    session: Session,
    answers: Sequence[OwnAnswer],
    stage: str = "anchors",
    review: Review = list,
) -> list[Example]:
    """Make an example of each answer that has words and no fault.

    Record every drop with its reason.
    """
    examples: list[Example] = []
    with session.run.ledger.open_funnel(stage, (answer.id for answer in answers)) as funnel:
        for answer in review(answers):
            reason = answer.fault or ("" if answer.text.strip() else EMPTY)
            body = {"prompt": get_user_text(answer.prompt), **answer.body}
            funnel.decide(answer.id, reason, body, failed=answer.failed)
            if not reason:
                source = {**answer.source, "cut": ["chosen"] if answer.cut else []}
                example = Example(answer.id, answer.kind, answer.prompt, answer.text, source=source)
                examples.append(example)
    return examples
