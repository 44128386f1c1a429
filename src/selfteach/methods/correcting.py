"""The exam of corrections: the arms sit it, the teacher corrects their answers, and the numbers become exam.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from selfteach import statistics
from selfteach.evaluate import corrections as paper
from selfteach.evaluate import exam as shared
from selfteach.evaluate.sanity import by_arm
from selfteach.generate.correct import Answered, Revision, Turns
from selfteach.materials.corrections import Corrections
from selfteach.methods.beside import general_rows, general_sheets
from selfteach.methods.criticisms import Critic
from selfteach.methods.road import Road
from selfteach.methods.teaching import Taught, drifted, proof
from selfteach.records import Example, Sampling
from selfteach.select.overlap import Overlap
from selfteach.train.edits import edited

CHANGED = ("correction", "criticised")
"""The kinds of examples whose chosen answer is a correction."""


def file_teacher(material: Corrections) -> paper.Correct:
    """Where no one can correct new answers: the nearest of the corrections (or approved answers) that the file has for the prompt."""
    references: dict[Turns, list[str]] = {}
    for edit in (*material.edits, *material.approved):
        references.setdefault(edit.prompt, []).append(edit.correction or "")
    return paper.nearest(references)


def by_prompt(criticised: Sequence[tuple[Critic, Mapping[str, Sequence[Turns]]]], otherwise: paper.Correct) -> paper.Correct:
    """Who corrects an answer: the criticism that its prompt was asked for, else the teacher."""
    owner = {prompt: critic for critic, prompts in criticised for part in prompts.values() for prompt in part}

    def correct(asked: Sequence[Answered]) -> list[Revision]:
        found: dict[str, Revision] = {}
        for critic, _ in criticised:
            mine = [a for a in asked if owner.get(a.prompt) is critic]
            found |= dict(zip((a.id for a in mine), critic.correct(mine), strict=True))
        rest = [a for a in asked if a.prompt not in owner]
        found |= dict(zip((a.id for a in rest), otherwise(rest), strict=True))
        return [found[a.id] for a in asked]

    return correct


def arms_of(road: Road, taught: Taught | None, lessons: Sequence[Example]) -> dict[str, paper.Arm]:
    """Base, corrections shown in the prompt, taught."""
    worked = [(e.prompt, e.chosen) for e in lessons if e.kind in CHANGED]
    arms = {
        "base": paper.Arm("base", road.student),
        "prompted": paper.Arm("prompted", road.student, paper.shown(worked, road.config.exam.shots)),
    }
    return arms | ({"taught": paper.Arm("taught", taught.model)} if taught else {})


def examine(
    road: Road, taught: Taught | None, own: Sequence[Turns], general: Sequence[Turns], correct: paper.Correct, lessons: Sequence[Example],
    pairs: Sequence[tuple[str, str]], criticised: Set[Turns] = frozenset(),
) -> dict[str, Any]:  # fmt: skip
    """The exam as exam.json holds it.

    Args:
        own, general: held-out prompts of the material, and about anything else.
        pairs: (answer, correction) of the training, whose errors are looked for again.
        criticised: those of `own` that were asked for a criticism.
    """
    config, seed = road.config.exam, road.config.seed
    own, general = list(own)[: config.prompts], list(general)[: config.general]
    arms = arms_of(road, taught, lessons)
    sheets = sit(road, arms, own, correct)
    beside = general_sheets(road, arms, general)
    unharmed = marks(beside, lessons)
    harmed = 1 - sum(unharmed["taught"]) / max(len(unharmed["taught"]), 1) if general and taught else 0.0
    sought = sum(e.kind in CHANGED for e in lessons)
    found = {
        "method": "corrections",
        "teacher": road.config.teacher or ("a person" if road.config.review else "the file"),
        "rehearsal": road.config.rehearsal,
        **paper.measures(arms, sheets, paper.errors(pairs), seed),
        "met": {arm: statistics.share(met) for arm, s in sheets.items() if (met := paper.meets(s, criticised))},
        "fall": paper.fall(sheets, seed),
        "general": {arm: statistics.share(flags) for arm, flags in unharmed.items()},
        "leakage": {"general": statistics.paired_bootstrap(unharmed["base"], unharmed["taught"], seed=seed)} if general and taught else {},
        "noise_floor": noise_floor(road, arms["base"], own, sheets["base"], correct),
        "sanity": by_arm({arm: s.greedy.draws for arm, s in sheets.items()}, seed=seed),
        "base_proof": proof(road),
        "verdict": paper.verdict(sheets, seed, harmed, sought, criticised),
        "rounds": road.run.ledger.noted("rounds") or [],
        "answers": [*paper.side_by_side(own, sheets), *general_rows(beside, unharmed)],
    }
    if taught:
        found["displaced"] = statistics.share(paper.displaced(road.student, taught.model, sheets["base"].greedy.revisions))
        if general:
            objected = objections(road, beside["base"], general, correct)
            found["drift"] = drifted(road, taught.hf, beside, objected) | {"left_out": sum(map(sum, objected))}
            if any(map(any, objected)):
                found["drift"]["with_left_out"] = drifted(road, taught.hf, beside)
    written: dict[str, Any] = shared.as_json(found)
    return written


def sit(road: Road, arms: Mapping[str, paper.Arm], own: Sequence[Turns], correct: paper.Correct) -> dict[str, paper.Sheet]:
    """Every arm answers the prompts of the material."""
    road.display.stage("exam", 2 * len(own) * len(arms))
    limit, seed = road.config.exam.max_tokens, road.config.seed
    return {name: paper.sit(arm, own, correct, limit, seed, road.display.advance) for name, arm in arms.items()}


def objections(road: Road, sheet: shared.Sheet, general: Sequence[Turns], correct: paper.Correct) -> list[list[bool]]:
    """For each general answer of the base the tokens that the teacher would change there too: that they change is what was asked for."""
    asked = [Answered(p, d.text, cut=d.finish == "length") for p, d in zip(general, sheet.greedy, strict=True)]
    found = []
    for revision in paper.corrected(correct, asked):
        answer, text = (road.base.encode_answer(t) for t in (revision.asked.answer, revision.text))
        found.append([] if revision.fault or revision.unchanged else list(edited(text, answer)[1]))
    return found


def marks(beside: dict[str, shared.Sheet], lessons: Sequence[Example]) -> dict[str, list[bool]]:
    """Whether each general answer is unharmed: no lesson, not empty, no loop, where the base's own is not so."""
    taught = Overlap(e.chosen for e in lessons if e.kind in CHANGED)
    return {arm: shared.unharmed(sheet, beside["base"], taught)[0] for arm, sheet in beside.items()}


