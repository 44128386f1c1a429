"""Read tasks: an instruction with worked instances, in common forms.

A row is one of these; other keys are ignored, but a row whose `label` is false is refused: it is
KTO's bad answer.
  instruction, instances: [{input, output}], is_classification     Self-Instruct's seed_tasks.jsonl
  instruction, input, output                                       Alpaca
  conversations: [{from, value}]                                   ShareGPT; its first exchange
  messages: [{role, content}]                                      the first exchange
  prompt, completion                                               texts, or lists of messages

Source: Self-Instruct (arXiv 2212.10560), data/seed_tasks.jsonl of yizhongw/self-instruct, for the
form. The tasks in the folder of this file are our own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from selfteach.errors import DataError
from selfteach.files import BadLine
from selfteach.materials.row_forms import (
    add_leading_turns,
    drop_unfilled,
    find_unweighted,
    read_conversation,
    refuse_bad_label,
)
from selfteach.materials.rows import convert_rows, read_required_text, read_text, suggest_form
from selfteach.records import JsonMapping, JsonObject, Message, digest, parse_messages
from selfteach.run.ledger import Outcome
from selfteach.text import clean_text

OWN_SEEDS = Path(__file__).with_name("seed_tasks.jsonl")
"""The tasks that come with the package."""
KEYS = (
    "instruction",
    "instances",
    "input",
    "output",
    "conversations",
    "messages",
    "prompt",
    "completion",
    "is_classification",
    "context",
    "response",
)
FORMS = (
    "instruction with instances; instruction, input, output; instruction, context, response; "
    "conversations; messages; or prompt, completion"
)
OTHER_NAMES = {"context": "input", "response": "output"}
"""What Dolly's rows call an input and an output."""
NO_INPUT = frozenset({"<noinput>", "<no input>", "noinput", "no input", "none", "n/a"})
"""Texts that mean "this task needs no input": Alpaca's word, and the words that models write."""
ALPACA_NO_INPUT = "<noinput>"
"""The one of them that no person means as a text to work on."""
MAX_SYSTEM_SHARE = 0.25
MIN_SHARING_ROWS = 3
"""A system message of more rows than this, and of a greater share of the conversations, is no
instruction. Eight tasks are needed, so none has a fourth of the rows.
"""


@dataclass(frozen=True, slots=True)
class Instance:
    """Hold one worked case of a task. The input is "" if the instruction needs none."""

    input: str
    output: str

    @property
    def text(self) -> str:
        """Return both as one text, to compare instances."""
        return f"{self.input}\n{self.output}".strip()


@dataclass(frozen=True, slots=True)
class Task:
    """Hold an instruction with its instances.

    `classification` tells whether the output is one of a few labels; None if it is not known.
    """

    where: str
    instruction: str
    instances: tuple[Instance, ...] = ()
    classification: bool | None = None

    @property
    def id(self) -> str:
        """Return the hash of the instruction."""
        return digest(["task", self.instruction])

    def to_json(self) -> JsonObject:
        """Return the row in Self-Instruct's form."""
        cases = [{"input": case.input, "output": case.output} for case in self.instances]
        return {
            "id": self.id,
            "instruction": self.instruction,
            "instances": cases,
            "is_classification": self.classification,
        }


@dataclass
class Tasks:
    """Hold the material of a person: `seeds` to invent from, and `test` for the exam.

    `outcomes` has the outcome of every row by its place.
    """

    seeds: list[Task] = field(default_factory=list)
    test: list[Task] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    cleaned_rows: list[BadLine] = field(default_factory=list)


def read_tasks(path: Path = OWN_SEEDS, *, skip: bool = False, max_bad_share: float = 0.1) -> Tasks:
    """Read a file of tasks. Instances of the same instruction become one task.

    Args:
        skip: leave bad rows out if their share is at most `max_bad_share`; they have outcomes.

    Raises:
        DataError: a row is bad and not `skip`, too many rows are bad, or no row is left.
    """
    found = Tasks()
    rows, found.outcomes = convert_rows(
        path, read_row, found.cleaned_rows, skip=skip, max_bad_share=max_bad_share, forms=FORMS
    )
    systems = SharedSystems()
    for row in rows:
        systems.add(row)
        found.cleaned_rows += row.describe_no_inputs()
    shared = systems.find()
    found.cleaned_rows += shared.values()
    read = [row.choose_task(shared) for row in rows]
    found.seeds = list(_join_tasks(read, found.outcomes))
    return found


