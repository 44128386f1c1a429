"""Feedback: one rule in plain words becomes weights.

  1  read the rule, and let the model name its subject
  2  ask: the model writes requests in three scopes; they are split into train, dev and test at
     once
  3  judge: every candidate judge is calibrated before it is used; the best one decides
  4  probe: the base answers; a prompt is in scope exactly where it breaks the rule
  5  search: for each prompt in scope an answer that keeps the rule, verified, or none
  6  balance: clusters of prompts; where dev answers still break the rule, more prompts like them
     are written and learned
  7  train: in scope the found answers against the broken ones; elsewhere the base's own answers
     hold it in place
  8  exam: base, rule in the prompt, tuned, on prompts that were not used to choose anything

Source: ELVF (I)-(IV); C3PO (arXiv 2402.10893) for the scopes; LLM2LLM (arXiv 2403.15042) for the
rounds.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, islice, takewhile
from statistics import mean
from typing import cast

from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError
from selfteach.evaluate.exam import (
    GENERAL,
    NEAR,
    TARGET,
    Arm,
    Exam,
    TunedModel,
    answer_all,
    make_requests,
)
from selfteach.evaluate.sanity import is_looping
from selfteach.evaluate.side_effects import find_side_effects
from selfteach.generate.ask import GeneratedPrompt, Subject
from selfteach.generate.search import (
    LOST_REASON,
    RepairTexts,
    SearchTrace,
    Try,
    revise_texts,
    search_answers,
    truncate_before,
)
from selfteach.judge import PromptAnswer, ViolationJudge
from selfteach.judge.check import Check, parse_check
from selfteach.judge.decline import is_decline
from selfteach.judge.occasion import names_occasion
from selfteach.judge.repair import repair_answer
from selfteach.judge.request_judge import RequestJudge, calibrate_request_judge
from selfteach.judge.violation import find_violation
from selfteach.materials.rule import Rule, read_rule
from selfteach.methods.anchors import OwnAnswer, keep_answers
from selfteach.methods.calibrate_rule_judges import (
    RuleJudges,
    add_other_names,
    choose_judges,
    get_deciding_check,
    plan_labelled_answers,
)
from selfteach.methods.feedback.data_curve import find_n90, measure_curve
from selfteach.methods.feedback.describe_rule import describe_rule
from selfteach.methods.feedback.exam import RuleScorer, build_exam
from selfteach.methods.feedback.plan_work import plan_work
from selfteach.methods.feedback.understand_rule import WHEN_CURE, bind_rule
from selfteach.methods.method import Method, TrainingPlan
from selfteach.methods.runner import tune
from selfteach.methods.session import Session
from selfteach.methods.worked_turns import add_worked_turns, make_worked_turns
from selfteach.methods.write_prompts import (
    LIST_LENGTH,
    get_check,
    write_prompts_like_failures,
    write_rule_prompts,
    write_similar_prompts,
)
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import TOO_LONG_WITH_TEXT
from selfteach.records import (
    Completion,
    Continuations,
    Example,
    JsonMapping,
    JsonObject,
    ObjectiveWeights,
    Prompt,
    Request,
    SamplingParams,
    digest,
    get_user_text,
    make_prompt,
    prompt_to_json,
)
from selfteach.run.ledger import OpenFunnel
from selfteach.select.clusters import PromptClusters, cluster_prompts
from selfteach.select.other_names import quote, select_other_names
from selfteach.text import drop_last_sentence, split_sentences

ANCHOR_WEIGHTS = {"near": {"anchor": 8.0}, "general": {"anchor": 8.0}}
"""Weights of anchors, outside the scope. The first token decides whether the model applies the
rule. An anchor has about 24 tokens, so its first token is only 1/24 of its mean loss.
"""
MAX_GENERAL_ANSWERS = 120
"""General answers that bound the false positives of the training judge. Near answers are too
similar: an answer about trucks may well say "vehicle".
"""
MIN_BEGINNING_WORDS = 3
DEV = {"target": 24, "near": 12, "general": 12}
"""How many dev prompts of each scope a learning rate is chosen on."""
MIN_TOPIC_LETTERS = 4
MAX_STEM_LETTERS = 4
"""A word of the topic is found by its first letters: "open*" for "opening"."""
MAX_CALIBRATED = 80
"""Requests of each side on which the judge of requests is calibrated."""
SAMPLED = ("own", "ruled")
"""The strategies whose answers must be as fluent as the base's, and fit their own request best."""
MIN_NAMED = 0.25
"""The least share of the base's messages that name their occasion, for examples to need it."""
REACH_QUANTILE = 0.95
"""The share of lessons that end within an anchor's tokens."""
NUM_OTHERS = 8
"""Other prompts that an answer must not fit better than its own."""
STRAY_WORDS = 12
"""Words of an answer that are compared."""
NUM_WORKED = 16
MAX_WORKED_WORDS = 700
"""Worked examples in a context, and their words."""
FLUENCY_QUANTILE = 0.2
MIN_FLUENCY_ANSWERS = 20
NAMES_SUBJECT = "is about the subject, though it was asked for outside it"
NOT_FOUND = "no good answer within search.tries"
NAMED_ANCHOR = "is about the subject, though the base kept the rule"
WRONG_SIDE = "is on the other side of the condition"
NO_DECLINE = "does not decline"
NEEDLESS_DECLINE = "declines where an answer is possible"
TELLS_NOTHING = "says nothing of what the message is about"
STRAY_ANSWER = "fits another request better"


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


