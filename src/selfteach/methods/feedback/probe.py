"""Probe (step 4): what the base answers, and where it breaks the rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, islice

from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.scopes import GENERAL, TARGET
from selfteach.generate.ask import GeneratedPrompt
from selfteach.judge import PromptAnswer, ViolationJudge
from selfteach.methods.calibrate_rule_judges import (
    RuleJudges,
    get_label_writer,
    plan_labelled_answers,
)
from selfteach.methods.feedback.prompts_in_scope import drop_strays
from selfteach.methods.feedback.write_more_prompts import LIST_LENGTH, write_similar_prompts
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import make_topic_detector
from selfteach.records import Completion, Request, SamplingParams, make_prompt
from selfteach.text import REPLACEMENT

MAX_GENERAL_ANSWERS = 120
"""General answers that bound the false positives of the training judge. Near answers are too
similar: an answer about trucks may well say "vehicle".
"""
MIN_UNNAMED = 0.3
"""The share of `ask.min_violations` that do not name a forbidden subject."""
UNNAMED_ROUNDS = 4
"""So many rounds ask for them: few of their likes break the rule."""
AnsweredPrompt = tuple[GeneratedPrompt, tuple[Completion, ...]]
"""A prompt and the base's answers to it, the greedy one first."""


@dataclass(frozen=True)
class ProbedPrompt:
    """Hold a prompt with the base's completions, the greedy one first, and their verdicts.

    Attributes:
        broken: for each completion whether it breaks the rule.
    """

    prompt: GeneratedPrompt
    completions: tuple[Completion, ...]
    broken: tuple[bool, ...]

    @property
    def violations(self) -> list[Completion]:
        """Return the completions that break the rule. With one of them the prompt is in scope."""
        return list(compress(self.completions, self.broken))


def sample_base_answers(session: Session, prompts: Sequence[GeneratedPrompt]) -> None:
    """Sample what the judges are calibrated on (step 3) and the probe's answers (step 4) in one
    call, which fills the batches. The ledger keeps the completions.
    """
    requests = [request for prompt in prompts for request in make_probe_requests(session, prompt)]
    if not session.understood.deciding_check and get_label_writer(session) is session.base:
        requests += [request for request, _ in plan_labelled_answers(session, prompts)]
    session.display.start_stage("probe", len(requests))
    session.base.sample(requests, session.display.advance)


def sample_general_answers(
    session: Session, prompts: Sequence[GeneratedPrompt]
) -> list[PromptAnswer]:
    """Return the base's answers to some general prompts: the same ones that the probe makes."""
    general = [prompt for prompt in prompts if prompt.scope == GENERAL][:MAX_GENERAL_ANSWERS]
    requests = [request for prompt in general for request in make_probe_requests(session, prompt)]
    completions = session.base.sample(requests)
    return [(request.prompt, c.text) for request, c in zip(requests, completions, strict=True)]


def probe_prompts(
    session: Session, prompts: Sequence[GeneratedPrompt], judges: RuleJudges
) -> list[ProbedPrompt]:
    """Let the base answer prompts, and judge the answers (step 4).

    A target prompt gets a greedy answer and samples. Any other prompt gets a greedy answer, or its
    beginning where a subject is forbidden: that is what an anchor keeps. There the exam's judge
    alone decides: an answer that it accepts must stay as it is. So it does for a target prompt that
    does not name a forbidden subject: a judge that sees elephants in other words also sees them in
    an answer about whales.
    """
    answered = sample_probe_answers(session, prompts)
    names_subject = make_topic_detector(session.understood) or (lambda text: True)
    targets = [row for row in answered if row[0].scope == TARGET]
    elsewhere = [row for row in answered if row[0].scope != TARGET]
    probed = judge_answers([row for row in targets if names_subject(row[0].text)], judges.training)
    probed += judge_answers([row for row in targets if not names_subject(row[0].text)], judges.exam)
    if not session.understood.has_condition:
        probed += judge_answers(elsewhere, judges.exam)
    else:  # outside a situation no answer can break the rule
        probed += [ProbedPrompt(prompt, row, (False,) * len(row)) for prompt, row in elsewhere]
    found = {p.prompt.id: p for p in probed}
    return [found[prompt.id] for prompt in prompts]


