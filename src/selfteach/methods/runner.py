"""The second half of every method: examples to an adapter, the adapter to an exam, the exam to
files.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfteach import registry
from selfteach.config import Train
from selfteach.evaluate import exam as paper
from selfteach.evaluate.adherence import Arm, answers
from selfteach.evaluate.drift import base_proof, drift
from selfteach.generate.search import Trace, Try
from selfteach.judge import Verdicts
from selfteach.materials.rule import Rule
from selfteach.methods.session import PROBE, Session
from selfteach.models.hf import Hf
from selfteach.models.opening import choose_drawer
from selfteach.models.recorded import Recorded
from selfteach.records import Example, Measure, Prompt, Sampling, user
from selfteach.report.card import card
from selfteach.report.page import render
from selfteach.run.folder import Run
from selfteach.select.overlap import Overlap
from selfteach.statistics import paired_bootstrap, share
from selfteach.train.adapters.join import join
from selfteach.train.loop import Trained, train
from selfteach.train.memory import highest_mb
from selfteach.train.own_draws import draw_with
from selfteach.train.shards import is_shard
from selfteach.train.steps import DrawStudent

Weights = Mapping[str, Mapping[str, float]]
ELSEWHERE = 20
"""Target prompts that are also asked under another system prompt and in a second turn."""
TRAINING, ENGINE = "checkpoints", "engine"
"""Folders of a run that are there only while it runs: trainings with their checkpoints, and the
taught weights for drawing.
"""


@dataclass
class Taught:
    """The taught model, ready to answer."""

    trained: Trained
    hf: Hf
    model: Recorded


def teach_adapter(
    session: Session, examples: Sequence[Example], kinds: Weights, name: str = "train", steps: int = 0
) -> Taught:
    """Trains an adapter on the examples (for `steps` steps, if given) and opens the taught model."""
    return open_taught(session, train_adapter(session, examples, kinds, name, steps))


def train_adapter(
    session: Session, examples: Sequence[Example], kinds: Weights, name: str = "train", steps: int = 0
) -> Trained:
    """Trains an adapter on the examples; it stands on the model that anybody has, also where the
    run goes on from another one.
    """
    session.display.stage(name, unit="steps")

    def progress(step: int, total: int, row: Mapping[str, Any]) -> None:
        if step == 1:
            session.display.stage(name, total, "steps")
        session.display.advance()

    session.before_training()
    config = (
        session.config.train.model_copy(update={"max_steps": steps}) if steps else session.config.train
    )
    trained = train(
        session.model,
        examples,
        config,
        session.run.path / TRAINING / name,
        seed=session.config.seed,
        defaults=kinds,
        progress=progress,
        draw_student=own_draws(session.model, config, session.config.seed),
        say=session.display.say,
    )
    told_overlong(session, trained, name)
    for kind, body in trained.events:
        session.run.ledger.event(kind, body)
    if earlier := session.run.material.get("from"):
        trained = replace(
            trained,
            adapter=join(
                Path(earlier), trained.adapter, session.run.path / TRAINING / name / "joined"
            ),
        )
    return trained


def told_overlong(session: Session, trained: Trained, name: str) -> None:
    """Records and says what became of rows longer than `train.max_tokens`: `train.overlong` names
    the policy, drop or cut.
    """
    if trained.overlong:
        most = session.config.train.max_tokens
        session.run.ledger.event("overlong", {"stage": name, "max_tokens": most, **trained.overlong})
        counts = ", ".join(f"{done} {count}" for done, count in trained.overlong.items())
        session.display.say(f"rows longer than train.max_tokens = {most}: {counts}")


def own_draws(base: Hf, config: Train, seed: int) -> DrawStudent | None:
    """How the student answers between steps, where the configuration wants it to."""
    return (
        draw_with(base, Sampling(1.0, 1.0, config.own_tokens), seed) if config.on_policy else None
    )


def paired(kinds: Weights) -> set[str]:
    """The kinds of examples that are taught by pairs alone."""
    return {
        kind
        for kind, named in kinds.items()
        if named and all(registry.lookup("objectives", name).pairs for name in named)
    }


def open_taught(session: Session, trained: Trained) -> Taught:
    """The base with the adapter merged, drawing through the run's engine."""
    hf = Hf.load(session.config.model, adapter=trained.adapter)
    opened = choose_drawer(hf, session.config.engine, session.run.path / ENGINE)
    if hf.worn:
        session.display.say(f"the taught model draws with {opened.engine}: {opened.reason}")
    return Taught(trained, hf, Recorded(session.run.ledger, opened.drawer, hf))


def base_arms(session: Session) -> dict[str, Arm]:
    """The base, and the base with the rule in its prompt."""
    return {
        "base": Arm("base", session.base, user),
        "prompted": Arm("prompted", session.base, lambda q: user(q, system=session.rule), session.rule),
    }


