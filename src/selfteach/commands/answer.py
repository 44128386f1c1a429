"""`selfteach answer`: prompts from a file, answers into a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from selfteach import results
from selfteach.commands.output_file import (
    open_atomic,
    refuse_existing,
    refuse_other_ending,
    refuse_shared_paths,
)
from selfteach.commands.screen import Screen, open_screen, print_notices, print_result
from selfteach.errors import DataError, UsageError
from selfteach.files import BadLine
from selfteach.materials.columns import rename_columns
from selfteach.materials.rows import read_prompt_lines, read_rows, summarize_repaired
from selfteach.models import Sampler
from selfteach.models.ordered import sample_each
from selfteach.records import (
    Message,
    Request,
    SamplingParams,
    Turns,
    parse_messages,
    prompt_to_json,
)
from selfteach.run.run_folder import make_slug
from selfteach.run.signals import handle_interrupts
from selfteach.text import clean_text


@dataclass(frozen=True)
class AnswerOptions:
    """Hold which model answers, and how."""

    run: Path | None = None
    model: str | None = None
    engine: str = "auto"
    system: str = ""
    samples: int = 1
    temperature: float = 0.0
    max_tokens: int = 128
    seed: int = 0
    debug: bool = False
    adapter: str = ""

    def make_sampling(self) -> SamplingParams:
        """Return the parameters of sampling.

        Raises:
            UsageError: nothing can be sampled at the temperature.
        """
        return SamplingParams(temperature=self.temperature, max_tokens=self.max_tokens)


@dataclass(frozen=True)
class PromptRow:
    """Hold one prompt of the file; `original` is the prompt as the file had it."""

    id: str
    prompt: Turns
    original: Any


def answer_file(
    prompts: Path,
    out: Path | None,
    options: AnswerOptions,
    *,
    force: bool = False,
    as_json: bool,
) -> None:
    """Answer every prompt of a file; the file of answers appears whole or not at all."""
    if options.samples > 1 and options.temperature == 0:
        raise UsageError(
            "greedy samples are all the same.",
            where=f"--samples {options.samples}",
            cure="Give a --temperature above 0, or one sample.",
        )
    options.make_sampling()  # refuses before a model is loaded
    if out:
        refuse_other_ending(out)
    results.check_answering_model(options.run, options.model, options.adapter)
    cleaned: list[BadLine] = []
    rows = read_prompt_rows(prompts, options.system, cleaned)
    print_notices(summarize_repaired(cleaned))
    out = out or Path(f"{prompts.stem}.{name_answering_model(options)}.answers.jsonl")
    refuse_shared_paths([out], [prompts])
    refuse_existing(out, force=force)
    with (
        open_screen(None, debug=options.debug) as screen,
        handle_interrupts(screen.print_line),
        open_atomic(out) as handle,
    ):
        sampler = open_model(options, screen)
        screen.display.start_stage("answer", len(rows) * options.samples)
        for row, texts in answer_rows(sampler, rows, options, screen):
            answered = {"id": row.id, "prompt": row.original, "answers": texts}
            handle.write(json.dumps(answered, ensure_ascii=False) + "\n")
    found = {
        "out": str(out),
        "prompts": len(rows),
        "samples": options.samples,
        "model": sampler.name,
    }
    print_result(found, out, as_json=as_json)


def name_answering_model(options: AnswerOptions) -> str:
    """Return a part of a file's name for the run, with its adapter, or for the model."""
    run = options.run and options.run.resolve().name
    name = run or Path(options.model or "").name or "model"
    return make_slug(f"{name}-{options.adapter}" if options.adapter else name)


def answer_rows(
    sampler: Sampler, rows: list[PromptRow], options: AnswerOptions, screen: Screen
) -> list[tuple[PromptRow, list[str]]]:
    """Return the rows in the order of the file with their answers.

    Raises:
        DataError: a row got no answer.
    """
    sampling = options.make_sampling()
    requests = [
        Request("answer", row.prompt, sampling, number, options.seed)
        for row in rows
        for number in range(options.samples)
    ]
    names = [f'prompt "{row.id}"' for row in rows for _ in range(options.samples)]
    completions = iter(sample_each(sampler, requests, names, screen.display.advance))
    answered = []
    for row in rows:
        texts = [completion.text for completion in islice(completions, options.samples)]
        answered.append((row, texts))
    return answered


