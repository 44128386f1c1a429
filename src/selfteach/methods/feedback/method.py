"""Feedback: one rule in plain words becomes weights.

  1  read the rule, and let the student name its subject
  2  ask: the student writes requests in three scopes; they are split into train, dev and test at
     once
  3  probe: the base answers; a prompt is in scope exactly where it breaks the rule
  4  judge: every candidate is calibrated before it is used, the best one decides
  5  search: for each prompt in scope an answer that keeps the rule, verified, or none
  6  balance: clusters of prompts; where dev answers still break the rule, more like them are asked
     and learned
  7  train: in scope the found answers against the broken ones; elsewhere the base's own answers
     hold it in place
  8  exam: base, rule in the prompt, taught, on prompts that nothing was chosen on

Source: ELVF (I)-(IV); C3PO (arXiv 2402.10893) for the scopes; LLM2LLM (arXiv 2403.15042) for the
rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Any

from selfteach.config import FeedbackConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.evaluate.exam import TARGET, Arm, Exam, TunedModel, answer, answer_all
from selfteach.evaluate.sanity import is_looping
from selfteach.evaluate.side_effects import find_side_effects
from selfteach.generate.ask import GeneratedPrompt, extract_subject
from selfteach.generate.search import LOST_REASON, SearchTrace, Try, search_answers, truncate_before
from selfteach.judge import ViolationJudge
from selfteach.judge.breach import find_violation
from selfteach.judge.check import Check
from selfteach.materials.rule import Rule, read_rule
from selfteach.methods.feedback.data_curve import find_n90, measure_curve
from selfteach.methods.feedback.exam import build_exam
from selfteach.methods.judges import RuleJudges, choose_judges
from selfteach.methods.method import Method, ObjectiveWeights, TrainingPlan
from selfteach.methods.prompts import (
    LIST_LENGTH,
    get_check,
    group_by_scope,
    split_asked_prompts,
    write_prompts,
    write_prompts_like_failures,
    write_similar_prompts,
)
from selfteach.methods.runner import tune
from selfteach.methods.session import Session
from selfteach.models.recorded import Recorded
from selfteach.records import (
    GREEDY,
    Completion,
    Continuations,
    Example,
    Prompt,
    Request,
    SamplingParams,
    digest,
    make_prompt,
    prompt_to_json,
)
from selfteach.run.ledger import Outcome
from selfteach.select.clusters import PromptClusters, cluster_prompts

ANCHOR_WEIGHTS = {"near": {"anchor": 8.0}, "general": {"anchor": 8.0}}
"""The weight outside the scope. The first token decides whether the rule fires; in a mean over
tokens an anchor's is one in twenty-four.
"""


MAX_GENERAL_ANSWERS = 120
"""General answers that the lessons' judge is tempered on. Near ones are too near: of "vehicle" in
an answer about trucks it should know.
"""


MIN_BEGINNING_WORDS = 3
DEV = {"target": 24, "near": 12, "general": 12}
"""How many dev prompts of each scope a learning rate is chosen on."""


@dataclass(frozen=True)
class ProbedPrompt:
    """A prompt with the base's own draws (the greedy one first) and which of them break the rule."""

    asked: GeneratedPrompt
    draws: tuple[Completion, ...]
    broken: tuple[bool, ...]

    @property
    def in_scope(self) -> bool:
        """Whether the rule is the base's problem here."""
        return any(self.broken)


def prepare(session: Session, text: str) -> TrainingPlan:
    """Turn a rule into a training plan.

    Raises:
        DataError: an empty rule, or one that no judge can decide.
    """
    run = session.run
    rule = read_rule(text)  # 1
    with run.time_stage("ask"):
        session.subject = extract_subject(
            session.base, session.base, rule.text, session.config.seed
        )
        pool = OverlapIndex()
        found = write_prompts(session, pool)  # 2
        parts = split_asked_prompts(session, found)
    with run.time_stage("judge"):
        judges = choose_judges(
            session, rule, parts["train"], sample_general_answers(session, parts["train"])
        )  # 4
    with run.time_stage("probe"):
        probed = probe_prompts(session, parts["train"], judges)  # 3
        probed += probe_more_prompts(session, probed, judges, pool)
    with run.time_stage("search"):
        examples, traces = make_violation_examples(session, probed, judges.lessons)  # 5
        examples += make_anchors(session, probed, judges.lessons)
    lesson = Lesson(session, rule, parts, pool, judges, examples, traces)
    if any(example.role == "learn" for example in examples):
        lesson.objectives = choose_objectives(session, examples, parts["dev"], judges.lessons)  # 7
    return lesson.plan()