@dataclass(frozen=True, slots=True)
class ReadRow:
    """Hold the task of a row; `bare` is the same without a system message, if there is one."""

    task: Task
    bare: Task | None = None
    is_exchange: bool = False
    no_inputs: tuple[str, ...] = ()
    """Inputs such as "None", which are taken for none."""

    def choose_task(self, shared: Container[str]) -> Task:
        """Return the task, without its system message if that is a shared one."""
        return self.bare if self.bare and self.task.instruction in shared else self.task

    def describe_no_inputs(self) -> list[BadLine]:
        """Return a note for each input that is taken for none."""
        return [
            BadLine(self.task.where, f'its input "{text}" is taken for none')
            for text in self.no_inputs
        ]


class SharedSystems:
    """Find the system messages that many rows share ("You are a helpful assistant."): they are no
    instruction.
    """

    def __init__(self) -> None:
        """Begin without rows."""
        self._exchanges = 0
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, row: ReadRow) -> None:
        """Count a row."""
        self._exchanges += row.is_exchange
        if row.bare:
            system = row.task.instruction
            self._counts[system] += 1
            self._first.setdefault(system, row.task.where)

    def find(self) -> dict[str, BadLine]:
        """Return the shared ones, each with a note that names its first row."""
        least = max(MIN_SHARING_ROWS, MAX_SYSTEM_SHARE * self._exchanges)
        found = {}
        for system, count in self._counts.items():
            if count > least:
                fault = f'{count} rows share the system message "{system[:60]}", which is no '
                fault += "instruction: their questions are"
                found[system] = BadLine(self._first[system], fault)
        return found


def _join_tasks(read: Sequence[Task], outcomes: dict[str, Outcome]) -> Iterator[Task]:
    """Yield one task for each instruction, with all its different instances."""
    groups: dict[str, list[Task]] = {}
    for task in read:
        groups.setdefault(task.instruction, []).append(task)
    for group in groups.values():
        first = group[0]
        cases: dict[Instance, None] = {}
        for task in group:
            body = {"instruction": task.instruction}
            outcome = Outcome(task.where, "accepted", "", body)
            if task is first:
                outcome = Outcome(task.where, "accepted")
            elif cases.keys() >= set(task.instances):
                outcome = Outcome(task.where, "dropped", "repeats another row", body)
            outcomes[task.where] = outcome
            cases |= dict.fromkeys(task.instances)
        labels = (task.classification for task in group)
        label = next((label for label in labels if label is not None), None)
        yield Task(first.where, first.instruction, tuple(cases), label)


def read_task(row: JsonMapping, where: str, *, exact: bool = False) -> Task:
    """Read one row. A system message is the instruction, and the question its input.

    Args:
        exact: keep inputs and outputs as they are, with the space around them and with words such
            as "None"; only Alpaca's `<noinput>` is no input.

    Raises:
        DataError: the row has no known form, or a part of it is empty.
    """
    return read_row(row, where, exact=exact).task


def read_row(given: JsonMapping, where: str, *, exact: bool = False) -> ReadRow:
    """Read one row as `read_task` does, with what a reader of many rows may want of it.

    Raises:
        DataError: as there.
    """
    row = drop_unfilled(given)
    refuse_bad_label(row, where)
    if "instruction" in row or "instances" in row:
        row = _use_own_names(row)
        instruction = read_required_text(row, "instruction", where)
        cases: list[JsonMapping] = [row]
        if "instances" in row:
            if row.get("output"):
                raise DataError(
                    'it has "instances" and an "output" beside them.',
                    where=where,
                    cure="Write all cases into instances.",
                )
            cases = list(_list_cases(row["instances"], where))
        instances = tuple(_read_instance(case, where, exact) for case in cases)
        given_none = [str(case.get("input")) for case in cases if not exact and _says_none(case)]
        task = Task(where, instruction, instances, _read_flag(row, where))
        return ReadRow(task, no_inputs=tuple(given_none))
    if "conversations" in row or "messages" in row:
        return _read_exchange(read_conversation(row, where), where, find_unweighted(row))
    if "prompt" in row and "completion" in row:
        turns = parse_messages(row["prompt"], where)
        turns = add_leading_turns(turns, row["completion"], "completion", where)
        answer = parse_messages(row["completion"], where)[-1]
        return _read_exchange([*turns, Message("assistant", answer.content)], where)
    raise DataError("holds no task.", where=where, cure=suggest_form(row, KEYS, FORMS))


