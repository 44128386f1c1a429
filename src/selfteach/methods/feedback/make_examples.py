"""Make examples: a found answer against an answer of the base that breaks the rule (step 5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from selfteach.evaluate.scopes import TARGET
from selfteach.generate.search import LOST_REASON, SearchTrace, Try
from selfteach.judge import ViolationJudge
from selfteach.judge.check import Check
from selfteach.judge.violation import find_forbidden_words, find_violation
from selfteach.methods.feedback.correct_answers import correct_answer, list_cut
from selfteach.methods.feedback.probe import ProbedPrompt, truncate_answer
from selfteach.methods.feedback.prompts_in_scope import find_about_subject
from selfteach.methods.feedback.repair_answers import count_shared
from selfteach.methods.feedback.search_answers import search_compliant_answers
from selfteach.methods.feedback.training_settings import (
    forbids_texts,
    may_train_unlikelihood,
    only_replaces_words,
)
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import get_check
from selfteach.records import (
    Completion,
    Example,
    Request,
    SamplingParams,
    digest,
    make_prompt,
    prompt_to_json,
)
from selfteach.run.ledger import OpenFunnel
from selfteach.train.encode_and_batch import FORBIDDEN

NAMES_SUBJECT = "is about the subject, though it was asked for outside it"
NOT_FOUND = "no good answer within search.tries"
NOT_CORRECTED = "no answer of the base could be corrected"
_NEXT_WORD = re.compile(r"\s*\S*")


def make_violation_examples(
    session: Session, probed: Sequence[ProbedPrompt], judge: ViolationJudge
) -> tuple[list[Example], list[SearchTrace]]:
    """Pair each accepted answer with an answer of the base that breaks the rule (step 5).

    Outside the target scope a request needs an answer without the violation, and never a refusal.
    One that is about the subject after all is dropped.
    """
    in_scope = [p for p in probed if p.violations]
    check = get_check(session.understood)
    if check and only_replaces_words(session.understood) and session.teacher is None:
        return make_word_examples(session, in_scope, check)
    examples: list[Example] = []
    with session.run.ledger.open_funnel("search", (p.prompt.id for p in in_scope)) as funnel:
        about = find_about_subject(session, [p.prompt for p in in_scope])
        strays = {p.prompt.id for p in in_scope if p.prompt.scope != TARGET} & about
        for id in strays:
            funnel.decide(id, NAMES_SUBJECT)
        by_text = {p.prompt.text: p for p in in_scope if p.prompt.id not in strays}
        traces = search_compliant_answers(session, by_text, about, judge, check)
        for trace in traces:
            p = by_text[trace.prompt]
            if trace.num_tries is None:
                drop_unsolved(funnel, p.prompt.id, trace)
            else:
                funnel.accept(p.prompt.id)
                examples += make_pairs(session, p, trace, check)
    return examples, traces


def make_word_examples(
    session: Session, in_scope: Sequence[ProbedPrompt], check: Check
) -> tuple[list[Example], list[SearchTrace]]:
    """Pair the base's own answers with themselves, some words written for others (step 5).

    Such a rule asks nothing else of an answer, so nothing is searched: the greedy answer and
    `search.own_answers` more are corrected. These are drawn at the temperature of the search,
    nearer to what the base says most often than at temperature 1. Where none of them breaks the
    rule, the answer is corrected by which the probe found that the base does. An answer that was
    cut off stops there in both texts.
    """
    config = session.config
    sampling = SamplingParams(config.search.temperature, 1.0, config.probe.max_tokens)
    requests = [
        Request("search again", make_prompt(p.prompt.text), sampling, number, config.seed)
        for p in in_scope
        for number in range(config.search.own_answers)
    ]
    session.display.start_stage("search", len(requests))
    drawn = iter(session.base.sample(requests, session.display.advance))
    examples: list[Example] = []
    traces = []
    with session.run.ledger.open_funnel("search", (p.prompt.id for p in in_scope)) as funnel:
        for p in in_scope:
            trace = SearchTrace(p.prompt.text, "repair only")
            own = [p.completions[0], *islice(drawn, config.search.own_answers)]
            broken = [answer for answer in own if not check.keeps(answer.text)]
            for answer in broken or p.violations[:1]:
                corrected, fault = correct_answer(session.understood, check, answer)
                trace.tries.append(Try(corrected or answer.text, "repair", fault))
                if not fault:
                    examples.append(make_word_example(session, p, check, answer, corrected))
            if trace.num_tries is None:
                drop_unsolved(funnel, p.prompt.id, trace, NOT_CORRECTED)
            else:
                funnel.accept(p.prompt.id)
            traces.append(trace)
    by_id = {example.id: example for example in examples}  # an answer may be drawn twice
    return list(by_id.values()), traces


def make_word_example(
    session: Session, p: ProbedPrompt, check: Check, answer: Completion, corrected: str
) -> Example:
    """Make the example of an answer and its correction, both whole: every place counts."""
    prompt = make_prompt(p.prompt.text)
    source = {
        "strategy": "repair",
        "scope": p.prompt.scope,
        "cut": list_cut(answer, corrected),
        "teacher_prompt": prompt_to_json(make_prompt(p.prompt.text, system=session.rule)),
        "teacher_sees_answer": True,
        FORBIDDEN: find_forbidden_words(check, answer.text),
    }
    id = digest([p.prompt.id, answer.text])
    return Example(id, "in_scope", prompt, corrected, answer.text, source=source)


def make_pairs(
    session: Session, p: ProbedPrompt, trace: SearchTrace, check: Check | None
) -> list[Example]:
    """Make an example of each accepted answer to one prompt.

    One rejected answer is whole where unlikelihood is trained, which needs every place of a
    forbidden text: the first that does not branch from it. The others hold what DPO needs. The
    teacher's prompt is the rule and the request: it holds the answer only where the rule gives it.
    """
    examples = []
    is_forbidden = forbids_texts(check) and may_train_unlikelihood(session.config.train)
    teacher_prompt = prompt_to_json(make_prompt(trace.prompt, system=session.rule))
    others = [number for number, best in enumerate(trace.accepted) if best.strategy != "branch"]
    for number, best in enumerate(trace.accepted):
        place = 0 if best.strategy == "branch" else number % len(p.violations)
        violation = p.violations[place]
        if is_forbidden and number in others[:1]:
            rejected, rejected_cut = violation.text, violation.finish == "length"
        else:
            rejected, rejected_cut = make_rejected(session, violation, check, best)
        source = {
            "strategy": best.strategy,
            "scope": p.prompt.scope,
            "cut": ["chosen"] * best.cut + ["rejected"] * rejected_cut,
            "teacher_prompt": teacher_prompt,
            "teacher_sees_answer": True,
        }
        if check:
            source[FORBIDDEN] = find_forbidden_words(check, rejected)
        id = digest([p.prompt.id, best.text])
        prompt = make_prompt(trace.prompt)
        scores: dict[str, float] = {"tries": trace.num_tries or 0}
        examples.append(Example(id, "in_scope", prompt, best.text, rejected, scores, source))
    return examples


def make_rejected(
    session: Session, completion: Completion, check: Check | None, best: Try
) -> tuple[str, bool]:
    """Return the rejected answer, and whether it was cut off.

    It holds the first tokens, and the violation at least. Against a branch it ends with the
    violation. Without a check nothing tells where that is: then it holds at least the word with
    which it parts from the accepted answer.
    """
    end = 0
    if check is None:
        shared = count_shared(best.text, completion.text)
        end = len(completion.text) - len(_NEXT_WORD.sub("", completion.text[shared:], count=1))
    if check and (found := find_violation(check, completion.text)):
        end = found.end
        if best.strategy == "branch":
            return completion.text[:end], True
    min_tokens = len(session.model.encode_answer(completion.text[:end], end=False)) if end else 0
    tokens = max(session.config.probe.rejected_tokens, min_tokens)
    return truncate_answer(session, completion, tokens)


def drop_unsolved(funnel: OpenFunnel, id: str, trace: SearchTrace, reason: str = NOT_FOUND) -> None:
    """Drop a prompt without an accepted answer; mark it failed if the teacher answered nothing."""
    last = trace.tries[-1]
    body = {"prompt": trace.prompt}
    if all(one.fault == LOST_REASON for one in trace.tries):
        funnel.decide(id, LOST_REASON, body, failed=True)
    else:
        body |= {"last": last.text, "fault": last.fault}
        funnel.decide(id, reason, body)