def longer(road: Road, taught: Taught, own: Sequence[Turns], general: Sequence[Turns], correct: paper.Correct) -> dict[str, Any]:
    """The marks of an adapter that was trained for `exam.longer` times the steps, as `exam.json` holds those of the taught one."""
    config, seed = road.config.exam, road.config.seed
    own, general = list(own)[: config.prompts], list(general)[: config.general]
    arms = {"base": paper.Arm("base", road.student), "taught": paper.Arm("longer", taught.model)}
    sheets = sit(road, arms, own, correct)
    beside = general_sheets(road, arms, general)
    found = {
        "steps": taught.trained.steps,
        "distance": paper.measures({"taught": arms["taught"]}, {"taught": sheets["taught"]}, set(), seed)["distance"]["taught"],
        "fall": paper.fall({"prompted": sheets["base"], **sheets}, seed)["base"],
        "displaced": statistics.share(paper.displaced(road.student, taught.model, sheets["base"].greedy.revisions)),
        "general": statistics.share(marks(beside, ())["taught"]),
        "sanity": by_arm({"taught": sheets["taught"].greedy.draws}, seed=seed)["taught"],
    }
    if general:
        found["drift"] = drifted(road, taught.hf, beside, objections(road, beside["base"], general, correct))
    written: dict[str, Any] = shared.as_json(found)
    return written


def noise_floor(road: Road, base: paper.Arm, own: Sequence[Turns], sheet: paper.Sheet, correct: paper.Correct) -> dict[str, Any]:
    """The base against itself: the distance of a second draw at T=1 minus that of the first."""
    sampling = Sampling(1.0, 1.0, road.config.exam.max_tokens)
    road.display.stage("exam again", len(own))
    again = paper.answer(base.model, "exam again", own, sampling, road.config.seed + 1, road.display.advance)
    asked = [Answered(p, d.text, cut=d.finish == "length") for p, d in zip(own, again, strict=True)]
    second = paper.Answers(again, paper.corrected(correct, asked))
    return {"distance": statistics.paired_bootstrap(second.distances(), sheet.drawn.distances(), seed=road.config.seed)}