def prepare(session: Session, text: str) -> TrainingPlan:
    """Turn a rule into a training plan.

    Raises:
        DataError: an empty rule, or one that no judge can decide.
    """
    run = session.run
    with run.time_stage("ask"):
        rule = bind_rule(session, text)  # 1
        pool = OverlapIndex()
        parts = write_rule_prompts(session, pool)  # 2
    with run.time_stage("base answers"):
        sample_base_answers(session, parts["train"])
    with run.time_stage("judge"):
        find_other_names(session, parts["train"])  # 3
        session.request_judge = choose_request_judge(session, parts["train"])
        general_answers = sample_general_answers(session, parts["train"])
        judges = choose_judges(session, parts["train"], general_answers)
        parts = keep_prompts_in_scope(session, parts)
    with run.time_stage("probe"):
        probed = probe_prompts(session, parts["train"], judges)  # 4
        probed += probe_more_prompts(session, probed, judges, pool)
    training = RuleTraining(session, rule, parts, pool, judges)
    with run.time_stage("search"):
        learned = training.add_examples(probed)  # 5
    if learned:
        training.objectives = choose_objectives(
            session, training.examples, parts["dev"], judges.training
        )  # 7
        if context := session.run.ledger.get_note("teacher_context"):
            written = make_contexts(session, training.examples)[context]
            training.examples = add_teacher_prompts(training.examples, written)
    return training.plan()


@dataclass
class RuleTraining:
    """Hold what is known of one rule; every balance round adds examples.

    Attributes:
        traces: the searches, for the report.
        rounds: how many balance rounds are done.
        clusters: of train and dev prompts, once there are any.
    """

    session: Session
    rule: Rule
    parts: Mapping[str, list[GeneratedPrompt]]
    pool: OverlapIndex
    judges: RuleJudges
    examples: list[Example] = field(default_factory=list)
    traces: list[SearchTrace] = field(default_factory=list)
    objectives: ObjectiveWeights = field(default_factory=dict)
    rounds: int = 0
    clusters: PromptClusters | None = None

    def plan(self) -> TrainingPlan:
        """Return what is trained and how it is examined, with what is known so far."""
        session = self.session
        session.run.ledger.set_note("search", summarize_search(self.traces))
        return TrainingPlan(
            examples=list(self.examples),
            objectives=self.objectives,
            exam=self.make_exam(self.examples),  # 8
            improve=self.improve,
            after=self.add_data_curve,
            score_on_dev=self.score_on_dev,
            instruction=self.rule.text,
            shown=show_arms,
            overhead=make_prompt("x", system=session.rule),
        )

    def make_exam(self, examples: Sequence[Example]) -> Exam:
        """Return the exam on test prompts, of a model that was trained on these examples."""
        return build_exam(
            self.session, self.judges.exam, self.parts["test"], examples, self.rule.id
        )

    def add_examples(self, probed: Sequence[ProbedPrompt]) -> bool:
        """Add the examples and anchors of probed prompts; return whether there is more to learn.

        Anchors are added only in the first round, or together with something to learn.
        """
        judge = self.judges.training
        found, traces = make_violation_examples(self.session, probed, judge)
        if found or not self.rounds:
            reach = find_reach(self.session, found)
            self.examples += found + make_rule_anchors(self.session, probed, reach)
            self.traces += traces
        return bool(found)

    def improve(self, tuned: TunedModel) -> TrainingPlan | None:
        """Write more prompts like the dev prompts on which the tuned model still breaks the rule,
        and search answers for them (step 6).

        The quota of a cluster is proportional to its failure rate on dev times the root of its
        size. Test prompts play no part.
        """
        with self.session.run.time_stage("balance"):
            grown = self.balance(tuned)
        return self.plan() if grown else None

    def balance(self, tuned: TunedModel) -> bool:
        """Add the examples of one balance round; return whether there are any."""
        session = self.session
        config = session.config.balance
        known = self.parts["train"] + self.parts["dev"]
        if len(known) < 2 * config.clusters:
            return False
        if self.clusters is None:
            embedded = session.base.embed([make_prompt(prompt.text) for prompt in known])
            self.clusters = cluster_prompts(embedded, config.clusters, session.config.seed)
            learned = {e.turns[-1].content: e.kind == "in_scope" for e in self.examples}
            note_clusters(session, known, self.clusters, learned)
        if self.rounds >= config.rounds:
            return False
        targets = [prompt for prompt in self.parts["dev"] if prompt.scope == TARGET]
        failed = find_dev_failures(
            session, tuned.recorded, make_prompt, targets, self.judges.training
        )
        note_clusters(session, known, self.clusters, failed)
        if not any(failed.values()):
            return False
        labels = map(int, self.clusters.labels)
        cluster_of = {prompt.text: label for prompt, label in zip(known, labels, strict=True)}
        more = write_prompts_like_failures(
            session, cluster_of, self.parts, failed, self.pool, self.rounds
        )
        self.rounds += 1
        return self.add_examples(probe_prompts(session, more, self.judges))

    def score_on_dev(self, model: Recorded) -> float:
        """Return the share of dev answers in scope that keep the rule, plus the share of other dev
        answers that are not degraded, minus that of needless declines and effects.
        """
        session = self.session
        exam = build_exam(
            session, self.judges.exam, self.parts["dev"], self.examples, self.rule.id, DEV
        )
        arms = {
            "base": Arm(session.base, exam.questions),
            "tuned": Arm(model, exam.questions),
        }
        answers = answer_all(session, arms, exam)
        scorer = cast(RuleScorer, exam.scorer)
        kept = scorer.score(answers[TARGET]).both("tuned")
        effects = find_side_effects(answers, exam.taught_texts, exam.find_allowed_repeats)
        intact = [flag for own in effects.intact.values() for flag in own["tuned"]]
        needless = scorer.find_needless(answers)
        harm = mean(needless["tuned"]) - mean(needless["base"]) if needless["base"] else 0.0
        return (mean(kept) if kept else 0.0) + (mean(intact) if intact else 1.0) - harm

    def add_data_curve(self, tuned: TunedModel | None, exam: JsonObject) -> None:
        """Add how few prompts would have been enough, where the settings want it."""
        session = self.session
        if tuned is None or not session.config.curve:
            return
        with session.run.time_stage("curve"):
            points = measure_curve(session, self.examples, self.objectives, self.make_exam)
            session.run.ledger.set_note("curve", points)
        exam["data_need"] = {"n90": find_n90(points), "points": points}


