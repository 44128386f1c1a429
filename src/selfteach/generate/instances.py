"""Is a task a classification? And what are its inputs and outputs? Asked by few-shot lists, which
small models go on with.

Source: Self-Instruct (arXiv 2212.10560, 2.2: classification tasks get their output first, all
others their input first, because input first biases a classification towards one label; tables 6 to
8).
Departs: the classification is read from log p(" label") - log p(" text"), which has a threshold
that the seed tasks set, not from a drawn yes or no (which small models say too often: docs/log/).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfteach.generate.few_shot_tasks import CLASSIFIED, INPUT_FIRST, OUTPUT_FIRST
from selfteach.generate.invent import to_one_line
from selfteach.materials.tasks import Instance, Task, is_no_input
from selfteach.models import Scorer
from selfteach.records import (
    Completion,
    Continuations,
    Message,
    Request,
    SamplingParams,
    make_prompt,
)
from selfteach.text import clean_text

MIN_LABELLED = 6
"""So many tasks of either kind must be known before they may set the threshold."""
MIN_INPUTS = 3
"""So many tasks with inputs are shown at least, where an input is asked for."""
NO_INPUT_START = " none\nOutput:"
_GIVEN = re.compile(
    r"\b(?:given|following|below|above|provided|input|these|this|those|two|each)\b|\bthe (?:sentence|text|paragraph|passage|article|word|"
    r"number|list|question|statement|dialogue|conversation|email|review|tweet|story|headline|title|option|sequence|answer|description|"
    r"context|topic|pair|document|essay|poem|code|function|name|recipe|food|keyword|equation|problem|time|user|post|message)s?\b",
    re.I,
)
_EXAMPLE = re.compile(r"^\s*example\s*\d*\s*:?\s*$", re.I | re.M)
_FIELD = re.compile(r"^\s*(input|output|class label|label)\s*\d*\s*:[ \t]*", re.I | re.M)


def score_classification(scorer: Scorer, instructions: Sequence[str]) -> list[float | None]:
    """For each instruction log p(" label") - log p(" text"), in nats, as the kind of its output;
    None where an endpoint lost the score.
    """
    worked = "".join(
        f"Task: {task}\nKind of output: a {'label' if yes else 'text'}\n\n"
        for task, yes in CLASSIFIED
    )
    items = [
        Continuations(f"{worked}Task: {to_one_line(text)}\nKind of output: a", (" label", " text"))
        for text in instructions
    ]
    found = {id: yes.logp - no.logp for id, (yes, no) in scorer.stream_scores(items)}
    return [found.get(item.id(scorer.fingerprint)) for item in items]


def find_threshold(labelled: Sequence[tuple[bool, float]]) -> float:
    """Above which log-odds a task counts as a classification: as many of the known ones as people
    say are some; 0 where too few are known.

    Where most are no classifications, the threshold that is right most often says that of nearly
    all (docs/log/).
    """
    yes = sum(label for label, _ in labelled)
    if min(yes, len(labelled) - yes) < MIN_LABELLED:
        return 0.0
    values = sorted((value for _, value in labelled), reverse=True)
    return (values[yes - 1] + values[yes]) / 2


def has_input_reference(instruction: str) -> bool:
    """Whether the words of an instruction point at something that is given beside it: "the
    following", "the sentence", "this text".

    A rule for English, right for 148 of Self-Instruct's 175 seeds (docs/log/). A text with a
    letter beyond ASCII is not judged: True.
    """
    return not instruction.isascii() or bool(_GIVEN.search(instruction))


def make_instance_request(
    instruction: str,
    classification: bool,
    sampling: SamplingParams,
    seed: int,
    *,
    bare: bool = False,
) -> Request:
    """The request for instances of one task, by a list of worked examples. `bare`: the first one
    has no input.
    """
    task = f"Task: {to_one_line(instruction)}\n"
    if classification:
        worked = "".join(
            f"Task: {name}\n{_format_labels(cases)}\n\n" for name, cases in OUTPUT_FIRST
        )
        return Request(
            "instances",
            f"Examples for every label of a task.\n\n{worked}{task}Class label:",
            sampling,
            0,
            seed,
        )
    worked = "".join(f"Task: {name}\n{_format_cases(cases)}\n\n" for name, cases in INPUT_FIRST)
    head = "Examples for tasks. Where a task needs no input, the input is none.\n\n"
    return Request(
        "instances",
        f"{head}{worked}{task}Example 1\nInput:{NO_INPUT_START if bare else ''}",
        sampling,
        0,
        seed,
    )


def make_input_request(
    instruction: str, worked: Sequence[Task], sampling: SamplingParams, seed: int
) -> Request:
    """The request for one input of a task, by a list of people's tasks with theirs; our own stand
    first where those are few.
    """
    pairs = [(task, cases[0][0]) for task, cases in INPUT_FIRST if cases[0][0]][
        : max(0, MIN_INPUTS - len(worked))
    ]
    pairs += [(task.instruction, task.instances[0].input) for task in worked]
    lines = "".join(f"Task: {to_one_line(task)}\nInput: {given}\n\n" for task, given in pairs)
    return Request(
        "instances",
        f"Tasks, each with an input for it.\n\n{lines}Task: {to_one_line(instruction)}\nInput:",
        sampling,
        0,
        seed,
    )


def parse_input(completion: Completion) -> str:
    """The input in what the model wrote, or "" where it says that there is none."""
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
    """The request for an output in a conversation: worked tasks of people are its earlier turns.
    `number`: of several answers.
    """
    turns: list[Message] = []
    for task in worked:
        first = task.instances[0]
        turns += [
            *make_prompt(_format_task(task.instruction, first.input)),
            Message("assistant", first.output),
        ]
    return Request(
        "instances",
        (*turns, *make_prompt(_format_task(instruction, given))),
        sampling,
        number,
        seed,
    )


def _format_task(instruction: str, given: str) -> str:
    return f"{instruction}\n\n{given}" if given else instruction


def _format_labels(cases: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"Class label: {label}\nInput: {text}" for label, text in cases)


def _format_cases(cases: Sequence[tuple[str, str]]) -> str:
    return "\n".join(
        f"Example {n}\nInput: {given or 'none'}\nOutput: {output}"
        for n, (given, output) in enumerate(cases, 1)
    )


def parse_instances(
    completion: Completion, classification: bool, *, bare: bool = False
) -> list[Instance]:
    """The instances in what the model wrote. Of an answer that was cut the last one is left out."""
    begun = "Class label:" if classification else f"Input:{NO_INPUT_START if bare else ''}"
    parts = _FIELD.split(_EXAMPLE.sub("", clean_text(f"{begun} {completion.text.lstrip(' ')}")))[1:]
    fields = [
        ("label" if "label" in name.lower() else name.lower(), value.strip())
        for name, value in zip(parts[::2], parts[1::2], strict=True)
    ]
    found = list(_parse_output_first(fields) if classification else _parse_input_first(fields))
    return found[:-1] if completion.finish == "length" else found


def _parse_input_first(fields: Sequence[tuple[str, str]]) -> list[Instance]:
    """An output closes an instance; the input before it may be missing."""
    found, given = [], ""
    for name, value in fields:
        if name == "input":
            given = "" if is_no_input(value) else value
        else:
            found.append(Instance(given, value))
            given = ""
    return found


def _parse_output_first(fields: Sequence[tuple[str, str]]) -> list[Instance]:
    """A label opens an instance, which ends with its input; a label without one is an instance
    where no label has an input.
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
