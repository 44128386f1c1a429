"""Measure what documents teach by the three protocols of SEAL.

    python -m bench.seal FILE FOLDER [--protocols one all row] [--passages 16] [--lessons 8]
        [--skip 0] [--set train.epochs=2 ...]

    one   each passage in a run of its own: gain over the base
    all   all passages in one run: gain over the base, and over the passage in the prompt
    row   some passages one after the other, each run from the one before: what was answered just
          after each lesson, and what is left of it after the last one

FILE is one of these: JSONL with `text`, `title` and `questions`; SQuAD's JSON; SEAL's list of
`context`, `title` and `questions`. Passages without a question are left out. The same command
continues unfinished runs and keeps finished ones. One line of JSON is printed for each protocol.
Shares are of questions, and intervals resample passages with all their questions. `harm` of `one`
and `row` is the mean and the worst over their runs: the drift, the damage to what the base answered
rightly, the loss of common questions, and the general answers that are not degraded.

Source: SEAL (arXiv 2506.10943), section 4.2 and the appendix on continual self-edits.
Departs: an answer is right if it contains a right one as whole words; SEAL asks a large model.
`contains_brief` of `all` counts it only within the length of the open book's answers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import selfteach
from selfteach.errors import DataError
from selfteach.judge.match import contains_answer
from selfteach.materials.documents.questions import list_answers
from selfteach.records import measures_to_json
from selfteach.report.read_run import get_path
from selfteach.statistics import clustered_bootstrap, share

HARMS: dict[str, tuple[tuple[str, ...], Callable[[Sequence[float]], float]]] = {
    "kl_nats": (("drift", "kl_nats"), max),
    "top1": (("drift", "top1_agreement"), min),
    "damage": (("damage",), max),
    "common_loss": (("common_loss",), max),
    "general": (("general", "tuned"), min),
}
"""Where a run's exam has the number, and which of several runs is the worst."""
ARMS = ("base", "prompted", "tuned")
PROTOCOLS = ("one", "all", "row")
ALL = "exam.questions=100000"
"""Every question is in the exam."""


