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
from selfteach.methods.corrections import method as corrections
from selfteach.methods.corrections import split
from selfteach.methods.corrections.exam import examine as examine_corrections
from selfteach.methods.documents import method as documents
from selfteach.methods.documents.exam import examine as examine_documents
from selfteach.methods.feedback import method as feedback
from selfteach.methods.judges import judge
from selfteach.methods.prompts import by_scope, parted, prompts
from selfteach.methods.runner import Taught, Weights, examine
from selfteach.methods.session import Session, open_session
from selfteach.methods.tasks import method as tasks
from selfteach.methods.tasks.exam import examine as examine_tasks
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

    session: Session
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
    session = open_session(run, config, display, read.text)
    session.subject = read_subject(session.base, session.base, read.text, config.seed)
    found = prompts(session, Overlap())
    parts = parted(session, found)
    verdicts = judge(
        session, read, parts["train"], feedback.elsewhere(session, parts["train"])
    ).exam
    chosen = (noted.get("objective") or {}).get("chosen") or config.train.objective
    kinds = {"in_scope": dict.fromkeys(chosen.split("+"), 1.0), **feedback.ANCHOR}
    asked = {scope: texts[: DEV[scope]] for scope, texts in by_scope(parts["dev"]).items()}
    lessons = Overlap(e.chosen for e in examples if e.kind == "in_scope")
    return Bench(
        session,
        kinds,
        lambda taught: examine(
            session, taught, by_scope(parts["test"]), verdicts, examples, elsewhere=False
        ),
        lambda model: rule_on_dev(session, asked, verdicts, lessons, model),
        read.text,
    )


def rule_on_dev(
    session: Session,
    asked: Mapping[str, Sequence[str]],
    verdicts: Verdicts,
    lessons: Overlap,
    model: Recorded,
) -> float:
    """Share of dev answers that keep the rule, plus share of those outside it that are unharmed."""
    arms = {"base": Arm("base", session.base, user), "taught": Arm("taught", model, user)}
    marks = paper.mark(
        paper.sit(arms, asked, session.config.exam, session.config.seed, session.display),
        verdicts,
        lessons,
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
    session = open_session(run, config, display)
    parts = tasks.parted(session, material)
    return Bench(
        session, tasks.KINDS, lambda taught: examine_tasks(session, taught, parts, examples)
    )


def of_documents(
    run: Run,
    material: Any,
    config: Any,
    display: Display,
    examples: Sequence[Example],
    noted: Mapping[str, Any],
) -> Bench:
    """Documents': the share of held-out questions that are answered without them."""
    session = open_session(run, config, display)
    chunks = documents.read(session, material)
    kept_out, asked = documents.asked_apart(session, chunks, material.questions)
    quiz = spread(kept_out, config.exam.questions)
    lessons = documents.said_of(
        chunks, documents.answer(session, asked.trusted, documents.judge(session)).answered
    )
    general = documents.replay(session, kept_out)["test"]
    return Bench(
        session,
        documents.KINDS,
        lambda taught: examine_documents(session, taught, quiz, general, lessons),
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
    session = open_session(run, config, display, programs=True)
    session, material = corrections.prepared(session, material)
    teacher = corrections.corrector(session)
    parts = split.parted(session, material, teacher or corrections.own_corrector(session))
    own = corrections.own_answers(session, material)
    lessons = corrections.given(session, material, parts, own)
    known = {e.prompt for e in (*material.edits, *material.approved)}
    lessons += corrections.corrected(session, session.base, parts, teacher, known=known)
    asked = corrections.questions(material, parts, teacher, own)
    return Bench(
        session,
        corrections.KINDS,
        lambda taught: examine_corrections(session, taught, asked, lessons),
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
