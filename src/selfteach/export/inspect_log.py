"""An exam as logs of inspect_ai, which its viewer and its programs read.

One log for each arm: the base, the base with the material in its prompt, and the tuned model. A
sample is one question; its score is what the exam says of the greedy answer: whether it is `right`
within the target, and not degraded elsewhere. Of an answer to a task it is `rouge_l`, since the
exam's flag only compares it with the base's. Where lm-eval has measured the model, its numbers of
the arm are in the log's metadata. inspect_ai itself is not needed to write the logs.

Source: the JSON schema of `inspect_ai.log.EvalLog`, version 2 of the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from selfteach import statistics
from selfteach.errors import UsageError
from selfteach.evaluate.scopes import TARGET
from selfteach.files import write_text
from selfteach.records import JsonMapping, JsonObject, digest
from selfteach.run import finished
from selfteach.run.manifest import read_manifest
from selfteach.version import VERSION

LOG_VERSION = 2
SCORER = "right"
TASK_SCORER = "rouge_l"
METRICS = {SCORER: "accuracy", TASK_SCORER: "mean"}
CORRECT, INCORRECT = "C", "I"


def write_inspect_logs(
    run: Path, out: Path, benchmark: JsonMapping | None = None, measured: str = ""
) -> list[Path]:
    """Write a log for each arm of a run's exam into a folder, and return their files.

    Args:
        benchmark: what `selfteach benchmark` wrote of the base and a tuned model.
        measured: the name of that tuned model: of the run, or of a student that has its lesson.

    Raises:
        UsageError: the exam says of no answer whether it is right.
    """
    exam = finished.read_exam(run)
    manifest = read_manifest(run)
    arms = dict.fromkeys(name for row in exam["answers"] for name in row["arms"])
    if not arms:
        raise make_no_scores_error()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    written = []
    for arm in arms:
        rows = [row for row in exam["answers"] if arm in row["arms"]]
        is_about_tasks = exam["method"] == "tasks"
        samples = [
            make_sample(number, row, arm, is_about_tasks=is_about_tasks)
            for number, row in enumerate(rows, start=1)
        ]
        log = make_log(run.resolve().name, exam, manifest, arm, samples, created)
        if benchmark and (rows_of_arm := list_benchmark_rows(benchmark, arm)):
            about = {key: benchmark.get(key) for key in ("lm_eval", "limit", "shots")}
            log["eval"]["metadata"]["lm_eval"] = {"of": measured, **about, "rows": rows_of_arm}
        file = out / make_file_name(created, log["eval"]["task"], arm)
        write_text(file, json.dumps(log, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        written.append(file)
    return written


def make_file_name(created: str, task: str, arm: str) -> str:
    """Return the name of a log: `inspect view` lists files alone that begin with a time."""
    return f"{created.replace(':', '-')}_{task}_{arm}.json"


def make_sample(number: int, row: JsonMapping, arm: str, *, is_about_tasks: bool) -> JsonObject:
    """Return the sample of one question."""
    answers = row["arms"][arm]
    has_score = is_about_tasks and row["scope"] == TARGET
    text = str(answers.get("greedy") or "")
    turns = [
        {"role": "user", "content": row["prompt"]},
        {"role": "assistant", "content": text, "source": "generate"},
    ]
    choice = {"message": turns[1], "stop_reason": "stop"}
    shown: JsonObject = {"scope": row["scope"]}
    shown |= {key: value for key, value in answers.items() if key != "greedy"}
    return {
        "id": number,
        "epoch": 1,
        "input": row["prompt"],
        "target": row.get("golds") or row.get("gold") or "",
        "messages": turns,
        "output": {"model": arm, "choices": [choice], "completion": text},
        "scores": score_task(answers, text) if has_score else make_scores(answers, text),
        "metadata": shown,
    }


def list_benchmark_rows(benchmark: JsonMapping, arm: str) -> list[JsonObject]:
    """Return lm-eval's numbers of one arm; none of the base with the material in its prompt."""
    found = []
    for row in benchmark["rows"]:
        if arm in row["values"]:
            shown = {key: row[key] for key in ("task", "metric", "n", "higher_is_better")}
            found.append({**shown, "value": row["values"][arm], "error": row["errors"][arm]})
    return found


