"""Step 8 of tasks: the arms sit the exam, a calibrated judge compares their answers in both orders,
and the numbers become exam.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from selfteach import statistics
from selfteach.errors import TooManyFailures, UsageError
from selfteach.evaluate import corrections as shared
from selfteach.evaluate import exam as common
from selfteach.evaluate import tasks as paper
from selfteach.evaluate.retention import retention
from selfteach.evaluate.sanity import by_arm
from selfteach.judge.pairwise import Closer, Duel, Preference, Prefers, agreement
from selfteach.materials.tasks import Task
from selfteach.materials.templates import LIBRARY, draw_template
from selfteach.methods.general_answers import general_rows, general_sheets
from selfteach.methods.runner import Taught, drifted, proof
from selfteach.methods.session import Session
from selfteach.models.endpoint_guard import NoLogprobs
from selfteach.records import Example, Measure, Sampling
from selfteach.registry import did_you_mean
from selfteach.run.ledger import Fate
from selfteach.select.overlap import Overlap

if TYPE_CHECKING:
    from selfteach.methods.tasks.method import Parts

PLAIN = [template for template in LIBRARY if template.name == "plain"]
CLOSER = "closer"


def questions(session: Session, parts: Parts) -> list[paper.Question]:
    """The held-out tasks, in the plainest template. One that leaves no room for an answer is left
    out, and counted.
    """
    found, fates = [], []
    for part, tasks in (("seed", parts.held_out), ("human", parts.test)):
        for task in tasks[: session.config.exam.tasks]:
            asked = question_of(task, part)
            needed = session.config.exam.max_tokens + len(
                session.model.encode_answer(asked.golds[0])
            )
            reason = (
                ""
                if session.model.room_tokens(asked.prompt) > needed
                else "prompt longer than the context"
            )
            fates.append(
                Fate(
                    f"{part} {task.id}",
                    "dropped" if reason else "accepted",
                    reason,
                    {"instruction": task.instruction},
                )
            )
            found += [] if reason else [asked]
    session.run.ledger.place("questions of the exam", fates)
    return found


def question_of(task: Task, part: str) -> paper.Question:
    """A task's first instance, and all outputs that people gave for it."""
    first = task.instances[0]
    row = {"instruction": task.instruction, "input": first.input, "output": first.output}
    template = draw_template(PLAIN, row, 0, "")
    assert template is not None
    prompt, _ = template.fill(row)
    golds = tuple(
        dict.fromkeys(case.output for case in task.instances if case.input == first.input)
    )
    assert isinstance(prompt, tuple)
    return paper.Question(part, prompt, golds, task.classification is True)


def arms_of(
    session: Session,
    taught: Taught | None,
    examples: Sequence[Example],
    asked: Sequence[paper.Question],
) -> dict[str, shared.Arm]:
    """Base, worked tasks in the prompt, taught. The shown tasks are as many as leave room for every
    question.
    """
    worked = [(e.turns, e.chosen) for e in examples if e.kind == "seed"] or [
        (e.turns, e.chosen) for e in examples if e.kind == "task"
    ]
    shown = next(
        (
            turns
            for count in range(session.config.exam.shots, -1, -1)
            if (turns := shared.shown(worked, count)) is not None
            and all(roomy(session, (*turns, *q.prompt), q) for q in asked)
        ),
        (),
    )
    arms = {
        "base": shared.Arm("base", session.base),
        "prompted": shared.Arm("prompted", session.base, shown),
    }
    return arms | ({"taught": shared.Arm("taught", taught.model)} if taught else {})


def roomy(session: Session, prompt: paper.Turns, asked: paper.Question) -> bool:
    """Whether question and answers fit behind this prompt."""
    needed: int = session.config.exam.max_tokens + len(session.model.encode_answer(asked.golds[0]))
    return session.model.room_tokens(prompt) > needed


