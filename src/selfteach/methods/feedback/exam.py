"""The exam of a rule: is it kept where it holds, and is nothing else changed?

kept         share of answers to target prompts that keep the rule, greedy and at T = 1
recovery     (tuned - base) / (prompted - base)
other_system, second_turn
             the same under a system prompt that training never saw, and in a second turn
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress

from selfteach import statistics
from selfteach.evaluate.exam import (
    GENERAL,
    NEAR,
    TARGET,
    Answers,
    Arm,
    ArmAnswers,
    Exam,
    ExamState,
    ModelRequests,
    make_arms,
    make_requests,
    measure_drift,
)
from selfteach.evaluate.verdict import Evidence
from selfteach.judge import ThresholdJudge
from selfteach.methods.session import Session
from selfteach.records import Completion, Example, JsonObject, Measure, Message, make_prompt

ELSEWHERE = 20
"""Target prompts that are also answered under another system prompt and in a second turn."""


@dataclass(frozen=True)
class RuleScores:
    """Hold which target answers keep the rule: flags by arm, in the order of the questions."""

    greedy: Mapping[str, list[bool]]
    sampled: Mapping[str, list[bool]]

    def both(self, arm: str) -> list[bool]:
        """Return greedy flags and then sampled ones."""
        return self.greedy[arm] + self.sampled[arm]

    def percent(self, arm: str) -> str:
        """Return the share of kept answers of both kinds, as text."""
        flags = self.both(arm)
        return f"{100 * sum(flags) / max(len(flags), 1):.0f} %"


@dataclass(frozen=True)
class RuleScorer:
    """Score answers by the judge of the rule.

    Attributes:
        count_searched: returns for how many prompts an answer that keeps the rule was searched.
    """

    judge: ThresholdJudge
    count_searched: Callable[[], int]

    def score(self, answers: ArmAnswers) -> RuleScores:
        """Judge greedy and sampled answers of every arm."""
        greedy = {arm: self.keeps(own.questions, own.greedy) for arm, own in answers.items()}
        sampled = {arm: self.keeps(own.questions, own.sampled) for arm, own in answers.items()}
        return RuleScores(greedy, sampled)

    def keeps(self, questions: Sequence[str], completions: Sequence[Completion]) -> list[bool]:
        """Return for each answer whether it keeps the rule."""
        if not completions:
            return []
        rows = zip(questions, completions, strict=True)
        pairs = [(make_prompt(question), completion.text) for question, completion in rows]
        return [not broken for broken in self.judge.broken(pairs)]

    def find_violations(self, scope: str, base: Answers) -> Collection[int]:
        """Return the places where the base breaks the rule outside its scope.

        A taught answer is right there.
        """
        kept = self.keeps(base.questions, base.greedy)
        return {i for i, good in enumerate(kept) if not good}

    def measure(self, state: ExamState) -> JsonObject:
        """Return shares of kept answers, and the recovery of the prompted arm's effect."""
        scores: RuleScores = state.scores
        share = statistics.share
        kept = {
            arm: {"greedy": share(greedy), "sampled": share(scores.sampled[arm])}
            for arm, greedy in scores.greedy.items()
        }
        if state.tuned is None:
            return {"kept": kept}
        arms = [scores.both(arm) for arm in ("tuned", "prompted", "base")]
        return {"kept": kept, "recovery": statistics.recovery(*arms, seed=state.seed)}

    def measure_noise(self, again: Answers, state: ExamState) -> dict[str, Measure]:
        """Compare the share of kept answers in two samples of the base."""
        second = self.keeps(again.questions, again.sampled)
        first = state.scores.sampled["base"]
        return {"kept": statistics.paired_bootstrap(second, first, seed=state.seed)}

    def make_evidence(self, state: ExamState) -> Evidence:
        """Return the gain over base and prompted base, and what is degraded outside the rule."""
        scores: RuleScores = state.scores
        effects = state.side_effects
        percent = {arm: scores.percent(arm) for arm in scores.greedy}
        start = f"the base keeps the rule in {percent['base']} of its answers"
        if state.tuned is None:
            return self.explain_untrained(start)
        compare = partial(statistics.paired_bootstrap, seed=state.seed)
        degraded = effects.list_degraded_scopes("tuned")
        whole = effects.count_intact("tuned")
        whole_prompted = effects.count_intact("prompted")
        outside = f"; outside it {whole} answers are not degraded (in the prompt: {whole_prompted})"
        same = f"; outside it {whole_prompted} answers are not degraded, of the tuned model {whole}"
        return Evidence(
            gain=compare(scores.both("tuned"), scores.both("base")),
            over_prompt=compare(scores.both("tuned"), scores.both("prompted")),
            start=start,
            change=(
                f"the rule is kept in {percent['base']} of the answers before and "
                f"{percent['tuned']} after"
            ),
            prompted=(
                f"the rule in the prompt is kept in {percent['prompted']} of the answers, the "
                f"tuned model keeps it in {percent['tuned']}{same if effects.intact else ''}"
            ),
            objection=self.describe_degraded(degraded),
            prompt_objection=" ".join(effects.list_degraded_scopes("prompted")),
            closing=f" (in the prompt: {percent['prompted']}){outside if effects.intact else ''}",
        )

    def describe_degraded(self, scopes: Sequence[str]) -> str:
        """Return what speaks against the tuned model, or ""."""
        named = " and ".join(scopes)
        return f"more than one in ten {named} answers is degraded" if scopes else ""

    def explain_untrained(self, start: str) -> Evidence:
        """Say why nothing was trained."""
        searched = self.count_searched()
        why = "no prompt was found on which to teach it"
        if searched:
            why = f"for none of {searched} prompts an answer was found that keeps it"
        return Evidence(None, None, start, "", not_trained=why, could_not_train=bool(searched))

    def rows(self, state: ExamState) -> list[JsonObject]:
        """Return each target question with every arm's answers and whether they keep the rule."""
        scores: RuleScores = state.scores
        arms = state.answers[TARGET]
        rows = []
        for i, text in enumerate(arms["base"].questions):
            cells: JsonObject = {}
            for arm, own in arms.items():
                cells[arm] = {
                    "greedy": own.greedy[i].text,
                    "ok": scores.greedy[arm][i],
                    "sampled": own.sampled[i].text,
                    "sampled_ok": scores.sampled[arm][i],
                }
            rows.append({"scope": TARGET, "prompt": text, "arms": cells})
        return rows


