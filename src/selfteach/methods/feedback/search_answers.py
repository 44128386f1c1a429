"""Search an answer that keeps the rule for each prompt that needs one (step 5)."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence

from selfteach.dedup.overlap import split_words
from selfteach.evaluate.scopes import TARGET
from selfteach.generate.search import (
    TOP_P,
    AnswerSearch,
    SearchTrace,
    plan_search,
    truncate_before,
)
from selfteach.judge import PromptAnswer, ViolationJudge
from selfteach.judge.check import Check
from selfteach.judge.opening import SAYS_NOTHING, says_nothing
from selfteach.judge.promise import only_promises
from selfteach.judge.violation import find_violation
from selfteach.methods.brief_answers import limits_length, sample_brief_answers
from selfteach.methods.feedback.answer_faults import (
    find_faults,
    find_least_fluency,
    find_occasions,
    is_about_messages,
    measure_fluency,
)
from selfteach.methods.feedback.probe import ProbedPrompt
from selfteach.methods.feedback.repair_answers import (
    drop_unfinished_sentence,
    make_repair,
    repair_own_answers,
)
from selfteach.methods.feedback.training_settings import replaces_words
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import get_subject_check
from selfteach.records import Request, SamplingParams, get_user_text, make_prompt

MIN_BEGINNING_WORDS = 3
"""A shorter beginning of an answer is not gone on from: hardly anything of it would be left."""
NUM_OTHERS = 8
"""Other prompts that an answer must not fit better than its own."""
NUM_SAMPLES = 6
"""Further answers of the base to a prompt, which show how sure it is."""
MIN_CONFIDENT = 5
"""So many of the samples break the rule where the base is sure of the forbidden thing."""


def search_compliant_answers(
    session: Session,
    by_text: Mapping[str, ProbedPrompt],
    about: Collection[str],
    judge: ViolationJudge,
    check: Check | None,
) -> list[SearchTrace]:
    """Search an answer that keeps the rule for each prompt, within the budget.

    Args:
        about: the ids of prompts that are about a forbidden subject.
    """
    session.display.start_stage("search", len(by_text), "found")
    rule = session.understood
    begun = find_beginnings(by_text, check) if check and not rule.forbidden_topic else {}
    declined = set()
    names = get_subject_check(rule) if check else None
    if rule.forbidden_topic:
        declined = {text for text, p in by_text.items() if is_to_decline(p, about, names)}
    occasions = find_occasions(session, by_text.values())
    repair = make_repair(session, judge, occasions)
    answered = [p for text, p in by_text.items() if text not in declined]
    fluency = measure_fluency(session, answered)
    least = find_least_fluency(session, fluency)
    repairs = repair_own_answers(by_text, declined, repair, fluency, least)
    brief = answer_briefly(session, by_text, check)
    if rule.forbidden_topic:
        unrepaired = [p for p in answered if not repairs.get(p.prompt.text)]
        declined |= find_confident_violations(session, unrepaired, judge, names)
        repairs |= keep_greedy_answers(unrepaired)
    others = choose_others(session, by_text)
    is_brief = check is not None and limits_length(check)

    def find_answer_faults(pairs: Sequence[PromptAnswer], strategies: Sequence[str]) -> list[str]:
        faults = find_faults(session, pairs, strategies, least, others, occasions)
        return add_empty_answers(session, faults, pairs) if is_brief else faults

    traces = plan_search(
        list(by_text),
        bool(rule.forbidden_topic) or replaces_words(rule.effect),
        declined=declined,
        begun=begun,
        repairs=repairs,
        brief=brief,
        given=choose_given_answer(session, check),
        is_short=is_brief,
    )
    search = AnswerSearch(
        session.teacher or session.base,
        session.rule,
        judge.broken,
        find_answer_faults,
        repair,
        session.config.search,
        session.config.seed,
        by_teacher=session.teacher is not None,
    )
    search.run(traces, session.display.advance)
    return traces


def add_empty_answers(
    session: Session, faults: Sequence[str], pairs: Sequence[PromptAnswer]
) -> list[str]:
    """Return the faults, with that of each other answer that says nothing yet. A message may say
    no more than the words of its request, and an answer may be what the rule tells to say.
    """
    may_repeat = is_about_messages(session)
    told = split_words(session.understood.statement)
    found = []
    for fault, (prompt, text) in zip(faults, pairs, strict=True):
        is_empty = only_promises(text) if may_repeat else says_nothing(get_user_text(prompt), text)
        is_told = bool(told) and split_words(text) == told
        found.append(fault or (SAYS_NOTHING if is_empty and not is_told else ""))
    return found


def choose_given_answer(session: Session, check: Check | None) -> str:
    """Return the answer that the rule gives to questions about a topic, or "".

    A teacher writes its own answers, and what a person's check refuses is none.
    """
    answer = session.understood.answer
    if session.teacher or (check and not check.keeps(answer)):
        return ""
    return answer


def answer_briefly(
    session: Session, by_text: Mapping[str, ProbedPrompt], check: Check | None
) -> dict[str, list[str]]:
    """Return brief answers by prompt, where a rule limits the length of some answers only.

    What is left of a long email after its first sentence says nothing. A limit on all answers keeps
    to repairs: the less they change, the less such a model drifts.
    """
    situation = session.understood.situation
    if check is None or situation is None or session.teacher or not limits_length(check):
        return {}
    prompts = {text: make_prompt(text) for text in by_text}
    sampled = sample_brief_answers(
        session.base,
        list(prompts.values()),
        [str(check)],
        session.config.probe.max_tokens,
        1 + session.config.search.answers,
        session.config.seed,
        situation.genre or ("message" if situation.kind == "writing" else ""),
    )
    return {text: sampled[prompt] for text, prompt in prompts.items() if sampled[prompt]}


def choose_others(session: Session, texts: Collection[str]) -> list[str]:
    """Choose the prompts that an answer must not fit better than its own."""
    dice = random.Random(f"{session.config.seed} others")
    return dice.sample(sorted(texts), min(NUM_OTHERS, len(texts)))


def is_to_decline(p: ProbedPrompt, about: Collection[str], names: Check | None) -> bool:
    """Return whether a decline is the right answer to a request.

    It is for a request that names the forbidden subject. One that only seems to be about it must
    get a violation in every answer of the base: then the forbidden thing itself is what the base
    would say, and an answer without it would be a falsehood. Without a check nothing tells a name,
    and the judge of requests decides alone. A request that is about something else is not declined,
    whatever the base answers: whoever learns to decline "What do I have to do?" declines anything.

    Args:
        about: the ids of prompts that are about the subject.
        names: a check that texts without the subject's names keep.
    """
    if p.prompt.id not in about:
        return False
    names_subject = names is None or not names.keeps(p.prompt.text)
    return names_subject or all(p.broken)


def find_confident_violations(
    session: Session,
    probed: Sequence[ProbedPrompt],
    judge: ViolationJudge,
    names: Check | None,
) -> set[str]:
    """Return the target prompts on which the base says the forbidden thing with confidence: its
    greedy answer breaks the rule, and so do MIN_CONFIDENT of NUM_SAMPLES more samples.

    Another answer would be a falsehood there: the largest land animal is no giraffe. Where the base
    says it by chance ("I am writing this. What do I have to do?"), its samples differ.

    Args:
        judge: decides where no check finds the forbidden thing.
        names: a check that texts without the forbidden thing keep.
    """
    doubtful = [p.prompt.text for p in probed if p.prompt.scope == TARGET and p.broken[0]]
    max_tokens = session.config.probe.max_tokens
    sampling = SamplingParams(session.config.search.temperature, TOP_P, max_tokens)
    requests = [
        Request("confidence", make_prompt(text), sampling, number, session.config.seed)
        for text in doubtful
        for number in range(NUM_SAMPLES)
    ]
    samples = session.base.sample(requests)
    answers = [(r.prompt, one.text) for r, one in zip(requests, samples, strict=True)]
    broken = [not names.keeps(text) for _, text in answers] if names else judge.broken(answers)
    return {
        text
        for n, text in enumerate(doubtful)
        if sum(broken[n * NUM_SAMPLES : (n + 1) * NUM_SAMPLES]) >= MIN_CONFIDENT
    }


def keep_greedy_answers(probed: Sequence[ProbedPrompt]) -> dict[str, list[str]]:
    """Return the greedy answer of the base by prompt, where only its samples break the rule: that
    is what it would say itself. A sample that keeps it is often about something else. An answer
    that was cut off in its only sentence is left out.
    """
    kept = [p for p in probed if not p.broken[0]]
    answers = {p.prompt.text: drop_unfinished_sentence(p.completions[0]) for p in kept}
    return {text: [answer] for text, answer in answers.items() if answer}


def find_beginnings(by_text: Mapping[str, ProbedPrompt], check: Check) -> dict[str, str]:
    """Return by prompt what `branch` continues; a prompt without a usable beginning is left out."""
    beginnings = {text: get_compliant_beginning(p, check) for text, p in by_text.items()}
    return {text: beginning for text, beginning in beginnings.items() if beginning}


def get_compliant_beginning(p: ProbedPrompt, check: Check) -> str:
    """Return how the first violation begins, as far as it keeps the rule.

    It is "" where that is less than MIN_BEGINNING_WORDS words.
    """
    text = p.violations[0].text
    found = find_violation(check, text)
    start = truncate_before(text, found.start) if found else ""
    return start if len(start.split()) >= MIN_BEGINNING_WORDS else ""