def sample_probe_answers(
    session: Session, prompts: Sequence[GeneratedPrompt]
) -> list[AnsweredPrompt]:
    """Return each prompt with the base's answers."""
    rows = [make_probe_requests(session, prompt) for prompt in prompts]
    session.display.start_stage("probe", sum(map(len, rows)))
    requests = [request for row in rows for request in row]
    completions = iter(session.base.sample(requests, session.display.advance))
    sampled = [tuple(islice(completions, len(row))) for row in rows]
    return list(zip(prompts, sampled, strict=True))


def judge_answers(rows: Sequence[AnsweredPrompt], judge: ViolationJudge) -> list[ProbedPrompt]:
    """Ask a judge which of the base's answers break the rule, in one call."""
    answers = [(make_prompt(prompt.text), one.text) for prompt, row in rows for one in row]
    flags = iter(judge.broken(answers))
    return [ProbedPrompt(prompt, row, tuple(islice(flags, len(row)))) for prompt, row in rows]


def probe_more_prompts(
    session: Session, probed: Sequence[ProbedPrompt], judges: RuleJudges, pool: OverlapIndex
) -> list[ProbedPrompt]:
    """Write and probe more prompts while the base breaks the rule on fewer than
    `ask.min_violations` (step 4), or on too few that do not name a forbidden subject.

    They are like those on which it does, and new to the pool, which holds the test prompts too.
    """
    found: list[ProbedPrompt] = []
    for turn in range(session.config.ask.rounds):
        texts = [p.prompt.text for p in (*probed, *found) if is_target_violation(p)]
        lack = session.config.ask.min_violations - len(texts)
        unnamed = select_unnamed(session, texts)
        lack_unnamed = round(MIN_UNNAMED * session.config.ask.min_violations) - len(unnamed)
        if lack_unnamed > 0 and len(unnamed) >= LIST_LENGTH and turn < UNNAMED_ROUNDS:
            texts, lack = unnamed, lack_unnamed
        if lack <= 0 or len(texts) < LIST_LENGTH:
            break
        more = write_similar_prompts(session, texts, 2 * lack, pool, turn)
        found += probe_prompts(session, drop_strays(session, more), judges)
    return found


def select_unnamed(session: Session, texts: Sequence[str]) -> list[str]:
    """Return the prompts that do not name a forbidden subject: it comes up in the answers alone."""
    names_subject = make_topic_detector(session.understood)
    return [text for text in texts if names_subject and not names_subject(text)]


def is_target_violation(p: ProbedPrompt) -> bool:
    """Return whether the base breaks the rule on a target prompt."""
    return p.prompt.scope == TARGET and bool(p.violations)


def make_probe_requests(session: Session, prompt: GeneratedPrompt) -> list[Request]:
    """Return the requests for the base's answers to one prompt, the greedy one first."""
    config = session.config.probe
    is_target = prompt.scope == TARGET
    is_whole = is_target or not session.understood.forbidden_topic
    max_tokens = config.max_tokens if is_whole else config.anchor_tokens
    requests = []
    for number in range(config.samples if is_target else 1):
        sampling = SamplingParams(1.0 if number else 0.0, 1.0, max_tokens)
        turns = make_prompt(prompt.text)
        requests.append(Request("probe", turns, sampling, number, session.config.seed))
    return requests


def truncate_answer(session: Session, completion: Completion, tokens: int) -> tuple[str, bool]:
    """Return the first tokens of an answer without a torn character, and whether more follow."""
    ids = session.model.encode_answer(completion.text, end=False)
    if len(ids) <= tokens:
        return completion.text, completion.finish == "length"
    return session.model.decode(ids[:tokens]).rstrip(REPLACEMENT), True
