"""Let the model write the prompts of a rule, and split them into train, dev and test (step 2)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal, TypeVar

from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError
from selfteach.generate.answered_requests import STAGE, write_answered_requests
from selfteach.generate.ask import (
    ASKED,
    TWIN,
    GeneratedPrompt,
    PromptForms,
    Scope,
    count_near_requests,
    make_twin,
    plan_requests,
)
from selfteach.generate.few_shot import EXAM_REQUESTS
from selfteach.generate.occasions import (
    Occasion,
    find_occasion_fault,
    write_occasions,
)
from selfteach.generate.situations import build_requests
from selfteach.generate.subject import (
    Subject,
    list_alternatives,
)
from selfteach.judge.request_judge import compare_requests
from selfteach.materials.rules.scopes.situation import (
    Situation,
    has_built_requests,
    has_known_requests,
)
from selfteach.methods.feedback.prompts_in_scope import (
    check_dev_part,
    make_topic_check,
)
from selfteach.methods.feedback.request_forms import asks_for_nothing, choose_forms
from selfteach.methods.feedback.rule_occasions import plan_rule_occasions
from selfteach.methods.feedback.shared_openings import (
    find_shared_openings,
    write_opening_prompts,
)
from selfteach.methods.feedback.shared_words import find_shared_words, write_shared_word_prompts
from selfteach.methods.feedback.worked_prompts import (
    list_requests_for_texts,
    list_worked_neighbors,
    list_worked_targets,
)
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import make_topic_detector
from selfteach.methods.write_prompts import (
    keep_usable_prompts,
    make_novelty_check,
    write_scope_prompts,
)
from selfteach.records import digest, make_prompt
from selfteach.run.stage_labels import label_stage
from selfteach.select.clusters import SPLIT_NAMES, split_prompts

PROMPTS_PER_KIND_TWIN = 3
"""One target prompt in so many is asked again about a kind of the topic."""
TARGETS_PER_ANSWERED = 6
"""One target prompt in so many is written for the rule's answer."""
NOT_AMONG_FIRST = "others fit the answer better"
PROMPTS_PER_EXAM_FORM = 12
"""One prompt in so many has a form that only the exam has."""
SPARE_FACTOR = 1.05
"""The exam holds so many times the prompts that it asks for: names of the subject that are found
later drop some."""
MAX_TEST_SHARE = 0.5
T = TypeVar("T")


def write_rule_prompts(session: Session, pool: OverlapIndex) -> dict[str, list[GeneratedPrompt]]:
    """Let the model write the prompts of a rule, and return them as train, dev and test (step 2).

    Every kept prompt goes into `pool`.
    """
    situation = session.understood.situation
    if situation and has_built_requests(situation):
        return write_situation_prompts(session, situation, pool)
    parts = split_written_prompts(session, write_prompts(session, pool))
    if topic := session.understood.subject.topic:
        targets = [prompt for prompt in parts["train"] if prompt.scope == "target"]
        names = list_alternatives(topic)
        parts["train"] += write_twins(session, parts, names, targets, pool)
        parts["train"] += write_kind_twins(session, parts, targets, pool)
    return parts


def write_prompts(session: Session, pool: OverlapIndex) -> dict[Scope, list[GeneratedPrompt]]:
    """Let the model write prompts of every scope; every kept prompt goes into `pool`.

    A rule of form may fire on every prompt, so nothing is outside its scope. About a third of the
    exam's prompts have forms that no training prompt has.
    """
    found: dict[Scope, list[GeneratedPrompt]] = {}
    subject = session.understood.subject
    config = session.config.ask
    worked = {"target": list_worked_targets(session), "near": list_worked_neighbors(session)}
    targets = config.target - sum(prompt.form == ASKED for prompt in worked["target"])
    counts: dict[Scope, int] = {"target": targets, "near": 0, "general": 0}
    if subject.topic:
        near = count_near_requests(config.near - len(worked["near"]), subject.name_words)
        counts |= {"near": near, "general": config.general}
    parts = {scope: list_form_counts(session, scope, count) for scope, count in counts.items()}
    sample_first_rounds(session, parts)
    rounds = range(config.rounds)
    for scope, of_scope in parts.items():
        find_fault = make_novelty_check(
            pool,
            config.max_overlap,
            None if scope == "target" else make_topic_detector(session.understood),
            is_talk=asks_for_nothing(subject, scope),
        )
        own: list[GeneratedPrompt] = []
        if asked := worked.get(scope):
            own += keep_asked_prompts(session, asked, pool)
        for count, forms in of_scope:
            own += write_scope_prompts(session, subject, scope, count, rounds, find_fault, forms)
        if scope == "target":
            own += write_answered_prompts(session, pool)
        if scope == "near":
            own += write_word_neighbors(session, found["target"], own, find_fault)
        found[scope] = own
    return found


