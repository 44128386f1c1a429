"""Step 2 of feedback, and the asking in step 6: the prompts that the student writes, which of them
are usable, and how they are split.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence

from selfteach.errors import DataError, UsageError
from selfteach.generate.ask import Asked, Forms, Scope, Subject, ask, ask_like
from selfteach.generate.shots import REQUESTS
from selfteach.judge.check import Check, parse
from selfteach.materials.rule import suggest_check
from selfteach.methods.session import Session
from selfteach.records import user
from selfteach.run.ledger import Fate
from selfteach.select.balance import quotas, split
from selfteach.select.form import form_fault
from selfteach.select.overlap import Overlap

SCOPES: tuple[Scope, ...] = ("target", "near", "general")
LIST = 4
"""How many prompts the student sees before it writes another one like them."""


def prompts(session: Session, pool: Overlap) -> dict[Scope, list[Asked]]:
    """Step 2; every kept prompt goes into `pool`."""
    found: dict[Scope, list[Asked]] = {}
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
        new = newness(session, pool, named(session) if scope != "target" else None)
        found[scope] = asked_for(session, session.subject, scope, count, config.rounds, new)
    return found


def asked_for(
    session: Session,
    subject: Subject,
    scope: Scope,
    count: int,
    rounds: int,
    fault_of: Callable[[str], str],
    forms: Forms = REQUESTS,
) -> list[Asked]:
    """Prompts of one scope that the student asks itself, shown and accounted for; without a topic
    `general` ones are about anything.
    """
    session.display.stage(f"ask {scope}", count, "prompts")
    kept: list[Asked] = []
    fates: dict[str, Fate] = {}
    for asked, fault in ask(
        session.base, subject, scope, count, fault_of, rounds, session.config.seed, forms
    ):
        body = {"text": asked.text, "form": asked.form, "subject": asked.subject}
        fates.setdefault(asked.id, Fate(asked.id, "dropped" if fault else "accepted", fault, body))
        if not fault:
            kept.append(asked)
            session.display.advance()
    session.run.ledger.place(f"ask {scope}", fates.values())
    return kept


def check_of(session: Session) -> Check | None:
    """The rule's check, given or suggested by its form."""
    text = session.config.check or suggest_check(session.rule)
    return parse(text) if text else None


def named(session: Session) -> Callable[[str], bool] | None:
    """Whether a text names the subject itself, where the rule has a check that finds it."""
    check = check_of(session)
    return (lambda prompt: not check.keeps(prompt)) if check and session.subject.topic else None


def newness(
    session: Session, pool: Overlap, named: Callable[[str], bool] | None = None
) -> Callable[[str], str]:
    """The selection of prompts: why a text is no usable prompt, or "" for one that is new; it is
    then in the pool.
    """

    def fault(text: str) -> str:
        if reason := form_fault(text):
            return reason
        if named and named(text):
            return "names the subject"
        return (
            ""
            if pool.add_if_new(text, session.config.ask.max_overlap)[0]
            else "like another prompt"
        )

    return fault


def parted(session: Session, found: Mapping[Scope, Sequence[Asked]]) -> dict[str, list[Asked]]:
    """Step 2: train, dev and test, at once; like goes with like, so that no test prompt has a twin
    in training (invariant 5).

    Raises:
        DataError: too few requests to learn from and to be examined on.
        UsageError: an objective is to be chosen on dev, and nothing is in it.
    """
    asked = [a for scope in SCOPES for a in found[scope]]
    config = session.config.ask
    shares = (config.train_share, config.dev_share, 1 - config.train_share - config.dev_share)
    embedded, strata = session.base.embed([user(a.text) for a in asked]), [a.scope for a in asked]
    sides = split(
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


def by_scope(asked: Sequence[Asked]) -> dict[str, list[str]]:
    """The words of the prompts of each scope."""
    return {scope: [a.text for a in asked if a.scope == scope] for scope in SCOPES}


def corners(
    session: Session,
    place: Mapping[str, int],
    parts: Mapping[str, list[Asked]],
    failed: Mapping[str, bool],
    pool: Overlap,
    turn: int,
) -> list[Asked]:
    """New prompts like the dev failures, cluster by cluster."""
    targets = [a.text for a in parts["train"] if a.scope == "target"]
    labels = sorted(set(place.values()))

    def inside(texts: Iterable[str], label: int) -> list[str]:
        return [text for text in texts if place[text] == label]

    sizes = [len(inside(targets, label)) for label in labels]
    rates = [
        sum(failed[t] for t in inside(failed, label)) / max(len(inside(failed, label)), 1)
        for label in labels
    ]
    lists = []
    for label, quota in zip(
        labels, quotas(sizes, rates, session.config.balance.prompts), strict=True
    ):
        bad, kin = (
            [t for t in inside(failed, label) if failed[t]],
            inside(targets, label) or targets,
        )
        lists += [
            [*(kin[(i + k) % len(kin)] for k in range(3)), bad[i % len(bad)]]
            for i in range(quota if bad else 0)
        ]
    return _asked_like(session, "ask corners", lists, pool, turn)


def alike(
    session: Session, texts: Sequence[str], count: int, pool: Overlap, turn: int
) -> list[Asked]:
    """Up to `count` new prompts like the given ones: the student goes on with a list of some of
    them, another one for each.
    """
    dice = random.Random(f"{session.config.seed} alike {turn}")
    return _asked_like(
        session,
        "ask alike",
        [dice.sample(texts, min(LIST, len(texts))) for _ in range(count)],
        pool,
        turn,
    )


def _asked_like(
    session: Session, stage: str, lists: Sequence[Sequence[str]], pool: Overlap, turn: int
) -> list[Asked]:
    session.display.stage(stage, len(lists), "prompts")
    fates: dict[str, Fate] = {}
    kept: list[Asked] = []
    for asked, fault in ask_like(
        session.base, stage, lists, newness(session, pool), session.config.seed, turn
    ):
        fates.setdefault(
            asked.id,
            Fate(
                asked.id,
                "dropped" if fault else "accepted",
                fault,
                {"text": asked.text, "like": asked.subject},
            ),
        )
        kept += [] if fault else [asked]
        session.display.advance()
    session.run.ledger.place(stage, fates.values())
    return kept
