"""Step 2 of feedback, and the asking in step 6: the prompts that the student writes, which of them
are usable, and how they are split.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence

from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError, UsageError
from selfteach.generate.ask import (
    GeneratedPrompt,
    PromptForms,
    Scope,
    Subject,
    generate_prompts,
    generate_similar_prompts,
)
from selfteach.generate.few_shot import REQUESTS
from selfteach.judge.check import Check, parse_check
from selfteach.materials.rule import suggest_check
from selfteach.methods.session import Session
from selfteach.records import make_prompt
from selfteach.run.ledger import Outcome
from selfteach.select.clusters import compute_quotas, split_prompts
from selfteach.select.prompt_format import find_format_fault

SCOPES: tuple[Scope, ...] = ("target", "near", "general")
LIST_LENGTH = 4
"""How many prompts the student sees before it writes another one like them."""


def write_prompts(session: Session, pool: OverlapIndex) -> dict[Scope, list[GeneratedPrompt]]:
    """Step 2; every kept prompt goes into `pool`."""
    found: dict[Scope, list[GeneratedPrompt]] = {}
    config = session.config.ask
    wanted: dict[Scope, int] = {
        "target": config.target,
        "near": config.near,
        "general": config.general,
    }
    if (
        not session.subject.topic
    ):  # a rule of form may fire on every prompt: nothing is out of its scope
        wanted |= {"near": 0, "general": 0}
    for scope, count in wanted.items():
        new = make_novelty_check(
            session, pool, make_topic_detector(session) if scope != "target" else None
        )
        found[scope] = write_scope_prompts(
            session, session.subject, scope, count, config.rounds, new
        )
    return found


def write_scope_prompts(
    session: Session,
    subject: Subject,
    scope: Scope,
    count: int,
    rounds: int,
    fault_of: Callable[[str], str],
    forms: PromptForms = REQUESTS,
) -> list[GeneratedPrompt]:
    """Prompts of one scope that the student asks itself, shown and accounted for; without a topic
    `general` ones are about anything.
    """
    session.display.start_stage(f"ask {scope}", count, "prompts")
    kept: list[GeneratedPrompt] = []
    fates: dict[str, Outcome] = {}
    for asked, fault in generate_prompts(
        session.base, subject, scope, count, fault_of, rounds, session.config.seed, forms
    ):
        body = {"text": asked.text, "form": asked.form, "subject": asked.subject}
        fates.setdefault(
            asked.id, Outcome(asked.id, "dropped" if fault else "accepted", fault, body)
        )
        if not fault:
            kept.append(asked)
            session.display.advance()
    session.run.ledger.record_outcomes(f"ask {scope}", fates.values())
    return kept


def get_check(session: Session) -> Check | None:
    """The rule's check, given or suggested by its form."""
    text = session.config.check or suggest_check(session.rule)
    return parse_check(text) if text else None


def make_topic_detector(session: Session) -> Callable[[str], bool] | None:
    """Whether a text names the subject itself, where the rule has a check that finds it."""
    check = get_check(session)
    return (lambda prompt: not check.keeps(prompt)) if check and session.subject.topic else None


def make_novelty_check(
    session: Session, pool: OverlapIndex, named: Callable[[str], bool] | None = None
) -> Callable[[str], str]:
    """The selection of prompts: why a text is no usable prompt, or "" for one that is new; it is
    then in the pool.
    """

    def fault(text: str) -> str:
        if reason := find_format_fault(text):
            return reason
        if named and named(text):
            return "names the subject"
        return (
            ""
            if pool.add_if_new(text, session.config.ask.max_overlap)[0]
            else "like another prompt"
        )

    return fault