def keep_asked_prompts(
    session: Session, asked: Sequence[GeneratedPrompt], pool: OverlapIndex
) -> list[GeneratedPrompt]:
    """Return the worked requests that are like no other prompt; they go into `pool`. People also
    report something without a question: "My key doesn't work any more.".
    """
    find_fault = make_novelty_check(pool, session.config.ask.max_overlap, is_talk=True)
    faults = ((prompt, find_fault(prompt.text)) for prompt in asked)
    return keep_usable_prompts(session, "ask asked", len(asked), faults)


def write_word_neighbors(
    session: Session,
    targets: Sequence[GeneratedPrompt],
    near: Sequence[GeneratedPrompt],
    find_fault: Callable[[str], str],
) -> list[GeneratedPrompt]:
    """Return neighbors about the words that requests about a topic share, and those that begin as
    they do; none where the rule forbids the topic, or the worked requests are about it.
    """
    subject = session.understood.subject
    if subject.forbidden or subject.is_form or not near or has_known_requests(subject.topic):
        return []
    in_scope = [prompt.text for prompt in targets]
    neighbors = [prompt.text for prompt in near]
    written = []
    if openings := find_shared_openings(in_scope, neighbors):
        session.run.ledger.set_note("shared openings", openings)
        written += write_opening_prompts(session, openings, find_fault)
    answer = session.understood.answer
    if words := find_shared_words(session.base, subject, answer, in_scope, neighbors):
        session.run.ledger.set_note("shared words", words)
        written += write_shared_word_prompts(session, words, find_fault)
        known = replace(subject, name_words=(*subject.name_words, *words))
        session.understood = replace(session.understood, subject=known)
    return written


def write_answered_prompts(session: Session, pool: OverlapIndex) -> list[GeneratedPrompt]:
    """Let the model write requests that the rule's answer fits and that do not name the topic;
    return the surest ones, a share of `ask.target`. Every one of them goes into `pool`.

    There are none where the rule gives no answer, or the model itself is asked about.
    """
    config = session.config
    subject = session.understood.subject
    answer = session.understood.answer
    if not answer or has_known_requests(subject.topic):
        return []
    label = label_stage(STAGE)
    session.display.start_stage(label, config.ask.target, "prompts")
    written = write_answered_requests(
        session.base, subject.topic, answer, config.ask.target, config.seed
    )
    names_topic = make_topic_check(subject)
    unnamed = [prompt for prompt in written if names_topic.keeps(prompt.text)]
    scores = compare_requests(session.base, subject, answer, [p.text for p in unnamed])
    ranked = sorted(zip(scores, unnamed, strict=True), key=lambda pair: -pair[0].total)
    find_fault = make_novelty_check(pool, config.ask.max_overlap)
    kept: list[GeneratedPrompt] = []
    with session.run.ledger.open_funnel(label) as funnel:
        for _, prompt in ranked:
            is_enough = len(kept) >= config.ask.target // TARGETS_PER_ANSWERED
            fault = NOT_AMONG_FIRST if is_enough else find_fault(prompt.text)
            funnel.decide(prompt.id, fault, {"text": prompt.text})
            if not fault:
                kept.append(prompt)
    session.display.advance(config.ask.target)
    return kept


