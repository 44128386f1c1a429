"""Let the model write prompts (steps 2 and 6 of feedback, general prompts of all methods), drop the
unusable ones, and split the rest.
"""

from __future__ import annotations

import random
from collections import Counter
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
    make_twin,
    plan_requests,
)
from selfteach.generate.few_shot import (
    ASKED_REQUESTS,
    EXAM_REQUESTS,
    REQUESTS,
    SUBJECT_REQUESTS,
)
from selfteach.generate.situations import (
    Occasion,
    OccasionForm,
    build_requests,
    find_occasion_fault,
    list_forms,
    write_occasions,
)
from selfteach.judge.check import Check, parse_check
from selfteach.materials.situation import Situation
from selfteach.methods.session import Session
from selfteach.records import digest, make_prompt
from selfteach.run.stage_labels import label_stage
from selfteach.select.clusters import SPLIT_NAMES, compute_quotas, split_prompts
from selfteach.select.prompt_format import find_format_fault

SCOPES: tuple[Scope, ...] = ("target", "near", "general")
LIST_LENGTH = 4
"""How many prompts the model sees before it writes another one like them."""
TWIN = "twin"
"""The form of a near prompt that is a target prompt with a sibling in the topic's place."""
PROMPTS_PER_EXAM_FORM = 12
"""One prompt in so many has a form that only the exam has."""
SPARE_FACTOR = 1.05
"""The exam holds so many times the prompts that it asks for: names of the subject that are found
later drop some."""
PROMPTS_PER_OCCASION = 2
WORKED = frozenset(
    text
    for forms in (SUBJECT_REQUESTS, ASKED_REQUESTS, EXAM_REQUESTS)
    for pairs in forms.values()
    for _, text in pairs
)
"""The worked requests, which a small model copies where their topic is the rule's own."""
MIN_OCCASIONS = 12
PROMPTS_PER_NAME = 3
MAX_ASKED_NAMES = 24
"""Other names of a forbidden subject that get prompts of their own."""


def write_rule_prompts(session: Session, pool: OverlapIndex) -> dict[str, list[GeneratedPrompt]]:
    """Let the model write the prompts of a rule, and return them as train, dev and test (step 2).

    Every kept prompt goes into `pool`.
    """
    situation = session.situation
    if situation and situation.kind == "writing":
        return write_situation_prompts(session, situation, pool)
    parts = split_written_prompts(session, write_prompts(session, pool))
    if topic := session.subject.topic:
        targets = [prompt for prompt in parts["train"] if prompt.scope == "target"]
        parts["train"] += write_twins(session, parts, [topic], targets)
    return parts


def write_twins(
    session: Session,
    parts: Mapping[str, Sequence[GeneratedPrompt]],
    names: Sequence[str],
    targets: Sequence[GeneratedPrompt],
) -> list[GeneratedPrompt]:
    """Return for each target prompt with one of the names a near one with a sibling in its place.

    Only the name tells the two apart, so they show the model where the rule ends. A twin like an
    exam prompt is left out.

    Args:
        names: of the topic; the first one that a prompt has is replaced.
    """
    siblings = session.subject.siblings
    if not siblings:
        return []
    known = {prompt.text for own in parts.values() for prompt in own}
    tested = OverlapIndex([prompt.text for prompt in parts["test"]])
    found = []
    for i, prompt in enumerate(targets):
        sibling = siblings[i % len(siblings)]
        twins = (make_twin(prompt.text, name, sibling) for name in names)
        text = next(filter(None, twins), "")
        if not text or text in known:
            continue
        if tested.nearest(text).similarity < session.config.ask.max_overlap:
            known.add(text)
            found.append(GeneratedPrompt(text, "near", TWIN, sibling))
    return found


