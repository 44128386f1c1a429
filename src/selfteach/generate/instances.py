"""Classification or not, and the inputs and outputs of a task, by few-shot lists.

Source: Self-Instruct (arXiv 2212.10560, 2.2: classification tasks get their output first, all
others their input first, because input first biases a classification towards one label; tables 6 to
8).
The worked examples follow its tables: 12 classification tasks against 19 others; input first, with
tasks that need no input among them; output first for classifications, so that every label gets its
case. We wrote all of them; few_shot_tasks.json holds them.
Departs: the classification is read from log p(" label") - log p(" text"), with a threshold that the
seed tasks set. A sampled yes or no is not reliable: small models say yes too often (docs/log/).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfteach.generate.few_shot import Pairs, read_tables
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.materials.tasks import Instance, Task, is_no_input
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import (
    Completion,
    Continuations,
    Message,
    Request,
    SamplingParams,
    make_prompt,
)
from selfteach.text import clean_text

_TABLES = read_tables("few_shot_tasks.json")
CLASSIFIED: tuple[tuple[str, bool], ...] = _TABLES["classified"]
"""(task, whether its output is one of a few labels): 12 yes and 19 no."""
INPUT_FIRST: tuple[tuple[str, Pairs], ...] = _TABLES["input_first"]
"""(task, its cases): an empty input stands for a task that needs none."""
OUTPUT_FIRST: tuple[tuple[str, Pairs], ...] = _TABLES["output_first"]
"""(classification task, its cases as (label, input))."""
MIN_LABELLED = 6
"""Known tasks of each kind that are needed to set the threshold."""
MIN_INPUTS = 3
"""Tasks with inputs that a request for an input shows at least."""
NO_INPUT_START = " none\nOutput:"
_GIVEN = re.compile(
    r"\b(?:given|following|below|above|provided|input|these|this|those|two|each)\b|"
    r"\bthe (?:sentence|text|paragraph|passage|article|word|number|list|question|statement|"
    r"dialogue|conversation|email|review|tweet|story|headline|title|option|sequence|answer|"
    r"description|context|topic|pair|document|essay|poem|code|function|name|recipe|food|keyword|"
    r"equation|problem|time|user|post|message)s?\b",
    re.I,
)
_EXAMPLE = re.compile(r"^\s*example\s*\d*\s*:?\s*$", re.I | re.M)
_FIELD = re.compile(r"^\s*(input|output|class label|label)\s*\d*\s*:[ \t]*", re.I | re.M)


def score_classification(scorer: Scorer, instructions: Sequence[str]) -> list[float | None]:
    """Return log p(" label") - log p(" text") for each instruction, in nats.

    The texts name the kind of its output. None stands for a score that an endpoint lost.
    """
    kinds = [(task, "label" if yes else "text") for task, yes in CLASSIFIED]
    worked = format_examples("Task: {}\nKind of output: a {}\n\n", kinds)
    items = [
        Continuations(f"{worked}Task: {to_one_line(text)}\nKind of output: a", (" label", " text"))
        for text in instructions
    ]
    scores = score_in_order(scorer, items)
    return [score[0].logp - score[1].logp if score else None for score in scores]


def find_threshold(labelled: Sequence[tuple[bool, float]]) -> float:
    """Return the log-odds above which a task counts as a classification; 0 if few are known.

    The number of known tasks above it is the number of classifications according to people. A
    threshold with the best accuracy would find nearly none if classifications are rare (docs/log/).
    """
    yes = sum(label for label, _ in labelled)
    if min(yes, len(labelled) - yes) < MIN_LABELLED:
        return 0.0
    values = sorted((value for _, value in labelled), reverse=True)
    return (values[yes - 1] + values[yes]) / 2


def has_input_reference(instruction: str) -> bool:
    """Return whether an instruction refers to an input: "the following", "this text".

    This is a rule for English, right for 148 of Self-Instruct's 175 seeds (docs/log/). The result
    is True for a text with a letter beyond ASCII.
    """
    has_foreign_letter = any(char.isalpha() and not char.isascii() for char in instruction)
    return has_foreign_letter or bool(_GIVEN.search(instruction))


def make_instance_request(
    instruction: str,
    classification: bool,
    sampling: SamplingParams,
    seed: int,
    *,
    bare: bool = False,
) -> Request:
    """Return the request for instances of one task, by a list of worked examples.

    Args:
        bare: whether the first instance has no input.
    """
    if classification:
        worked = [
            (name, format_examples("Class label: {}\nInput: {}\n", cases).rstrip("\n"))
            for name, cases in OUTPUT_FIRST
        ]
        head = "Examples for every label of a task.\n\n"
        start = "Class label:"
    else:
        worked = []
        for name, cases in INPUT_FIRST:
            lines = [
                f"Example {n}\nInput: {given or 'none'}\nOutput: {output}"
                for n, (given, output) in enumerate(cases, 1)
            ]
            worked.append((name, "\n".join(lines)))
        head = "Examples for tasks. Where a task needs no input, the input is none.\n\n"
        start = f"Example 1\nInput:{NO_INPUT_START if bare else ''}"
    listing = format_examples("Task: {}\n{}\n\n", worked)
    prompt = f"{head}{listing}Task: {to_one_line(instruction)}\n{start}"
    return Request("instances", prompt, sampling, 0, seed)


def make_input_request(
    instruction: str, worked: Sequence[Task], sampling: SamplingParams, seed: int
) -> Request:
    """Return the request for one input of a task, by a list of people's tasks with inputs.

    If those are few, our own examples stand first.
    """
    own = [(task, cases[0][0]) for task, cases in INPUT_FIRST if cases[0][0]]
    own = own[: max(0, MIN_INPUTS - len(worked))]
    given = [(to_one_line(task.instruction), task.instances[0].input) for task in worked]
    lines = format_examples("Task: {}\nInput: {}\n\n", own + given)
    head = "Tasks, each with an input for it.\n\n"
    prompt = f"{head}{lines}Task: {to_one_line(instruction)}\nInput:"
    return Request("instances", prompt, sampling, 0, seed)


def parse_input(completion: Completion) -> str:
    """Return the input in the model's answer, or "" if the answer is that there is none."""
    text = clean_text(completion.text).strip()
    return "" if is_no_input(text) else text