def list_form_counts(session: Session, scope: Scope, count: int) -> list[tuple[int, PromptForms]]:
    """Return how many of the prompts of a scope are wanted in the forms of training, and how many
    in those that only the exam has, if there are such.
    """
    held_out = count_exam_forms(session, scope) if count else 0
    rule = session.understood
    parts = [(count - held_out, choose_forms(rule.subject, rule.situation, scope))]
    return [*parts, (held_out, EXAM_REQUESTS)] if held_out else parts


def sample_first_rounds(
    session: Session, parts: Mapping[Scope, Sequence[tuple[int, PromptForms]]]
) -> None:
    """Sample the first round of every scope in one call, which fills the batches. The ledger keeps
    the completions for `write_scope_prompts`.

    Args:
        parts: see `list_form_counts`.
    """
    subject, seed = session.understood.subject, session.config.seed
    requests = []
    for scope, of_scope in parts.items():
        for count, forms in of_scope:
            requests += plan_requests(subject, scope, count, 0, seed, forms)
    session.display.start_stage("ask", len(requests), "prompts")
    session.base.sample(requests, session.display.advance)


def count_exam_forms(session: Session, scope: str) -> int:
    """Return how many exam prompts of a scope have forms that training never used. The model itself
    is asked about in few ways, and has none.
    """
    if scope == "general" or has_known_requests(session.understood.subject.topic):
        return 0
    return int(getattr(session.config.ask, scope)) // PROMPTS_PER_EXAM_FORM


def write_twins(
    session: Session,
    parts: Mapping[str, Sequence[GeneratedPrompt]],
    names: Sequence[str],
    targets: Sequence[GeneratedPrompt],
    pool: OverlapIndex,
) -> list[GeneratedPrompt]:
    """Return for each target prompt with one of the names a near one with a sibling in its place.

    Only the name tells the two apart, so they show the model where the rule ends. A twin like an
    exam prompt is left out; every other one goes into `pool`, so that no later exam prompt is like
    it.

    Args:
        names: of the topic; each one that a prompt has is replaced.
    """
    siblings = session.understood.subject.siblings
    return _replace_names(session, parts, names, targets, siblings, "near", pool)


def write_kind_twins(
    session: Session,
    parts: Mapping[str, Sequence[GeneratedPrompt]],
    targets: Sequence[GeneratedPrompt],
    pool: OverlapIndex,
) -> list[GeneratedPrompt]:
    """Return for one in PROMPTS_PER_KIND_TWIN of the target prompts that name a topic to ask about
    another one with a frequent kind of it in its place: "internet" in place of wifi.

    Otherwise the name alone is what is learned. A kind of a forbidden subject is another name of
    it, and has prompts of its own (`write_name_prompts`). Every twin goes into `pool`.
    """
    if session.understood.subject.forbidden:
        return []
    topic, kinds = session.understood.subject.topic, session.understood.subject.kinds
    some = targets[::PROMPTS_PER_KIND_TWIN]
    names = list_alternatives(topic)
    return _replace_names(session, parts, names, some, kinds, "target", pool)


def _replace_names(
    session: Session,
    parts: Mapping[str, Sequence[GeneratedPrompt]],
    names: Sequence[str],
    prompts: Sequence[GeneratedPrompt],
    others: Sequence[str],
    scope: Scope,
    pool: OverlapIndex,
) -> list[GeneratedPrompt]:
    """Return prompts of a scope, each with one of the others in the place of the names; none is
    like an exam prompt. They go into `pool`, which does not refuse them: each is like its own
    source.
    """
    if not others:
        return []
    known = {prompt.text for prompt in chain.from_iterable(parts.values())}
    tested = OverlapIndex([prompt.text for prompt in parts["test"]])
    found = []
    for i, prompt in enumerate(prompts):
        other = others[i % len(others)]
        text = prompt.text
        for name in names:
            text = make_twin(text, name, other) or text
        if text == prompt.text or text in known:
            continue
        if tested.nearest(text).similarity < session.config.ask.max_overlap:
            known.add(text)
            pool.add(text)
            found.append(GeneratedPrompt(text, scope, TWIN, other))
    return found


