"""The exam: one harness and one verdict for every method.

A method brings an `Exam`: held-out questions by scope, the arms that answer them, and a scorer
that turns answers into numbers. The harness does the rest, in this order:

  1  every arm answers every question: greedily, and the target questions once at T = 1 as well;
     each model answers in one call
  2  the scorer scores the target answers
  3  side effects: near and general answers, compared with the base's own
  4  further measurements of the method, drift among them
  5  noise floor: the base against itself, in a second sample
  6  sanity of the answers, proof that the base arm is the base
  7  verdict: one ladder for all methods (verdict.py)

The arms are `base`, `prompted` (the base with the material in its prompt) and `tuned`. The exam
runs twice. It first runs before the training without `tuned`, so base and tuned model need not be
in memory together. Afterwards it reads the answers of the base from the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TYPE_CHECKING, Any, Protocol

from selfteach.evaluate.sanity import measure_sanity_by_arm
from selfteach.evaluate.scopes import GENERAL, TARGET
from selfteach.evaluate.side_effects import SideEffects, find_side_effects
from selfteach.evaluate.verdict import Evidence, reach_verdict
from selfteach.judge import PromptAnswer
from selfteach.models.recorded import Recorded
from selfteach.records import (
    GREEDY,
    Completion,
    JsonMapping,
    JsonObject,
    Message,
    Prompt,
    Request,
    SamplingParams,
    get_user_text,
    make_prompt,
    measures_to_json,
)
from selfteach.run.display import Display
from selfteach.statistics import share

if TYPE_CHECKING:  # torch is loaded by the functions that need it: a plug-in may import this module
    from selfteach.train.train import TrainingResult

PROBE_PAIRS: Sequence[PromptAnswer] = (
    (make_prompt("What is the capital of Norway?"), "The capital of Norway is Oslo."),
    (make_prompt("Name a colour."), "Blue."),
)
"""Answers for comparing the base before and after training, as the proof of the base arm."""


@dataclass
class TunedModel:
    """Hold the model after training.

    Attributes:
        trained: the result of the training; its adapter is merged into `model`.
        model: computes logits and log-probabilities.
        recorded: answers requests and records the answers in the ledger.
    """

    trained: TrainingResult
    model: Any
    recorded: Recorded


class ExamSession(Protocol):
    """Define the part of a session that the harness needs."""

    config: Any
    display: Display
    model: Any
    base: Recorded
    base_logits: Any

    def may_change(self, answer: str) -> bool:
        """Return whether something else that was taught asks for another answer than this one of
        the base.
        """
        ...


@dataclass(frozen=True)
class Arm:
    """Represent one way to answer the exam: a model, and its prompts by scope.

    Attributes:
        prompts: in the order of the questions; the arm answers only these scopes.
        sampled: whether the arm also answers target questions at T = 1.
    """

    model: Recorded
    prompts: Mapping[str, Sequence[Prompt]]
    sampled: bool = True


def make_arms(
    session: ExamSession,
    questions: Mapping[str, Sequence[tuple[Message, ...]]],
    add_material: Callable[[tuple[Message, ...]], Prompt],
    tuned: TunedModel | None,
) -> dict[str, Arm]:
    """Make the base, the base with the material in its prompt, and the tuned model.

    Args:
        add_material: returns a prompt with the material in it.
    """
    prompted = {}
    for scope, prompts in questions.items():
        prompted[scope] = [add_material(prompt) for prompt in prompts]
    arms = {"base": Arm(session.base, questions), "prompted": Arm(session.base, prompted)}
    if tuned:
        arms["tuned"] = Arm(tuned.recorded, questions)
    return arms


@dataclass(frozen=True)
class Answers:
    """Hold one arm's answers to the questions of one scope, in their order.

    Attributes:
        sampled: one sample at T = 1 for each question, or nothing.
        again: of the base, another such sample. What chooses questions must not be what measures
            them: an answer that was chosen because it is bad is better the next time.
    """

    questions: Sequence[str]
    greedy: Sequence[Completion]
    sampled: Sequence[Completion] = ()
    again: Sequence[Completion] = ()


ArmAnswers = Mapping[str, Answers]
"""The answers of every arm to one scope."""
ModelRequests = tuple[Recorded, Sequence[Request]]
"""Requests, and the model that answers them."""


@dataclass(frozen=True)
class ExamState:
    """Hold the state of a running exam.

    Attributes:
        tuned: None before the training.
        answers: answers[scope][arm].
        scores: the scorer's scores of the target answers.
        found: what all measurements returned, by the keys of exam.json. Only `make_evidence` has
            it: measurements do not know of each other.
    """

    session: ExamSession
    tuned: TunedModel | None
    arms: Mapping[str, Arm]
    answers: Mapping[str, ArmAnswers]
    scores: Any
    side_effects: SideEffects
    found: JsonMapping = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """Return the seed of the run."""
        return int(self.session.config.seed)


Measurement = Callable[[ExamState], JsonMapping]
"""Returns further keys of exam.json."""


class ExamScorer(Protocol):
    """Turn the target answers of one method into numbers."""

    def score(self, answers: ArmAnswers) -> Any:
        """Score the target answers of all arms."""
        ...

    def measure(self, state: ExamState) -> JsonMapping:
        """Return the keys of exam.json that hold the scores, with 95 % intervals."""
        ...

    def measure_noise(self, again: Answers, state: ExamState) -> JsonMapping:
        """Compare a second sample of the base with its first one."""
        ...

    def make_evidence(self, state: ExamState) -> Evidence:
        """Return the evidence for the verdict; `state.found` holds all measurements."""
        ...

    def rows(self, state: ExamState) -> list[JsonObject]:
        """Return each target question with the answers of every arm, for the report."""
        ...


def allow_no_repeats(base: Answers) -> Collection[int]:
    """Return no index: every side effect counts."""
    return ()


@dataclass(frozen=True)
class Exam:
    """Hold the questions of a method's exam, the arms, and the scorer.

    Attributes:
        questions: held-out prompts by scope; `target` is the scope of the material.
        arms: builds the arms; called with None before the training.
        taught_texts: the taught answers; repeating one outside the target is a side effect.
        header: keys of exam.json that are known beforehand.
        measurements: further measurements, in their order.
        extra_measurements: the same, for the report of a run; a comparison leaves them out.
        target_stage, sampled_stage: the request stages of target answers. They are part of request
            ids, so changing them makes another run.
        loop_check_scopes: the scopes whose answers are checked for loops, if they have questions.
        find_allowed_repeats: returns the indices of a scope whose answers may repeat a taught text.
        plan_extra: returns the requests of the extra measurements, which the models answer together
            with the others.
        describe_grading: returns what the scorer and the measurements were made from, so that the
            exam can be sat again (recorded_exam.py); None: another one cannot be made from it.
    """

    questions: Mapping[str, Sequence[Prompt]]
    arms: Callable[[TunedModel | None], Mapping[str, Arm]]
    scorer: ExamScorer
    taught_texts: Sequence[str] = ()
    header: JsonMapping = field(default_factory=dict)
    measurements: Sequence[Measurement] = ()
    extra_measurements: Sequence[Measurement] = ()
    target_stage: str = "exam"
    sampled_stage: str = ""
    loop_check_scopes: Sequence[str] = (TARGET,)
    find_allowed_repeats: Callable[[Answers], Collection[int]] = allow_no_repeats
    plan_extra: Callable[[Mapping[str, Arm]], Sequence[ModelRequests]] | None = None
    describe_grading: Callable[[], JsonMapping | None] = lambda: None

    def run_baselines(self, session: ExamSession) -> None:
        """Record the answers of base and prompted base before the training."""
        self.run(session, None)
        session.base.release_memory()

    def run(
        self, session: ExamSession, tuned: TunedModel | None, *, brief: bool = False
    ) -> JsonObject:
        """Run the exam and return what exam.json holds.

        Args:
            brief: leave the extra measurements out.
        """
        arms = self.arms(tuned)
        extra_requests = self.plan_extra(arms) if self.plan_extra and not brief else ()
        answers = answer_exam(session, arms, self, extra_requests)  # 1
        base = answers[TARGET]["base"]
        scores = self.scorer.score(answers[TARGET])  # 2
        effects = find_side_effects(answers, self.taught_texts, self.find_allowed_repeats)  # 3
        found: JsonObject = {"smoke_test": session.config.smoke_test, **self.header}
        state = ExamState(session, tuned, arms, answers, scores, effects)
        found |= self.scorer.measure(state)
        found |= effects.measure()
        extra = () if brief else self.extra_measurements
        for measurement in (*self.measurements, *extra):  # 4
            found |= measurement(state)
        again = Answers(base.questions, (), answers[TARGET]["base"].again)
        found["noise_floor"] = self.scorer.measure_noise(again, state)  # 5
        found["sanity_scopes"] = find_scopes_to_check(answers, self.loop_check_scopes)
        found["sanity"] = measure_sanity(answers, found["sanity_scopes"], state.seed)  # 6
        found["base_proof"] = check_base_unchanged(session)
        evidence = self.scorer.make_evidence(replace(state, found=found))
        found["verdict"] = reach_verdict(evidence)  # 7
        found["answers"] = [*self.scorer.rows(state), *effects.rows()]
        written: JsonObject = measures_to_json(found)
        return written


def answer_exam(
    session: ExamSession,
    arms: Mapping[str, Arm],
    exam: Exam,
    also: Sequence[ModelRequests] = (),
) -> dict[str, dict[str, Answers]]:
    """Return the answers of every arm as `answer_all`, and the base's second sample, by which a
    scorer chooses the target questions that count.
    """
    model, requests = plan_second_sample(session, arms["base"])
    answers = answer_all(session, arms, exam, [(model, requests), *also])
    base = answers[TARGET]["base"]
    answers[TARGET]["base"] = replace(base, again=model.sample(requests))
    return answers


def answer_all(
    session: ExamSession,
    arms: Mapping[str, Arm],
    exam: Exam,
    also: Sequence[ModelRequests] = (),
) -> dict[str, dict[str, Answers]]:
    """Return the answers of every arm to its scopes: answers[scope][arm] (step 1).

    Each model answers all of its questions in one call, which keeps its batches full.

    Args:
        also: requests that later steps look up; they are answered in the same calls.
    """
    planned = {}
    for name, arm in arms.items():
        for scope, prompts in arm.prompts.items():
            stage = exam.target_stage if scope == TARGET else f"exam {scope}"
            greedy = make_requests(session, stage, prompts, 0.0)
            sampled: list[Request] = []
            if scope == TARGET and arm.sampled:
                sampled = make_requests(session, exam.sampled_stage or stage, prompts, 1.0)
            planned[scope, name] = (greedy, sampled)
    groups = list(also)
    for (_, name), (greedy, sampled) in planned.items():
        groups.append((arms[name].model, [*greedy, *sampled]))
    session.display.start_stage("exam", sum(len(requests) for _, requests in groups))
    sample_by_model(groups, session.display.advance)
    found: dict[str, dict[str, Answers]] = {scope: {} for scope in exam.questions}
    for (scope, name), (greedy, sampled) in planned.items():
        model = arms[name].model
        words = [get_user_text(prompt) for prompt in exam.questions[scope]]
        found[scope][name] = Answers(words, model.sample(greedy), model.sample(sampled))
    return found


def sample_by_model(
    groups: Iterable[ModelRequests], on_sample: Callable[[int], object] = lambda count: None
) -> None:
    """Let each model answer its requests of all groups in one call. The ledger keeps the answers.

    Args:
        on_sample: called with 1 for each answer, as it arrives.
    """
    collected: dict[int, tuple[Recorded, list[Request]]] = {}
    for model, requests in groups:
        collected.setdefault(id(model), (model, []))[1].extend(requests)
    for model, requests in collected.values():
        model.sample(requests, on_sample)


def answer(
    session: ExamSession,
    model: Recorded,
    stage: str,
    prompts: Sequence[Prompt],
    temperature: float,
    seed_offset: int = 0,
) -> list[Completion]:
    """Answer prompts with a model, in their order: greedily at temperature 0.

    Args:
        stage: part of the request ids.
        seed_offset: added to the seed of the run, for another sample of the same prompts.
    """
    requests = make_requests(session, stage, prompts, temperature, seed_offset)
    return model.sample(requests, session.display.advance)


def make_requests(
    session: ExamSession,
    stage: str,
    prompts: Sequence[Prompt],
    temperature: float,
    seed_offset: int = 0,
) -> list[Request]:
    """Return the requests for one answer to each prompt, of at most `exam.max_tokens` tokens."""
    sampling = GREEDY if temperature == 0 else SamplingParams(temperature, 1.0)
    sampling = replace(sampling, max_tokens=session.config.exam.max_tokens)
    seed = session.config.seed + seed_offset
    return [Request(stage, prompt, sampling, 0, seed) for prompt in prompts]


def plan_second_sample(session: ExamSession, base: Arm) -> ModelRequests:
    """Return the requests for another sample of the base's target answers (step 5)."""
    prompts = base.prompts[TARGET]
    return base.model, make_requests(session, "exam again", prompts, 1.0, seed_offset=1)