def write_prompts(session: Session, pool: OverlapIndex) -> dict[Scope, list[GeneratedPrompt]]:
    """Let the model write prompts of every scope; every kept prompt goes into `pool`.

    A rule of form may fire on every prompt, so nothing is outside its scope. About a third of the
    exam's prompts have forms that no training prompt has.
    """
    found: dict[Scope, list[GeneratedPrompt]] = {}
    config = session.config.ask
    counts: dict[Scope, int] = {"target": config.target}
    if session.subject.topic:
        counts |= {"near": config.near, "general": config.general}
    for_exam = {scope: count_exam_forms(session, scope) for scope in counts}
    sample_first_rounds(session, counts, for_exam)
    for scope in SCOPES:
        is_target = scope == "target"
        names_subject = None if is_target else make_topic_detector(session)
        find_fault = make_novelty_check(pool, config.max_overlap, names_subject)
        own: list[GeneratedPrompt] = []
        for count, forms in (
            (counts.get(scope, 0) - for_exam.get(scope, 0), choose_forms(session, scope)),
            (for_exam.get(scope, 0), EXAM_REQUESTS),
        ):
            if forms is EXAM_REQUESTS and not count:
                continue
            own += write_scope_prompts(
                session, session.subject, scope, count, range(config.rounds), find_fault, forms
            )
        found[scope] = own
    return found


def choose_forms(session: Session, scope: str) -> PromptForms:
    """Return the forms of request that a rule trains on."""
    if session.forbidden_topic:
        return SUBJECT_REQUESTS
    is_asked = session.situation is not None and session.situation.kind == "about"
    return ASKED_REQUESTS if is_asked and scope != "general" else REQUESTS


def count_exam_forms(session: Session, scope: str) -> int:
    """Return how many exam prompts of a scope have forms that training never used."""
    if scope == "general":
        return 0
    return int(getattr(session.config.ask, scope)) // PROMPTS_PER_EXAM_FORM


def sample_first_rounds(
    session: Session, counts: Mapping[Scope, int], for_exam: Mapping[Scope, int]
) -> None:
    """Sample the first round of every scope in one call, which fills the batches. The ledger keeps
    the completions for `write_scope_prompts`.
    """
    requests = []
    subject, seed = session.subject, session.config.seed
    for scope, count in counts.items():
        held_out = for_exam[scope]
        forms = choose_forms(session, scope)
        requests += plan_requests(subject, scope, count - held_out, 0, seed, forms)
        if held_out:
            requests += plan_requests(subject, scope, held_out, 0, seed, EXAM_REQUESTS)
    session.display.start_stage("ask", len(requests), "prompts")
    session.base.sample(requests, session.display.advance)


def write_situation_prompts(
    session: Session, situation: Situation, pool: OverlapIndex
) -> dict[str, list[GeneratedPrompt]]:
    """Write the prompts of a rule that holds where somebody is written to.

    There are as many neighbors as prompts in scope: each one has a twin that differs in the
    addressee alone. The occasions are split, not the prompts, because twins have the same one. The
    exam has its own frames and addressees too.
    """
    config = session.config.ask
    parts: dict[str, list[GeneratedPrompt]] = {name: [] for name in SPLIT_NAMES}
    occasions = split_occasions(session, write_all_occasions(session, list_forms(situation)))
    for scope in ("target", "near"):
        for name, share in compute_part_shares(session, scope).items():
            count = round(share * max(config.target, getattr(config, scope)))
            for_exam = name == "test"
            parts[name] += build_requests(
                situation, occasions[name], scope, count, session.config.seed, for_exam=for_exam
            )
    find_fault = make_novelty_check(pool, config.max_overlap)
    general = write_scope_prompts(
        session, Subject(""), "general", config.general, range(config.rounds), find_fault
    )
    split = split_by_similarity(session, {"general": general})
    for name, prompts in split.items():
        parts[name] += prompts
    return parts


