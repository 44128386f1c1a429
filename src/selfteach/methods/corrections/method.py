"""Corrections: the model learns to need fewer of them.

  1  read: corrections, approvals, criticisms and prompts; drop rows that exceed the context
  2  review: where a person is the teacher, let them correct the base's answers to the prompts
  3  criticize: find what decides whether a criticism applies, and extend it to prompts like the
     criticized ones (criticisms_to_corrections.py)
  4  split all prompts into train, dev and test at once
  5  sample: let the base answer the prompts whose answer is missing
  6  correct: let the teacher (a program, a model, a criticism or the file itself) make the smallest
     revision, given question and answer; make an example of each
  7  anchor: make examples from the beginnings of the base's own answers to other prompts
  8  train each correction against the answer that it replaces, with the objective `correction` and
     its bound
  9  repeat: let the tuned model answer again, correct its answers, and train on them too; stop when
     it needs no less correction than before
 10  exam: base, corrections in the prompt, and tuned model, on prompts that were not used to choose
     anything

The material passes through these files in one direction: read_corrections, length_limits,
human_teacher, prompt_novelty, criticisms_to_corrections, split, sample_and_correct,
make_examples, exam.

Source: correction-optimization (docs/explanation/sources.md); CIPHER (arXiv 2404.15269) for
measuring in edits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from selfteach import statistics
from selfteach.config import CorrectionsConfig as Settings
from selfteach.evaluate.corrections import correct_answers, measure_amounts, measure_distances
from selfteach.evaluate.exam import Exam, TunedModel, measures_to_json
from selfteach.generate.correct import Corrector
from selfteach.materials.corrections import Corrections
from selfteach.methods.corrections.criticisms_to_corrections import make_critics
from selfteach.methods.corrections.exam import build_exam, examine_longer, read_grading
from selfteach.methods.corrections.human_teacher import review_answers
from selfteach.methods.corrections.length_limits import drop_overlong_rows, set_answer_lengths
from selfteach.methods.corrections.make_examples import (
    CorrectionExamples,
    make_correction_anchors,
    make_examples_from_answers,
    make_examples_from_file,
)
from selfteach.methods.corrections.plan_work import plan_work
from selfteach.methods.corrections.prompt_novelty import make_novelty_check
from selfteach.methods.corrections.sample_and_correct import (
    FileRow,
    answer_rows,
    collect_answers,
    make_corrector,
    make_self_corrector,
    to_correctables,
)
from selfteach.methods.corrections.split import CorrectionParts, split_material
from selfteach.methods.method import Method, TrainingPlan
from selfteach.methods.runner import tune
from selfteach.methods.session import Session
from selfteach.methods.worked_turns import make_worked_turns
from selfteach.models.recorded import Recorded
from selfteach.records import (
    GREEDY,
    Example,
    JsonMapping,
    JsonObject,
    ObjectiveWeights,
    Request,
    SamplingParams,
    make_prompt,
)

OBJECTIVE_WEIGHTS = {
    "correction": {"correction": 1.0, "hold": 8.0},
    "criticised": {"sft": 1.0, "dpo": 1.0},
    "kept": {"anchor": 8.0},
    "general": {"anchor": 8.0},
}
WEIGHTS_BESIDE_CRITICISM = OBJECTIVE_WEIGHTS | {"general": {"anchor": 16.0}}
"""A criticism about length changes where answers stop, and other answers soon stop early too."""
SHOWN_METRICS = (
    "distance",
    "corrected",
    "preferred",
    "amount_held_out",
    "met",
    "repeated",
    "amount_nats",
    "length_tokens",
    "general",
)


def prepare(session: Session, material: Corrections) -> TrainingPlan:
    """Turn corrections into a training plan.

    Raises:
        DataError: too few prompts to learn from and to be examined on.
    """
    run = session.run
    with run.time_stage("read"):
        material = accept_material(session, material)  # 1
    if session.config.review:
        with run.time_stage("review"):
            material = drop_overlong_rows(session, review_answers(session, material))  # 2
    teacher = make_corrector(session)
    writer = teacher or make_self_corrector(session)
    with run.time_stage("split"):
        newness = make_novelty_check(session, material)
        critics = make_critics(session, material, writer, newness)  # 3
        parts = split_material(session, material, critics, newness)  # 4
    with run.time_stage("correct"):
        rows = answer_rows(session, parts.edits)  # 5
        batches = collect_answers(session, session.base, parts, teacher)  # 5
        examples = make_examples_from_file(session, rows, parts)  # 6
        examples += make_examples_from_answers(session, batches)  # 6
    with run.time_stage("anchors"):
        anchors = make_correction_anchors(session, parts, teacher, examples)  # 7
    header = describe(session, material)
    return Rounds(session, parts, rows, teacher, examples, anchors, header).plan()  # 8, 9, 10


def accept_material(session: Session, material: Corrections) -> Corrections:
    """Return the material without rows that exceed the context; record every row, and print what
    contradicts (step 1).
    """
    session.run.ledger.record_outcomes("read", material.outcomes.values())
    for line in material.describe_conflicts():
        session.display.print_line(line)
    set_answer_lengths(session, material)
    return drop_overlong_rows(session, material)


@dataclass
class Rounds:
    """Hold the state of the rounds; every round adds examples.

    Attributes:
        rows: the corrections of the file.
        header: the keys of exam.json about the material.
        curve: the need for correction of new answers to dev prompts, by round; round 0 is the base.
        best: the model that needs least correction so far.
        turn: the number of trained rounds.
    """

    session: Session
    parts: CorrectionParts
    rows: Sequence[FileRow]
    teacher: Corrector | None
    examples: CorrectionExamples
    anchors: Sequence[Example]
    header: JsonMapping
    curve: list[JsonObject] = field(default_factory=list)
    best: TunedModel | None = None
    turn: int = 0

    @property
    def weights(self) -> ObjectiveWeights:
        """Return the weights of the objectives of each kind of example."""
        return WEIGHTS_BESIDE_CRITICISM if self.parts.criticised else OBJECTIVE_WEIGHTS

    def plan(self) -> TrainingPlan:
        """Return the training (step 8) and the exam (step 10)."""
        session = self.session
        shots = make_worked_turns(self.examples.worked(), session.config.exam.shots)
        return TrainingPlan(
            examples=[*self.examples.examples, *self.anchors],
            objectives=self.weights,
            exam=build_exam(
                session, self.parts, self.rows, self.teacher, self.examples, self.header
            ),
            improve=self.improve,
            choose=self.choose,
            after=self.add_longer_training,
            shown=show_arms,
            overhead=(*shots, *make_prompt("x")),
        )

    def improve(self, tuned: TunedModel) -> TrainingPlan | None:
        """Let the tuned model answer again, and add the corrections to the examples (step 9).

        Stop after `rounds` trainings, or when the dev answers need no less correction than those of
        the round before.
        """
        self.turn += 1
        with self.session.run.time_stage(f"dev answers, round {self.turn}"):
            better = self.measure_round(tuned)
        if not better:
            return None
        self.best = tuned
        if self.turn == self.session.config.rounds:
            return None
        with self.session.run.time_stage(f"correct, round {self.turn + 1}"):
            batches = collect_answers(
                self.session, tuned.recorded, self.parts, self.teacher, self.turn + 1
            )
            self.examples += make_examples_from_answers(self.session, batches)
        tuned.recorded.release_memory()
        return self.plan()

    def choose(self, trained: Sequence[TunedModel]) -> TunedModel:
        """Choose the model that needs least correction of its dev answers."""
        return self.best or trained[-1]

    def measure_round(self, tuned: TunedModel) -> bool:
        """Add a round to the curve; return whether it needs less correction than the round before.

        Every round counts as better where there is no teacher of new answers, or no dev prompt.
        """
        session = self.session
        if not (self.teacher and self.parts.own["dev"]):
            return True
        if not self.curve:
            self.curve.append(self.measure_corrections(0, session.base, self.teacher))
            session.base.release_memory()
        self.curve.append(self.measure_corrections(self.turn, tuned.recorded, self.teacher))
        before, now = self.curve[-2:]
        better = self.best is None or now["distance"].value < before["distance"].value
        kept = self.turn if better else self.turn - 1
        points = [
            measures_to_json(point | {"kept": point["round"] == kept}) for point in self.curve
        ]
        session.run.ledger.set_note("rounds", points)
        if not better:
            session.display.print_line(
                f"round {self.turn} needs no less correction than round {kept}, which is kept"
            )
        return better

    def measure_corrections(self, turn: int, model: Recorded, teacher: Corrector) -> JsonObject:
        """Return a point of the curve: how much the teacher changes of new answers to dev prompts,
        greedy and sampled.
        """
        session = self.session
        seed = session.config.seed
        dev = self.parts.own["dev"]
        session.display.start_stage("dev answers", 2 * len(dev))
        distances = []
        nats = []
        for way in (GREEDY, SamplingParams(1.0, 1.0)):
            sampling = replace(way, max_tokens=session.config.correct.max_tokens)
            requests = [Request("exam", prompt, sampling, 0, seed) for prompt in dev]
            answers = to_correctables(dev, model.sample(requests, session.display.advance))
            revisions = correct_answers(teacher.correct, answers)
            distances += measure_distances(revisions)
            nats += measure_amounts(model, dev, revisions)
        return {
            "round": turn,
            "distance": statistics.mean(distances, seed=seed, limits=(0.0, 1.0)),
            "amount_nats": statistics.mean(nats, seed=seed),
        }

    def add_longer_training(self, tuned: TunedModel | None, exam: JsonObject) -> None:
        """Add the exam of a longer training on the same examples, where `exam.longer` wants it. A
        loss without a bound would fail there.
        """
        session = self.session
        if tuned is None or not session.config.exam.longer:
            return
        with session.run.time_stage("exam of a longer training"):
            plan = self.plan()
            steps = session.config.exam.longer * tuned.trained.steps
            other = tune(session, plan.examples, self.weights, "longer", steps)
            exam["longer"] = examine_longer(session, cast(Exam, plan.exam), other)


def describe(session: Session, material: Corrections) -> JsonObject:
    """Return the keys of exam.json about the material and the teacher."""
    config = session.config
    teacher = config.teacher or ("a person" if config.review else "the file")
    if config.correct.style:
        teacher += f', in the style "{config.correct.style}"'
    return {
        "method": "corrections",
        "teacher": teacher,
        "material": describe_material(material, teacher),
    }


def describe_material(material: Corrections, teacher: str) -> str:
    """Describe the material in one line: the words of criticisms, the counts of everything else."""
    words = dict.fromkeys(e.feedback for e in material.criticisms)
    counts = {
        "corrections": len(material.edits),
        "approved answers": len(material.approved),
        "prompts": len(material.prompts),
    }
    parts = [f'"{text}"' for text in words]
    parts += [f"{count} {name}" for name, count in counts.items() if count]
    return ", ".join(parts) + (f"; corrected by {teacher}" if teacher != "the file" else "")


def show_arms(exam: JsonMapping) -> JsonObject:
    """Return the numbers of each arm, for the result."""
    found = {}
    for arm in exam["distance"]:
        found[arm] = {key: exam[key][arm] for key in SHOWN_METRICS if arm in exam.get(key, {})}
    return found


METHOD = Method(
    name="corrections",
    settings=Settings,
    prepare=prepare,
    plan_work=plan_work,
    allows_programs=True,
    read_grading=read_grading,
)
"""`selfteach corrections`."""