def write_situation_prompts(
    session: Session, situation: Situation, pool: OverlapIndex
) -> dict[str, list[GeneratedPrompt]]:
    """Write the prompts of a rule that holds where somebody is written to, or for a kind of text.

    There are as many neighbors as prompts in scope: most differ in the addressee, or in the kind of
    text, alone. The occasions are split, not the prompts, because twins have the same one. The
    exam has its own frames and addressees too; the few exam prompts that are like one of the others
    all the same, as with a long addressee, are left out. Every prompt goes into `pool`.

    Raises:
        UsageError: an objective is to be chosen on dev, and nothing is in it.
    """
    config = session.config.ask
    parts: dict[str, list[GeneratedPrompt]] = {name: [] for name in SPLIT_NAMES}
    occasions = split_occasions(session, write_all_occasions(session, situation))
    scopes: tuple[Literal["target", "near"], ...] = ("target", "near")
    for scope in scopes:
        shares = compute_part_shares(session, scope)
        for_texts = list_requests_for_texts(session, situation, scope)
        worked = split_at_random(session, for_texts, shares)
        for name, share in shares.items():
            count = round(share * max(config.target, getattr(config, scope))) - len(worked[name])
            for_exam = name == "test"
            parts[name] += worked[name]
            parts[name] += build_requests(
                situation, occasions[name], scope, count, session.config.seed, for_exam=for_exam
            )
    learned = OverlapIndex(prompt.text for name in ("train", "dev") for prompt in parts[name])
    parts["test"] = [
        prompt
        for prompt in parts["test"]
        if learned.nearest(prompt.text).similarity < config.max_overlap
    ]
    for prompt in chain.from_iterable(parts.values()):
        pool.add(prompt.text)
    find_fault = make_novelty_check(pool, config.max_overlap)
    general = write_scope_prompts(
        session, Subject(""), "general", config.general, range(config.rounds), find_fault
    )
    split = split_by_similarity(session, {"general": general})
    for name, prompts in split.items():
        parts[name] += prompts
    check_dev_part(session, parts["dev"])
    return parts


def write_all_occasions(session: Session, situation: Situation) -> list[Occasion]:
    """Let the model write the occasions of a situation, and count what is dropped."""
    config = session.config.ask
    plan = plan_rule_occasions(session.understood, situation, config.target)
    known = OverlapIndex()

    def find_fault(occasion: Occasion) -> str:
        if fault := find_occasion_fault(occasion):
            return fault
        return "" if known.add_if_new(occasion.text, config.max_overlap)[0] else "like another"

    stage = label_stage("ask occasion")
    session.display.start_stage(stage, plan.count, "occasions")
    kept: list[Occasion] = []
    for occasion in plan.of_topic:
        known.add(occasion.text)
    given = ((occasion, "") for occasion in plan.of_topic)
    written = write_occasions(
        session.base,
        plan.worked,
        plan.count,
        find_fault,
        config.rounds,
        session.config.seed,
        plan.words,
    )
    with session.run.ledger.open_funnel(stage) as funnel:
        for occasion, fault in chain(given, written):
            funnel.decide(digest(["occasion", occasion.text]), fault, {"text": occasion.text})
            if not fault:
                kept.append(occasion)
                if len(kept) <= plan.count:  # the worked occasions alone may be more
                    session.display.advance()
    return kept


def split_occasions(session: Session, occasions: Sequence[Occasion]) -> dict[str, list[Occasion]]:
    """Split occasions into train, dev and test, at random. Each part has some with a word that they
    must have, and some others.
    """
    found: dict[str, list[Occasion]] = {name: [] for name in SPLIT_NAMES}
    shares = compute_part_shares(session, "target")
    for has_word in (False, True):
        alike = [occasion for occasion in occasions if bool(occasion.word) is has_word]
        for name, own in split_at_random(session, alike, shares).items():
            found[name] += own
    return found


