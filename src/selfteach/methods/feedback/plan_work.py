"""The work of a run of `feedback`, before it starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from selfteach.config import FeedbackConfig
from selfteach.generate.ask import count_near_requests
from selfteach.generate.asked_for import list_requests_for_others
from selfteach.generate.few_shot import NAME_LISTS
from selfteach.generate.subject import NUM_NAME_LISTS, NUM_SIBLING_LISTS, list_name_words
from selfteach.generate.worked_requests import find_related_topics, find_worked_topics
from selfteach.materials.rules.scopes.situation import has_built_requests, has_known_requests
from selfteach.methods.feedback.amounts import name_needless_stage
from selfteach.methods.feedback.conversations import AFTER_DECLINES, ELSEWHERE
from selfteach.methods.feedback.describe_rule import describe_rule, describe_text
from selfteach.methods.feedback.own_mistakes import has_correctable_mistakes
from selfteach.methods.feedback.rule_occasions import plan_rule_occasions
from selfteach.methods.feedback.shared_openings import NEAR_PER_OPENING
from selfteach.methods.feedback.shared_words import NEAR_PER_SHARED
from selfteach.methods.feedback.training_settings import (
    EPOCHS,
    choose_epochs,
    complete_training,
    only_replaces_words,
)
from selfteach.methods.feedback.understand_rule import find_askers, read_words
from selfteach.methods.learn_mistakes import OWN_MISTAKES_STAGE
from selfteach.methods.plan_parts import (
    EXAM_ARMS,
    Plan,
    go_on,
    plan_training,
)
from selfteach.methods.understood_rule import get_check
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
REPLACED_SHARE = 0.37
"""Pairs for a target prompt where words are replaced, as a share of its answers."""
LONGER_ANSWERS = 1.2
"""The factor on the answers of a rule of form: they are whole answers, not declines."""
LISTS_OF_NAMES = NUM_SIBLING_LISTS + NUM_NAME_LISTS * (1 + len(NAME_LISTS))
LISTS_OF_ASKED = 2 * NUM_SIBLING_LISTS + 3 * NUM_NAME_LISTS
LIST_TOKENS = 21
"""Requests for the words, the siblings and the names of a forbidden subject; of one that is asked
about; and the tokens of each.
"""
EXPLANATIONS = 120
EXPLANATION_TOKENS = 32
"""Requests for explanations of words that may be other names of a subject."""
ASKED_PER_OCCASION = 1.5
"""Requests for an occasion that does not come with the package."""
TARGET_ANSWERS = 2
"""Exam answers of an arm to a target prompt: greedy and sampled."""
NUM_WAYS = 2
"""Other conversations in which some target prompts are asked again (conversations.py)."""
CHOOSING_ANSWERS = 2
"""Base answers by which a target prompt of the exam is chosen. The exam samples the greedy one no
more; the other one measures nothing else."""
MORE_EXAM_PROMPTS = 0.4
"""Requests for more target prompts, as a share of those of the exam; half of them are answered. Two
runs: .87 where the base broke the rule on too few prompts, and 0."""

LATER_SHARE = 0.6
"""Of the anchors of a forbidden subject that are asked again after a decline, as many are answered
there: 235 of 393 in one run."""
OWN_MISTAKE_SHARE = 0.1
"""The share of the tuned model's own sampled answers that break the rule and are corrected. Five
rules: .02, .04, .09, .17 and .28."""
SHOWN_SHARE = 0.3
"""The share of further prompts outside a condition to which the tuned model's answer shows the
effect or declines; the base answers these. Two rules: .16 and .38."""
NEEDLESS_SHARES = (0.12, 0.05)
"""The share of further prompts outside a condition that become anchors, in the first try and in a
later one. Six rules: .02 to .16 in the first one; three rules: .03 to .08 in a second one.
"""


@dataclass(frozen=True)
class RuleWords:
    """Hold what the words of a rule and the settings say without a model.

    Attributes:
        has_scope: whether the rule holds in a situation only.
        is_built: whether its requests are built of parts.
        is_checked: whether a check decides alone.
        is_corrected: whether the tuned model's own mistakes are corrected.
        is_everywhere: whether it holds for every request, and forbids no subject. Then there are no
            near and no general prompts.
        is_replaced: whether it writes some words for others, and no teacher answers: the base's own
            answers are corrected.
        name_words: the single words of the name of a topic that is asked about.
        is_asked: whether it holds where somebody asks about a topic of their own.
        is_worked: whether worked requests about other topics, or for other kinds of text, are at
            hand.
        epochs: how often its examples are seen where no setting says so.
        missing_occasions: how many occasions of built requests the model writes.
    """

    has_scope: bool
    is_built: bool
    is_checked: bool
    is_corrected: bool
    is_everywhere: bool
    is_replaced: bool
    name_words: tuple[str, ...] = ()
    is_asked: bool = False
    is_worked: bool = False
    epochs: int = EPOCHS
    missing_occasions: int = 0

    @property
    def forbids_subject(self) -> bool:
        """Return whether the rule forbids a subject."""
        return not self.is_everywhere and not self.has_scope


@dataclass(frozen=True)
class PromptCounts:
    """Hold how many prompts there are to learn from.

    Attributes:
        targets: in scope.
        others: outside, from the same requests.
        more_outside: further ones outside a forbidden subject, for short anchors.
        asked_again: those of `others` that are asked once more after a decline.
        anchor_tokens: the tokens of an anchor of `others`.
    """

    targets: int
    others: int
    more_outside: int
    asked_again: int
    anchor_tokens: int


def plan_work(text: str, config: FeedbackConfig) -> list[PlannedStage]:
    """Return the stages of a run, from what the words of the rule say without a model.

    The shares are means of 10 runs of rules with the default model (`python -m bench.time_left`).
    How many answers break the rule is known only later; the search depends on it most.
    """
    rule = plan_rule(text, config)
    prompts = count_prompts(rule, config)
    read = 0 if rule.is_checked else READ_TOKENS * (prompts.targets + prompts.others)
    return [
        PlannedStage("load"),
        *plan_questions(rule, prompts, config, read),
        plan_search(rule, prompts, config),
        *plan_training_and_exams(rule, prompts, config),
    ]


def plan_rule(text: str, config: FeedbackConfig) -> RuleWords:
    """Read a rule and the settings without a model."""
    rule = read_words(text, config)
    situation = rule.situation
    topic = situation.topic if situation and situation.kind == "about" else ""
    is_asked = bool(topic) and not has_known_requests(topic)
    others = list_requests_for_others(situation.genre) if situation else []
    is_built = has_built_requests(situation)
    missing = 0
    if situation and is_built:
        missing = plan_rule_occasions(rule, situation, config.ask.target).missing
    is_known = bool(find_askers(rule) or find_worked_topics(topic) or find_related_topics(topic))
    return RuleWords(
        rule.has_condition,
        is_built=is_built,
        is_checked=bool(rule.deciding_check),
        is_corrected=has_correctable_mistakes(config, rule),
        is_everywhere=not rule.has_condition and not rule.may_forbid,
        is_replaced=only_replaces_words(rule) and not config.teacher,
        name_words=() if has_known_requests(topic) else list_name_words(topic),
        is_asked=is_asked,
        is_worked=bool(others) if is_built else is_asked and is_known,
        epochs=choose_epochs(get_check(rule), has_condition=rule.has_condition),
        missing_occasions=missing,
    )


def count_outside(rule: RuleWords, config: FeedbackConfig) -> int:
    """Return how many prompts outside the scope are written."""
    if rule.is_everywhere:
        return 0
    near = count_near_requests(config.ask.near, rule.name_words)
    if rule.is_asked:
        near += config.ask.near // NEAR_PER_SHARED + config.ask.near // NEAR_PER_OPENING
    return near + config.ask.general


def count_prompts(rule: RuleWords, config: FeedbackConfig) -> PromptCounts:
    """Return how many prompts there are to learn from."""
    ask = config.ask
    beside = count_outside(rule, config)
    anchor_tokens = min(config.probe.anchor_tokens, config.probe.max_tokens)
    if rule.has_scope:  # anchors are as long as the examples
        anchor_tokens = int(ANSWER_SHARE * config.probe.max_tokens)
    return PromptCounts(
        targets=int(ask.target * ask.train_share),
        others=int(beside * ask.train_share),
        more_outside=ask.more_outside if rule.forbids_subject else 0,
        asked_again=int(beside * ask.train_share) if rule.forbids_subject else 0,
        anchor_tokens=anchor_tokens,
    )


def plan_questions(
    rule: RuleWords, prompts: PromptCounts, config: FeedbackConfig, read: int
) -> list[PlannedStage]:
    """Return the stages up to the probe: what is asked, and what the base answers.

    Args:
        read: the tokens that a judge of answers reads.
    """
    ask, exam = config.ask, config.exam
    beside = count_outside(rule, config)
    asked = int(ASKED_PER_PROMPT * (ask.target + beside))
    if rule.is_built:
        asked = int(ASKED_PER_OCCASION * rule.missing_occasions + GENERAL_ASKED * ask.general)
    lists = LISTS_OF_ASKED if rule.has_scope else LISTS_OF_NAMES
    if rule.is_built or rule.is_everywhere:
        lists = 0
    explained = EXPLANATIONS if rule.forbids_subject and not rule.is_checked else 0
    calibrated = 0 if rule.is_checked else 2 * config.judge.pairs
    probes = prompts.targets * config.probe.samples
    answer_tokens = ANSWER_SHARE * config.probe.max_tokens
    probe_tokens = probes * answer_tokens + prompts.others * prompts.anchor_tokens
    more = int(MORE_EXAM_PROMPTS * exam.target)
    choosing = CHOOSING_ANSWERS * (exam.target + more // 2)
    choosing_tokens = more * PROMPT_TOKENS + choosing * ANSWER_SHARE * exam.max_tokens
    return [
        PlannedStage("ask", lists + asked, lists * LIST_TOKENS + asked * PROMPT_TOKENS),
        PlannedStage("base answers", probes + prompts.others, int(probe_tokens)),
        PlannedStage(
            "judge",
            explained + calibrated,
            explained * EXPLANATION_TOKENS + int(calibrated * answer_tokens),
            read,
            by_teacher=rule.is_everywhere or rule.has_scope,
        ),
        PlannedStage("probe", more + choosing, int(choosing_tokens), read),
    ]


def plan_search(rule: RuleWords, prompts: PromptCounts, config: FeedbackConfig) -> PlannedStage:
    """Return the stage that searches answers, and samples the anchors after a decline and the short
    ones.
    """
    asked_outside = int(GENERAL_ASKED * prompts.more_outside)
    requests = SEARCH_REQUESTS * prompts.targets
    longer = LONGER_ANSWERS if rule.is_checked else 1
    searched = int(longer * SEARCH_SHARE * config.search.max_tokens * prompts.targets)
    read = SEARCH_READ_TOKENS * prompts.targets
    if rule.is_replaced:
        read = 0
        requests = config.search.own_answers * prompts.targets
        searched = int(ANSWER_SHARE * config.probe.max_tokens * requests)
    return PlannedStage(
        "search",
        requests + prompts.asked_again + asked_outside + prompts.more_outside,
        searched
        + prompts.asked_again * prompts.anchor_tokens
        + asked_outside * PROMPT_TOKENS
        + prompts.more_outside * config.probe.short_anchor_tokens,
        read,
        by_teacher=True,
    )


def plan_training_and_exams(
    rule: RuleWords, prompts: PromptCounts, config: FeedbackConfig
) -> list[PlannedStage]:
    """Return the exam of the base, the training, and the exam of the tuned model."""
    exam = config.exam
    answers = TARGET_ANSWERS * exam.target
    answers += 0 if rule.is_everywhere else exam.near + exam.general
    answers += NUM_WAYS * min(ELSEWHERE, exam.target)
    answers += 0 if rule.is_everywhere else AFTER_DECLINES
    base_answers = (EXAM_ARMS - 1) * answers - exam.target
    judged = 0 if rule.is_checked else READ_TOKENS * base_answers
    exam_tokens = ANSWER_SHARE * exam.max_tokens
    longer = LONGER_ANSWERS if rule.is_checked else 1
    per_prompt = PAIRS_PER_PROMPT if rule.is_everywhere or not rule.is_checked else 1
    if rule.is_replaced:
        per_prompt = REPLACED_SHARE * (1 + config.search.own_answers)
    pairs = int(prompts.targets * per_prompt)
    pair_tokens = int(longer * TRAINED_SHARE * config.probe.max_tokens * pairs)
    whole_anchors = prompts.others + int(LATER_SHARE * prompts.asked_again)
    tokens = pair_tokens + prompts.anchor_tokens * whole_anchors
    tokens += prompts.more_outside * config.probe.short_anchor_tokens
    rows = pairs + whole_anchors + prompts.more_outside
    train = complete_training(
        config.train, forbids_subject=rule.forbids_subject, epochs=rule.epochs
    )
    if train.once and train.epochs and not train.max_steps:  # a part of them in each epoch
        tokens = pair_tokens + (tokens - pair_tokens) // train.epochs
        rows = pairs + (rows - pairs) // train.epochs
    training = [plan_training("train", tokens, rows, train)]
    trainings = 1
    if rule.is_corrected:
        training += plan_own_mistakes(training[0], rows, prompts, config)
        trainings = 2
    if rule.has_scope and config.balance.outside:
        training += plan_tries_outside(training[-1], trainings, rule, prompts, config)
    if config.balance.continue_training and train.adapter != "closed_form":
        training = [training[0], *(go_on(stage, train) for stage in training[1:])]
    return [
        _plan_exam("exam of the base", base_answers, exam_tokens, judged),
        *training,
        _plan_exam("exam", answers, exam_tokens, READ_TOKENS * answers),
    ]


def plan_own_mistakes(
    first: PlannedStage, rows: int, prompts: PromptCounts, config: FeedbackConfig
) -> list[PlannedStage]:
    """Return the stages in which the tuned model's own answers are corrected, and it is trained
    again.

    Args:
        first: the training before.
        rows: the examples of one epoch of it.
    """
    answers = config.balance.own_samples * prompts.targets
    tokens = int(ANSWER_SHARE * answers * config.probe.max_tokens)
    more = 1 + OWN_MISTAKE_SHARE * answers / max(rows, 1)
    again = replace(
        first,
        name="train 2",
        trained_tokens=int(more * first.trained_tokens),
        trained_rows=int(more * first.trained_rows),
    )
    return [PlannedStage(OWN_MISTAKES_STAGE, answers, tokens), again]


def plan_tries_outside(
    last: PlannedStage,
    trainings: int,
    rule: RuleWords,
    prompts: PromptCounts,
    config: FeedbackConfig,
) -> list[PlannedStage]:
    """Return the stages in which the tuned model is tried outside the condition of a rule, and
    trained again, as often as the settings allow.

    Args:
        last: the training before.
        trainings: how many there are before.
    """
    outside = config.balance.outside
    general = outside - outside // 2
    tried = outside + general if rule.is_worked else outside
    asked = int(GENERAL_ASKED * (general if rule.is_worked or rule.is_built else outside))
    answers = tried + int(SHOWN_SHARE * tried)
    tokens = asked * PROMPT_TOKENS + int(ANSWER_SHARE * answers * config.probe.max_tokens)
    share = tried / max(prompts.targets + prompts.others, 1)
    more = 1.0
    stages = []
    for turn in range(1, config.balance.outside_tries + 1):
        more += NEEDLESS_SHARES[min(turn, len(NEEDLESS_SHARES)) - 1] * share
        stages += [
            PlannedStage(name_needless_stage(turn), asked + answers, tokens, READ_TOKENS * answers),
            replace(
                last,
                name=f"train {trainings + turn}",
                trained_tokens=int(more * last.trained_tokens),
                trained_rows=int(more * last.trained_rows),
            ),
        ]
    return stages


def _plan_exam(name: str, answers: int, tokens: float, read: int) -> PlannedStage:
    return PlannedStage(name, answers, int(answers * tokens), read)


PLAN = Plan(plan_work, describe=describe_rule, describe_text=describe_text)
