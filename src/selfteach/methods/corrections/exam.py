"""The exam of corrections: the arms sit it, the teacher corrects their answers, and the numbers
become exam.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from selfteach import statistics
from selfteach.evaluate import corrections as paper
from selfteach.evaluate import exam as shared
from selfteach.evaluate.held_out import HeldOut, Pair, amounts
from selfteach.evaluate.sanity import by_arm
from selfteach.generate.correct import Answered, Revision, Turns
from selfteach.materials.corrections import Corrections
from selfteach.methods.corrections.criticism import Critic
from selfteach.methods.corrections.examples import Lessons
from selfteach.methods.corrections.split import longest
from selfteach.methods.general_answers import general_rows, general_sheets
from selfteach.methods.runner import Taught, drifted, proof
from selfteach.methods.session import Session
from selfteach.records import Example, Sampling
from selfteach.select.overlap import Overlap
from selfteach.train.edit_mask import edited

CHANGED = ("correction", "criticised")
"""The kinds of examples whose chosen answer is a correction."""


@dataclass(frozen=True)
class Questions:
    """What the exam asks, and who corrects the answers.

    Attributes:
        own, general: held-out prompts of the material, and about anything else.
        criticised: those of `own` that were asked for a criticism.
        held: corrections of held-out answers that a person wrote, where nobody corrects new ones.
    """

    own: Sequence[Turns]
    general: Sequence[Turns]
    correct: paper.Correct
    criticised: Set[Turns] = frozenset()
    held: Sequence[Pair] = field(default_factory=list)

    def limited(self, session: Session) -> Questions:
        """As many of them as the settings say."""
        config = session.config.exam
        own = list(self.own)[: config.prompts]
        held = [pair for pair in self.held if pair.prompt in set(own)]
        return Questions(
            own, list(self.general)[: config.general], self.correct, self.criticised, held
        )


def file_teacher(material: Corrections) -> paper.Correct:
    """Where no one can correct new answers: the nearest of the corrections (or approved answers)
    that the file has for the prompt.
    """
    references: dict[Turns, list[str]] = {}
    for edit in (*material.edits, *material.approved):
        references.setdefault(edit.prompt, []).append(edit.correction or "")
    return paper.nearest(references)


def by_prompt(
    criticised: Sequence[tuple[Critic, Mapping[str, Sequence[Turns]]]], otherwise: paper.Correct
) -> paper.Correct:
    """Who corrects an answer: the criticism that its prompt was asked for, else the teacher."""
    owner = {
        prompt: critic
        for critic, prompts in criticised
        for part in prompts.values()
        for prompt in part
    }

    def correct(asked: Sequence[Answered]) -> list[Revision]:
        found: dict[str, Revision] = {}
        for critic, _ in criticised:
            mine = [a for a in asked if owner.get(a.prompt) is critic]
            found |= dict(zip((a.id for a in mine), critic.correct(mine), strict=True))
        rest = [a for a in asked if a.prompt not in owner]
        found |= dict(zip((a.id for a in rest), otherwise(rest), strict=True))
        return [found[a.id] for a in asked]

    return correct


def arms_of(
    session: Session, taught: Taught | None, lessons: Lessons, asked: Questions
) -> dict[str, paper.Arm]:
    """Base, corrections shown in the prompt (as many as leave room for every question and its
    answers), taught.
    """
    worked = [(e.turns, e.chosen) for e in lessons.examples if e.kind in CHANGED]
    needed = max(
        longest(session),
        *(
            len(session.model.encode_answer(t))
            for p in asked.held
            for t in (p.answer, p.correction)
        ),
        0,
    )
    counts = range(session.config.exam.shots, 0, -1)
    shots = next(
        (
            turns
            for count in counts
            if leave_room(session, turns := paper.shown(worked, count), asked.own, needed)
        ),
        (),
    )
    arms = {
        "base": paper.Arm("base", session.base),
        "prompted": paper.Arm("prompted", session.base, shots),
    }
    return arms | ({"taught": paper.Arm("taught", taught.model)} if taught else {})


def leave_room(session: Session, turns: Turns, prompts: Sequence[Turns], needed: int) -> bool:
    """Whether after these turns every prompt leaves room for an answer of so many tokens and its
    end.
    """
    return all(session.model.room_tokens((*turns, *prompt)) > needed for prompt in prompts)


def examine(
    session: Session, taught: Taught | None, asked: Questions, lessons: Lessons
) -> dict[str, Any]:
    """The exam as exam.json holds it. The errors of the training's pairs are looked for again."""
    seed, asked = session.config.seed, asked.limited(session)
    arms = arms_of(session, taught, lessons, asked)
    sheets = sit(session, arms, asked.own, asked.correct)
    held = HeldOut({name: amounts(arm, asked.held) for name, arm in arms.items()})
    beside = general_sheets(session, arms, asked.general)
    unharmed = marks(beside, lessons.examples)
    there = bool(asked.general and taught)
    harmed = 1 - sum(unharmed["taught"]) / max(len(unharmed["taught"]), 1) if there else 0.0
    sought = sum(e.kind in CHANGED for e in lessons.examples)
    written = held.evidence(seed)
    evidence = written or paper.of_answers(sheets, seed, asked.criticised)
    found = {
        "method": "corrections",
        "teacher": session.config.teacher or ("a person" if session.config.review else "the file"),
        "rehearsal": session.config.rehearsal,
        **paper.measures(arms, sheets, paper.errors(lessons.pairs), seed),
        **held.measures(seed),
        "met": {
            arm: statistics.share(met)
            for arm, s in sheets.items()
            if (met := paper.meets(s, asked.criticised))
        },
        "fall": paper.fall(sheets, seed),
        "held_out_fall": written.gains if written else {},
        "general": {arm: statistics.share(flags) for arm, flags in unharmed.items()},
        "leakage": {
            "general": statistics.paired_bootstrap(unharmed["base"], unharmed["taught"], seed=seed)
        }
        if there
        else {},
        "noise_floor": noise_floor(session, arms["base"], asked.own, sheets["base"], asked.correct),
        "sanity": by_arm({arm: s.greedy.draws for arm, s in sheets.items()}, seed=seed),
        "base_proof": proof(session),
        "verdict": paper.verdict(evidence, harmed, sought, broken(sheets)),
        "rounds": session.run.ledger.noted("rounds") or [],
        "answers": [*paper.side_by_side(asked.own, sheets), *general_rows(beside, unharmed)],
    }
    if taught:
        found["displaced"] = statistics.share(
            paper.displaced(session.base, taught.model, sheets["base"].greedy.revisions)
        )
        if asked.general:
            objected = objections(session, beside["base"], asked.general, asked.correct)
            found["drift"] = drifted(session, taught.hf, beside, objected) | {
                "left_out": sum(map(sum, objected))
            }
            if any(map(any, objected)):
                found["drift"]["with_left_out"] = drifted(session, taught.hf, beside)
    result: dict[str, Any] = shared.as_json(found)
    return result