@dataclass
class Lesson:
    """One rule on its way into weights; it grows with every balance round.

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
    examples: list[Example]
    traces: list[SearchTrace]
    objectives: ObjectiveWeights = field(default_factory=dict)
    rounds: int = 0
    clusters: PromptClusters | None = None

    def plan(self) -> TrainingPlan:
        """Return what is trained and how it is examined, with what is known so far."""
        session = self.session
        session.run.ledger.set_note("search", effort(self.traces))
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
        test = group_by_scope(self.parts["test"])
        return build_exam(self.session, self.judges.exam, test, examples, self.rule.id)

    def improve(self, tuned: TunedModel) -> TrainingPlan | None:
        """Step 6: ask for more prompts like the dev prompts on which the tuned model still breaks
        the rule, and search answers for them.

        The quota of a cluster is proportional to its failure rate on dev times the root of its
        size. Test prompts play no part.
        """
        with self.session.run.time_stage("balance"):
            grown = self.grow(tuned)
        return self.plan() if grown else None

    def grow(self, tuned: TunedModel) -> bool:
        """Add the examples of one balance round; return whether there are any."""
        session, parts = self.session, self.parts
        config = session.config.balance
        known = [a for part in ("train", "dev") for a in parts[part]]
        if len(known) < 2 * config.clusters:
            return False
        if self.clusters is None:
            embedded = session.base.embed([make_prompt(a.text) for a in known])
            self.clusters = cluster_prompts(embedded, config.clusters, session.config.seed)
            learned = {e.turns[-1].content: e.kind == "in_scope" for e in self.examples}
            note_clusters(session, known, self.clusters, learned)
        if self.rounds >= config.rounds:
            return False
        targets = [a for a in parts["dev"] if a.scope == "target"]
        failed = find_dev_failures(
            session, tuned.recorded, make_prompt, targets, self.judges.lessons
        )
        note_clusters(session, known, self.clusters, failed)
        if not any(failed.values()):
            return False
        labels = self.clusters.labels
        place = {a.text: int(label) for a, label in zip(known, labels, strict=True)}
        more = write_prompts_like_failures(session, place, parts, failed, self.pool, self.rounds)
        probed = probe_prompts(session, more, self.judges)
        found, traces = make_violation_examples(session, probed, self.judges.lessons)
        if not found:
            return False
        self.examples += found + make_anchors(session, probed, self.judges.lessons)
        self.traces += traces
        self.rounds += 1
        return True

    def score_on_dev(self, model: Recorded) -> float:
        """Return the share of dev answers that keep the rule, plus the share of those outside it
        that are unharmed.
        """
        session = self.session
        asked = {s: texts[: DEV[s]] for s, texts in group_by_scope(self.parts["dev"]).items()}
        exam = build_exam(session, self.judges.exam, asked, self.examples, self.rule.id)
        plain = exam.arms(None)["base"].prompts
        arms = {"base": Arm(session.base, plain), "taught": Arm(model, plain)}
        answers = answer_all(session, arms, exam)
        kept = exam.scorer.score(answers[TARGET]).both("taught")
        effects = find_side_effects(answers, exam.taught_texts, exam.excuse)
        unharmed = [flag for own in effects.unharmed.values() for flag in own["taught"]]
        return (mean(kept) if kept else 0.0) + (mean(unharmed) if unharmed else 1.0)

    def add_data_curve(self, tuned: TunedModel | None, exam: dict[str, Any]) -> None:
        """Add how few prompts would have been enough, where the settings ask for it."""
        session = self.session
        if tuned is None or not session.config.curve:
            return
        with session.run.time_stage("curve"):
            points = measure_curve(session, self.examples, self.objectives, self.make_exam)
            session.run.ledger.set_note("curve", points)
        exam["data_need"] = {"n90": find_n90(points), "points": points}


def probe_prompts(
    session: Session, asked: Sequence[GeneratedPrompt], judges: RuleJudges
) -> list[ProbedPrompt]:
    """Step 3: on target prompts a greedy answer and draws; elsewhere the beginning of the greedy
    one, which is what an anchor keeps.

    Outside the target scope only the exam's judge is believed: what it lets pass there must stay as
    it is.
    """
    requests = [make_probe_requests(session, a) for a in asked]
    answers = {}
    session.display.start_stage("probe", sum(map(len, requests)))
    for draw in session.base.stream([r for row in requests for r in row]):
        answers[draw.id] = draw
        session.display.advance()
    draws = [tuple(answers[r.id(session.base.fingerprint)] for r in row) for row in requests]
    found: dict[str, ProbedPrompt] = {}
    for asks, inside in ((judges.lessons, True), (judges.exam, False)):
        rows = [
            (a, row) for a, row in zip(asked, draws, strict=True) if (a.scope == "target") is inside
        ]
        flags = iter(asks.broken([(make_prompt(a.text), d.text) for a, row in rows for d in row]))
        found |= {a.id: ProbedPrompt(a, row, tuple(next(flags) for _ in row)) for a, row in rows}
    return [found[a.id] for a in asked]


def probe_more_prompts(
    session: Session, probed: Sequence[ProbedPrompt], judges: RuleJudges, pool: OverlapIndex
) -> list[ProbedPrompt]:
    """Step 3 once more: while the base breaks the rule on fewer than `ask.min_violations` requests, more
    like those are asked and probed.

    They are new to the pool, which holds the test prompts too.
    """
    found: list[ProbedPrompt] = []
    for turn in range(session.config.ask.rounds):
        mine = [p.asked.text for p in (*probed, *found) if p.in_scope and p.asked.scope == "target"]
        lack = session.config.ask.min_violations - len(mine)
        if lack <= 0 or len(mine) < LIST_LENGTH:
            break
        found += probe_prompts(
            session, write_similar_prompts(session, mine, 2 * lack, pool, turn), judges
        )
    return found


def sample_general_answers(
    session: Session, asked: Sequence[GeneratedPrompt]
) -> list[tuple[Prompt, str]]:
    """The base's answers to some general prompts: the same draws that the probe makes of them."""
    requests = [
        request
        for a in [a for a in asked if a.scope == "general"][:MAX_GENERAL_ANSWERS]
        for request in make_probe_requests(session, a)
    ]
    texts = {draw.id: draw.text for draw in session.base.stream(requests)}
    return [(request.prompt, texts[request.id(session.base.fingerprint)]) for request in requests]