def examine(
    session: Session, taught: Taught | None, parts: Parts, examples: Sequence[Example]
) -> dict[str, Any]:
    """The exam as exam.json holds it."""
    config, seed = session.config.exam, session.config.seed
    asked = questions(session, parts)
    arms = arms_of(session, taught, examples, asked)
    session.display.stage("exam", 2 * len(asked) * len(arms))
    sheets = {
        name: paper.sit(arm, asked, config.max_tokens, seed, session.display.advance)
        for name, arm in arms.items()
    }
    judge, told = judged(session, parts, asked)
    beside = general_sheets(session, arms, parts.general["test"])
    unharmed = {
        arm: common.unharmed(sheet, beside["base"], Overlap())[0] for arm, sheet in beside.items()
    }
    there = bool(beside["base"].questions) and taught is not None
    known = kept(session, taught)
    harm = paper.Harm(
        1 - sum(unharmed["taught"]) / len(unharmed["taught"]) if there else 0.0, known.get("change")
    )
    found = {
        "method": "tasks",
        "rehearsal": session.config.rehearsal,
        **paper.numbers(asked, sheets, seed),
        "pairwise": paper.contest(judge, asked, sheets, seed),
        "against_prompted": paper.contest(
            judge, asked, {arm: sheets[arm] for arm in ("prompted", "taught")}, seed, "prompted"
        )
        if taught
        else {},
        "judge": told | {"lost": getattr(judge, "lost", 0)},
        "retention": known,
        "general": {arm: statistics.share(flags) for arm, flags in unharmed.items()}
        if beside["base"].questions
        else {},
        "leakage": {
            "general": statistics.paired_bootstrap(unharmed["base"], unharmed["taught"], seed=seed)
        }
        if there
        else {},
        "noise_floor": noise_floor(session, asked, sheets["base"]),
        "sanity": by_arm({arm: s.greedy for arm, s in sheets.items()}, seed=seed),
        "base_proof": proof(session),
        "verdict": paper.verdict(
            asked, sheets, harm, sum(e.kind != "general" for e in examples), seed
        ),
        "answers": [*paper.side_by_side(asked, sheets), *general_rows(beside, unharmed)],
    }
    if taught and there:
        found["drift"] = drifted(session, taught.hf, beside)
    written: dict[str, Any] = common.as_json(found)
    return written


def kept(session: Session, taught: Taught | None) -> dict[str, Any]:
    """What the base and the taught model know of what everybody knows."""
    session.display.stage("retention")
    return retention(
        {"base": session.base} | ({"taught": taught.model} if taught else {}), session.config.seed
    )


def judged(
    session: Session, parts: Parts, asked: Sequence[paper.Question]
) -> tuple[Prefers, dict[str, Any]]:
    """Who compares answers: the model that tells a person's answer to a task from the answer to
    another one best, where it is good enough.

    Else the answer that is closer to the person's own wins.

    Raises:
        UsageError: the configuration names a judge that there is not.
    """
    config = session.config.judge
    closer = Closer({q.prompt: q.golds for q in asked})
    known = [Preference(session.base), Preference(session.base, chat=True)]
    if session.teacher:
        known.append(Preference(session.teacher, chat=True, name="teacher"))
    if config.name not in ("auto", CLOSER, *(j.name for j in known)):
        cure = did_you_mean(config.name, ["auto", CLOSER, *(j.name for j in known)])
        raise UsageError(
            f'there is no judge "{config.name}" of two answers.', where="judge.name", cure=cure
        )
    known = [j for j in known if config.name in ("auto", j.name)]
    pairs = mismatched(parts.train)[: config.pairs]
    marks, left_out = agreements(known, pairs) if config.name != CLOSER else ({}, {})
    best = max(
        (j for j in known if j.name in marks), key=lambda j: marks[j.name].value, default=None
    )
    told = {"agreement": common.as_json(marks), "left_out": left_out}
    if best is not None and marks[best.name].value >= config.min_auroc:
        return best, {"name": best.name, "source": "model", **told}
    if config.name not in ("auto", CLOSER):
        why = left_out.get(
            config.name,
            "it is no better than chance at telling a right answer from one to another task",
        )
        session.display.say(f"the judge {config.name} is not taken: {why}")
    return closer, {"name": CLOSER, "source": "people's answers", **told}


def agreements(
    judges: Sequence[Preference], pairs: Sequence[Duel]
) -> tuple[dict[str, Measure], dict[str, str]]:
    """How good each judge is, and why others cannot judge: an endpoint without log-probabilities,
    or one that loses too many answers.
    """
    marks, left_out = dict[str, Measure](), dict[str, str]()
    for judge in judges if pairs else ():
        try:
            marks[judge.name] = agreement(judge, pairs)
        except (NoLogprobs, TooManyFailures) as fault:
            left_out[judge.name] = fault.what.rstrip(".")
    return marks, left_out


def mismatched(tasks: Sequence[Task]) -> list[Duel]:
    """A person's answer to each task against a person's answer to the next one: the first is better
    by construction.
    """
    asked = [question_of(task, "seed") for task in tasks]
    turned = [*asked[1:], *asked[:1]]
    return [
        Duel(q.prompt, q.golds[0], other.golds[0])
        for q, other in zip(asked, turned, strict=True)
        if q.golds[0] != other.golds[0]
    ]


def noise_floor(
    session: Session, asked: Sequence[paper.Question], sheet: paper.Sheet
) -> dict[str, Measure]:
    """The base against itself: ROUGE-L of a second draw at T=1 minus that of the first."""
    session.display.stage("exam again", len(asked))
    again = shared.answer(
        session.base,
        "exam again",
        [q.prompt for q in asked],
        Sampling(1.0, 1.0, session.config.exam.max_tokens),
        session.config.seed + 1,
        session.display.advance,
    )
    return {
        "rouge_l": statistics.paired_bootstrap(
            paper.scores(asked, again), paper.scores(asked, sheet.drawn), seed=session.config.seed
        )
    }