def build_exam(
    session: Session,
    judge: ThresholdJudge,
    prompts: Mapping[str, Sequence[str]],
    examples: Sequence[Example],
    rule_id: str,
) -> Exam:
    """Build the exam of a rule from its test prompts, by scope."""
    config = session.config.exam
    questions = {
        scope: list(map(make_prompt, texts[: getattr(config, scope)]))
        for scope, texts in prompts.items()
    }
    elsewhere = prompts[TARGET][: min(config.target, ELSEWHERE)]
    scorer = RuleScorer(judge, lambda: count_searched(session))
    return Exam(
        questions=questions,
        arms=lambda tuned: make_arms(
            session, questions, lambda prompt: (Message("system", session.rule), *prompt), tuned
        ),
        scorer=scorer,
        taught_texts=[e.chosen for e in examples if e.kind == "in_scope"],
        header=describe_rule(session, judge) | {"rule_id": rule_id},
        measurements=[measure_rule_drift],
        extra_measurements=[partial(measure_elsewhere, scorer, session, elsewhere)],
        target_stage="exam target",
        loop_check_scopes=(NEAR, GENERAL),
        find_allowed_repeats=scorer.find_violations,
        plan_extra=lambda arms: list(plan_elsewhere(session, elsewhere, arms).values()),
    )


def describe_rule(session: Session, judge: ThresholdJudge) -> JsonObject:
    """Return what exam.json says of the rule and of who judges it."""
    source = "check" if judge.name == "check" else "calibrated"
    report = session.run.ledger.get_note("calibration")
    auroc = None
    if report:
        named = {row["name"]: row["auroc"] for row in report["candidates"]}
        auroc = named.get(report["chosen"])
    return {
        "method": "feedback",
        "rule": session.rule,
        "judge": {"name": judge.name, "source": source, "auroc": auroc},
    }


def count_searched(session: Session) -> int:
    """Return for how many prompts an answer was searched, because the base breaks the rule."""
    return sum(row.requested for row in session.run.ledger.funnel() if row.stage == "search")


def plan_elsewhere(
    session: Session, texts: Sequence[str], arms: Mapping[str, Arm]
) -> dict[tuple[str, str], ModelRequests]:
    """Return the requests by (way, arm): under a system prompt that training never saw, and in a
    second turn.
    """
    system = session.config.exam.system
    planned: dict[tuple[str, str], ModelRequests] = {}
    for name, arm in arms.items():
        own_rule = session.rule if name == "prompted" else ""
        ways = {
            "other_system": [add_system(text, own_rule, system) for text in texts],
            "second_turn": [add_turn(text, own_rule) for text in texts],
        }
        for way, prompts in ways.items():
            requests = make_requests(session, f"exam {way}", prompts, 0.0)
            planned[way, name] = (arm.model, requests)
    return planned


def measure_elsewhere(
    scorer: RuleScorer, session: Session, texts: Sequence[str], state: ExamState
) -> JsonObject:
    """Measure how often the rule is kept under another system prompt and in a second turn."""
    found: JsonObject = {"other_system": {}, "second_turn": {}}
    planned = plan_elsewhere(session, texts, state.arms)
    for (way, name), (model, requests) in planned.items():
        found[way][name] = statistics.share(scorer.keeps(texts, model.sample(requests)))
    return found


def measure_rule_drift(state: ExamState) -> JsonObject:
    """Measure the drift where nothing should change.

    That is on general prompts; for a rule that holds everywhere, on the target prompts whose base
    answer keeps it already.
    """
    if state.tuned is None:
        return {}
    answers: Mapping[str, Answers] = state.answers.get(GENERAL, {})
    where = "general answers"
    if not answers or not answers["base"].questions:
        where = "answers of the base that keep the rule already"
        kept = state.scores.greedy["base"]
        answers = {
            arm: Answers(list(compress(own.questions, kept)), list(compress(own.greedy, kept)))
            for arm, own in state.answers[TARGET].items()
        }
    if not answers["base"].questions:
        return {}
    return {"drift": {"on": where, **measure_drift(state.session, state.tuned, answers)}}


def add_system(text: str, rule: str, system: str) -> tuple[Message, ...]:
    """Return the question under another system prompt; the rule of the prompted arm follows it."""
    return make_prompt(text, system=f"{system} {rule}".strip())


def add_turn(text: str, rule: str = "") -> tuple[Message, ...]:
    """Return the question as the second one of a conversation that began with something else."""
    return (
        *((Message("system", rule),) if rule else ()),
        Message("user", "Hello, can you help me?"),
        Message("assistant", "Of course. What would you like to know?"),
        Message("user", text),
    )
