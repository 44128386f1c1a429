"""Corrections: the model learns to need fewer of them.

  1  read: corrections, approvals, criticisms and prompts; drop rows that exceed the context
  2  review: where a person is the teacher, let them correct the base's answers to the prompts
  3  extend each criticism to prompts like the criticized ones (criticisms_to_corrections.py)
  4  split all prompts into train, dev and test at once; then find what decides whether a criticism
     applies (critic.py), on prompts to learn from
  5  sample: let the base answer the prompts whose answer is missing
  6  correct: let the teacher (a program, a model, a criticism or the file itself) make the smallest
     revision, given question and answer; make an example of each
  7  anchor: make examples from the beginnings of the base's own answers to other prompts
  8  train each correction against the answer that it replaces, with the objective `correction` and
     its bound; a long answer that is rewritten with `sft` and `dpo`
  9  repeat: let the tuned model answer again, correct its answers, and train on them too; stop when
     it does not surely need less correction than before. Where criticisms alone decide, correct its
     sampled answers once
 10  exam: base, corrections in the prompt, and tuned model, on prompts that were not used to choose
     anything

The material passes through these files in one direction: read_corrections, length_limits,
human_teacher, prompt_novelty, critic, split, criticisms_to_corrections, sample_and_correct,
make_examples, measure_rounds, exam.

Source: correction-optimization (docs/explanation/sources.md); CIPHER (arXiv 2404.15269) for
measuring in edits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from selfteach.config import CorrectionsConfig as Settings
from selfteach.evaluate.exam import Exam, TunedModel
from selfteach.generate.correct import Corrector
from selfteach.materials.corrections import Corrections
from selfteach.methods.anchor_weights import ANCHOR_WEIGHT, HIGH_ANCHOR_WEIGHT
from selfteach.methods.corrections.criticisms_to_corrections import (
    choose_critics_judges,
    make_critics,
)
from selfteach.methods.corrections.exam import (
    build_exam,
    choose_shots,
    examine_longer,
    find_held_out,
    read_grading,
)
from selfteach.methods.corrections.human_teacher import review_answers
from selfteach.methods.corrections.length_limits import drop_overlong_rows, set_answer_lengths
from selfteach.methods.corrections.make_examples import (
    LATER_CORRECTION,
    REWRITTEN,
    drop_repeats,
    list_corrected,
    make_correction_anchors,
    make_examples_from_answers,
    make_examples_from_file,
)
from selfteach.methods.corrections.measure_rounds import (
    Flags,
    RoundNeeds,
    describe_earlier_rounds,
    find_preferred_corrections,
    measure_fall_of_needs,
    measure_round_needs,
)
from selfteach.methods.corrections.plan_work import PLAN
from selfteach.methods.corrections.prompt_novelty import make_novelty_check
from selfteach.methods.corrections.sample_and_correct import (
    FileRow,
    answer_rows,
    collect_answers,
    collect_own_mistakes,
    find_style_check,
    make_corrector,
    make_self_corrector,
)
from selfteach.methods.corrections.split import (
    CorrectionParts,
    check_parts,
    keep_asked_prompts,
    split_material,
)
from selfteach.methods.learn_mistakes import (
    OWN_MISTAKE,
    OWN_MISTAKE_WEIGHTS,
    OWN_MISTAKES_STAGE,
    has_enough_mistakes,
)
from selfteach.methods.method import Method, TrainedPlan, TrainingPlan
from selfteach.methods.session import Session
from selfteach.methods.train_plan import tune
from selfteach.records import (
    Example,
    JsonMapping,
    JsonObject,
    Measure,
    ObjectiveWeights,
    add_worked_turns,
    make_prompt,
    measures_to_json,
)
from selfteach.run.local_paths import hide_path
from selfteach.text import format_count
from selfteach.train.adapters.adapter import is_solved

OBJECTIVE_WEIGHTS = {
    "correction": {"correction": 1.0, "hold": 8.0},
    LATER_CORRECTION: {"correction": 1.0},
    "criticised": {"sft": 1.0, "dpo": 1.0},
    REWRITTEN: {"sft": 1.0, "dpo": 1.0},
    OWN_MISTAKE: OWN_MISTAKE_WEIGHTS,
    "kept": {"anchor": ANCHOR_WEIGHT},
    "general": {"anchor": ANCHOR_WEIGHT},
}
WEIGHTS_BESIDE_CRITICISM = OBJECTIVE_WEIGHTS | {"general": {"anchor": HIGH_ANCHOR_WEIGHT}}
"""A criticism about length changes where answers stop, and other answers soon stop early too."""
FEW_CORRECTED = 0.2
"""A smaller share of corrected answers is warned of. Where a teacher corrected one in ten, nothing
was learned (docs/log/2026-11-students.md).
"""
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
        choose_critics_judges(session, material, parts)  # 4
        check_parts(session, parts)
        keep_asked_prompts(session, parts)
    with run.time_stage("correct"):
        rows = answer_rows(session, parts.edits)  # 5
        batches = collect_answers(session, session.base, parts, teacher)  # 5
        from_file = make_examples_from_file(session, rows, parts)  # 6
        from_answers = make_examples_from_answers(session, batches)  # 6
        examples = drop_repeats([*from_file, *from_answers])
        session.display.print_line(describe_corrected(examples))
    with run.time_stage("anchors"):
        anchors = make_correction_anchors(session, parts, teacher, examples)  # 7
    header = describe(session, material)
    return Rounds(session, parts, rows, teacher, examples, anchors, header).plan()  # 8, 9, 10


def describe_corrected(examples: Sequence[Example]) -> str:
    """Return how many training answers are corrected, in one line, before anything is trained."""
    corrected, count = len(list_corrected(examples)), len(examples)
    line = f"{corrected} of {count} training answers are corrected"
    if corrected < FEW_CORRECTED * count:
        line += "; little can be learned from so few: bring prompts on which more is to correct"
    return line


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
        best: the model that needs least correction so far.
        round_number: the number of trained rounds.
        needs: what new answers to dev prompts need, by round; round 0 is the base.
        falls: by how much each round lowered it.
        learned: which corrections of a round were preferred after it.
        earlier: after each round, what is left of that.
        kept: the round of `best`.
        last: the plan that was trained last.
    """

    session: Session
    parts: CorrectionParts
    rows: Sequence[FileRow]
    teacher: Corrector | None
    examples: Sequence[Example]
    anchors: Sequence[Example]
    header: JsonMapping
    best: TunedModel | None = None
    round_number: int = 0
    needs: list[RoundNeeds] = field(default_factory=list)
    falls: list[Measure] = field(default_factory=list)
    learned: Flags = field(default_factory=dict)
    earlier: list[list[JsonObject]] = field(default_factory=list)
    kept: int = 1
    last: TrainingPlan | None = None

    @property
    def weights(self) -> ObjectiveWeights:
        """Return the weights of the objectives of each kind of example."""
        return WEIGHTS_BESIDE_CRITICISM if self.parts.criticised else OBJECTIVE_WEIGHTS

    def plan(self, goes_on_from: TrainingPlan | None = None) -> TrainingPlan:
        """Return the training (step 8) and the exam (step 10).

        Args:
            goes_on_from: the plan whose adapter is trained further. A round with a teacher begins
                anew: it needed less correction so (docs/log/2026-11-corrections.md).
        """
        session = self.session
        held = [] if self.teacher else find_held_out(self.rows, set(self.parts.own["test"]))
        shots = choose_shots(session, self.examples, self.parts.get_test_prompts(), held)
        examples = [*self.examples, *self.anchors]
        exam = build_exam(
            session,
            self.parts,
            self.rows,
            self.teacher,
            self.examples,
            held=held,
            shots=shots,
            header=self.header,
        )
        self.last = TrainingPlan(
            examples=examples,
            objectives=self.weights,
            exam=exam,
            improve=self.improve,
            goes_on_from=goes_on_from,
            choose=self.choose,
            after=partial(self.add_longer_training, examples, exam),
            shown=show_arms,
            overhead=add_worked_turns(shots, make_prompt("x")),
        )
        return self.last

    def improve(self, tuned: TunedModel) -> TrainingPlan | None:
        """Let the tuned model answer again, and add the corrections to the examples (step 9).

        Stop after `rounds` trainings, or when the dev answers do not surely need less correction
        than those of the round before. Criticisms without a teacher have one more training.
        """
        self.round_number += 1
        with self.session.run.time_stage(f"dev answers, round {self.round_number}"):
            helps = self.measure_round(tuned)
        if self.teacher is None:
            return self.learn_own_mistakes(tuned)
        if not helps or self.round_number == self.session.config.rounds:
            return None
        with self.session.run.time_stage(f"correct, round {self.round_number + 1}"):
            batches = collect_answers(
                self.session, tuned.recorded, self.parts, self.teacher, self.round_number + 1
            )
            more = make_examples_from_answers(self.session, batches)
            self.examples = drop_repeats([*self.examples, *more])
        return self.plan()

    def learn_own_mistakes(self, tuned: TunedModel) -> TrainingPlan | None:
        """Add corrections of the tuned model's sampled answers to which a criticism applies, once
        (step 9).

        Sources: methods/learn_mistakes.py.
        """
        session = self.session
        draws = session.config.criticism.own_samples > 0
        if self.round_number > 1 or not draws or is_solved(session.config.train.adapter):
            return None
        number = self.round_number + 1
        with session.run.time_stage(OWN_MISTAKES_STAGE):
            session.base.release_memory()  # base and tuned model are not in memory together
            batches = collect_own_mistakes(session, tuned.recorded, self.parts, number)
            tuned.recorded.release_memory()
            found = make_examples_from_answers(session, batches)
        drawn = sum(len(batch.answers) for batch in batches)
        if not drawn:
            return None
        is_more = has_enough_mistakes(len(found), drawn)
        then = "trained again with their corrections" if is_more else "few enough"
        session.display.print_line(
            f"{len(found)} of {drawn} different own answers are corrected: {then}"
        )
        if not is_more:
            return None
        self.examples = drop_repeats([*self.examples, *found])
        return self.plan(goes_on_from=self.last)

    def choose(self, trained: Sequence[TrainedPlan]) -> TrainedPlan:
        """Choose the model that needs least correction of its dev answers, with its plan."""
        return next((own for own in trained if own.tuned is self.best), trained[-1])

    def measure_round(self, tuned: TunedModel) -> bool:
        """Add a round to the curve; return whether another round is worth it.

        It is if this one surely needs less correction than the round before: the whole interval of
        the fall is above 0. Of two rounds that cannot be told apart the one with the lower mean is
        kept. The first round is always followed by another, and so is every one where there is no
        dev prompt.
        """
        session = self.session
        dev = self.parts.own["dev"]
        if not (self.teacher and dev):
            self.best = tuned
            return True
        if not self.needs:
            self.needs.append(measure_round_needs(session, session.base, self.teacher, dev))
            session.base.release_memory()
        self.needs.append(measure_round_needs(session, tuned.recorded, self.teacher, dev))
        preferred = find_preferred_corrections(tuned.recorded, self.examples)
        self.learned = {**preferred, **self.learned}
        self.earlier.append(describe_earlier_rounds(self.learned, preferred, session.config.seed))
        before, now = self.needs[-2:]
        fall = measure_fall_of_needs(before, now, session.config.seed)
        if self.best is None or fall.value > 0:
            self.best = tuned
            self.kept = self.round_number
        self.falls.append(fall)
        session.run.ledger.set_note("rounds", measures_to_json(self.describe_rounds()))
        for line in self.describe_last_round():
            session.display.print_line(line)
        return self.round_number == 1 or fall.low > 0

    def describe_rounds(self) -> list[JsonObject]:
        """Return the points of the curve: round 0 is the base."""
        seed = self.session.config.seed
        points = []
        for number, needs in enumerate(self.needs):
            point = {"round": number, "kept": number == self.kept, **needs.to_measures(seed)}
            if number:
                point |= {"fall": self.falls[number - 1], "earlier": self.earlier[number - 1]}
            points.append(point)
        return points

    def describe_last_round(self) -> list[str]:
        """Return the lines that are printed after a round from the second on."""
        if self.round_number < 2:
            return []
        lines = []
        for row in self.earlier[-1]:
            if row["round"] == self.round_number:  # it is not an earlier one
                continue
            now = row["preferred"]
            before = now.value - row["change"].value
            lines.append(
                f"round {self.round_number}: of {now.n} corrections of round {row['round']} "
                f"{now.value:.0%} are preferred, {before:.0%} when they were learned"
            )
        fall = self.falls[-1]
        if fall.low <= 0:
            lines.append(
                f"round {self.round_number} needs {fall.value:+.3f} "
                f"[{fall.low:+.3f}, {fall.high:+.3f}] less correction than round "
                f"{self.round_number - 1}, which is not surely less; round {self.kept} is kept"
            )
        return lines

    def add_longer_training(
        self,
        examples: Sequence[Example],
        exam: Exam,
        tuned: TunedModel | None,
        found: JsonObject,
    ) -> None:
        """Add the exam of a longer training on the same examples, where `exam.longer` wants it. A
        loss without a bound would fail there.

        Args:
            examples, exam: of the plan that is kept.
            found: what exam.json holds.
        """
        session = self.session
        if tuned is None or not session.config.exam.longer:
            return
        with session.run.time_stage("exam of a longer training"):
            tuned.recorded.release_memory()
            steps = session.config.exam.longer * tuned.trained.steps
            other = tune(session, examples, self.weights, "longer", steps)
            found["longer"] = examine_longer(session, exam, other)


def describe(session: Session, material: Corrections) -> JsonObject:
    """Return the keys of exam.json about the material and the teacher."""
    config = session.config
    teacher = hide_path(config.teacher) or ("a person" if config.review else "the file")
    if config.correct.style:
        teacher += f', in the style "{config.correct.style}"'
        if check := find_style_check(config.correct.style):
            teacher += f", checked: {check}"
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
    parts += [format_count(count, names) for names, count in counts.items() if count]
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
    samples=PLAN.samples,
    plan_work=PLAN.plan_work,
    allows_programs=True,
    read_grading=read_grading,
    kinds=OBJECTIVE_WEIGHTS.keys(),
)
"""`selfteach corrections`."""