def questions(session: Session, asked: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """As many of each scope as the exam takes."""
    return {
        scope: list(prompts)[: getattr(session.config.exam, scope)] for scope, prompts in asked.items()
    }


def examine_base(session: Session, asked: Mapping[str, Sequence[str]], verdicts: Verdicts) -> None:
    """Lets the base arms sit the exam ahead of the training, into the ledger: then base and taught
    need not be in memory together.
    """
    taken, arms, config, seed = (
        questions(session, asked),
        base_arms(session),
        session.config.exam,
        session.config.seed,
    )
    sheets = paper.sit(arms, taken, config, seed, session.display)
    paper.elsewhere(arms, taken["target"][:ELSEWHERE], verdicts, config, seed, session.display)
    noise_floor(session, taken["target"], verdicts, paper.mark(sheets, verdicts, Overlap()))


def examine(
    session: Session,
    taught: Taught | None,
    asked: Mapping[str, Sequence[str]],
    verdicts: Verdicts,
    examples: Sequence[Example],
    elsewhere: bool = True,
) -> dict[str, Any]:
    """The exam of a rule, as exam.json holds it; `elsewhere`: also under another system prompt and
    in a second turn.
    """
    config, seed = session.config.exam, session.config.seed
    asked, arms = questions(session, asked), base_arms(session)
    if taught:
        arms["taught"] = Arm("taught", taught.model, user)
    sheets = paper.sit(arms, asked, config, seed, session.display)
    lessons = Overlap(e.chosen for e in examples if e.kind == "in_scope")
    marks = paper.mark(sheets, verdicts, lessons)
    found = {
        "rule": session.rule,
        "rehearsal": session.config.rehearsal,
        "judge": {
            "name": verdicts.name,
            "source": "check" if verdicts.name == "check" else "calibrated",
            "auroc": _auroc(session),
        },
        **paper.adherence(marks, seed),
        **(
            paper.elsewhere(arms, asked["target"][:ELSEWHERE], verdicts, config, seed, session.display)
            if elsewhere
            else {}
        ),
        "noise_floor": noise_floor(session, asked["target"], verdicts, marks),
        "sanity": paper.sanities(sheets, seed),
        "base_proof": proof(session),
        "verdict": paper.verdict(marks, taught is not None, seed, sought(session)),
        "answers": paper.side_by_side(sheets, marks),
    }
    where, beside = paper.unconcerned(sheets, marks)
    if taught and beside["base"].questions:
        found["drift"] = {"on": where, **drifted(session, taught.hf, beside)}
    written: dict[str, Any] = paper.as_json(found)
    return written


def sought(session: Session) -> int:
    """On how many prompts an answer was sought, because the base breaks the rule there."""
    return sum(f.requested for f in session.run.ledger.funnel() if f.stage == "search")


def noise_floor(
    session: Session, asked: Sequence[str], verdicts: Verdicts, marks: paper.Marks
) -> dict[str, Measure]:
    """The base against itself: a second draw at T=1 of the same prompts."""
    session.display.stage("exam again", len(asked))
    arm = Arm("base", session.base, user)
    again = answers(
        arm,
        "exam again",
        asked,
        Sampling(1.0, 1.0, session.config.exam.max_tokens),
        1,
        session.config.seed + 1,
        session.display.advance,
    )
    flags = verdicts.broken([(user(q), row[0].text) for q, row in zip(asked, again, strict=True)])
    return {
        "kept": paired_bootstrap([not b for b in flags], marks.drawn["base"], seed=session.config.seed)
    }


def drifted(
    session: Session,
    taught: Hf,
    sheets: Mapping[str, paper.Sheet],
    left_out: Sequence[Sequence[bool]] = (),
) -> dict[str, Any]:
    """KL(base || taught) on the base's own answers to general prompts, but for tokens `left_out`;
    the share of identical greedy answers.
    """
    base, mine = sheets["base"], sheets["taught"]
    pairs = [(user(q), d.text) for q, d in zip(base.questions, base.greedy, strict=True)]
    session.display.stage("drift")
    d = drift(
        session.model,
        taught,
        pairs,
        cut=[x.finish == "length" for x in base.greedy],
        seed=session.config.seed,
        left_out=left_out,
    )
    same = [x.text == y.text for x, y in zip(base.greedy, mine.greedy, strict=True)]
    return {
        "kl_nats": d.kl_nats,
        "kl_p95": d.kl_p95_nats,
        "top1_agreement": d.same_top,
        "identical": share(same),
        "base_logp": d.base_token_logp.value,
        "taught_logp": d.taught_token_logp.value,
    }


def proof(session: Session) -> dict[str, Any]:
    """The base arm is the base: its logits now equal those of the checkpoint as it was loaded. Not
    known of weights that lie in shards.
    """
    if is_shard(next(session.model.module.parameters())):
        return {"max_abs_difference": None, "same": None}
    found = base_proof(session.model, PROBE, session.proof)
    return {"max_abs_difference": found.greatest_difference, "same": True}


def finish(
    session: Session,
    rule: Rule,
    exam: dict[str, Any],
    examples: Sequence[Example],
    traces: Sequence[Trace],
    taught: Taught | None,
) -> dict[str, Any]:
    """Writes the exports and the report of a rule; returns the result as JSON."""
    session.run.ledger.note("search", effort(traces))
    prompted = user("x", system=session.rule)
    return publish(session, exam | {"rule_id": rule.id}, examples, taught, arms_of(exam), prompted)


def publish(
    session: Session,
    exam: dict[str, Any],
    examples: Sequence[Example],
    taught: Taught | None,
    shown: Mapping[str, Any],
    prompted: Prompt,
) -> dict[str, Any]:
    """The end of every method: the adapter, the examples, what was dropped, the exam, the report;
    returns the result as JSON.

    Args:
        shown: the numbers of each arm, for the result.
        prompted: what the question "x" is in the arm that has the material in its prompt; its
            length is what the adapter saves.
    """
    run = session.run
    if taught:
        with run.export_folder("adapter") as folder:
            shutil.copytree(taught.trained.adapter, folder, dirs_exist_ok=True)
        run.export_jsonl("metrics.jsonl", taught.trained.curve)
    run.export_jsonl("examples.jsonl", (e.json() for e in examples))
    lost = ((stage, f) for stage, f in run.ledger.candidates() if f.state in ("dropped", "failed"))
    run.export_jsonl(
        "dropped.jsonl",
        (
            {"stage": stage, "id": f.id, "state": f.state, "reason": f.reason, "body": f.body}
            for stage, f in lost
        ),
    )
    exam |= {"cost": cost(session, taught, prompted), "reproduce": [run.command]}
    run.export_json("exam.json", exam)
    run.export("README.md", card(run.path))
    render(run.path)
    result = summary(session, exam, taught, shown)
    run.ledger.note("result", result)
    tidy(run)
    return result


def tidy(run: Run) -> None:
    """Removes what is there only while a run works."""
    for scratch in (TRAINING, ENGINE):
        shutil.rmtree(run.path / scratch, ignore_errors=True)


def arms_of(exam: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of each arm in the exam of a rule."""
    outside = [scope for scope in ("near", "general") if scope in exam]
    return {
        arm: {
            "target": kept["greedy"],
            "target_drawn": kept["drawn"],
            **{scope: exam[scope][arm] for scope in outside},
        }
        for arm, kept in exam["kept"].items()
    }


def summary(
    session: Session, exam: Mapping[str, Any], taught: Taught | None, shown: Mapping[str, Any]
) -> dict[str, Any]:
    """What `--json` prints."""
    path = session.run.path
    return {
        "run": str(path),
        "adapter": str(path / "adapter") if taught else None,
        "report": str(path / "report.html"),
        "seconds": exam["cost"]["seconds"],
        "exam": shown,
        "verdict": exam["verdict"]["sentence"],
        "word": exam["verdict"]["word"],
        "cost": exam["cost"],
    }


def effort(traces: Sequence[Trace]) -> dict[str, Any]:
    """How many tries the prompts took, and some of the traces."""
    tries: dict[str, int] = {}
    for trace in traces:
        key = str(trace.effort or "gave up")
        tries[key] = tries.get(key, 0) + 1
    hardest = sorted(traces, key=lambda t: -len(t.tries))[:20]
    shown = [
        {"prompt": trace.prompt, "tries": [_shown(t) for t in trace.tries]} for trace in hardest
    ]
    return {"tries": dict(sorted(tries.items())), "traces": shown}


def _shown(found: Try) -> dict[str, str]:
    return {
        "text": found.text,
        "verdict": "broken" if found.broken else "kept",
        "reason": found.fault,
        "strategy": found.strategy,
    }


def cost(session: Session, taught: Taught | None, prompted: Prompt) -> dict[str, Any]:
    """What the run took: seconds of all attempts, tokens, megabytes."""
    drawn = session.run.ledger.cost()
    adapter = taught.trained.adapter if taught else None
    return {
        "seconds": session.run.seconds(),
        "stages": {name: stage["seconds"] for name, stage in session.run.stages.items()},
        "drawn_tokens": drawn.tokens,
        "prompt_tokens": drawn.prompt_tokens,
        "reused_tokens": drawn.reused_tokens,
        "trained_tokens": taught.trained.tokens if taught else 0,
        "adapter_mb": sum(f.stat().st_size for f in adapter.iterdir()) / 1e6 if adapter else 0.0,
        "training_memory": taught.trained.memory.rows()
        if taught and taught.trained.memory
        else None,
        "peak_memory_mb": highest_mb(),
        "prompt_tokens_saved": len(session.model.encode(prompted)) - len(session.model.encode(user("x"))),
    }


def _auroc(session: Session) -> Any:
    report = session.run.ledger.noted("calibration")
    return (
        next((c["auroc"] for c in report["candidates"] if c["name"] == report["chosen"]), None)
        if report
        else None
    )
