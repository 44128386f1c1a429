"""The paper's claims about knowledge detection (Self-Learning-llm, arXiv 2406.11275), measured on a
model and documents of your own.

    python examples/reproduce_knowledge_detection.py passages.jsonl runs/claims [select.judge=gain
    train.epochs=2 ...]

The rows need people's questions. Three runs, which draw once: SFT, DPO on the filtered pairs, DPO
on all pairs, each after the paper's SFT stage (two of the base's own answers to one worked reading)
and without study data. Printed is each claim with its number, its 95 % interval, and whether it
holds here. Intervals of the held-out questions hold where questions of a passage go together. A
claim that does not hold at this size is printed as not held. Nothing holds the model in place (no
anchors, no `train.regmean`), as in the paper: what a training forgets is to be seen.
Departs: "forgets nothing" must be shown, by an interval as narrow as that of sixty unchanged
answers; taught is compared with the SFT model in pairs by a judge that was calibrated, in both
orders, and not at all where every judge is at chance; labels are compared by how often they are
right, not by a training on each. The size of the set at tau_K 0 and 1 is printed, and no claim: it
can only fall. That a higher tau_K raises the win rate is not measured, it would take a training at
each.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach import api
from selfteach.config import DocumentsConfig as Settings
from selfteach.config import resolve
from selfteach.errors import DataError
from selfteach.evaluate.exam import TARGET
from selfteach.generate.answers import LabelledQuestion, answer_questions
from selfteach.generate.questions import Question
from selfteach.judge.match import cluster_answers, contains_answer
from selfteach.materials.documents.material import Documents
from selfteach.methods.documents.exam import choose_judge_with_passage, judge_answers
from selfteach.methods.documents.held_out_questions import HeldOutQuestion, make_people_questions
from selfteach.methods.documents.read_chunks import read_chunks
from selfteach.methods.documents.read_documents import read_material
from selfteach.methods.method import Material
from selfteach.methods.session import Session, open_session
from selfteach.records import JsonMapping, JsonObject, Measure
from selfteach.run.display import open_display
from selfteach.run.finished import open_ledger
from selfteach.run.run_folder import Run, open_run
from selfteach.statistics import clustered_bootstrap

PAPER = (
    "stages.general=true",
    "stages.study=false",
    "stages.pairs=true",
    "select.filter_pairs=true",
    "train.regmean=0",
)
RUNS = {
    "sft": ("train.weights={pair: {sft: 1.0}, unknown: {sft: 1.0}, general: {anchor: 0.0}}",),
    "dpo": ("train.weights={pair: {dpo: 1.0}, unknown: {sft: 0.0}, general: {anchor: 0.0}}",),
    "all": (
        "train.weights={pair: {dpo: 1.0}, unknown: {sft: 0.0}, general: {anchor: 0.0}}",
        "select.filter_pairs=false",
    ),
}
MAX_LOST = 0.065
"""The interval of sixty answers of which none changed ends at .06."""
STAGES = ("ask", "ask back", "answer", "answer blind", "ask general", "keep", "exam", "exam again")
"""What the first run was answered; of the exam that is what the base says."""


@dataclass(frozen=True)
class Claim:
    """A statement, the number that it is about, and whether the number's interval bears it out;
    None where nothing is claimed. There is no number where nobody could tell.
    """

    text: str
    number: Measure | None
    held: bool | None

    def line(self) -> str:
        """As it is printed."""
        n = self.number
        if n is None:
            return f"undecided {self.text}"
        words = {None: "number", True: "held", False: "NOT HELD"}
        word = words[self.held]
        return f"{word:8}  {self.text}: {n.value:+.3f} [{n.low:+.3f}, {n.high:+.3f}], n {n.n}"


def run_exam(
    material: Material, folder: Path, sets: Sequence[str], first: Path | None
) -> dict[str, Any]:
    """Teaches in a folder, with what the first run was answered; returns exam.json and the run's
    stored numbers.
    """

    def adopt(run: Run) -> None:
        if first:
            before = open_ledger(first)
            run.ledger.copy_answers(before, STAGES)
            before.close()

    resolved = resolve(Settings, sets=[*PAPER, *sets])
    spec = api.RunSpec("documents", material, resolved, folder, before=adopt)
    done = api.teach_run(spec, progress="auto")
    ledger = open_ledger(folder)
    sizes = ledger.get_note("sizes")
    ledger.close()
    return {**done.exam.raw, "sizes": sizes}


def measure_labels(found: Material, folder: Path, sets: Sequence[str]) -> Measure:
    """Right labels among people's questions: the greedy answer with the document, minus the
    commonest answer without it.
    """
    resolved = resolve(Settings, sets=sets)
    material: Documents = found.value
    with open_run(folder, "labels", "documents", resolved, found.identity) as run:
        session = open_session(run, resolved.config, open_display())
        held_out = make_people_questions(read_chunks(session, material), material.questions)
        asked = [Question(q.text, q.answers[0], q.chunk, None) for q in held_out]
        answered = answer_questions(
            session.base, asked, resolved.config.select.samples, resolved.config.seed
        )
    return compare_labels(held_out, answered, resolved.config.seed)


def compare_labels(
    held_out: Sequence[HeldOutQuestion], answered: Sequence[LabelledQuestion], seed: int
) -> Measure:
    """Return the share of right answers with the document, minus that of the commonest ones without
    it.
    """
    golds = {q.text: q.answers for q in held_out}

    def is_right(text: str, question: Question) -> bool:
        return any(contains_answer(text, gold) for gold in golds[question.text])

    grounded = [is_right(a.best, a.question) for a in answered]
    consistent = [is_right(find_most_common(a.blind), a.question) for a in answered]
    passages = [a.question.chunk.id for a in answered]
    return clustered_bootstrap(grounded, consistent, passages, seed=seed)


def compare_in_pairs(
    found: Material, folder: Path, sets: Sequence[str], ours: Any, theirs: Any
) -> tuple[str, Measure | None]:
    """What the judge says of our tuned answers against theirs, and the win rate minus one half;
    None where every judge is at chance.
    """
    resolved = resolve(Settings, sets=sets)
    material: Documents = found.value
    with open_run(folder, "pairs", "documents", resolved, found.identity) as run:
        session = open_session(run, resolved.config, open_display())
        questions = make_people_questions(read_chunks(session, material), material.questions)
        asked = {row["prompt"] for row in ours["answers"]}
        questions = [q for q in questions if q.text in asked]
        compared = compare_finished_runs(session, questions, ours, theirs)
    if "tuned" not in compared:
        return str(compared["judge"]["refused"]), None
    duel = compared["tuned"]
    rate: Measure = duel["win_rate"]
    words = (
        f"{duel['wins']} won, {duel['ties']} tied, {duel['losses']} lost, position bias "
        f"{duel['position_bias'].value:+.2f}, judge {compared['judge']['name']}"
    )
    return words, Measure(rate.value - 0.5, rate.low - 0.5, rate.high - 0.5, rate.n)


def compare_finished_runs(
    session: Session,
    questions: Sequence[HeldOutQuestion],
    ours: JsonMapping,
    theirs: JsonMapping,
) -> JsonObject:
    """Return how often our tuned answers win: `judge` with its calibration, and `tuned` with
    `win_rate`, `won`, `tied`, `lost`, their counts, `position_bias`, and `length_controlled`
    where the pairs can tell it.

    The judge is the best of those that were calibrated on sentences of which one answers the
    question; it sees the passage and both orders.
    Without `tuned` every judge is at chance, and `judge` says so.

    Args:
        session: an open session with the base, and the teacher where there is one.
        questions: the held-out questions of both runs.
        ours, theirs: the exam.json of each run.

    Raises:
        DataError: a run has no tuned answer to one of the questions.
    """
    own, other = (list_tuned_answers(exam, questions) for exam in (ours, theirs))
    judge, described = choose_judge_with_passage(session, questions, session.config.seed)
    found: JsonObject = {"judge": described}
    if judge:
        found["tuned"] = judge_answers(judge, questions, own, other, session.config.seed)
    return found


def list_tuned_answers(exam: JsonMapping, questions: Sequence[HeldOutQuestion]) -> list[str]:
    """Return the tuned model's greedy answer to each question, from exam.json.

    Raises:
        DataError: there is none.
    """
    answers = {
        row["prompt"]: row["arms"]["tuned"]["greedy"]
        for row in exam["answers"]
        if row["scope"] == TARGET and "tuned" in row["arms"]
    }
    for question in questions:
        if question.text not in answers:
            raise DataError(
                f'has no tuned answer to "{question.text}".',
                where="exam.json",
                cure="Compare runs of the same documents and questions that trained something.",
            )
    return [answers[question.text] for question in questions]


def find_most_common(answers: Sequence[str]) -> str:
    """The first answer of the largest cluster."""
    found = cluster_answers(answers)
    return answers[found.index(Counter(found).most_common(1)[0][0])] if answers else ""


def list_right(found: dict[str, Any], arm: str = "tuned") -> list[bool]:
    """Which held-out questions an arm answers."""
    return [row["arms"][arm]["ok"] for row in list_held_out(found)]


def list_held_out(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the held-out questions in exam.json."""
    return [row for row in found["answers"] if row["scope"] == "target"]


