"""The interface of a method: one object that turns material into a training plan.

The registry names a `Method` for each way of teaching. The runner (runner.py) does everything that
methods have in common: it opens the session, lets the base take the exam, trains, improves, runs
the exam and publishes. So a method holds the steps of its paper, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from selfteach.files import BadLine
from selfteach.records import (
    Example,
    JsonMapping,
    JsonObject,
    ObjectiveWeights,
    Prompt,
    make_prompt,
)
from selfteach.run.workload import PlannedStage

if TYPE_CHECKING:  # material is read before anything heavy is loaded
    from selfteach.config import Section
    from selfteach.evaluate.exam import ExamSession, TunedModel
    from selfteach.evaluate.recorded_exam import ReadGrading
    from selfteach.methods.session import Session
    from selfteach.models.recorded import Recorded
    from selfteach.report.comparison import ScorePath
    from selfteach.report.labels import MethodLabels


@dataclass(frozen=True)
class Material:
    """Hold what the person brings.

    Attributes:
        name: the run folder is called after it.
        value: the input of the method.
        identity: represents the content in the run's identity; other content is another run.
        sources: where files are, for commands that read them again later.
        repaired: rows in which unsafe characters were replaced or an encoding was guessed.
    """

    name: str
    value: Any
    identity: JsonMapping
    sources: JsonMapping | None = None
    repaired: Sequence[BadLine] = ()


class PlannedExam(Protocol):
    """Describe what the runner needs of an exam; `evaluate.exam.Exam` is one."""

    def run_baselines(self, session: ExamSession) -> None:
        """Let the base answer, into the ledger, before anything is trained."""
        ...

    def run(
        self, session: ExamSession, tuned: TunedModel | None, *, brief: bool = False
    ) -> JsonObject:
        """Return what exam.json holds, the verdict among it."""
        ...


@dataclass(frozen=True)
class TrainStage:
    """Hold one of several trainings that follow one another."""

    name: str
    examples: Sequence[Example]


def do_no_more(*given: object) -> None:
    """Train no further, ask no further questions, add nothing."""


def choose_last(trained: Sequence[TrainedPlan]) -> TrainedPlan:
    """Choose the model that was trained last."""
    return trained[-1]


def show_nothing(exam: JsonMapping) -> JsonObject:
    """Show no numbers in the result."""
    return {}


def plan_nothing(material: Any, config: Any) -> Sequence[PlannedStage]:
    """Expect nothing of a run."""
    return ()


@dataclass(frozen=True)
class TrainingPlan:
    """Hold what to train and how to examine it.

    Attributes:
        examples: everything that is learned or held in place.
        objectives: the objectives of each kind of example.
        exam: the exam at the end.
        stages: trainings that follow one another; by default one on all examples.
        improve: called with the tuned model after each training: a plan with more examples, or
            None when it is good enough.
        goes_on_from: the plan whose adapter the training goes on from; by default it begins anew.
        choose: which of the last two trained plans is kept with its model; the last by default.
        lengthen_exam: called with exam.json of the tuned model: an exam with more questions, where
            these leave the verdict open, or None.
        after: called with the chosen model and exam.json; adds what the exam cannot know.
        score_on_dev: the greater the better, on the dev part alone; None where there is none.
        instruction: the text in the prompt of the prompted arm, if it is one text.
        shown: the numbers of each arm, for the result that a command prints.
        overhead: the question "x" as the prompted arm sees it: how many tokens tuning saves.
    """

    examples: Sequence[Example]
    objectives: ObjectiveWeights
    exam: PlannedExam
    stages: Sequence[TrainStage] = ()
    improve: Callable[[TunedModel], TrainingPlan | None] = do_no_more
    goes_on_from: TrainingPlan | None = None
    choose: Callable[[Sequence[TrainedPlan]], TrainedPlan] = choose_last
    lengthen_exam: Callable[[JsonMapping], PlannedExam | None] = do_no_more
    after: Callable[[TunedModel | None, JsonObject], None] = do_no_more
    score_on_dev: Callable[[Recorded], float] | None = None
    instruction: str = ""
    shown: Callable[[JsonMapping], JsonObject] = show_nothing
    overhead: Prompt = field(default_factory=lambda: make_prompt("x"))

    @property
    def trains(self) -> bool:
        """Return whether there is anything to learn: anchors alone teach nothing."""
        return any(example.role == "learn" for example in self.examples)


class TrainedPlan(NamedTuple):
    """Hold a plan, and the model that was trained on its examples."""

    plan: TrainingPlan
    tuned: TunedModel


@dataclass(frozen=True)
class Method:
    """Represent one way from material to a tuned model.

    Attributes:
        name: what a person types.
        settings: its configuration.
        prepare: the paper's steps, from material to a plan. Every request is recorded, so that a
            second call looks everything up.
        allows_programs: whether a program (`cmd:`) may be the teacher.
        rule_of: returns the text that represents the material in the prompt, or "".
        samples: whether models answer; where they only score, no engine is opened.
        read: called with a path, or a Python value, and the settings; returns the material or
            raises a `DataError`. The methods of this package have readers of their own; another
            package's method needs one. `sources={"source": ...}` lets `compare` read it again.
        score: where exam.json keeps the method's own score; by default under `score`.
        wording: what the report and the model card call things; by default general words.
        labels: what the report calls rows of exam.json, by their path; by default the path.
        plan_work: called with the material's value and the settings; returns the expected work of
            each stage, for `--dry-run` and for the minutes that are left of a run.
        describe: says with the opened base how the material is read, for `--dry-run`. The methods
            of this package say it in their `PLAN`, which is read without loading torch.
        read_grading: makes the grading of an exam again from the record of a run, so that the exam
            can be sat again by every later version. Without it a run is no lesson of a student.
        kinds: the kinds of its examples that settings may name; empty takes any name.
    """

    name: str
    settings: type[Section]
    prepare: Callable[[Session, Any], TrainingPlan]
    allows_programs: bool = False
    rule_of: Callable[[Any], str] = lambda material: ""
    samples: bool = True
    read: Callable[[Any, Any], Material] | None = None
    score: ScorePath | None = None
    wording: MethodLabels | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    plan_work: Callable[[Any, Any], Sequence[PlannedStage]] = plan_nothing
    describe: Callable[..., JsonObject] | None = None
    read_grading: ReadGrading | None = None
    kinds: Collection[str] = ()
