"""`selfteach answer`: prompts from a file, answers into a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach import api
from selfteach.commands.overlap import whole
from selfteach.commands.screen import Screen, print_json, screen
from selfteach.errors import DataError, UsageError
from selfteach.models import Drawer
from selfteach.records import (
    Message,
    Prompt,
    Request,
    Sampling,
    clean,
    messages,
    prompt_json,
    read_jsonl,
)
from selfteach.run.disk import open_file
from selfteach.run.signals import interruptible

MAX_TEXT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Options:
    """Which model answers, and how."""

    run: Path | None = None
    model: str | None = None
    engine: str = "auto"
    system: str = ""
    draws: int = 1
    temperature: float = 0.0
    max_tokens: int = 128
    seed: int = 0
    debug: bool = False
    adapter: str = ""


@dataclass(frozen=True)
class Row:
    """One prompt of the file. `shown` is the prompt as the file had it."""

    id: str
    prompt: Prompt
    shown: Any


def answer(prompts: Path, out: Path | None, options: Options, *, as_json: bool) -> None:
    """Answers every prompt of a file; the file of answers appears whole or not at all."""
    if options.draws > 1 and options.temperature == 0:
        raise UsageError(
            "greedy draws are all the same.",
            where=f"--draws {options.draws}",
            cure="Give a --temperature above 0, or one draw.",
        )
    rows = read(prompts, options.system)
    out = out or Path(f"{prompts.stem}.answers.jsonl")
    if os.path.realpath(out) == os.path.realpath(prompts):
        raise UsageError(
            "is read or written twice.", where=str(out), cure="Give each file a path of its own."
        )
    with screen(None, debug=options.debug) as shown, interruptible(shown.say), whole(out) as handle:
        drawer = open_model(options, shown)
        shown.display.stage("answer", len(rows) * options.draws)
        for row, texts in answers(drawer, rows, options, shown):
            handle.write(
                json.dumps(
                    {"id": row.id, "prompt": row.shown, "answers": texts}, ensure_ascii=False
                )
                + "\n"
            )
    if as_json:
        print_json(
            {"out": str(out), "prompts": len(rows), "draws": options.draws, "model": drawer.name}
        )
    else:
        print(out)


def answers(
    drawer: Drawer, rows: list[Row], options: Options, shown: Screen
) -> Iterator[tuple[Row, list[str]]]:
    """Yields the rows in the order of the file, each as soon as it and all before it are answered."""
    sampling = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    wanted = [
        [
            Request("answer", row.prompt, sampling, draw, options.seed).id(drawer.fingerprint)
            for draw in range(options.draws)
        ]
        for row in rows
    ]
    requests = [
        Request("answer", row.prompt, sampling, draw, options.seed)
        for row in rows
        for draw in range(options.draws)
    ]
    unique = dict(zip((id for ids in wanted for id in ids), requests, strict=True))
    shown.display.advance(len(requests) - len(unique))
    found: dict[str, str] = {}
    place = 0
    for draw in drawer.draw(list(unique.values())):
        found[draw.id] = draw.text
        shown.display.advance()
        while place < len(rows) and all(id in found for id in wanted[place]):
            yield rows[place], [found[id] for id in wanted[place]]
            place += 1


def open_model(options: Options, shown: Screen) -> Drawer:
    """Return what answers: a run's tuned model, or a model alone."""
    shown.display.stage("load")
    opened = api.open_model(
        options.run, options.model, options.adapter, options.engine, shown.display.say
    )
    for note in opened.notes:
        shown.display.say(note)
    return opened.drawer


def read(path: Path, system: str = "") -> list[Row]:
    """The prompts of a file: .txt one a line, .jsonl rows with {"id", "prompt"} or {"id",
    "messages"}.

    Raises:
        DataError: no prompt in it, a line that is none, or two with one id; with file and line.
        UsageError: another kind of file.
    """
    kinds = {".txt": _text_rows, ".jsonl": _json_rows}
    if path.suffix not in kinds:
        raise UsageError(
            "prompts come as .txt (one a line) or .jsonl.",
            where=str(path),
            cure="Rename or convert the file.",
        )
    rows, seen = [], set()
    for where, row in kinds[path.suffix](path):
        if row.id in seen:
            raise DataError(
                f'the id "{row.id}" stands twice.', where=where, cure="Give each prompt its own id."
            )
        seen.add(row.id)
        rows.append(Row(row.id, _with_system(row.prompt, system, where), row.shown))
    if not rows:
        raise DataError("holds no prompt.", where=str(path), cure="Write one prompt a line.")
    return rows


def _text_rows(path: Path) -> Iterator[tuple[str, Row]]:
    with open_file(path) as handle:
        data = handle.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise DataError(
            f"is larger than {MAX_TEXT_BYTES >> 20} MB.", where=str(path), cure="Split the file."
        )
    for number, line in enumerate(data.split(b"\n"), start=1):
        where = f"{path.name}:{number}"
        try:
            text = clean(line.decode("utf-8")).strip()
        except UnicodeDecodeError as fault:
            raise DataError(
                "is not UTF-8.",
                where=where,
                cure="Convert the file, for instance with `iconv -t utf-8`.",
            ) from fault
        if text:
            yield where, Row(str(number), messages(text), text)


def _json_rows(path: Path) -> Iterator[tuple[str, Row]]:
    for number, (where, row) in enumerate(read_jsonl(path), start=1):
        if ("prompt" in row) == ("messages" in row):
            raise DataError(
                'needs either "prompt" or "messages".',
                where=where,
                cure='Write {"id": "1", "prompt": "..."}.',
            )
        prompt = messages(row["prompt"] if "prompt" in row else row["messages"], where)
        if not prompt[-1].content.strip() or prompt[-1].role != "user":
            raise DataError(
                "the last turn must be the user's and not be empty.",
                where=where,
                cure="Mend or remove the line.",
            )
        shown = prompt[-1].content if isinstance(row.get("prompt"), str) else prompt_json(prompt)
        yield where, Row(str(row.get("id", number)), prompt, shown)


def _with_system(prompt: Prompt, system: str, where: str) -> Prompt:
    if not system or isinstance(prompt, str):
        return prompt
    if prompt[0].role == "system":
        raise DataError(
            "has a system message of its own.",
            where=where,
            cure="Leave --system out, or remove that message.",
        )
    return (Message("system", clean(system)), *prompt)
