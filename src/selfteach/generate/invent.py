"""The model invents tasks from a few that it is shown, and what it wrote is taken apart again.

*self-instruct*: 8 tasks stand in a list, 6 of people and 2 that the model invented before (all 8 of
people until there are such); the model goes on with the list. *alpaca*: 3 whole tasks of people, 20
are asked for at once, each with its input and output. *magpie*: nothing is shown at all; the model
gets the header of a user's turn and writes the turn.

Source: Self-Instruct (arXiv 2212.10560, 2.2 and table 5; `bootstrap_instructions.py`), Alpaca
(tatsu-lab/stanford_alpaca, `generate_instruction.py`), Magpie (arXiv 2406.08464).
Departs: rounds of requests in place of one after the other, so that a request sees the machine
tasks of earlier rounds only; where an answer was cut, its last item is left out and not all of it;
only the first letter is made a capital, so that acronyms stay as written; fewer items an answer,
because a small model soon repeats its own list (docs/log/, tasks on the embedded model).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from selfteach.materials.tasks import Instance, Task, is_no_input
from selfteach.records import Completion, Prompt, Request, SamplingParams
from selfteach.text import clean_text

Mode = Literal["self-instruct", "alpaca", "magpie"]
NUM_SHOWN, NUM_MACHINE = 8, 2
"""Tasks in a prompt of Self-Instruct, and how many of them at most were invented."""
ALPACA_NUM_SHOWN, ALPACA_NUM_ASKED = 3, 20
_NUMBER = re.compile(r"^\s*(?:[-*•]\s+)?(?:task\s*)?\(?\d{1,3}\s?(?:[.):]|\s-)\s*", re.I)
_INSIDE = re.compile(r"(?<=[.?!。？！:])\s*(?=\(?\d{1,2}[.)]\s+[^\W\d_])")
_PART = re.compile(r"^\s*(?:\d{1,3}\s?[.)]\s*)?(instruction|task|input|output)\s*:\s*", re.I | re.M)
_BREAK = re.compile(r"^\s*#{2,}\s*\d*\s*$", re.M)


@dataclass(frozen=True, slots=True)
class InventionRequest:
    """One request for tasks: which tasks of people and which of the model's own stand in its
    prompt.
    """

    request: Request
    human: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InventedTask:
    """One task as the model wrote it; Alpaca's come with an instance. `cut`: the answer ended in
    the middle of it.
    """

    instruction: str
    instance: Instance | None = None
    cut: bool = False


def make_invention_request(
    mode: Mode,
    human: Sequence[Task],
    machine: Sequence[Task],
    sampling: SamplingParams,
    number: int,
    seed: int,
) -> InventionRequest:
    """One request, whose tasks follow from its number and the seed."""
    chance = random.Random(f"invent {seed} {number}")
    own: list[Task] = []
    invented: list[Task] = []
    prompt: Prompt = ()
    if mode == "alpaca":
        own = chance.sample(list(human), min(ALPACA_NUM_SHOWN, len(human)))
        prompt = format_alpaca_list(own)
    elif mode == "self-instruct":
        invented = chance.sample(list(machine), min(NUM_MACHINE, len(machine)))
        own = chance.sample(list(human), min(NUM_SHOWN - len(invented), len(human)))
        listed = [*own, *invented]
        chance.shuffle(listed)
        prompt = format_task_list([task.instruction for task in listed])
    request = Request("invent", prompt, sampling, number, seed)
    return InventionRequest(
        request, tuple(task.id for task in own), tuple(task.id for task in invented)
    )


def format_task_list(instructions: Sequence[str]) -> str:
    """Self-Instruct's list, up to the number of the next task."""
    lines = [f"{n}. {to_one_line(text).rstrip(':')}" for n, text in enumerate(instructions, 1)]
    return "\n".join(["Come up with a series of tasks:", *lines, f"{len(lines) + 1}."])


def format_alpaca_list(tasks: Sequence[Task]) -> str:
    """Alpaca's list of whole tasks, up to the instruction of the next one."""
    parts = [
        (
            f"A list of {ALPACA_NUM_ASKED} different tasks, each with an instruction, an input "
            "where one is needed, and the right output."
        )
    ]
    for n, task in enumerate(tasks, 1):
        case = task.instances[0] if task.instances else Instance("", "")
        parts.append(
            f"###\n{n}. Instruction: {to_one_line(task.instruction)}\n{n}. "
            f"Input:\n{case.input or '<noinput>'}\n{n}. Output:\n{case.output}"
        )
    return "\n".join([*parts, f"###\n{len(tasks) + 1}. Instruction:"])


def get_stop_texts(mode: Mode, items: int) -> tuple[str, ...]:
    """The texts that end an answer; of Self-Instruct's list the number that follows so many new
    items.
    """
    last = f"\n{ALPACA_NUM_ASKED + 1}."
    return {
        "self-instruct": ("\n\n", f"\n{NUM_SHOWN + items + 1}."),
        "alpaca": (last, f"\n###{last}"),
        "magpie": ("\n###",),
    }[mode]


def to_one_line(text: str) -> str:
    """The words of a text with single spaces."""
    return " ".join(text.split())


def normalize_instruction(text: str) -> str:
    """An instruction as it is kept: one line, the first letter a capital, everything else as
    written (an acronym stays one).
    """
    line = to_one_line(clean_text(text)).strip("\ufffd ")
    return line[:1].upper() + line[1:]


def parse_invented(mode: Mode, completion: Completion) -> list[InventedTask]:
    """The tasks in what the model wrote."""
    cut = completion.finish == "length"
    if mode == "magpie":
        return (
            [InventedTask(normalize_instruction(completion.text), None, cut)]
            if completion.text.strip()
            else []
        )
    return (
        parse_alpaca(completion.text, cut)
        if mode == "alpaca"
        else parse_task_list(completion.text, cut)
    )


def parse_task_list(text: str, cut: bool = False) -> list[InventedTask]:
    """The items of a list. A line is an item, numbered or not; a number after the end of a sentence
    begins another on the same line.

    The continued list begins in the middle of its first line. `cut` marks the last item.
    """
    lines = [part for line in clean_text(text).splitlines() for part in _INSIDE.split(line)]
    found = [normalize_instruction(_NUMBER.sub("", line, count=1)) for line in lines]
    items = [InventedTask(line) for line in found if line]
    return _mark_cut(items, cut)


def parse_alpaca(text: str, cut: bool = False) -> list[InventedTask]:
    """Whole tasks. Parts are found by their names; numbers and the signs between tasks may be
    missing or wrong.
    """
    parts = _PART.split(f"Instruction: {_BREAK.sub('', clean_text(text)).lstrip()}")[1:]
    items: list[InventedTask] = []
    fields: dict[str, str] = {}
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        key = "instruction" if name.lower() == "task" else name.lower()
        if key == "instruction" and fields:
            items.append(_make_invented_task(fields))
            fields = {}
        fields.setdefault(key, value.strip())
    return _mark_cut([*items, _make_invented_task(fields)], cut)


def _make_invented_task(fields: dict[str, str]) -> InventedTask:
    said = fields.get("input", "")
    case = (
        Instance("" if is_no_input(said) else said, fields["output"])
        if "output" in fields
        else None
    )
    return InventedTask(normalize_instruction(fields.get("instruction", "")), case)


def _mark_cut(items: list[InventedTask], cut: bool) -> list[InventedTask]:
    """Marks the last item as cut, where the answer stopped at its limit."""
    return (
        [*items[:-1], InventedTask(items[-1].instruction, items[-1].instance, True)]
        if cut and items
        else items
    )
