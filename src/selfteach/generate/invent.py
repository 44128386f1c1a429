"""Tasks that the model invents from a few examples, and the parsing of its answers.

*self-instruct*: the prompt is a list of 8 tasks, 6 of people and 2 that the model invented before
(all 8 of people until there are such); the model continues the list. *alpaca*: 3 whole tasks of
people, and a request for 20 at once, each with its input and output. *magpie*: the prompt holds no
example; the model gets the header of a user's turn and writes the turn.

Source: Self-Instruct (arXiv 2212.10560, 2.2 and table 5; `bootstrap_instructions.py`), Alpaca
(tatsu-lab/stanford_alpaca, `generate_instruction.py`), Magpie (arXiv 2406.08464).
Departs: rounds of requests in place of one after the other, so that a request holds machine tasks
of earlier rounds only; only the last item of a cut answer is left out, not the whole answer; only
the first letter becomes a capital, so that acronyms stay as written; fewer items an answer, because
a small model soon repeats its own list (docs/log/, tasks on the embedded model).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from selfteach.generate.listing import to_one_line
from selfteach.materials.tasks import Instance, Task, is_no_input
from selfteach.records import Completion, Prompt, Request, SamplingParams
from selfteach.text import clean_text

Mode = Literal["self-instruct", "alpaca", "magpie"]
NUM_SHOWN = 8
"""Tasks in a prompt of Self-Instruct."""
NUM_MACHINE = 2
"""How many of them at most were invented."""
ALPACA_NUM_SHOWN = 3
ALPACA_NUM_ASKED = 20
MAX_SKIPPED = 2
"""So many numbers a list may leave out within a line, if it goes on behind them."""
_NUMBER = re.compile(
    r"^\s*(?:[-*•]\s+)?(?:task\s*)?\(?(\d{1,3})\s?(?:[.:](?!\d)|\)|\s-(?!\s*\d))\s*", re.I
)
"""The number of an item, but not the number with which a task begins: "3.5", "5:30", "50 - 3"."""
_INSIDE = re.compile(r"(?<=[.?!。？！:])\s*(?=\(?(\d{1,2})[.)]\s+[^\W\d_])")
"""Where the number of another item may stand within a line."""
_PART = re.compile(r"^\s*(?:\d{1,3}\s?[.)]\s*)?(instruction|task|input|output)\s*:\s*", re.I | re.M)
_BREAK = re.compile(
    r"(?<=[^\s#])[^\S\n]*#{3}|^\s*#{2,}\s*(?:\d+\.?)?\s*$|^\s*#{3}[^\n]*[.!]\s*$|"
    r"^\s*#{3,}\s*(?:\d{1,3}\s?[.)]\s*)?(?:instruction|task|input|output|response)\s*(?::|$)|"
    r"\n\s*#{3}[^\n]*\s*\Z",
    re.I | re.M,
)
"""What separates two tasks. A model that wrote it goes on with another one, or with a remark. A
heading ("### Part") separates nothing, unless nothing stands below it.
"""


@dataclass(frozen=True, slots=True)
class InventionRequest:
    """Hold one request for tasks, and the ids of the tasks in its prompt."""

    request: Request
    human: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InventedTask:
    """Hold one task as the model wrote it; Alpaca's come with an instance.

    `cut` tells that the answer ended in the middle of it.
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
    """Return one request; its number and the seed choose its tasks."""
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
    """Return Self-Instruct's list, up to the number of the next task."""
    lines = [f"{n}. {to_one_line(text).rstrip(':')}" for n, text in enumerate(instructions, 1)]
    return "\n".join(["Come up with a series of tasks:", *lines, f"{len(lines) + 1}."])


def format_alpaca_list(tasks: Sequence[Task]) -> str:
    """Return Alpaca's list of whole tasks, up to the instruction of the next one."""
    parts = [
        f"A list of {ALPACA_NUM_ASKED} different tasks, each with an instruction, an input "
        "where one is needed, and the right output."
    ]
    for n, task in enumerate(tasks, 1):
        case = task.instances[0] if task.instances else Instance("", "")
        parts.append(
            f"###\n{n}. Instruction: {to_one_line(task.instruction)}\n{n}. "
            f"Input:\n{case.input or '<noinput>'}\n{n}. Output:\n{case.output}"
        )
    return "\n".join([*parts, f"###\n{len(tasks) + 1}. Instruction:"])


