"""Let the model write more prompts where there are too few: outside a forbidden subject, about its
other names, like those on which the base or the tuned model breaks the rule (steps 3 to 6), outside
a condition (step 7), and for an exam that cannot tell yet (step 8).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence

from selfteach.dedup.overlap import OverlapIndex
from selfteach.generate.ask import (
    GeneratedPrompt,
    PromptForms,
    Scope,
    generate_prompts,
    generate_similar_prompts,
    plan_requests,
)
from selfteach.generate.few_shot import EXAM_REQUESTS, REQUESTS
from selfteach.generate.occasions import Occasion, list_forms
from selfteach.generate.situations import build_requests
from selfteach.generate.subject import Subject
from selfteach.judge.check import Check
from selfteach.materials.rules.scopes.situation import Situation, has_built_requests
from selfteach.methods.feedback.request_forms import asks_for_nothing, choose_forms
from selfteach.methods.feedback.worked_prompts import list_more_neighbors
from selfteach.methods.feedback.write_rule_prompts import (
    count_exam_forms,
    keep_asked_prompts,
    write_twins,
)
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import make_topic_detector
from selfteach.methods.write_prompts import group_by_scope, make_novelty_check, write_scope_prompts
from selfteach.run.stage_labels import label_stage
from selfteach.select.clusters import compute_quotas
from selfteach.select.other_names import make_name_check

LIST_LENGTH = 4
"""How many prompts the model sees before it writes another one like them."""
PROMPTS_PER_NAME = 3
"""A name that fewer training prompts have gets more."""
MAX_ASKED_NAMES = 24
"""Other names of a forbidden subject that get prompts of their own."""
MAX_EXAM_NAMES = 12
"""Other names that an exam prompt is about: a fifth of the exam's target prompts."""
NAME_REQUESTS = {form: EXAM_REQUESTS[form] for form in ("name", "rumor", "chat")}
"""The forms of the exam that can name what they are about; a quiz asks for the name."""
EXAM_FORM_SHARE = 3
"""One in so many of the exam's near prompts has a form that only the exam has."""


def write_more_prompts_outside(session: Session, pool: OverlapIndex) -> list[GeneratedPrompt]:
    """Let the model write `ask.more_outside` further prompts outside the scope of a forbidden
    subject: a third of them near, the others about anything. Every kept prompt goes into `pool`.
    """
    config = session.config.ask
    near = config.more_outside // 3
    counts: dict[Scope, int] = {"near": near, "general": config.more_outside - near}
    first = config.rounds  # the earlier ones wrote the other prompts
    return _write_outside(session, counts, (), pool, first, for_exam=False)


def write_exam_prompts_outside(
    session: Session,
    written: Sequence[GeneratedPrompt],
    scopes: Collection[Scope],
    pool: OverlapIndex,
    turn: int,
) -> list[GeneratedPrompt]:
    """Let the model write up to `exam.more_outside` further test prompts of each scope.

    They are made as the first ones. Every kept prompt goes into `pool`.

    Args:
        written: the prompts of the exam so far.
        scopes: "near" and "general", or one of them.
        turn: 1, 2, ... in each call of a run.
    """
    config = session.config
    counts = dict.fromkeys(sorted(scopes), config.exam.more_outside)
    first = (config.balance.outside_tries + turn) * config.ask.rounds  # the earlier ones are used
    return _write_outside(session, counts, written, pool, first, for_exam=True)