def split_asked_prompts(
    session: Session, found: Mapping[Scope, Sequence[GeneratedPrompt]]
) -> dict[str, list[GeneratedPrompt]]:
    """Step 2: train, dev and test, at once; like goes with like, so that no test prompt has a twin
    in training (invariant 5).

    Raises:
        DataError: too few requests to learn from and to be examined on.
        UsageError: an objective is to be chosen on dev, and nothing is in it.
    """
    asked = [a for scope in SCOPES for a in found[scope]]
    config = session.config.ask
    shares = (config.train_share, config.dev_share, 1 - config.train_share - config.dev_share)
    embedded, strata = (
        session.base.embed([make_prompt(a.text) for a in asked]),
        [a.scope for a in asked],
    )
    sides = split_prompts(
        [a.text for a in asked],
        embedded,
        shares,
        session.config.seed,
        strata=strata,
        max_overlap=config.max_overlap,
    )
    parts = {
        part: [a for a, side in zip(asked, sides, strict=True) if side == part]
        for part in ("train", "dev", "test")
    }
    if not all(any(a.scope == "target" for a in parts[part]) for part in ("train", "test")):
        reasons = {
            reason: n
            for f in session.run.ledger.funnel()
            if f.stage == "ask target"
            for reason, n in f.reasons.items()
        }
        raise DataError(
            (
                f"only {len(found['target'])} usable requests to learn from and to be "
                f"examined on (refused: {reasons or 'none'})."
            ),
            cure="Ask for more with --set ask.target=N, or try another model.",
        )
    if session.config.train.objective == "auto" and not any(
        a.scope == "target" for a in parts["dev"]
    ):
        raise UsageError(
            "no request to try the objectives on is in the dev part.",
            where="train.objective=auto",
            cure=(
                "Ask for more with --set ask.target=N or ask.dev_share=S, or name one: "
                "--set train.objective=sft+dpo."
            ),
        )
    return parts


def group_by_scope(asked: Sequence[GeneratedPrompt]) -> dict[str, list[str]]:
    """The words of the prompts of each scope."""
    return {scope: [a.text for a in asked if a.scope == scope] for scope in SCOPES}


def write_prompts_like_failures(
    session: Session,
    cluster_of: Mapping[str, int],
    parts: Mapping[str, list[GeneratedPrompt]],
    failed: Mapping[str, bool],
    pool: OverlapIndex,
    turn: int,
) -> list[GeneratedPrompt]:
    """New prompts like the dev failures, cluster by cluster."""
    targets = [a.text for a in parts["train"] if a.scope == "target"]
    labels = sorted(set(cluster_of.values()))

    def inside(texts: Iterable[str], label: int) -> list[str]:
        return [text for text in texts if cluster_of[text] == label]

    sizes = [len(inside(targets, label)) for label in labels]
    rates = [
        sum(failed[t] for t in inside(failed, label)) / max(len(inside(failed, label)), 1)
        for label in labels
    ]
    lists = []
    for label, quota in zip(
        labels, compute_quotas(sizes, rates, session.config.balance.prompts), strict=True
    ):
        bad, kin = (
            [t for t in inside(failed, label) if failed[t]],
            inside(targets, label) or targets,
        )
        lists += [
            [*(kin[(i + k) % len(kin)] for k in range(3)), bad[i % len(bad)]]
            for i in range(quota if bad else 0)
        ]
    return _write_from_lists(session, "ask corners", lists, pool, turn)


def write_similar_prompts(
    session: Session, texts: Sequence[str], count: int, pool: OverlapIndex, turn: int
) -> list[GeneratedPrompt]:
    """Up to `count` new prompts like the given ones: the student goes on with a list of some of
    them, another one for each.
    """
    dice = random.Random(f"{session.config.seed} alike {turn}")
    return _write_from_lists(
        session,
        "ask alike",
        [dice.sample(texts, min(LIST_LENGTH, len(texts))) for _ in range(count)],
        pool,
        turn,
    )


def _write_from_lists(
    session: Session, stage: str, lists: Sequence[Sequence[str]], pool: OverlapIndex, turn: int
) -> list[GeneratedPrompt]:
    session.display.start_stage(stage, len(lists), "prompts")
    fates: dict[str, Outcome] = {}
    kept: list[GeneratedPrompt] = []
    for asked, fault in generate_similar_prompts(
        session.base, stage, lists, make_novelty_check(session, pool), session.config.seed, turn
    ):
        fates.setdefault(
            asked.id,
            Outcome(
                asked.id,
                "dropped" if fault else "accepted",
                fault,
                {"text": asked.text, "like": asked.subject},
            ),
        )
        kept += [] if fault else [asked]
        session.display.advance()
    session.run.ledger.record_outcomes(stage, fates.values())
    return kept
