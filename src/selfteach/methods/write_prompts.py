"""Let the model write prompts, and count those that are dropped: what all methods share. The
prompts of a rule are in feedback/write_rule_prompts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.ask import GeneratedPrompt, PromptForms, Scope, generate_prompts
from selfteach.generate.few_shot import REQUESTS, group_worked_requests
from selfteach.generate.subject import Subject
from selfteach.methods.session import Session
from selfteach.run.stage_labels import label_stage
from selfteach.select.prompt_format import find_format_fault

SCOPES: tuple[Scope, ...] = ("target", "near", "general")
WORKED = frozenset(chain.from_iterable(group_worked_requests().values()))
"""The worked requests, which a small model copies where their topic is the rule's own."""


def write_scope_prompts(
    session: Session,
    subject: Subject,
    scope: Scope,
    count: int,
    rounds: range,
    find_fault: Callable[[str], str],
    forms: PromptForms = REQUESTS,
) -> list[GeneratedPrompt]:
    """Let the model write prompts of one scope, and count what is dropped.

    Args:
        subject: without a topic, `general` prompts are about anything.
        find_fault: returns why a text is no usable prompt, or "".
    """
    generated = generate_prompts(
        session.base, subject, scope, count, find_fault, rounds, session.config.seed, forms
    )
    return keep_usable_prompts(session, f"ask {scope}", count, generated)


def keep_usable_prompts(
    session: Session, stage: str, count: int, generated: Iterable[tuple[GeneratedPrompt, str]]
) -> list[GeneratedPrompt]:
    """Return the prompts without fault, and record all in the funnel of a stage.

    Args:
        count: the prompts that are wanted, for the progress line.
        generated: (prompt, fault).
    """
    label = label_stage(stage)
    session.display.start_stage(label, count, "prompts")
    kept: list[GeneratedPrompt] = []
    with session.run.ledger.open_funnel(label) as funnel:
        for prompt, fault in generated:
            body = {"text": prompt.text, "form": prompt.form, "subject": prompt.subject}
            funnel.decide(prompt.id, fault, body)
            if not fault:
                kept.append(prompt)
                session.display.advance()
    return kept


def write_general_prompts(session: Session, find_fault: Callable[[str], str]) -> list[str]:
    """Let the model write prompts about anything, as many as `anchors` asks for."""
    config = session.config.anchors
    written = write_scope_prompts(
        session, Subject(""), "general", config.general, range(config.rounds), find_fault
    )
    return [prompt.text for prompt in written]


def make_novelty_check(
    pool: OverlapIndex,
    max_overlap: float,
    names_subject: Callable[[str], bool] | None = None,
    *,
    is_talk: bool = False,
) -> Callable[[str], str]:
    """Return what selects prompts: it returns why a text is no usable prompt, or "".

    Args:
        pool: the texts that no prompt may be like; usable prompts are added.
        max_overlap: ROUGE-L, in [0, 1].
        names_subject: finds texts to refuse.
        is_talk: whether the texts are small talk, and need not ask for anything.
    """

    def find_fault(text: str) -> str:
        if reason := find_format_fault(text, is_talk=is_talk):
            return reason
        if text in WORKED:
            return "is a worked request"
        if names_subject and names_subject(text):
            return "names the subject"
        return "" if pool.add_if_new(text, max_overlap)[0] else "like another prompt"

    return find_fault


def group_by_scope(prompts: Sequence[GeneratedPrompt]) -> dict[str, list[str]]:
    """Return the texts of the prompts of each scope."""
    found: dict[str, list[str]] = {scope: [] for scope in SCOPES}
    for prompt in prompts:
        found[prompt.scope].append(prompt.text)
    return found
