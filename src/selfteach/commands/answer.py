"""`selfteach answer`: prompts from a file, answers into a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfteach import api
from selfteach.commands.overlap import open_atomic
from selfteach.commands.screen import Screen, open_screen, print_json
from selfteach.disk import open_file
from selfteach.errors import DataError, UsageError
from selfteach.files import read_jsonl
from selfteach.models import Sampler
from selfteach.records import (
    Message,
    Prompt,
    Request,
    SamplingParams,
    parse_messages,
    prompt_to_json,
)
from selfteach.run.signals import handle_interrupts
from selfteach.text import clean_text

MAX_TEXT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class AnswerOptions:
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
class PromptRow:
    """One prompt of the file. `shown` is the prompt as the file had it."""

    id: str
    prompt: Prompt
    shown: Any


def answer_file(prompts: Path, out: Path | None, options: AnswerOptions, *, as_json: bool) -> None:
    """Answers every prompt of a file; the file of answers appears whole or not at all."""
    if options.draws > 1 and options.temperature == 0:
        raise UsageError(
            "greedy draws are all the same.",
            where=f"--samples {options.draws}",
            cure="Give a --temperature above 0, or one draw.",
        )
    rows = read_prompt_rows(prompts, options.system)
    out = out or Path(f"{prompts.stem}.answers.jsonl")
    if os.path.realpath(out) == os.path.realpath(prompts):
        raise UsageError(
            "is read or written twice.", where=str(out), cure="Give each file a path of its own."
        )
    with (
        open_screen(None, debug=options.debug) as shown,
        handle_interrupts(shown.print_line),
        open_atomic(out) as handle,
    ):
        drawer = open_model(options, shown)
        shown.display.start_stage("answer", len(rows) * options.draws)
        for row, texts in answer_rows(drawer, rows, options, shown):
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


def answer_rows(
    sampler: Sampler, rows: list[PromptRow], options: AnswerOptions, shown: Screen
) -> Iterator[tuple[PromptRow, list[str]]]:
    """Yield the rows in the order of the file, each once it and all before it are answered."""
    sampling = SamplingParams(temperature=options.temperature, max_tokens=options.max_tokens)
    wanted = [
        [
            Request("answer", row.prompt, sampling, draw, options.seed).id(sampler.fingerprint)
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
    for draw in sampler.stream(list(unique.values())):
        found[draw.id] = draw.text
        shown.display.advance()
        while place < len(rows) and all(id in found for id in wanted[place]):
            yield rows[place], [found[id] for id in wanted[place]]
            place += 1


def open_model(options: AnswerOptions, shown: Screen) -> Sampler:
    """Return what answers: a run's tuned model, or a model alone."""
    shown.display.start_stage("load")
    opened = api.open_model(
        options.run, options.model, options.adapter, options.engine, shown.display.print_line
    )
    for note in opened.notes:
        shown.display.print_line(note)
    return opened.sampler


def read_prompt_rows(path: Path, system: str = "") -> list[PromptRow]:
    """The prompts of a file: .txt one a line, .jsonl rows with {"id", "prompt"} or {"id",
    "messages"}.

    Raises:
        DataError: no prompt in it, a line that is none, or two with one id; with file and line.
        UsageError: another kind of file.
    """
    kinds = {".txt": _read_text_rows, ".jsonl": _read_json_rows}
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
        rows.append(PromptRow(row.id, _add_system(row.prompt, system, where), row.shown))
    if not rows:
        raise DataError("holds no prompt.", where=str(path), cure="Write one prompt a line.")
    return rows


def _read_text_rows(path: Path) -> Iterator[tuple[str, PromptRow]]:
    with open_file(path) as handle:
        data = handle.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise DataError(
            f"is larger than {MAX_TEXT_BYTES >> 20} MB.", where=str(path), cure="Split the file."
        )
    for number, line in enumerate(data.split(b"\n"), start=1):
        where = f"{path.name}:{number}"
        try:
            text = clean_text(line.decode("utf-8")).strip()
        except UnicodeDecodeError as fault:
            raise DataError(
                "is not UTF-8.",
                where=where,
                cure="Convert the file, for instance with `iconv -t utf-8`.",
            ) from fault
        if text:
            yield where, PromptRow(str(number), parse_messages(text), text)


def _read_json_rows(path: Path) -> Iterator[tuple[str, PromptRow]]:
    for number, (where, row) in enumerate(read_jsonl(path), start=1):
        if ("prompt" in row) == ("messages" in row):
            raise DataError(
                'needs either "prompt" or "messages".',
                where=where,
                cure='Write {"id": "1", "prompt": "..."}.',
            )
        prompt = parse_messages(row["prompt"] if "prompt" in row else row["messages"], where)
        if not prompt[-1].content.strip() or prompt[-1].role != "user":
            raise DataError(
                "the last turn must be the user's and not be empty.",
                where=where,
                cure="Mend or remove the line.",
            )
        shown = prompt[-1].content if isinstance(row.get("prompt"), str) else prompt_to_json(prompt)
        yield where, PromptRow(str(row.get("id", number)), prompt, shown)


def _add_system(prompt: Prompt, system: str, where: str) -> Prompt:
    if not system or isinstance(prompt, str):
        return prompt
    if prompt[0].role == "system":
        raise DataError(
            "has a system message of its own.",
            where=where,
            cure="Leave --system out, or remove that message.",
        )
    return (Message("system", clean_text(system)), *prompt)