def broken(sheets: Mapping[str, paper.Sheet]) -> float:
    """The share of taught's new answers that loop or are empty, beyond the base's."""
    base, taught = (
        shared.Sheet([], s.greedy.draws, [])
        for s in (sheets["base"], sheets.get("taught", sheets["base"]))
    )
    sound = shared.unharmed(taught, base, Overlap())[0]
    return 1 - sum(sound) / max(len(sound), 1)


def sit(
    session: Session, arms: Mapping[str, paper.Arm], own: Sequence[Turns], correct: paper.Correct
) -> dict[str, paper.Sheet]:
    """Every arm answers the prompts of the material."""
    session.display.stage("exam", 2 * len(own) * len(arms))
    limit, seed = session.config.exam.max_tokens, session.config.seed
    return {
        name: paper.sit(arm, own, correct, limit, seed, session.display.advance)
        for name, arm in arms.items()
    }


def objections(
    session: Session, sheet: shared.Sheet, general: Sequence[Turns], correct: paper.Correct
) -> list[list[bool]]:
    """For each general answer of the base the tokens that the teacher would change there too: that
    they change is what was asked for.
    """
    asked = [
        Answered(p, d.text, cut=d.finish == "length")
        for p, d in zip(general, sheet.greedy, strict=True)
    ]
    found = []
    for revision in paper.corrected(correct, asked):
        answer, text = (
            session.model.encode_answer(t) for t in (revision.asked.answer, revision.text)
        )
        found.append([] if revision.fault or revision.unchanged else list(edited(text, answer)[1]))
    return found


def marks(beside: dict[str, shared.Sheet], lessons: Sequence[Example]) -> dict[str, list[bool]]:
    """Whether each general answer is unharmed: no lesson, not empty, no loop, where the base's own
    is not so.
    """
    taught = Overlap(e.chosen for e in lessons if e.kind in CHANGED)
    return {arm: shared.unharmed(sheet, beside["base"], taught)[0] for arm, sheet in beside.items()}


def longer(session: Session, taught: Taught, asked: Questions) -> dict[str, Any]:
    """The marks of an adapter that was trained for `exam.longer` times the steps, as `exam.json`
    holds those of the taught one.
    """
    seed, asked = session.config.seed, asked.limited(session)
    own, general, correct = asked.own, asked.general, asked.correct
    arms = {"base": paper.Arm("base", session.base), "taught": paper.Arm("longer", taught.model)}
    sheets = sit(session, arms, own, correct)
    beside = general_sheets(session, arms, general)
    found = {
        "steps": taught.trained.steps,
        "distance": paper.measures(
            {"taught": arms["taught"]}, {"taught": sheets["taught"]}, set(), seed
        )["distance"]["taught"],
        "fall": paper.fall({"prompted": sheets["base"], **sheets}, seed)["base"],
        "displaced": statistics.share(
            paper.displaced(session.base, taught.model, sheets["base"].greedy.revisions)
        ),
        "general": statistics.share(marks(beside, ())["taught"]),
        "sanity": by_arm({"taught": sheets["taught"].greedy.draws}, seed=seed)["taught"],
    }
    if general:
        found["drift"] = drifted(
            session, taught.hf, beside, objections(session, beside["base"], general, correct)
        )
    written: dict[str, Any] = shared.as_json(found)
    return written


def noise_floor(
    session: Session,
    base: paper.Arm,
    own: Sequence[Turns],
    sheet: paper.Sheet,
    correct: paper.Correct,
) -> dict[str, Any]:
    """The base against itself: the distance of a second draw at T=1 minus that of the first."""
    sampling = Sampling(1.0, 1.0, session.config.exam.max_tokens)
    session.display.stage("exam again", len(own))
    again = paper.answer(
        base.model, "exam again", own, sampling, session.config.seed + 1, session.display.advance
    )
    asked = [Answered(p, d.text, cut=d.finish == "length") for p, d in zip(own, again, strict=True)]
    second = paper.Answers(again, paper.corrected(correct, asked))
    return {
        "distance": statistics.paired_bootstrap(
            second.distances(), sheet.drawn.distances(), seed=session.config.seed
        )
    }