def compare_right(ours: dict[str, Any], theirs: dict[str, Any]) -> Measure:
    """Return the share of held-out questions that our tuned model answers, minus that of theirs."""
    passages = [row["chunk"] for row in list_held_out(ours)]
    return clustered_bootstrap(list_right(ours), list_right(theirs), passages)


def measure_claims(documents: Path, folder: Path, sets: Sequence[str] = ()) -> list[Claim]:
    """All claims, measured.

    Raises:
        DataError: the documents bring no questions of people.
    """
    material = read_material([documents])
    if not material.value.questions:
        raise DataError(
            "brings no questions of people.",
            where=str(documents),
            cure='Give rows with "questions".',
        )
    found: dict[str, dict[str, Any]] = {}
    for name, more in RUNS.items():
        first = folder / "sft" if found else None
        found[name] = run_exam(material, folder / name, [*more, *sets], first)
    better = compare_right(found["dpo"], found["sft"])
    losses = [Measure(**found[name]["common_loss"]) for name in ("dpo", "all")]
    grounded = measure_labels(material, folder / "labels", sets)
    counts = [point["unknown"] for point in found["dpo"]["sizes"]]
    fall = Measure(
        float(counts[-1] - counts[0]),
        float(counts[-1] - counts[0]),
        float(counts[-1] - counts[0]),
        counts[0],
    )
    words, duel = compare_in_pairs(material, folder / "pairs", sets, found["dpo"], found["sft"])
    beats = f"filtered DPO beats SFT in pairs ({words}; win rate minus one half)"
    return [
        Claim(beats, duel, duel.low > 0 if duel else None),
        Claim("filtered DPO answers more than SFT (difference of shares)", better, better.low > 0),
        Claim(
            "filtered DPO forgets nothing (share of common questions lost)",
            losses[0],
            losses[0].high <= MAX_LOST,
        ),
        Claim("unfiltered DPO forgets (the same)", losses[1], losses[1].low > 0),
        Claim(
            "labels with the document are right more often than self-consistent ones",
            grounded,
            grounded.low > 0,
        ),
        Claim("a higher tau_K makes a smaller set (questions, from tau 0 to 1)", fall, None),
    ]


if __name__ == "__main__":
    for claim in measure_claims(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]):
        print(claim.line())
