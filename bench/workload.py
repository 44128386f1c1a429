"""The work that a finished run did, read from its ledger, and evenly spread slices of it: what
`bench.pipeline` gives to both sides.
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
from selfteach.run.ledger import Ledger
from selfteach.text import clean_text

T = TypeVar("T")
SCORED = "scored.jsonl"
"""Beside the ledger of a run that `bench.record_scores` made: every text that was scored."""


@dataclass(frozen=True)
class Workload:
    """Everything heavy that a run did.

    Attributes:
        draws: the requests of each stage that were answered.
        scored: prompts with the texts that were scored after them, as far as they can be found
            again; `scored_of` is how many there were.
        embedded: prompts whose hidden states were taken.
        compared: the base's own answers over which base and taught were compared.
        settings: the configuration's dotted keys.
        seconds: of the whole command.
    """

    draws: Mapping[str, Sequence[Request]]
    scored: Sequence[Continuations]
    scored_of: int
    embedded: Sequence[Prompt]
    compared: Sequence[tuple[Prompt, str]]
    examples: Sequence[Example]
    settings: Mapping[str, Any]
    seconds: float


def take_slice(rows: Sequence[T], slices: int, number: int) -> list[T]:
    """Every `slices`-th row from row `number` on: slices are disjoint, and together they are
    everything. Never empty where rows are not.
    """
    return list(rows[number % max(min(slices, len(rows)), 1) :: slices]) if rows else []


def scale_seconds(seconds: float, whole: int, part: int) -> float:
    """What the whole would take, when a part of it took so long."""
    return seconds * whole / part if part else 0.0


def read_workload(folder: Path) -> Workload:
    """Reads a finished run.

    Raises:
        SystemExit: the run is not finished, or taught nothing.
    """
    ledger = Ledger(folder / "run.db", readonly=True)
    try:
        result, identity, models = (
            ledger.get_note(key) for key in ("result", "identity", "models")
        )
        if not result or not result["adapter"]:
            raise SystemExit(f"{folder} is not a finished run that taught something")
        fingerprint = models["student"]
        rows = _read_requests(folder / "run.db")
        answers = ledger.get_answers([id for id, _ in rows])
        draws: dict[str, list[Request]] = {}
        for id, request in rows:
            if id in answers:
                draws.setdefault(request.stage, []).append(request)
        examples = [
            Example.from_json(json.loads(line))
            for line in (folder / "examples.jsonl").read_text("utf-8").splitlines()
        ]
        drawn = [(request, answers[id]["text"]) for id, request in rows if id in answers]
        found, of = _read_scored(folder, ledger, fingerprint, drawn, examples)
        general = {
            r.id(fingerprint): r
            for r in draws.get("exam general", ())
            if r.sampling.temperature == 0 and len(r.prompt) == 1
        }
        return Workload(
            draws,
            found,
            of,
            [
                make_prompt(fate.body["text"])
                for stage, fate in ledger.read_outcomes(state="accepted")
                if stage.startswith("ask ") and fate.body
            ],
            [(r.prompt, answers[id]["text"]) for id, r in general.items() if id in answers],
            examples,
            identity["config"],
            float(result["seconds"]),
        )
    finally:
        ledger.close()


def _read_requests(path: Path) -> list[tuple[str, Request]]:
    """The draws that were asked for, in their order."""
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


def _read_scored(
    folder: Path,
    ledger: Ledger,
    fingerprint: str,
    drawn: Sequence[tuple[Request, str]],
    examples: Sequence[Example],
) -> tuple[list[Continuations], int]:
    """What was scored, and how many scores the ledger has.

    A ledger holds scores without their texts. A run that `bench.record_scores` made has them beside
    it. Of any other run only the answers themselves are found again, by their ids, and not what a
    judge made of them.
    """
    with sqlite3.connect(f"file:{ledger.path}?mode=ro", uri=True) as db:
        of = int(db.execute("SELECT COUNT(*) FROM answers WHERE body LIKE '[[%'").fetchone()[0])
    if (folder / SCORED).is_file():
        lines = (folder / SCORED).read_text("utf-8").splitlines()
        items = [
            Continuations(_parse_prompt(row["prompt"]), tuple(row["texts"]), row["end"])
            for row in map(json.loads, lines)
        ]
    else:
        pairs = [(_find_last_prompt(r), clean_text(text).strip()) for r, text in drawn] + [
            (e.prompt, e.chosen) for e in examples
        ]
        items = [Continuations(prompt, (text,), end=True) for prompt, text in pairs]
    unique = {item.id(fingerprint): item for item in items}
    known = ledger.get_answers(list(unique))
    return [item for id, item in unique.items() if id in known], of


def _find_last_prompt(request: Request) -> Prompt:
    """The prompt that a search's draw is an answer to: the last request of a few-shot text."""
    if isinstance(request.prompt, str):
        return make_prompt(request.prompt.rpartition("\nRequest: ")[2].removesuffix("\nReply:"))
    return make_prompt(get_user_text(request.prompt))
