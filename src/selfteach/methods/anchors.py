"""Anchors: the base's own answers, learned so that it stays as it is where nothing is taught.

  1  the base answers prompts that no lesson is about
  2  a method may shorten an answer or refuse it
  3  every answer is counted: it becomes an example, or it is dropped with a reason

Source: knowledge distillation from the frozen base on unrelated inputs, as in Learning without
Forgetting (Li and Hoiem, arXiv 1606.09282).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfteach.methods.session import Session
from selfteach.records import Completion, Example, Prompt, Request, SamplingParams, get_user_text
from selfteach.run.ledger import Outcome

EMPTY = "the base says nothing"


@dataclass(frozen=True)
class OwnAnswer:
    """An answer of the base that may become an anchor.

    Attributes:
        id: of the example, and of its row in the ledger.
        text: as much of the answer as is learned.
        cut: whether the answer goes on after `text`.
        kind: of the example.
        source: what the example says of its origin, beside `cut`.
        fault: why it must not be learned; "" where nothing speaks against it.
        body: what the ledger shows beside the prompt.
    """

    id: str
    prompt: Prompt
    text: str
    cut: bool
    kind: str = "general"
    source: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why it is dropped, or ""."""
        return self.fault or ("" if self.text.strip() else EMPTY)


Review = Callable[[Sequence[OwnAnswer]], Sequence[OwnAnswer]]
"""Returns the same answers in the same order, some shortened or with a fault."""


def accept_all(answers: Sequence[OwnAnswer]) -> Sequence[OwnAnswer]:
    """Return the answers as they are."""
    return answers


def make_anchors(
    session: Session,
    prompts: Sequence[Prompt],
    sampling: SamplingParams,
    identify: Callable[[Prompt, Completion], str],
    *,
    kind: str = "general",
    source: Mapping[str, Any] | None = None,
    stage: str = "anchor",
    review: Review = accept_all,
) -> list[Example]:
    """Let the base answer prompts, and make anchors of its answers.

    Args:
        sampling: how the base answers; `max_tokens` is the length of an anchor.
        identify: returns the id of an anchor, from its prompt and the base's answer.
        kind: of the examples.
        source: what each example says of its origin.
        stage: the ledger's stage; the requests are of the stage "keep" in any case.
        review: shortens or refuses answers.
    """
    answers = []
    draws = sample_own_answers(session, prompts, sampling)
    for prompt, draw in zip(prompts, draws, strict=True):
        id = identify(prompt, draw)
        cut = draw.finish == "length"
        answers.append(OwnAnswer(id, prompt, draw.text, cut, kind, source or {}))
    return keep_answers(session, answers, stage, review)


def sample_own_answers(
    session: Session, prompts: Sequence[Prompt], sampling: SamplingParams
) -> list[Completion]:
    """Return the base's answer to each prompt, in order."""
    session.display.start_stage("keep", len(prompts))
    requests = [Request("keep", prompt, sampling, 0, session.config.seed) for prompt in prompts]
    return session.base.sample(requests, session.display.advance)


def keep_answers(
    session: Session,
    answers: Sequence[OwnAnswer],
    stage: str = "anchor",
    review: Review = accept_all,
) -> list[Example]:
    """Make an example of each answer that is not empty and that nothing speaks against; record
    every drop with its reason.
    """
    ledger = session.run.ledger
    ledger.register(stage, (answer.id for answer in answers))
    examples: list[Example] = []
    fates: list[Outcome] = []
    for answer in review(answers):
        body = {"prompt": get_user_text(answer.prompt), **answer.body}
        if answer.reason:
            fates.append(Outcome(answer.id, "dropped", answer.reason, body))
            continue
        fates.append(Outcome(answer.id, "accepted", "", body))
        source = {**answer.source, "cut": ["chosen"] if answer.cut else []}
        examples.append(Example(answer.id, answer.kind, answer.prompt, answer.text, source=source))
    ledger.finish_stage(stage, fates)
    return examples
