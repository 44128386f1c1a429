"""The work that a finished run did, read from its ledger, and evenly spread slices of it.

`bench.pipeline` gives it to both sides.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from selfteach.records import (
    Continuations,
    Example,
    Message,
    Prompt,
    Request,
    SamplingParams,
    get_user_text,
    make_prompt,
)
from selfteach.run.finished import LESSON_FILE
from selfteach.run.ledger import Ledger
from selfteach.run.stage_labels import STAGE_LABELS
from selfteach.text import clean_text

T = TypeVar("T")
PROMPT_STAGES = tuple(words for stage, words in STAGE_LABELS.items() if stage.startswith("ask "))
"""The stages in which the model wrote prompts."""
SCORED = "scored.jsonl"
"""A file in the folder of a run that `bench.record_scores` made: every text that was scored."""
SAMPLED = "sampled.jsonl"
"""Beside it: the tokens and the seconds of every call that sampled."""
CHOSEN = ("epochs", "once")
"""The settings of the training that a run chooses for its rule, and that change its work."""


@dataclass(frozen=True)
class Workload:
    """Hold everything expensive that a run did.

    Attributes:
        requests: the answered requests of each stage.
        scored: prompts with the texts that were scored after them, as far as they are known.
        num_scored: how many scores the ledger has.
        embedded: prompts that were embedded.
        compared: the base's own answers, on which the drift was measured.
        settings: the dotted keys of the configuration, with what the run chose of `CHOSEN`.
        forbids_subject: whether the rule forbids a subject. Such a run notes its other names.
        seconds: of the whole command.
        sampled: the sampled tokens, and the seconds of sampling alone; None where they were not
            recorded.
    """

    requests: Mapping[str, Sequence[Request]]
    scored: Sequence[Continuations]
    num_scored: int
    embedded: Sequence[Prompt]
    compared: Sequence[tuple[Prompt, str]]
    examples: Sequence[Example]
    settings: Mapping[str, Any]
    forbids_subject: bool
    seconds: float
    sampled: tuple[int, float] | None = None


def take_slice(rows: Sequence[T], slices: int, number: int) -> list[T]:
    """Return every `slices`-th row from row `number` on.

    Slices are disjoint and add up to all rows. A slice of rows is never empty.
    """
    if not rows:
        return []
    first = number % min(slices, len(rows))
    return list(rows[first::slices])


def scale_seconds(seconds: float, whole: int, part: int) -> float:
    """Return the seconds of the whole, from the seconds of a part of it."""
    return seconds * whole / part if part else 0.0


def read_workload(folder: Path) -> Workload:
    """Read the work of a finished run.

    Raises:
        SystemExit: the run is not finished, or trained nothing.
    """
    ledger = Ledger(folder / "run.db", readonly=True)
    try:
        result = ledger.get_note("result")
        if not result or not result["adapter"]:
            raise SystemExit(f"{folder} is not a finished run with an adapter")
        fingerprint = ledger.get_note("models")["base"]
        rows = _read_requests(folder / "run.db")
        answers = ledger.get_answers([id for id, _ in rows])
        answered = [(request, answers[id]["text"]) for id, request in rows if id in answers]
        requests: dict[str, list[Request]] = {}
        for request, _ in answered:
            requests.setdefault(request.stage, []).append(request)
        lines = (folder / "examples.jsonl").read_text("utf-8").splitlines()
        examples = [Example.from_json(json.loads(line)) for line in lines]
        candidates = _read_candidates(folder, answered, examples)
        return Workload(
            requests=requests,
            scored=_keep_scored(candidates, ledger, fingerprint),
            num_scored=_count_scores(ledger.path),
            embedded=[
                make_prompt(outcome.body["text"])
                for stage, outcome in ledger.read_outcomes(state="accepted")
                if stage.startswith(PROMPT_STAGES) and outcome.body
            ],
            compared=_find_general_answers(rows, answers, fingerprint),
            examples=examples,
            settings={**ledger.get_note("identity")["config"], **_read_chosen(folder)},
            forbids_subject=ledger.get_note("other_names") is not None,
            seconds=float(result["seconds"]),
            sampled=_read_sampled(folder / SAMPLED),
        )
    finally:
        ledger.close()


def _read_chosen(folder: Path) -> dict[str, Any]:
    """Return what the run chose of its training, by dotted keys; nothing without its record."""
    path = folder / LESSON_FILE
    if not path.is_file():
        return {}
    chosen = json.loads(path.read_text("utf-8"))["training"]["settings"]
    return {f"train.{name}": chosen[name] for name in CHOSEN if name in chosen}


def _read_sampled(path: Path) -> tuple[int, float] | None:
    """Return the recorded tokens and seconds of sampling, if there are any."""
    if not path.is_file():
        return None
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return sum(row["tokens"] for row in rows), sum(row["seconds"] for row in rows)


def _read_requests(path: Path) -> list[tuple[str, Request]]:
    """Return the requests of a ledger with their ids, in their order."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT id, stage, body FROM requests ORDER BY seq").fetchall()
    return [(id, _parse_request(stage, json.loads(body))) for id, stage, body in rows]