def open_model(options: AnswerOptions, screen: Screen) -> Sampler:
    """Load the model that answers: a run's tuned model, or a model alone."""
    screen.display.start_stage("load")
    screen.display.print_line("loading the libraries and the model")
    opened = results.open_model(
        options.run, options.model, options.adapter, options.engine, screen.display.print_line
    )
    for note in opened.notes:
        screen.display.print_line(note)
    return opened.sampler


def read_prompt_rows(
    path: Path, system: str = "", cleaned_rows: list[BadLine] | None = None
) -> list[PromptRow]:
    """Read the prompts of a file.

    A .txt file has one prompt per line, a .jsonl file rows with {"id", "prompt"} or {"id",
    "messages"}. A row without an id gets its number, or its place where another row has that id.

    Args:
        cleaned_rows: receives the places where `clean_text` changed something.

    Raises:
        DataError: the file has no prompt, a line is not a prompt, or two have one id. The message
            names the file and the line.
        UsageError: the file is of another kind.
    """
    kinds = {".txt": _read_text_rows, ".jsonl": _read_json_rows}
    read = kinds.get(path.suffix.lower())
    if read is None:
        raise UsageError(
            "prompts come as .txt (one per line) or .jsonl.",
            where=str(path),
            cure="Rename or convert the file.",
        )
    found = list(read(path, [] if cleaned_rows is None else cleaned_rows))
    given = {row.id for _, row in found}
    rows: dict[str, PromptRow] = {}
    for number, (where, row) in enumerate(found, start=1):
        id = row.id or (where if str(number) in given else str(number))
        if id in rows:
            raise DataError(
                f'the id "{id}" stands twice.', where=where, cure="Give each prompt its own id."
            )
        rows[id] = replace(row, id=id, prompt=_add_system(row.prompt, system, where))
    if not rows:
        raise DataError("holds no prompt.", where=str(path), cure="Write one prompt per line.")
    return list(rows.values())


def _read_text_rows(path: Path, cleaned: list[BadLine]) -> Iterator[tuple[str, PromptRow]]:
    """Yield the prompt of each line; its id is the number of the line."""
    bad: list[BadLine] = []
    rows = list(read_prompt_lines(path, bad, cleaned))
    if bad:
        raise DataError(f"{bad[0].fault}.", where=bad[0].where, cure="Correct or remove the line.")
    for where, row in rows:
        text = row["prompt"].strip()
        yield where, PromptRow(where.rpartition(":")[2], parse_messages(text), text)


def _read_json_rows(path: Path, cleaned: list[BadLine]) -> Iterator[tuple[str, PromptRow]]:
    """Yield the prompt of each row; its id is "" where it has none."""
    for where, given in read_rows(path, None, cleaned):
        row = rename_columns(given, where)
        if ("prompt" in row) == ("messages" in row):
            raise DataError(
                'needs either "prompt" or "messages", and it must not be empty.',
                where=where,
                cure='Write {"id": "1", "prompt": "..."}.',
            )
        prompt = parse_messages(row["prompt"] if "prompt" in row else row["messages"], where)
        if not prompt[-1].content.strip() or prompt[-1].role != "user":
            raise DataError(
                "the last turn must be the user's and not be empty.",
                where=where,
                cure="Repair or remove the line.",
            )
        plain = isinstance(row.get("prompt"), str)
        original = prompt[-1].content if plain else prompt_to_json(prompt)
        yield where, PromptRow(str(row.get("id", "")), prompt, original)


def _add_system(prompt: Turns, system: str, where: str) -> Turns:
    if not system:
        return prompt
    if prompt[0].role == "system":
        raise DataError(
            "has a system message of its own.",
            where=where,
            cure="Leave --system out, or remove that message.",
        )
    return (Message("system", clean_text(system)), *prompt)