def find_scopes_to_check(answers: Mapping[str, ArmAnswers], scopes: Sequence[str]) -> list[str]:
    """Return those of the scopes that have questions; the target if none has."""
    used = [scope for scope in scopes if scope in answers and answers[scope]["base"].questions]
    return used or [TARGET]


def measure_sanity(
    answers: Mapping[str, ArmAnswers], scopes: Sequence[str], seed: int
) -> dict[str, JsonObject]:
    """Return shares of looping and empty answers and the mean length of each arm (step 6).

    Args:
        scopes: whose greedy answers count.
    """
    collected: dict[str, list[Completion]] = {arm: [] for arm in answers[scopes[0]]}
    for scope in scopes:
        for arm, own in answers[scope].items():
            collected[arm].extend(own.greedy)
    return measure_sanity_by_arm(collected, seed=seed)


def check_base_unchanged(session: ExamSession) -> JsonObject:
    """Prove that the base arm is the base: its logits equal those of the loaded checkpoint.

    There is no proof for weights that are sharded over processes.
    """
    from selfteach.evaluate.drift import check_base_logits
    from selfteach.train.distributed import has_shards

    if has_shards(session.model.module):
        return {"max_abs_difference": None, "same": None}
    difference = check_base_logits(session.model, PROBE_PAIRS, session.base_logits)
    return {"max_abs_difference": difference, "same": True}