def make_probe_requests(session: Session, asked: GeneratedPrompt) -> list[Request]:
    """What the base is asked about one prompt."""
    config, prompt = session.config.probe, make_prompt(asked.text)
    greedy = replace(
        GREEDY, max_tokens=config.max_tokens if asked.scope == "target" else config.anchor_tokens
    )
    more = config.samples - 1 if asked.scope == "target" else 0
    return [
        Request(
            "probe",
            prompt,
            SamplingParams(1.0, 1.0, config.max_tokens) if k else greedy,
            k,
            session.config.seed,
        )
        for k in range(1 + more)
    ]


def find_faults(session: Session, pairs: Sequence[tuple[Prompt, str]]) -> list[str]:
    """Why answers that keep the rule are no answers: too short, going round in circles, or
    gibberish to the base itself.
    """
    items = [Continuations(prompt, (text,), end=True) for prompt, text in pairs]
    found = dict(session.base.stream_scores([item for item in items if item.texts[0].strip()]))
    senseless = {
        id for id, (p,) in found.items() if p.token_logp < session.config.search.min_token_logp
    }
    reasons = []
    for item in items:
        text, gibberish = item.texts[0], item.id(session.base.fingerprint) in senseless
        reasons.append(
            "too short"
            if len(text.split()) < 3
            else "loops"
            if is_looping(text)
            else "makes no sense"
            if gibberish
            else ""
        )
    return reasons