@dataclass(frozen=True)
class Passage:
    """Hold a passage with people's questions, as a row of documents."""

    title: str
    text: str
    questions: list[dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """Hold whether each arm answers one question.

    Attributes:
        passage: the number of its passage.
    """

    passage: int
    prompt: str
    right: Mapping[str, bool]


def read_passages(file: Path) -> list[Passage]:
    """Read the passages that have questions, in the order of the file.

    Raises:
        DataError: there is none, or the file has another form.
    """
    text = file.read_text("utf-8")
    try:
        rows = list(list_rows(text))
        passages = [make_passage(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise DataError(
            f"has another form: {fault!r}.",
            where=str(file),
            cure="Give JSONL with text, title and questions, or SQuAD's JSON.",
        ) from fault
    found = [passage for passage in passages if passage.questions]
    if not found:
        raise DataError("has no passage with questions.", where=str(file), cure="Give another.")
    return found


def list_rows(text: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file: of JSONL, of SQuAD's JSON, or of a list. Rows of one question each,
    as in the `squad` of Hugging Face, are joined where they follow each other with one context.
    """
    for (context, title), group in groupby(list_written_rows(text), key=find_context):
        rows = list(group)
        if context:
            yield {"title": title, "context": context, "questions": rows}
        else:
            yield from rows


def find_context(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return context and title of a row of one question; "" of any other row."""
    is_question = "question" in row and "context" in row
    return (row["context"], row.get("title", "")) if is_question else ("", "")


def list_written_rows(text: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file as they are written."""
    try:
        whole = json.loads(text)
    except ValueError:
        whole = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(whole, list):
        yield from whole
    elif "data" in whole:
        for article in whole["data"]:
            for paragraph in article["paragraphs"]:
                yield {"title": article.get("title", ""), **paragraph}
    else:
        yield whole


def make_passage(row: Mapping[str, Any]) -> Passage:
    """Return one row as a passage. Questions without an answer (SQuAD 2) are left out."""
    questions = []
    for question in row.get("questions", row.get("qas", [])):
        answers = list(filter(None, list_answers(question)))
        if answers:
            questions.append({"question": question["question"], "answers": answers})
    text = row["text"] if "text" in row else row["context"]
    return Passage(str(row.get("title", "")), text, questions)


def teach(
    folder: Path, passages: Sequence[Passage], sets: Sequence[str], earlier: Path | None = None
) -> dict[str, Any]:
    """Teach some passages in a run folder; return its exam.

    Args:
        earlier: the run that this one continues.
    """
    rows = [asdict(passage) for passage in passages]
    run = selfteach.documents(rows, out=folder, from_run=earlier, sets=[ALL, *sets])
    return dict(run.exam.raw)


def list_asked(exam: Mapping[str, Any], passages: Mapping[int, Passage]) -> list[Asked]:
    """Return the target questions of an exam with their passage.

    Args:
        passages: by number.
    """
    places: dict[str, int] = {}
    for number, passage in passages.items():
        places |= dict.fromkeys((q["question"] for q in passage.questions), number)
    found = []
    for row in exam["answers"]:
        if row["scope"] == "target":
            right = {arm: bool(cell["ok"]) for arm, cell in row["arms"].items()}
            found.append(Asked(places.get(row["prompt"], -1), row["prompt"], right))
    return found


def compare(asked: Sequence[Asked]) -> dict[str, Any]:
    """Return the shares of each arm, the gain over the base, and over the open book."""
    flags = {arm: [q.right.get(arm, q.right["base"]) for q in asked] for arm in ARMS}
    places = [q.passage for q in asked]
    found: dict[str, Any] = {arm: share(own, places) for arm, own in flags.items()}
    found["gain"] = clustered_bootstrap(flags["tuned"], flags["base"], places)
    found["over_prompt"] = clustered_bootstrap(flags["tuned"], flags["prompted"], places)
    return found


def read_harm(exam: Mapping[str, Any]) -> dict[str, float]:
    """Return what a run did to other answers, as its exam has it."""
    found = {}
    for name, (path, _) in HARMS.items():
        value = get_path(exam, *path, "value")
        if value is not None:
            found[name] = float(value)
    return found


def summarize_harm(exams: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean and the worst of each number over the runs that measured it."""
    runs = [read_harm(exam) for exam in exams]
    found = {}
    for name, (_, choose_worst) in HARMS.items():
        values = [run[name] for run in runs if name in run]
        if values:
            average = sum(values) / len(values)
            worst = choose_worst(values)
            found[name] = {"mean": average, "worst": worst, "runs": len(values)}
    return found


def run_one(passages: Sequence[Passage], folder: Path, sets: Sequence[str]) -> dict[str, Any]:
    """Teach each passage in a run of its own."""
    asked = []
    exams = []
    for number, passage in enumerate(passages):
        exam = teach(folder / f"one-{number}", [passage], sets)
        asked += list_asked(exam, {number: passage})
        exams.append(exam)
    return compare(asked) | {"harm": summarize_harm(exams)}


def run_all(passages: Sequence[Passage], folder: Path, sets: Sequence[str]) -> dict[str, Any]:
    """Teach all passages in one run."""
    exam = teach(folder / f"all-{len(passages)}", passages, sets)
    found = compare(list_asked(exam, dict(enumerate(passages))))
    kept = ("f1", "exact", "contains_brief", "recovery", "drift", "damage", "common_loss")
    return found | {key: exam[key] for key in kept if key in exam}


def run_row(passages: Sequence[Passage], folder: Path, sets: Sequence[str]) -> dict[str, Any]:
    """Teach passages one after the other. Of each lesson: the share answered before it, just after
    it, and after the last one.
    """
    before: list[Asked] = []
    earlier = None
    exam: dict[str, Any] = {}
    exams = []
    for number, passage in enumerate(passages):
        run = folder / f"row-{len(passages)}-{number}"
        exam = teach(run, [passage], sets, earlier)
        before += list_asked(exam, {number: passage})
        exams.append(exam)
        earlier = run
    last = read_last_answers(exam)
    fresh = [q.right.get("tuned", q.right["base"]) for q in before]
    places = [q.passage for q in before]
    end = [last.get(q.prompt, now) for q, now in zip(before, fresh, strict=True)]
    lessons = []
    for number in range(len(passages)):
        rows = [i for i, place in enumerate(places) if place == number]
        lesson = {"lesson": number + 1, "fresh": share([fresh[i] for i in rows])}
        lesson |= {"end": share([end[i] for i in rows]), "harm": read_harm(exams[number])}
        lessons.append(lesson)
    return {
        "before": share([q.right["base"] for q in before], places),
        "fresh": share(fresh, places),
        "end": share(end, places),
        "lost": clustered_bootstrap(fresh, end, places),
        "harm": summarize_harm(exams),
        "lessons": lessons,
    }


def read_last_answers(exam: Mapping[str, Any]) -> dict[str, bool]:
    """Return whether each question of the earlier lessons is answered after the last one."""
    found = {}
    for entry in exam.get("earlier", []):
        for question in entry["questions"]:
            found[question["prompt"]] = is_right(question["now"], question["gold"])
    return found


def is_right(answer: str, golds: Sequence[str]) -> bool:
    """Return whether an answer contains a right one."""
    return any(contains_answer(answer, gold) for gold in golds)


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Run the protocols, print a line for each and return them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--passages", type=int, default=16)
    parser.add_argument("--lessons", type=int, default=8)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    given = parser.parse_args(arguments)
    passages = read_passages(given.file)[given.skip :][: given.passages]
    given.folder.mkdir(parents=True, exist_ok=True)
    found = []
    for protocol in given.protocols:
        used = passages[: given.lessons] if protocol == "row" else passages
        measure = {"one": run_one, "all": run_all, "row": run_row}[protocol]
        result = measure(used, given.folder, given.sets)
        lessons = [measures_to_json(row) for row in result.pop("lessons", [])]
        line = measures_to_json({"protocol": protocol, "passages": len(used), **result})
        line |= {"lessons": lessons} if lessons else {}
        print(json.dumps(line), flush=True)
        found.append(line)
    return found


if __name__ == "__main__":
    main()