def write_prompts_to_try(
    session: Session, written: Sequence[GeneratedPrompt], pool: OverlapIndex, turn: int
) -> list[GeneratedPrompt]:
    """Return further prompts outside the condition of a rule. Every kept prompt goes into `pool`.

    They are `balance.outside`, half of them near, written or built as those to learn from. Where
    there are worked requests about other topics, `balance.outside` of these take the place of the
    near half: what people ask shows the effect more often than what the model writes. Beside built
    ones, half as many worked requests for other kinds of text are tried.

    Args:
        written: the training prompts, and those of earlier tries.
        turn: 1, 2, ... in each call of a run.
    """
    config = session.config
    outside = config.balance.outside
    near = outside // 2
    is_built = has_built_requests(session.understood.situation)
    most = near if is_built else outside
    worked = list_more_neighbors(session)[(turn - 1) * most : turn * most]
    asked = keep_asked_prompts(session, worked, pool) if worked else []
    if asked and not is_built:
        near = 0
    counts: dict[Scope, int] = {"near": near, "general": outside - outside // 2}
    first = turn * config.ask.rounds  # the earlier ones are used; the exam's come after all tries
    return asked + _write_outside(session, counts, written, pool, first, for_exam=False)


def _write_outside(
    session: Session,
    counts: Mapping[Scope, int],
    written: Sequence[GeneratedPrompt],
    pool: OverlapIndex,
    first: int,
    *,
    for_exam: bool,
) -> list[GeneratedPrompt]:
    """Write further prompts outside the scope of a rule. Every kept prompt goes into `pool`.

    Where near requests are built of parts, those are built; the model writes all others.

    Args:
        counts: how many of "near" and "general", or of one of them.
        written: the prompts so far; further built ones are about the same occasions.
        first: the first round of requests that is not used yet.
        for_exam: whether some near prompts have a form that only the exam has.
    """
    config = session.config.ask
    situation = session.understood.situation
    rounds = range(first, first + config.rounds)
    names_subject = make_topic_detector(session.understood)
    kept: list[GeneratedPrompt] = []
    for scope, count in counts.items():
        if scope == "near" and situation and has_built_requests(situation):
            kept += build_more_neighbors(session, situation, written, count, for_exam=for_exam)
            continue
        subject = session.understood.subject if scope == "near" else Subject("")
        is_talk = asks_for_nothing(session.understood.subject, scope)
        find_fault = make_novelty_check(pool, config.max_overlap, names_subject, is_talk=is_talk)
        has_exam_forms = for_exam and count_exam_forms(session, scope) > 0
        of_exam = count // EXAM_FORM_SHARE if has_exam_forms else 0
        parts = [(count - of_exam, choose_forms(session.understood.subject, situation, scope))]
        if of_exam:
            parts.append((of_exam, EXAM_REQUESTS))
        for number, forms in parts:
            kept += write_scope_prompts(session, subject, scope, number, rounds, find_fault, forms)
    return kept


def build_more_neighbors(
    session: Session,
    situation: Situation,
    written: Sequence[GeneratedPrompt],
    count: int,
    *,
    for_exam: bool,
) -> list[GeneratedPrompt]:
    """Return up to `count` further prompts in which somebody else is written to, or something else
    is written, about the occasions of those that are written.
    """
    known = {prompt.text for prompt in written}
    occasions = {
        prompt.subject: Occasion(prompt.form, prompt.subject, word=prompt.subject)
        for prompt in written
        if prompt.scope == "target" and prompt.form in list_forms(situation)
    }
    built = build_requests(
        situation,
        list(occasions.values()),
        "near",
        count + len(known),
        session.config.seed,
        for_exam=for_exam,
    )
    return [prompt for prompt in built if prompt.text not in known][:count]


def write_name_prompts(
    session: Session,
    names: Sequence[str],
    parts: Mapping[str, Sequence[GeneratedPrompt]],
    pool: OverlapIndex,
) -> dict[str, list[GeneratedPrompt]]:
    """Let the model write prompts about other names of the subject, and return those of train, with
    their twins, and those of test (step 3).

    A name gets as many training prompts as it lacks, and one exam prompt in a form that no training
    prompt has. "Are trains late?" does not tell whether "What is a locomotive?" is declined.

    Args:
        names: the most certain ones first.
    """
    texts = [prompt.text for prompt in parts["train"] if prompt.scope == "target"]
    lacks = {}
    for name in names[:MAX_ASKED_NAMES]:
        check = make_name_check(name)
        count = sum(not check.keeps(text) for text in texts)
        if count < PROMPTS_PER_NAME:
            lacks[name] = PROMPTS_PER_NAME - count
    wanted = dict.fromkeys(names[:MAX_EXAM_NAMES], 1)
    train = _write_about_names(session, "ask names", lacks, REQUESTS, pool)
    test = _write_about_names(session, "ask exam names", wanted, NAME_REQUESTS, pool)
    tested = {**parts, "test": [*parts["test"], *test]}
    return {"train": train + write_twins(session, tested, names, train, pool), "test": test}


def _write_about_names(
    session: Session, stage: str, lacks: Mapping[str, int], forms: PromptForms, pool: OverlapIndex
) -> list[GeneratedPrompt]:
    """Let the model write as many target prompts about each name as it lacks; each one names it."""
    if not lacks:
        return []
    label = label_stage(stage)
    seed = session.config.seed
    requests = []
    for name, lack in lacks.items():
        requests += plan_requests(Subject(name), "target", lack, 0, seed, forms)
    session.display.start_stage(label, len(requests), "prompts")
    session.base.sample(requests, session.display.advance)
    is_new = make_novelty_check(pool, session.config.ask.max_overlap)
    kept: list[GeneratedPrompt] = []
    with session.run.ledger.open_funnel(label) as funnel:
        for name, lack in lacks.items():
            check = make_name_check(name)

            def find_fault(text: str, check: Check = check) -> str:
                return "does not name it" if check.keeps(text) else is_new(text)

            generated = generate_prompts(
                session.base, Subject(name), "target", lack, find_fault, range(1), seed, forms
            )
            for prompt, fault in generated:
                funnel.decide(prompt.id, fault, {"text": prompt.text, "name": name})
                if not fault:
                    kept.append(prompt)
    return kept


def write_prompts_like_failures(
    session: Session,
    cluster_of: Mapping[str, int],
    parts: Mapping[str, list[GeneratedPrompt]],
    failed: Mapping[str, bool],
    pool: OverlapIndex,
    turn: int,
) -> list[GeneratedPrompt]:
    """Let the model write new prompts like the dev failures, cluster by cluster."""
    labels = sorted(set(cluster_of.values()))

    def group(texts: Iterable[str]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {label: [] for label in labels}
        for text in texts:
            found[cluster_of[text]].append(text)
        return found

    targets = group_by_scope(parts["train"])["target"]
    learned = group(targets)
    tested = group(failed)
    broken = group(text for text, is_broken in failed.items() if is_broken)
    sizes = [len(learned[label]) + len(tested[label]) for label in labels]
    rates = [len(broken[label]) / max(len(tested[label]), 1) for label in labels]
    quotas = compute_quotas(sizes, rates, session.config.balance.prompts)
    lists = []
    for label, quota in zip(labels, quotas, strict=True):
        similar = learned[label] or targets
        for i in range(quota if broken[label] else 0):
            shown = [similar[(i + k) % len(similar)] for k in range(3)]
            lists.append([*shown, broken[label][i % len(broken[label])]])
    return _write_from_lists(session, "ask corners", lists, pool, turn)


def write_similar_prompts(
    session: Session,
    texts: Sequence[str],
    count: int,
    pool: OverlapIndex,
    turn: int,
    *,
    stage: str = "ask alike",
) -> list[GeneratedPrompt]:
    """Let the model write up to `count` new prompts like the given ones.

    It continues a list of some of them, another one for each.
    """
    dice = random.Random(f"{session.config.seed} alike {turn}")
    lists = [dice.sample(texts, min(LIST_LENGTH, len(texts))) for _ in range(count)]
    return _write_from_lists(session, stage, lists, pool, turn)


def _write_from_lists(
    session: Session, stage: str, lists: Sequence[Sequence[str]], pool: OverlapIndex, turn: int
) -> list[GeneratedPrompt]:
    label = label_stage(stage)
    session.display.start_stage(label, len(lists), "prompts")
    kept: list[GeneratedPrompt] = []
    find_fault = make_novelty_check(
        pool, session.config.ask.max_overlap, is_talk=asks_for_nothing(session.understood.subject)
    )
    generated = generate_similar_prompts(
        session.base, stage, lists, find_fault, session.config.seed, turn
    )
    with session.run.ledger.open_funnel(label) as funnel:
        for prompt, fault in generated:
            funnel.decide(prompt.id, fault, {"text": prompt.text, "like": prompt.subject})
            if not fault:
                kept.append(prompt)
            session.display.advance()
    return kept