def make_violation_examples(
    session: Session, probed: Sequence[ProbedPrompt], judge: ViolationJudge
) -> tuple[list[Example], list[SearchTrace]]:
    """Step 5: for each prompt in scope an example from each accepted answer, against a draw of the
    base that breaks the rule.

    Outside the target scope a request wants an answer without the breach, never to be declined; one
    that names the subject after all is no lesson in that.
    """
    sought = [p for p in probed if p.in_scope]
    session.run.ledger.register("search", (p.asked.id for p in sought))
    strays = find_off_scope_prompts(session, sought, judge)
    mine = {p.asked.text: p for p in sought if p.asked.id not in strays}
    session.display.start_stage("search", len(mine), "found")
    check = get_check(session)
    begun = {
        text: found
        for text, p in mine.items()
        if check and (found := get_compliant_beginning(p, check))
    }
    traces = search_answers(
        session.base,
        list(mine),
        session.rule,
        session.subject.topic,
        judge.broken,
        lambda pairs: find_faults(session, pairs),
        session.config.search,
        session.config.seed,
        session.teacher,
        session.display.advance,
        askable={text for text, p in mine.items() if p.asked.scope != "target"},
        begun=begun,
    )
    examples: list[Example] = []
    fates = [
        Outcome(id, "dropped", "names the subject, though it was asked for outside it")
        for id in sorted(strays)
    ]
    for trace in traces:
        p = mine[trace.prompt]
        if trace.num_tries is None:
            fates.append(make_unsolved_outcome(p, trace))
            continue
        fates.append(Outcome(p.asked.id, "accepted"))
        prompted = make_prompt(trace.prompt, system=session.rule)
        worst = [d for d, broken in zip(p.draws, p.broken, strict=True) if broken]
        for n, best in enumerate(trace.accepted):
            rejected, cut = make_rejected(
                session, worst[0 if best.strategy == "branch" else n % len(worst)], check, best
            )
            source = {
                "strategy": best.strategy,
                "scope": p.asked.scope,
                "cut": [
                    side for side, stopped in (("chosen", best.cut), ("rejected", cut)) if stopped
                ],
                "teacher_prompt": prompt_to_json(prompted),
            }
            id = digest([p.asked.id, best.text])
            examples.append(
                Example(
                    id,
                    "in_scope",
                    make_prompt(trace.prompt),
                    best.text,
                    rejected,
                    {"tries": trace.num_tries},
                    source,
                )
            )
    session.run.ledger.finish_stage("search", fates)
    return examples, traces


def make_unsolved_outcome(p: ProbedPrompt, trace: SearchTrace) -> Outcome:
    """What became of a prompt for which no answer was found: dropped, or failed where the teacher
    gave none at all.
    """
    last = trace.tries[-1]
    if all(t.fault == LOST_REASON for t in trace.tries):
        return Outcome(p.asked.id, "failed", LOST_REASON, {"prompt": trace.prompt})
    return Outcome(
        p.asked.id,
        "dropped",
        "search budget spent",
        {"prompt": trace.prompt, "last": last.text, "fault": last.fault},
    )


def get_compliant_beginning(p: ProbedPrompt, check: Check) -> str:
    """How the first broken draw begins, as far as it keeps the rule; "" where that is less than
    LEAST_BEGINNING words.
    """
    draw = next(d for d, broken in zip(p.draws, p.broken, strict=True) if broken)
    found = find_violation(check, draw.text)
    start = truncate_before(draw.text, found.start) if found else ""
    return start if len(start.split()) >= MIN_BEGINNING_WORDS else ""