def find_other_names(session: Session, prompts: Sequence[GeneratedPrompt]) -> None:
    """Add other names of a forbidden subject to the check that decides (step 3).

    The model finds them; `also` adds some, and `not_also` removes some. A check that the person
    gave gets those of `also` alone.
    """
    config = session.config
    suggested = session.effect.check if session.effect else ""
    if not session.forbidden_topic or not (config.check or suggested):
        return
    names = list(config.also)
    if not config.check:
        inside, elsewhere = collect_answers(session, prompts)
        refused = {name.lower() for name in (*config.not_also, *config.also)}
        known = parse_check(suggested)
        found = select_other_names(session.base, session.subject, known, inside, elsewhere)
        names += [name for name in found if name.lower() not in refused]
    session.run.ledger.set_note("other_names", names)
    if not names:
        return
    shown = ", ".join(names)
    session.display.print_line(f"other names of {session.forbidden_topic}: {shown}")
    if config.check:
        check = add_other_names(config.check, names)
        session.config = config.model_copy(update={"check": check})
    elif session.effect:
        session.effect = replace(session.effect, check=add_other_names(suggested, names))


def collect_answers(
    session: Session, prompts: Sequence[GeneratedPrompt]
) -> tuple[list[str], list[str]]:
    """Return the base's answers to requests about the topic, and everything said elsewhere."""
    inside: list[str] = []
    elsewhere: list[str] = []
    for prompt in prompts:
        answers = session.base.sample(make_probe_requests(session, prompt))
        if prompt.scope == TARGET:
            inside += [answer.text for answer in answers]
        else:
            elsewhere += [prompt.text, *(answer.text for answer in answers)]
    return inside, elsewhere


def choose_request_judge(
    session: Session, prompts: Sequence[GeneratedPrompt]
) -> RequestJudge | None:
    """Calibrate the judge of requests (step 3); a rule without a topic needs none.

    Where a rule holds for a topic, only requests that name the topic, or a word of it, are in
    scope: a score alone lets in what the model wrote beside the topic.
    """
    subject = session.subject
    if not subject.topic:
        return None
    if not session.forbidden_topic:
        return RequestJudge(session.base, subject, make_topic_check(subject), math.inf)
    own = [p.text for p in prompts if p.scope == TARGET and p.subject == subject.topic]
    others = [p.text for p in prompts if p.scope != TARGET]
    check = get_check(session)
    judge, report = calibrate_request_judge(
        session.base, subject, check, own[:MAX_CALIBRATED], others[:MAX_CALIBRATED]
    )
    session.run.ledger.set_note("request_judge", report)
    return judge


def make_topic_check(subject: Subject) -> Check:
    """Return the check that texts without a word of the topic keep."""
    words = [word for word in subject.topic.split() if len(word) >= MIN_TOPIC_LETTERS]
    stems = [f"{word[:MAX_STEM_LETTERS]}*" for word in words] or [subject.topic]
    names = [f'contains "{quote(name)}"' for name in (*stems, *subject.words)]
    return parse_check(f"not ({' or '.join(names)})")


def keep_prompts_in_scope(
    session: Session, parts: Mapping[str, list[GeneratedPrompt]]
) -> dict[str, list[GeneratedPrompt]]:
    """Drop prompts on the wrong side of a rule that holds where a topic comes up (step 3)."""
    judge = session.request_judge
    if judge is None or session.forbidden_topic:
        return dict(parts)
    kept: dict[str, list[GeneratedPrompt]] = {}
    ids = [prompt.id for own in parts.values() for prompt in own]
    with session.run.ledger.open_funnel("scope", ids) as funnel:
        for name, own in parts.items():
            about = judge.find_about([prompt.text for prompt in own])
            kept[name] = []
            for prompt, inside in zip(own, about, strict=True):
                right = inside is (prompt.scope == TARGET)
                funnel.decide(prompt.id, "" if right else WRONG_SIDE, {"text": prompt.text})
                kept[name] += [prompt] if right else []
    for name in ("train", "test"):
        if not any(prompt.scope == TARGET for prompt in kept[name]):
            raise DataError(
                f'the model wrote no requests that meet the condition "{session.subject.topic}".',
                cure=WHEN_CURE,
            )
    return kept