def _parse_request(stage: str, body: Mapping[str, Any]) -> Request:
    sampling = {**body["sampling"], "stop": tuple(body["sampling"]["stop"])}
    return Request(
        stage, _parse_prompt(body["prompt"]), SamplingParams(**sampling), body["draw"], body["seed"]
    )


def _parse_prompt(body: Any) -> Prompt:
    return body if isinstance(body, str) else tuple(Message(**turn) for turn in body)


def _find_general_answers(
    rows: Sequence[tuple[str, Request]], answers: Mapping[str, Any], fingerprint: str
) -> list[tuple[Prompt, str]]:
    """Return the base's greedy answers to the general prompts of the exam, each prompt once."""
    found = {}
    for id, request in rows:
        if request.stage != "exam general" or id != request.id(fingerprint) or id not in answers:
            continue
        if request.sampling.temperature == 0 and len(request.prompt) == 1:
            found[id] = (request.prompt, answers[id]["text"])
    return list(found.values())


def _count_scores(path: Path) -> int:
    """Return how many scores a ledger has."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        row = db.execute("SELECT COUNT(*) FROM answers WHERE body LIKE '[[%'").fetchone()
    return int(row[0])


def _read_candidates(
    folder: Path, answered: Sequence[tuple[Request, str]], examples: Sequence[Example]
) -> list[Continuations]:
    """Return the texts that may have been scored.

    A ledger holds scores without their texts. `bench.record_scores` writes the texts to a file. For
    any other run the candidates are the answers and the examples; a judge's texts are not known.
    """
    if (folder / SCORED).is_file():
        lines = (folder / SCORED).read_text("utf-8").splitlines()
        return [
            Continuations(_parse_prompt(row["prompt"]), tuple(row["texts"]), row["end"])
            for row in map(json.loads, lines)
        ]
    pairs = [(_find_last_prompt(request), clean_text(text).strip()) for request, text in answered]
    pairs += [(example.prompt, example.chosen) for example in examples]
    return [Continuations(prompt, (text,), end=True) for prompt, text in pairs]


def _keep_scored(
    candidates: Sequence[Continuations], ledger: Ledger, fingerprint: str
) -> list[Continuations]:
    """Return the candidates with a score in the ledger, each once."""
    unique = {item.id(fingerprint): item for item in candidates}
    known = ledger.get_answers(list(unique))
    return [item for id, item in unique.items() if id in known]


def _find_last_prompt(request: Request) -> Prompt:
    """Return the prompt that a request of the search answers: the last one of a few-shot text."""
    if isinstance(request.prompt, str):
        return make_prompt(request.prompt.rpartition("\nRequest: ")[2].removesuffix("\nReply:"))
    return make_prompt(get_user_text(request.prompt))