def measure_drift(
    session: ExamSession,
    tuned: TunedModel,
    answers: ArmAnswers,
    left_out: Sequence[Sequence[bool]] = (),
) -> JsonObject:
    """Measure KL(base || tuned) on answers of the base, and how many of them the tuned one gives.

    An answer that the session lets change does not count; if none is left, nothing is measured.

    Args:
        answers: to prompts without a system message.
        left_out: for each answer the tokens that do not count.
    """
    from selfteach.evaluate.drift import compute_drift

    counts = [not session.may_change(own.text) for own in answers["base"].greedy]
    if not any(counts):
        return {"num_left_out": len(counts)}
    questions = compress(answers["base"].questions, counts)
    greedy = list(compress(answers["base"].greedy, counts))
    pairs = [
        (make_prompt(question), own.text) for question, own in zip(questions, greedy, strict=True)
    ]
    session.display.start_stage("drift")
    found = compute_drift(
        session.model,
        tuned.model,
        pairs,
        cut=[own.finish == "length" for own in greedy],
        seed=session.config.seed,
        left_out=list(compress(left_out, counts)),
    )
    tuned_greedy = compress(answers["tuned"].greedy, counts)
    same = [own.text == other.text for own, other in zip(greedy, tuned_greedy, strict=True)]
    return {
        "kl_nats": found.kl_nats,
        "kl_p95": found.kl_p95_nats,
        "top1_agreement": found.top1_agreement,
        "identical": share(same),
        "base_logp": found.base_token_logp.value,
        "tuned_logp": found.tuned_token_logp.value,
    } | ({} if all(counts) else {"num_left_out": counts.count(False)})


def measure_general_drift(state: ExamState) -> JsonObject:
    """Measure the drift on general answers: a `Measurement` for any method."""
    answers = state.answers.get(GENERAL, {})
    if state.tuned is None or not answers or not answers["base"].questions:
        return {}
    return {"drift": measure_drift(state.session, state.tuned, answers)}