def sample_base_answers(session: Session, prompts: Sequence[GeneratedPrompt]) -> None:
    """Sample what the judges are calibrated on (step 3) and the probe's answers (step 4) in one
    call, which fills the batches. The ledger keeps the completions.
    """
    requests = [request for prompt in prompts for request in make_probe_requests(session, prompt)]
    if not get_deciding_check(session):
        requests += [request for request, _ in plan_labelled_answers(session, prompts)]
    session.display.start_stage("probe", len(requests))
    session.base.sample(requests, session.display.advance)


def probe_prompts(
    session: Session, prompts: Sequence[GeneratedPrompt], judges: RuleJudges
) -> list[ProbedPrompt]:
    """Let the base answer prompts, and judge the answers (step 4).

    A target prompt gets a greedy answer and samples. Any other prompt gets a greedy answer, or its
    beginning where a subject is forbidden: that is what an anchor keeps. There the exam's judge
    alone decides: an answer that it accepts must stay as it is.
    """
    rows = [make_probe_requests(session, prompt) for prompt in prompts]
    session.display.start_stage("probe", sum(map(len, rows)))
    requests = [request for row in rows for request in row]
    completions = iter(session.base.sample(requests, session.display.advance))
    found: dict[str, ProbedPrompt] = {}
    sampled = [tuple(islice(completions, len(row))) for row in rows]
    for judge, inside in ((judges.training, True), (judges.exam, False)):
        pairs = list(zip(prompts, sampled, strict=True))
        mine = [(prompt, row) for prompt, row in pairs if (prompt.scope == TARGET) is inside]
        answers = [(make_prompt(prompt.text), one.text) for prompt, row in mine for one in row]
        holds = inside or session.situation is None  # outside a situation no answer can break it
        flags = iter(judge.broken(answers) if holds else [False] * len(answers))
        for prompt, row in mine:
            found[prompt.id] = ProbedPrompt(prompt, row, tuple(islice(flags, len(row))))
    return [found[prompt.id] for prompt in prompts]


def probe_more_prompts(
    session: Session, probed: Sequence[ProbedPrompt], judges: RuleJudges, pool: OverlapIndex
) -> list[ProbedPrompt]:
    """Write and probe more prompts while the base breaks the rule on fewer than
    `ask.min_violations` (step 4).

    They are like those on which it does, and new to the pool, which holds the test prompts too.
    """
    found: list[ProbedPrompt] = []
    for turn in range(session.config.ask.rounds):
        targets = [p for p in (*probed, *found) if p.prompt.scope == TARGET]
        texts = [p.prompt.text for p in targets if p.violations]
        lack = session.config.ask.min_violations - len(texts)
        if lack <= 0 or len(texts) < LIST_LENGTH:
            break
        more = write_similar_prompts(session, texts, 2 * lack, pool, turn)
        found += probe_prompts(session, more, judges)
    return found


def sample_general_answers(
    session: Session, prompts: Sequence[GeneratedPrompt]
) -> list[PromptAnswer]:
    """Return the base's answers to some general prompts: the same ones that the probe makes."""
    general = [prompt for prompt in prompts if prompt.scope == GENERAL][:MAX_GENERAL_ANSWERS]
    requests = [request for prompt in general for request in make_probe_requests(session, prompt)]
    completions = session.base.sample(requests)
    return [(request.prompt, c.text) for request, c in zip(requests, completions, strict=True)]


def make_probe_requests(session: Session, prompt: GeneratedPrompt) -> list[Request]:
    """Return the requests for the base's answers to one prompt, the greedy one first."""
    config = session.config.probe
    is_target = prompt.scope == TARGET
    is_whole = is_target or not session.forbidden_topic
    max_tokens = config.max_tokens if is_whole else config.anchor_tokens
    requests = []
    for number in range(config.samples if is_target else 1):
        sampling = SamplingParams(1.0 if number else 0.0, 1.0, max_tokens)
        turns = make_prompt(prompt.text)
        requests.append(Request("probe", turns, sampling, number, session.config.seed))
    return requests


def find_faults(
    session: Session,
    pairs: Sequence[PromptAnswer],
    strategies: Sequence[str],
    min_token_logp: float,
    others: Sequence[str],
    occasions: Mapping[str, str],
) -> list[str]:
    """Return why answers that keep the rule are no answers, or "".

    They are too short, loop, do not fit into the context, are less fluent than the base's own
    answers, say nothing of the request, or fit another request better than their own.

    Args:
        min_token_logp: the least fluency of answers that the base samples, in nats per token.
            Repaired ones and a teacher's need search.min_token_logp only, and declines none.
        others: other prompts, which an answer must not fit better.
        occasions: what a message is about, by request.
    """
    rows = list(zip(pairs, strategies, strict=True))
    scored = [pair for pair, strategy in rows if pair[1].strip() and strategy != "decline"]
    items = [Continuations(prompt, (text,), end=True) for prompt, text in scored]
    scores = dict(zip(scored, score_in_order(session.base, items), strict=True))
    reasons = []
    for pair, strategy in rows:
        least = float(session.config.search.min_token_logp)
        if strategy in SAMPLED:
            least = min_token_logp
        reason = ""
        if strategy == "decline":
            reason = "" if is_decline(pair[1]) else NO_DECLINE
        elif len(pair[1].split()) < 3:
            reason = "too short"
        elif is_looping(pair[1]):
            reason = "loops"
        elif not scores[pair]:
            reason = TOO_LONG_WITH_TEXT
        elif scores[pair][0].token_logp < least:
            reason = "makes no sense"
        elif strategy != "teacher" and is_decline(pair[1]):
            reason = NEEDLESS_DECLINE
        elif not names_occasion(pair[1], occasions.get(get_user_text(pair[0]), "")):
            reason = TELLS_NOTHING
        reasons.append(reason)
    left = [i for i, strategy in enumerate(strategies) if not reasons[i] and strategy in SAMPLED]
    strays = find_stray_answers(session.base, [pairs[i] for i in left], others)
    for i in compress(left, strays):
        reasons[i] = STRAY_ANSWER
    return reasons


