"""The exam of a run that is done, opened again: what a comparison lets every adapter sit.

The road is walked again up to its examples. Every request on it stands in the ledger, so nothing is
asked twice, and the parts, the judge and the exam's prompts are those of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from selfteach.config import Feedback, Section
from selfteach.errors import UsageError
from selfteach.evaluate import exam as paper
from selfteach.evaluate.adherence import Arm
from selfteach.generate.ask import read_subject
from selfteach.judge import Verdicts
from selfteach.materials.rule import read_rule
from selfteach.methods import corrections, documents, feedback, parting, tasks
from selfteach.methods.asking import by_scope, parted, prompts
from selfteach.methods.correcting import examine as examine_corrections
from selfteach.methods.instructed import examine as examine_tasks
from selfteach.methods.judging import judge
from selfteach.methods.quizzing import examine as examine_documents
from selfteach.methods.road import Road, open_road
from selfteach.methods.teaching import Taught, Weights, examine
from selfteach.models.recorded import Recorded
from selfteach.records import Example, user
from selfteach.run.display import Display
from selfteach.run.folder import Run
from selfteach.select.balance import spread
from selfteach.select.overlap import Overlap

DEV = {"target": 24, "near": 12, "general": 12}
"""How many dev prompts of each scope a learning rate is chosen on."""


@dataclass(frozen=True)
class Bench:
    """A run's road and its exam.

    Attributes:
        kinds: the run's own objectives.
        exam: exam.json's form, for a taught model or for the base alone.
        dev: the greater the better, on the dev part alone; None where the method has none.
        instruction: what stands in the prompt of the arm that is told what to do.
    """

    road: Road
    kinds: Weights
    exam: Callable[[Taught | None], dict[str, Any]]
    dev: Callable[[Recorded], float] | None = None
    instruction: str = ""


def of_feedback(
    run: Run,
    rule: str,
    config: Feedback,
    display: Display,
    examples: Sequence[Example],
    noted: Mapping[str, Any],
) -> Bench:
    """A rule's: the share of test prompts that keep it."""
    read = read_rule(rule)
    road = open_road(run, config, display, read.text)
    road.subject = read_subject(road.student, road.student, read.text, config.seed)
    found = prompts(road, Overlap())
    parts = parted(road, found)
    verdicts = judge(road, read, parts["train"], feedback.elsewhere(road, parts["train"])).exam
    chosen = (noted.get("objective") or {}).get("chosen") or config.train.objective
    kinds = {"in_scope": dict.fromkeys(chosen.split("+"), 1.0), **feedback.ANCHOR}
    asked = {scope: texts[: DEV[scope]] for scope, texts in by_scope(parts["dev"]).items()}
    lessons = Overlap(e.chosen for e in examples if e.kind == "in_scope")
    return Bench(
        road,
        kinds,
        lambda taught: examine(
            road, taught, by_scope(parts["test"]), verdicts, examples, elsewhere=False
        ),
        lambda model: rule_on_dev(road, asked, verdicts, lessons, model),
        read.text,
    )


def rule_on_dev(
    road: Road,
    asked: Mapping[str, Sequence[str]],
    verdicts: Verdicts,
    lessons: Overlap,
    model: Recorded,
) -> float:
    """Share of dev answers that keep the rule, plus share of those outside it that are unharmed."""
    arms = {"base": Arm("base", road.student, user), "taught": Arm("taught", model, user)}
    marks = paper.mark(
        paper.sit(arms, asked, road.config.exam, road.config.seed, road.display), verdicts, lessons
    )
    kept = [*marks.greedy["taught"], *marks.drawn["taught"]]
    unharmed = [flag for found in marks.unharmed.values() for flag in found["taught"]]
    return (mean(kept) if kept else 0.0) + (mean(unharmed) if unharmed else 1.0)


def of_tasks(
    run: Run,
    material: Any,
    config: Any,
    display: Display,
    examples: Sequence[Example],
    noted: Mapping[str, Any],
) -> Bench:
    """Tasks': ROUGE-L to people's answers on held-out seeds."""
    road = open_road(run, config, display)
    parts = tasks.parted(road, material)
    return Bench(road, tasks.KINDS, lambda taught: examine_tasks(road, taught, parts, examples))


def of_documents(
    run: Run,
    material: Any,
    config: Any,
    display: Display,
    examples: Sequence[Example],
    noted: Mapping[str, Any],
) -> Bench:
    """Documents': the share of held-out questions that are answered without them."""
    road = open_road(run, config, display)
    chunks = documents.read(road, material)
    kept_out, asked = documents.asked_apart(road, chunks, material.questions)
    quiz = spread(kept_out, config.exam.questions)
    lessons = documents.said_of(
        chunks, documents.answer(road, asked.trusted, documents.judge(road)).answered
    )
    general = documents.replay(road, kept_out)["test"]
    return Bench(
        road,
        documents.KINDS,
        lambda taught: examine_documents(road, taught, quiz, general, lessons),
    )


def of_corrections(
    run: Run,
    material: Any,
    config: Any,
    display: Display,
    examples: Sequence[Example],
    noted: Mapping[str, Any],
) -> Bench:
    """Corrections': how much of new answers the teacher changes.

    Raises:
        UsageError: a person corrected the answers, who would have to do it again.
    """
    if config.review:
        raise UsageError(
            "a person corrected its answers, and nobody corrects new ones.",
            where=str(run.path.parent),
            cure="Compare a run whose teacher is a file, a program or a model.",
        )
    road = open_road(run, config, display, programs=True)
    road, material = corrections.prepared(road, material)
    teacher = corrections.corrector(road)
    parts = parting.parted(road, material, teacher or corrections.own_corrector(road))
    own = corrections.own_answers(road, material)
    lessons = corrections.given(road, material, parts, own)
    known = {e.prompt for e in (*material.edits, *material.approved)}
    lessons += corrections.corrected(road, road.student, parts, teacher, known=known)
    asked = corrections.questions(material, parts, teacher, own)
    return Bench(
        road, corrections.KINDS, lambda taught: examine_corrections(road, taught, asked, lessons)
    )


BENCHES: Mapping[str, Callable[..., Bench]] = {
    "feedback": of_feedback,
    "corrections": of_corrections,
    "documents": of_documents,
    "tasks": of_tasks,
}


def reopened(
    run: Run,
    kind: str,
    material: Any,
    config: Section,
    display: Display,
    examples: Sequence[Example],
    noted: Mapping[str, Any],
) -> Bench:
    """The bench of a run of this kind.

    Raises:
        UsageError: runs of this kind have no exam.
    """
    if kind not in BENCHES:
        raise UsageError(
            f"a run of `{kind}` has no exam to compare by.",
            cure=f"Compare a run of {', '.join(BENCHES)}.",
        )
    with run.stage("open"):
        return BENCHES[kind](run, material, config, display, examples, noted)
