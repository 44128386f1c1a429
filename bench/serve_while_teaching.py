"""Measure what a server keeps of its rate while it teaches a lesson.

    python -m bench.serve_while_teaching RUN ... --out DIR [--rule RULE] [--config quick]
        [--clients 8] [--requests 48] [--tokens 32] [--pause 20]

1. The runs become lessons of a student in DIR, whatever a gate would say, and it is served.
2. Rounds without teaching: clients, which are another process, ask all models at random. The first
   round warms up, and does not count.
3. The rule is said to the server. A process of its own teaches it, at the lowest priority.
4. The same round again and again until the lesson is added or refused. After each round the clients
   pause, so that the job goes on even if serving leaves it nothing, and every stage of it is met.
5. Rounds without teaching again, once the new lesson is served.

Rates are by the clock, so nothing else should run on the machine. `kept` is the rate of a stage's
rounds as a share of the rate without teaching. The same command goes on after a stop: DIR keeps the
rounds, the student and its job.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.kept_lines import append_line, open_lines
from bench.serve import Load, choose_prompts, listen, measure_rate, say
from bench.students import add_runs
from selfteach.records import JsonObject
from selfteach.run.display import open_display
from selfteach.serve import server
from selfteach.serve.teaching import FeedbackBody, Teaching
from selfteach.students.folder import open_student
from selfteach.students.jobs import Job, JobState
from selfteach.students.lessons import begin_state

RULE = "End emails with a thank you."
STUDENT = "student"
LINES = "rounds.jsonl"
QUIET_ROUNDS = 2
"""Rounds without teaching, before and again after it."""
BEFORE, AFTER, STARTING = "before", "after", "starting"
STAGE = re.compile(r"\[([^]]+)\]")
"""The stage at the begin of a line that a job has printed."""
ENDED: Sequence[JobState] = ("added", "refused")
"""The ends of a job that has taught a lesson."""
POLL_S = 0.5
Round = Callable[[], JsonObject]
"""Lets the clients ask once; returns what `measure_rate` returns."""


def find_job(teaching: Teaching, rule: str) -> Job:
    """Return the job that teaches the rule; a new one where nobody has said it yet."""
    for job in teaching.book.list_jobs():
        if job.title == rule:
            return job
    return teaching.add(FeedbackBody(rule=rule))


def find_stage(log: Sequence[str]) -> str:
    """Return the stage that a job is in, from the lines that it has printed."""
    for line in reversed(log):
        if found := STAGE.match(line):
            return found[1]
    return STARTING


def measure(teaching: Teaching, rule: str, ask: Round, pause_s: float, file: Path) -> Job:
    """Measure the rounds that the file does not hold yet; return the job as it ended."""
    kept: list[str] = [line["stage"] for line in read_rounds(file)]

    def measure_quiet(stage: str) -> None:
        for _ in range(QUIET_ROUNDS - kept.count(stage)):
            append_line(file, {"stage": stage, "tokens/s": ask()["tokens/s"]})

    if kept.count(AFTER) < QUIET_ROUNDS:
        ask()
    measure_quiet(BEFORE)  # 2
    job = find_job(teaching, rule)  # 3
    while job.is_open:
        if job.state == "running":  # 4
            stage = find_stage(teaching.book.read_log(job))
            rate = ask()["tokens/s"]
            if teaching.book.find(job.id).state == "running":  # the whole round was beside it
                append_line(file, {"stage": stage, "tokens/s": rate})
            time.sleep(pause_s)
        time.sleep(POLL_S)
        job = teaching.book.find(job.id)
    while not teaching.is_over(job):
        time.sleep(POLL_S)
    if job.state in ENDED:
        measure_quiet(AFTER)  # 5
    return job


def read_rounds(file: Path) -> list[JsonObject]:
    """Return the rounds that a file holds; its first line has the settings."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()[1:]]


def summarize(rounds: Sequence[JsonObject]) -> JsonObject:
    """Return the rates without and with teaching, and what is kept of the former.

    Every round asks the same, so the rate of several rounds is the harmonic mean of theirs.
    """
    stages: dict[str, list[float]] = {}
    for one in rounds:
        stages.setdefault(one["stage"], []).append(one["tokens/s"])
    quiet = [*stages.pop(BEFORE, []), *stages.pop(AFTER, [])]
    taught = [rate for rates in stages.values() for rate in rates]
    found: JsonObject = {"tokens/s without": quiet, "tokens/s while taught": stages}
    if quiet and taught:
        whole = statistics.harmonic_mean(quiet)
        by_stage = {
            stage: round(statistics.harmonic_mean(rates) / whole, 3)
            for stage, rates in stages.items()
        }
        found["kept"] = round(statistics.harmonic_mean(taught) / whole, 3)
        found["kept in the worst round"] = round(min(taught) / whole, 3)
        found["kept by stage"] = by_stage
    return found


def main() -> int:
    """Measure, and print one JSON object; return 1 if the job failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, help="keep everything here, and go on")
    parser.add_argument("--rule", default=RULE)
    parser.add_argument("--config", default="quick", help="the settings of the rule")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=48, help="of a round")
    parser.add_argument("--tokens", type=int, default=32, help="of an answer, at most")
    parser.add_argument("--pause", type=float, default=20.0, help="seconds after each round")
    given = parser.parse_args()
    folder = given.out / STUDENT
    file = given.out / LINES
    settings = {name: str(value) for name, value in vars(given).items() if name != "out"}
    open_lines(file, {**settings, "runs": [str(run) for run in given.runs]})
    with open_student(folder, partial(begin_state, given.runs[0])) as student:  # 1
        add_runs(student, given.runs, open_display(), beside=False)
    options = server.ServerOptions(settings=given.config)
    served = server.open_student_server(folder, None, options, say)
    prompts = choose_prompts([str(run) for run in given.runs])
    load = Load(prompts, given.requests, given.clients, given.tokens)
    names = list(served.names)[: 2 + len(given.runs)]
    teaching = served.teaching
    assert teaching is not None, "a student is served"
    try:
        with listen(served) as address, multiprocessing.get_context("spawn").Pool(1) as pool:
            ask: Round = partial(measure_rate, pool, address, names, load)
            job = measure(teaching, given.rule, ask, given.pause, file)
    finally:
        served.close()
    found: dict[str, Any] = {
        "models": names,
        "rule": given.rule,
        "job": job.state,
        "message": job.message,
        "minutes": round((job.changed_s - job.created_s) / 60, 1),
        **summarize(read_rounds(file)),
    }
    print(json.dumps(found, indent=2))
    return int(job.state not in ENDED)


if __name__ == "__main__":
    raise SystemExit(main())