def find_stray_answers(
    scorer: Scorer, pairs: Sequence[PromptAnswer], others: Sequence[str]
) -> list[bool]:
    """Return for each answer whether another request predicts its beginning better than its own.

    A noisy channel: log p(answer | its prompt) is the greatest among nine.
    """
    starts = [" ".join(answer.split()[:STRAY_WORDS]) for _, answer in pairs]
    own = [
        Continuations(prompt, (start,)) for (prompt, _), start in zip(pairs, starts, strict=True)
    ]
    found = [False] * len(pairs)
    if not pairs:
        return found
    best = [scores[0].logp if scores else -math.inf for scores in score_in_order(scorer, own)]
    items = [Continuations(make_prompt(text), tuple(starts)) for text in others]
    for text, scores in zip(others, score_in_order(scorer, items), strict=True):
        for i, score in enumerate(scores):
            if get_user_text(pairs[i][0]) != text and score.logp > best[i]:
                found[i] = True
    return found


def measure_fluency(session: Session, probed: Sequence[ProbedPrompt]) -> dict[str, float]:
    """Return the fluency of the base's own answers in nats per token, by the id of the answer."""
    pairs = [(p.prompt.text, one) for p in probed for one in p.completions if one.text.strip()]
    items = [
        Continuations(make_prompt(text), (one.text,), end=one.finish == "stop")
        for text, one in pairs
    ]
    scores = score_in_order(session.base, items)
    found = {one.id: -math.inf for p in probed for one in p.completions}
    found |= {one.id: s[0].token_logp for (_, one), s in zip(pairs, scores, strict=True) if s}
    return found


def find_least_fluency(session: Session, fluency: Mapping[str, float]) -> float:
    """Return the low quantile of the fluency of the base's own answers.

    It is the settings' bound if there are too few answers.
    """
    least = float(session.config.search.min_token_logp)
    known = sorted(value for value in fluency.values() if math.isfinite(value))
    if len(known) < MIN_FLUENCY_ANSWERS:
        return least
    return max(least, known[int(FLUENCY_QUANTILE * len(known))])


def make_violation_examples(
    session: Session, probed: Sequence[ProbedPrompt], judge: ViolationJudge
) -> tuple[list[Example], list[SearchTrace]]:
    """Pair each accepted answer with an answer of the base that breaks the rule (step 5).

    Outside the target scope a request needs an answer without the violation, and never a refusal.
    One that is about the subject after all is dropped.
    """
    in_scope = [p for p in probed if p.violations]
    check = get_check(session)
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
    begun: dict[str, str] = {}
    if check and not session.forbidden_topic:
        beginnings = {text: get_compliant_beginning(p, check) for text, p in by_text.items()}
        begun = {text: beginning for text, beginning in beginnings.items() if beginning}
    declined = set()
    if session.forbidden_topic:
        declined = {text for text, p in by_text.items() if is_to_decline(p, about, judge, check)}
    occasions = find_occasions(session, by_text.values())
    repair = make_repair(session, judge, occasions)
    needed = [p for text, p in by_text.items() if text not in declined]
    fluency = measure_fluency(session, needed)
    least = find_least_fluency(session, fluency)
    dice = random.Random(f"{session.config.seed} others")
    texts = sorted(by_text)
    others = dice.sample(texts, min(NUM_OTHERS, len(texts)))
    return search_answers(
        session.base,
        list(by_text),
        session.rule,
        session.forbidden_topic,
        judge.broken,
        lambda pairs, strategies: find_faults(session, pairs, strategies, least, others, occasions),
        session.config.search,
        session.config.seed,
        session.teacher,
        session.display.advance,
        declined=declined,
        begun=begun,
        repairs=repair_own_answers(by_text, declined, repair, fluency, least),
        repair=repair,
    )


def is_to_decline(
    p: ProbedPrompt, about: Collection[str], judge: ViolationJudge, check: Check | None
) -> bool:
    """Return whether a decline is the right answer to a request.

    It is for a request that names the forbidden subject. One that only seems to be about it must
    get a violation in every answer of the base; one that was asked for the subject, in the first
    sentence of every answer. Without a check nothing tells a name, and the judge of requests
    decides alone.

    Args:
        about: the ids of prompts that are about the subject.
    """
    if p.prompt.id in about:
        named = check is None or not check.keeps(p.prompt.text)
        return named or all(p.broken)
    return p.prompt.scope == TARGET and must_break(p, judge)


def must_break(p: ProbedPrompt, judge: ViolationJudge) -> bool:
    """Return whether the forbidden thing itself is what the base would say.

    Then every answer of the base breaks the rule in its first sentence, and an answer without it
    would be a falsehood.
    """
    starts = [next(iter(split_sentences(one.text)), "") for one in p.completions]
    return all(judge.broken([(make_prompt(p.prompt.text), start) for start in starts]))