def make_rejected(
    session: Session, draw: Completion, check: Check | None, best: Try
) -> tuple[str, bool]:
    """The rejected answer, and whether it goes on: its first tokens, and at least as far as the
    breach; beside a branch just so far.
    """
    found = find_violation(check, draw.text) if check else None
    if found and best.strategy == "branch":
        return draw.text[: found.end], True
    least = len(session.model.encode_answer(draw.text[: found.end], end=False)) if found else 0
    return truncate_answer(session, draw, max(session.config.probe.rejected_tokens, least))


def find_off_scope_prompts(
    session: Session, probed: Sequence[ProbedPrompt], judge: ViolationJudge
) -> set[str]:
    """The ids of prompts that were asked for outside the target scope and name the subject
    themselves.
    """
    outside = [p.asked for p in probed if p.asked.scope != "target"]
    return {
        a.id
        for a, named in zip(
            outside, judge.broken([(make_prompt(a.text), a.text) for a in outside]), strict=True
        )
        if named
    }


def make_anchors(
    session: Session, probed: Sequence[ProbedPrompt], judge: ViolationJudge
) -> list[Example]:
    """Step 3: where the base keeps the rule, the beginning of its own greedy answer is the lesson.

    A prompt that names the subject itself teaches neither: that the base happened to keep the rule
    there is no reason to keep its answer.
    """
    mine = [p for p in probed if not p.in_scope]
    session.run.ledger.register("anchor", (p.asked.id for p in mine))
    named = (
        judge.broken([(make_prompt(p.asked.text), p.asked.text) for p in mine])
        if session.subject.topic
        else [False] * len(mine)
    )
    found, fates = [], []
    for p, about in zip(mine, named, strict=True):
        reason = (
            "names the subject, though the base kept the rule"
            if about
            else ""
            if p.draws[0].text.strip()
            else "the base says nothing"
        )
        if reason:
            fates.append(Outcome(p.asked.id, "dropped", reason, {"prompt": p.asked.text}))
            continue
        text, cut = truncate_answer(session, p.draws[0], session.config.probe.anchor_tokens)
        source = {"scope": p.asked.scope, "cut": ["chosen"] if cut else []}
        found.append(
            Example(
                p.asked.id,
                "near" if p.asked.scope == "near" else "general",
                make_prompt(p.asked.text),
                text,
                None,
                {},
                source,
            )
        )
        fates.append(Outcome(p.asked.id, "accepted"))
    session.run.ledger.finish_stage("anchor", fates)
    return found


def truncate_answer(session: Session, draw: Completion, tokens: int) -> tuple[str, bool]:
    """The first tokens of a draw, and whether it goes on after them."""
    ids = session.model.encode_answer(draw.text, end=False)
    return (
        (draw.text, draw.finish == "length")
        if len(ids) <= tokens
        else (session.model.decode(ids[:tokens]), True)
    )


