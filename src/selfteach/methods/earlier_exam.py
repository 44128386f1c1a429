"""A run that continues another one (`--from`) asks the questions of that one's exam again: what is
left of the earlier lesson after the later one?

Every target question of the earlier exam is answered greedily once more. Where the earlier exam
tells what a right answer is, both answers are graded:

    documents   the answer contains a right one
    tasks       ROUGE-L to the answer of a person
    feedback    the check of the earlier run accepts the answer, if its settings name one

Of every method: ROUGE-L of the new answer to the earlier one. The questions that the earlier run
asked again itself are asked again too.

The questions and their limit are those of lesson.json. A run without it has the words of its
questions in exam.json, and perhaps a limit in its settings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import compress, zip_longest
from pathlib import Path

from selfteach import statistics
from selfteach.config import load_yaml
from selfteach.dedup.overlap import rouge_l
from selfteach.errors import DataError, IntegrityError, SelfteachError, UsageError
from selfteach.evaluate.describe_change import describe_change
from selfteach.evaluate.exam import TunedModel
from selfteach.evaluate.metrics import best_rouge
from selfteach.evaluate.recorded_exam import read_prompt, read_prompts, read_settings
from selfteach.evaluate.scopes import CLUSTERS, TARGET, find_cluster
from selfteach.files import read_own_json
from selfteach.judge.check import parse_check
from selfteach.judge.match import contains_answer
from selfteach.methods.lesson_record import read_lesson_record
from selfteach.methods.session import Session
from selfteach.records import (
    GREEDY,
    JsonMapping,
    JsonObject,
    Prompt,
    Request,
    make_prompt,
    measures_to_json,
    prompt_to_json,
)
from selfteach.run.finished import EXAM_FILE
from selfteach.run.run_folder import CONFIG_FILE

EARLIER_KEY = "earlier"
"""The key of exam.json."""
MAX_TOKENS = 80
"""Longest new answer, if the earlier run has no lesson.json, and its settings name no limit."""
Grade = Callable[[str], float]
"""Returns how right an answer is, in [0, 1]."""


def ask_earlier_questions(session: Session, tuned: TunedModel | None) -> list[JsonObject]:
    """Return an entry for each earlier run, the last one first; nothing where there is none.

    A run whose exam or check cannot be read, or whose questions no longer fit, is named, and costs
    nothing else.
    """
    adapter = session.run.material.get("from")
    if not adapter or tuned is None or not session.samples:
        return []
    folder = Path(adapter).parent
    try:
        entries = list_entries(folder)
    except SelfteachError as fault:
        print_unasked(session, folder.name, fault)
        return []
    found = []
    for entry in entries:
        try:
            found.append(ask_again(session, tuned, entry))
        except (UsageError, DataError) as fault:  # of this exam; the training stays
            print_unasked(session, entry["run"], fault)
            continue
        session.display.print_line(describe_change(found[-1]))
    return found


def print_unasked(session: Session, name: str, fault: SelfteachError) -> None:
    """Print why the questions of a run are not asked again."""
    session.display.print_line(f"the questions of {name} are not asked again: {fault}")


def list_entries(folder: Path) -> list[JsonObject]:
    """Return what must be known to ask the questions of a run again, and those of the runs that it
    continued.

    Raises:
        SelfteachError: its exam or its settings cannot be read.
    """
    exam = read_own_json(folder / EXAM_FILE, "Without it only the new exam is held.")
    try:
        settings = load_yaml(folder / CONFIG_FILE)
        max_tokens = settings.get("exam", {}).get("max_tokens") or MAX_TOKENS
        prompts: Sequence[Prompt] = ()
        if record := read_lesson_record(folder):
            max_tokens = read_settings(record.exam).exam.max_tokens
            prompts = read_prompts(record.exam["questions"])[TARGET]
        own = make_entry(folder.name, exam, settings.get("check") or "", max_tokens, prompts)
        # The exam of a training on ready examples has no questions.
        return [entry for entry in (own, *exam.get(EARLIER_KEY, [])) if entry.get("questions")]
    except (AttributeError, KeyError, TypeError) as fault:
        raise IntegrityError(
            "has another form than a run writes.", where=folder / EXAM_FILE
        ) from fault


def make_entry(
    name: str, exam: JsonMapping, check: str, max_tokens: int, prompts: Sequence[Prompt] = ()
) -> JsonObject:
    """Return what must be known to ask the target questions of an exam again.

    Args:
        check: what an answer must satisfy, or "".
        prompts: the target questions with their earlier turns, in their order, if they are known.
    """
    questions = []
    rows = [row for row in exam.get("answers", []) if row.get("scope") == TARGET]
    for row, prompt in zip_longest(rows, prompts):
        answer = row.get("arms", {}).get("tuned", {}).get("greedy")
        if answer is None:
            continue
        gold = row.get("golds") or row.get("gold")
        question = {"prompt": row["prompt"], "gold": gold, "first": answer}
        question |= {name: row[name] for name in CLUSTERS if row.get(name)}
        if prompt is not None and prompt != make_prompt(row["prompt"]):
            question["turns"] = prompt_to_json(prompt)
        questions.append(question)
    return {
        "run": name,
        "method": str(exam.get("method", "")),
        "material": str(exam.get("material") or exam.get("rule") or "")[:300],
        "check": check,
        "max_tokens": max_tokens,
        "questions": questions,
    }


def ask_again(session: Session, tuned: TunedModel, entry: JsonMapping) -> JsonObject:
    """Return an entry with the new answers, graded where that is possible, and the change. The
    intervals hold where questions about one passage, task or occasion go together.

    Raises:
        UsageError: the check cannot be read.
    """
    grades = [make_grade(entry, question) for question in entry["questions"]]
    sampling = replace(GREEDY, max_tokens=entry["max_tokens"])
    seed = session.config.seed
    questions = entry["questions"]
    requests = [Request("exam", get_prompt(q), sampling, 0, seed) for q in questions]
    session.display.start_stage("earlier exam", len(requests))
    answers = [a.text for a in tuned.recorded.sample(requests, session.display.advance)]
    rows = [{**q, "now": text} for q, text in zip(questions, answers, strict=True)]
    alike = [rouge_l(row["now"], row["first"]) for row in rows]
    found = {**entry, "questions": rows}
    groups = [find_cluster(row) or place for place, row in enumerate(rows)]
    found["alike"] = statistics.mean(alike, groups, seed=seed, limits=(0.0, 1.0))
    graded = [(row, grade) for row, grade in zip(rows, grades, strict=True) if grade]
    clusters = list(compress(groups, grades))
    found["first"] = found["now"] = found["change"] = None
    if graded:
        first = [grade(row["first"]) for row, grade in graded]
        now = [grade(row["now"]) for row, grade in graded]
        found["first"] = statistics.mean(first, clusters, seed=seed, limits=(0.0, 1.0))
        found["now"] = statistics.mean(now, clusters, seed=seed, limits=(0.0, 1.0))
        found["change"] = statistics.clustered_bootstrap(now, first, clusters, seed=seed)
    written: JsonObject = measures_to_json(found)
    return written


def get_prompt(question: JsonMapping) -> Prompt:
    """Return the prompt of a question of an entry."""
    turns = question.get("turns")
    return read_prompt(turns) if turns else make_prompt(question["prompt"])


def make_grade(entry: JsonMapping, row: JsonMapping) -> Grade | None:
    """Return how an answer to a question is graded; None where the exam does not tell.

    Raises:
        UsageError: the check cannot be read.
    """
    gold = row.get("gold")
    golds: Sequence[str] = [gold] if isinstance(gold, str) else gold or []
    if entry["method"] == "documents" and golds:
        return lambda text: float(any(contains_answer(text, one) for one in golds))
    if entry["method"] == "tasks" and golds:
        return lambda text: best_rouge(text, golds)
    if entry["method"] == "feedback" and entry["check"]:
        keeps = parse_check(entry["check"]).keeps
        return lambda text: float(keeps(text))
    return None