def split_at_random(
    session: Session, items: Sequence[T], shares: Mapping[str, float]
) -> dict[str, list[T]]:
    """Split items into train, dev and test by their shares. Each part gets two of six or more."""
    shuffled = list(items)
    random.Random(f"{session.config.seed} occasions").shuffle(shuffled)
    most = max(len(shuffled) // len(SPLIT_NAMES), 1)
    found: dict[str, list[T]] = {}
    start = 0
    for name, share in shares.items():
        end = start + max(round(share * len(shuffled)), min(2, most))
        found[name] = shuffled[start:end]
        start = end
    found["train"] += shuffled[start:]
    return found


def compute_part_shares(session: Session, scope: str) -> dict[str, float]:
    """Return the shares of train, dev and test of one scope, as if all prompts were found."""
    config = session.config.ask
    counts = {scope: max(config.target, getattr(config, scope))}
    shares = compute_shares(session, counts)[scope]
    return dict(zip(("test", "dev", "train"), reversed(shares), strict=True))


def split_written_prompts(
    session: Session, found: Mapping[Scope, Sequence[GeneratedPrompt]]
) -> dict[str, list[GeneratedPrompt]]:
    """Split prompts into train, dev and test (step 2).

    Raises:
        DataError: too few requests to learn from and to be examined on.
        UsageError: an objective is to be chosen on dev, and nothing is in it.
    """
    parts = split_by_similarity(session, found)
    sides = {prompt.text: name for name, own in parts.items() for prompt in own}
    with_targets = {sides[prompt.text] for prompt in found["target"]}
    if not with_targets >= {"train", "test"}:
        counts = session.run.ledger.funnel()
        stage = label_stage("ask target")
        reasons = [dict(row.reasons) for row in counts if row.stage == stage and row.reasons]
        raise DataError(
            (
                f"only {len(found['target'])} usable requests to learn from and to be "
                f"examined on (refused: {reasons[0] if reasons else 'none'})."
            ),
            cure="Ask for more with --set ask.target=N, or try another model.",
        )
    check_dev_part(session, parts["dev"])
    return parts


def split_by_similarity(
    session: Session, found: Mapping[Scope, Sequence[GeneratedPrompt]]
) -> dict[str, list[GeneratedPrompt]]:
    """Split prompts so that similar ones stay together; those of the exam's own forms are in test.

    No test prompt has a twin in training (invariant 5): the pool refused what is like another.
    """
    parts: dict[str, list[GeneratedPrompt]] = {name: [] for name in SPLIT_NAMES}
    prompts: list[GeneratedPrompt] = []
    for own in found.values():
        for prompt in own:
            (parts["test"] if prompt.form in EXAM_REQUESTS else prompts).append(prompt)
    if not prompts:
        return parts
    texts = [prompt.text for prompt in prompts]
    held_out: Counter[str] = Counter(prompt.scope for prompt in parts["test"])
    counts: dict[str, int] = {scope: len(own) - held_out[scope] for scope, own in found.items()}
    sides = split_prompts(
        texts,
        session.base.embed(list(map(make_prompt, texts))),
        compute_shares(session, counts, held_out),
        session.config.seed,
        strata=[prompt.scope for prompt in prompts],
        max_overlap=session.config.ask.max_overlap,
    )
    for prompt, side in zip(prompts, sides, strict=True):
        parts[side].append(prompt)
    return parts


def compute_shares(
    session: Session, counts: Mapping[str, int], held_out: Mapping[str, int] | None = None
) -> dict[str, tuple[float, float, float]]:
    """Return the shares of train, dev and test by scope.

    The exam gets as many prompts as it asks for, and some to spare for those that turn out to be on
    the other side of the rule; at most MAX_TEST_SHARE. If it asks for fewer, it gets the share that
    is left by the others.

    Args:
        counts: the prompts of each scope that are split.
        held_out: further prompts of each scope, which the exam has already.
    """
    config = session.config.ask
    learned = config.train_share + config.dev_share
    shares = {}
    for scope, count in counts.items():
        asked = round(SPARE_FACTOR * getattr(session.config.exam, scope))
        missing = asked - (held_out or {}).get(scope, 0)
        wanted = max(missing, 0) / max(count, 1)
        test = max(1 - learned, min(MAX_TEST_SHARE, wanted))
        scale = (1 - test) / learned
        shares[str(scope)] = (config.train_share * scale, config.dev_share * scale, test)
    return shares