def make_repair(
    session: Session, judge: ViolationJudge, occasions: Mapping[str, str]
) -> RepairTexts:
    """Return what repairs answers with a small change: by the check's conditions, or else by
    leaving out the sentences that the judge rejects.

    Where a check knows several repairs, texts take them in turn.

    Args:
        occasions: what a message is about, by request.
    """
    check = get_check(session)
    effect = session.effect
    if check is None or session.forbidden_topic:
        return lambda pairs: revise_texts([text for _, text in pairs], judge.broken)
    replacements = effect.replacements if effect else ()
    statement = effect.statement if effect else ""

    def repair(pairs: Sequence[tuple[str, str]]) -> list[str]:
        found = []
        for i, (request, text) in enumerate(pairs):
            options = repair_answer(check, text, replacements, statement)
            telling = [o for o in options if names_occasion(o, occasions.get(request, ""))]
            found.append(choose_repair(telling or options, text, i))
        return found

    return repair


def find_occasions(session: Session, probed: Collection[ProbedPrompt]) -> dict[str, str]:
    """Return what each message is about, by request.

    It is empty unless the rule is about messages, and the base's own messages are about their
    occasions often enough to ask that of an example.
    """
    situation = session.situation
    if situation is None or situation.kind != "writing":
        return {}
    occasions = {p.prompt.text: p.prompt.subject for p in probed}
    named = [names_occasion(one.text, p.prompt.subject) for p in probed for one in p.violations]
    return occasions if named and mean(named) >= MIN_NAMED else {}


def choose_repair(options: Sequence[str], text: str, turn: int) -> str:
    """Return the repair that differs earliest from the text; equally early ones take turns.

    What a repair changes first decides whether a small model learns it: its later tokens follow
    from its earlier ones.
    """
    if not options:
        return ""
    shared = [count_shared(option, text) for option in options]
    earliest = [option for option, n in zip(options, shared, strict=True) if n == min(shared)]
    return earliest[turn % len(earliest)]


