"""What `--dry-run` says about a rule: how it was read, and requests of each scope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from selfteach.config import FeedbackConfig
from selfteach.generate.ask import GeneratedPrompt, Scope, generate_prompts_of_scopes
from selfteach.generate.occasions import Occasion, list_occasions_of_topic, list_worked_occasions
from selfteach.generate.situations import build_requests
from selfteach.judge.check import NAMES_OF_CHECK, keeps_check, parse_check
from selfteach.judge.language import is_surely_foreign
from selfteach.materials.rules.check_conflict import find_conflict
from selfteach.materials.rules.effects.effect import split_unread
from selfteach.materials.rules.scopes.situation import (
    Situation,
    has_built_requests,
    has_known_requests,
    name_written_topic,
)
from selfteach.methods.feedback.prompts_in_scope import make_topic_check
from selfteach.methods.feedback.request_forms import asks_for_nothing, choose_forms
from selfteach.methods.feedback.say_plainly import is_unread
from selfteach.methods.feedback.understand_rule import (
    ALSO_NEEDS_CHECK,
    ALSO_NOT_USED,
    describe_wide_scope,
    describe_worked_requests,
    read_words,
    state_otherwise,
    understand_rule,
)
from selfteach.methods.understood_rule import UnderstoodRule, add_other_names
from selfteach.models import Sampler
from selfteach.records import JsonObject, make_prompt
from selfteach.select.other_names import add_given_names, sketch_other_names
from selfteach.select.prompt_format import find_format_fault
from selfteach.text import list_texts

if TYPE_CHECKING:
    from selfteach.models.hf import HfModel
    from selfteach.models.kept_engine import UnloadedModel

NO_TARGET = "(none of the requests that the model wrote for this preview names the subject)"
EVERYTHING = "every request: the rule holds everywhere"
NO_SUBJECT = "none recognized: the rule may apply to every request"
NUM_REQUESTS = 2
"""Requests that are shown of each scope."""
SHOWN_ROUNDS = 2
NAMES_NOTE = "the run finds them in the base's answers"
MORE_NAMES_NOTE = "the run finds in the base's answers"
LANGUAGE_NOTE = "English, with the words of the rule: the model continues English examples"
NEIGHBORS_NOTE = (
    " (the run decides which of them are other names or kinds of the subject, and leaves these out)"
)
PROMPTED_TITLE = "# The base model with the rule in its prompt gets this."


def describe_rule(
    base: HfModel | UnloadedModel,
    sampler: Sampler,
    text: str,
    config: FeedbackConfig,
    *,
    verbose: bool,
) -> JsonObject:
    """Return how a rule was read, requests of each scope, and what the plan does not count.

    Args:
        verbose: also return the whole prompt of the base with the rule.
    """
    found = leave_out_named_neighbors(understand_rule(sampler, text, config), config.also)
    described: JsonObject = {
        **describe_plan(found, config),
        "requests_of_each_scope": show_requests(found, sampler, config.seed, config.also),
        "not_counted": list_uncounted(config),
    }
    if found.subject.siblings and not has_known_requests(found.subject.topic):
        described["neighbors"] += NEIGHBORS_NOTE
    if found.forbidden_topic:
        described["other_names"] = show_other_names(found, sampler, config)
    if verbose:
        ids = base.encode(make_prompt("What is a tree?", system=found.rule.text))
        described["prompts"] = [f"{PROMPTED_TITLE}\n{base.tokenizer.decode(ids)}"]
    return described


def leave_out_named_neighbors(found: UnderstoodRule, also: Sequence[str]) -> UnderstoodRule:
    """Return what was understood without the neighbors of a forbidden subject that hold a name that
    the person adds.
    """
    if not (found.forbidden_topic and also):
        return found
    names = parse_check(add_other_names("", also))
    siblings = tuple(one for one in found.subject.siblings if names.keeps(one))
    return replace(found, subject=replace(found.subject, siblings=siblings))


UNCHECKED = (
    "the best calibrated judge: no check is known for these words, and where no judge can tell, "
    "the run stops before it trains (say what decides with --check)"
)
"""What decides a rule without a check, and what the person can do."""
BY_TEACHER = f"a check, if the teacher says the rule in plain words that are read; else {UNCHECKED}"
"""What decides it where there is a teacher."""
PLAIN_WORDS = (
    "the run asks the teacher for them, because the form of the rule is not known; where its "
    "wordings agree, they are the rule, while all that is said here is of your own words"
)
"""What a preview without the teacher cannot show."""


def describe_text(text: str, config: FeedbackConfig) -> JsonObject:
    """Return what the words of a rule say without a model: where it holds, what it demands, and
    what decides it.
    """
    return describe_words(read_words(text, config), config)


def describe_words(found: UnderstoodRule, config: FeedbackConfig) -> JsonObject:
    """Return where a rule holds, what it demands, and what decides it."""
    rule = found.rule
    lines: JsonObject = {"when": rule.scope, "then": rule.effect} if rule.scope else {}
    if read_as := state_otherwise(rule):
        lines["read_as"] = read_as
    if is_surely_foreign(rule.text):
        lines["language_of_requests"] = LANGUAGE_NOTE
    asks_teacher = bool(config.teacher) and is_unread(rule, config)
    if asks_teacher:
        lines["plain_words"] = PLAIN_WORDS
    if config.also and not found.may_forbid:
        lines["other_names"] = ALSO_NOT_USED
    lines |= describe_names(found, config)
    if found.judge_name not in NAMES_OF_CHECK:
        return lines | {"decided_by": f"the judge {found.judge_name}"}
    named = replace(found, other_names=tuple(config.also)) if found.forbidden_topic else found
    unchecked = BY_TEACHER if asks_teacher else UNCHECKED
    lines["decided_by"] = name_check(named) if named.check else unchecked
    if found.unchecked:
        lines["not_checked"] = "; ".join(found.unchecked)
    part, unread = (None, []) if found.check else split_unread(rule.effect)
    if part:
        lines["no_check_for"] = list_texts(unread)
        lines["check_of_the_rest"] = f"{part.check} (give it with --check to decide by it)"
    if found.given_check and (conflict := find_conflict(found.given_check, rule, keeps_check)):
        lines["conflict"] = conflict
    return lines


def name_check(found: UnderstoodRule) -> str:
    """Return the check that decides, after what it looks for where that is a sentence."""
    is_own = found.statement and not found.given_check
    looked_for = f'whether an answer says "{found.statement}": ' if is_own else ""
    return f"{looked_for}the check {found.check}"


def describe_names(found: UnderstoodRule, config: FeedbackConfig) -> JsonObject:
    """Return what the names do that the person adds (--also) and removes (--not)."""
    lines: JsonObject = {}
    if config.also and found.forbidden_topic:
        named = f"forbidden as the subject is: {', '.join(config.also)}"
        lines["also"] = named if found.check else ALSO_NEEDS_CHECK
    if config.not_also and not (found.forbidden_topic or found.may_forbid):
        lines["not"] = "--not is not used: the rule forbids no subject"
    elif config.not_also and found.given_check:
        lines["not"] = "--not is not used: beside --check no other names are looked for"
    elif config.not_also:
        lines["not"] = f"no name of the subject, if the run finds it: {', '.join(config.not_also)}"
    return lines


def describe_plan(found: UnderstoodRule, config: FeedbackConfig) -> JsonObject:
    """Return what `describe_text` does, and what the requests are about."""
    rule = found.rule
    lines: JsonObject = {
        "subject": found.subject.topic or rule.scope or (EVERYTHING if found.effect else NO_SUBJECT)
    }
    read = describe_words(found, config)
    decided = read.pop("decided_by")
    lines |= read
    if wider := describe_wide_scope(found):
        lines["holds_in"] = wider
    if found.subject.siblings:
        others = "other requests about " if found.subject.is_form else ""
        lines["neighbors"] = others + ", ".join(found.subject.siblings)
    if worked := describe_worked_requests(found):
        lines["worked_requests"] = worked
    if found.forbidden_topic:
        lines["other_names"] = ", ".join(config.also) or NAMES_NOTE
    elif config.also:
        lines["other_names"] = ALSO_NOT_USED
    return {**lines, "decided_by": decided}


def show_other_names(found: UnderstoodRule, sampler: Sampler, config: FeedbackConfig) -> str:
    """Return the other names of a forbidden subject that need no answers of the base."""
    listed: list[str] = []
    if found.names_check and not found.given_check:
        named = parse_check(found.names_check)
        listed = sketch_other_names(sampler, found.subject, named, config.seed)
    names = add_given_names(listed, config.also, config.not_also)
    return f"{', '.join(names)} (and what {MORE_NAMES_NOTE})" if names else NAMES_NOTE


def show_requests(
    found: UnderstoodRule, sampler: Sampler, seed: int, also: Sequence[str] = ()
) -> list[str]:
    """Return requests of each scope that this rule has, each with its scope before it.

    Args:
        also: other names of a forbidden subject.
    """
    situation = found.situation
    shown = []
    scopes: tuple[Scope, ...] = ("target", "near", "general")
    if situation and has_built_requests(situation):
        shown = show_situation_requests(situation, seed)
        scopes = ("general",)
    elif not found.subject.topic:
        scopes = ("target",)
    written = generate_prompts_of_scopes(
        sampler,
        found.subject,
        scopes,
        NUM_REQUESTS,
        make_filter(found, also),
        SHOWN_ROUNDS,
        seed,
        lambda scope: choose_forms(found.subject, situation, scope),
    )
    if "target" in scopes and not any(prompt.scope == "target" for prompt in written):
        shown.append(f"target: {NO_TARGET}")
    return [*shown, *(f"{prompt.scope}: {prompt.text}" for prompt in written)]


def make_filter(
    found: UnderstoodRule, also: Sequence[str] = ()
) -> Callable[[GeneratedPrompt], bool]:
    """Return what tells whether a text is a request that names the subject in the rule's scope, and
    outside of it does not name a forbidden one.

    Args:
        also: other names of a forbidden subject.
    """
    named = add_other_names(found.names_check, also)
    check = parse_check(named) if found.forbidden_topic and named else None
    topic = check or (make_topic_check(found.subject) if found.subject.topic else None)

    def is_good(prompt: GeneratedPrompt) -> bool:
        if find_format_fault(prompt.text, is_talk=asks_for_nothing(found.subject, prompt.scope)):
            return False
        if prompt.scope == "target":
            return topic is None or not topic.keeps(prompt.text)
        return check is None or check.keeps(prompt.text)

    return is_good


def show_situation_requests(situation: Situation, seed: int) -> list[str]:
    """Return requests in scope and their neighbors, each with its scope before it."""
    form, worked = next(iter(list_worked_occasions(situation).items()))
    occasions = [Occasion(form, text) for text in worked[:NUM_REQUESTS]]
    if topic := name_written_topic(situation):
        occasions += list_occasions_of_topic([form], topic)
    shown = []
    scopes: tuple[Scope, ...] = ("target", "near")
    for scope in scopes:
        built = build_requests(situation, occasions, scope, NUM_REQUESTS, seed, for_exam=False)
        shown += [f"{scope}: {prompt.text}" for prompt in built]
    return shown


def list_uncounted(config: FeedbackConfig) -> list[str]:
    """Return the further steps that the configuration turns on, and what depends on answers that
    are not known yet.
    """
    more = (
        "more requests, if the base breaks the rule on fewer than "
        f"{config.ask.min_violations} prompts (ask.min_violations)"
    )
    rounds = (
        f"balance.rounds={config.balance.rounds}: for each round up to "
        f"{config.balance.prompts} requests, and another training"
    )
    rows = {
        more: config.ask.min_violations,
        rounds: config.balance.rounds,
        f"the trials of objectives, {config.train.trial_steps} steps each": config.train.objective
        == "auto",
        "the trainings and exams of the data-need curve": config.curve,
        (
            f"what the model answers in training (train.on_policy={config.train.on_policy:g})"
        ): config.train.on_policy,
        "the time and the price of the teacher, which drafts and judges": config.teacher,
    }
    return [what for what, wanted in rows.items() if wanted]