def count_shown_tasks(human: Sequence[Task], machine: Sequence[Task]) -> int:
    """Return how many tasks Self-Instruct's list shows: fewer where there are not enough."""
    return min(NUM_SHOWN, len(human) + min(NUM_MACHINE, len(machine)))


def get_stop_texts(mode: Mode, items: int, shown: int = NUM_SHOWN) -> tuple[str, ...]:
    """Return the texts that end an answer.

    Args:
        items: how many new items Self-Instruct's list may get.
        shown: how many it shows (`count_shown_tasks`).
    """
    last = f"\n{ALPACA_NUM_ASKED + 1}."
    return {
        "self-instruct": ("\n\n", f"\n{shown + items + 1}."),
        "alpaca": (last, f"\n###{last}"),
        "magpie": ("\n###",),
    }[mode]


def normalize_instruction(text: str) -> str:
    """Return an instruction on one line, with a capital first letter, else as written."""
    line = to_one_line(clean_text(text)).strip("\ufffd ")
    return line[:1].upper() + line[1:]


def parse_invented(
    mode: Mode, completion: Completion, number: int = NUM_SHOWN + 1
) -> list[InventedTask]:
    """Return the tasks in the model's answer.

    Args:
        number: that of the first one, with which the prompt of Self-Instruct ends.
    """
    text = completion.text
    cut = completion.finish == "length"
    if mode == "magpie":
        return [InventedTask(normalize_instruction(text), None, cut)] if text.strip() else []
    return parse_alpaca(text, cut) if mode == "alpaca" else parse_task_list(text, cut, number)


def parse_task_list(
    text: str, cut: bool = False, number: int = NUM_SHOWN + 1
) -> list[InventedTask]:
    """Return the items of a list.

    A line is an item, with or without a number. The next number of the list, after the end of a
    sentence, begins another item on the same line; other numbers are those of choices within a
    task. The continued list begins in the middle of its first line.

    Args:
        cut: whether to mark the last item as cut. A number without its item leaves it whole.
        number: that of the first item, which the prompt ends with.
    """
    items = []
    instruction = ""
    for line in clean_text(text).splitlines():
        if own := _NUMBER.match(line):
            number = int(own[1])
        for part in _split_at_next_numbers(line, number):
            if instruction := normalize_instruction(_NUMBER.sub("", part, count=1)):
                items.append(InventedTask(instruction))
                number += 1
    return _mark_cut(items, cut and bool(instruction))


def _split_at_next_numbers(line: str, number: int) -> list[str]:
    """Return the items of a line, of which the first has this number. A list that skips numbers
    goes on after them.
    """
    parts: list[str] = []
    start = 0
    found = [(int(match[1]), match) for match in _INSIDE.finditer(line)]
    numbers = {own for own, _ in found}
    for own, match in found:
        skips = own - number - 1
        if skips == 0 or (0 < skips <= MAX_SKIPPED and own + 1 in numbers):
            parts.append(line[start : match.start()])
            start = match.end()
            number = own
    return [*parts, line[start:]]


def parse_alpaca(text: str, cut: bool = False) -> list[InventedTask]:
    """Return whole tasks.

    The names of the parts separate them; numbers and the signs between tasks may be missing or
    wrong.
    """
    parts = _PART.split(f"Instruction: {clean_text(text).lstrip()}")[1:]
    items: list[InventedTask] = []
    fields: dict[str, str] = {}
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        key = "instruction" if name.lower() == "task" else name.lower()
        if key == "instruction" and fields:
            items.append(_make_invented_task(fields))
            fields = {}
        fields.setdefault(key, _BREAK.split(value, maxsplit=1)[0].strip())
    return _mark_cut([*items, _make_invented_task(fields)], cut)


def _make_invented_task(fields: dict[str, str]) -> InventedTask:
    case = None
    if "output" in fields:
        given = fields.get("input", "")
        case = Instance("" if is_no_input(given) else given, fields["output"])
    return InventedTask(normalize_instruction(fields.get("instruction", "")), case)


def _mark_cut(items: list[InventedTask], cut: bool) -> list[InventedTask]:
    """Mark the last item as cut if the answer reached its token limit."""
    if cut and items:
        items[-1] = replace(items[-1], cut=True)
    return items