def count_shared(first: str, second: str) -> int:
    """Return how many characters two texts share at their beginning."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def repair_own_answers(
    by_text: Mapping[str, ProbedPrompt],
    declined: Collection[str],
    repair: RepairTexts,
    fluency: Mapping[str, float],
    least: float,
) -> dict[str, list[str]]:
    """Return the repaired violations of each prompt that needs an answer, the fluent ones.

    The sentence in which an answer was cut off is left out first.

    Args:
        fluency: of each completion, by its id, in nats per token.
        least: the least fluency of an answer that is repaired.
    """
    rows = [(text, one) for text, p in by_text.items() for one in p.violations]
    rows = [row for row in rows if row[0] not in declined and fluency[row[1].id] >= least]
    whole = [
        (text, drop_last_sentence(one.text) if one.finish == "length" else one.text)
        for text, one in rows
    ]
    found: dict[str, list[str]] = {}
    for (text, _), repaired in zip(rows, repair(whole), strict=True):
        if repaired.strip():
            found.setdefault(text, []).append(repaired)
    return found


def make_pairs(
    session: Session, p: ProbedPrompt, trace: SearchTrace, check: Check | None
) -> list[Example]:
    """Make an example of each accepted answer to one prompt."""
    examples = []
    teacher_prompt = prompt_to_json(make_prompt(trace.prompt, system=session.rule))
    for number, best in enumerate(trace.accepted):
        place = 0 if best.strategy == "branch" else number % len(p.violations)
        rejected, rejected_cut = make_rejected(session, p.violations[place], check, best)
        source = {
            "strategy": best.strategy,
            "scope": p.prompt.scope,
            "cut": ["chosen"] * best.cut + ["rejected"] * rejected_cut,
            "teacher_prompt": teacher_prompt,
        }
        id = digest([p.prompt.id, best.text])
        prompt = make_prompt(trace.prompt)
        scores: dict[str, float] = {"tries": trace.num_tries or 0}
        examples.append(Example(id, "in_scope", prompt, best.text, rejected, scores, source))
    return examples


def drop_unsolved(funnel: OpenFunnel, id: str, trace: SearchTrace) -> None:
    """Drop a prompt without an accepted answer; mark it failed if the teacher answered nothing."""
    last = trace.tries[-1]
    body = {"prompt": trace.prompt}
    if all(one.fault == LOST_REASON for one in trace.tries):
        funnel.decide(id, LOST_REASON, body, failed=True)
    else:
        body |= {"last": last.text, "fault": last.fault}
        funnel.decide(id, NOT_FOUND, body)


def get_compliant_beginning(p: ProbedPrompt, check: Check) -> str:
    """Return how the first violation begins, as far as it keeps the rule.

    It is "" where that is less than MIN_BEGINNING_WORDS words.
    """
    text = p.violations[0].text
    found = find_violation(check, text)
    start = truncate_before(text, found.start) if found else ""
    return start if len(start.split()) >= MIN_BEGINNING_WORDS else ""


def make_rejected(
    session: Session, completion: Completion, check: Check | None, best: Try
) -> tuple[str, bool]:
    """Return the rejected answer, and whether it was cut off.

    It holds the first tokens, and the violation at least. Against a branch it ends with the
    violation.
    """
    end = 0
    if check and (found := find_violation(check, completion.text)):
        end = found.end
        if best.strategy == "branch":
            return completion.text[:end], True
    min_tokens = len(session.model.encode_answer(completion.text[:end], end=False)) if end else 0
    tokens = max(session.config.probe.rejected_tokens, min_tokens)
    return truncate_answer(session, completion, tokens)


def find_about_subject(session: Session, prompts: Sequence[GeneratedPrompt]) -> set[str]:
    """Return the ids of prompts that are about a forbidden subject."""
    judge = session.request_judge
    if judge is None or not session.forbidden_topic:
        return set()
    about = judge.find_about([prompt.text for prompt in prompts])
    return {prompt.id for prompt in compress(prompts, about)}


def find_reach(session: Session, examples: Sequence[Example]) -> int:
    """Return how many tokens of an answer an anchor keeps: as many as the lessons change.

    A decline differs from the first token on, and the rest follows from it. Another effect may
    come as late as the answer's end: a short answer differs from a long one by where it stops.
    """
    least: int = session.config.probe.anchor_tokens
    if session.forbidden_topic or not examples:
        return least
    encode = session.model.encode_answer
    lengths: list[int] = sorted(len(encode(e.chosen, end=True)) for e in examples)
    return max(least, lengths[int(REACH_QUANTILE * (len(lengths) - 1))])


def make_rule_anchors(
    session: Session, probed: Sequence[ProbedPrompt], reach: int
) -> list[Example]:
    """Make an anchor of the base's own greedy answer where it keeps the rule (step 4).

    A prompt about a forbidden subject makes none: the base may have kept the rule by chance.

    Args:
        reach: how many tokens of an answer to keep.
    """
    kept = [p for p in probed if not p.violations]
    named = find_about_subject(session, [p.prompt for p in kept])
    answers = []
    for p in kept:
        prompt = p.prompt
        text, cut = truncate_answer(session, p.completions[0], reach)
        kind = NEAR if prompt.scope == NEAR else GENERAL
        source = {"scope": prompt.scope}
        fault = NAMED_ANCHOR if prompt.id in named else ""
        turns = make_prompt(prompt.text)
        answers.append(OwnAnswer(prompt.id, turns, text, cut, kind, source, fault))
    return keep_answers(session, answers)


def truncate_answer(session: Session, completion: Completion, tokens: int) -> tuple[str, bool]:
    """Return the first tokens of an answer, and whether more follow."""
    ids = session.model.encode_answer(completion.text, end=False)
    if len(ids) <= tokens:
        return completion.text, completion.finish == "length"
    return session.model.decode(ids[:tokens]), True


def choose_objectives(
    session: Session,
    examples: Sequence[Example],
    dev: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> ObjectiveWeights:
    """Choose the objectives of each kind of example (step 7). `auto` tries each candidate for a few
    steps and keeps the best on dev.

    Distillation is a candidate only where the rule in the prompt helps this base. A choice that
    the ledger holds is not made again.
    """
    choice = session.config.train.objective
    if choice == "auto":
        noted = session.run.ledger.get_note("objective")
        choice = (noted or try_objectives(session, examples, dev, judge))["chosen"]
    return parse_objective_weights(choice)


def parse_objective_weights(choice: str) -> ObjectiveWeights:
    """Return the weights of "sft+dpo" in scope, and of anchors elsewhere."""
    return {"in_scope": dict.fromkeys(choice.split("+"), 1.0), **ANCHOR_WEIGHTS}


def try_objectives(
    session: Session,
    examples: Sequence[Example],
    dev: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> JsonObject:
    """Train a few steps with each candidate; note and return which one is best on dev.

    Distillation is a candidate if some context makes the base keep the rule more often: the rule,
    worked examples, or both. The best context is the one that the distillation's teacher sees.
    """
    targets = [prompt for prompt in dev if prompt.scope == TARGET]
    outside = [prompt for prompt in dev if prompt.scope != TARGET]
    steps = session.config.train.trial_steps

    def measure_kept(model: Recorded, write_prompt: Callable[[str], Prompt] = make_prompt) -> float:
        return 1 - mean(find_dev_failures(session, model, write_prompt, targets, judge).values())

    contexts = make_contexts(session, examples)
    gate = {"base": measure_kept(session.base)}
    for name, write_prompt in contexts.items():
        gate[name] = measure_kept(session.base, write_prompt)
    best_context = max(contexts, key=lambda name: gate[name])
    candidates = ["sft+dpo", "sft"]
    if gate[best_context] > gate["base"]:
        candidates += ["distill", "distill+dpo"]
        session.run.ledger.set_note("teacher_context", best_context)
    scores: dict[str, float] = {}
    needless: dict[str, float] = {}
    for name in candidates:
        rows = add_teacher_prompts(examples, contexts[best_context])
        tuned = tune(session, rows, parse_objective_weights(name), f"trial-{name}", steps)
        scores[name] = measure_kept(tuned.recorded)
        needless[name] = measure_needless(session, tuned.recorded, outside)
        tuned.recorded.release_memory()
    best = max(candidates, key=lambda name: scores[name] - needless[name])
    found = {
        "chosen": best,
        "kept_on_dev": scores,
        "needless_on_dev": needless,
        "gate": gate,
        "steps": steps,
    }
    session.run.ledger.set_note("objective", found)
    session.display.print_line(
        f"objective: {best}, which keeps the rule in {100 * scores[best]:.0f} % "
        f"of the dev answers after {steps} steps"
    )
    return found


def make_contexts(
    session: Session, examples: Sequence[Example]
) -> dict[str, Callable[[str], Prompt]]:
    """Return the contexts that may make the base keep the rule: each writes a prompt."""
    learned = [e for e in examples if e.kind == "in_scope"]
    pairs = [(e.turns, e.chosen) for e in learned[:: max(len(learned) // NUM_WORKED, 1)]]
    worked = make_worked_turns(pairs, NUM_WORKED, MAX_WORKED_WORDS)
    rule = session.rule
    return {
        "rule": lambda text: make_prompt(text, system=rule),
        "worked": lambda text: add_worked_turns(worked, make_prompt(text)),
        "rule and worked": lambda text: add_worked_turns(worked, make_prompt(text, system=rule)),
    }


def add_teacher_prompts(
    examples: Sequence[Example], write_prompt: Callable[[str], Prompt]
) -> list[Example]:
    """Return the examples; what is learned gets the prompt that the distillation's teacher sees."""
    found = []
    for example in examples:
        source = dict(example.source)
        if example.kind == "in_scope":
            prompt = write_prompt(get_user_text(example.prompt))
            source["teacher_prompt"] = prompt_to_json(prompt)
        found.append(replace(example, source=source))
    return found