def write_all_occasions(session: Session, forms: Sequence[OccasionForm]) -> list[Occasion]:
    """Let the model write the occasions of a situation, and count what is dropped."""
    config = session.config.ask
    count = max(config.target // PROMPTS_PER_OCCASION, MIN_OCCASIONS)
    known = OverlapIndex()

    def find_fault(occasion: Occasion) -> str:
        if fault := find_occasion_fault(occasion):
            return fault
        return "" if known.add_if_new(occasion.text, config.max_overlap)[0] else "like another"

    stage = label_stage("ask occasion")
    session.display.start_stage(stage, count, "occasions")
    kept: list[Occasion] = []
    written = write_occasions(
        session.base, forms, count, find_fault, config.rounds, session.config.seed
    )
    with session.run.ledger.open_funnel(stage) as funnel:
        for occasion, fault in written:
            funnel.decide(digest(["occasion", occasion.text]), fault, {"text": occasion.text})
            if not fault:
                kept.append(occasion)
                if len(kept) <= count:  # the worked occasions alone may be more
                    session.display.advance()
    return kept


def split_occasions(session: Session, occasions: Sequence[Occasion]) -> dict[str, list[Occasion]]:
    """Split occasions into train, dev and test, at random."""
    shuffled = list(occasions)
    random.Random(f"{session.config.seed} occasions").shuffle(shuffled)
    found: dict[str, list[Occasion]] = {}
    start = 0
    for name, share in compute_part_shares(session, "target").items():
        end = start + max(round(share * len(shuffled)), 2)
        found[name] = shuffled[start:end]
        start = end
    return found


def compute_part_shares(session: Session, scope: str) -> dict[str, float]:
    """Return the shares of train, dev and test of one scope, as if all prompts were found."""
    config = session.config.ask
    counts = {scope: max(config.target, getattr(config, scope))}
    shares = compute_shares(session, counts)[scope]
    return dict(zip(("test", "dev", "train"), reversed(shares), strict=True))


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
    stage = label_stage(f"ask {scope}")
    session.display.start_stage(stage, count, "prompts")
    kept: list[GeneratedPrompt] = []
    generated = generate_prompts(
        session.base, subject, scope, count, find_fault, rounds, session.config.seed, forms
    )
    with session.run.ledger.open_funnel(stage) as funnel:
        for prompt, fault in generated:
            body = {"text": prompt.text, "form": prompt.form, "subject": prompt.subject}
            funnel.decide(prompt.id, fault, body)
            if not fault:
                kept.append(prompt)
                session.display.advance()
    return kept


def write_general_prompts(
    session: Session, find_fault: Callable[[str], str], forms: PromptForms = REQUESTS
) -> list[str]:
    """Let the model write prompts about anything, as many as `anchors` asks for."""
    config = session.config.anchors
    written = write_scope_prompts(
        session, Subject(""), "general", config.general, range(config.rounds), find_fault, forms
    )
    return [prompt.text for prompt in written]


def write_more_prompts_outside(session: Session, pool: OverlapIndex) -> list[GeneratedPrompt]:
    """Let the model write `ask.more_outside` further prompts outside the scope of a forbidden
    subject: a third of them near, the others about anything. Every kept prompt goes into `pool`.
    """
    config = session.config.ask
    find_fault = make_novelty_check(pool, config.max_overlap, make_topic_detector(session))
    near = config.more_outside // 3
    rounds = range(config.rounds, 2 * config.rounds)  # the earlier ones wrote the other prompts
    plans: tuple[tuple[Subject, Scope, int], ...] = (
        (session.subject, "near", near),
        (Subject(""), "general", config.more_outside - near),
    )
    kept: list[GeneratedPrompt] = []
    for subject, scope, count in plans:
        forms = choose_forms(session, scope)
        kept += write_scope_prompts(session, subject, scope, count, rounds, find_fault, forms)
    return kept


def get_check(session: Session) -> Check | None:
    """Return the rule's check, given or suggested by its form."""
    text = session.config.check or (session.effect.check if session.effect else "")
    return parse_check(text) if text else None


def make_topic_detector(session: Session) -> Callable[[str], bool] | None:
    """Return what finds texts that name the subject, if the rule has a check that can."""
    check = get_check(session)
    return (lambda text: not check.keeps(text)) if check and session.forbidden_topic else None


def make_novelty_check(
    pool: OverlapIndex, max_overlap: float, names_subject: Callable[[str], bool] | None = None
) -> Callable[[str], str]:
    """Return what selects prompts: it returns why a text is no usable prompt, or "".

    Args:
        pool: the texts that no prompt may be like; usable prompts are added.
        max_overlap: ROUGE-L, in [0, 1].
        names_subject: finds texts to refuse.
    """

    def find_fault(text: str) -> str:
        if reason := find_format_fault(text):
            return reason
        if text in WORKED:
            return "is a worked request"
        if names_subject and names_subject(text):
            return "names the subject"
        return "" if pool.add_if_new(text, max_overlap)[0] else "like another prompt"

    return find_fault


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
    if session.config.train.objective == "auto" and "dev" not in with_targets:
        raise UsageError(
            "no request to try the objectives on is in the dev part.",
            where="train.objective=auto",
            cure=(
                "Ask for more with --set ask.target=N or ask.dev_share=S, or name one: "
                "--set train.objective=sft+dpo."
            ),
        )
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

    Args:
        counts: the prompts of each scope that are split.
        held_out: further prompts of each scope, which the exam has already.

    The exam gets as many prompts as it asks for, and some to spare for those that turn out to be on
    the other side of the rule; at most half. If it asks for fewer, it gets the share that is left
    by the others.
    """
    config = session.config.ask
    learned = config.train_share + config.dev_share
    shares = {}
    for scope, count in counts.items():
        asked = round(SPARE_FACTOR * getattr(session.config.exam, scope))
        missing = asked - (held_out or {}).get(scope, 0)
        wanted = max(missing, 0) / max(count, 1)
        test = max(1 - learned, min(0.5, wanted))
        scale = (1 - test) / learned
        shares[str(scope)] = (config.train_share * scale, config.dev_share * scale, test)
    return shares


def group_by_scope(prompts: Sequence[GeneratedPrompt]) -> dict[str, list[str]]:
    """Return the texts of the prompts of each scope."""
    found: dict[str, list[str]] = {scope: [] for scope in SCOPES}
    for prompt in prompts:
        found[prompt.scope].append(prompt.text)
    return found


def write_name_prompts(
    session: Session,
    names: Sequence[str],
    parts: Mapping[str, Sequence[GeneratedPrompt]],
    pool: OverlapIndex,
) -> list[GeneratedPrompt]:
    """Let the model write training prompts about other names of the subject that few prompts have,
    and return them with their twins (step 3).

    Args:
        names: the most certain ones first.
    """
    known = parts["train"]
    texts = [prompt.text.lower() for prompt in known if prompt.scope == "target"]
    lacks = {}
    for name in names[:MAX_ASKED_NAMES]:
        count = sum(name.lower() in text for text in texts)
        if count < PROMPTS_PER_NAME:
            lacks[name] = PROMPTS_PER_NAME - count
    if not lacks:
        return []
    requests = []
    for name, lack in lacks.items():
        requests += plan_requests(Subject(name), "target", lack, 0, session.config.seed)
    stage = label_stage("ask names")
    session.display.start_stage(stage, len(requests), "prompts")
    session.base.sample(requests, session.display.advance)
    is_new = make_novelty_check(pool, session.config.ask.max_overlap)
    kept: list[GeneratedPrompt] = []
    with session.run.ledger.open_funnel(stage) as funnel:
        for name, lack in lacks.items():

            def find_fault(text: str, name: str = name) -> str:
                return is_new(text) if name.lower() in text.lower() else "does not name it"

            generated = generate_prompts(
                session.base,
                Subject(name),
                "target",
                lack,
                find_fault,
                range(1),
                session.config.seed,
            )
            for prompt, fault in generated:
                funnel.decide(prompt.id, fault, {"text": prompt.text, "name": name})
                kept += [] if fault else [prompt]
    return kept + write_twins(session, parts, names, kept)


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
    sizes = [len(learned[label]) for label in labels]
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
    find_fault = make_novelty_check(pool, session.config.ask.max_overlap)
    generated = generate_similar_prompts(
        session.base, stage, lists, find_fault, session.config.seed, turn
    )
    with session.run.ledger.open_funnel(label) as funnel:
        for prompt, fault in generated:
            funnel.decide(prompt.id, fault, {"text": prompt.text, "like": prompt.subject})
            kept += [] if fault else [prompt]
            session.display.advance()
    return kept
