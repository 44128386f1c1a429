"""The work of a run of `feedback`, before it starts."""

from __future__ import annotations

from selfteach.config import FeedbackConfig
from selfteach.generate.ask import NUM_NAME_LISTS, NUM_SIBLING_LISTS
from selfteach.generate.few_shot import NAME_LISTS
from selfteach.materials.effect import read_effect
from selfteach.materials.rule import read_rule
from selfteach.materials.situation import read_situation
from selfteach.methods.feedback.conversations import ELSEWHERE
from selfteach.methods.feedback.describe_rule import describe_rule, describe_text
from selfteach.methods.feedback.training_settings import complete_training
from selfteach.methods.plan_parts import EXAM_ARMS, Plan, plan_training
from selfteach.run.workload import PlannedStage

ASKED_PER_PROMPT = 1.6
GENERAL_ASKED = 1.5
"""Requests for one usable prompt; the others repeat, or are about something else."""
PROMPT_TOKENS = 11
"""Tokens of a prompt that the model writes."""
ANSWER_SHARE = 0.8
"""The mean length of an answer, as a share of the longest that is allowed."""
READ_TOKENS = 120
"""Tokens that a judge reads for an answer: worked examples, prompt and answer."""
SEARCH_REQUESTS = 3
SEARCH_SHARE = 0.8
SEARCH_READ_TOKENS = 250
"""Requests of the search for one prompt; all their tokens, as a share of the longest answer; and
the tokens that measure its fluency."""
TRAINED_SHARE = 0.9
"""Answer tokens that are trained for a target prompt in an epoch, those of both answers of a pair,
as a share of the longest answer of the probe."""
PAIRS_PER_PROMPT = 1.6
"""Pairs for a target prompt; a rule of form that holds in a situation has about one."""
LONGER_ANSWERS = 1.2
"""The factor on the answers of a rule of form: they are whole answers, not declines."""
LISTS_OF_NAMES = NUM_SIBLING_LISTS + NUM_NAME_LISTS * (1 + len(NAME_LISTS))
LISTS_OF_ASKED = 2 * NUM_SIBLING_LISTS + 3 * NUM_NAME_LISTS
LIST_TOKENS = 21
"""Requests for the words, the siblings and the names of a forbidden subject; of one that is asked
about; and the tokens of each.
"""
EXPLANATIONS = 60
EXPLANATION_TOKENS = 32
"""Requests for explanations of words that may be other names of a subject."""
OCCASIONS_PER_PROMPT = 0.75
"""Requests for the occasions of a rule that holds where somebody is written to."""
TARGET_ANSWERS = 2
"""Exam answers of an arm to a target prompt: greedy and sampled."""
NUM_WAYS = 3
"""Other conversations in which some target prompts are asked again (conversations.py)."""
CHOOSING_ANSWERS = 2
"""Base answers by which a target prompt of the exam is chosen. The exam samples the greedy one no
more; the other one measures nothing else."""
MORE_EXAM_PROMPTS = 0.4
"""Requests for more target prompts, as a share of those of the exam; half of them are answered. Two
runs: .87 where the base broke the rule on too few prompts, and 0."""


def plan_work(text: str, config: FeedbackConfig) -> list[PlannedStage]:
    """Return the stages of a run, from what the words of the rule say without a model.

    The shares are means of 10 runs of rules with the default model (`python -m bench.time_left`).
    How many answers break the rule is known only later; the search depends on it most. A rule of
    form that holds everywhere has no near and no general prompts.
    """
    rule = read_rule(text, config.when, config.then)
    effect = read_effect(rule.effect)
    form = effect.check if effect else ""
    is_checked = bool(config.check or (form and (rule.scope or "contains" not in form)))
    is_everywhere = is_checked and not rule.scope and "contains" not in (config.check or form)
    ask, exam = config.ask, config.exam
    beside = 0 if is_everywhere else ask.near + ask.general
    asked = int(ASKED_PER_PROMPT * (ask.target + beside))
    is_writing = bool(rule.scope) and read_situation(rule.scope).kind == "writing"
    if is_writing:
        asked = int(OCCASIONS_PER_PROMPT * ask.target + GENERAL_ASKED * ask.general)
    forbids = not is_everywhere and not rule.scope
    more_outside = ask.more_outside if forbids else 0
    lists = LISTS_OF_ASKED if rule.scope else LISTS_OF_NAMES
    if is_writing or is_everywhere:
        lists = 0
    explained = EXPLANATIONS if lists and not is_checked and not rule.scope else 0
    targets = int(ask.target * ask.train_share)
    others = int(beside * ask.train_share)
    calibrated = 0 if is_checked else 2 * config.judge.pairs
    probes = targets * config.probe.samples
    probe_tokens = ANSWER_SHARE * (probes + calibrated) * config.probe.max_tokens
    anchor_tokens = min(config.probe.anchor_tokens, config.probe.max_tokens)
    if rule.scope:  # anchors are as long as the examples
        anchor_tokens = int(ANSWER_SHARE * config.probe.max_tokens)
    probe_tokens += others * anchor_tokens
    short_tokens = more_outside * config.probe.short_anchor_tokens
    asked_outside = int(GENERAL_ASKED * more_outside)
    exam_beside = 0 if is_everywhere else exam.near + exam.general
    answers = TARGET_ANSWERS * exam.target + exam_beside
    answers += NUM_WAYS * min(ELSEWHERE, exam.target)
    base_answers = (EXAM_ARMS - 1) * answers - exam.target
    exam_tokens = ANSWER_SHARE * exam.max_tokens
    more = int(MORE_EXAM_PROMPTS * exam.target)
    choosing = CHOOSING_ANSWERS * (exam.target + more // 2)
    choosing_tokens = more * PROMPT_TOKENS + choosing * exam_tokens
    learned = targets + others
    longer = LONGER_ANSWERS if is_checked else 1
    pairs = int(targets * (PAIRS_PER_PROMPT if is_everywhere or not is_checked else 1))
    tokens = int(longer * TRAINED_SHARE * config.probe.max_tokens * pairs)
    tokens += anchor_tokens * others + short_tokens
    rows = pairs + others + more_outside
    train = complete_training(config.train, effect, has_condition=bool(rule.scope))
    read = 0 if is_checked else READ_TOKENS * learned
    return [
        PlannedStage("load"),
        PlannedStage("ask", lists + asked, lists * LIST_TOKENS + asked * PROMPT_TOKENS),
        PlannedStage("base answers", probes + others + calibrated, int(probe_tokens)),
        PlannedStage("judge", explained, explained * EXPLANATION_TOKENS, read),
        PlannedStage("probe", more + choosing, int(choosing_tokens), read),
        PlannedStage(
            "search",
            SEARCH_REQUESTS * targets + asked_outside + more_outside,
            int(longer * SEARCH_SHARE * config.search.max_tokens * targets)
            + asked_outside * PROMPT_TOKENS
            + short_tokens,
            SEARCH_READ_TOKENS * targets,
        ),
        _plan_exam("exam of the base", base_answers, exam_tokens, 0),
        plan_training("train", tokens, rows, train),
        _plan_exam("exam", answers, exam_tokens, READ_TOKENS * answers),
    ]


def _plan_exam(name: str, answers: int, tokens: float, read: int) -> PlannedStage:
    return PlannedStage(name, answers, int(answers * tokens), read)


PLAN = Plan(plan_work, describe=describe_rule, describe_text=describe_text)