def _read_exchange(
    turns: Sequence[Message], where: str, unweighted: Collection[int] = ()
) -> ReadRow:
    """Read the first question with its answer, but for answers with the weight 0."""
    system = next((turn.content.strip() for turn in turns if turn.role == "system"), "")
    question = answer = ""
    for place, (turn, after) in enumerate(pairwise(turns), 1):
        if turn.role == "user" and place not in unweighted:
            question = turn.content.strip()
            answer = after.content.strip() if after.role == "assistant" else ""
            break
    if not question or not answer:
        raise DataError("has no question that is followed by its answer.", where=where)
    bare = Task(where, question, (Instance("", answer),))
    if system:
        task = Task(where, system, (Instance(question, answer),))
        return ReadRow(task, bare, is_exchange=True)
    return ReadRow(bare, is_exchange=True)


def _use_own_names(row: JsonObject) -> JsonObject:
    """Return a row whose input and output have these names."""
    return {
        OTHER_NAMES[key] if key in OTHER_NAMES and OTHER_NAMES[key] not in row else key: value
        for key, value in row.items()
    }


def _says_none(case: JsonMapping) -> bool:
    """Return whether a word of an input is taken for none, and it is not Alpaca's own."""
    text = case.get("input")
    is_text = isinstance(text, str) and text.strip().lower() != ALPACA_NO_INPUT
    return is_text and is_no_input(str(text))


def _list_cases(value: Any, where: str) -> Iterator[JsonMapping]:
    if not isinstance(value, list) or not value:
        raise DataError(
            '"instances" is no list of cases.',
            where=where,
            cure='Write [{"input": "...", "output": "..."}].',
        )
    for case in value:
        if not isinstance(case, dict):
            raise DataError(
                '"instances" holds something other than {"input", "output"}.', where=where
            )
        yield case


def is_no_input(text: str) -> bool:
    """Tell whether a text means that there is no input."""
    return text.strip().strip(".").lower() in NO_INPUT


def _read_instance(row: JsonMapping, where: str, exact: bool) -> Instance:
    text = read_text(row, "input", where) or ""
    output = read_required_text(row, "output", where)
    if exact:
        has_input = text and text.lower() != ALPACA_NO_INPUT
        given = clean_text(row["input"]) if has_input else ""
        return Instance(given, clean_text(row["output"]))
    return Instance("" if is_no_input(text) else text, output)


def _read_flag(row: JsonMapping, where: str) -> bool | None:
    value = row.get("is_classification")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and not value.strip():
        return None
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise DataError('"is_classification" is neither true nor false.', where=where)


MAX_INPUTS = 4
"""So many inputs of one task an exam asks, so that no task decides it."""


def list_inputs_to_ask(task: Task) -> list[str]:
    """Return the inputs of a task that an exam may ask, each once. An instruction without its input
    is one only where the task has no input.
    """
    inputs = list(dict.fromkeys(own.input for own in task.instances))
    return [text for text in inputs if text] or inputs


def is_bare_somewhere(task: Task) -> bool:
    """Return whether a task has inputs, and its instruction stands alone as well."""
    inputs = [own.input for own in task.instances]
    return "" in inputs and any(inputs)


def count_questions(tasks: Iterable[Task], most: int) -> int:
    """Return how many questions an exam asks about tasks, at most `most`."""
    return min(sum(min(len(list_inputs_to_ask(task)), MAX_INPUTS) for task in tasks), most)


def list_classifications(tasks: Iterable[Task]) -> list[tuple[str, bool]]:
    """Return (instruction, whether it is a classification) of the tasks that have this label."""
    return [
        (task.instruction, task.classification) for task in tasks if task.classification is not None
    ]