def choose_objectives(
    session: Session,
    examples: Sequence[Example],
    dev: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> ObjectiveWeights:
    """Step 7: choose the objectives of each kind of example. `auto` tries each candidate for a few
    steps and keeps the best on dev.

    The gate comes first: distillation is a candidate only where the rule in the prompt helps this
    base. A choice that was made before is not made again.
    """
    choice = session.config.train.objective
    if choice == "auto":
        noted = session.run.ledger.get_note("objective")
        choice = (noted or try_objectives(session, examples, dev, judge))["chosen"]
    return weigh_objectives(choice)


def weigh_objectives(choice: str) -> ObjectiveWeights:
    """Return the weights of "sft+dpo" in scope, and of anchors elsewhere."""
    return {"in_scope": dict.fromkeys(choice.split("+"), 1.0), **ANCHOR_WEIGHTS}


def try_objectives(
    session: Session,
    examples: Sequence[Example],
    dev: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> dict[str, Any]:
    """Train a few steps with each candidate; note and return which one keeps the rule best."""
    targets = [a for a in dev if a.scope == "target"]
    steps = session.config.train.trial_steps

    def measure_kept(model: Recorded, write_prompt: Callable[[str], Prompt] = make_prompt) -> float:
        return 1 - mean(find_dev_failures(session, model, write_prompt, targets, judge).values())

    gate = {
        "base": measure_kept(session.base),
        "prompted": measure_kept(session.base, lambda text: make_prompt(text, system=session.rule)),
    }
    candidates = ["sft+dpo", "sft"]
    if gate["prompted"] > gate["base"]:
        candidates.append("distill")
    scores: dict[str, float] = {}
    for name in candidates:
        tuned = tune(session, examples, weigh_objectives(name), f"trial-{name}", steps)
        scores[name] = measure_kept(tuned.recorded)
    best = max(candidates, key=lambda name: scores[name])
    found = {"chosen": best, "kept_on_dev": scores, "gate": gate, "steps": steps}
    session.run.ledger.set_note("objective", found)
    session.display.print_line(
        f"objective: {best}, which keeps the rule in {100 * scores[best]:.0f} % "
        f"of the dev answers after {steps} steps"
    )
    return found


def find_dev_failures(
    session: Session,
    model: Recorded,
    write_prompt: Callable[[str], Prompt],
    dev: Sequence[GeneratedPrompt],
    judge: ViolationJudge,
) -> dict[str, bool]:
    """Return for each dev prompt whether a model breaks the rule on it, greedy or sampled."""
    session.display.start_stage("dev", 2 * len(dev))
    prompts = [write_prompt(a.text) for a in dev]
    broken = {a.text: False for a in dev}
    for temperature in (0.0, 1.0):
        draws = answer(session, model, "dev", prompts, temperature)
        pairs = [(make_prompt(a.text), draw.text) for a, draw in zip(dev, draws, strict=True)]
        for a, flag in zip(dev, judge.broken(pairs), strict=True):
            broken[a.text] |= bool(flag)
    return broken


def show_arms(exam: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of each arm, for the result."""
    outside = [scope for scope in ("near", "general") if scope in exam]
    found: dict[str, Any] = {}
    for arm, kept in exam["kept"].items():
        found[arm] = {"target": kept["greedy"], "target_sampled": kept["sampled"]}
        found[arm] |= {scope: exam[scope][arm] for scope in outside}
    return found


def effort(traces: Sequence[SearchTrace]) -> dict[str, Any]:
    """Return how many tries the prompts took, and the traces of the hardest ones."""
    tries: dict[str, int] = {}
    for trace in traces:
        key = str(trace.num_tries or "gave up")
        tries[key] = tries.get(key, 0) + 1
    hardest = sorted(traces, key=lambda trace: -len(trace.tries))[:20]
    shown = []
    for trace in hardest:
        shown.append({"prompt": trace.prompt, "tries": [show_try(found) for found in trace.tries]})
    return {"tries": dict(sorted(tries.items())), "traces": shown}


def show_try(found: Try) -> dict[str, str]:
    """Return one try of a search, for the report."""
    return {
        "text": found.text,
        "verdict": "broken" if found.broken else "kept",
        "reason": found.fault,
        "strategy": found.strategy,
    }


def note_clusters(
    session: Session,
    known: Sequence[GeneratedPrompt],
    groups: PromptClusters,
    failed: Mapping[str, bool],
) -> None:
    """Keeps the clusters for the report."""
    rates = {}
    for label in range(len(groups.sizes)):
        mine = [
            failed[a.text]
            for a, own in zip(known, groups.labels, strict=True)
            if own == label and a.text in failed
        ]
        rates[str(label)] = sum(mine) / len(mine) if mine else None
    points = [
        {
            "x": float(x),
            "y": float(y),
            "cluster": int(label),
            "scope": a.scope,
            "prompt": a.text,
            "failed": failed.get(a.text, False),
        }
        for a, label, (x, y) in zip(known, groups.labels, groups.xy, strict=True)
    ]
    sizes = {str(i): size for i, size in enumerate(groups.sizes)}
    session.run.ledger.set_note(
        "clusters",
        {
            "points": points,
            "silhouette": float(groups.silhouette),
            "k": len(sizes),
            "sizes": sizes,
            "failure_rate": rates,
        },
    )


METHOD = Method(
    name="feedback",
    settings=FeedbackConfig,
    prepare=prepare,
    rule_of=lambda text: read_rule(text).text,
)
"""`selfteach feedback`."""