def make_scores(answers: JsonMapping, text: str) -> JsonObject:
    """Return the scores of one answer; none where the exam does not say whether it is right."""
    if answers.get("ok") is None:
        return {}
    return {SCORER: {"value": CORRECT if answers["ok"] else INCORRECT, "answer": text}}


def score_task(answers: JsonMapping, text: str) -> JsonObject:
    """Return the score of one answer to a task; none in an exam of an earlier version."""
    value = answers.get(TASK_SCORER)
    return {} if value is None else {TASK_SCORER: {"value": float(value), "answer": text}}


def make_log(
    name: str,
    exam: JsonMapping,
    manifest: JsonMapping,
    arm: str,
    samples: Sequence[JsonMapping],
    created: str,
) -> JsonObject:
    """Return the log of one arm."""
    task = f"selfteach-{exam['method']}"
    id = digest(["inspect", name, arm])
    spec = {
        "eval_id": id[:22],
        "run_id": digest(["inspect", name])[:22],
        "created": created,
        "task": task,
        "task_id": id[:22],
        "task_version": 0,
        "task_args": {"material": str(exam.get("rule") or exam.get("material") or name)},
        "dataset": {
            "name": name,
            "samples": len(samples),
            "sample_ids": [sample["id"] for sample in samples],
        },
        "model": f"selfteach/{arm}",
        "model_args": {"base": str(manifest.get("base_model") or "")},
        "config": {"epochs": 1},
        "packages": {"selfteach": VERSION},
        "metadata": {"arm": arm, "verdict": exam["verdict"], "drift": exam.get("drift")},
        "scorers": list_scorers(samples),
    }
    return {
        "version": LOG_VERSION,
        "status": "success",
        "eval": spec,
        "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}], "config": {}},
        "results": {
            "total_samples": len(samples),
            "completed_samples": len(samples),
            "scores": list(make_results(samples)),
        },
        "stats": {"started_at": created, "completed_at": created, "model_usage": {}},
        "samples": list(samples),
    }


def list_scorers(samples: Sequence[JsonMapping]) -> list[JsonObject]:
    """Return the scorers of samples, each with its metric."""
    names = dict.fromkeys(name for sample in samples for name in sample["scores"])
    return [{"name": name, "metrics": [{"name": METRICS[name]}]} for name in names]


def make_results(samples: Sequence[JsonMapping]) -> Iterable[JsonObject]:
    """Yield the share of right answers, or the mean score, in each scope, with its interval.

    Raises:
        UsageError: no answer has a score.
    """
    scopes = list(dict.fromkeys(sample["metadata"]["scope"] for sample in samples))
    is_empty = True
    for scope, scorer in product(scopes, METRICS):
        own = [sample for sample in samples if sample["metadata"]["scope"] == scope]
        values = [sample["scores"][scorer]["value"] for sample in own if scorer in sample["scores"]]
        if not values:
            continue
        is_empty = False
        yield {
            "name": f"{scorer}: {scope}",
            "scorer": scorer,
            "scored_samples": len(values),
            "unscored_samples": len(own) - len(values),
            "params": {},
            "metrics": make_metrics(scorer, values),
        }
    if is_empty:
        raise make_no_scores_error()


def make_no_scores_error() -> UsageError:
    """Return the refusal of an exam without scores, such as that of `selfteach train`."""
    return UsageError(
        "its exam says of no answer whether it is right, so there is no log of inspect_ai.",
        cure="Exams of rules, corrections, documents and tasks say so.",
    )


def make_metrics(scorer: str, values: Sequence[str | float]) -> Mapping[str, Any]:
    """Return the share of right answers, or the mean score, with the ends of its 95 % interval."""
    if scorer == SCORER:
        found = statistics.share([value == CORRECT for value in values])
    else:
        found = statistics.mean([float(value) for value in values])
    metrics = {METRICS[scorer]: found.value, "low": found.low, "high": found.high}
    return {name: {"name": name, "value": value, "params": {}} for name, value in metrics.items()}