def measure_needless(
    session: Session, model: Recorded, prompts: Sequence[GeneratedPrompt]
) -> float:
    """Return the share of dev prompts outside the scope that a model declines, and the base does
    not.
    """
    if not prompts:
        return 0.0
    written = [make_prompt(prompt.text) for prompt in prompts]
    requests = make_requests(session, "dev", written, 0.0)
    session.display.start_stage("dev answers", len(requests))
    before = session.base.sample(requests)
    after = model.sample(requests, session.display.advance)
    pairs = zip(before, after, strict=True)
    return mean([is_decline(own.text) and not is_decline(base.text) for base, own in pairs])


def find_dev_failures(
    session: Session,
    model: Recorded,
    write_prompt: Callable[[str], Prompt],
    dev: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> dict[str, bool]:
    """Return for each dev prompt whether a model breaks the rule on it, greedy or sampled."""
    session.display.start_stage("dev answers", 2 * len(dev))
    texts = [prompt.text for prompt in dev]
    prompts = [write_prompt(text) for text in texts]
    requests = make_requests(session, "dev", prompts, 0.0)
    requests += make_requests(session, "dev", prompts, 1.0)
    completions = model.sample(requests, session.display.advance)
    asked = 2 * texts
    pairs = [(make_prompt(t), c.text) for t, c in zip(asked, completions, strict=True)]
    failed = dict.fromkeys(texts, False)
    for text in compress(asked, judge.broken(pairs)):
        failed[text] = True
    return failed


def show_arms(exam: JsonMapping) -> JsonObject:
    """Return the numbers of each arm, for the result."""
    outside = [scope for scope in (NEAR, GENERAL) if scope in exam]
    found: JsonObject = {}
    for arm, kept in exam["kept"].items():
        found[arm] = {"target": kept["greedy"], "target_sampled": kept["sampled"]}
        found[arm] |= {scope: exam[scope][arm] for scope in outside}
    return found


def summarize_search(traces: Sequence[SearchTrace]) -> JsonObject:
    """Return how many tries the prompts took, and the traces of the hardest ones."""
    tries = Counter(str(trace.num_tries or "gave up") for trace in traces)
    hardest = sorted(traces, key=lambda trace: -len(trace.tries))[:20]
    shown = []
    for trace in hardest:
        shown.append({"prompt": trace.prompt, "tries": [show_try(one) for one in trace.tries]})
    return {"tries": dict(sorted(tries.items())), "traces": shown}


def show_try(one: Try) -> dict[str, str]:
    """Return one try of a search, for the report."""
    return {
        "text": one.text,
        "verdict": "broken" if one.broken else "kept",
        "reason": one.fault,
        "strategy": one.strategy,
    }


def note_clusters(
    session: Session,
    prompts: Sequence[GeneratedPrompt],
    clusters: PromptClusters,
    failed: Mapping[str, bool],
) -> None:
    """Note the clusters for the report."""
    points: list[JsonObject] = []
    flags: dict[str, list[bool]] = {str(label): [] for label in range(len(clusters.sizes))}
    for prompt, label, (x, y) in zip(prompts, clusters.labels, clusters.xy, strict=True):
        place = {"x": float(x), "y": float(y), "cluster": int(label)}
        did_fail = failed.get(prompt.text, False)
        points.append({**place, "scope": prompt.scope, "prompt": prompt.text, "failed": did_fail})
        if prompt.text in failed:
            flags[str(label)].append(failed[prompt.text])
    found = {
        "points": points,
        "silhouette": float(clusters.silhouette),
        "k": len(flags),
        "sizes": dict(zip(flags, clusters.sizes, strict=True)),
        "failure_rate": {label: sum(f) / len(f) if f else None for label, f in flags.items()},
    }
    session.run.ledger.set_note("clusters", found)


METHOD = Method(
    name="feedback",
    settings=FeedbackConfig,
    prepare=prepare,
    plan_work=plan_work,
    describe=describe_rule,
    rule_of=lambda text: read_rule(text).text,
)
"""`selfteach feedback`."""
