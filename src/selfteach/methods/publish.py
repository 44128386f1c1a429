"""Publish a run: adapter, examples, what was dropped, exam, report, model card."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from selfteach.evaluate.describe_change import summarize_change
from selfteach.evaluate.exam import TunedModel
from selfteach.files import count_folder_bytes, write_text
from selfteach.methods.earlier_exam import EARLIER_KEY
from selfteach.methods.finished_result import remove_scratch
from selfteach.methods.lesson_record import describe_lesson
from selfteach.methods.method import TrainingPlan
from selfteach.methods.session import Session
from selfteach.models.check_safety import ABOUT_FILE, read_json, write_about
from selfteach.records import JsonMapping, JsonObject, Prompt, make_prompt
from selfteach.report.card import make_adapter_card, make_card
from selfteach.report.page import write_report
from selfteach.run.finished import COST_FILE, EXAM_FILE, LESSON_FILE, RESULT, add_cost
from selfteach.run.run_folder import Run
from selfteach.text import format_count
from selfteach.train.memory import measure_peak_mb
from selfteach.train.train import TrainingResult

CARD_FILE = "README.md"


def publish(
    session: Session, plan: TrainingPlan, tuned: TunedModel | None, exam: JsonObject
) -> JsonObject:
    """Write the adapter, the examples, what was dropped, the exam, the report and the model card;
    return the result as JSON.
    """
    run = session.run
    if tuned:
        plan = leave_out(plan, tuned.trained)
        learned = sum(example.role == "learn" for example in plan.examples)
        heading = session.rule or format_count(learned, "examples")
        export_adapter(run, tuned.trained.adapter, heading, exam.get(EARLIER_KEY, []))
        run.export_jsonl("metrics.jsonl", tuned.trained.curve)
        if record := describe_lesson(session, plan, tuned):
            run.export_json(LESSON_FILE, record)
    run.export_jsonl("examples.jsonl", (example.to_json() for example in plan.examples))
    run.export_jsonl("dropped.jsonl", list_dropped(run))
    exam |= {
        "cost": count_cost(session, tuned, plan.overhead),
        "reproduce": [run.shown_command],
    }
    run.export_json(EXAM_FILE, exam)
    cost = measure_cost(session, tuned)
    run.export_json(COST_FILE, cost)
    run.export(CARD_FILE, make_card(run.path, examples=True))
    write_report(run.path)
    result = summarize(session, add_cost(exam, cost), tuned, plan.shown(exam))
    run.ledger.set_note(RESULT, result)
    remove_scratch(run)
    return result


def leave_out(plan: TrainingPlan, trained: TrainingResult) -> TrainingPlan:
    """Return a plan without the examples that were not trained on: they are among the dropped
    candidates.
    """
    lost = trained.left_out
    return replace(plan, examples=[one for one in plan.examples if one.id not in lost])


def export_adapter(
    run: Run, adapter: Path, heading: str, earlier: Sequence[JsonMapping] = ()
) -> None:
    """Export an adapter with a card of its own, so that its folder can be used alone.

    Args:
        earlier: the exams of the runs that this one continues, as exam.json has them.
    """
    sizes = [file.stat().st_size for file in adapter.rglob("*") if file.is_file()]
    with run.export_folder("adapter", sum(sizes)) as folder:
        shutil.copytree(adapter, folder, dirs_exist_ok=True)
        if earlier:
            about = read_json(folder / ABOUT_FILE)
            about[EARLIER_KEY] = [summarize_change(entry) for entry in earlier]
            write_about(folder, about)
        write_text(folder / CARD_FILE, make_adapter_card(run.path, adapter, heading))


def list_dropped(run: Run) -> list[JsonObject]:
    """Return every candidate that was dropped or failed, with its reason."""
    rows = []
    for stage, outcome in run.ledger.read_outcomes():
        if outcome.state in ("dropped", "failed"):
            row: JsonObject = {"stage": stage, "id": outcome.id, "state": outcome.state}
            rows.append(row | {"reason": outcome.reason, "body": outcome.body})
    return rows


def summarize(
    session: Session, exam: JsonMapping, tuned: TunedModel | None, shown: JsonMapping
) -> JsonObject:
    """Return what `--json` prints."""
    path = session.run.path
    return {
        "run": str(path),
        "adapter": str(path / "adapter") if tuned else None,
        "report": str(path / "report.html"),
        "seconds": exam["cost"]["seconds"],
        "exam": shown,
        "verdict": exam["verdict"]["sentence"],
        "word": exam["verdict"]["word"],
        "cost": exam["cost"],
    }


def count_cost(session: Session, tuned: TunedModel | None, overhead: Prompt) -> JsonObject:
    """Return the cost of the run that is the same on every machine: tokens, and the adapter's
    size.
    """
    sampled = session.run.ledger.sum_tokens()
    adapter_mb = 0.0
    if tuned:
        adapter_mb = count_folder_bytes(tuned.trained.adapter) / 1e6
    return {
        "sampled_tokens": sampled.tokens,
        "prompt_tokens": sampled.prompt_tokens,
        "trained_tokens": tuned.trained.tokens if tuned else 0,
        "adapter_mb": adapter_mb,
        "prompt_tokens_saved": session.model.tokens.count_added(overhead, make_prompt("x")),
    }


def measure_cost(session: Session, tuned: TunedModel | None) -> JsonObject:
    """Return what the run took on this machine: seconds of all attempts, memory, reused tokens."""
    memory = tuned.trained.memory if tuned else None
    return {
        "seconds": session.run.seconds(),
        "stages": {name: stage["seconds"] for name, stage in session.run.stages.items()},
        "reused_tokens": session.run.ledger.sum_tokens().reused_tokens,
        "training_memory": memory.rows() if memory else None,
        "peak_memory_mb": measure_peak_mb(),
    }
