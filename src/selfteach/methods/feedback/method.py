"""Feedback: one rule in plain words becomes weights.

  1  read the rule, where needed in a teacher's plain words, and let the model name its subject
     (`read_rule`, `say_plainly`, `understand_rule`)
  2  ask: the model writes requests in three scopes, and requests of people come with the program;
     they are split into train, dev and test at once (`write_rule_prompts`, `worked_prompts`,
     `rule_occasions`)
  3  judge: every candidate judge is calibrated before it is used; the best one decides
     (`other_names`, `prompts_in_scope`)
  4  probe: the base answers; a prompt is in scope exactly where it breaks the rule (`probe`)
  5  search: for each prompt in scope an answer that keeps the rule, verified, or none
     (`make_examples`, `search_answers`, `answer_faults`, `repair_answers`, `correct_answers`)
  6  balance: clusters of prompts; where dev answers still break the rule, more prompts like them
     are written and learned (`dev_answers`, `write_more_prompts`)
  7  train: in scope the found answers against the broken ones (`choose_objectives`); elsewhere
     the base's own answers hold it in place (`make_anchors`); the tuned model's own answers that
     break the rule are corrected (`own_mistakes`), and what it spread outside a condition is
     held (`needless_effects`)
  8  exam: base, rule in the prompt, tuned, on prompts that were not used to choose anything
     (`choose_exam_prompts`, `exam`); where too few prompts outside the rule leave the verdict
     open, more are written and asked (`lengthen_exam`)

Source: ELVF (I)-(IV); C3PO (arXiv 2402.10893) for the scopes; LLM2LLM (arXiv 2403.15042) for the
rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from selfteach import registry
from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.exam import Exam, TunedModel
from selfteach.evaluate.scopes import GENERAL, NEAR, TARGET
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.search import SearchTrace
from selfteach.materials.rules.rule import Rule, read_rule
from selfteach.methods.calibrate_rule_judges import RuleJudges, choose_judges
from selfteach.methods.feedback.amounts import name_needless_stage
from selfteach.methods.feedback.choose_exam_prompts import (
    add_prompts_outside,
    choose_exam_prompts,
)
from selfteach.methods.feedback.choose_objectives import (
    add_teacher_prompts,
    choose_objectives,
    make_contexts,
)
from selfteach.methods.feedback.data_curve import find_n90, measure_curve
from selfteach.methods.feedback.dev_answers import DEV, find_dev_failures, score_dev_exam
from selfteach.methods.feedback.exam import build_exam, find_open_scopes
from selfteach.methods.feedback.make_anchors import (
    find_reach,
    make_later_anchors,
    make_rule_anchors,
    make_short_anchors,
)
from selfteach.methods.feedback.make_examples import make_violation_examples
from selfteach.methods.feedback.needless_effects import (
    MIN_NEEDLESS_SHARE,
    find_needless_effects,
    make_needless_anchors,
)
from selfteach.methods.feedback.other_names import find_other_names
from selfteach.methods.feedback.own_mistakes import (
    correct_own_mistakes,
    has_correctable_mistakes,
)
from selfteach.methods.feedback.plan_work import PLAN
from selfteach.methods.feedback.probe import (
    ProbedPrompt,
    probe_more_prompts,
    probe_prompts,
    sample_base_answers,
    sample_general_answers,
)
from selfteach.methods.feedback.prompts_in_scope import (
    choose_request_judge,
    drop_insiders,
    drop_strays,
    keep_prompts_in_scope,
)
from selfteach.methods.feedback.recorded_grading import read_grading
from selfteach.methods.feedback.report_notes import note_clusters, show_arms, summarize_search
from selfteach.methods.feedback.training_settings import raise_epochs
from selfteach.methods.feedback.understand_rule import bind_rule
from selfteach.methods.feedback.write_more_prompts import (
    write_name_prompts,
    write_prompts_like_failures,
    write_prompts_to_try,
)
from selfteach.methods.feedback.write_rule_prompts import write_rule_prompts
from selfteach.methods.learn_mistakes import (
    OWN_MISTAKE,
    OWN_MISTAKES_STAGE,
    has_enough_mistakes,
)
from selfteach.methods.method import Method, TrainingPlan
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import (
    Example,
    JsonMapping,
    JsonObject,
    ObjectiveWeights,
    Prompt,
    make_prompt,
)
from selfteach.select.clusters import PromptClusters, cluster_prompts

MAX_EXAM_ROUNDS = 2
"""How often further prompts are written for an exam that cannot tell."""


def prepare(session: Session, text: str) -> TrainingPlan:
    """Turn a rule into a training plan.

    Raises:
        DataError: an empty rule, or one that no judge can decide.
    """
    run = session.run
    train = session.config.train
    chooses_epochs = train.epochs is None and train.learning_rate is None
    with run.time_stage("ask"):
        session.display.start_stage("ask")
        rule = bind_rule(session, text)  # 1
        pool = OverlapIndex()
        parts = write_rule_prompts(session, pool)  # 2
    with run.time_stage("base answers"):
        sample_base_answers(session, parts["train"])
    with run.time_stage("judge"):
        names = find_other_names(session, parts["train"])  # 3
        about_names = write_name_prompts(session, names, parts, pool)
        parts["train"] += about_names["train"]
        parts["test"] = about_names["test"] + parts["test"]  # the exam asks the first ones
        session.request_judge = choose_request_judge(session, parts["train"])
        general_answers = sample_general_answers(session, parts["train"])
        judges = choose_judges(session, parts["train"], general_answers)
        parts = keep_prompts_in_scope(session, parts)
    with run.time_stage("probe"):
        probed = probe_prompts(session, parts["train"], judges)  # 4
        probed += probe_more_prompts(session, probed, judges, pool)
        parts["test"] = choose_exam_prompts(session, parts["test"], judges.exam, pool)
    usual_epochs = session.config.train.epochs if chooses_epochs else None
    training = RuleTraining(session, rule, parts, pool, judges, usual_epochs)
    with run.time_stage("search"):
        learned = training.add_examples(probed)  # 5
    if learned:
        training.objectives = choose_objectives(
            session, training.examples, parts["dev"], judges.training
        )  # 7
        training.use_chosen_context()
    return training.plan()


@dataclass
class RuleTraining:
    """Hold what is known of one rule; every balance round adds examples.

    Attributes:
        usual_epochs: of such a rule; None where the epochs or the learning rate were given.
        traces: the searches, for the report.
        rounds: how many balance rounds are done.
        exam_limits: how many prompts of each scope the exam asks, if it has further prompts.
        exam_rounds: how often further prompts were written for it.
        tries_outside: how often the tuned model was tried outside the condition.
        has_own_mistakes: whether its own answers were corrected.
        tried: the prompts of these tries.
        last: the plan that was made last.
        clusters: of train and dev prompts, once there are any.
        write_teacher_prompt: writes what the distillation's teacher sees, where a context was
            chosen for it; otherwise it sees the rule.
    """

    session: Session
    rule: Rule
    parts: dict[str, list[GeneratedPrompt]]
    pool: OverlapIndex
    judges: RuleJudges
    usual_epochs: int | None = None
    examples: list[Example] = field(default_factory=list)
    traces: list[SearchTrace] = field(default_factory=list)
    objectives: ObjectiveWeights = field(default_factory=dict)
    rounds: int = 0
    exam_limits: dict[str, int] = field(default_factory=dict)
    exam_rounds: int = 0
    tries_outside: int = 0
    has_own_mistakes: bool = False
    tried: list[GeneratedPrompt] = field(default_factory=list)
    last: TrainingPlan | None = None
    clusters: PromptClusters | None = None
    write_teacher_prompt: Callable[[str], Prompt] | None = None

    def plan(self) -> TrainingPlan:
        """Return what is trained and how it is examined, with what is known so far."""
        session = self.session
        session.run.ledger.set_note("search", summarize_search(self.traces))
        if self.usual_epochs:
            self.train_long_enough()
        self.last = TrainingPlan(
            examples=list(self.examples),
            objectives=self.objectives,
            exam=self.make_exam(self.examples),  # 8
            improve=self.improve,
            goes_on_from=self.last if self.continues() else None,
            lengthen_exam=self.lengthen_exam,
            after=self.add_data_curve,
            score_on_dev=self.score_on_dev,
            instruction=self.rule.text,
            shown=show_arms,
            overhead=make_prompt("x", system=session.rule),
        )
        return self.last

    def continues(self) -> bool:
        """Return whether a further training goes on from the one before (step 7)."""
        config = self.session.config
        adapter = registry.load_registered("adapters", config.train.adapter)
        return config.balance.continue_training and not getattr(adapter, "solves", False)

    def train_long_enough(self) -> None:
        """Raise the epochs of the session's training where a larger model would take too few steps
        with the examples so far (step 7).
        """
        session = self.session
        train = session.config.train
        usual = train.model_copy(update={"epochs": self.usual_epochs})
        raised = raise_epochs(usual, len(self.examples))
        if raised.epochs != train.epochs:
            are_few = (raised.epochs or 0) > (train.epochs or 0)
            reason = " are few for the learning rate of a model of this size" if are_few else ""
            session.display.print_line(
                f"{len(self.examples)} examples{reason}: {raised.epochs} epochs, not {train.epochs}"
            )
            session.config = session.config.model_copy(update={"train": raised})

    def make_exam(
        self, examples: Sequence[Example], limits: Mapping[str, int] | None = None
    ) -> Exam:
        """Return the exam on test prompts, of a model that was trained on these examples.

        Args:
            limits: how many prompts of each scope are asked; by default the settings' numbers.
        """
        return build_exam(
            self.session, self.judges.exam, self.parts["test"], examples, self.rule.id, limits
        )

    def lengthen_exam(self, exam: JsonMapping) -> Exam | None:
        """Return the exam with further prompts of the scopes that leave the verdict open; None if
        there are no such scopes, no new prompts, or no rounds left.
        """
        config = self.session.config.exam
        scopes = find_open_scopes(exam)
        if self.exam_rounds >= MAX_EXAM_ROUNDS or not config.more_outside or not scopes:
            return None
        self.exam_rounds += 1
        count = len(self.parts["test"])
        with self.session.run.time_stage(f"more exam prompts {self.exam_rounds}"):
            self.parts["test"] = add_prompts_outside(
                self.session, self.parts["test"], self.pool, scopes, self.exam_rounds
            )
        if len(self.parts["test"]) == count:
            return None
        limits = {TARGET: config.target, NEAR: config.near, GENERAL: config.general}
        self.exam_limits = limits | self.exam_limits
        for scope in scopes:
            self.exam_limits[scope] += config.more_outside
        return self.make_exam(self.examples, self.exam_limits)

    def add_examples(self, probed: Sequence[ProbedPrompt]) -> bool:
        """Add the examples and anchors of probed prompts; return whether there is more to learn.

        Anchors are added only in the first round, or together with something to learn.
        """
        judge = self.judges.training
        found, traces = make_violation_examples(self.session, probed, judge)
        if self.write_teacher_prompt:
            found = add_teacher_prompts(found, self.write_teacher_prompt)
        if found or not self.rounds:
            reach = find_reach(self.session, found)
            anchors = make_rule_anchors(self.session, probed, reach)
            self.examples += found + anchors
            if self.session.understood.forbidden_topic:
                self.examples += make_later_anchors(self.session, found, anchors, self.judges.exam)
            if found and self.session.understood.forbidden_topic and not self.rounds:
                self.examples += make_short_anchors(self.session, self.pool, self.judges.exam)
            self.traces += traces
        return bool(found)

    def use_chosen_context(self) -> None:
        """Let the distillation's teacher see the context that was chosen with the objective, in the
        examples so far and in those of later rounds (step 7).
        """
        context = self.session.run.ledger.get_note("teacher_context")
        if context:
            self.write_teacher_prompt = make_contexts(self.session, self.examples)[context]
            self.examples = add_teacher_prompts(self.examples, self.write_teacher_prompt)

    def improve(self, tuned: TunedModel) -> TrainingPlan | None:
        """Write more prompts like the dev prompts on which the tuned model still breaks the rule,
        and search answers for them (step 6); correct its own answers; then hold what it spread
        outside the condition (step 7).

        The quota of a cluster is proportional to its failure rate on dev times the root of its
        size. Test prompts play no part.
        """
        with self.session.run.time_stage("balance"):
            grown = self.balance(tuned)
        config, rule = self.session.config, self.session.understood
        if has_correctable_mistakes(config, rule) and not self.has_own_mistakes:
            self.has_own_mistakes = True
            with self.session.run.time_stage(OWN_MISTAKES_STAGE):
                if self.correct_own_mistakes(tuned):
                    return self.plan()  # what the corrections spread is held after they are learned
        if rule.situation and self.tries_outside < config.balance.outside_tries:
            self.tries_outside += 1
            with self.session.run.time_stage(name_needless_stage(self.tries_outside)):
                grown = self.hold_outside(tuned) or grown
        return self.plan() if grown else None

    def correct_own_mistakes(self, tuned: TunedModel) -> bool:
        """Add corrections of the tuned model's own answers; return whether it is to be trained
        again (step 7).
        """
        session = self.session
        taught = [example for example in self.examples if example.kind == "in_scope"]
        found = correct_own_mistakes(session, tuned.recorded, taught)
        drawn: int = session.config.balance.own_samples * len({one.turns for one in taught})
        is_more = has_enough_mistakes(len(found), drawn)
        then = "trained again with their corrections" if is_more else "few enough"
        session.display.print_line(
            f"{len(found)} of {drawn} own answers break the rule and can be corrected: {then}"
        )
        if is_more:
            self.examples += {example.id: example for example in found}.values()
        return is_more

    def hold_outside(self, tuned: TunedModel) -> bool:
        """Add anchors where the tuned model shows the effect outside the condition; return whether
        it is to be trained again (step 7).
        """
        session = self.session
        if not session.config.balance.outside:
            return False
        known = [*self.parts["train"], *self.tried]
        written = write_prompts_to_try(session, known, self.pool, self.tries_outside)
        self.tried += written
        prompts = drop_insiders(session, written)
        found = find_needless_effects(session, tuned.recorded, prompts, self.judges.training)
        share = len(found) / max(len(prompts), 1)
        is_more = share >= MIN_NEEDLESS_SHARE
        then = "trained again with the base's answers there" if is_more else "few enough"
        session.display.print_line(
            f"{len(found)} of {len(prompts)} further answers outside the condition show the effect "
            f"or decline: {then}"
        )
        if is_more:
            taught = [example for example in self.examples if example.kind == "in_scope"]
            reach = find_reach(session, taught)
            self.examples += make_needless_anchors(session, found, reach)
        return is_more

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
        tuned.recorded.release_memory()  # the base writes and answers what follows
        labels = map(int, self.clusters.labels)
        cluster_of = {prompt.text: label for prompt, label in zip(known, labels, strict=True)}
        more = write_prompts_like_failures(
            session, cluster_of, self.parts, failed, self.pool, self.rounds
        )
        self.rounds += 1
        more = drop_strays(session, more)
        return self.add_examples(probe_prompts(session, more, self.judges))

    def score_on_dev(self, model: Recorded) -> float:
        """Return how well a model does on dev prompts; a learning rate is chosen by it."""
        settings = self.session.config.exam
        limits = {scope: min(count, getattr(settings, scope)) for scope, count in DEV.items()}
        exam = build_exam(
            self.session, self.judges.exam, self.parts["dev"], self.examples, self.rule.id, limits
        )
        return score_dev_exam(self.session, exam, model)

    def add_data_curve(self, tuned: TunedModel | None, exam: JsonObject) -> None:
        """Add how few prompts would have been enough, where the settings want it."""
        session = self.session
        if tuned is None or not session.config.curve:
            return
        with session.run.time_stage("curve"):
            points = measure_curve(session, self.examples, self.objectives, self.make_exam)
            session.run.ledger.set_note("curve", points)
        exam["data_need"] = {"n90": find_n90(points), "points": points}


METHOD = Method(
    name="feedback",
    settings=FeedbackConfig,
    prepare=prepare,
    samples=PLAN.samples,
    plan_work=PLAN.plan_work,
    read_grading=read_grading,
    kinds=("in_scope", NEAR, GENERAL, OWN_MISTAKE),
    rule_of=lambda text: read_rule(text).text,
)
"""`selfteach feedback`."""