def make_answer_request(
    instruction: str,
    given: str,
    worked: Sequence[Task],
    sampling: SamplingParams,
    seed: int,
    number: int = 0,
) -> Request:
    """Return the request for an output in a conversation; people's tasks are earlier turns.

    Args:
        number: tells several answers apart.
    """
    turns: list[Message] = []
    for task in worked:
        first = task.instances[0]
        turns += [
            *make_prompt(_format_task(task.instruction, first.input)),
            Message("assistant", first.output),
        ]
    prompt = (*turns, *make_prompt(_format_task(instruction, given)))
    return Request("instances", prompt, sampling, number, seed)


def _format_task(instruction: str, given: str) -> str:
    return f"{instruction}\n\n{given}" if given else instruction


def parse_instances(
    completion: Completion, classification: bool, *, bare: bool = False
) -> list[Instance]:
    """Return the instances in the model's answer, without one in which a cut answer ends."""
    begun = "Class label:" if classification else f"Input:{NO_INPUT_START if bare else ''}"
    parts = _FIELD.split(_EXAMPLE.sub("", clean_text(f"{begun} {completion.text.lstrip(' ')}")))[1:]
    fields = [
        ("label" if "label" in name.lower() else name.lower(), value.strip())
        for name, value in zip(parts[::2], parts[1::2], strict=True)
    ]
    read_fields = _parse_output_first if classification else _parse_input_first
    found = read_fields(fields)
    is_torn = completion.finish == "length" and read_fields(fields[:-1]) != found
    return found[:-1] if is_torn else found


def _parse_input_first(fields: Sequence[tuple[str, str]]) -> list[Instance]:
    """Return instances: an output closes one, and the input before it may be missing."""
    found = []
    given = ""
    for name, value in fields:
        if name == "input":
            given = "" if is_no_input(value) else value
        else:
            found.append(Instance(given, value))
            given = ""
    return found


def _parse_output_first(fields: Sequence[tuple[str, str]]) -> list[Instance]:
    """Return instances: a label opens one, and its input closes it.

    If no label has an input, each label is an instance.
    """
    found: list[Instance] = []
    labels: list[str] = []
    for name, value in fields:
        if name == "input" and labels:
            found.append(Instance("" if is_no_input(value) else value, labels.pop()))
            labels = []
        elif name != "input":
            labels.append(value)
    return found or [Instance("", label) for label in labels]
